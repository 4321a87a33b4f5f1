from pathlib import Path

import pytest

from bids_app.networks.label_tables import Region, read_table, table_beside
from bids_app.text_files import FileError


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.tsv", "index\themi\tname\tcolor\n7\tL\tA b\t#00ff00ff\n", {7: Region("A b", "#00ff00")}),
        ("a.csv", "ROI Label,ROI Name,R,A,S\n1,Vis,-24,-54,-10\n", {1: Region("Vis")}),
        (
            "a.csv",
            "Network Order, Network Name\n4, Salience / Ventral Attention\n",
            {4: Region("Salience / Ventral Attention")},
        ),
        ("a.csv", "0,empty\n1,1_Visual_A\n", {0: Region("empty"), 1: Region("1_Visual_A")}),
        ("a.txt", "# comment\n12  L-Area  255 0 16 0\n", {12: Region("L-Area", "#ff0010")}),
        ("a.txt", "3\tVis_1\t120\t18\t131\t0\n", {3: Region("Vis_1", "#781283")}),
        ("a.lut", "1 1.0 0.0 0.5 Left part\n", {1: Region("Left part", "#ff0080")}),
        ("a.csv", "index;name\n1;Vis, left\n", {1: Region("Vis, left")}),
        ("a.tsv", "index\tname\tcolor\n1\tVis\n", {1: Region("Vis")}),
        ("a.tsv", "parcel\tname\n1\tVis\n", {1: Region("Vis")}),
        (
            "a.tsv",
            "index\tname\n-1\tnone\n1\tVis\nn/a\tLost\n2\t\n3\tn/a\n",
            {-1: Region("none"), 1: Region("Vis"), 3: Region("n/a")},
        ),
        ("a.txt", "#No. Label Name: R G B A\n1 Vis 1 2 3 0\n", {1: Region("Vis", "#010203")}),
        ("a.csv", "Component,Difumo_names\n1,Fornix\n", {1: Region("Fornix")}),
    ],
)
def test_kinds_of_tables(tmp_path: Path, name: str, text: str, expected: dict[int, Region]) -> None:
    (tmp_path / name).write_text(text)
    assert read_table(tmp_path / name) == expected


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_tables_of_any_program(tmp_path: Path, encoding: str, line_end: str) -> None:
    content = f"index\tname{line_end}1\tSom\u00e9{line_end}".encode(encoding)
    (tmp_path / "a.tsv").write_bytes(content)
    assert read_table(tmp_path / "a.tsv") == {1: Region("Som\u00e9")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9" * 5000 + " A\n1 B\n", {1: Region("B")}),
        ("1 A 300 0 0 0\n", {1: Region("A")}),
        ("1 A ... 1.2.3 0 0\n", {1: Region("A")}),
        ("1 1.0 0.0 " + "9" * 400 + " A\n", {1: Region("A")}),
        ("1. A 1 2 3 0\n", {1: Region("A", "#010203")}),
    ],
)
def test_numbers_that_cannot_be_are_passed_over(tmp_path: Path, text: str, expected: dict[int, Region]) -> None:
    (tmp_path / "a.txt").write_text(text)
    assert read_table(tmp_path / "a.txt") == expected


def test_tables_that_are_no_text_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1,A\x00\n")
    with pytest.raises(FileError, match=r"a\.csv holds NUL"):
        read_table(tmp_path / "a.csv")
    (tmp_path / "b.csv").write_text('1,"' + "x" * 200_000)
    with pytest.raises(FileError, match=r"b\.csv, row 1"):
        read_table(tmp_path / "b.csv")


def test_rows_of_one_hemisphere(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("index\themi\tname\n1\tL\tLeft\n1\tR\tRight\n2\t\tBoth\n")
    assert read_table(tmp_path / "a.tsv", "R") == {1: Region("Right"), 2: Region("Both")}
    assert read_table(tmp_path / "a.tsv", "L") == {1: Region("Left"), 2: Region("Both")}


@pytest.mark.parametrize(
    ("image", "table"),
    [
        ("tpl-X_res-02_atlas-A_desc-1_dseg.nii.gz", "tpl-X_atlas-A_desc-1_dseg.tsv"),
        ("Yeo-7_space-X_res-2.nii.gz", "Yeo-7.csv"),
        ("A_order_FSLMNI152_2mm.nii.gz", "A_order.txt"),
    ],
)
def test_table_is_found_beside_its_image(tmp_path: Path, image: str, table: str) -> None:
    for name in (image, table, "tpl-X_atlas-A_desc-2_dseg.tsv", "other.txt", "A_order_FSLMNI152_2mm.Centroid.csv"):
        (tmp_path / name).touch()
    assert table_beside(tmp_path / image) == tmp_path / table
    assert table_beside(tmp_path / "nothing.nii.gz") is None


def test_a_label_with_two_meanings_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a_dseg.tsv"
    path.write_text("index\tname\n1\tVis\n2\tDefault\n1\tVis\n")
    assert read_table(path)[1].name == "Vis"  # the same row twice loses nothing
    path.write_text("index\tname\n1\tVis\n2\tDefault\n2\tLimbic\n")
    with pytest.raises(FileError, match=r"a_dseg\.tsv has the label 2 twice, as 'Default' and as 'Limbic'"):
        read_table(path)
    (tmp_path / "a.lut").write_text("1 Vis 0 0 0\n1 Default 0 0 0\n")
    with pytest.raises(FileError, match="label 1 twice"):
        read_table(tmp_path / "a.lut")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.tsv", "", "is empty; a table of labels has the columns index and name"),
        ("a.txt", "# comment\n\n", "is empty"),
        ("a.tsv", "index\tname\n", "has no row with a label and its name"),
        ("a.tsv", "index\tname\n1\t\n", "has no row with a label and its name"),
        ("a.tsv", "index\tcolor\n1\t#ff0000\n", "has no column with names, only index, color"),
        ("a.tsv", "index\tvolume\n1\t22\n", "has no column with names"),
        ("a.tsv", "number\tsize\n1\t22\n", "has no column with labels"),
        ("a.tsv", "name\tcolor\nVis\t#ff0000\n", "has no column with labels"),
        ("a.tsv", "index,name\n1,Vis\n", "has no column with labels"),
        ("a.tsv", "index\tname\tname\n1\tVis\tDefault\n", "several columns called name"),
        ("a.tsv", "index\tname\n1\tVis\n2.5\tDefault\n", "line 3: the label '2.5' is not a whole number"),
        ("a.csv", "index,name\n1,Vis, left\n", "line 2: 3 cells below 2 columns"),
        ("a.txt", "no numbers here\n", "has no column with labels"),
    ],
)
def test_tables_that_say_nothing_or_half_are_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(FileError, match=message):
        read_table(tmp_path / name)


def test_a_table_of_the_other_hemisphere_alone_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "a.tsv").write_text("index\themi\tname\n1\tR\tRight\n")
    assert read_table(tmp_path / "a.tsv", "L") == {}
