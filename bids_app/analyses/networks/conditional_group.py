"""Links of families with networks in the group: on the mean over participants, and over participants."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from bids_app.analyses.collection import OF_PARTICIPANT, Collection
from bids_app.analyses.networks.conditional import link_fields, piece_number, warn_if_short, with_overlap
from bids_app.analyses.networks.dictionary_files import read_families
from bids_app.analyses.networks.mean_design import (
    Courses,
    Keep,
    Presentation,
    UnequalParticipantsError,
    mean_design,
    presentations_of_run,
)
from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.scratch import ScratchArrays
from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import OutputMap, find_outputs
from bids_app.encoding.dictionary import Families
from bids_app.inputs.correspondence import NetworkSpace
from bids_app.machine.agreement import NoResultsError
from bids_app.networks.conditional import (
    Evidence,
    NetworkSeries,
    link_table,
    spatial_evidence,
    temporal_evidence,
)
from bids_app.stats.device import one_thread
from bids_app.stats.fdr import fdr
from bids_app.stats.standardise import zscore

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

FEWEST = 2  # participants of a t-test
ALPHA = 0.05


def group_links(
    beta: Collection, mean: Floats, desc: str, space: NetworkSpace, settings: NetworkOptions
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Links of the group, columns of `link_outputs.GROUP_FAMILY_LINKS` except those on sharing; fields of the sidecar.

    Stages 1 and 2 are those of a participant, on means over participants: of the networks' responses, of the families
    with each participant's confounds removed, and of the families' correlations with every target. A link must also
    hold over participants: one-sample t of the coefficient of the family, given the network's other candidates.

    Raises UnequalParticipantsError where there is no mean over participants.
    """
    entities = {"model": beta.entities["model"], "desc": desc.removesuffix("Shifted")}
    stems = [str(stem) for stem in beta.result_settings["stories"]]
    families, restarts = read_families(settings.out_dir, stems, entities, settings)
    with closing(ScratchArrays(settings.work)) as scratch:
        heard = list(_presentations(beta, desc, settings.out_dir, families, stems, restarts, scratch.keep))
        names = space.atlas.network_names
        design, networks = mean_design(heard, families, len(names))
        warn_if_short(design, desc)
        evidence = temporal_evidence(design, networks, device=settings.device)
        t, q = over_participants(evidence, networks, heard)
    marginals = beta.mean_beside(settings.out_dir, stat="marginal")
    labels = np.where(np.isfinite(marginals).all(axis=0), space.atlas.labels, 0)
    found = spatial_evidence(evidence, design, marginals, labels, space.means_test, space.of_regions(networks))
    table = with_overlap(link_table(evidence, *found, names, families.reproducibility), mean, space)
    table = table.assign(t=t.ravel(), t_q=q.ravel())
    table["linked"] &= table["t_q"] < ALPHA
    return table, link_fields(table, evidence, names)


@one_thread()
def over_participants(
    evidence: Evidence, networks: NetworkSeries, heard: Sequence[Presentation]
) -> tuple[Doubles, Doubles]:
    """t over participants of each candidate's conditional coefficients, and its q; (2, n_families, n_networks) each.

    The model of a participant holds the candidate families of the network and the participant's confounds. The
    coefficients over the network's pieces are weighted by the mean of all other participants where this mean has the
    sign of the link, so that the pattern is independent of the participant. The test is one-sided; NaN where a family
    is no candidate.
    """
    candidates = evidence.is_candidate
    t, p = np.full(candidates.shape, np.nan), np.full(candidates.shape, np.nan)
    if len({one.participant for one in heard}) < FEWEST:
        return t, np.where(candidates, 1.0, np.nan)
    for network, chosen, b in _of_networks(candidates, networks, heard):
        for side, sign in enumerate((1, -1)):
            result = stats.ttest_1samp(_along_others(b, sign), 0, axis=0, alternative="greater")
            t[side, chosen, network], p[side, chosen, network] = sign * result.statistic, result.pvalue
    for values in (t, p):
        values[~candidates] = np.nan
    q = np.full(p.shape, np.nan)
    q[candidates] = fdr(np.nan_to_num(p[candidates], nan=1.0))
    return t, q


