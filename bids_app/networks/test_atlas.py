import logging
from pathlib import Path

import nibabel
import numpy as np
import pytest
from nilearn.image import resample_img

from bids_app.networks.atlas import atlas_of_parcels, load_atlas
from bids_app.yeo_networks import SCHEMES

NLIN6, NLIN2009 = "MNI152NLin6Asym", "MNI152NLin2009cAsym"
COUNTS = (10_242, 10_242)


def write_annot(path: Path, labels: np.ndarray, names: list[str]) -> None:
    colours = np.array([[10 * i, 20, 30, 0, 0] for i in range(len(names))])
    nibabel.freesurfer.write_annot(path, labels, colours, names, fill_ctab=True)


def write_gifti(path: Path, labels: np.ndarray, names: dict[int, str]) -> None:
    table = nibabel.gifti.GiftiLabelTable()
    for key, name in names.items():
        label = nibabel.gifti.GiftiLabel(key, 0.5, 0.0, 1.0, 1.0)
        label.label = name
        table.labels.append(label)
    array = nibabel.gifti.GiftiDataArray(labels.astype(np.int32), intent="NIFTI_INTENT_LABEL")
    nibabel.save(nibabel.gifti.GiftiImage(darrays=[array], labeltable=table), path)


# Real atlases


@pytest.mark.parametrize("count", [7, 17])
def test_yeo_annotations(atlases: Path, count: int) -> None:
    folder = atlases / "yeo2011" / "fsaverage5"
    atlas = load_atlas(folder / f"rh.Yeo2011_{count}Networks_N1000.annot", "surface", "fsaverage5")
    assert atlas.name == f"Yeo2011_{count}Networks_N1000"
    assert atlas.network_names == SCHEMES[count].names
    left, right = (
        nibabel.freesurfer.read_annot(folder / f"{side}h.Yeo2011_{count}Networks_N1000.annot")[0] for side in "lr"
    )
    np.testing.assert_array_equal(atlas.labels, np.concatenate([left, right]))
    assert atlas.colours is not None
    np.testing.assert_allclose(atlas.colours[0] * 255, [120, 18, 134])


def test_schaefer_parcels_become_networks_that_lie_on_those_of_yeo(atlases: Path) -> None:
    yeo = load_atlas(atlases / "yeo2011/fsaverage5/lh.Yeo2011_7Networks_N1000.annot", "surface", "fsaverage5")
    fine = atlases / "schaefer2018/fsaverage6/lh.Schaefer2018_400Parcels_7Networks_order.annot"
    coarse = atlases / "schaefer2018/fsaverage5/lh.Schaefer2018_400Parcels_7Networks_order.annot"
    atlas = load_atlas(fine, "surface", "fsaverage5")  # the first vertices of the finer mesh
    assert atlas.network_names == yeo.network_names
    np.testing.assert_array_equal(atlas.labels, load_atlas(coarse, "surface", "fsaverage5").labels)
    both = (atlas.labels > 0) & (yeo.labels > 0)
    assert (atlas.labels == yeo.labels)[both].mean() > 0.8


def test_coarse_atlas_does_not_serve_fine_data(atlases: Path) -> None:
    file = atlases / "yeo2011/fsaverage5/lh.Yeo2011_7Networks_N1000.annot"
    with pytest.raises(ValueError, match=r"an atlas on fsaverage6 \(40,962 vertices\) or fsaverage .* is needed"):
        load_atlas(file, "surface", "fsaverage6")


def test_destrieux_medial_wall_is_no_network(atlases: Path) -> None:
    atlas = load_atlas(atlases / "destrieux-fsaverage5" / "lh.aparc.a2009s.annot", "surface", "fsaverage5")
    assert len(atlas.network_names) == 74
    assert "G_front_sup" in atlas.network_names
    left = nibabel.freesurfer.read_annot(atlases / "destrieux-fsaverage5" / "lh.aparc.a2009s.annot")
    wall = left[0] == left[2].index(b"Medial_wall")
    assert wall.sum() > 800
    assert (atlas.labels[: COUNTS[0]][wall] == 0).all()


@pytest.mark.parametrize("count", [7, 17])
def test_yeo_volumes_have_the_names_of_the_surface(atlases: Path, count: int) -> None:
    # neuroparc's names of the 17 are in another order than its labels: overlap with the 7 tells
    file = atlases / "yeo2011" / f"Yeo-{count}-liberal_space-MNI152NLin6_res-4x4x4.nii.gz"
    image = nibabel.load(file)
    mask = np.asarray(image.dataobj) > 0
    atlas = load_atlas(file, "volume", NLIN6, affine=image.affine, mask=mask)
    seven = load_atlas(
        atlases / "yeo2011" / "Yeo-7-liberal_space-MNI152NLin6_res-2x2x2.nii.gz",
        "volume",
        NLIN6,
        affine=image.affine,
        mask=mask,
    )
    assert atlas.network_names == SCHEMES[count].names
    for kind in ("Limbic", "Default", "Visual", "Somatomotor", "Dorsal"):
        names = [network.startswith(kind) for network in atlas.network_names]
        inside = np.isin(atlas.labels, np.flatnonzero(names) + 1)
        overlap = np.bincount(seven.labels[inside], minlength=8)
        assert seven.network_names[overlap[1:].argmax()].startswith(kind)


