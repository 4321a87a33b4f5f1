import gzip

import nibabel
import numpy as np
import pytest

from bids_app.networks.label_files import read_labels

COLOURS = np.array([[1, 1, 1, 0, 1 + 2**8 + 2**16], [120, 18, 134, 0, 120 + 18 * 2**8 + 134 * 2**16]])


def annotation(path, n=40):
    nibabel.freesurfer.write_annot(path, np.arange(n) % 2, COLOURS, ["Unknown", "Vis"], fill_ctab=False)
    return path


def volume(path, shape=(4, 5, 6)):
    nibabel.Nifti1Image(np.ones(shape, dtype=np.int16), np.eye(4)).to_filename(path)
    path.with_name("a.tsv").write_text("index\tname\n1\tVis\n")
    return path


def test_whole_files_are_read(tmp_path):
    assert read_labels(annotation(tmp_path / "lh.a.annot")).values.tolist() == [0, 1] * 20
    for shape in ((4, 5, 6), (4, 5, 6, 1)):
        labels = read_labels(volume(tmp_path / "a.nii.gz", shape))
        assert labels.values.shape == (4, 5, 6)
        assert labels.regions[1].name == "Vis"


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"\0\0\0\0", b"<", b"\x7f\xff\xff\xff" * 3, b"<GIFTI></GIFTI>", b"\r,"]
)
@pytest.mark.parametrize("name", ["lh.a.annot", "a.nii", "a.nii.gz", "hemi-L_a.label.gii"])
def test_what_is_no_atlas_is_said_with_its_path(tmp_path, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=name):
        read_labels(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
@pytest.mark.parametrize(("name", "write"), [("lh.a.annot", annotation), ("a.nii.gz", volume), ("a.nii", volume)])
def test_files_that_are_cut_off(tmp_path, name, write, share):
    path = write(tmp_path / name)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=rf"{name}.*cut"):
        read_labels(path)


def test_sizes_are_not_believed(tmp_path):
    path = annotation(tmp_path / "lh.a.annot")
    path.write_bytes((10**9).to_bytes(4, "big") + path.read_bytes()[4:])
    with pytest.raises(ValueError, match="says 1,000,000,000 vertices"):
        read_labels(path)
    path = volume(tmp_path / "a.nii.gz")
    content = bytearray(gzip.decompress(path.read_bytes()))
    content[40:48] = np.array([3, 30_000, 30_000, 3_000], dtype="<i2").tobytes()
    path.write_bytes(gzip.compress(bytes(content)))
    with pytest.raises(ValueError, match=r"\(30000, 30000, 3000\) voxels, which a file of its size cannot hold"):
        read_labels(path)


def test_a_table_in_another_encoding_names_the_atlas(tmp_path):
    path = volume(tmp_path / "a.nii.gz")
    (tmp_path / "a.tsv").write_bytes("index\tname\n1\tVis\x85\n".encode("cp1252", "replace") + b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"a\.nii\.gz could not be read"):
        read_labels(path)