def _of_networks(
    candidates: npt.NDArray[np.bool_], networks: NetworkSeries, heard: Sequence[Presentation]
) -> Iterator[tuple[int, Ints, Doubles]]:
    """Networks with candidates: which, its candidates, and their coefficients (n_participants, n_chosen, n_pieces).

    The time courses of one participant at a time are in memory.
    """
    numbers = np.flatnonzero(candidates.any(axis=(0, 1))).tolist()
    chosen = [np.flatnonzero(candidates[:, :, network].any(axis=0)) for network in numbers]
    pieces = [networks.number[networks.of(network)] for network in numbers]
    coefficients: list[list[Doubles]] = [[] for _ in numbers]
    participants: dict[str, list[Presentation]] = {}
    for one in heard:
        participants.setdefault(one.participant, []).append(one)
    for presentations in participants.values():
        own = [(one.pieces, one.load()) for one in presentations]
        for found, *of_network in zip(coefficients, chosen, pieces, strict=True):
            found.append(_coefficients(own, *of_network))
    for network, some, found in zip(numbers, chosen, coefficients, strict=True):
        yield network, some, np.stack(found)


def _along_others(b: Doubles, sign: int) -> Doubles:
    """Coefficients (n_participants, n_chosen, n_pieces) along the mean of all others, (n_participants, n_chosen).

    Only entries of the others' mean with the sign count; a piece without data in a participant counts as 0.
    """
    known = np.nan_to_num(b)
    others = known.sum(axis=0)[None] - known
    pattern = np.maximum(sign * others, 0)
    length = np.linalg.norm(pattern, axis=2, keepdims=True)
    return np.asarray(sign * (known * pattern / np.where(length > 0, length, np.inf)).sum(axis=2))


def _coefficients(
    heard: Sequence[tuple[Ints, Courses]], chosen: npt.NDArray[np.int64], pieces: npt.NDArray[np.int64]
) -> Doubles:
    """Joint coefficients of some families in a participant's pieces of a network, over all runs, (n_chosen, n_pieces).

    `heard` are the pieces and time courses of each presentation. NaN for a piece without data in the participant.
    """
    X, Y = [], []
    for there, courses in heard:
        _, ours, theirs = np.intersect1d(pieces, there, assume_unique=True, return_indices=True)
        own = np.full((len(courses.responses), len(pieces)), np.nan)
        own[:, ours] = courses.responses[:, theirs]
        X.append(zscore(courses.families[:, chosen]))
        Y.append(own - own.mean(axis=0))
    responses = np.concatenate(Y)
    b = np.full((len(chosen), len(pieces)), np.nan)
    had = np.isfinite(responses).all(axis=0)
    b[:, had] = np.linalg.lstsq(np.concatenate(X).astype(np.float64), responses[:, had], rcond=None)[0]
    return b


def _presentations(
    beta: Collection,
    desc: str,
    out_dir: Path,
    families: Families,
    stems: Sequence[str],
    restarts: Mapping[str, tuple[Any, Any]],
    keep: Keep,
) -> Iterator[Presentation]:
    """Presentations of each participant, with the responses that the participant level wrote, stored by `keep`.

    Raises UnequalParticipantsError if participants differ in the pieces of networks.
    """
    borders = np.cumsum([restarts[stem][0].shape[1] for stem in stems])[:-1]
    courses = dict(zip(stems, np.split(families.courses, borders), strict=True))
    times = {story: grid for story, (_, grid) in restarts.items()}
    n_restarts = len(restarts[stems[0]][0])
    learned = [{story: atoms[number] for story, (atoms, _) in restarts.items()} for number in range(n_restarts)]
    cuts: dict[object, str] = {}
    shared = _Shared()
    for participant in beta.participants:
        for output in _courses_of(participant, beta, desc, out_dir):
            cuts.setdefault(output.sidecar.get("Pieces"), participant)
            if len(cuts) > 1:
                raise UnequalParticipantsError(
                    f"the pieces of networks of {' and '.join(f'sub-{who}' for who in cuts.values())} are not the same "
                    "(other regions, another grid or atlas): run the participant level of all on the same regions, or "
                    "leave some out with --exclude-participant-label"
                )
            table = read_table(output.paths[0])
            table = table[table["story"].isin(stems)]  # volumes outside the story events have no words
            for _, run in table.groupby("run", sort=False):
                at = shared(run["seconds"].to_numpy(dtype=np.float64)), shared(run["story"].to_numpy(dtype=np.str_))
                shift = len(run) // 2 if desc.endswith("Shifted") else 0
                atoms = partial(_all_of_run, *at, learned, times, shift)
                of_families = partial(_of_stories, *at, courses, times, shift)
                pieces = shared(np.array([piece_number(name) for name in _networks(run)]))
                yield from _of_run(participant, run, *at, pieces, atoms, of_families, keep)


