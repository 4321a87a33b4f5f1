"""Real data from end to end: fourteen participants, six regions, an audio file that starts before the scan."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import from_shared
from bids_app.bids.dataset import DatasetError, open_dataset
from bids_app.bids.events import read_events
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.recording import read_recording
from bids_app.bids.words import find_words, read_words


def test_every_participant(alice: Path) -> None:
    dataset = open_dataset(alice)
    assert list(dataset.derivatives) == ["rois"]
    labels = dataset.participants()
    source = from_shared("data/alice/10mm")
    assert len(labels) == len(list(source.glob("s*.txt")))
    for label in labels:
        (run,) = dataset.runs(label).runs
        assert (run.kind, run.task, run.repetition_time, run.seg) == ("parcels", "alice", 2.0, "Brennan2016")
        if label == "33":
            with pytest.raises(DatasetError, match="sub-33 has no usable target"):
                read_recording(run)
            continue
        recording = read_recording(run)
        np.testing.assert_allclose(recording.data, np.loadtxt(source / f"s{label}-timecourses.txt"), rtol=1e-6)
        assert recording.geometry == ParcelGeometry("Brennan2016", ("LATL", "RATL", "LPTL", "LIPL", "LPreM", "LIFG"))


def test_words_in_scan_time(alice: Path) -> None:
    (run,) = open_dataset(alice).runs("18").runs
    (stimulus,) = read_events(run.events)
    assert (stimulus.audio_onset, stimulus.stem) == (-20.0, "alice_audio")
    path = find_words(alice, stimulus.stim_file)
    assert path.name == "alice_audio.TextGrid"
    words, index = read_words(path).shifted(stimulus.audio_onset).within(stimulus.story)
    assert len(words) == index.size == 2127
    assert words.onset[0] == pytest.approx(0.05891632653599)
    assert words.text[:2] == ("Alice", "was")
