from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import false_discovery_control, wilcoxon

from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.run.group import run_group
from bids_app.settings import Settings

Done = tuple[Path, npt.NDArray[np.float64], npt.NDArray[np.float64]]

N, N_LAYERS = 9, 6
GEOMETRY = ParcelGeometry("mine", tuple("ABCDEFGH"), ("Early",) * 4 + ("Late",) * 4)
NAMES = [f"layer-{layer:02d}" for layer in range(1, N_LAYERS + 1)]
SPACES = ["total", "present", "future", "past"]


def planted(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """F (n, n_layers, n_targets): highest from layer 2 in the early network, from layer 5 in the late one."""
    curve = [np.exp(-((np.arange(1, N_LAYERS + 1) - best) ** 2) / 2) for best in (2, 5)]
    scores = 0.04 * rng.standard_normal((N, N_LAYERS, 8))
    return (scores + 0.05 * np.repeat(curve, 4, axis=0).T).astype(np.float32)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Done:
    folder = tmp_path_factory.mktemp("depth")
    settings = Settings(folder, folder / "out", "group")
    rng = np.random.default_rng(2)  # its own: the fixture is made again in other modules
    scores, shares = planted(rng), 0.01 * rng.standard_normal((N, 4, 8)).astype(np.float32)
    shares[:, 2, :4] += 0.02  # future words alone, early
    for row in range(N):
        entities = {"sub": f"{row + 1:02d}", "task": "tale", "seg": "mine", "model": "small"}
        writer = Writer(settings.out_dir, entities, [], {"random_seed": 0}, lambda: GEOMETRY)
        fractions = [layer / N_LAYERS for layer in range(1, N_LAYERS + 1)]
        writer.maps("forecastdepth", "r", scores[row], NAMES, Layers=list(range(1, N_LAYERS + 1)), Fractions=fractions)
        writer.maps("variance", "r2", shares[row], SPACES, Spaces=SPACES[1:])
    run_group(settings, "group")
    return settings.out_dir, scores.astype(float), shares.astype(float)


def load(out: Path, desc: str, stat: str) -> npt.NDArray[np.float32]:
    return find_maps(out, desc, stat, "group")[0].load()[0]


def table_of(out: Path, desc: str) -> pd.DataFrame:
    return read_table(find_outputs(out, "networks", "group", desc=desc)[0].paths[0])


def test_layer_maps(done: Done) -> None:
    out, scores, _ = done
    np.testing.assert_allclose(load(out, "forecastdepth", "mean"), scores.mean(axis=0), atol=1e-7)
    p = np.asarray(wilcoxon(scores, axis=0).pvalue)
    np.testing.assert_allclose(load(out, "forecastdepth", "p"), p, rtol=1e-6)
    np.testing.assert_allclose(load(out, "forecastdepth", "q")[4], false_discovery_control(p[4]), rtol=1e-6)
    group, participants_mean = load(out, "forecastdepth", "k")
    np.testing.assert_array_equal(group, scores.mean(axis=0).argmax(axis=0) + 1)
    assert (np.abs(group - np.repeat([2, 5], 4)) <= 1).all()
    np.testing.assert_allclose(participants_mean, (scores.argmax(axis=1) + 1).mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(load(out, "forecastdepth", "fraction") * N_LAYERS, [group, participants_mean], rtol=1e-6)


def test_curves_over_layers_and_their_peaks(done: Done) -> None:
    out, scores, _ = done
    late = scores[:, :, 4:].mean(axis=2)
    table = table_of(out, "forecastdepth").set_index("region").loc["Late"]
    assert table["layer"].tolist() == [1, 2, 3, 4, 5, 6]
    np.testing.assert_allclose(table["fraction"], np.arange(1, 7) / 6, atol=1e-4)
    np.testing.assert_allclose(table["mean"], late.mean(axis=0), atol=1e-6)
    assert ((table["low"] < table["mean"]) & (table["mean"] < table["high"])).all()
    peak = table_of(out, "forecastdepthpeak").set_index("region").loc["Late"]
    assert peak["group_curve"] == late.mean(axis=0).argmax() + 1 == 5
    assert np.isclose(peak["fraction"], 5 / 6, atol=1e-4)
    assert peak["participants_mean"] != peak["group_curve"]
    assert np.isclose(peak["participants_mean"], (late.argmax(axis=1) + 1).mean())
    drawn = np.random.default_rng(7).integers(N, size=(2000, N))
    peaks = late[drawn].mean(axis=1).argmax(axis=1) + 1
    np.testing.assert_allclose([peak["low"], peak["high"]], np.percentile(peaks, [2.5, 97.5]), atol=0.5)


def test_depth_in_the_comparison_of_models(done: Done) -> None:
    out, scores, _ = done
    row = read_table(out / "group" / "model-comparison.tsv").set_index("measure").loc["k* / layers"]
    fractions = (scores.mean(axis=2).argmax(axis=1) + 1) / N_LAYERS
    assert np.isclose(row["mean"], fractions.mean())
    assert (row["analysis"], row["model"], row["participants"]) == ("forecastdepth", "small", N)


def test_unique_variance(done: Done) -> None:
    out, _, shares = done
    np.testing.assert_allclose(load(out, "variance", "mean"), shares.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(load(out, "variance", "p"), wilcoxon(shares, axis=0).pvalue, rtol=1e-6)
    table = table_of(out, "variance").set_index(["region", "space"])
    early = shares[:, :, :4].mean(axis=2)
    rows = table.loc["Early"]
    assert rows.index.tolist() == SPACES
    np.testing.assert_allclose(rows["mean"], early.mean(axis=0), atol=1e-8)
    np.testing.assert_allclose(rows["p"], wilcoxon(early, axis=0).pvalue, rtol=1e-6)
    assert table["low"]["Early", "future"] > 0.01
    assert table["low"]["Late", "future"] < 0.01