class _Shared:
    """Arrays that are the same in many participants, such as the times of volumes, are in memory once."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, bytes], npt.NDArray[Any]] = {}

    def __call__(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """An array with the same content."""
        content = np.array(array)  # a column of a table would keep the whole table
        return self._known.setdefault((content.dtype.str, sha256(content.data).digest()), content)


def _networks(run: pd.DataFrame) -> list[str]:
    return [name for name in run.columns if name.startswith("network-")]


def _all_of_run(
    seconds: Doubles,
    stories: npt.NDArray[np.str_],
    restarts: Sequence[Mapping[str, Floats]],
    times: Mapping[str, Doubles],
    shift: int,
) -> Floats:
    """`_of_stories` of the atoms of each restart, (n_restarts, n_volumes, n_atoms)."""
    return np.stack([_of_stories(seconds, stories, atoms, times, shift) for atoms in restarts])


def _of_stories(
    seconds: Doubles,
    stories: npt.NDArray[np.str_],
    courses: Mapping[str, Floats],
    times: Mapping[str, Doubles],
    shift: int,
) -> Floats:
    """Time courses (n_volumes, n) at the volumes of a run, by story; shifted circularly by some volumes."""
    own = np.empty((len(seconds), next(iter(courses.values())).shape[1]), dtype=np.float32)
    for story in np.unique(stories):
        rows = stories == story
        own[rows] = _at(seconds[rows], times[story], courses[story])
    return np.roll(own, shift, axis=0)


def _of_run(
    participant: str,
    run: pd.DataFrame,
    seconds: Doubles,
    stories: npt.NDArray[np.str_],
    pieces: Ints,
    make_restarts: Callable[[], Floats],
    make_families: Callable[[], Floats],
    keep: Keep,
) -> list[Presentation]:
    confounds = run[[name for name in run.columns if name.startswith("confound-")]].dropna(axis=1)
    return presentations_of_run(
        participant,
        stories,
        seconds,
        (pieces, run[_networks(run)].to_numpy(dtype=np.float64)),
        confounds.to_numpy(dtype=np.float64),
        make_restarts,
        make_families,
        keep,
    )


def _at(seconds: Doubles, times: Doubles, courses: Floats) -> Floats:
    """Time courses (n_volumes, n) at other times of the story, interpolated linearly between volumes."""
    position = np.clip(np.interp(seconds, times, np.arange(len(times))), 0, len(times) - 1)
    before = np.minimum(position.astype(np.int64), max(len(times) - 2, 0))
    share = (position - before)[:, None]
    after = np.minimum(before + 1, len(times) - 1)
    return np.asarray((1 - share) * courses[before] + share * courses[after], dtype=np.float32)


def _courses_of(participant: str, beta: Collection, desc: str, out_dir: Path) -> list[OutputMap]:
    """The tables of a participant's network responses, one for each fit behind its maps."""
    wanted = {**beta.shared_entities, "desc": desc, "sub": participant}
    found = [
        output
        for output in find_outputs(out_dir, "timeseries", **wanted)
        if set(output.entities) - set(OF_PARTICIPANT) == set(wanted) - {"sub"}
    ]
    if not found:
        raise NoResultsError(
            f"sub-{participant} has maps of families, but no responses of networks "
            f"(…_desc-{desc}_timeseries.tsv.gz in {out_dir}): its participant level stopped early, or ran with "
            f"--atlas none. Run the participant level of sub-{participant} again with the settings of the "
            f"others, or leave it out with --exclude-participant-label {participant}."
        )
    return found
