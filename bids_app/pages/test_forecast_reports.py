from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from bids_app.analyses.forecast_files import passing_at, read_forecast
from bids_app.analyses.variance.report import draw_variance
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.pages.group import write_group_report
from bids_app.pages.participant import write_participant_report
from bids_app.pages.test_reports import both, read
from bids_app.report import page as sheet
from bids_app.report.conftest import map_of, maps_of, table_of
from bids_app.report.conftest_forecast import Sample
from bids_app.report.figures import draw_maps
from bids_app.report.panels import Panel
from bids_app.report.results import find_results
from bids_app.report.scales import PositionScale, Scale
from bids_app.report.test_regions import HEXADECIMAL, keep

NAMES = ("a", "b", "c", "d", "e & f", "g")
HEADINGS = {
    "forecast": "Where do words ahead add to it?",
    "curves": "How far ahead, and is it more than the controls?",
    "distance": "Which distance is best at each location?",
    "depth": "How deep in the model do the forecasts lie?",
    "variance": "What do past, present and coming words explain uniquely?",
}


def parcels(**more: Any) -> Sample:
    n = len(NAMES)
    first = np.arange(n) < 3
    regions = {"networks": {"Now": first, "Then <b>": ~first}}
    regions["parcels"] = {name: np.arange(n) == index for index, name in enumerate(NAMES)}
    geometry = ParcelGeometry("x", NAMES, tuple(np.where(first, "Now", "Then <b>")))
    distances = tuple(range(-4, 13, 4))
    planted = (np.where(first, 0.0, 8.0), np.array([0.0, 0.002, 0.004, 0.02, 0.02, 0.02]), np.where(first, 0.3, 0.8))
    return Sample(geometry, regions, *planted, noise=0.001, n_layers=4, distances=distances, **more)


