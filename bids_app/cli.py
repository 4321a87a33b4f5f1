"""The command line of the BIDS-App: from arguments to Settings."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from bids_app import __version__
from bids_app.border import at_the_border
from bids_app.settings import GROUPS, LEVELS, SettingsError
from bids_app.settings_fields import OPTIONS, element_type, is_list
from bids_app.settings_input import make_settings, presets

DESCRIPTION = (
    "Find which groups of a language model's neurons behave like which functional brain networks, "
    "from a BIDS data set of people listening to stories."
)
EXIT_BAD_SETTINGS = 2


def make_parser() -> argparse.ArgumentParser:
    """The parser; its result holds only options that were given."""
    parser = argparse.ArgumentParser(
        prog="neurons2networks", description=DESCRIPTION, argument_default=argparse.SUPPRESS, allow_abbrev=False
    )
    parser.add_argument("bids_dir", metavar="BIDS_DIR", help="The data set.")
    parser.add_argument("out_dir", metavar="OUT_DIR", help="Where the results go.")
    parser.add_argument(
        "level",
        metavar="{stimulus,participant,group}",
        choices=LEVELS,
        help="stimulus: activations and dictionary; participant: maps of each participant (after the stimulus "
        "level if needed); group: statistics over participants, from OUT_DIR only.",
    )
    add_options(parser)
    parser.add_argument("--version", action="version", version=f"neurons2networks {__version__}")
    return parser


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add every setting that is not positional, in its group."""
    groups = {key: parser.add_argument_group(title) for key, title in GROUPS.items()}
    for option in OPTIONS:
        _add_option(groups[option.metadata["group"]], option.name, option.default, option.metadata)


def _add_option(group: argparse._ArgumentGroup, name: str, default: object, metadata: Mapping[str, Any]) -> None:
    flags = [metadata["short"]] if metadata["short"] else []
    flags += ["--" + flag.replace("_", "-") for flag in (name, *metadata["aliases"])]
    help_text = str(metadata["help"])
    if name == "verbose":
        group.add_argument(*flags, dest=name, action="count", help=help_text)
        return
    if element_type(name) is bool:
        group.add_argument(*flags, dest=name, action="store_true", help=help_text)
        return
    if name == "preset":
        help_text += f" One of: {', '.join(presets())}."
    if metadata["choices"]:
        help_text += f" One of: {', '.join(metadata['choices'])}."
    if default not in (None, ()) and "default" not in help_text:
        shown = " ".join(f"{d:g}" if isinstance(d, float) else str(d) for d in _as_tuple(default))
        help_text += f" Default: {shown}."
    group.add_argument(
        *flags,
        dest=name,
        metavar=metadata["metavar"] or name.upper(),
        nargs="+" if is_list(name) else None,
        help=help_text.replace("%", "%%"),
    )


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def normalise(argv: Sequence[str]) -> list[str]:
    """Accept underscores in option names: `--participant_label` is `--participant-label`.

    >>> normalise(["--task_id", "my_task", "--model=a_b"])
    ['--task-id', 'my_task', '--model=a_b']
    """
    return [re.sub(r"^--[\w-]+", lambda m: m[0].replace("_", "-"), word) for word in argv]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the app; returns the exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    return at_the_border("neurons2networks", lambda: _main(words), words, is_program=argv is None)


def _main(argv: Sequence[str]) -> int:
    arguments = vars(make_parser().parse_intermixed_args(normalise(argv)))
    try:
        settings = make_settings(arguments)
    except SettingsError as error:
        print(f"neurons2networks: {error}", file=sys.stderr)
        return EXIT_BAD_SETTINGS
    # Read when torch is loaded. Threads that spin while waiting cost minutes on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    from bids_app.home import keep_caches_in

    keep_caches_in(settings.work / "cache")
    from bids_app.run.run import run  # slow to import: only when something is computed

    return run(settings)


if __name__ == "__main__":
    raise SystemExit(main())
