import hashlib
import os
from pathlib import Path

import pytest

from bids_app.checksums import artefact_damage, manifest_path, sha256_of, write_manifest
from bids_app.text_files import FileError


def test_what_has_no_end_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "file").write_bytes(b"abc")
    for name in ("pipe", "device"):
        with pytest.raises(FileError, match=f"{name} is a pipe or a device"):
            sha256_of(tmp_path / name)
    assert sha256_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


def test_a_pipe_instead_of_a_manifest_is_damage_and_is_replaced(tmp_path: Path) -> None:
    artefact = tmp_path / "design.npz"
    artefact.write_bytes(b"abc")
    manifest = manifest_path(artefact)
    os.mkfifo(manifest)
    assert artefact_damage(artefact) == "design.npz.manifest.json is missing or cannot be read"
    write_manifest(artefact, manifest, artefact.name)
    assert manifest.is_file()
    assert artefact_damage(artefact) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["design.npz", "design.npz.manifest.json"]
