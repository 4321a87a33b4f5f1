from pathlib import Path

import nibabel
import numpy as np
import pytest

from bids_app.bids.alignment import align
from bids_app.bids.errors import DatasetError
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry, load_map
from bids_app.bids.geometry_base import Geometry

MASK = np.random.default_rng(0).random((3, 4, 5)) > 0.5
AFFINE = np.array([[-4.0, 0, 0, 90], [0, 4, 0, -126], [0, 0, 4, -72], [0, 0, 0, 1]])
GEOMETRIES = [
    SurfaceGeometry("fsaverage5", 7, 5),
    VolumeGeometry("MNI152NLin6Asym", AFFINE, MASK),
    ParcelGeometry("Tiny", ("a", "b c", "d")),
    ParcelGeometry("Tiny", ("a", "b c", "d"), ("Default", "", "Vis")),
]


def _stem(folder: Path, geometry: Geometry) -> Path:
    ((key, value),) = geometry.space_entities().items()
    return folder / "func" / f"sub-1_task-x_{key}-{value}_model-m_stat-r_desc-atoms_statmap"


def _maps(geometry: Geometry, n_maps: int) -> np.ndarray:
    maps = np.random.default_rng(1).standard_normal((n_maps, geometry.n_targets)).astype(np.float32)
    maps[0, 1] = np.nan
    return maps


@pytest.mark.parametrize("n_maps", [1, 3])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=lambda geometry: geometry.kind)
def test_what_is_saved_is_read_again(tmp_path: Path, geometry: Geometry, n_maps: int) -> None:
    maps = _maps(geometry, n_maps)
    paths = geometry.save(maps, _stem(tmp_path, geometry), [f"atom{i}" for i in range(n_maps)])
    read, same = load_map(paths)
    if n_maps > 1 or not isinstance(geometry, VolumeGeometry):
        np.testing.assert_array_equal(read, maps)
        assert same.same_targets(geometry)
    else:  # a voxel that is NaN in the only map is outside the mask that is read
        np.testing.assert_array_equal(read, maps[:, np.isfinite(maps[0])])
    assert (same.kind, same.space_entities()) == (geometry.kind, geometry.space_entities())
    if isinstance(geometry, ParcelGeometry):
        assert same == geometry
    assert [path for path in tmp_path.rglob(".*") if path.is_file()] == []


def test_the_same_maps_give_the_same_bytes(tmp_path: Path) -> None:
    for geometry in GEOMETRIES:
        first, second = (geometry.save(_maps(geometry, 2), _stem(tmp_path / name, geometry)) for name in "ab")
        assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_files_of_a_surface_as_nibabel_sees_them(tmp_path: Path) -> None:
    geometry = SurfaceGeometry("fsaverage5", 7, 5)
    maps = _maps(geometry, 2)
    left, right = geometry.save(maps, _stem(tmp_path, geometry), ["atom1", "atom2"])
    name = "sub-1_task-x_hemi-{}_space-fsaverage5_model-m_stat-r_desc-atoms_statmap.func.gii"
    assert [left.name, right.name] == [name.format("L"), name.format("R")]
    image = nibabel.load(right)
    np.testing.assert_array_equal(image.agg_data("NIFTI_INTENT_NONE"), maps[:, 7:])
    assert image.meta["AnatomicalStructurePrimary"] == "CortexRight"
    assert [array.meta["Name"] for array in image.darrays] == ["atom1", "atom2"]


def test_files_of_a_volume_as_nibabel_sees_them(tmp_path: Path) -> None:
    geometry = VolumeGeometry("MNI152NLin6Asym", AFFINE, MASK)
    maps = _maps(geometry, 3)
    (path,) = geometry.save(maps, _stem(tmp_path, geometry))
    image = nibabel.load(path)
    assert image.shape == (3, 4, 5, 3)
    assert nibabel.load(geometry.save(maps[1], path.with_name("one_statmap"))[0]).shape == (3, 4, 5)
    np.testing.assert_array_equal(image.affine, AFFINE)
    values = image.get_fdata()
    assert np.isnan(values[~MASK]).all()
    np.testing.assert_array_equal(values[MASK], maps.T)


def test_table_of_parcels(tmp_path: Path) -> None:
    geometry = ParcelGeometry("Tiny", ("a", "b c"), ("Default", ""))
    (path,) = geometry.save(np.array([[0.25, np.nan], [1, 2]]), _stem(tmp_path, geometry), ["atom1", "atom2"])
    assert path.read_text() == "name\tnetwork\tatom1\tatom2\na\tDefault\t0.25\t1.0\nb c\tn/a\tn/a\t2.0\n"


def test_errors(tmp_path: Path) -> None:
    geometry = SurfaceGeometry("fsaverage5", 7, 5)
    with pytest.raises(ValueError, match=r"shape \(2, 11\); this geometry needs \(n_maps, 12\)"):
        geometry.save(np.zeros((2, 11)), _stem(tmp_path, geometry))
    with pytest.raises(ValueError, match="as many different names"):
        geometry.save(np.zeros((2, 12)), _stem(tmp_path, geometry), ["a", "a"])
    paths = geometry.save(np.zeros((2, 12)), _stem(tmp_path, geometry))
    with pytest.raises(DatasetError, match=r"these files came: .*hemi-L"):
        load_map(paths[0])
    assert load_map(paths[::-1])[1] == geometry


def test_volumes_are_aligned_on_the_voxels_they_share() -> None:
    other = np.random.default_rng(5).random(MASK.shape) > 0.5
    geometries = [VolumeGeometry("S", AFFINE, mask) for mask in (MASK, other)]
    common, (first, second) = align(geometries)
    x, y, z = np.meshgrid(*map(np.arange, MASK.shape), indexing="ij")
    position = x * 100 + y * 10 + z
    np.testing.assert_array_equal(position[MASK][first], position[other][second])
    assert isinstance(common, VolumeGeometry)
    np.testing.assert_array_equal(common.mask, MASK & other)
    assert len(first) == common.n_targets == (MASK & other).sum()


def test_parcels_in_another_order_are_aligned_by_name() -> None:
    turned = ParcelGeometry("Tiny", ("d", "a", "b c"))
    common, (first, second) = align([GEOMETRIES[2], turned])
    assert common == GEOMETRIES[2]
    assert first.tolist() == [0, 1, 2]
    assert [turned.names[index] for index in second] == ["a", "b c", "d"]


def test_only_like_is_aligned_with_like() -> None:
    surface, columns = align([GEOMETRIES[0], SurfaceGeometry("fsaverage5", 7, 5)])
    assert surface == GEOMETRIES[0]
    np.testing.assert_array_equal(columns[1], np.arange(12))
    for others in (GEOMETRIES[:2], [GEOMETRIES[2], ParcelGeometry("Tiny", ("a", "b"))]):
        with pytest.raises(DatasetError, match="Runs lie on different targets"):
            align(others)
    moved = VolumeGeometry("MNI152NLin6Asym", AFFINE + 1, MASK)
    with pytest.raises(DatasetError, match="different targets"):
        align([GEOMETRIES[1], moved])
    with pytest.raises(DatasetError, match=r"no target .* in common"):
        align([GEOMETRIES[1], VolumeGeometry("MNI152NLin6Asym", AFFINE, ~MASK)])
