import shutil
from importlib.resources import files
from pathlib import Path
from zipfile import ZipFile

import nibabel
import numpy as np
import pytest

from bids_app.networks.atlas import load_atlas
from bids_app.networks.template_files import fetch_files, locate, template_files
from bids_app.networks.test_atlas import NLIN6, write_gifti
from bids_app.yeo_networks import SCHEMES

VOLUME = "tpl-MNI152NLin6Asym_res-02_atlas-Schaefer2018_desc-100Parcels7Networks_dseg.nii.gz"
VOLUME_NAMES = "tpl-MNI152NLin6Asym_atlas-Schaefer2018_desc-100Parcels7Networks_dseg.tsv"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """TemplateFlow's folder, empty, and a client that answers its own queries but cannot download."""
    folder = tmp_path / "templateflow"
    for name in ("tpl-fsaverage", "tpl-MNI152NLin6Asym"):
        (folder / name).mkdir(parents=True)

    def no_network(*_: object) -> None:
        raise ConnectionError("no network")

    monkeypatch.setattr("templateflow.client._s3_get", no_network)
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(folder))
    return folder


def put_yeo(folder: Path, table: Path) -> None:
    """Yeo's networks as TemplateFlow has them: numbers that are colours, names in a table beside."""
    codes = [65793, 8786552, 11829830, 947712, 16399044, 10811612, 2266342, 5127885]
    labels = np.array(codes)[np.arange(10_242) % 8]
    for hemi in "LR":
        name = f"tpl-fsaverage_hemi-{hemi}_den-10k_atlas-Yeo2011_seg-7n_dseg.label.gii"
        write_gifti(folder / "tpl-fsaverage" / name, labels, {})
    shutil.copy(table, folder / "tpl-fsaverage")


def test_yeo_from_templateflow(home: Path, atlases: Path) -> None:
    put_yeo(home, atlases / "yeo2011" / "tpl-fsaverage_atlas-Yeo2011_seg-7n_dseg.tsv")
    atlas = load_atlas("yeo7", "surface", "fsaverage5")
    assert atlas.name == "yeo7"
    assert atlas.network_names == SCHEMES[7].names
    np.testing.assert_array_equal(atlas.labels, np.tile(np.arange(10_242) % 8, 2))


def test_destrieux_from_templateflow_is_that_of_freesurfer(home: Path, atlases: Path) -> None:
    annotations = atlases / "destrieux-fsaverage5"
    table = ["index\themi\tname"]
    for hemi in "LR":
        file = annotations / f"{hemi.lower()}h.aparc.a2009s.annot"
        codes, colours, names = nibabel.freesurfer.read_annot(file, orig_ids=True)
        name = f"tpl-fsaverage_hemi-{hemi}_den-10k_atlas-Destrieux2009_dseg.label.gii"
        write_gifti(home / "tpl-fsaverage" / name, codes, {})
        table += [f"{code}\t{hemi}\t{name.decode()}" for code, name in zip(colours[:, 4], names, strict=True)]
    (home / "tpl-fsaverage" / "tpl-fsaverage_atlas-Destrieux2009_dseg.tsv").write_text("\n".join(table))
    atlas = load_atlas("destrieux", "surface", "fsaverage5", regions=True)
    expected = load_atlas(annotations / "lh.aparc.a2009s.annot", "surface", "fsaverage5", regions=True)
    assert set(atlas.network_names) == set(expected.network_names)
    named, wanted = (np.array(["", *a.network_names])[a.labels] for a in (atlas, expected))
    np.testing.assert_array_equal(named, wanted)


@pytest.mark.parametrize(("space", "density"), [("fsaverage5", "10k"), ("fsaverage6", "41k"), ("fsaverage", "164k")])
def test_templateflow_knows_the_files_of_destrieux(space: str, density: str) -> None:
    with ZipFile(str(files("templateflow.conf") / "templateflow-skel.zip")) as skeleton:
        known = {Path(name).name for name in skeleton.namelist()}
    names = template_files("destrieux", "surface", space)
    assert set(names) <= known
    assert density in names[0]


