import re
from collections.abc import Sequence
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from bids_app.bids.geometry import SurfaceGeometry
from bids_app.pages.conftest_browser import Browser, labels_of, write_words
from bids_app.pages.participant import write_participant_report
from bids_app.report.conftest import NETWORKS, N, Writer, links_table, scores_table, write_surface
from bids_app.report.interactive import view as view_module

FUNC = "sub-001/func"
STEM = "sub-001_task-pieman_hemi-{}_space-fsaverage5_model-gpt2_stat-{}_desc-{}_statmap.func.gii"


def stored(page: Path, stat: str, desc: str, row: int) -> Any:
    """A map of both hemispheres as nibabel reads it."""
    files = [nibabel.load(page.parent / FUNC / STEM.format(hemi, stat, desc)) for hemi in "LR"]
    return np.concatenate([file.darrays[row].data for file in files])


def number(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


def told_value(browser: Browser) -> float:
    """The value in the text about the place that was chosen."""
    match = re.search(r": (−?[\d.e-]+|no value) \(", browser.text("#view-picked"))
    assert match
    return float("nan") if match[1] == "no value" else number(match[1])


def told_vertex(browser: Browser) -> int:
    match = re.search(r"Vertex (\d+), (left|right)", browser.text("#view-picked"))
    assert match
    return int(match[1]) + N * (match[2] == "right")


def test_the_page_asks_for_nothing_and_reports_no_error(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    assert browser.page.evaluate("Boolean(window.n2nView)")
    assert browser.said == []
    assert [url for url in browser.asked if not url.startswith(("data:", "blob:"))] == [surface_page.as_uri()]
    assert surface_page.stat().st_size < 15e6


def test_the_threshold_colours_what_the_file_has(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    z = stored(surface_page, "z", "atoms", 1)
    browser.choose("Atom 2")
    for thousandths in (0, 300, 700):
        browser.threshold(thousandths)
        cut = thousandths / 1000 * np.abs(z).max()
        told = number(browser.text("#view-count").split(" of ")[0])
        step = np.abs(z).max() / 32_767  # of the quantisation
        assert np.sum(np.abs(z) >= cut + step) <= told <= np.sum(np.abs(z) >= cut - step)
        assert f"of {len(z):,} vertices" in browser.text("#view-count")


def test_only_significant_places_of_one_network(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    r, q = stored(surface_page, "r", "brainscore", 1), stored(surface_page, "q", "brainscore", 1)
    assert browser.page.eval_on_selector("#view-map", "e => e.selectedOptions[0].text") == "Brain score of layer 2"
    browser.page.check("#view-passing")
    browser.page.select_option("#view-network", label="Default")
    inside = labels_of(2 * N) == NETWORKS.index("Default") + 1
    shown = number(browser.text("#view-count").split(" of ")[0])
    assert shown == np.sum((q < 0.05) & (r > 0) & inside)
    assert f"of {np.sum(np.isfinite(r) & inside):,} vertices of Default" in browser.text("#view-count")


@pytest.mark.parametrize("shape", ["Inflated", "Flat"])
def test_a_click_tells_the_value_of_the_file(chromium: Any, surface_page: Path, shape: str) -> None:
    browser = Browser(chromium, surface_page)
    browser.choose("Atom 3")
    browser.page.get_by_role("button", name=shape, exact=True).click()
    z, box = stored(surface_page, "z", "atoms", 2), browser.page.locator("#view-canvas").bounding_box()
    seen = set()
    for x, y in ((0.25, 0.25), (0.75, 0.3), (0.2, 0.7), (0.8, 0.75)):
        browser.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        vertex = told_vertex(browser)
        seen.add(vertex)
        assert told_value(browser) == pytest.approx(z[vertex], abs=0.006)
        label = int(labels_of(2 * N)[vertex])
        assert f"network {[*('none',), *NETWORKS][label]}" in browser.text("#view-picked")
        assert (vertex >= N) == (x > 0.5)
    assert len(seen) == 4


def test_a_click_on_the_lateral_cortex_is_where_the_mesh_is(chromium: Any, surface_page: Path) -> None:
    from nilearn import datasets, surface

    browser = Browser(chromium, surface_page)
    box = browser.page.locator("#view-canvas").bounding_box()
    browser.page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    mesh = surface.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")["infl_left"]).coordinates
    x, y, z = mesh[told_vertex(browser)] - (mesh.max(axis=0) + mesh.min(axis=0)) / 2
    assert abs(y) < 4  # the middle of the picture
    assert abs(z) < 4
    assert x < -20  # the outer side


def test_a_vertex_is_typed_and_its_families_are_told(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    browser.choose("Atom 1")
    browser.page.get_by_label("Hemisphere").select_option("right")
    browser.page.get_by_label("Vertex").fill("4321")
    browser.page.click("#view-show")
    values = [stored(surface_page, "z", "atoms", row)[N + 4321] for row in range(4)]
    strongest = int(np.argmax(np.abs(values)))
    first = browser.text("#view-picked li >> nth=0")
    assert first.startswith(f"Atom {strongest + 1} ")
    assert f"word{strongest + 1}x0, word{strongest + 1}x1" in first
    assert told_value(browser) == pytest.approx(values[0], abs=0.006)


def _with_room_for_all_but_one(limited: Any) -> Any:
    def one_less(views: Sequence[view_module.View]) -> Any:
        kept, n_bytes = limited([replace(view, maps=view.maps[:-1], left_out=(view.maps[-1].title,)) for view in views])
        return kept, n_bytes

    return one_less


@pytest.mark.parametrize(
    ("value", "step", "told"),
    [
        (0.00557, 0.00034, "0.006"),
        (0.4512, 1.7e-5, "0.451"),
        (-0.2312, 0.087, "−0.2"),
        (-0.0004, 0.087, "0.0"),
        (12.345, 0.0005, "12.3"),
        (123.4, 0.087, "123"),
        (0, 1e-5, "0.00"),
        (3.21e-8, 1e-12, "3.21e−8"),
    ],
)
def test_no_digit_is_told_that_rounding_made(chromium: Any, value: float, step: float, told: str) -> None:
    page = chromium.new_page()
    page.add_script_tag(content=(resources.files("bids_app.report") / "scripts" / "maps.js").read_text("utf-8"))
    assert page.evaluate(f"digitsOf({value}, {step})") == told


def test_maps_of_families_without_links_are_in_the_view(
    chromium: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_surface(tmp_path)
    Writer(tmp_path, SurfaceGeometry("fsaverage5", N, N)).table("atoms", links_table(linked=()))
    write_words(tmp_path)
    browser = Browser(chromium, write_participant_report(tmp_path, "001"))
    browser.page.locator("#atom-3 summary").first.click()
    browser.page.locator("#atom-3 button[data-family]").click()
    assert browser.page.eval_on_selector("#view-map", "e => e.selectedOptions[0].text") == "Atom 3"
    monkeypatch.setattr(view_module, "limited", _with_room_for_all_but_one(view_module.limited))
    browser = Browser(chromium, write_participant_report(tmp_path, "001"))
    assert "One map is not in this page, which would be too large: Atom 3." in browser.text("#view-left-out")
    for atom, is_there in ((1, True), (3, False)):
        browser.page.locator(f"#atom-{atom} summary").first.click()
        assert browser.page.locator(f"#atom-{atom} button[data-family]").is_visible() == is_there
        assert ("Its map is not in this page" in browser.text(f"#atom-{atom}")) != is_there


def drag(browser: Browser, start: tuple[float, float], dx: float, dy: float) -> None:
    """Move the pointer from a place with its button pressed."""
    browser.page.mouse.move(*start)
    browser.page.mouse.down()
    browser.page.mouse.move(start[0] + dx, start[1] + dy, steps=4)
    browser.page.mouse.up()


def test_dragging_turns_the_cortex(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    box = browser.page.locator("#view-canvas").bounding_box()
    middle = (box["x"] + 0.25 * box["width"], box["y"] + 0.25 * box["height"])
    browser.page.mouse.click(*middle)
    before = told_vertex(browser)
    drag(browser, middle, 80, 0)
    assert told_vertex(browser) == before  # a drag is no click
    browser.page.mouse.click(*middle)
    assert told_vertex(browser) != before
    browser.page.get_by_role("button", name="Reset").click()
    browser.page.mouse.click(*middle)
    assert told_vertex(browser) == before


def test_an_enlarged_flat_map_is_moved(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    browser.page.get_by_role("button", name="Flat", exact=True).click()
    for _ in range(4):
        browser.page.get_by_role("button", name="Larger").click()
    box = browser.page.locator("#view-canvas").bounding_box()
    middle = (box["x"] + 0.25 * box["width"], box["y"] + 0.5 * box["height"])
    browser.page.mouse.click(*middle)
    before = told_vertex(browser)
    drag(browser, middle, -60, 40)
    browser.page.mouse.click(middle[0] - 60, middle[1] + 40)  # what was under the pointer has followed it
    assert told_vertex(browser) == before
    browser.page.mouse.click(*middle)
    assert told_vertex(browser) != before
    shown = told_vertex(browser)
    browser.page.get_by_role("button", name="Turn right").click()
    browser.page.mouse.click(*middle)
    assert told_vertex(browser) != shown
    browser.page.get_by_role("button", name="Reset").click()
    for _ in range(4):
        browser.page.get_by_role("button", name="Larger").click()
    browser.page.mouse.click(*middle)
    assert told_vertex(browser) == before


def test_a_volume_tells_the_voxel_that_is_clicked(chromium: Any, volume_page: Path) -> None:
    browser = Browser(chromium, volume_page)
    assert browser.said == []
    (file,) = (volume_page.parent / FUNC).glob("*stat-z_desc-atoms_statmap.nii.gz")
    image = nibabel.load(file)
    browser.choose("Atom 4")
    fields = browser.page.locator("#view-target input")
    shown = [float(field.input_value()) for field in fields.all()]
    inside = np.argwhere(np.isfinite(image.get_fdata()[..., 3]))
    crossing = (np.linalg.inv(image.affine) @ [*shown, 1])[:3].round()
    assert (inside.min(axis=0) <= crossing).all()
    assert (crossing <= inside.max(axis=0)).all()
    for voxel in inside[:: len(inside) // 4]:
        for field, at in zip(fields.all(), (image.affine @ [*voxel, 1])[:3], strict=True):
            field.fill(f"{at:.2f}")
        browser.page.get_by_role("button", name="Show this place").click()
        assert told_value(browser) == pytest.approx(image.dataobj[(*voxel, 3)], abs=0.006)
    box = browser.page.locator("#view-canvas").bounding_box()
    for x, y in ((0.2, 0.5), (0.5, 0.4), (0.85, 0.6)):
        browser.page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
        match = re.search(r"Voxel at (.*) mm", browser.text("#view-picked"))
        assert match
        place = [number(text) for text in match[1].split(", ")]
        voxel = np.rint(np.linalg.inv(image.affine) @ [*place, 1]).astype(int)[:3]
        assert told_value(browser) == pytest.approx(image.dataobj[(*voxel, 3)], abs=0.006)
    cut = 0.5 * np.nanmax(np.abs(image.get_fdata()[..., 3]))
    browser.threshold(500)
    told = number(browser.text("#view-count").split(" of ")[0])
    assert told == np.sum(np.abs(image.get_fdata()[..., 3]) >= cut)


def test_tables_sort_by_the_column_that_is_pressed(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    table = browser.page.locator("#evidence table")
    heading = table.locator("th", has_text="outcome")
    for order in (sorted, lambda names: sorted(names, reverse=True)):
        heading.locator("button").click()
        shown = [cell.strip() for cell in table.locator("tbody td:nth-child(3)").all_inner_texts()]
        assert shown == order(["passed", "failed", "open"])
    assert heading.get_attribute("aria-sort") == "descending"


def test_missing_values_come_last_in_either_order(chromium: Any, tmp_path: Path) -> None:
    write_surface(tmp_path)
    table = scores_table().assign(note=[0.2, np.nan, -0.1, 1e-5, 3.0, np.nan, 12.0, 0.0])
    Writer(tmp_path, SurfaceGeometry("fsaverage5", N, N)).table("overnuisance", table)
    Writer(tmp_path, SurfaceGeometry("fsaverage5", N, N)).maps("overnuisance", "r", np.ones((1, 2 * N)), ["layer-01"])
    browser = Browser(chromium, write_participant_report(tmp_path, "001"))
    block = browser.page.locator("details:has(> summary:text('gain over the nuisance band by region'))")
    block.evaluate("e => { e.open = true; }")
    place = list(table).index("note") + 1
    for expected in (
        ["-0.100", "0", "1e-05", "0.200", "3", "12", "–", "–"],
        ["12", "3", "0.200", "1e-05", "0", "-0.100", "–", "–"],
    ):
        block.locator("th", has_text="note").locator("button").click()
        assert block.locator(f"tbody td:nth-child({place})").all_inner_texts() == expected


def test_tables_fit_a_phone(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    for width, shown in ((1440, "table-cell"), (400, "block")):
        browser.page.set_viewport_size({"width": width, "height": 900})
        for table in ("#evidence table", "table.summary"):
            cell = browser.page.locator(f"{table} td").first
            assert cell.evaluate("e => getComputedStyle(e).display") == shown
            box = browser.page.locator(f".scroll:has({table.split()[-1]})").first
            assert box.evaluate("e => e.scrollWidth <= e.clientWidth")
    hidden = browser.page.evaluate(  # a long name of a column takes more lines than its value, and covers no other
        "[...document.querySelectorAll('#evidence td')].filter(cell => {"
        " cell.dataset.name = 'mean framewise displacement (mm)';"
        " return cell.scrollHeight > cell.clientHeight + 1; }).length"
    )
    assert hidden == 0
    browser.page.reload()
    cell = browser.page.locator("#evidence td").nth(1)
    assert cell.evaluate("e => getComputedStyle(e, '::before').content") == '"check"'


def test_letters_of_figures_can_be_read_on_a_phone(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)
    browser.page.set_viewport_size({"width": 400, "height": 900})
    pictures = browser.page.locator("figure img:visible")
    widths = [picture.bounding_box()["width"] for picture in pictures.all()]
    assert max(widths) >= 750  # pictures 10 inches wide scroll
    assert browser.page.evaluate("document.documentElement.scrollWidth") <= 400
    browser.page.set_viewport_size({"width": 1440, "height": 900})
    assert all(picture.bounding_box()["width"] <= 1240 for picture in pictures.all())


def test_cards_are_sorted_searched_linked_and_shown(chromium: Any, surface_page: Path) -> None:
    browser = Browser(chromium, surface_page)

    def cards() -> list[str]:
        return [text.split("\n")[0] for text in browser.page.locator(".card:visible .name").all_inner_texts()]

    linked = [f"Atom {atom}" for atom in (2, 3)]  # of the table of links
    assert links_table().query("linked")["atom"].tolist() == [2, 3]
    assert cards() == [*linked, "Atom 1", "Atom 4"]
    browser.page.select_option("[data-sorts]", label="nuisance band")
    assert cards() == ["Atom 4", "Atom 3", "Atom 2", "Atom 1"]
    browser.page.fill("[data-filters=cards-1]", "word2x1")
    assert cards() == ["Atom 2"]
    browser.page.fill("[data-filters=cards-1]", "")
    browser.page.goto(f"{surface_page.as_uri()}#family-3")  # as it is called with families
    assert browser.page.locator("#atom-3 details.main").get_attribute("open") is not None
    assert "the furry cat < dog" in browser.text("#atom-3 .passages")
    browser.page.locator("#atom-3 button[data-family]").click()
    assert browser.page.eval_on_selector("#view-map", "e => e.selectedOptions[0].text") == "Atom 3"


def test_a_picture_stands_in_without_scripts_and_in_print(chromium: Any, surface_page: Path) -> None:
    still, live = "#view .still img", "#view-canvas"
    silent = Browser(chromium, surface_page, java_script_enabled=False)
    assert silent.page.locator(still).is_visible()
    assert not silent.page.locator(live).is_visible()
    browser = Browser(chromium, surface_page)
    assert browser.page.locator(live).is_visible()
    assert not browser.page.locator(still).is_visible()
    browser.page.emulate_media(media="print")
    assert browser.page.locator(still).is_visible()
    assert not browser.page.locator(live).is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 400])
def test_everybody_can_use_the_page(chromium: Any, surface_page: Path, width: int, scheme: str) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-playwright-python")
    browser = Browser(chromium, surface_page, color_scheme=scheme, bypass_csp=True)
    browser.page.set_viewport_size({"width": width, "height": 900})
    assert browser.page.evaluate("document.documentElement.scrollWidth") <= width
    for block in browser.page.locator("details").all()[:6]:
        block.evaluate("e => { e.open = true; }")
    found = axe.Axe().run(browser.page).response["violations"]
    serious = {
        one["id"]: [node["html"][:200] for node in one["nodes"][:3]]
        for one in found
        if one["impact"] in ("serious", "critical")
    }
    assert serious == {}
