import base64
import struct
import tracemalloc
import zlib
from pathlib import Path

import nibabel
import numpy as np
import pytest

from bids_app.networks.label_files import read_labels
from bids_app.networks.test_atlas import write_annot, write_gifti
from bids_app.text_files import FileError

LABELS = np.tile([-1, 0, 2, 1], 10)
NAMES = ["none", "Vis", "Som\u00e9"]


def _old_annotation(path: Path) -> Path:
    """The old format of the colour table: version 1, without indices."""
    values = np.array([1 + 256 * 2, 7, 0], dtype=">i4")
    content = struct.pack(">i", 3) + np.column_stack([np.arange(3), values]).astype(">i4").tobytes()
    content += struct.pack(">iii", 1, 2, 4) + b"lut\0"
    for name, colour in ((b"A\0", (1, 2, 0, 0)), (b"B\0", (7, 0, 0, 0))):
        content += struct.pack(">i", len(name)) + name + struct.pack(">4i", *colour)
    path.write_bytes(content)
    return path


def test_annotations_say_what_nibabel_reads(tmp_path: Path) -> None:
    path = tmp_path / "lh.a.annot"
    write_annot(path, LABELS, NAMES)
    for file in (path, _old_annotation(tmp_path / "lh.old.annot")):
        expected, colours, names = nibabel.freesurfer.read_annot(file)
        labels = read_labels(file)
        np.testing.assert_array_equal(labels.values, expected)
        assert [region.name for region in labels.regions.values()] == [name.decode() for name in names]
        red = [int((region.colour or "")[1:3], 16) for region in labels.regions.values()]
        assert red == colours[:, 0].tolist()


def test_annotations_with_gaps_between_labels(tmp_path: Path) -> None:
    content = struct.pack(">i", 2) + struct.pack(">4i", 0, 7, 1, 0) + struct.pack(">4i", 1, -2, 9, 1) + b"\0"
    content += struct.pack(">iii", 1, 8, 2) + b"B\0" + struct.pack(">4i", 7, 0, 0, 0)
    (tmp_path / "lh.a.annot").write_bytes(content)
    labels = read_labels(tmp_path / "lh.a.annot")
    assert labels.values.tolist() == [8, -1]
    assert labels.present()[8].name == "B"


@pytest.mark.parametrize("damage", ["empty", "cut", "vertices", "entries", "version", "name"])
def test_sizes_in_annotations_are_not_believed(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "lh.a.annot"
    write_annot(path, LABELS, NAMES)
    content = bytearray(path.read_bytes())
    table = 4 + 8 * len(LABELS)
    huge = struct.pack(">i", 2**31 - 1)
    if damage == "empty":
        content = bytearray()
    elif damage == "cut":
        content = content[: len(content) // 2]
    else:
        at = {"vertices": 0, "version": table + 4, "entries": table + 16 + len("NOFILE\0"), "name": table + 12}[damage]
        content[at : at + 4] = huge
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"lh\.a\.annot is not a readable annotation"):
        read_labels(path)


def _gifti(path: Path, data: str, dims: int = 3, attributes: str = "") -> Path:
    path.write_text(
        '<?xml version="1.0"?><GIFTI Version="1.0" NumberOfDataArrays="1"><DataArray Intent="NIFTI_INTENT_LABEL" '
        f'DataType="NIFTI_TYPE_INT32" ArrayIndexingOrder="RowMajorOrder" Dimensionality="1" Dim0="{dims}" '
        f'Encoding="GZipBase64Binary" Endian="LittleEndian" {attributes}><Data>{data}</Data></DataArray></GIFTI>'
    )
    return path


def test_small_files_do_not_fill_the_memory(tmp_path: Path) -> None:
    """256 MB of zeros in a file of 350 kB."""
    packer = zlib.compressobj(9)
    bomb = b"".join(packer.compress(bytes(2**24)) for _ in range(16)) + packer.flush()
    path = _gifti(tmp_path / "lh.a.label.gii", base64.b64encode(bomb).decode())
    tracemalloc.start()
    try:
        with pytest.raises(FileError, match="does not hold the 12 bytes"):
            read_labels(path)
        assert tracemalloc.get_traced_memory()[1] < 2**26
    finally:
        tracemalloc.stop()
    _gifti(path, base64.b64encode(zlib.compress(bytes(12))).decode(), dims=2**31)
    with pytest.raises(FileError, match="does not hold"):
        read_labels(path)


@pytest.mark.parametrize(
    "content",
    ["", "<", "<GIFTI/>", "<?xml version='1.0'?><a>", "<!DOCTYPE a [<!ENTITY x SYSTEM '/etc/passwd'>]><a>&x;</a>"],
)
def test_broken_label_files_are_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "lh.a.label.gii"
    path.write_text(content)
    with pytest.raises(FileError, match=r"lh\.a\.label\.gii"):
        read_labels(path)


def test_data_outside_a_label_file_are_not_read(tmp_path: Path) -> None:
    path = _gifti(tmp_path / "lh.a.label.gii", "", attributes='ExternalFileName="/etc/passwd" ExternalFileOffset="0"')
    with pytest.raises(FileError, match="lies in another file"):
        read_labels(path)


def test_good_label_files_stay_good(tmp_path: Path) -> None:
    write_gifti(tmp_path / "lh.a.label.gii", np.array([0, 1, 2, 2]), {0: "none", 1: "A", 2: "B"})
    assert read_labels(tmp_path / "lh.a.label.gii").values.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.full((2, 2, 2), 0.3, dtype=np.float32), "0.3 where labels must be whole numbers"),
        (np.full((2, 2, 2), 1e30, dtype=np.float32), "whole numbers"),
        (np.zeros((2, 2, 2, 3), dtype=np.int16), "three dimensions"),
        (np.zeros((2, 2, 2), dtype=np.complex64), "complex64"),
    ],
)
def test_volumes_that_are_no_atlas(tmp_path: Path, data: np.ndarray, message: str) -> None:
    path = tmp_path / "a.nii.gz"
    nibabel.Nifti1Image(data, np.eye(4)).to_filename(path)
    with pytest.raises(FileError, match=message):
        read_labels(path)