def test_schaefer_volume_from_a_folder_of_fetched_files(home: Path, atlases: Path, tmp_path: Path) -> None:
    source = atlases / "schaefer2018" / "MNI"
    folder = tmp_path / "resources" / "tpl-MNI152NLin6Asym"
    folder.mkdir(parents=True)
    shutil.copy(source / "Schaefer2018_100Parcels_7Networks_order_FSLMNI152_2mm.nii.gz", folder / VOLUME)
    rows = (source / "Schaefer2018_100Parcels_7Networks_order.txt").read_text().splitlines()
    table = "\n".join(["index\tname", *("\t".join(row.split("\t")[:2]) for row in rows)])
    (folder / VOLUME_NAMES).write_text(table)
    mask = np.ones((20, 20, 18), dtype=bool)
    affine = np.diag([4.0, 4, 4, 1])
    atlas = load_atlas("schaefer100", "volume", NLIN6, affine=affine, mask=mask, resources=[folder.parent])
    assert atlas.network_names == SCHEMES[7].names
    assert (atlas.labels > 0).mean() > 0.1


def test_missing_files_are_asked_of_templateflow_with_their_entities(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "tpl-MNI152NLin6Asym" / VOLUME).touch()  # known to TemplateFlow, not downloaded
    (home / "tpl-MNI152NLin6Asym" / VOLUME_NAMES).write_text("index\tname\n1\t7Networks_LH_Vis_1\n")
    downloaded = []

    def download(_: object, path: Path) -> None:
        downloaded.append(path.name)
        path.write_bytes(b"content")

    monkeypatch.setattr("templateflow.client._s3_get", download)
    paths = locate(template_files("schaefer100", "volume", NLIN6))
    assert downloaded == [VOLUME]
    assert [path.name for path in paths] == [VOLUME, VOLUME_NAMES]
    assert paths[0].read_bytes() == b"content"


def test_fetched_files_are_copied_from_templateflows_own_folder(home: Path, tmp_path: Path) -> None:
    (home / "tpl-MNI152NLin6Asym" / VOLUME).write_bytes(b"volume")
    resources = tmp_path / "resources"
    resources.mkdir()
    with pytest.raises(FileNotFoundError, match=f"{VOLUME_NAMES} cannot be downloaded .ConnectionError: no network"):
        fetch_files([VOLUME, VOLUME_NAMES], resources)
    files = {path.relative_to(resources) for path in resources.rglob("*") if path.is_file()}
    assert files == {Path("tpl-MNI152NLin6Asym", VOLUME)}
    assert (resources / "tpl-MNI152NLin6Asym" / VOLUME).read_bytes() == b"volume"


def test_a_download_that_breaks_off_leaves_nothing(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def half(_: object, path: Path) -> None:
        path.write_bytes(b"half of it")
        raise RuntimeError("ERROR, something went wrong")

    monkeypatch.setattr("templateflow.client._s3_get", half)
    with pytest.raises(FileNotFoundError, match="something went wrong"):
        fetch_files([VOLUME], tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_with_resources_nothing_is_downloaded(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("templateflow.client._s3_get", lambda *given: asked.append(given))
    with pytest.raises(FileNotFoundError, match="not found in"):
        locate([VOLUME], [tmp_path])
    with pytest.raises(FileNotFoundError, match="not found in"):
        locate([VOLUME], download=False)
    assert asked == []


def test_without_network_the_error_names_files_and_cure(home: Path) -> None:
    names = template_files("yeo7", "surface", "fsaverage6")
    for name in names:
        (home / "tpl-fsaverage" / name).touch()
    with pytest.raises(
        FileNotFoundError, match=r"hemi-L_den-41k.*hemi-R_den-41k.*--atlas FILE.*TEMPLATEFLOW_HOME"
    ) as error:
        locate(names)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "kind", "space", "message"),
    [
        ("yeo8", "surface", "fsaverage5", "Unknown atlas 'yeo8'"),
        ("yeo7", "volume", NLIN6, "on surfaces only"),
        ("yeo7", "surface", "onavg", "not on 'onavg'"),
        ("schaefer400", "volume", "T1w", "not in 'T1w'"),
    ],
)
def test_names_that_do_not_fit_the_data(name: str, kind: str, space: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        template_files(name, kind, space)
