"""Precision and recall of conditional links in worlds with known truth, and how often links appear in null brains.

python -m benchmarks.links --worlds parcels minilm --seeds 0 1 2 --snr 0 0.3
"""

import argparse
import operator
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks import harness
from benchmarks.links_worlds import WORLDS, Listener, World
from bids_app.analyses.networks.conditional_group import over_participants
from bids_app.analyses.networks.mean_design import Presentation, mean_design, presentations_of_run
from bids_app.encoding.dictionary import Families, ReproducibleDictionary
from bids_app.networks.conditional import (
    conditional_links,
    expected_false_share,
    link_table,
    marginal_maps,
    network_series,
    spatial_evidence,
    spatial_p,
    temporal_evidence,
)
from tests.parcel_scores import score_links
from tests.parcel_source import REPETITION_TIME

Floats = npt.NDArray[np.float32]

SEEDS, SNRS = (0, 1, 2, 3, 4), (0.0, 0.15, 0.3, 0.6)
_COLUMNS = ("world", "level", "snr", "lists", "with links", "found", "P", "R", "expected false", "true false")


@dataclass(frozen=True)
class Restarts:
    """What an analysis knows of a model: restarts (n_restarts, n_volumes, n_atoms) and their families."""

    atoms: Floats
    families: Families


def learn(world: World, file: Path, seed: int) -> Restarts:
    """The dictionary of a world with the defaults of the analysis, kept in a file."""
    if not file.exists():
        model = ReproducibleDictionary(random_state=seed, device="cpu").fit(world.neurons)
        np.savez(
            file,
            atoms=model.restarts_,
            courses=model.families_,
            rho=model.reproducibility_,
            members=model.members_,
        )
    stored = np.load(file)
    return Restarts(stored["atoms"], Families(stored["courses"], stored["rho"], stored["members"]))


def links_of(world: World, restarts: Restarts, listener: Listener, series: Floats) -> pd.DataFrame:
    """Links of one participant."""
    return conditional_links(
        list(restarts.atoms),
        restarts.families,
        series,
        world.labels,
        world.networks,
        confounds=listener.confounds,
        run_lengths=listener.run_lengths,
        pieces=world.pieces,
        spins=world.spins,
        device="cpu",
    )


def links_of_group(
    world: World, restarts: Restarts, listeners: Sequence[Listener], group: Sequence[Floats]
) -> pd.DataFrame:
    """Links of the mean over participants that also hold over them, as the group level makes them."""
    names = world.networks
    heard = [
        one
        for number, (listener, series) in enumerate(zip(listeners, group, strict=True))
        for one in _presentations(str(number), world, restarts, listener, series)
    ]
    design, networks = mean_design(heard, restarts.families, len(names))
    evidence = temporal_evidence(design, networks, device="cpu")
    mean = np.mean(group, axis=0)
    valid = np.isfinite(mean).all(axis=0)
    marginals = np.full((design.n_families, len(valid)), np.nan, dtype=np.float32)
    marginals[:, valid] = marginal_maps(design, mean[:, valid], evidence.typical_noise)

    def test(maps: Floats) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return spatial_p(maps, world.labels, len(names), spins=world.spins)

    regions = networks if world.spins is None else None
    found = spatial_evidence(evidence, design, marginals, world.labels, test, regions)
    table = link_table(evidence, *found, names, restarts.families.reproducibility)
    q = over_participants(evidence, networks, heard)[1]
    return table.assign(linked=table["linked"] & (q.ravel() < 0.05))


def _presentations(
    who: str, world: World, restarts: Restarts, listener: Listener, series: Floats
) -> Iterator[Presentation]:
    """The runs of a participant, each a story of its own."""
    networks = network_series(np.nan_to_num(series), world.labels, world.pieces, len(world.networks))
    start = 0
    for run, (confounds, length) in enumerate(zip(listener.confounds, listener.run_lengths, strict=True)):
        rows = slice(start, start + length)
        yield from presentations_of_run(
            who,
            np.full(length, str(run), dtype=object),
            np.arange(length) * np.float64(REPETITION_TIME),
            (networks.number, networks.series[rows]),
            confounds,
            partial(_rows, restarts.atoms, rows),
            partial(operator.itemgetter(rows), restarts.families.courses),
        )
        start += length