@pytest.fixture(scope="module")
def out_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two models, so that the depths are compared."""
    folder = tmp_path_factory.mktemp("forecast")
    parcels().write(folder)
    parcels(model="other", rng=np.random.default_rng(1)).write(folder)
    return folder


@pytest.mark.parametrize("level", ["group", "001"])
def test_every_section_is_shown(out_dir: Path, level: str) -> None:
    page = read(write_group_report(out_dir) if level == "group" else write_participant_report(out_dir, level))
    for heading in HEADINGS.values():
        assert heading in page.text
    names = {name.partition("_")[0] for name in page.figures}
    assert names >= {
        "brainscore", "forecast", "forecastcurve", "forecastnetworks", "forecastregions", "depth", "depthmap",
        "variance", "variancetotal", "varianceunique",
    }  # fmt: skip
    assert ("distances" in names) == (level == "group")
    (depth,) = (
        image["alt"] for image in page.images if "desc-depth_" in image.get("file", "")
    )  # both models in one figure
    assert "everywhere, gpt2: " in depth
    assert "everywhere, other: " in depth
    assert "Then <b>" in page.text
    assert "noisy values" in page.text
    assert "a window spans 7 words and one volume of the scanner sums about 4.1" in page.text
    assert "% of the mean ceiling" in page.text
    # An analysis that was not run has no section.
    assert "Which atoms link to which networks?" not in page.text


def test_the_head_has_the_forecast(out_dir: Path) -> None:
    page = read(write_group_report(out_dir))
    results = find_results(out_dir, None)[0]
    curves = table_of(results, "forecast").query("region == 'all' and window == 'distance'").set_index("distance")
    peaks = table_of(results, "forecastdistance").set_index("region").loc["all"]
    mean, base = curves["mean"][8], curves["base"][8]
    q = map_of(results, "forecast", "q", "distance+8")
    assert (
        f"+{mean:.4f} at distance 8, +{100 * mean / base:.0f} % of R; q < 0.05 in {(q < 0.05).sum()} of 6" in page.text
    )
    assert f"{peaks['group_curve']:g} words; 95 % interval {peaks['low']:g} to {peaks['high']:g}" in page.text
    depth = table_of(results, "forecastdepthpeak").set_index("region").loc["all"]
    assert f"{100 * depth['fraction']:.0f} % of the depth" in page.text


def panels_of(out_dir: Path, write: Callable[..., object]) -> dict[str, tuple[Panel, PositionScale | Scale]]:
    with patch.object(sheet, "draw_maps", wraps=draw_maps) as draw:
        write(out_dir)
    return {panel.title: (panel, call.args[2]) for call in draw.call_args_list for panel in call.args[0]}


def test_the_maps_drawn_are_those_of_the_group(tmp_path: Path) -> None:
    parcels().write(tmp_path, ("forecast", "variance"))
    results = find_results(tmp_path, None)[0]
    q = maps_of(results, "forecast", "q").values < 0.05
    assert (q[0] != q[-2]).any()  # else the next assertions would not tell the maps apart
    panels = panels_of(tmp_path, write_group_report)
    tested, scale = panels["F at distance 8, the one that is tested"]
    np.testing.assert_array_equal(tested.values, map_of(results, "forecast", "mean", "distance+8"))
    np.testing.assert_array_equal(tested.passing, map_of(results, "forecast", "q", "distance+8") < 0.05)
    assert scale.diverging
    ahead, _ = panels["F(8) − F(0): gained by looking ahead"]
    contrast = maps_of(results, "forecastcontrast", "mean").values[0]
    np.testing.assert_array_equal(ahead.values, contrast)
    np.testing.assert_allclose(
        contrast,
        map_of(results, "forecast", "mean", "distance+8") - map_of(results, "forecast", "mean", "distance+0"),
        atol=1e-6,
    )
    np.testing.assert_array_equal(ahead.passing, maps_of(results, "forecastcontrast", "q").values[0] < 0.05)
    distance, positions = panels["d* of the group's mean curve"]
    np.testing.assert_array_equal(distance.values, map_of(results, "forecastdistance", "d", "group-curve"))
    assert positions.low <= min(0, np.nanmin(distance.values))
    assert positions.high == 16
    _, scale = panels["All words together"]
    assert scale.diverging  # of noise half is below zero; on a scale from zero it would look like an effect
    future, _ = panels["Unique to words ahead (distance 8)"]
    np.testing.assert_array_equal(future.values, map_of(results, "variance", "mean", "future"))


def test_a_map_without_a_test_is_as_full_as_the_tested_one(tmp_path: Path) -> None:
    sample = parcels()
    replace(sample, peak=sample.peak + 4).write(tmp_path, ("forecast",))
    panels = panels_of(tmp_path, lambda out: write_participant_report(out, "001"))
    tested = panels["F at distance 8, the one that is tested"][0]
    peak = next(panel for title, (panel, _) in panels.items() if title.endswith("(not tested)"))
    results = find_results(tmp_path, "001")[0]
    everywhere = read_forecast(results).whole
    assert everywhere is not None
    at_peak = f"distance{int(everywhere.peak):+d}"
    np.testing.assert_array_equal(peak.values, map_of(results, "forecast", "r", at_peak))
    np.testing.assert_array_equal(peak.passing, tested.passing)
    assert passing_at(results, maps_of(results, "forecast", "r"), "forecast", at_peak) is None


@pytest.mark.parametrize(
    ("gone", "sentence"),
    [
        ("stat-mean_desc-forecast_", "No forecast score"),
        ("desc-forecast_networks", "No curves of F over distance"),
        ("stat-d_desc-forecastdistance", "No map of d*."),
        ("desc-forecastdepth_networks", "No curves of F over depth"),
        ("stat-fraction", "No map of the best layer"),
        ("stat-mean_desc-variance", "No unique variance"),
    ],
)
def test_a_missing_file_is_one_sentence(tmp_path: Path, gone: str, sentence: str) -> None:
    parcels().write(tmp_path)
    for path in (tmp_path / "group").glob(f"*{gone}*"):
        path.unlink()
    assert sentence in read(write_group_report(tmp_path)).text


@pytest.mark.parametrize("analysis", ["brainscore", "forecast", "depth", "variance"])
def test_only_sections_of_analyses_that_were_run_are_shown(tmp_path: Path, analysis: str) -> None:
    parcels(n_participants=3).write(tmp_path, (analysis,))
    shown = {
        "brainscore": set(),
        "forecast": {"forecast", "curves", "distance"},
        "depth": {"depth"},
        "variance": {"variance"},
    }[analysis]
    for page in (read(write_group_report(tmp_path)), read(write_participant_report(tmp_path, "001"))):
        for section, heading in HEADINGS.items():
            assert (heading in page.text) == (section in shown)


def test_nowhere_significant_is_reported(tmp_path: Path) -> None:
    sample = parcels()
    replace(sample, gain=0 * sample.gain, n_participants=3).write(tmp_path, ("forecast",))
    page = read(write_group_report(tmp_path))
    assert "No map of d*: nowhere is F(8) − F(0) significant (q < 0.01)." in page.text
    participant_page = read(write_participant_report(tmp_path, "001"))
    assert "so all is hollow: noise decides" in participant_page.text


def test_parcels_without_networks_have_charts_of_their_own(tmp_path: Path) -> None:
    sample = parcels(n_participants=3)
    replace(sample, regions={"parcels": sample.regions["parcels"]}).write(tmp_path, ("depth", "variance"))
    for page in (read(write_group_report(tmp_path)), read(write_participant_report(tmp_path, "001"))):
        alts = {image["file"].partition("desc-")[2].partition("_")[0]: image["alt"] for image in page.images}
        for name in NAMES:
            assert f"{name}: " in alts["depth"]
            assert f"{name}: present" in alts["variance"]
        assert "per parcel" in alts["variance"]


def test_on_a_surface(tmp_path: Path) -> None:
    n = 10_242
    everywhere = np.ones(2 * n, bool)
    sample = Sample(
        SurfaceGeometry("fsaverage5", n, n), {"networks": {"One": everywhere}}, np.full(2 * n, 8.0),
        np.full(2 * n, 0.01), np.full(2 * n, 0.5), n_participants=2, n_layers=2, distances=(-4, 0, 8),
    )  # fmt: skip
    sample.write(tmp_path, ("forecast", "depth"))
    page = read(write_participant_report(tmp_path, "001"))
    names = ("front", "forecast", "forecastcurve", "forecastnetworks", "depth", "forecastdistance", "depthmap")
    assert page.figures == both(*names)


def test_medians_are_of_the_places_in_full_colour(out_dir: Path) -> None:
    text = read(write_participant_report(out_dir, "001")).text
    results = find_results(out_dir, "001")[0]
    full = map_of(results, "forecast", "q", "distance+8") < 0.05
    assert 0 < full.sum() < 6
    distance, depth = (maps_of(results, desc, stat).values[0][full] for desc, stat in
                       (("forecastdistance", "d"), ("forecastdepth", "fraction")))  # fmt: skip
    assert f"Median there: {np.median(distance):g} words." in text
    assert f"Median there: {100 * np.median(depth):.0f} % of the depth." in text


def test_a_tiny_unique_variance_looks_tiny(out_dir: Path) -> None:
    rows = read_table(next((out_dir / "group").glob("*desc-variance_networks.tsv"))).query("atlas == 'all'")
    small = rows["space"] == "present"
    rows.loc[small, ["mean", "low", "high"]] = [-1e-6, -2e-6, 0]
    left, right = (axes.get_xlim() for axes in draw_variance(rows[rows["space"] != "total"]).axes)
    assert left[0] <= right[0]
    assert left[1] >= right[1]


def test_marks_of_the_unique_variance(out_dir: Path) -> None:
    path = next((out_dir / "group").glob("*desc-variance_networks.tsv"))
    rows = read_table(path).query("atlas in ('all', 'networks') and space != 'total'")
    left, right = draw_variance(rows).axes
    dots = {
        axes: [kind for kind in axes.collections if len(np.asarray(kind.get_offsets())) == 3] for axes in (left, right)
    }
    for axes, spaces in ((left, ["present"]), (right, ["past", "future"])):
        shown = [np.asarray(kind.get_offsets())[:, 0] for kind in dots[axes]]
        wanted = [rows[rows["space"] == space]["mean"] for space in spaces]
        np.testing.assert_allclose(shown, wanted)


def test_curves_of_networks_have_the_colours_of_the_atlas(tmp_path: Path) -> None:
    geometry, first = SurfaceGeometry("fsaverage5", 3, 3), np.arange(6) < 3
    regions = {"networks": {"DefaultA": first, "DefaultB": ~first}}
    peak, depth = np.where(first, 0.0, 8.0), np.where(first, 0.3, 0.8)
    sample = Sample(geometry, regions, peak, np.full(6, 0.02), depth, noise=0.001, distances=tuple(range(-4, 13, 4)))
    sample.write(tmp_path)
    keep(tmp_path, geometry)
    read(write_group_report(tmp_path))
    figures = {path.name.partition("desc-")[2]: path.read_text() for path in tmp_path.glob("group/figures/*.svg")}
    for name in ("forecastnetworks", "distances", "depth", "regionsbrainscore"):
        for colour in (HEXADECIMAL["DefaultA"], HEXADECIMAL["DefaultB"]):
            assert colour in figures[f"{name}_figure.svg"], name
