import base64
import json
from dataclasses import replace

import numpy as np
import pytest

from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.report.conftest import N
from bids_app.report.interactive import grids, meshes, view
from bids_app.report.interactive.collection import Collection
from bids_app.report.interactive.maps import InteractiveMap, packed, quantised
from bids_app.report.results import Results
from bids_app.report.scales import Scale

SURFACE = SurfaceGeometry("fsaverage5", N, N)
SCALE = Scale("r", 0.0, 1.0)


def one_map(title: str = "a", geometry: SurfaceGeometry | VolumeGeometry = SURFACE, family: str = "") -> InteractiveMap:
    values = np.random.default_rng(0).standard_normal(geometry.n_targets)
    return InteractiveMap(title, "g", values, geometry, SCALE, family=family)


@pytest.mark.parametrize("n_bytes", [1, 2])
def test_quantised_values_are_off_by_half_a_step_at_most(n_bytes: int) -> None:
    values = np.append(np.random.default_rng(1).standard_normal(1000), [np.nan, 0.0])
    packed_values = quantised(values, n_bytes)
    levels = np.frombuffer(base64.b64decode(packed_values["data"]), f"<i{n_bytes}").astype(float)
    back = np.where(levels == -(2 ** (8 * n_bytes - 1)), np.nan, levels * packed_values["factor"])
    assert packed_values["factor"] == pytest.approx(np.nanmax(np.abs(values)) / (2 ** (8 * n_bytes - 1) - 1))
    np.testing.assert_array_equal(np.isnan(back), np.isnan(values))
    assert np.nanmax(np.abs(back - values)) <= packed_values["factor"] / 2 * (1 + 1e-9)


def test_a_map_of_zeros_or_without_values_is_encoded() -> None:
    for values in (np.zeros(3), np.full(3, np.nan)):
        assert quantised(values)["factor"] == 1.0


def test_a_mask_is_packed_from_the_highest_bit() -> None:
    assert base64.b64decode(packed(np.array([1, 0, 0, 0, 0, 0, 0, 1, 1], bool))) == bytes([0b10000001, 0b10000000])


def test_the_shapes_are_those_of_the_template() -> None:
    from nilearn import datasets, surface

    left, right = meshes.hemispheres("fsaverage5")
    assert [left["side"], right["side"]] == ["left", "right"]
    files = datasets.fetch_surf_fsaverage("fsaverage5")
    for shape, key in (("inflated", "infl_right"), ("flat", "flat_right")):
        mesh = surface.load_surf_mesh(files[key])
        faces = np.frombuffer(base64.b64decode(right["shapes"][shape]["faces"]), "<u2").reshape(-1, 3)
        np.testing.assert_array_equal(faces, mesh.faces)
        stored = right["shapes"][shape]["vertices"]
        found = np.frombuffer(base64.b64decode(stored["data"]), "<i2").reshape(-1, 3) * stored["factor"]
        edges, expected = (at[faces[:, 0]] - at[faces[:, 1]] for at in (found, np.asarray(mesh.coordinates)))
        columns = slice(None) if shape == "inflated" else slice(2)
        np.testing.assert_allclose(edges[:, columns], expected[:, columns], atol=0.02)


def test_a_grid_that_runs_to_the_left_is_turned() -> None:
    mask = np.zeros((4, 5, 6), bool)
    mask[1:3, 2:5, 1:4] = np.random.default_rng(2).random((2, 3, 3)) > 0.3
    affine = np.array([[0, 3.0, 0, -5], [-2.0, 0, 0, 7], [0, 0, 4.0, 1], [0, 0, 0, 1]])  # first axis back, second right
    geometry = VolumeGeometry("S", affine, mask)
    described, order = grids.grid_of(geometry)
    shape, turned = described["shape"], np.array(described["affine"])
    assert (np.diag(turned)[:3] > 0).all()
    inside = np.unpackbits(np.frombuffer(base64.b64decode(described["mask"]), np.uint8))[: np.prod(shape)]
    voxels = np.argwhere(inside.reshape(shape))
    millimetres = np.argwhere(mask) @ affine[:3, :3].T + affine[:3, 3]
    np.testing.assert_allclose(voxels @ turned[:3, :3].T + turned[:3, 3], millimetres[order], atol=1e-6)


def test_many_maps_take_fewer_bytes_and_then_are_left_out() -> None:
    maps = [one_map("score"), *(one_map(f"Family {n}", family=str(n)) for n in range(30))]
    whole = view.View("t", tuple(maps))
    (kept,), n_bytes = view.limited([whole], 10_000_000)
    assert (len(kept.maps), n_bytes) == (31, 2)
    (kept,), n_bytes = view.limited([whole], 1_000_000)
    assert (len(kept.maps), n_bytes, kept.left_out) == (31, 1, ())
    (kept,), n_bytes = view.limited([whole], 500_000)
    assert n_bytes == 1
    assert 1 < len(kept.maps) < 31
    assert kept.left_out == tuple(one.title for one in maps[len(kept.maps) :])
    assert len(json.dumps([quantised(one.values, 1) for one in kept.maps])) < 600_000


def test_text_of_the_data_cannot_end_its_element() -> None:
    text = view.as_json([view.View("</script><b>", (one_map(),))])
    assert "<" not in text
    assert json.loads(text)["recordings"][0]["title"] == "</script><b>"


def test_a_map_is_offered_once_and_only_where_it_can_be_shown() -> None:
    collection, results = Collection("section"), Results({"task": "a"}, ())
    for one in (one_map(), one_map(), one_map("b")):
        collection.offer(results, one)
    parcels = ParcelGeometry("x", ("a", "b"))
    collection.offer(results, InteractiveMap("c", "", np.ones(2), parcels, SCALE))
    collection.offer(results, InteractiveMap("d", "", np.full(2 * N, np.nan), SURFACE, SCALE))
    unknown = SurfaceGeometry("native", 5, 5)
    collection.offer(Results({"task": "b"}, ()), InteractiveMap("e", "", np.ones(10), unknown, SCALE))
    assert [one.title for one in collection.of(results)] == ["a", "b"]
    assert collection.of(Results({"task": "b"}, ())) == []


def test_maps_of_one_grid_with_other_masks_are_all_shown() -> None:
    """The mask of a volume holds the voxels with values, which a test or a ceiling may not have everywhere."""
    inside, other, either = np.zeros((3, 4, 4, 4), dtype=bool)
    inside[1:], other[:3], either[:] = True, True, True
    narrow, wide, joint = (VolumeGeometry("MNI152NLin6Asym", np.eye(4), mask) for mask in (inside, other, either))
    results, collection = Results({"space": "MNI152NLin6Asym"}, ()), Collection()
    first, second = one_map("a", narrow), one_map("b", wide)
    first = replace(first, passing=first.values > 0)
    collection.offer(results, first)
    collection.offer(results, second)
    collection.offer(results, one_map("c", VolumeGeometry("MNI152NLin6Asym", 2 * np.eye(4), inside)))  # another grid
    shown = {one.title: one for one in collection.of(results)}
    assert set(shown) == {"a", "b"}
    assert all(one.geometry.same_targets(joint) for one in shown.values())
    np.testing.assert_allclose(shown["a"].values[inside.ravel()], first.values, rtol=1e-6)  # float32
    assert np.isnan(shown["a"].values[~inside.ravel()]).all()
    np.testing.assert_allclose(shown["b"].values[other.ravel()], second.values, rtol=1e-6)
    passing = shown["a"].passing
    assert passing is not None
    np.testing.assert_array_equal(passing[inside.ravel()], first.passing)
    assert not passing[~inside.ravel()].any()