def test_volume_is_resampled_as_nilearn_does(atlases: Path) -> None:
    file = atlases / "schaefer2018/MNI/Schaefer2018_400Parcels_7Networks_order_FSLMNI152_2mm.nii.gz"
    affine = np.diag([3.0, 3, 3, 1])  # x not flipped, as BOLD often is
    affine[:3, 3] = [-77.4, -111.3, -70.7]
    mask = np.random.default_rng(0).random((52, 60, 50)) < 0.4
    atlas = load_atlas(file, "volume", NLIN6, affine=affine, mask=mask)
    resampled = resample_img(
        nibabel.load(file), affine, mask.shape, interpolation="nearest", copy_header=True, force_resample=True
    )
    parcels = np.asarray(resampled.dataobj)[mask].astype(int)
    names = (file.parent / "Schaefer2018_400Parcels_7Networks_order.txt").read_text().split("\n")
    short = ["none", *(line.split("\t")[1].split("_")[2] for line in names if line)]
    order = ["none", "Vis", "SomMot", "DorsAttn", "SalVentAttn", "Limbic", "Cont", "Default"]
    expected = np.array([order.index(name) for name in short])[parcels]
    assert atlas.network_names == SCHEMES[7].names
    assert (atlas.labels == expected).mean() > 0.999  # a centre just between two voxels may fall to either


def test_other_mni_space_is_refused_unless_allowed(atlases: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = atlases / "yeo2011" / "Yeo-7-liberal_space-MNI152NLin6_res-4x4x4.nii.gz"
    grid = {"affine": nibabel.load(file).affine, "mask": np.ones((45, 54, 45), dtype=bool)}
    with pytest.raises(ValueError, match=r"1–2 mm off.*allow"):
        load_atlas(file, "volume", NLIN2009, **grid)
    with caplog.at_level(logging.WARNING):
        atlas = load_atlas(file, "volume", NLIN2009, **grid, allow_space_mismatch=True)
    assert "1–2 mm off" in caplog.text
    assert (atlas.labels > 0).any()
    with pytest.raises(ValueError, match="do not correspond"):
        load_atlas(file, "volume", "T1w", **grid, allow_space_mismatch=True)


# Small files


def test_volume_of_unknown_space_is_taken_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    data = np.zeros((4, 4, 4), dtype=np.int16)
    data[1], data[2] = 5, 9
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "mine_res-1.nii.gz")
    (tmp_path / "mine.tsv").write_text("index\tname\tcolor\n5\tWords\t#ff0000\n9\tSounds\t#0000ffff\n")
    mask = np.ones((4, 4, 4), dtype=bool)
    atlas = load_atlas(tmp_path, "volume", NLIN6, affine=np.eye(4), mask=mask)
    assert "space of" in caplog.text
    assert atlas.network_names == ("Words", "Sounds")
    np.testing.assert_array_equal(atlas.labels.reshape(4, 16)[:, 0], [0, 1, 2, 0])
    np.testing.assert_array_equal(atlas.colours, [[1, 0, 0], [0, 0, 1]])


def test_grid_beyond_the_atlas_has_no_label(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((2, 2, 2), dtype=np.int16), np.eye(4)), tmp_path / "A.nii")
    (tmp_path / "A.tsv").write_text("index\tname\n1\tWords\n")
    atlas = load_atlas(tmp_path / "A.nii", "volume", affine=np.eye(4), mask=np.ones((3, 3, 3), dtype=bool))
    assert atlas.labels.sum() == 8


def test_network_column_wins_over_region_names(tmp_path: Path) -> None:
    data = np.arange(8, dtype=np.int16).reshape(2, 2, 2) % 4
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "A.nii")
    (tmp_path / "A.tsv").write_text("index\tname\tnetwork\n1\tr1\tLanguage\n2\tr2\tLanguage\n3\tr3\tn/a\n")
    atlas = load_atlas(tmp_path / "A.nii", "volume", affine=np.eye(4), mask=np.ones((2, 2, 2), dtype=bool))
    assert atlas.network_names == ("Language",)
    np.testing.assert_array_equal(atlas.labels, [0, 1, 1, 0] * 2)


@pytest.mark.parametrize("mark", ["hemi-{}_dseg.label.gii", "atlas.{}.label.gii"])
def test_gifti_pair_in_a_folder_with_other_numbers_right(tmp_path: Path, mark: str) -> None:
    left, right = np.zeros(COUNTS[0], dtype=int), np.zeros(COUNTS[1], dtype=int)
    left[:10], right[:20] = 1, 7
    write_gifti(tmp_path / mark.format("L"), left, {0: "???", 1: "Words"})
    write_gifti(tmp_path / mark.format("R"), right, {0: "???", 7: "Words", 8: "Never"})
    atlas = load_atlas(tmp_path, "surface", "fsaverage5")
    assert atlas.network_names == ("Words",)
    np.testing.assert_array_equal(np.flatnonzero(atlas.labels), [*range(10), *range(COUNTS[0], COUNTS[0] + 20)])


