import os
from pathlib import Path

import pytest

from bids_app.bids.content import require_content
from bids_app.bids.errors import DatasetError
from bids_app.bids.metadata import Listing, kept_listing, list_names


def test_content_that_is_here_passes(tmp_path: Path) -> None:
    path = tmp_path / "table.tsv"
    path.write_text("a\n1\n")
    link = tmp_path / "link.tsv"
    link.symlink_to(path)
    require_content(path)
    require_content(link)


def test_what_is_not_here_is_named_with_the_way_out(tmp_path: Path) -> None:
    link = tmp_path / "bold.nii.gz"
    link.symlink_to(tmp_path / ".git" / "annex" / "objects" / "gone")
    with pytest.raises(
        DatasetError, match=r"link to content that is not here: get it first \(datalad get .*bold.nii.gz"
    ):
        require_content(link)
    with pytest.raises(DatasetError, match="does not exist"):
        require_content(tmp_path / "other.tsv")
    with pytest.raises(DatasetError, match="is a folder"):
        require_content(tmp_path)
    os.mkfifo(tmp_path / "pipe.tsv")
    with pytest.raises(DatasetError, match="a pipe or a device"):
        require_content(tmp_path / "pipe.tsv")


@pytest.mark.parametrize(
    "pointer",
    [
        "/annex/objects/MD5E-s120--0123456789abcdef0123456789abcdef.tsv\n",
        "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    ],
)
def test_pointers_of_unlocked_files_are_no_content(tmp_path: Path, pointer: str) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text(pointer)
    with pytest.raises(DatasetError, match="get it first"):
        require_content(path)


def test_a_folder_instead_of_a_file_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "task-x_bold.json").mkdir()
    (tmp_path / "func").mkdir()
    (tmp_path / "a_bold.json").touch()
    for _ in range(2):
        assert [path.name for path, _ in list_names(tmp_path, "bold.json")] == ["a_bold.json"]
        assert [path.name for path, _ in list_names(tmp_path, "")] == ["a_bold.json"]
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path / 'task-x_bold.json'} is a folder")


def test_a_kept_listing_tells_the_same_and_reads_a_folder_once(tmp_path: Path) -> None:
    for name in ("b_bold.json", "a_bold.json", "a_events.tsv", ".hidden_events.tsv"):
        (tmp_path / name).touch()
    (tmp_path / "c_events.tsv").symlink_to(tmp_path / "elsewhere")  # content that is not here
    (tmp_path / "folder_bold.json").mkdir()
    kept = kept_listing()
    for folder in (tmp_path, tmp_path / "absent", tmp_path / "a_bold.json"):
        for ending in ("bold.json", "events.tsv", ""):
            assert kept(folder, ending) == list_names(folder, ending)
    (tmp_path / "later_bold.nii.gz").touch()
    assert kept(tmp_path, "bold.nii.gz") == []
    assert [path.name for path, _ in kept_listing()(tmp_path, "bold.nii.gz")] == ["later_bold.nii.gz"]


@pytest.mark.parametrize("listing", [list_names, kept_listing()])
def test_a_link_in_a_circle_is_an_error_at_each_look(tmp_path: Path, listing: Listing) -> None:
    (tmp_path / "x_bold.json").symlink_to(tmp_path / "x_bold.json")
    (tmp_path / "y_events.tsv").touch()
    for _ in range(2):
        with pytest.raises(DatasetError, match="may not be read"):
            listing(tmp_path, "bold.json")
    assert [path.name for path, _ in listing(tmp_path, "events.tsv")] == ["y_events.tsv"]