def test_volumes_that_are_cut_off_or_lie(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    nibabel.Nifti1Image(np.arange(8, dtype=np.float32).reshape(2, 2, 2), np.eye(4)).to_filename(path)
    assert read_labels(path).values.max() == 7
    content = bytearray(path.read_bytes())
    for damaged in (content[:-4], content[:200], b"", bytes(42) + struct.pack("<3h", 30000, 30000, 30000)):
        path.write_bytes(damaged)
        with pytest.raises(FileError, match=r"a\.nii"):
            read_labels(path)
    content[42:48] = struct.pack("<3h", 30000, 30000, 30000)
    path.write_bytes(content)
    with pytest.raises(FileError, match="has the shape"):
        read_labels(path)


def test_a_link_without_content(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").symlink_to("nowhere")
    with pytest.raises(FileError, match="is a link to content that is not here"):
        read_labels(tmp_path / "a.nii.gz")


# Labels without names


def _volume(folder: Path, table: str | None, labels: tuple[int, ...] = (0, 1, 2, 7)) -> Path:
    path = folder / "A_space-X.nii.gz"
    nibabel.Nifti1Image(np.repeat(np.array(labels, np.int16), 2).reshape(2, 2, -1), np.eye(4)).to_filename(path)
    if table is not None:
        (folder / "A.tsv").write_text(table)
    return path


def test_labels_of_a_volume_without_a_name_are_refused(tmp_path: Path) -> None:
    path = _volume(tmp_path, None)
    with pytest.raises(FileError, match=r"has 3 labels \(1, 2, 7\) and no table of their names: put A_space-X\.tsv"):
        read_labels(path).present()
    _volume(tmp_path, "index\tname\n1\tVis\n2\tDefault\n")
    with pytest.raises(FileError, match=r"the label 7 at 2 positions, which its table of names, .*A\.tsv, does"):
        read_labels(path).present()
    _volume(tmp_path, "index\tcolor\n1\t#ff0000\n")
    with pytest.raises(FileError, match=r"A\.tsv has no column with names"):
        read_labels(path)
    _volume(tmp_path, "index\tname\n1\tVis\n2\tDefault\n7\tCont\n9\tNever\n")
    assert [region.name for region in read_labels(path).present().values()] == ["Vis", "Default", "Cont"]


def test_colours_of_an_annotation_without_a_name_are_refused(tmp_path: Path) -> None:
    path = _old_annotation(tmp_path / "lh.old.annot")
    content = bytearray(path.read_bytes())
    content[4 + 4 : 4 + 8] = struct.pack(">i", 3 + 256 * 9)
    path.write_bytes(content)
    with pytest.raises(FileError, match=r"has 1 vertices with a colour \(2307\) that its own table of names does not"):
        read_labels(path)


def test_a_gifti_file_needs_names_of_its_own_or_a_whole_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, table = tmp_path / "a_hemi-L.label.gii", tmp_path / "a.tsv"
    write_gifti(path, np.array([0, 1, 2]), {0: "none", 1: "A"})
    with pytest.raises(FileError, match="the label 2 at 1 positions, which its own table of names does not name"):
        read_labels(path).present()
    table.write_text("index\tname\n1\tWords\n")
    with pytest.raises(FileError, match=r"the label 2 at 1 positions, which its table of names, .*a\.tsv, does"):
        read_labels(path).present()
    table.write_text("index\tname\n1\tWords\n2\tSounds\n")
    assert [region.name for region in read_labels(path).present().values()] == ["Words", "Sounds"]
    write_gifti(path, np.array([0, 1, 2]), {0: "none", 1: "A", 2: "B"})
    for text, reason in (("index\tname\n1\tWords\n", "lacks the label 2"), ("index\n", "has no column with names")):
        table.write_text(text)
        caplog.clear()
        assert [region.name for region in read_labels(path).present().values()] == ["none", "A", "B"]
        assert "a.tsv is not used" in caplog.text
        assert reason in caplog.text


def test_hemispheres_that_were_mixed_up(tmp_path: Path) -> None:
    path = tmp_path / "a_hemi-L.label.gii"
    for side in ("CortexLeft", "CortexRight"):
        write_gifti(path, np.array([0, 1]), {0: "none", 1: "A"})
        image = nibabel.load(path)
        image.darrays[0].meta["AnatomicalStructurePrimary"] = side
        image.to_filename(path)
        if side == "CortexLeft":
            assert read_labels(path).values.tolist() == [0, 1]
    with pytest.raises(FileError, match=r"a_hemi-L\.label\.gii states that it is CortexRight"):
        read_labels(path)
