"""The arguments of `n2n figure`."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bids_app.report.single import Request

_FORMATS = ("svg", "png", "pdf")
_SIDES = ("lateral", "medial", "dorsal", "ventral")
_ENTITIES = {"ses": "session_label", "task": "task_id", "run": "run_id", "space": "space", "model": "model"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments; without --desc, what can be drawn is listed."""
    add = parser.add_argument
    add("out_dir", metavar="OUT_DIR", type=Path, help="The results.")
    add("--participant-label", metavar="LABEL", help="Whose results. Default: those of the group.")
    add("--desc", metavar="DESC", help="Entity desc of the map or table. Default: list what can be drawn.")
    add("--stat", default="", metavar="STAT", help="Entity stat of the map. Default: the score, or else the first.")
    add("--map", nargs="+", default=[], metavar="NAME", help="Names of maps in the file. Default: the first 12.")
    add("--curve", action="store_true", help="Draw a curve of the table instead of a map.")
    add("--region", default="all", metavar="NAME", help="Region of the curve. Default: all, everywhere.")
    add("--session-label", metavar="LABEL", help="If there are several.")
    add("--task-id", metavar="LABEL", help="If there are several.")
    add("--run-id", metavar="LABEL", help="If there are several.")
    add("--space", metavar="SPACE", help="If there are several.")
    add("--model", metavar="MODEL", help="If there are several, as in the names of the files.")
    add("--view", nargs="+", default=[], choices=_SIDES, help="Sides of the cortex. Default: lateral and medial.")
    threshold = "Smallest absolute value that is drawn; of p and q, the largest. Default: none."
    add("--threshold", type=_positive, metavar="VALUE", help=threshold)
    maximum = "End of the colour scale; of p and q, of -log10. Default: by the data."
    add("--maximum", type=_positive, metavar="VALUE", help=maximum)
    add("--significant", action="store_true", help="Draw only where q < 0.05.")
    add("--format", choices=_FORMATS, help="Default: that of --to, or else svg.")
    add("--to", type=Path, metavar="FILE", help="Default: the name of the result, in the current folder.")


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return value


def request_of(arguments: argparse.Namespace) -> Request:
    """The figure that was asked for."""
    from bids_app.report.single import Request

    given = {key: getattr(arguments, name) for key, name in _ENTITIES.items()}
    label = arguments.participant_label
    return Request(
        out_dir=arguments.out_dir.expanduser(),
        participant=None if label is None else label.removeprefix("sub-"),
        desc=arguments.desc,
        stat=arguments.stat,
        maps=tuple(arguments.map),
        entities={key: value for key, value in given.items() if value is not None},
        curve=arguments.curve,
        region=arguments.region,
        views=tuple(arguments.view),
        threshold=arguments.threshold,
        maximum=arguments.maximum,
        significant=arguments.significant,
    )


def ending_of(arguments: argparse.Namespace) -> str:
    """The format of the file. Raises ValueError where --format and --to differ, or --to has another ending."""
    if arguments.to is None:
        return str(arguments.format or "svg")
    ending: str = arguments.to.suffix.removeprefix(".").lower()
    if ending not in _FORMATS:
        raise ValueError(f"--to {arguments.to}: the name must end in .{', .'.join(_FORMATS)}")
    if arguments.format not in (None, ending):
        raise ValueError(f"--format {arguments.format} and --to {arguments.to} differ; give one of them")
    return ending


def draw(arguments: argparse.Namespace) -> None:
    """Write the figure and print its path and caption, or print what can be drawn."""
    from bids_app.report.figures import save
    from bids_app.report.single import draw_single

    if arguments.desc is None:
        print("\n".join(_listed(arguments)))
        return
    request = request_of(arguments)
    ending = ending_of(arguments)
    figure, name, caption = draw_single(request)
    target = (arguments.to or Path(f"{name}.{ending}")).expanduser()
    if not target.parent.is_dir():
        raise ValueError(f"--to {arguments.to}: the folder {target.parent} is not there; make it, or choose another")
    print(f"{save(figure, target)}\n{caption}")


def _listed(arguments: argparse.Namespace) -> list[str]:
    from bids_app.report.single import contents

    label = arguments.participant_label
    lines = contents(arguments.out_dir.expanduser(), None if label is None else label.removeprefix("sub-"))
    if not lines:
        whose = "the group" if label is None else f"participant {label}"
        raise ValueError(f"{arguments.out_dir} holds no results of {whose}; run that level first, or check the path")
    return lines
