"""Check that the participants' results in OUT_DIR are intact and consistent, before the group level uses them."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path

from bids_app.bids.derivatives import read_sidecar, write_json
from bids_app.bids.outputs import OutputMap, each_map
from bids_app.checksums import describe_file, find_damage, sealed, sha256_once
from bids_app.machine.claims import common_settings
from bids_app.machine.completion import FOLDER, any_data, read_marker
from bids_app.machine.marker_facts import facts_of
from bids_app.wording import listed

log = logging.getLogger("neurons2networks")
_GROUP = FOLDER / "group_outputs.json"


class NoResultsError(ValueError):
    """OUT_DIR lacks the inputs of the group level."""


class MixtureError(ValueError):
    """The participants' results are inconsistent or damaged."""


def check_outputs(out_dir: Path) -> None:
    """Raise MixtureError, which names all analyses with damaged or incomplete outputs, and what to run.

    Superseded analyses, and those whose outputs were removed, are logged.
    """
    from bids_app.inputs.atlases import damaged_atlases  # imports torch, which a plan does not need

    problems = damaged_outputs(out_dir) + damaged_atlases(out_dir)
    problems += [f"the other hemisphere of {path} is missing" for path in _halves(out_dir)]
    if problems:
        raise MixtureError(
            f"{'; '.join(problems)}: run the participant level again with the same settings, which makes what is "
            "missing"
        )
    unmarked: list[str] = []
    made: dict[str, set[str]] = {}  # participants by the version of this package
    for output in each_map(out_dir):
        facts = facts_of(out_dir, output)
        if facts is None:
            unmarked.append(output.paths[0].name)
        elif facts.version and not facts.is_ignored:
            made.setdefault(facts.version, set()).add(f"sub-{output.participant}")
    if unmarked:
        log.warning(
            "not known to be complete (interrupted, or made by an older version): %s; run the participant level again",
            listed(unmarked),
        )
    if len(made) > 1:
        log.warning(
            "participants' results were made with several versions of neurons2networks: %s. Versions may differ in "
            "their numbers: make all with one",
            " and ".join(f"{version} ({listed(sorted(who))})" for version, who in sorted(made.items())),
        )


def damaged_outputs(out_dir: Path, start: str = "") -> list[str]:
    """Damage of the outputs of each analysis, one phrase for each; only of names that start with the prefix."""
    problems = []
    for path in sorted((out_dir / FOLDER).glob(f"{start}*_complete.json")):
        marker, title = read_marker(path), path.name.removesuffix("_complete.json")
        outputs = marker.get("Outputs", {})
        if "SupersededBy" in marker:
            log.info("ignored: %s, superseded by %s", title, marker["SupersededBy"])
        elif "LeftOut" in marker:
            log.info("ignored: %s, made from an excluded scan", title)
        elif outputs and not any_data(out_dir, outputs):
            log.info("ignored: %s, whose outputs were removed", title)
        elif damage := find_damage(out_dir, outputs, sha256=sha256_once):
            problems.append(f"{title}: {damage}")
    return problems


def note_group(out_dir: Path) -> None:
    """Store sizes and checksums of the group's outputs, for later reports."""
    files = [path for path in sorted((out_dir / "group").glob("[!.]*")) if path.is_file()]
    outputs = {path.relative_to(out_dir).as_posix(): describe_file(path) for path in files}
    write_json(out_dir / _GROUP, sealed({"Outputs": outputs}))


def check_whole(out_dir: Path, participants: Sequence[str] | None) -> None:
    """Raise MixtureError if the outputs in a report are damaged: of participants, or (None) of the group."""
    level = "group" if participants is None else "participant"
    if participants is None:
        damage = find_damage(out_dir, read_marker(out_dir / _GROUP).get("Outputs", {}))
        problems = [damage] if damage else []
    else:
        problems = [line for label in participants for line in damaged_outputs(out_dir, f"sub-{label}_")]
    if problems:
        raise MixtureError(f"{'; '.join(problems)}: run the {level} level again, which computes what is missing")


def _halves(out_dir: Path) -> list[Path]:
    """Maps with only one hemisphere."""
    return [
        output.paths[0]
        for output in each_map(out_dir)
        if output.paths[0].name.endswith(".gii") and len(output.paths) == 1
    ]


def is_superseded(out_dir: Path, output: OutputMap) -> bool:
    """Whether a newer analysis of the same BOLD supersedes this one, or its BOLD is to be left out."""
    facts = facts_of(out_dir, output)
    return facts is not None and facts.is_ignored


def refuse_mixture(out_dir: Path, outputs: Sequence[OutputMap]) -> None:
    """Raise MixtureError, which names the differences, if the outputs differ in settings or model."""
    by_value: dict[tuple[str, str], list[str]] = {}
    for output in outputs:
        who = f"sub-{output.participant}"
        for key, value in _identity(out_dir, output).items():
            by_value.setdefault((key, value), []).append(who)
    keys = sorted({key for key, _ in by_value})
    differing = [key for key in keys if sum(name == key for name, _ in by_value) > 1]
    if differing:
        differences = "; ".join(
            f"{key} is {' and '.join(_who(value, who) for (name, value), who in by_value.items() if name == key)}"
            for key in differing
        )
        raise MixtureError(
            f"{outputs[0].paths[0].name} and those of other participants were made with different settings: "
            f"{differences}. Nothing is averaged: make all participants with the same settings"
        )


def _who(value: str, participants: Sequence[str]) -> str:
    return f"{value} in {listed(list(dict.fromkeys(participants)))}"


def _identity(out_dir: Path, output: OutputMap) -> dict[str, str]:
    """Values that must be equal in all participants, as texts."""
    settings, facts = read_sidecar(output.paths[0]).get("Settings"), facts_of(out_dir, output)
    known = settings if isinstance(settings, dict) else {}
    of_all = {} if facts is None else facts.of_all
    return {key: json.dumps(value) for key, value in common_settings(known).items()} | dict(of_all)
