from pathlib import Path

import pytest

from bids_app.bids import container
from bids_app.bids.dataset import open_dataset
from bids_app.bids.errors import DatasetError


@pytest.fixture
def inside(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(container.CONTAINER_TAG, "neurons2networks:test")
    return monkeypatch


@pytest.mark.parametrize("made", [False, True])
def test_a_folder_that_was_not_mounted(inside: pytest.MonkeyPatch, tmp_path: Path, made: bool) -> None:
    data = tmp_path / "data"
    if made:
        data.mkdir()
    with pytest.raises(DatasetError, match=rf"is the volume mounted \(-v FOLDER:{data}\)\?"):
        open_dataset(data)
    inside.setenv("APPTAINER_CONTAINER", "image.sif")
    with pytest.raises(DatasetError, match=rf"is the volume mounted \(--bind FOLDER:{data}\)\?"):
        open_dataset(data)


@pytest.mark.parametrize(("made", "message"), [(False, "is not a folder"), (True, "is empty")])
def test_outside_a_container_the_advice_omits_volumes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, made: bool, message: str
) -> None:
    monkeypatch.delenv(container.CONTAINER_TAG, raising=False)
    data = tmp_path / "data"
    if made:
        data.mkdir()
    with pytest.raises(DatasetError, match=f"{message}: check the path"):
        open_dataset(data)


def test_a_derivative_that_was_not_mounted(inside: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "README").touch()
    with pytest.raises(DatasetError, match="/nowhere is not a folder: is the volume mounted"):
        open_dataset(tmp_path, ["/nowhere"])


def test_what_goes_with_the_container(inside: pytest.MonkeyPatch) -> None:
    assert container.goes_with_container(Path("/"))
    assert not container.goes_with_container(Path("/proc"))  # mounted
    inside.delenv(container.CONTAINER_TAG)
    assert not container.goes_with_container(Path("/"))
