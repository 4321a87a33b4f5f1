import hashlib
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bids_app.machine import manifest
from bids_app.machine.manifest import read_manifest, record
from bids_app.machine.resources import (
    TEMPLATES,
    AtlasPiece,
    MeshPiece,
    ModelPiece,
    SpherePiece,
    TargetSpace,
    fetch_command,
    folders_of,
    model_source,
    pieces_of_run,
    pieces_to_fetch,
)
from bids_app.networks.template_files import template_files
from bids_app.settings import Settings
from bids_app.text_files import FileError

SURFACE, VOLUME, PARCELS = (
    TargetSpace("surface", "fsaverage6"),
    TargetSpace("volume", "MNI152NLin6Asym"),
    TargetSpace("parcels", ""),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path, tmp_path, "participant", model=("gpt2", "bert"), model_revision="v1")


def atlases(settings: Settings, space: TargetSpace) -> list[tuple[str, bool]]:
    return [(piece.name, piece.is_asked) for piece in pieces_of_run(settings, [space]) if isinstance(piece, AtlasPiece)]


def test_models_are_needed_at_their_revision(settings: Settings) -> None:
    assert pieces_of_run(settings, [])[:2] == [ModelPiece("gpt2", "v1"), ModelPiece("bert", "v1")]


@pytest.mark.parametrize(
    ("space", "analysis", "given", "needed"),
    [
        (SURFACE, ("networks",), {}, [("yeo7", True)]),
        (VOLUME, ("networks", "brainscore"), {}, [("schaefer400", True)]),
        (PARCELS, ("networks", "forecast"), {}, []),
        (SURFACE, ("brainscore",), {"atlas": "yeo17"}, []),
        (SURFACE, ("networks",), {"atlas": "none"}, []),
        (SURFACE, ("forecast",), {}, [("yeo7", False), ("destrieux", False)]),
        (VOLUME, ("depth",), {}, [("schaefer400", False)]),
        (SURFACE, ("networks", "variance"), {"regions": "yeo17"}, [("yeo7", True), ("yeo17", True)]),
        (SURFACE, ("forecast",), {"atlas": "yeo7", "regions": "none"}, [("yeo7", True)]),
    ],
)
def test_atlases_are_needed_as_the_analyses_use_them(
    settings: Settings,
    space: TargetSpace,
    analysis: tuple[str, ...],
    given: dict[str, Any],
    needed: list[tuple[str, bool]],
) -> None:
    assert atlases(replace(settings, analysis=analysis, **given), space) == needed


def test_the_stimulus_level_needs_no_atlas(settings: Settings) -> None:
    assert atlases(replace(settings, level="stimulus"), SURFACE) == []


def test_spaces_alone_bring_what_a_run_takes_by_default() -> None:
    pieces = pieces_to_fetch([], None, [], ["fsaverage6", "MNI152NLin6Asym"])
    assert pieces.pop(2) == MeshPiece("fsaverage6")
    assert [(piece.name, piece.space.name) for piece in pieces if isinstance(piece, AtlasPiece)] == [
        ("yeo7", "fsaverage6"),
        ("destrieux", "fsaverage6"),
        ("schaefer400", "MNI152NLin6Asym"),
    ]


def test_meshes_are_needed_where_surfaces_are_smoothed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    settings = Settings(tmp_path, tmp_path, "participant", smoothing_fwhm=4.0, atlas="none", regions="none")
    spaces = [TargetSpace("surface", "fsLR"), TargetSpace("volume", "T1w"), TargetSpace("surface", "fsaverage5")]
    assert pieces_of_run(settings, spaces)[1:] == [MeshPiece("fsLR"), MeshPiece("fsaverage5")]
    assert pieces_of_run(replace(settings, smoothing_fwhm=0.0), spaces)[1:] == []
    assert MeshPiece("fsaverage5").find([], download=False) == []
    with pytest.raises(FileNotFoundError, match=r"den-32k_hemi-L_midthickness.*den-32k_hemi-R_inflated"):
        MeshPiece("fsLR").find([], download=False)
    with pytest.raises(ValueError, match="mesh of fsnative"):
        MeshPiece("fsnative").find([], download=False)
    command = fetch_command(MeshPiece("fsLR"), None)
    assert command == "n2n fetch --space fsLR --to DIR"


