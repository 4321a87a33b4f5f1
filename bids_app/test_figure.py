from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app import tools
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry
from bids_app.report.conftest import N, Writer, maps_of
from bids_app.report.results import find_results
from bids_app.report.single import Request, draw_single
from bids_app.report.surfaces import view_of


def run(out_dir: Path, *arguments: str) -> int:
    return tools.main(["figure", str(out_dir), *arguments])


def drawn(out_dir: Path, desc: str, **given: object) -> np.ndarray:
    """The pixels (h, w, 4) of the first picture of a figure of sub-001."""
    figure, _, _ = draw_single(Request(out_dir, "001", desc, **given))  # type: ignore[arg-type]
    return np.asarray(figure.axes[0].images[0].get_array())


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_a_map_is_written_in_each_format(surface_out: Path, ending: str, capsys: pytest.CaptureFixture[str]) -> None:
    target = surface_out / f"mine.{ending}"
    assert run(surface_out, "--participant-label", "sub-001", "--desc", "brainscore", "--to", str(target)) == 0
    starts = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}
    content = target.read_bytes()
    assert content.startswith(starts[ending])
    out = capsys.readouterr().out
    assert "held-out Pearson r: layer-01, layer-02. Full colour: q < 0.05; elsewhere paler." in out
    assert "paler. Participant 001, task pieman, space fsaverage5, model gpt2." in out
    assert run(surface_out, "--participant-label", "001", "--desc", "brainscore", "--to", str(target)) == 0
    assert target.read_bytes() == content  # no dates