def test_vertices_without_a_region_are_in_no_network(tmp_path: Path) -> None:
    labels = np.full(COUNTS[0], -1)
    labels[:5] = 0
    labels[5:9] = 1
    for side in "lr":
        write_annot(tmp_path / f"{side}h.A.annot", labels, ["Words", "Sounds"])
    atlas = load_atlas(tmp_path / "lh.A.annot", "surface", "fsaverage5")
    np.testing.assert_array_equal(np.bincount(atlas.labels), [2 * (COUNTS[0] - 9), 10, 8])


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.nii"):
        load_atlas(tmp_path / "nothing.nii", "volume", affine=np.eye(4), mask=np.ones((1, 1, 1), dtype=bool))
    write_annot(tmp_path / "lh.A.annot", np.zeros(3, dtype=int), ["Words"])
    with pytest.raises(FileNotFoundError, match=r"rh\.A\.annot"):
        load_atlas(tmp_path / "lh.A.annot", "surface", "fsaverage5")
    with pytest.raises(ValueError, match="has: none"):
        load_atlas(tmp_path, "volume", affine=np.eye(4), mask=np.ones((1, 1, 1), dtype=bool))


def test_regions_have_the_networks_of_their_table() -> None:
    atlas = atlas_of_parcels(["Sounds", "n/a", None, float("nan"), "Words", "Sounds"])
    assert atlas.network_names == ("Sounds", "Words")
    np.testing.assert_array_equal(atlas.labels, [1, 0, 0, 0, 2, 1])
    assert atlas.colours is None


def test_regions_of_schaefer_have_the_networks_of_their_names() -> None:
    atlas = atlas_of_parcels(["7Networks_LH_Default_PFC_1", "7Networks_RH_Vis_3"])
    assert atlas.network_names == ("Visual", "Default")
    np.testing.assert_array_equal(atlas.labels, [2, 1])


def test_regions_without_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="names nothing"):
        atlas_of_parcels([None, ""])


# Regions


def test_destrieux_regions_of_each_hemisphere(atlases: Path) -> None:
    folder = atlases / "destrieux-fsaverage5"
    atlas = load_atlas(folder / "rh.aparc.a2009s.annot", "surface", "fsaverage5", regions=True)
    assert len(atlas.network_names) == 2 * 74
    assert {"L_S_temporal_sup", "R_S_temporal_sup"} < set(atlas.network_names)
    assert atlas.colours is not None
    for side, vertices in (("L", slice(0, COUNTS[0])), ("R", slice(COUNTS[0], None))):
        values, colours, names = nibabel.freesurfer.read_annot(folder / f"{side.lower()}h.aparc.a2009s.annot")
        for region in ("S_temporal_sup", "G_and_S_cingul-Ant"):
            number = atlas.network_names.index(f"{side}_{region}")
            index = names.index(region.encode())
            np.testing.assert_array_equal(atlas.labels[vertices] == number + 1, values == index)
            np.testing.assert_allclose(atlas.colours[number] * 255, colours[index, :3])
        nowhere = np.isin(values, [names.index(b"Medial_wall"), names.index(b"Unknown")])
        np.testing.assert_array_equal(atlas.labels[vertices] == 0, nowhere)


def test_regions_whose_names_tell_the_hemisphere_keep_them(atlases: Path) -> None:
    file = atlases / "schaefer2018/fsaverage5/lh.Schaefer2018_400Parcels_7Networks_order.annot"
    atlas = load_atlas(file, "surface", "fsaverage5", regions=True)
    assert len(atlas.network_names) == 400
    assert atlas.network_names[0] == "7Networks_LH_Vis_1"
    assert "7Networks_RH_Default_pCunPCC_1" in atlas.network_names


def test_regions_have_their_names_where_networks_have_theirs(tmp_path: Path) -> None:
    data = np.arange(8, dtype=np.int16).reshape(2, 2, 2) % 4
    nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), tmp_path / "A.nii")
    (tmp_path / "A.tsv").write_text("index\tlabel\tnetwork_label\n1\tVis\tLanguage\n2\tr2\tLanguage\n3\tUnknown\tX\n")
    affine, mask = np.eye(4), np.ones((2, 2, 2), dtype=bool)
    regions = load_atlas(tmp_path / "A.nii", "volume", affine=affine, mask=mask, regions=True)
    assert regions.network_names == ("Vis", "r2")  # not Yeo's Visual
    np.testing.assert_array_equal(regions.labels, [0, 1, 2, 0] * 2)
    networks = load_atlas(tmp_path / "A.nii", "volume", affine=affine, mask=mask)
    assert networks.network_names == ("Language", "X")