@pytest.mark.parametrize(("density", "vertices"), [("32k", "32k"), ("91k", "32k"), ("170k", "59k"), ("", "32k")])
def test_links_of_maps_on_fslr_need_its_sphere_whatever_the_atlas(
    settings: Settings, density: str, vertices: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    space, with_file = TargetSpace("surface", "fsLR", density), replace(settings, atlas="own.dlabel.nii")
    piece = pieces_of_run(with_file, [space, SURFACE])[-1]
    assert piece == SpherePiece(density)
    with pytest.raises(FileNotFoundError, match=rf"space-fsaverage_hemi-L_den-{vertices}_sphere.surf.gii") as error:
        piece.find([], download=False)
    assert "--atlas FILE" not in str(error.value)
    assert fetch_command(piece, None) == (None if vertices == "59k" else "n2n fetch --space fsLR --to DIR")
    changes = ({"atlas": "none"}, {"analysis": ("brainscore",)}, {"level": "stimulus"})
    for other in (replace(with_file, **change) for change in changes):
        assert not any(isinstance(piece, SpherePiece) for piece in pieces_of_run(other, [space]))
    assert not any(isinstance(piece, SpherePiece) for piece in pieces_of_run(with_file, [SURFACE, VOLUME, PARCELS]))


def test_an_atlas_comes_in_the_spaces_where_it_is_published() -> None:
    spaces = ["fsaverage5", "MNI152NLin6Asym"]
    pieces = pieces_to_fetch([], None, ["yeo7", "schaefer400"], spaces)
    assert [(piece.name, piece.space.name) for piece in pieces if isinstance(piece, AtlasPiece)] == [
        ("yeo7", "fsaverage5"),
        ("schaefer400", "fsaverage5"),
        ("schaefer400", "MNI152NLin6Asym"),
    ]
    assert len(pieces_to_fetch([], None, ["schaefer400"], [])) == 6


@pytest.mark.parametrize(
    ("models", "names", "spaces", "message"),
    [
        ([], [], [], "nothing to fetch"),
        ([], ["yeo8"], [], "Unknown atlas 'yeo8'"),
        ([], ["yeo7"], ["MNI152NLin6Asym"], "--atlas yeo7 is not published in MNI152NLin6Asym; it is in fsaverage5"),
        (["gpt2"], [], ["onavg"], "--space onavg: no atlas"),
    ],
)
def test_what_there_is_not_cannot_be_fetched(
    models: list[str], names: list[str], spaces: list[str], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        pieces_to_fetch(models, None, names, spaces)


def test_paths_are_checked_and_never_fetched(tmp_path: Path) -> None:
    piece = AtlasPiece(str(tmp_path / "mine.annot"), SURFACE)
    with pytest.raises(FileNotFoundError, match=r"mine\.annot"):
        piece.find([], download=False)
    assert fetch_command(piece, tmp_path) is None
    assert fetch_command(ModelPiece(str(tmp_path)), tmp_path) is None
    with pytest.raises(ValueError, match="is a folder: copy it"):
        ModelPiece(str(tmp_path)).fetch(tmp_path)


def test_commands_hold_for_the_shell(tmp_path: Path) -> None:
    command = fetch_command(ModelPiece("a/b", "v 1"), tmp_path / "my folder")
    assert command == f"n2n fetch --model a/b --model-revision 'v 1' --to '{tmp_path}/my folder'"


def test_templates_that_lost_bytes_on_the_way_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEMPLATEFLOW_HOME", str(tmp_path / "none"))
    piece = AtlasPiece("yeo7", SURFACE)
    folder = tmp_path / TEMPLATES / "tpl-fsaverage"
    folder.mkdir(parents=True)
    for name in template_files("yeo7", "surface", "fsaverage6"):
        (folder / name).write_text("labels")
    record(tmp_path, folder.iterdir())
    assert len(piece.find([tmp_path], download=False)) == 3
    next(folder.glob("*hemi-L*")).write_text("lab")
    with pytest.raises(ValueError, match=r"hemi-L.* has 3 bytes and had 6 when it was fetched: copy it again"):
        piece.find([tmp_path], download=False)


def test_the_runs_own_folder_comes_before_that_of_the_environment(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    resources, home = tmp_path / "own", tmp_path / "home"
    for folder in (resources, home):
        folder.mkdir()
    monkeypatch.setenv("N2N_HOME", str(home))
    assert folders_of(None) == [home]
    assert folders_of(resources) == [resources, home]
    record(home, [], ("gpt2", None, "a" * 40))
    assert model_source("gpt2", None, [resources, home]) == ("a" * 40, [home / "models"])
    record(resources, [], ("gpt2", None, "b" * 40))
    assert model_source("gpt2", None, [resources, home]) == ("b" * 40, [resources / "models"])
    assert model_source("gpt2", "v1", [resources, home]) == ("v1", [resources / "models", home / "models"])


def test_the_manifest_grows_and_keeps_revisions_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("12345")
    record(tmp_path, [tmp_path / "file"], ("gpt2", None, "a" * 40))
    record(tmp_path, [], ("gpt2", "v1", "b" * 40))
    grown = read_manifest(tmp_path)
    assert grown.files == {"file": 5}
    assert grown.commit("gpt2", None) == "a" * 40
    assert grown.commit("gpt2", "v1") == "b" * 40
    assert grown.commit("bert", "v2") is None
    broken: object
    for broken in ({"models": []}, {"models": {}, "files": {"file": "5"}}, {"models": {"gpt2": 1}, "files": {}}, []):
        (tmp_path / "manifest.json").write_text(json.dumps(broken))
        with pytest.raises(FileError, match="remove it and fetch again"):
            read_manifest(tmp_path)


def _fetched(tmp_path: Path) -> Path:
    path = tmp_path / "models" / "weights"
    path.parent.mkdir()
    path.write_text("12345")
    record(tmp_path, [path], ("gpt2", None, "a" * 40))
    return path


def test_content_that_changed_under_the_same_size_is_noticed(tmp_path: Path) -> None:
    path = _fetched(tmp_path)
    assert read_manifest(tmp_path).hashes == {"models/weights": hashlib.sha256(b"12345").hexdigest()}
    assert read_manifest(tmp_path).find_damage(tmp_path, [path]) is None
    path.write_text("12354")
    os.utime(path, ns=(1, 1))
    assert "its SHA-256 differs" in str(read_manifest(tmp_path).find_damage(tmp_path, [path]))


def test_content_is_compared_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _fetched(tmp_path)
    assert read_manifest(tmp_path).find_damage(tmp_path, [path]) is None
    monkeypatch.setattr(manifest, "sha256_of", lambda path: pytest.fail("compared again"))
    assert read_manifest(tmp_path).find_damage(tmp_path, [path]) is None


def test_manifests_of_sizes_alone_still_hold(tmp_path: Path) -> None:
    path = _fetched(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    del content["sha256"]
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    path.write_text("54321")
    assert read_manifest(tmp_path).find_damage(tmp_path, [path]) is None
    path.write_text("5432")
    assert "has 4 bytes and had 5" in str(read_manifest(tmp_path).find_damage(tmp_path, [path]))


def test_a_note_that_cannot_be_read_or_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _fetched(tmp_path)
    (tmp_path / manifest.CHECKED).write_text("[")

    def refuse(path: Path, text: str) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(manifest, "write_text", refuse)
    assert read_manifest(tmp_path).find_damage(tmp_path, [path]) is None
