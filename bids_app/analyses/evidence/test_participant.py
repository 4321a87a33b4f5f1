"""Planted truth: parcels driven by word rate, by the model, by nothing."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.analyses.evidence.checks import leak_table, timing_table
from bids_app.analyses.evidence.conftest_world import EACH, GEOMETRY, NETWORKS, TR, World, make_world
from bids_app.analyses.evidence.participant import _layers_over_band, _score_band
from bids_app.analyses.evidence.spaces import course_designs, over_band
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_sidecar, read_table
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.inputs.band import band_of, word_rate
from bids_app.inputs.designs import pipeline_of
from bids_app.stats.standardise import zscore

WHERE = {name: slice(EACH * number, EACH * (number + 1)) for number, name in enumerate(NETWORKS)}


def writer_of(world: World) -> Writer:
    entities = {"sub": "01", "task": "tale", "seg": "mine", "model": "tiny"}
    return Writer(world.settings.out_dir, entities, [], {"random_seed": 0}, lambda: GEOMETRY)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("evidence"), seed=0)
    _layers_over_band(made.responses, made.designs, made.settings, writer_of(made))
    band = band_of(made.responses.timings, made.stories, made.settings)
    writer = writer_of(made)
    without_model = {key: value for key, value in writer.entities.items() if key != "model"}
    _score_band(band, made.responses, made.settings, Writer(writer.out_dir, without_model, [], {}, writer.geometry))
    return made


def load(world: World, desc: str, stat: str) -> np.ndarray:
    return np.asarray(find_maps(world.settings.out_dir, desc, stat)[0].load()[0][0])


def test_the_band_scores_where_word_rate_drives(world: World) -> None:
    r, q = (load(world, "nuisance", stat) for stat in ("r", "q"))
    assert r[WHERE["WordRate"]].mean() > 0.3
    assert (q[WHERE["WordRate"]] < 0.05).mean() > 0.9
    assert (q[WHERE["Nothing"]] < 0.05).sum() <= 2


def test_the_model_adds_nothing_where_word_rate_drives(world: World) -> None:
    """The model holds the word rate too: its own score there is high, and its unique variance 0 within noise."""
    gain, unique, q = (load(world, "overnuisance", stat) for stat in ("r", "r2", "q"))
    for network in ("WordRate", "Nothing"):
        where = WHERE[network]
        assert abs(unique[where].mean()) < 0.02
        assert abs(gain[where].mean()) < 3 * gain[where].std() / np.sqrt(EACH) + 0.03
        assert (q[where] < 0.05).sum() <= 2
    assert unique[WHERE["Model"]].mean() > 0.05
    assert (q[WHERE["Model"]] < 0.05).mean() > 0.7


def test_the_table_per_network_holds_the_means_of_the_maps(world: World) -> None:
    output = find_outputs(world.settings.out_dir, "networks", desc="overnuisance")[0]
    table = read_table(output.paths[0]).set_index("region")
    gain, unique, q = (load(world, "overnuisance", stat) for stat in ("r", "r2", "q"))
    assert table["gain"]["all"] == pytest.approx(gain.mean(), abs=1e-5)
    assert table["unique"]["all"] == pytest.approx(unique.mean(), abs=1e-5)
    assert table["significant"]["all"] == pytest.approx((q < 0.05).mean())
    assert table["gain"][GEOMETRY.names[3]] == pytest.approx(gain[3], abs=1e-5)
    fields = read_sidecar(output.paths[0])["Stability"]
    assert isinstance(fields, dict)
    assert fields["layer-01"] > 0.3


def test_the_sidecar_says_what_the_band_holds(world: World) -> None:
    fields = find_maps(world.settings.out_dir, "overnuisance", "r")[0].sidecar
    assert fields["Features"] == ["wordrate", "length", "frequency", "storyposition", "sentenceposition"]
    assert fields["WordFrequencies"] == "stories"
    assert fields["Envelope"] == "left out: there is no WAV file of tale"
    assert fields["Sentences"] == {"tale": "pauses"}


def test_an_atom_that_is_word_rate_adds_nothing(world: World) -> None:
    """Time courses of atoms as a space: the word rate, and what drives the parcels of the model."""
    band = band_of(world.responses.timings, world.stories, world.settings)
    rate = zscore(word_rate(world.timing, world.stories))
    content = zscore(world.responses.data[:, WHERE["Model"]].mean(axis=1))  # their weighted drivers, mostly
    for course, network in ((rate, "WordRate"), (content, "Model")):
        designs = course_designs(course[:, None], band, world.responses, world.settings)
        found = over_band(designs, world.responses, world.settings, None)
        where = WHERE[network]
        if network == "WordRate":
            assert abs(found.unique[where].mean()) < 0.02
            assert (found.gain.q < 0.05).sum() <= 2
            assert found.band[where].mean() > 0.3
        else:
            assert (found.gain.q[where] < 0.05).any()


@pytest.mark.parametrize("shift", [0, 4])
def test_a_run_shifted_by_six_seconds_is_flagged(tmp_path: Path, shift: int) -> None:
    late = make_world(tmp_path, seed=1, snr=1.0, shift=shift)
    run = type("Run", (), {"label": "sub-01_task-tale"})()
    fit = type("Fit", (), {"runs": (run,)})()
    row = timing_table(late.responses, fit, late.stories).iloc[0]
    assert abs(row["lag"] - shift) <= 1
    assert row["outcome"] == ("failed" if shift else "passed")
    if shift:
        assert f"{row['lag'] * TR:g} s too late" in row["reason"]


def test_short_runs_stay_open(tmp_path: Path) -> None:
    short = make_world(tmp_path, seed=1, n_volumes=100)
    fit = type("Fit", (), {"runs": (type("Run", (), {"label": "sub-01"})(),)})()
    row = timing_table(short.responses, fit, short.stories).iloc[0]
    assert row["outcome"] == "open"
    assert "100 volumes are too few" in row["reason"]


def test_no_leak_with_the_folds_of_the_scores(world: World) -> None:
    table = leak_table(world.responses, world.settings)
    assert (table["outcome"] == "passed").all()
    assert table["targets"].iloc[0] == 3 * EACH
    folds = pipeline_of(world.responses.timings, world.stories, world.settings).folds(len(world.responses.data))
    assert len(folds) == world.settings.folds
