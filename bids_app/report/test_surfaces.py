import numpy as np
import numpy.typing as npt
import pytest
from nilearn import datasets, surface

from bids_app.report.scales import Categories, Scale
from bids_app.report.surfaces import N_VERTICES, VIEWS, cover, mesh_of, paint, view_of

SCALE = Scale("r", 0, 1)
BLANK = np.full(2 * N_VERTICES, np.nan)


def mesh(hemisphere: str) -> npt.NDArray[np.float32]:
    file = datasets.fetch_surf_fsaverage("fsaverage5")[f"infl_{hemisphere}"]
    return np.asarray(surface.load_surf_mesh(file).coordinates)


@pytest.mark.parametrize("view", range(4))
def test_a_spot_appears_where_the_vertex_is(view: int) -> None:
    """The outermost vertex of a side is in front of all others; the nearest pixels must show it, nothing else."""
    hemisphere, side = VIEWS[view]
    coordinates = mesh(hemisphere)
    outwards = -1 if (hemisphere == "left") == (side == "lateral") else 1
    spot = np.argmax(outwards * coordinates[:, 0])
    near = np.linalg.norm(coordinates - coordinates[spot], axis=1) < 8
    values = BLANK.copy()
    values[np.flatnonzero(near) + (N_VERTICES if hemisphere == "right" else 0)] = 1
    blank, drawn = paint(BLANK, N_VERTICES, SCALE), paint(values, N_VERTICES, SCALE)
    rows, columns = np.nonzero(np.abs(drawn[view] - blank[view]).sum(axis=-1) > 0.2)
    across = outwards * coordinates[:, 1]
    shown = (columns.mean() / drawn[view].shape[1], 1 - rows.mean() / drawn[view].shape[0])
    wanted = [(v[spot] - v.min()) / np.ptp(v) for v in (across, coordinates[:, 2])]
    np.testing.assert_allclose(shown, wanted, atol=0.03)
    other = next(i for i, (h, s) in enumerate(VIEWS) if h != hemisphere and s == side)
    np.testing.assert_array_equal(drawn[other], blank[other])


def test_each_pixel_is_a_mean_of_its_vertices() -> None:
    """Where all vertices have one colour, a pixel has it too, up to the light; elsewhere it is the cortex."""
    colour = Categories("one", ("one",), ("#ff8000",))
    picture = paint(np.zeros(2 * N_VERTICES), N_VERTICES, colour)[0]
    inside = picture[..., 3] == 1
    np.testing.assert_allclose(picture[inside][:, 1] / picture[inside][:, 0], 128 / 255, atol=0.02)
    assert picture[inside][:, 2].max() < 0.02
    grey = paint(BLANK, N_VERTICES, SCALE)[0]
    np.testing.assert_allclose(grey[..., 0], grey[..., 2])


def test_larger_meshes_are_drawn_by_the_vertices_they_share() -> None:
    n = 40_962
    values = np.full(2 * n, np.nan)
    values[500:900], values[n + 500 : n + 900] = 0.4, 0.9
    small = np.concatenate([values[:N_VERTICES], values[n : n + N_VERTICES]])
    for picture, other in zip(paint(values, n, SCALE), paint(small, N_VERTICES, SCALE), strict=True):
        np.testing.assert_array_equal(picture, other)
    assert mesh_of("fsaverage6", n) == mesh_of("fsaverage", N_VERTICES) == "fsaverage5"
    assert mesh_of("fsaverage", 40) is mesh_of("fsnative", n) is mesh_of("fsLR", n) is None


def test_cover_is_a_fraction() -> None:
    everywhere = cover(np.ones(2 * N_VERTICES), N_VERTICES)[0]
    np.testing.assert_allclose(everywhere[view_of("left", "lateral").opaque > 0], 1, atol=1e-5)
    assert cover(np.zeros(2 * N_VERTICES), N_VERTICES)[0].max() == 0
