from html.parser import HTMLParser
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from bids_app.analyses.brainscore.report import share_of_ceiling
from bids_app.bids.derivatives import write_sidecar, write_table
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.pages.group import write_group_report
from bids_app.pages.participant import write_participant_report
from bids_app.pages.sections import summary
from bids_app.report import html, parcels
from bids_app.report import page as sheet
from bids_app.report.conftest import NETWORKS, N, Writer, links_table, maps_of
from bids_app.report.figures import draw_maps
from bids_app.report.panels import Panel
from bids_app.report.results import Maps, Results, find_results, titles, values_at
from bids_app.report.scales import Scale

VOID = {"meta", "img", "link", "br", "hr", "input", "circle", "line", "polyline", "rect"}


class Page(HTMLParser):
    """Checks that tags close in order, and keeps images and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[dict[str, str]] = []
        self.links: list[str] = []
        self.scripts = 0
        self.words: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag not in VOID:
            self.open.append(tag)
        self.scripts += tag == "script"
        if tag == "img":
            self.images.append(attributes)
        if tag == "a":
            self.links.append(attributes["href"])
            if "/figures/" in attributes["href"]:
                self.images[-1].setdefault("file", attributes["href"])  # the caption names the files of its picture

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open[-1:] not in (["script"], ["style"]):
            self.words.append(data)

    @property
    def figures(self) -> set[str]:
        """Names of the figures from their `desc` on, as PNG and as SVG."""
        return {link.partition("desc-")[2] for link in self.links if "/figures/" in link}

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def read(path: Path) -> Page:
    page = Page(path.read_text(encoding="utf-8"))
    for image in page.images:
        assert image["src"].startswith("data:image/")
        assert len(image["src"]) > 1000
        assert len(image["alt"]) > 20
    for link in page.links:
        assert link.startswith("#") or (path.parent / link).stat().st_size > 0
    assert {Path(name).stem for name in page.figures if name.endswith("png")} == {
        Path(name).stem for name in page.figures if name.endswith("svg")
    }
    return page


def both(*names: str) -> set[str]:
    return {f"{name}_figure.{ending}" for name in names for ending in ("png", "svg")}


def test_participant_report_has_everything(surface_out: Path) -> None:
    write = Writer(surface_out, SurfaceGeometry("fsaverage5", N, N))
    write.table("atoms", links_table(linked=((1, "A & <b>", "active"), (2, "Visual", "deactive"))))
    path = write_participant_report(surface_out, "001", ["task <x> & more failed"])
    page = read(path)
    assert path == surface_out / "sub-001.html"
    names = ("front", "brainscore", "bestlayer", "fit", "winner", "strongest", "layers", "links", "subgroups")
    assert page.figures == both(*names)
    assert "task <x> & more failed" in page.text
    assert "A & <b>" in page.text
    assert "<gpt2>" in page.text
    assert "We & they." in page.text
    assert "Brain score of layer 2" in page.images[0]["alt"]
    assert "beyond ±2:" in page.text  # the threshold of the settings


def test_the_maps_drawn_are_those_of_the_files(surface_out: Path) -> None:
    results = find_results(surface_out, "001")[0]
    r, q = (maps_of(results, "brainscore", stat).values[1] for stat in ("r", "q"))
    ceiling = maps_of(results, "noiseceiling", "r").values[0]
    with patch.object(sheet, "draw_maps", wraps=draw_maps) as draw:
        write_participant_report(surface_out, "001")
    panels, geometry, scale = draw.call_args_list[0].args
    np.testing.assert_array_equal(panels[0].values, r)
    np.testing.assert_array_equal(panels[0].passing, q < 0.05)
    np.testing.assert_array_equal(panels[1].values, ceiling)
    np.testing.assert_array_equal(panels[1].passing, panels[0].passing)  # a ceiling is no more significant
    counted = np.isfinite(r) & (ceiling > 0.05)
    sentence = f"the mean score is {100 * r[counted].mean() / ceiling[counted].mean():.0f} % of the mean ceiling"
    assert sentence in read(surface_out / "sub-001.html").text
    assert geometry.n_targets == 2 * N
    high = np.nanquantile(np.concatenate([v[v > 0] for v in (r, ceiling)]), 0.995)
    assert high <= scale.high <= 1.1 * high


def test_the_head_has_the_numbers(surface_out: Path) -> None:
    text = read(write_participant_report(surface_out, "001")).text
    results = find_results(surface_out, "001")[0]
    r, q = (maps_of(results, "brainscore", stat).values[1] for stat in ("r", "q"))
    assert f"{np.nanmean(r):.3f} q < 0.05 in {(q < 0.05).sum():,} of {np.isfinite(r).sum():,} vertices" in text
    assert "2 2 of 4 atoms, 2 of 3 networks" in text


def test_parcels_that_were_tested_first_are_shown_and_counted(surface_out: Path) -> None:
    write, layers = Writer(surface_out, SurfaceGeometry("fsaverage5", N, N)), ["layer-01", "layer-02"]
    half = np.arange(2 * N) < N
    r, q = np.stack([0.1 * half, 0.3 * half]), np.stack([half, np.where(half, 0.01, 0.5)])
    for stat, values in (("r", r), ("q", q), ("p", q / 2)):
        write.maps("brainscoreparcels", stat, values, layers)
    write.maps("atomsparcels", "q", q[1:], ["q"])
    write.maps("atomsparcels", "r", r[1:], ["r"])
    with patch.object(sheet, "draw_maps", wraps=draw_maps) as draw:
        text = read(write_participant_report(surface_out, "001")).text
    of_layers, of_atoms = (
        next(call.args[0] for call in draw.call_args_list if call.args[0][0].title.startswith(title))
        for title in ("Brain score of", "Held-out score")
    )
    for panels in (of_layers, of_atoms):
        assert panels[1].title == "Mean response of each parcel"
        np.testing.assert_allclose(panels[1].values, r[1])
        np.testing.assert_array_equal(panels[1].passing, half)
    assert text.count("vertices and in 50 % of parcels") >= 1
    assert text.count("by their mean response: 50 % have q < 0.05, and vertices were tested inside these.") == 2


def test_same_files_same_report(surface_out: Path) -> None:
    def content() -> dict[Path, bytes]:
        write_participant_report(surface_out, "001")
        return {p: p.read_bytes() for p in [surface_out / "sub-001.html", *(surface_out / "sub-001/figures").iterdir()]}

    assert content() == content()


def test_nothing_there(tmp_path: Path) -> None:
    page = read(write_participant_report(tmp_path, "404", ["it crashed"]))
    assert "no maps or tables" in page.text
    assert "it crashed" in page.text
    assert "no maps or tables" in read(write_group_report(tmp_path)).text


def test_a_page_of_parcels_begins_with_a_chart_and_says_why_it_has_no_interactive_map(parcels_out: Path) -> None:
    page = read(write_group_report(parcels_out))
    assert "Parcels have no positions here, so no map can be turned" in page.text
    assert page.text.index("highest of") < page.text.index("Parcels have no positions here")
    (chart,) = [image for image in page.images if "desc-front" in image["file"]]
    assert chart is page.images[0]
    assert chart["alt"].startswith("Dots. b 0.3; d 0.2; a 0.1; f & g 0; e -0.1. ")


def test_a_group_of_parcels_with_pieces_missing(parcels_out: Path) -> None:
    page = read(write_group_report(parcels_out))
    assert "sub-33: all zeros & <broken>" in page.text
    assert "traceback" not in page.text
    for sentence in ("No noise ceiling", "No comparison of models"):
        assert sentence in page.text
    assert "Which atoms" not in page.text  # the analysis was not run
    assert any("regions" in name for name in page.figures)


@pytest.mark.parametrize("linked", [(), ((0, "Default", "active"),)])
def test_links_without_maps(tmp_path: Path, linked: tuple[tuple[int, str, str], ...]) -> None:
    Writer(tmp_path, ParcelGeometry("x", ("a", "b"))).table("atoms", links_table(linked=linked))
    page = read(write_participant_report(tmp_path, "001"))
    assert ("None of the atoms is linked" in page.text) == (not linked)
    assert ("No maps that match" in page.text) == bool(linked)
    assert "No sub-groups" in page.text


def test_an_unknown_surface_is_reported_not_drawn(tmp_path: Path) -> None:
    Writer(tmp_path, SurfaceGeometry("fsLR", 5, 5)).maps("brainscore", "r", np.ones((1, 10)))
    assert "in the space fsLR are not drawn" in read(write_participant_report(tmp_path, "001")).text


def test_sweeps_and_controls_have_their_own_parts(tmp_path: Path) -> None:
    write = Writer(tmp_path, ParcelGeometry("x", ("a", "b")))
    for desc in ("atoms32", "atoms64", "atoms64Shifted"):
        write.table(desc, links_table())
    asked = find_results(tmp_path, "001")[0].variants()
    assert titles(asked) == ["32 atoms", "64 atoms", "64 atoms, shifted atoms (control)"]
    assert asked[2].variant("subgroups") == "subgroups64Shifted"


def test_volumes_with_other_masks_are_aligned() -> None:
    mask = np.zeros((2, 2, 2), bool)
    mask[0] = True
    wider = VolumeGeometry("MNI", np.eye(4), np.ones((2, 2, 2), bool))
    maps = Maps("q", np.arange(4.0)[None], ("q",), VolumeGeometry("MNI", np.eye(4), mask))
    np.testing.assert_array_equal(values_at(maps, wider), [[0, 1, 2, 3] + [np.nan] * 4])
    assert values_at(maps, VolumeGeometry("MNI", 2 * np.eye(4), mask)) is None


def test_maps_of_atoms_without_their_tables(tmp_path: Path) -> None:
    Writer(tmp_path, ParcelGeometry("x", ("a", "b"))).maps("atoms", "z", np.ones((2, 2)), ["atom-1", "atom-2"])
    text = read(write_participant_report(tmp_path, "001")).text
    assert "No table of links" in text
    assert "No brain score" not in text


def test_a_share_of_no_ceiling() -> None:
    nan = np.nan
    assert share_of_ceiling(np.array([0.1, 0.2, nan, 9]), np.array([0.2, 0.4, 0.4, 0.04])) == pytest.approx(0.5)
    assert share_of_ceiling(np.array([0.1]), np.array([0.05])) is None


def test_models_are_compared_measure_by_measure(tmp_path: Path) -> None:
    rows = [
        {"data": "d", "model": model, "analysis": "x", "measure": measure, "mean": 0.1, "low": 0.0, "high": 0.2}
        for model in ("a", "b")
        for measure in ("r", "F (distance+8)", "F / R (distance+8)", "k* / layers", "active")
    ]
    write_table(tmp_path / "group" / "model-comparison.tsv", pd.DataFrame(rows))
    page = read(write_group_report(tmp_path))
    assert page.figures == both("models", "modelsforecast", "modelsrelative", "modelsdepth")


def test_parcels_are_sorted_and_hollow_where_not_significant() -> None:
    values = np.array([0.1, np.nan, 0.3, -0.2])
    panel = Panel("r", values, np.array([False, False, True, False]))
    assert parcels.order_of(values).tolist() == [2, 0, 3]
    axes = parcels.draw([panel], list("abcd"), Scale("r", 0, 0.3)).axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["c", "a", "d"]
    _, filled, hollow = axes.collections
    np.testing.assert_allclose(np.asarray(filled.get_offsets()), [[0.3, 0]])
    np.testing.assert_allclose(np.asarray(hollow.get_offsets()), [[0.1, 1], [-0.2, 2]])


def test_markdown_is_escaped() -> None:
    text = html.markdown("# A <b>\n\nOne *two* `x<y`\n\n- a & b\n- c")
    assert text == (
        "<h4>A &lt;b&gt;</h4>\n<p>One <em>two</em> <code>x&lt;y</code></p>\n<ul><li>a &amp; b</li><li>c</li></ul>"
    )


def test_networks_have_the_colours_of_the_atlas(surface_out: Path) -> None:
    colours = ("#010203", "#a0b0c0", "#0f1e2d")
    sidecar = {"Networks": list(NETWORKS), "Colours": [list(to_rgb(colour)) for colour in colours], "Atlas": "mine"}
    geometry = SurfaceGeometry("fsaverage5", N, N)
    target = surface_out / "atlases" / "space-fsaverage5_desc-atlas_dseg"
    for path in geometry.save(np.ones((1, 2 * N)), target, ["network"]):
        write_sidecar(path, [], {}, extra=sidecar)
    linked = ((1, "A & <b>", "active"), (2, "Visual", "deactive"))
    Writer(surface_out, geometry).table("atoms", links_table(linked=linked))
    text = write_participant_report(surface_out, "001", []).read_text()
    assert all(colour in text for colour in colours)
    folder = surface_out / "sub-001" / "figures"
    for name, shown in (("links", colours), ("subgroups", colours[:2])):
        (figure,) = (path.read_text() for path in folder.glob(f"*desc-{name}_figure.svg"))
        assert all(colour in figure for colour in shown)


def test_a_network_has_one_colour_wherever_it_is_named(tmp_path: Path) -> None:
    names = ("North", "South", "West")  # of an atlas without colours: none is published
    write = Writer(tmp_path, ParcelGeometry("x", ("a", "b")))
    table = links_table(linked=((0, "West", "active"), (1, "South", "active")))
    write.table("atoms", table.assign(network=[names[NETWORKS.index(name)] for name in table["network"]]))
    (results,) = (one.variants()[0] for one in find_results(tmp_path, "001"))
    page = sheet.open_page(tmp_path, "001")
    everyone = page.network_colours(results, names)
    assert len(set(everyone.values())) == 3
    for name in names:  # as the table of a card does, which names the networks of one atom
        assert page.network_colours(results, [name]) == {name: everyone[name]}


def test_no_table_stands_at_the_head_where_there_is_no_number() -> None:
    assert summary([]) == ""
    assert summary([Results({"task": "tale"}, ())]) == ""
