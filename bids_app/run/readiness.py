"""Check that a run can start: all missing requirements are reported at once, before anything is computed."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext

from bids_app.bids.errors import DatasetError
from bids_app.choices import FEATURES
from bids_app.inputs.models import ModelRun, model_runs
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import Story
from bids_app.inputs.units import UnitReader
from bids_app.language.weights import ModelFiles, count_weights
from bids_app.machine.explanations import explain
from bids_app.machine.garbage import kept_to_the_end
from bids_app.machine.memory import ModelLoading, too_little_memory
from bids_app.machine.resources import (
    AtlasPiece,
    ModelPiece,
    Piece,
    TargetSpace,
    fetch_command,
    folders_of,
    pieces_of_run,
    space_of_run,
)
from bids_app.machine.run_folders import RunFolders
from bids_app.run.feasibility import find_misfits, misfits_of_model
from bids_app.settings import Settings

log = logging.getLogger("neurons2networks")


class NotReadyError(ValueError):
    """A requirement of a run is missing."""


def check(sources: Sources, participants: Sequence[str] = ()) -> None:
    """Check device, models, memory, and the atlases for the participants' data.

    Missing models and atlases are downloaded, unless the run has a folder of resources or is dry. Raises NotReadyError,
    which names everything still missing, one line each, with the command that fetches it; a dry run only logs it.
    Settings that do not fit the data or models are refused in both.
    """
    settings = sources.settings
    misfits = find_misfits(sources, participants)
    problems = list(_problems(sources, () if misfits else participants, misfits))
    _refuse(misfits, "settings do not fit the data or the models:")
    if settings.dry_run:
        for problem in problems:
            log.warning("before it is computed: %s", problem)
    else:
        _refuse(problems, "things are missing before this run can begin:")


def _refuse(problems: Sequence[str], title: str) -> None:
    if len(problems) == 1:
        raise NotReadyError(problems[0])
    if problems:
        raise NotReadyError(f"{len(problems)} {title}\n" + "\n".join(problems))


def missing(sources: Sources, participants: Sequence[str] = ()) -> list[str]:
    """Everything that a run lacks and all unsuitable settings, one line each; a dry run downloads nothing."""
    misfits = find_misfits(sources, participants)
    problems = list(_problems(sources, () if misfits else participants, misfits))
    return [*misfits, *problems]


def _problems(sources: Sources, participants: Sequence[str], misfits: list[str]) -> Iterator[str]:
    """Missing requirements; settings that do not fit a model are added to `misfits`."""
    settings = sources.settings
    # Plans and cluster runs are computed on other machines.
    here = not settings.dry_run and settings.engine == "local"
    no_device = _without_device(settings.device) if here else None
    if no_device:
        yield no_device
    if here:
        for analysis in settings.analyses:
            yield from analysis.lacks(settings)
    for piece in pieces_of_run(settings, _spaces(sources, participants)):
        try:
            files = _find(piece, sources)
            if isinstance(piece, AtlasPiece):
                piece.check()
        except (OSError, ValueError) as error:
            if piece.is_asked:
                yield _about(piece, error, settings)
            else:
                log.warning("the run goes on without it: %s", _about(piece, error, settings))
            continue
        if isinstance(files, ModelFiles):
            misfits += misfits_of_model(piece.name, files.folder, settings)
        if isinstance(files, ModelFiles) and here and not no_device:
            yield from _too_large(piece.name, files, sources)


def _without_device(name: str) -> str | None:
    """The problem with a device, or None."""
    with kept_to_the_end() if "torch" not in sys.modules else nullcontext():
        from bids_app.stats.device import resolve_device  # imports torch, which a plan does not need

    try:
        resolve_device(name)
    except ValueError as error:
        return str(error)
    return None


def _find(piece: Piece, sources: Sources) -> object:
    """The files of a piece; None for a model whose activations are all cached. Errors are those of `piece.find`."""
    settings = sources.settings
    try:
        return piece.find(folders_of(settings.resources), download=False)
    except (OSError, ValueError):
        if isinstance(piece, ModelPiece) and _has_read_all(piece.name, sources):
            return None
        if settings.resources or settings.dry_run:
            raise
    return piece.find(folders_of(settings.resources), download=True)


def _too_large(name: str, files: ModelFiles, sources: Sources) -> Iterator[str]:
    problem = too_little_memory(name, count_weights(files.folder), ModelLoading.of(sources.settings))
    if problem and not _has_read_all(name, sources):
        yield problem


def _has_read_all(name: str, sources: Sources) -> bool:
    """Whether all activations of a model that the run needs are in the cache."""
    settings = sources.settings
    kinds = {analysis.activations(settings) for analysis in settings.analyses}
    runs = [run for run in model_runs(settings) if run.name == name]
    stories = sources.stories.values()
    return all(_has_read(run, story, request, settings) for run in runs for story in stories for request in kinds)


def _has_read(model: ModelRun, story: Story, request: tuple[str, str], settings: Settings) -> bool:
    is_of_autoencoder = request[0] == FEATURES
    return UnitReader(model, settings).has_features(story) if is_of_autoencoder else model.has_read(story, *request)


def _spaces(sources: Sources, participants: Sequence[str]) -> list[TargetSpace]:
    """Spaces of the data of the first participant with data; problems of the others are left to their jobs."""
    for participant in participants:
        try:
            runs = sources.runs(participant).runs
        except (DatasetError, OSError):
            continue
        return list(dict.fromkeys(space_of_run(run) for run in runs))
    return []


def _about(piece: Piece, error: Exception, settings: Settings) -> str:
    command = fetch_command(piece, settings.resources)  # not into N2N_HOME, which may be part of an image
    if not isinstance(error, FileNotFoundError) or command is None:
        return f"{piece.option} {piece.name}: {explain(error, RunFolders.of(settings)) or error}"
    if settings.resources:
        return f'{piece.title} is not in {settings.resources}: run "{command}" where there is a network'
    if settings.dry_run:
        return f"{piece.title} is not on this machine; the run downloads it where there is a network"
    tried = f" and cannot be downloaded ({error.__cause__})" if error.__cause__ else ""
    return (
        f'{piece.title} is not on this machine{tried}: run "{command}" where there is a network, and give this run '
        "--resources DIR"
    )
