"""The table of a training: both losses, their share and the perplexity, a row each time the weight is set."""

from __future__ import annotations

import logging
import re
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from bids_app.atomic import write_text
from bids_app.text_files import read_rows as read_table

log = logging.getLogger("neurons2networks")
NAME = "progress.tsv"
_STEP = re.compile("[0-9]{1,12}")


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes
    ----------
    step : steps done
    loss_lm, loss_high : mean losses of the steps since the last row, per token and per target
    weight : α′ in these steps
    share : share of the loss of high level in their sum
    perplexity, held_out_high : of windows that are not trained on
    learning_rate : of the last step
    negatives : least number of negatives in a step
    """

    step: int
    loss_lm: float
    loss_high: float
    weight: float
    share: float
    perplexity: float
    held_out_high: float
    learning_rate: float
    negatives: int


COLUMNS = tuple(field.name for field in fields(Row))


def read_rows(folder: Path, until: int) -> list[tuple[str, ...]]:
    """Rows of the table up to a step; later ones belong to steps that are taken again, damaged ones are left out.

    Raises FileError if the file is no table.
    """
    path = folder / NAME
    rows = read_table(path)[1:] if path.is_file() else []
    return [tuple(row) for row in rows if len(row) == len(COLUMNS) and _STEP.fullmatch(row[0]) and int(row[0]) <= until]


def write_rows(folder: Path, rows: list[tuple[str, ...]]) -> None:
    """Write the whole table, complete or not at all."""
    lines = ["\t".join(row) for row in (COLUMNS, *rows)]
    write_text(folder / NAME, "\n".join(lines) + "\n")


def as_text(row: Row) -> tuple[str, ...]:
    """A row as it is written; numbers are read back as they were.

    >>> as_text(Row(1, 0.1, 2.0, 0.5, 0.5, 3.0, 2.0, 1e-05, 7))[:3]
    ('1', '0.1', '2.0')
    """
    return tuple(map(str, astuple(row)))


def log_row(title: str, row: Row, n_steps: int) -> None:
    """Tell the progress in one line."""
    log.info(
        "%s: step %d of %d, loss of words %.4f, of high level %.4f, share %.3f, held-out perplexity %.2f",
        *(title, row.step, n_steps, row.loss_lm, row.loss_high, row.share, row.perplexity),
    )
