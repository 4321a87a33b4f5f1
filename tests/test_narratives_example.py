"""A response to the story that has nothing to do with the model scores 0, though its listeners heard it twice."""

import numpy as np
import pytest

from bids_app.bids.outputs import find_maps
from tests.conftest import run
from tests.narratives_example import N_REGIONS, PARTICIPANTS, make

OPTIONS = ("--atoms", "8", "--atlas", "none", "--regions", "none", "--n-permutations", "200", "--omp-nthreads", "1")
# Of chance alone: the regions' mean over three participants who share one response to the story.
NOISE = 0.05


@pytest.fixture(scope="module", params=["made up", "text copy"])
def data(request, tmp_path_factory):
    metadata = None
    if request.param == "text copy":
        metadata = request.getfixturevalue("shared") / "data" / "narratives" / "ds002345-metadata.tar.gz"
        if not metadata.exists():
            pytest.skip("the text copy of Narratives is not here")
    return make(tmp_path_factory.mktemp("narratives") / "data", metadata)


@pytest.mark.parametrize("repeats", ["together", "average"])
def test_scores_are_zero(data, demo_data, tmp_path, repeats):
    model = demo_data / "sourcedata" / "models" / "gpt2"
    done = run("bids_app", data, tmp_path, "participant", "--model", model, "--repeats", repeats, *OPTIONS)
    assert done.returncode == 0, done.stderr[-4000:]
    handled = {"together": "in one fold", "average": "averaged"}[repeats]
    assert (
        f"pieman_audio in sub-001_task-pieman_run-1, sub-001_task-pieman_run-2, 562 volumes, {handled}" in done.stderr
    )
    for desc in ("brainscore", "families"):
        r, p = (_values(tmp_path, desc, stat) for stat in ("r", "p"))
        assert r.shape == (len(PARTICIPANTS), N_REGIONS)
        assert abs(r.mean()) < NOISE, desc
        assert (p < 0.05).mean() < 0.15, desc
    repeated = find_maps(tmp_path, "brainscore", "r")[0].sidecar["Repeated"]
    assert isinstance(repeated, list)
    assert [entry["Handled"] for entry in repeated] == [handled]
    assert len(repeated[0]["Runs"]) == 2
    ceiling = _values(tmp_path, "noiseceiling", "r")
    assert ceiling.mean() > 0.5  # what the others share is there


def _values(out, desc, stat):
    return np.concatenate([maps.load()[0] for maps in find_maps(out, desc, stat)])