def test_the_name_of_the_file_is_that_of_the_result(
    surface_out: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(surface_out)
    assert run(surface_out, "--participant-label", "001", "--desc", "atoms", "--map", "2", "--stat", "z") == 0
    name = "sub-001_task-pieman_space-fsaverage5_model-gpt2_stat-z_desc-atoms_figure.svg"
    assert (surface_out / name).is_file()
    assert "atom-02" in capsys.readouterr().out


def test_only_what_passes_a_threshold_is_coloured(surface_out: Path) -> None:
    maps = maps_of(find_results(surface_out, "001")[0], "atoms", "z")
    values = maps.named("atom-03")
    assert values is not None
    pixels = drawn(surface_out, "atoms", stat="z", maps=("atom-03",), threshold=1.5, views=("lateral",))
    view = view_of("left", "lateral")
    shown = (view.lit @ (np.abs(values[:N]) >= 1.5).astype(np.float32)).reshape(view.grey.shape)
    coloured = np.abs(pixels[..., :3].astype(int) - pixels[..., :1]).max(axis=-1) > 2
    inside = view.opaque == 1
    assert not coloured[inside & (shown == 0)].any()
    assert coloured[inside & (shown > 0.5)].mean() > 0.9
    everything = drawn(surface_out, "atoms", stat="z", maps=("atom-03",), views=("lateral",))
    assert not np.array_equal(everything, pixels)


def test_only_what_is_significant_is_coloured(surface_out: Path) -> None:
    q = maps_of(find_results(surface_out, "001")[0], "brainscore", "q").values[1]
    pixels = drawn(surface_out, "brainscore", maps=("layer-02",), significant=True, views=("medial",))
    view = view_of("left", "medial")
    shown = (view.lit @ (q[:N] < 0.05).astype(np.float32)).reshape(view.grey.shape)
    coloured = np.abs(pixels[..., :3].astype(int) - pixels[..., :1]).max(axis=-1) > 2
    assert not coloured[(view.opaque == 1) & (shown == 0)].any()


def test_maps_of_p_tell_small_values_apart(surface_out: Path) -> None:
    p = np.full((1, 2 * N), 0.9)
    p[0, : N // 2], p[0, N // 2 : N] = 0.04, 0.0004
    Writer(surface_out, SurfaceGeometry("fsaverage5", N, N)).maps("brainscore", "p", p, ["layer-01"])
    figure, _, caption = draw_single(Request(surface_out, "001", "brainscore", stat="p", threshold=0.05))
    key = figure.axes[1]
    assert key.get_ylim() == pytest.approx((0, 3.4))  # -log10 of 0.0004
    assert "−log10 of" in key.get_ylabel().replace("\n", " ")
    assert "Values above 0.05 are not shown." in caption
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    view = view_of("left", "lateral")
    for shown, inside in ((True, p[0, :N] < 0.05), (False, p[0, :N] > 0.05)):
        only = (view.lit @ inside.astype(np.float32)).reshape(view.grey.shape) > 0.8 * (view.opaque == 1)
        coloured = np.abs(pixels[..., :3].astype(int) - pixels[..., :1]).max(axis=-1)[only & (view.opaque == 1)] > 2
        assert coloured.size == 0 or (coloured.mean() > 0.9) == shown


def test_the_map_that_is_named_decides_the_statistic(surface_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = surface_out / "atom.svg"  # of the scores of atoms, which come first, there is one map of all together
    of_atom = ("--desc", "atoms", "--map", "2", "--threshold", "2.3", "--to", str(target))
    assert run(surface_out, "--participant-label", "001", *of_atom) == 0
    assert "Map of atoms, z across the brain: atom-02." in capsys.readouterr().out


def test_names_of_narrow_pictures_do_not_touch(surface_out: Path) -> None:
    sides = ("lateral", "medial", "dorsal", "ventral")
    figure, _, _ = draw_single(Request(surface_out, "001", "atoms", stat="z", maps=("atom-03",), views=sides))
    figure.canvas.draw()
    labels = [text for text in figure.axes[0].texts if text.get_text().split()[0] in ("left", "right")]
    boxes = sorted((text.get_window_extent() for text in labels), key=lambda box: box.x0)
    assert len(boxes) == 8
    assert all(one.x1 < other.x0 for one, other in pairwise(boxes))
    assert boxes[0].y0 >= 0


def test_from_above_the_front_is_on_top(surface_out: Path) -> None:
    from nilearn import datasets, surface

    y = surface.load_surf_mesh(datasets.fetch_surf_fsaverage("fsaverage5")["infl_left"]).coordinates[:, 1]
    front = np.concatenate([y > 60, np.zeros(N, bool)]).astype(float)[None]
    Writer(surface_out, SurfaceGeometry("fsaverage5", N, N)).maps("brainscore", "r", front, ["layer-01"])
    pixels = drawn(surface_out, "brainscore", views=("dorsal",))
    coloured = np.abs(pixels[..., :3].astype(int) - pixels[..., :1]).max(axis=-1) > 40
    rows = np.flatnonzero(coloured.any(axis=1))
    assert rows.max() < 0.35 * pixels.shape[0]


def test_a_curve_is_drawn_with_its_values(tmp_path: Path) -> None:
    table = pd.DataFrame(
        [
            {"atlas": atlas, "region": region, "window": "distance", "distance": d, "r": value * d, "base": 0.1}
            for atlas, region, value in (("all", "all", 0.01), ("networks", "Visual", 0.02))
            for d in range(-2, 5)
        ]
    )
    Writer(tmp_path, ParcelGeometry("x", ("a", "b"))).table("forecast", table)
    figure, name, caption = draw_single(Request(tmp_path, "001", "forecast", curve=True, region="Visual"))
    lines = [np.asarray(line.get_ydata(), dtype=float) for line in figure.axes[0].get_lines()]
    np.testing.assert_allclose(max(lines, key=len), 0.02 * np.arange(-2, 5))
    assert "Visual" in caption
    assert name.endswith("desc-forecast_figure")


def test_what_can_be_drawn_is_listed(surface_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(surface_out, "--participant-label", "001") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "--desc atoms --stat z: atom-01, atom-02, atom-03, atom-04" in lines
    assert "--desc brainscore --stat r: layer-01, layer-02" in lines


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--desc", "nothing"], "participant 001 has no map with desc 'nothing'; there are atoms, brainscore"),
        (["--desc", "brainscore", "--curve"], "has no curve with desc 'brainscore'"),
        (["--desc", "brainscore", "--stat", "zz"], "brainscore has no statistic 'zz'; it has layer, q, r"),
        (["--desc", "brainscore", "--map", "layer-09"], "no map 'layer-09'; brainscore has layer-01, layer-02"),
        (["--desc", "noiseceiling", "--significant"], "noiseceiling was not tested"),
        (["--desc", "brainscore", "--task-id", "other"], "desc 'brainscore' and task other"),
        (["--desc", "brainscore", "--to", "a.gif"], "must end in .svg, .png, .pdf"),
        (["--desc", "brainscore", "--to", "a.png", "--format", "svg"], "differ; give one of them"),
        (["--desc", "brainscore", "--to", "/no/folder/a.png"], "the folder /no/folder is not there"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_one_sentence(
    surface_out: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], sentence: str
) -> None:
    assert run(surface_out, "--participant-label", "001", *arguments) == 1
    captured = capsys.readouterr()
    assert sentence in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


def test_an_empty_folder_and_a_bad_number(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path) == 1
    assert "holds no results of the group" in capsys.readouterr().err
    assert run(tmp_path / "absent", "--desc", "brainscore") == 1
    assert "is no folder" in capsys.readouterr().err
    for value in ("-1", "0", "nan", "much"):
        with pytest.raises(SystemExit):
            run(tmp_path, "--desc", "brainscore", "--threshold", value)
        assert "is no number above 0" in capsys.readouterr().err


def test_views_are_for_surfaces(parcels_out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(parcels_out, "--desc", "brainscore", "--view", "lateral") == 1
    assert "--view is for surfaces; these data are parcels" in capsys.readouterr().err