def _rows(atoms: Floats, rows: slice) -> Floats:
    """Some volumes of the atoms of all restarts."""
    return atoms[:, rows]


def measure(
    name: str, seed: int, snrs: Sequence[float], n_participants: int, n_nulls: int, folder: Path
) -> pd.DataFrame:
    """One row for each list of links: of participants, and of the group; of `n_nulls` participants at snr 0."""
    world = WORLDS[name](seed, folder)
    restarts = learn(world, folder / f"restarts-{name.replace(' ', '-')}-{seed}.npz", seed)
    rows: list[dict[str, object]] = []

    def keep(level: str, snr: float, links: pd.DataFrame) -> None:
        table = links.rename(columns={"atom": "family"})
        planted = world.links if snr else world.links.iloc[:0]
        courses = restarts.families.courses.astype(np.float64)
        score = score_links(table, courses, planted, world.courses, signed=world.signed)
        shares = {"expected": expected_false_share(table), "gate": float(table["gate_p"].min())}
        rows.append({"world": name, "seed": seed, "level": level, "snr": snr, **vars(score), **shares})

    listeners = [world.listener(number) for number in range(1, n_participants + 1)]
    for snr in snrs:
        group = [listener.series(snr) for listener in listeners]
        for listener, series in zip(listeners[: 1 if snr else None], group, strict=False):
            keep("participant", snr, links_of(world, restarts, listener, series))
        if len(group) > 2:
            keep(f"group of {len(group)}", snr, links_of_group(world, restarts, listeners, group))
    for number in range(n_participants + 1, n_nulls + 1):
        listener = world.listener(number)
        keep("participant", 0.0, links_of(world, restarts, listener, listener.series(0)))
    return pd.DataFrame(rows)


def summarise(lists: pd.DataFrame) -> pd.DataFrame:
    """Pool the lists of each world, level and snr over seeds and participants."""
    rows = []
    for (world, level, snr), group in lists.groupby(["world", "level", "snr"], sort=False):
        found, true, planted = (int(group[name].sum()) for name in ("found", "true", "planted"))
        expected = (group["expected"].fillna(0) * group["found"]).sum() / found if found else np.nan
        precision = true / found if found else np.nan
        recall = group["covered"].sum() / planted if planted else np.nan
        with_links = f"{(group['found'] > 0).sum()}"
        rows.append((world, level, snr, len(group), with_links, found, precision, recall, expected, 1 - precision))
    return pd.DataFrame(rows, columns=_COLUMNS)


def main() -> None:
    """The table, a row for each world, level and snr."""
    parser = harness.arguments(__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS), metavar="WORLD")
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--snr", nargs="+", type=float, default=SNRS)
    parser.add_argument("--participants", type=int, default=6, help="Of the group. Default: 6.")
    parser.add_argument("--nulls", type=int, default=10, help="Participants of each seed at snr 0. Default: 10.")
    parser.add_argument("--nprocs", type=int, default=1)
    parser.add_argument("--cache", type=Path, help="Where neurons, what is planted and restarts are kept.")
    options = parser.parse_args()
    if options.quick:
        options.worlds, options.seeds, options.snr, options.nulls = ["demo gpt2"], [0], [0.3], 0
    folder = options.cache or Path(tempfile.mkdtemp(prefix="links-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"\n{harness.machine()}\n")
    harness.print_cells(_COLUMNS)
    harness.print_cells(["---"] * len(_COLUMNS))
    with ProcessPoolExecutor(options.nprocs) as pool:
        for name in options.worlds:
            jobs = [
                pool.submit(measure, name, seed, options.snr, options.participants, options.nulls, folder)
                for seed in options.seeds
            ]
            lists = pd.concat([job.result() for job in jobs])
            lists.to_csv(folder / f"lists-{name.replace(' ', '-')}.tsv", sep="\t", index=False)
            for row in summarise(lists).itertuples(index=False):
                harness.print_cells([_cell(value) for value in row])


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if np.isnan(value) else f"{value:.2f}"
    return str(value)


if __name__ == "__main__":
    main()
