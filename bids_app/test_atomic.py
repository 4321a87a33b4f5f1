from pathlib import Path

import pytest

from bids_app.atomic import atomic_path, write_text


def test_a_file_has_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "below" / "maps.func.gii"
    with atomic_path(path) as draft:
        draft.write_text("half")
        assert not path.exists()
        assert draft.name.endswith(".func.gii")
    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("is_folder", [False, True])
def test_what_fails_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, is_folder: bool) -> None:
    path = write_text(tmp_path / "kept", "before")

    def fail() -> None:
        with atomic_path(path) as draft:
            if is_folder:
                draft.mkdir()
                (draft / "part").touch()
            else:
                draft.touch()
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_of_two_folders_the_first_stays(tmp_path: Path) -> None:
    path = tmp_path / "activations"
    path.mkdir()
    (path / "first").touch()
    with atomic_path(path, first_stays=True) as draft:
        draft.mkdir()
        (draft / "second").touch()
    assert [file.name for file in path.iterdir()] == ["first"]
    with pytest.raises(OSError, match="not empty"), atomic_path(path) as draft:
        draft.mkdir()
    assert list(tmp_path.iterdir()) == [path]
