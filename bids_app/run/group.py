"""The group level, from results in OUT_DIR: statistics over participants, links of the group maps."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

from bids_app.analyses.collection import collections
from bids_app.analyses.comparison import Row, write_model_comparison
from bids_app.analyses.record import Summary
from bids_app.analyses.registry import ANALYSES
from bids_app.bids.outputs import each_map
from bids_app.machine.agreement import NoResultsError, check_outputs, is_superseded, note_group
from bids_app.machine.origins import check_origins
from bids_app.settings import Settings
from bids_app.stats.blocks import Apply, here

log = logging.getLogger("neurons2networks")


def run_group(settings: Settings, name: str, apply: Apply = here) -> None:
    """Summarise the results of the participants in OUT_DIR; `name` is for messages.

    `apply` is the engine's `map`, by which statistics over participants are computed from blocks of targets.
    """
    out_dir = settings.out_dir
    if next(each_map(out_dir), None) is None:
        raise NoResultsError(f"{out_dir} holds no maps of participants: run the participant level first")
    check_outputs(out_dir)
    counted = _counted(settings)
    _check_origins(settings, counted)
    rows: list[Row] = []
    for summary in _summaries():
        for desc in _matching_descs(summary, out_dir):
            found = collections(out_dir, desc, summary.stat, counted, settings.work, apply, keeps=summary.keeps)
            for collection in found:
                log.info("%s: %s", name, collection.title)
                rows += summary.write(collection, settings)
                collection.close()
    for analysis in ANALYSES:
        analysis.across_models(out_dir)
    write_model_comparison(out_dir, rows, counted)
    note_group(out_dir)


def _check_origins(settings: Settings, counted: frozenset[str] | None) -> None:
    """Raise MixtureError if maps to include are of another data set than BIDS_DIR, or of nobody in it."""
    outputs = (
        output
        for output in each_map(settings.out_dir)
        if (counted is None or output.participant in counted) and not is_superseded(settings.out_dir, output)
    )
    check_origins(settings.out_dir, outputs, settings.bids_dir, settings.derivatives, settings.participant_label)


def _counted(settings: Settings) -> frozenset[str] | None:
    """Participants to include; None without selecting options. Raises NoResultsError if nobody is left."""
    if not (settings.participant_label or settings.exclude_participant_label):
        return None
    there = {str(output.participant) for output in each_map(settings.out_dir)}
    absent = sorted(set(settings.participant_label) - there)
    counted = frozenset(
        set(settings.participant_label or there) - set(settings.exclude_participant_label) - set(absent)
    )
    if absent or not counted:
        listed = f"of participant {', '.join(absent)}" if absent else "of a participant that is left"
        raise NoResultsError(
            f"{settings.out_dir} holds no maps {listed}; it has {', '.join(sorted(there))}: check --participant-label "
            "and --exclude-participant-label, or run the participant level first"
        )
    if left := sorted(there - counted):
        log.info("left out, as requested: %s", ", ".join(left))
    return counted


def _summaries() -> Iterator[Summary]:
    """Summaries of all analyses: OUT_DIR determines what is summarised, not the options of this run."""
    for analysis in ANALYSES:
        yield from analysis.summaries()


def _matching_descs(summary: Summary, out_dir: Path) -> list[str]:
    """The `desc` in OUT_DIR that a summary matches."""
    descs = {output.entities["desc"] for output in each_map(out_dir, stat=summary.stat)}
    return sorted(name for name in descs if re.fullmatch(summary.desc, name))
