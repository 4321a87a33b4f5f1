"""Made-up BOLD beside Narratives' layout: `python -m tests.narratives_example DIR [ds002345-metadata.tar.gz]`.

Participants 001 to 003 hear `pieman` in two runs. Their regions respond to the story, the same way whenever they hear
it, and have nothing to do with its words: whatever a model says about the story, its held-out score must be 0.
Events come from the text copy of the data set where it is given; the words are drawn at random.
"""

import argparse
import json
import tarfile
from pathlib import Path

import numpy as np

PARTICIPANTS = ("001", "002", "003")
STORY_SECONDS = 437.0
EVENTS = (
    "onset\tduration\ttrial_type\tstim_file\n0.0\t13.0\tmusic\tpieman_audio.wav\n15.0\t422.0\tstory\tpieman_audio.wav\n"
)
REPETITION_TIME, N_VOLUMES, N_REGIONS = 1.5, 300, 60
VOCABULARY = tuple(f"{first}{last}" for first in ("ba", "ko", "li", "mu", "sa", "te") for last in "abcdefghijklmnop")


def make(folder, metadata=None, *, seed=0, response=1.0, noise=0.7):
    """Lay out the data set; `response` and `noise` are the amplitudes of what the story drives and of the rest."""
    rng = np.random.default_rng(seed)
    folder = Path(folder)
    _description(folder, "raw")
    _description(folder / "derivatives" / "regions", "derivative")
    _words(folder / "stimuli" / "gentle" / "pieman" / "align.csv", rng)
    # one value per volume time of the story, shared by all participants and runs
    locked = response * _smooth(rng.standard_normal((N_VOLUMES, N_REGIONS)))
    for participant, run, events in _runs(metadata):
        func = folder / f"sub-{participant}" / "func"
        _write(func / f"sub-{participant}_task-pieman_run-{run}_events.tsv", events)
        responses = locked + noise * _smooth(rng.standard_normal((N_VOLUMES, N_REGIONS)))
        table = folder / "derivatives" / "regions" / f"sub-{participant}" / "func"
        name = f"sub-{participant}_task-pieman_run-{run}_seg-Regions_timeseries"
        header = "\t".join(f"region{n}" for n in range(N_REGIONS))
        rows = "".join("\t".join(f"{value:.5f}" for value in row) + "\n" for row in 100 + responses)
        _write(table / f"{name}.tsv", f"{header}\n{rows}")
        _write(table / f"{name}.json", json.dumps({"RepetitionTime": REPETITION_TIME}))
    return folder


def _runs(metadata):
    if metadata is None:
        return [(participant, run, EVENTS) for participant in PARTICIPANTS for run in (1, 2)]
    with tarfile.open(metadata) as archive:
        names = {
            (participant, run): f"./sub-{participant}/func/sub-{participant}_task-pieman_run-{run}_events.tsv"
            for participant in PARTICIPANTS
            for run in (1, 2)
        }
        texts = {key: archive.extractfile(name) for key, name in names.items()}
        return [(*key, text.read().decode()) for key, text in texts.items() if text is not None]


def _words(path, rng):
    """Gentle's table: word, aligned word, start, end, without a header; some words have no time."""
    rows, time = [], 15.2
    while time < STORY_SECONDS:
        word, length = VOCABULARY[rng.integers(len(VOCABULARY))], rng.uniform(0.1, 0.5)
        rows.append(f"{word},{word},{time:.2f},{time + length:.2f}" if rng.random() > 0.01 else f"{word},,,")
        time += length + rng.exponential(0.1)
    _write(path, "\n".join(rows) + "\n")


def _smooth(series):
    """As sluggish as BOLD."""
    kernel = np.exp(-0.5 * (np.arange(-4, 5) / 1.2) ** 2)
    smooth = np.apply_along_axis(np.convolve, 0, series, kernel / kernel.sum(), mode="same")
    return smooth / smooth.std(axis=0)


def _description(folder, kind):
    content = {"Name": "made up", "BIDSVersion": "1.10.0", "DatasetType": kind}
    if kind == "derivative":
        content["GeneratedBy"] = [{"Name": "made up"}]
    _write(folder / "dataset_description.json", json.dumps(content))


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="DIR", type=Path, help="where the data set goes")
    parser.add_argument("metadata", nargs="?", type=Path, help="archive of the text files of Narratives")
    make(**vars(parser.parse_args()))
