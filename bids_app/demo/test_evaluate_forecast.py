from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import SidecarFields, write_maps
from bids_app.demo.cortex import N_VERTICES, load_cortex, make_grid
from bids_app.demo.derivative import write_atlas
from bids_app.demo.evaluate import evaluate
from bids_app.demo.truth import ForecastTruth, write_forecast_truth
from bids_app.stats.arrays import AnyArray

Demo = tuple[Path, dict[str, tuple[Geometry, AnyArray]]]
DISTANCES = list(range(-10, 31))
NAMES = ("One", "Two", "Three", "Four")
N_LAYERS = 6
REGIONS = pd.DataFrame(
    [("Two", "present", 0, 4), ("Four", "ahead", 8, 4), ("One", "nothing", None, None)],
    columns=["region", "planted", "ahead", "layer"],
).astype({"ahead": "Int64", "layer": "Int64"})
PEAKS = {"Two": -2, "Four": 9}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo's atlas and truth, the geometry of both spaces, and the label of each target in them."""
    folder = tmp_path_factory.mktemp("demo")
    cortex = load_cortex()
    grid = make_grid(cortex)
    labels = np.where(cortex.is_cortex, 1 + np.arange(2 * N_VERTICES) * 4 // (2 * N_VERTICES), 0)
    write_atlas(folder / "derivatives" / "atlas", "Demo", labels, NAMES, grid)
    courses = pd.DataFrame({"story": ["tale"], "volume": [0], "kept": [True]})
    write_forecast_truth(folder, ForecastTruth(REGIONS, courses, {"plant": "forecast", "model_label": "gpt2"}))
    voxels = np.where(grid.in_ribbon, labels[grid.nearest], 0)
    spaces: dict[str, tuple[Geometry, AnyArray]] = {
        "fsaverage5": (SurfaceGeometry("fsaverage5", N_VERTICES, N_VERTICES), labels),
        "MNI152NLin6Asym": (VolumeGeometry("MNI152NLin6Asym", grid.affine, grid.brain), voxels),
    }
    return folder, spaces


def write(out_dir: Path, who: str, geometry: Geometry, labels: AnyArray, shift: int = 0, depth: bool = True) -> None:
    """Write scores whose curves peak where planted, moved by `shift`; half the targets of each region are significant.

    A target in ten peaks at 30; there is no value where there is no label.
    """
    rng = np.random.default_rng(0)
    gains = np.full((len(DISTANCES), len(labels)), np.nan, dtype=np.float32)
    layers, p = np.full((N_LAYERS, len(labels)), np.nan, dtype=np.float32), np.full(len(labels), np.nan)
    for number, name in enumerate(NAMES, start=1):
        inside = np.flatnonzero(labels == number)
        gains[:, inside] = 0.01 * rng.standard_normal((len(DISTANCES), len(inside)))
        if name in PEAKS:
            bump = np.exp(-np.square((np.array(DISTANCES) - PEAKS[name] - shift) / 6))
            gains[:, inside] += 0.2 * bump[:, None]
            gains[-1, inside[::10]] += 5
        layers[:, inside] = np.exp(-np.square(np.arange(1, N_LAYERS + 1) - 5))[:, None]
        p[inside] = np.where(np.arange(len(inside)) % 2, 0.03, 0.3)
    entities = {"sub": who, "task": "tale", "model": "gpt2"}
    sidecar = SidecarFields([], {}, "", extra={"Distances": DISTANCES, "TestedDistance": 8})

    def save(what: str, stat: str, values: AnyArray, names: list[str]) -> None:
        write_maps(out_dir, entities | {"stat": stat, "desc": what}, geometry, values, names, sidecar)

    save("forecast", "r", gains, [f"distance{d:+d}" for d in DISTANCES])
    save("forecast", "p", p[None], ["distance+8"])
    if depth:
        save("forecastdepth", "r", layers, [f"layer-{n + 1:02d}" for n in range(N_LAYERS)])


@pytest.mark.parametrize("space", ["fsaverage5", "MNI152NLin6Asym"])
def test_what_was_written_is_reported(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str], space: str
) -> None:
    folder, spaces = demo
    for who, shift in (("01", 0), ("02", 2)):
        write(tmp_path, who, *spaces[space], shift)
    table = evaluate(folder, tmp_path)
    assert table["participant"].tolist() == ["01"] * 3 + ["02"] * 3 + ["group"] * 3
    assert table["region"].tolist() == ["Two", "Four", "One"] * 3
    assert set(table["space"]) == {space}
    driven = table[table["planted"] != "nothing"]
    np.testing.assert_allclose(driven["d"], [-2, 9, 0, 11, -1, 10], atol=1)
    assert driven["d_curve"].tolist()[:4] == [30] * 4  # a tenth of the targets gains so much
    ahead, nothing = table[table["planted"] == "ahead"], table[table["planted"] == "nothing"]
    assert ahead["gain"].iloc[0] == pytest.approx(0.2 * np.exp(-1 / 36), abs=1e-3)
    assert ahead["gain"].iloc[2] == pytest.approx(ahead["gain"].iloc[:2].mean(), abs=1e-6)
    assert nothing["gain"].abs().max() < 1e-3
    assert nothing["spread"].iloc[0] == pytest.approx(0.01, rel=0.1)
    assert table["significant"].to_numpy() == pytest.approx(0.5, abs=0.01)
    assert (table["k"] == 5).all()
    assert driven["planted_layer"].tolist() == [4] * 6
    assert "significant" in capsys.readouterr().out


def test_depth_may_be_missing_and_one_participant_is_no_group(demo: Demo, tmp_path: Path) -> None:
    folder, spaces = demo
    geometry, labels = spaces["fsaverage5"]
    write(tmp_path, "01", geometry, labels, depth=False)
    table = evaluate(folder, tmp_path)
    assert set(table["participant"]) == {"01"}
    assert table["k"].isna().all()


def test_spaces_are_kept_apart(demo: Demo, tmp_path: Path) -> None:
    folder, spaces = demo
    for where in spaces.values():
        write(tmp_path, "01", *where)
    assert evaluate(folder, tmp_path)["space"].value_counts().to_dict() == dict.fromkeys(spaces, 3)


def test_missing_results_say_which_analysis_makes_them(demo: Demo, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="--analysis forecast depth"):
        evaluate(demo[0], tmp_path)
