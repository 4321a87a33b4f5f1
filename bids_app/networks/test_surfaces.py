import warnings
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt
import pytest
from nilearn.surface import vol_to_surf

from bids_app.networks.atlas import load_atlas
from bids_app.networks.surfaces import _meshes, labels_to_fsaverage5, to_fsaverage5

NLIN6 = "MNI152NLin6Asym"
AFFINE = np.array([[-5.0, 0, 0, 90], [0, 5, 0, -126], [0, 0, 5, -72], [0, 0, 0, 1]])
SHAPE = (37, 44, 37)


def grid_coordinates(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    return np.transpose(nibabel.affines.apply_affine(AFFINE, np.argwhere(mask)))  # (3, n_targets) in mm


def test_linear_maps_keep_their_values_and_hemispheres() -> None:
    mask = np.ones(SHAPE, dtype=bool)
    left, right = np.split(to_fsaverage5(grid_coordinates(mask), "volume", NLIN6, affine=AFFINE, mask=mask), 2, axis=1)
    assert np.isfinite(left).all()
    assert left[0].max() < 5  # x: left is negative
    assert right[0].min() > -5
    assert left[1].min() < -95  # occipital pole
    assert left[1].max() > 65


def test_values_outside_the_mask_do_not_leak_in() -> None:
    inside = grid_coordinates(np.ones(SHAPE, dtype=bool))[0].reshape(SHAPE) < -10  # most of the left hemisphere
    ones = np.ones((2, inside.sum()))
    ones[:, grid_coordinates(inside)[2] > 40] = np.nan  # and no data at its top
    projected = to_fsaverage5(ones, "volume", NLIN6, affine=AFFINE, mask=inside)
    assert np.isnan(projected[:, 10_242:]).all()
    some = np.isfinite(projected[0])
    np.testing.assert_allclose(projected[0][some], 1, rtol=1e-5)
    everywhere = np.zeros((1, inside.size))
    everywhere[0, inside.ravel()] = np.isfinite(ones[0])
    full = np.ones(SHAPE, dtype=bool)
    share = to_fsaverage5(everywhere, "volume", NLIN6, affine=AFFINE, mask=full)[0]  # of a vertex's points, with data
    assert ((share > 0) & (share < 0.5)).any()
    np.testing.assert_array_equal(some, share >= 0.5)


def test_a_field_of_view_of_half_a_brain_is_nan_elsewhere_and_nothing_is_warned() -> None:
    half = (*SHAPE[:2], SHAPE[2] // 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = to_fsaverage5(
            np.ones((1, np.prod(half))), "volume", NLIN6, affine=AFFINE, mask=np.ones(half, dtype=bool)
        )
    high = np.concatenate([pial.coordinates[:, 2] for pial, _ in _meshes()])
    top = AFFINE[2, 3] + 5 * half[2]  # millimetres
    assert np.isnan(result[0, high > top + 10]).all()
    np.testing.assert_allclose(result[0, high < top - 10], 1, rtol=1e-6)


def test_many_maps_at_once_are_what_each_is_alone() -> None:
    mask = np.random.default_rng(0).random(SHAPE) < 0.9
    maps = np.random.default_rng(1).standard_normal((18, mask.sum())).astype(np.float32)
    together = to_fsaverage5(maps, "volume", NLIN6, affine=AFFINE, mask=mask)
    alone = to_fsaverage5(maps[17:], "volume", NLIN6, affine=AFFINE, mask=mask)
    np.testing.assert_allclose(together[17:], alone, rtol=1e-6)


def test_finer_surface_gives_its_first_vertices() -> None:
    maps = np.arange(2 * 81_924.0).reshape(2, 81_924)
    projected = to_fsaverage5(maps, "surface", "fsaverage6", n_vertices=(40_962, 40_962))
    np.testing.assert_array_equal(projected[1, [0, 10_241, 10_242]], maps[1, [0, 10_241, 40_962]])
    labels = labels_to_fsaverage5(np.arange(81_924), "surface", "fsaverage6", n_vertices=(40_962, 40_962))
    np.testing.assert_array_equal(labels, projected[0])


def test_yeo_volume_lands_on_yeo_surface(atlases: Path) -> None:
    file = atlases / "yeo2011" / "Yeo-7-liberal_space-MNI152NLin6_res-2x2x2.nii.gz"
    image = nibabel.load(file)
    affine, mask = image.affine, np.asarray(image.dataobj) > 0
    surface = load_atlas(atlases / "yeo2011/fsaverage5/lh.Yeo2011_7Networks_N1000.annot", "surface", "fsaverage5")
    volume = load_atlas(file, "volume", NLIN6, affine=affine, mask=mask)
    projected = labels_to_fsaverage5(volume.labels, "volume", NLIN6, affine=affine, mask=mask)
    for labels, expected in zip(np.split(projected, 2), np.split(surface.labels, 2), strict=True):
        assert (labels == expected)[expected > 0].mean() > 0.86  # 0.85 and 0.82 without the affine to MNI152


def test_labels_are_those_of_nilearn_where_the_grid_holds_the_cortex() -> None:
    labels = np.random.default_rng(0).integers(0, 6, np.prod(SHAPE) // 27 + 40)  # in blocks, with ties
    volume = labels[(np.indices(SHAPE).sum(axis=0) * 7 + np.indices(SHAPE)[0]) % len(labels)]
    image = nibabel.Nifti1Image(volume.astype(np.float32), AFFINE)
    expected = [
        vol_to_surf(image, pial, inner_mesh=white, interpolation="nearest_most_frequent") for pial, white in _meshes()
    ]
    result = labels_to_fsaverage5(volume.ravel(), "volume", NLIN6, affine=AFFINE, mask=np.ones(SHAPE, dtype=bool))
    np.testing.assert_array_equal(result, np.concatenate(expected))


def test_a_recording_of_a_slab_gives_the_labels_of_the_slab() -> None:
    volume = np.indices(SHAPE)[0] // 6 % 3 + 1
    whole = labels_to_fsaverage5(volume.ravel(), "volume", NLIN6, affine=AFFINE, mask=np.ones(SHAPE, dtype=bool))
    slab = np.s_[:, :, 18:30]
    affine = AFFINE.copy()
    affine[2, 3] += 5 * 18
    slab_labels = labels_to_fsaverage5(
        volume[slab].ravel(), "volume", NLIN6, affine=affine, mask=np.ones(volume[slab].shape, dtype=bool)
    )
    assert 0.1 < (slab_labels == 0).mean() < 0.8
    assert (slab_labels == whole)[slab_labels > 0].mean() > 0.95  # a border is nearer to a part of the points


def test_a_grid_that_does_not_reach_the_cortex_is_refused() -> None:
    mask = np.ones((4, 4, 4), dtype=bool)
    with pytest.raises(ValueError, match="does not reach the cortex: its position in the header"):
        labels_to_fsaverage5(np.ones(64, dtype=int), "volume", NLIN6, affine=AFFINE + np.eye(4, k=3) * 900, mask=mask)


@pytest.mark.parametrize(
    ("kind", "space", "arguments", "message"),
    [
        ("parcels", "", {}, "relabelling"),
        ("surface", "civet", {"n_vertices": (32_492, 32_492)}, "'civet' with"),
        ("volume", "T1w", {"affine": AFFINE, "mask": np.ones(SHAPE, dtype=bool)}, "only MNI152"),
    ],
)
def test_data_without_a_place_on_fsaverage5_are_refused(
    kind: str, space: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        to_fsaverage5(np.zeros((1, 5)), kind, space, **arguments)
