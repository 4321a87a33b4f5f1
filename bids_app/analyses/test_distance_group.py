import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy.stats import bootstrap, false_discovery_control, wilcoxon

from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry import SurfaceGeometry
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.inputs.atlases import write_atlas, write_regions
from bids_app.run.group import run_group
from bids_app.settings import Settings

DISTANCES = [-2, -1, 0, 1, 2, 3, 4, 5, 6]
TESTED = 4
N_VERTICES = 20  # of a hemisphere: the present word leads the left one, words ahead the first half of the right one
GEOMETRY = SurfaceGeometry("test", N_VERTICES, N_VERTICES)
BROKEN = 37  # a vertex without data in one participant
ENTITIES = {"task": "tale", "space": "test", "model": "small"}
LEVEL = 0.15
NUMBERS = {"tested_distance": TESTED, "random_seed": 0}


def bump(at: int) -> npt.NDArray[np.float64]:
    return np.exp(-((np.array(DISTANCES) - at) ** 2) / 4)


def make_scores(
    n: int, seed: int = 1
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """F (n, n_distances, n_targets), R of the present word, negative in the last, and F of random windows."""
    rng = np.random.default_rng(seed)
    scores = 0.01 * rng.standard_normal((n, len(DISTANCES), GEOMETRY.n_targets))
    scores[:, :, :20] += 0.03 * bump(0)[:, None]
    scores[:, :, 20:30] += 0.05 * bump(5)[:, None]
    base = 0.1 + 0.02 * rng.standard_normal((n, 1, GEOMETRY.n_targets))
    base[-1] = -0.1
    random = 0.005 * rng.standard_normal((n, 2, GEOMETRY.n_targets))
    for values in (scores, base, random):
        values[0, :, BROKEN] = np.nan
    return scores.astype(np.float32), base.astype(np.float32), random.astype(np.float32)


def writer_of(out: Path, label: str, geometry: SurfaceGeometry = GEOMETRY, **entities: Any) -> Writer:
    return Writer(out, {"sub": label, **ENTITIES, **entities}, [], NUMBERS, lambda: geometry)


def write_scores(
    out: Path,
    scores: npt.NDArray[np.float32],
    base: npt.NDArray[np.float32],
    random: npt.NDArray[np.float32],
    distances: list[int] = DISTANCES,
) -> None:
    names = [f"distance{d:+d}" for d in distances]
    for row, participant_scores in enumerate(scores):
        writer = writer_of(out, f"{row + 1:02d}")
        writer.maps("forecastbase", "r", base[row], ["present"])
        writer.maps("forecastrandom", "r", random[row], ["random-1", "random-2"])
        fields = {"Distances": list(distances), "TestedDistance": TESTED, "Window": 7, "Layer": 2, "Fraction": 0.5}
        writer.maps("forecast", "r", participant_scores, names, **fields)


def write_labels(folder: Path, name: str, labels: npt.NDArray[np.int64], regions: list[str]) -> str:
    for side, half in zip("lr", np.split(labels, 2), strict=True):
        colours = np.array([[10 * i, 20, 30, 0, 0] for i in range(len(regions))])
        nibabel.freesurfer.write_annot(folder / f"{side}h.{name}.annot", half, colours, regions, fill_ctab=True)
    return str(folder / f"lh.{name}.annot")


def settings_of(folder: Path, **more: Any) -> Settings:
    return Settings(folder, folder / "out", "group", **more)


def table_of(out: Path, desc: str) -> pd.DataFrame:
    (output,) = find_outputs(out, "networks", "group", desc=desc)
    return read_table(output.paths[0])


def group_maps(out: Path, desc: str, stat: str) -> tuple[npt.NDArray[np.float32], dict[str, Any]]:
    (output,) = find_maps(out, desc, stat, "group")
    return output.load()[0], output.sidecar


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """The group level of ten participants, with an atlas of networks and one of regions."""
    folder = tmp_path_factory.mktemp("group")
    half = np.repeat([1, 2], 10)
    atlas = write_labels(folder, "Nets", np.concatenate([half * 0 + 1, half * 0 + 2]), ["Unknown", "Now", "Later"])
    regions = write_labels(folder, "Parts", np.tile(half, 2), ["Medial_wall", "Front", "Back"])
    settings = settings_of(folder, atlas=atlas, regions=regions, significance=LEVEL)
    scores, base, random = make_scores(10)
    write_scores(settings.out_dir, scores, base, random)
    write_atlas(GEOMETRY, settings)
    write_regions(GEOMETRY, settings)
    run_group(settings, "group")
    return SimpleNamespace(out=settings.out_dir, scores=scores.astype(float), base=base, random=random)


def test_maps_of_each_distance_against_scipy(done: SimpleNamespace) -> None:
    mean, sidecar = group_maps(done.out, "forecast", "mean")
    expected = done.scores.mean(axis=0)
    expected[:, BROKEN] = np.nan
    np.testing.assert_allclose(mean, expected, atol=1e-7)
    assert sidecar["Distances"] == DISTANCES
    assert sidecar["Maps"][0] == "distance-2"
    p = np.asarray(wilcoxon(done.scores, axis=0).pvalue)
    known = np.arange(GEOMETRY.n_targets) != BROKEN
    np.testing.assert_allclose(group_maps(done.out, "forecast", "p")[0][:, known], p[:, known], rtol=1e-6)
    q = np.stack([false_discovery_control(row) for row in p[:, known]])  # of both hemispheres together
    np.testing.assert_allclose(group_maps(done.out, "forecast", "q")[0][:, known], q, rtol=1e-6)
    np.testing.assert_allclose(group_maps(done.out, "forecastbase", "mean")[0], done.base.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(group_maps(done.out, "forecastrandom", "mean")[0], done.random.mean(axis=0), atol=1e-7)


def contrast_of(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return scores[:, DISTANCES.index(TESTED)] - scores[:, DISTANCES.index(0)]


def test_distance_is_shown_where_the_contrast_is_significant(done: SimpleNamespace) -> None:
    known = np.arange(GEOMETRY.n_targets) != BROKEN
    p = np.full(GEOMETRY.n_targets, np.nan)
    p[known] = wilcoxon(contrast_of(done.scores)[:, known], axis=0).pvalue
    np.testing.assert_allclose(group_maps(done.out, "forecastcontrast", "p")[0][0], p, rtol=1e-6)
    q = np.full(GEOMETRY.n_targets, np.nan)
    q[known] = false_discovery_control(p[known])
    shown = q < LEVEL
    assert shown.sum() > (q < 0.05).sum()
    (group, participants_mean), sidecar = group_maps(done.out, "forecastdistance", "d")
    assert np.array_equal(np.isfinite(group), shown)
    assert np.array_equal(np.isfinite(participants_mean), shown)
    np.testing.assert_array_equal(group[shown], np.array(DISTANCES)[done.scores.mean(axis=0)[:, shown].argmax(axis=0)])
    mean_of_own = np.array(DISTANCES)[done.scores.argmax(axis=1)].mean(axis=0)
    np.testing.assert_allclose(participants_mean[shown], mean_of_own[shown], rtol=1e-6)
    assert abs(np.nanmedian(group[20:]) - 5) <= 1
    assert abs(np.nanmedian(group[:20])) <= 1
    assert (sidecar["Significance"], "Note" in sidecar) == (LEVEL, False)


REGIONS = {
    ("all", "all"): range(40),
    ("networks", "Now"): range(20),
    ("networks", "Later"): range(20, 40),
    ("regions", "L_Front"): range(10),
    ("regions", "L_Back"): range(10, 20),
    ("regions", "R_Front"): range(20, 30),
    ("regions", "R_Back"): range(30, 40),
}


def over(values: npt.NDArray[np.floating], region: tuple[str, str]) -> npt.NDArray[np.floating]:
    """Mean over the targets of a region, the broken one left out."""
    return np.asarray(values[..., [target for target in REGIONS[region] if target != BROKEN]].mean(axis=-1))


def test_curves_of_regions(done: SimpleNamespace) -> None:
    table = table_of(done.out, "forecast")
    assert list(dict.fromkeys(zip(table["atlas"], table["region"], strict=True))) == list(REGIONS)
    assert len(table) == len(REGIONS) * (len(DISTANCES) + 1)
    for region in REGIONS:
        rows = table[(table["atlas"] == region[0]) & (table["region"] == region[1])]
        curve, random = rows[rows["window"] == "distance"], rows[rows["window"] == "random"]
        curves = over(done.scores, region)  # (n_participants, n_distances)
        assert curve["distance"].tolist() == DISTANCES
        np.testing.assert_allclose(curve["mean"], curves.mean(axis=0), atol=1e-7)
        np.testing.assert_allclose(curve["p"], wilcoxon(curves, axis=0).pvalue, rtol=1e-6)
        interval = bootstrap((curves,), np.mean, method="percentile", rng=5).confidence_interval
        np.testing.assert_allclose(curve[["low", "high"]].to_numpy().T, interval, atol=3e-4)
        np.testing.assert_allclose(rows["base"], over(done.base, region).mean(), rtol=1e-6)
        assert random["distance"].isna().all()
        control = over(done.random, region).mean(axis=1)
        np.testing.assert_allclose(random["mean"], control.mean(), atol=1e-7)
        np.testing.assert_allclose(random["p"], wilcoxon(control.astype(float)).pvalue, rtol=1e-6)
    assert (table["participants"] == 10).all()


def row_of(table: pd.DataFrame, place: tuple[str, str]) -> dict[str, float]:
    """The numbers of a region, in a table with atlas and region as its index."""
    numbers = table.select_dtypes("number")
    return dict(zip(map(str, numbers.columns), numbers.loc[[place]].to_numpy()[0], strict=True))


def test_peaks_of_regions(done: SimpleNamespace) -> None:
    table = table_of(done.out, "forecastdistance").set_index(["atlas", "region"])
    assert list(table.index) == list(REGIONS)
    for region in REGIONS:
        curves, row = over(done.scores, region), row_of(table, region)
        assert row["group_curve"] == DISTANCES[curves.mean(axis=0).argmax()]
        assert np.isclose(row["participants_mean"], np.array(DISTANCES)[curves.argmax(axis=1)].mean())
        contrast = curves[:, DISTANCES.index(TESTED)] - curves[:, DISTANCES.index(0)]
        assert np.isclose(row["contrast"], contrast.mean())
        assert np.isclose(row["contrast_p"], wilcoxon(contrast).pvalue)
        rng = np.random.default_rng(9)
        peaks = [curves[rng.integers(10, size=10)].mean(axis=0).argmax() for _ in range(2000)]
        interval = np.percentile(np.array(DISTANCES)[peaks], [2.5, 97.5])
        np.testing.assert_allclose([row["low"], row["high"]], interval, atol=1)
    for atlas, rows in table.groupby("atlas"):
        np.testing.assert_allclose(rows["contrast_q"], false_discovery_control(rows["contrast_p"]), err_msg=atlas)
    ahead, present, nothing = (row_of(table, ("regions", name)) for name in ("R_Front", "L_Front", "R_Back"))
    assert (ahead["group_curve"], present["group_curve"]) == (5, 0)
    assert max(ahead["split_half_p"], present["split_half_p"]) < 0.01 < nothing["split_half_p"]
    assert ahead["split_half"] < 0.5 < ahead["split_half_null"]
    assert ahead["cross_validated"] == pytest.approx(
        over(done.scores, ("regions", "R_Front")).mean(axis=0)[7], abs=0.01
    )


def test_comparison_of_models(done: SimpleNamespace) -> None:
    table = read_table(done.out / "group" / "model-comparison.tsv").set_index("measure")
    gain, base = over(done.scores, ("all", "all"))[:, DISTANCES.index(TESTED)], over(done.base, ("all", "all"))[:, 0]
    assert list(table.index) == ["F (distance+4)", "F / R (distance+4)"]
    assert np.allclose(table["mean"], [gain.mean(), (gain / base)[:-1].mean()])
    assert table["participants"].tolist() == [10, 9]  # one has no brain score to speak of
    assert (table["data"] == "task-tale space-test").all()


def test_few_participants_show_nothing_and_it_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = settings_of(tmp_path)
    write_scores(settings.out_dir, *make_scores(5))
    with caplog.at_level(logging.INFO):
        run_group(settings, "group")
    message = "with 5 participant(s) is 0.0625, above the level of 0.01: nothing can be significant."
    assert message in caplog.text
    maps, sidecar = group_maps(settings.out_dir, "forecastdistance", "d")
    assert sidecar["Note"].endswith(message)
    assert group_maps(settings.out_dir, "forecastcontrast", "q")[1]["Note"].endswith(message)
    assert np.isnan(maps).all()
    assert "shown in 0 of 39 targets" in caplog.text
    row = table_of(settings.out_dir, "forecastdistance").iloc[0]
    assert row["contrast_p"] >= 0.0625


def test_one_participant_has_means_and_peaks_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    write_scores(settings.out_dir, *make_scores(1))
    run_group(settings, "group")
    assert {m.entities["stat"] for m in find_maps(settings.out_dir, "forecast", level="group")} == {"mean"}
    row = table_of(settings.out_dir, "forecastdistance").iloc[0]
    assert np.isfinite(row["group_curve"].astype(float))
    assert row[["low", "contrast_p", "split_half"]].isna().all()


@pytest.mark.parametrize("missing", [0, TESTED])
def test_without_one_of_its_distances_there_is_no_contrast(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, missing: int
) -> None:
    settings = settings_of(tmp_path)
    scores, base, random = make_scores(8)
    kept = [d for d in DISTANCES if d != missing]
    write_scores(settings.out_dir, scores[:, [DISTANCES.index(d) for d in kept]], base, random, kept)
    run_group(settings, "group")
    assert "no contrast of distance 4 with 0" in caplog.text
    assert not find_maps(settings.out_dir, "forecastcontrast", level="group")
    assert not find_maps(settings.out_dir, "forecastdistance", level="group")
    row = table_of(settings.out_dir, "forecastdistance").iloc[0]
    assert row[["contrast", "contrast_p", "contrast_q"]].isna().all()
    assert row["group_curve"] in kept
