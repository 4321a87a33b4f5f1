"""From atoms to maps to networks, for one fit and one model."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bids_app.analyses.dictionary import (
    Dictionary,
    atom_names,
    dictionary_key,
    dictionary_numbers,
    get_dictionary,
    kind_of,
    variant,
)
from bids_app.analyses.dictionary_courses import atoms_on, restarts_on, stems_of_dictionary
from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.scoring import score_brain, write_tests
from bids_app.analyses.work import Step, Work
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.choices import parse_ratio
from bids_app.encoding.cleaning import clean
from bids_app.encoding.design.folds import content_folds
from bids_app.encoding.lasso import DEFAULT_RATIOS, lasso
from bids_app.inputs.atlases import find_atlas, write_atlas
from bids_app.inputs.models import ModelRun
from bids_app.inputs.parcels import find_parcels
from bids_app.inputs.responses import Responses, RunSource, mean_of_runs
from bids_app.inputs.timing import Story
from bids_app.machine.budget import memory_mb, step
from bids_app.networks.atlas import Atlas
from bids_app.networks.overlap import spatial_z
from bids_app.settings_fields import result_settings
from bids_app.stats.arrays import Fold
from bids_app.stats.copies import Copies
from bids_app.stats.correlation import r2
from bids_app.stats.standardise import zscore

if TYPE_CHECKING:
    from bids_app.encoding.lasso import LassoCV

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class NetworkJob:
    """Data that all network analyses of one fit share."""

    responses: Responses
    stories: dict[str, Story]
    settings: NetworkOptions
    atlas: Atlas | None


def steps(work: Work, model: ModelRun) -> Iterator[Step]:
    """One step for each number of atoms and, on request, a control with shifted atoms."""
    settings = work.settings
    for n_atoms in settings.atoms:
        for shifted in (False, True) if "shifted" in settings.controls else (False,):
            yield _step(work, model, n_atoms, shifted)


def _step(work: Work, model: ModelRun, n_atoms: int, shifted: bool) -> Step:
    settings, stories, stems = work.settings, work.sources.stories, stems_of_dictionary(work)
    numbers = {**result_settings(settings, "networks"), **dictionary_numbers(settings, stems, n_atoms)}
    key = dictionary_key(model, stems, n_atoms, stories, settings)
    name = variant(settings, n_atoms, shifted=shifted)

    def compute(writer: Writer) -> None:
        dictionary = get_dictionary(model, stems, n_atoms, stories, settings)
        atlas = find_atlas(work.responses.geometry, settings)
        if atlas is not None:
            write_atlas(work.responses.geometry, settings)
        job = NetworkJob(work.responses, stories, settings, atlas)
        encode_networks(job, model, dictionary, writer, name, shifted=shifted)

    return Step(work.completion(name, model, numbers, "networks", dictionary=key), compute)


def encode_networks(
    job: NetworkJob, model: ModelRun, dictionary: Dictionary, writer: Writer, desc: str, *, shifted: bool = False
) -> None:
    """Fit the atoms (or families) to every target, test the fit, and link them to networks.

    `desc` names the results.
    """
    settings, responses = job.settings, job.responses
    D = np.concatenate([atoms_on(dictionary, heard, model, job.stories, settings) for heard in responses.timings])
    if shifted:
        D = _shifted(D, responses)
    content = np.arange(len(D)) if responses.content is None else responses.content
    folds = content_folds(content, settings.folds, settings.purge)
    names = atom_names(dictionary.n_atoms, kind_of(settings))
    with step(f"{model.label}: fit of {desc}", settings):
        fitted = _lasso(settings, folds).fit(D, responses.data)
        beta, in_sample = _coefficients(D, fitted.ratio_, responses, settings)
    with step(f"{model.label}: test of {desc}", settings):
        scores = score_brain(
            lambda data: _lasso(settings, folds).fit(D, data).held_out_,
            fitted.held_out_,
            responses,
            folds,
            settings,
            find_parcels(responses, settings),
        )
    beta = fill(beta, responses.valid)
    z = spatial_z(beta)
    writer.maps(desc, "beta", beta, names)
    writer.maps(desc, "z", z, names)
    writer.maps(desc, "r2", fill(in_sample, responses.valid), ["r2"])
    write_tests(writer, desc, [scores], responses.valid)
    if job.atlas is not None:
        with step(f"{model.label}: networks of {desc}", settings):
            _link(job, model, dictionary, writer, desc, D, beta, shifted=shifted)
    writer.maps(desc, "r", fill(scores.r, responses.valid), ["r"])


def _link(
    job: NetworkJob,
    model: ModelRun,
    dictionary: Dictionary,
    writer: Writer,
    desc: str,
    D: Floats,
    beta: Floats,
    *,
    shifted: bool,
) -> None:
    """Link the atoms or families, with time courses D and maps `beta`, to networks."""
    # With numba and scipy's statistics, which take most of a second, and which a run without an atlas does not need.
    from bids_app.analyses.networks.conditional import design_of, family_links, warn_if_short
    from bids_app.analyses.networks.tables import NeuronGroups, write_links
    from bids_app.inputs.correspondence import NetworkSpace

    assert job.atlas is not None
    responses, space = job.responses, NetworkSpace(job.responses.geometry, job.atlas, job.settings)
    groups = NeuronGroups(D, dictionary.members, dictionary.n_layers)
    if dictionary.restarts is None:
        write_links(writer, desc, space.link(beta), groups)
        return
    by_run = [restarts_on(dictionary, heard, model, job.stories, job.settings) for heard in responses.timings]
    restarts = np.concatenate(by_run, axis=1)
    if shifted:
        restarts = np.stack([_shifted(atoms, responses) for atoms in restarts])
    families = dictionary.restarts.families
    design = design_of(responses, restarts, families, D)
    warn_if_short(design, desc)
    links = family_links(responses, design, families.reproducibility, beta, space)
    writer.maps(desc, "marginal", links.marginals, atom_names(len(beta), "families"))
    writer.series(desc, links.courses, Networks=list(job.atlas.network_names), Pieces=links.pieces)
    write_links(writer, desc, links.table, groups, **links.fields)


def _lasso(settings: NetworkOptions, folds: list[Fold]) -> LassoCV:
    from bids_app.encoding.lasso import LassoCV  # with scikit-learn, which takes a second to import

    fixed = parse_ratio(settings.encoding_penalty)
    return LassoCV(
        DEFAULT_RATIOS if fixed is None else (fixed,),
        folds=folds,
        device=settings.device,
        mem_mb=memory_mb(settings),
    )


def _coefficients(D: Floats, ratio: Floats, responses: Responses, settings: NetworkOptions) -> tuple[Floats, Floats]:
    """Coefficients (n_atoms, n_valid) and in-sample R² (n_valid,).

    The confounds of the responses are first removed from the atoms as well; otherwise, other atoms would compensate for
    the variance that the responses lost with the confounds (Frisch, Waugh and Lovell). Held-out scores omit this step:
    a projection over all volumes would leak from the test to the training volumes.
    """
    parts = zip(_by_run(D, responses.run_lengths), responses.sources, strict=True)
    cleaned = np.concatenate([_cleaned(part, sources) for part, sources in parts])
    coefficients, intercept = lasso(cleaned, responses.data, ratio, device=settings.device, mem_mb=memory_mb(settings))
    return coefficients, r2(cleaned @ coefficients + intercept, responses.data)


def _by_run(D: Floats, run_lengths: tuple[int, ...]) -> list[Floats]:
    return list(np.split(D, np.cumsum(run_lengths)[:-1]))


def _cleaned(D: Floats, sources: tuple[RunSource, ...]) -> Floats:
    """Regressors of one run with its confounds removed, or their mean over the averaged runs."""
    cleaned = [(source.rows, zscore(clean(D[source.rows], 1.0, source.nuisance, None))) for source in sources]
    return cleaned[0][1] if len(cleaned) == 1 else mean_of_runs(cleaned, len(D))


def _shifted(D: Floats, responses: Responses) -> Floats:
    """The control: atoms shifted circularly by half of each run, so that they do not match the story.

    With repeated content, they are shifted by half of all content: half of a run may be the same story again.
    """
    if responses.content is None:
        return np.concatenate([np.roll(part, len(part) // 2, axis=0) for part in _by_run(D, responses.run_lengths)])
    copies = Copies(responses.content)
    return np.asarray(D[copies.moved([copies.length // 2]).ravel()])
