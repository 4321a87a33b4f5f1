import json
import os
from pathlib import Path

import pytest

from bids_app.text_files import FileError, read_bytes, read_json, read_json_content, read_rows, read_text


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_encodings_that_programs_save(tmp_path: Path, encoding: str) -> None:
    text = "onset\tword\n1\tcaf\u00e9 \u2019n\n"
    assert read_text(_write(tmp_path / "x.tsv", text.encode(encoding))) == text


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe\x00", "not text in UTF-16"),
        (b"\xff\xfea\x00b", "not text in UTF-16"),
        (b"\xfe\xff\xd8\x00", "not text in UTF-16"),
        (b"\xef\xbb\xbf\xe9", "not text in UTF-8"),
        (b"\x81\x8d", "not text in CP1252"),
        (b"a\0b", "NUL"),
        (b"/annex/objects/MD5E-s20960--6a5b.csv\n", r"datalad get"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
        (b"x" * 101, "at most"),
    ],
)
def test_content_that_is_no_text_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    path = _write(tmp_path / "x.tsv", content)
    with pytest.raises(FileError, match=message) as error:
        read_text(path, limit=100)
    assert str(path) in str(error.value)


@pytest.mark.parametrize("limit", [10, 100_000])
def test_a_pointer_is_named_whatever_the_limit(tmp_path: Path, limit: int) -> None:
    pointer = b"/annex/objects/MD5E-s20960--6a5b.csv\n"
    with pytest.raises(FileError, match="datalad get"):
        read_bytes(_write(tmp_path / "x.tsv", pointer), limit)
    long = _write(tmp_path / "long.tsv", pointer + b"x" * 32768)  # too long for a pointer
    if limit > 32768:
        assert read_bytes(long, limit) == long.read_bytes()
    else:
        with pytest.raises(FileError, match="at most"):
            read_bytes(long, limit)


def test_what_is_no_file_is_refused_without_waiting(tmp_path: Path) -> None:
    (tmp_path / "annexed").symlink_to(tmp_path / "nowhere")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    os.mkfifo(tmp_path / "pipe")
    _write(tmp_path / "file", b"")
    for name, message in {
        "annexed": "is a link to content that is not here: get it first \\(datalad get",
        "circle": "cannot be read",
        "pipe": "a pipe or a device",
        "absent": "does not exist",
        "": "a folder",
        "file/x": "cannot be read",
        "x" * 300: "cannot be read",
        "x\0y": "cannot be read",
    }.items():
        with pytest.raises(FileError, match=message):
            read_text(tmp_path / name)
    with pytest.raises(FileError, match="a pipe or a device"):
        read_text(Path("/dev/zero"))
    if Path("/proc/self/maps").exists():  # a file that holds more than it says
        with pytest.raises(FileError, match="at most"):
            read_bytes(Path("/proc/self/maps"), limit=10)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="everything may be read by root")
def test_no_permission(tmp_path: Path) -> None:
    _write(tmp_path / "x", b"").chmod(0)
    with pytest.raises(FileError, match="may not be read"):
        read_text(tmp_path / "x")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_rows_with_any_line_end(tmp_path: Path, line_end: bytes) -> None:
    lines = [b'a\t"b', b"", b"1\t", b"2\tx\xc2\x85y"]
    expected = [["a", '"b'], [], ["1", ""], ["2", "x\x85y"]]
    assert read_rows(_write(tmp_path / "x.tsv", line_end.join([*lines, b""]))) == expected
    assert read_rows(_write(tmp_path / "x.tsv", line_end.join(lines))) == expected


def test_rows_with_quotation_marks(tmp_path: Path) -> None:
    path = _write(tmp_path / "x.csv", b'a,"b, ""c"""\r\n"d\ne",f\r,')
    assert read_rows(path, ",") == [["a", 'b, "c"'], ["d\ne", "f"], ["", ""]]
    with pytest.raises(FileError, match=r"row 2.*quotation mark"):
        read_rows(_write(tmp_path / "y.csv", b'a\n"' + b"x" * 200_000), ",")


@pytest.mark.parametrize(
    "content",
    ["[" * 100_000, '{"a":' * 100_000, "{", "", "\r", '{"a": ' + "1" * 5000 + "}", '{"a": "\\ud800"}', "{}{}", "[]"],
)
def test_broken_json_is_named(tmp_path: Path, content: str) -> None:
    path = _write(tmp_path / "x.json", content.encode())
    with pytest.raises(FileError, match=r"x\.json"):
        read_json(path)


def test_json_keeps_what_it_holds(tmp_path: Path) -> None:
    content = {"a": [1, 1.5, None], "b": "caf\u00e9 \U0001f600"}
    assert read_json(_write(tmp_path / "x.json", json.dumps(content).encode())) == content
    assert read_json_content(_write(tmp_path / "y.json", b"[1]")) == [1]
