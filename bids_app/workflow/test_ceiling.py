from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from bids_app.bids.events import Stimulus
from bids_app.bids.geometry import ParcelGeometry
from bids_app.encoding.haemodynamics import zscore
from bids_app.workflow import ceiling
from bids_app.workflow.ceiling import StoryMeans
from bids_app.workflow.responses import CleanRun, Responses
from bids_app.workflow.stories import listen

GEOMETRY = ParcelGeometry("test", ("A", "B", "C"))
HEARD = listen([Stimulus("tale_audio", "tale_audio.wav", 0.0, ((0.0, 80.0),))], 2.0, 40)
RNG = np.random.default_rng(0)
DATA = {label: RNG.standard_normal((40, 3)).astype(np.float32) for label in ("01", "02", "03")}
DATA["02"][:, 2] = np.nan


class FakeDataset:
    """Three participants with a run each, or as many as asked for."""

    def __init__(self, labels):
        self.labels, self.derivatives = labels, {"x": "y"}

    def participants(self):
        return list(self.labels)

    def runs(self, label, **_):
        return SimpleNamespace(runs=(SimpleNamespace(label=label, task="tale"),))


@pytest.fixture
def means(tmp_path, monkeypatch):
    monkeypatch.setattr(ceiling, "read_run", lambda run, *_: CleanRun(DATA[run.label], HEARD, GEOMETRY, None))
    monkeypatch.setattr(ceiling, "numbers_of", lambda *_: dict.fromkeys(ceiling.NAMES))

    def make(labels):
        settings = SimpleNamespace(work=tmp_path, session_label=(), run_id=())
        sources = SimpleNamespace(dataset=FakeDataset(labels), settings=settings, filters=None, stories={})
        run = SimpleNamespace(label="01", task="tale", space=None, seg="test")
        return StoryMeans(SimpleNamespace(runs=(run,)), sources)

    return make


def responses(label):
    return Responses(zscore(DATA[label]), np.ones(3, dtype=bool), GEOMETRY, (HEARD,), (None,))


def test_mean_of_the_others_leaves_the_participant_out(means):
    others = means(("01", "02", "03")).others(responses("01"))
    z = {label: zscore(series) for label, series in DATA.items()}
    np.testing.assert_allclose(others.data[:, 0], zscore((z["02"] + z["03"])[:, 0] / 2), atol=1e-4)
    np.testing.assert_allclose(others.data[:, 2], zscore(z["03"][:, 2]), atol=1e-4)  # 02 has no such region
    assert others.n_others == 2
    assert others.rows.tolist() == list(range(40))


def test_nobody_else_no_ceiling(means):
    assert means(("01",)).others(responses("01")) is None


def test_a_run_of_another_length_covers_what_is_common(means):
    short = replace(responses("01"), data=zscore(DATA["01"][:30]), listenings=(replace(HEARD, volumes=np.arange(30)),))
    assert means(("01", "02", "03")).others(short).rows.tolist() == list(range(30))
