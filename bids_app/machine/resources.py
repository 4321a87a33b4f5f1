"""Models, atlases and meshes that a run needs, for the check before a run and for `n2n fetch`."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from bids_app.bids.runs import Run
from bids_app.language.weights import ModelFiles, check_complete, fetch_model, find_model, is_hub_name
from bids_app.machine import live
from bids_app.machine.manifest import read_manifest, record
from bids_app.networks.atlas import check_files
from bids_app.networks.label_files import check_exists
from bids_app.networks.meshes import meshes_of
from bids_app.networks.schemes import DEFAULT_ATLAS, DEFAULT_REGIONS
from bids_app.networks.template_files import fetch_files, locate, published_in, template_files
from bids_app.settings import Settings

MODELS, TEMPLATES = "models", "templateflow"  # subfolders of a folder of resources
_MESHES_TO_FETCH = ("fsaverage6", "fsaverage", "fsLR")  # that of fsaverage5 is part of nilearn
# Vertices of a hemisphere by the entity `den` of surfaces and grayordinates; 32k and 91k are the usual ones.
_VERTICES_OF_FSLR = {"59k": 59_292, "170k": 59_292, "164k": 163_842}


def folders_of(resources: Path | None) -> list[Path]:
    """Folders filled by `n2n fetch`, in the order of search: `--resources`, then N2N_HOME."""
    home = os.environ.get("N2N_HOME")
    folders = [resources, Path(home).expanduser() if home else None]
    return [folder for folder in folders if folder is not None]


def model_source(name: str, revision: str | None, folders: Sequence[Path]) -> tuple[str | None, list[Path]]:
    """The revision of a model and the folders to search: the commit of the first folder whose manifest has it."""
    for folder in folders:
        if commit := read_manifest(folder).commit(name, revision):
            return commit, [folder / MODELS]
    return revision, [folder / MODELS for folder in folders]


def atlas_source(resources: Path | None) -> dict[str, Any]:
    """Arguments of `networks.atlas.load_atlas` that locate an atlas."""
    return {"resources": [folder / TEMPLATES for folder in folders_of(resources)] or None}


@dataclass(frozen=True)
class TargetSpace:
    """Space of data: kind ("surface", "volume", "parcels"), name, and for fsLR the entity `den` of the files."""

    kind: str
    name: str
    density: str = ""


def space_of_run(run: Run) -> TargetSpace:
    """Space of the atlas of a run: for grayordinates the surface, for fsaverage by density."""
    kind = "surface" if run.kind == "cifti" else run.kind
    of_density = {"10k": "fsaverage5", "41k": "fsaverage6"} if run.space == "fsaverage" else {}
    return TargetSpace(kind, of_density.get(run.density, run.space or ""), run.density if run.space == "fsLR" else "")


@dataclass(frozen=True)
class ModelPiece:
    """A model: a folder, or a name on the Hub with the requested revision."""

    name: str
    revision: str | None = None
    option: ClassVar[str] = "--model"
    is_asked = True

    @property
    def title(self) -> str:
        """Title for messages."""
        return f"the model {self.name}" + (f" at revision {self.revision}" if self.revision else "")

    @property
    def options(self) -> list[str] | None:
        """Options of `n2n fetch`; None if it cannot be fetched."""
        revision = ["--model-revision", self.revision] if self.revision else []
        return ["--model", self.name, *revision] if is_hub_name(self.name) else None

    def find(self, folders: Sequence[Path], *, download: bool) -> ModelFiles:
        """Files of the model. Raises FileNotFoundError or ValueError if they are incomplete."""
        revision, resources = model_source(self.name, self.revision, folders)
        files = find_model(self.name, revision, resources=resources, download=download)
        check_complete(files)
        _refuse_damage(sorted(files.folder.iterdir()), folders)
        return files

    def fetch(self, resources: Path) -> list[Path]:
        """Fetch it into a folder of resources; a model that was fetched before keeps its commit."""
        if Path(self.name).expanduser().is_dir():
            raise ValueError(f"{self.name} is a folder: copy it to where the run is, and give that with --model there")
        revision = read_manifest(resources).commit(self.name, self.revision) or self.revision
        files = fetch_model(self.name, revision, resources / MODELS)
        paths = sorted(path for path in files.folder.iterdir() if path.is_file())
        record(resources, paths, (self.name, self.revision, files.folder.name))
        return paths


@dataclass(frozen=True)
class AtlasPiece:
    """An atlas for one space: a file or folder, or the name of one in TemplateFlow.

    `is_asked`: requested by the user; `option`: the option of the run that names it.
    """

    name: str
    space: TargetSpace
    is_asked: bool = True
    option: str = "--atlas"

    @property
    def title(self) -> str:
        """Title for messages."""
        return f"the atlas {self.name}" + ("" if self._is_path else f" in {self.space.name}")

    @property
    def options(self) -> list[str] | None:
        """Options of `n2n fetch`; None if it cannot be fetched."""
        return None if self._is_path else ["--atlas", self.name, "--space", self.space.name]

    @property
    def _is_path(self) -> bool:
        return Path(self.name).exists() or bool(Path(self.name).suffix)

    def find(self, folders: Sequence[Path], *, download: bool) -> list[Path]:
        """Its files. Raises FileNotFoundError, and ValueError for an atlas without an edition in this space."""
        if self._is_path:
            path = Path(self.name)
            if not path.is_dir():
                check_exists(path)
            return [path]
        paths = locate(self._names(), [folder / TEMPLATES for folder in folders], download=download)
        _refuse_damage(paths, folders)
        return paths

    def check(self) -> None:
        """Read an atlas file. Raises ValueError if it or its table is unusable."""
        if self._is_path:
            check_files(Path(self.name), self.space.kind)

    def fetch(self, resources: Path) -> list[Path]:
        """Fetch it into a folder of resources."""
        if self._is_path:
            raise ValueError(f"{self.name} is a file: copy it to where the run is, and give that with --atlas there")
        paths = fetch_files(self._names(), resources / TEMPLATES)
        record(resources, paths)
        return paths

    def _names(self) -> list[str]:
        return template_files(self.name, self.space.kind, self.space.name)


@dataclass(frozen=True)
class MeshPiece:
    """The mesh of a space, for smoothing recordings and drawing maps."""

    space: str
    option: ClassVar[str] = "--space"
    is_asked = True

    @property
    def name(self) -> str:
        """The space."""
        return self.space

    @property
    def title(self) -> str:
        """Title for messages."""
        return f"the mesh of {self.space}"

    @property
    def options(self) -> list[str] | None:
        """Options of `n2n fetch`."""
        return ["--space", self.space]

    def find(self, folders: Sequence[Path], *, download: bool) -> list[Path]:
        """Its files. Raises FileNotFoundError, and ValueError for a space whose mesh is unknown."""
        paths = locate(meshes_of(self.space), [folder / TEMPLATES for folder in folders], download=download)
        _refuse_damage(paths, folders)
        return paths

    def fetch(self, resources: Path) -> list[Path]:
        """Fetch it into a folder of resources."""
        paths = fetch_files(meshes_of(self.space), resources / TEMPLATES)
        record(resources, paths)
        return paths


@dataclass(frozen=True)
class SpherePiece:
    """The spheres of fsLR, which its maps need for the spin test."""

    density: str = ""
    name: ClassVar[str] = "fsLR"
    title: ClassVar[str] = "the sphere of fsLR"
    option: ClassVar[str] = "--space"
    is_asked = True

    @property
    def options(self) -> list[str] | None:
        """Options of `n2n fetch`; None for densities that it does not fetch."""
        return None if self.density in _VERTICES_OF_FSLR else ["--space", self.name]

    def find(self, folders: Sequence[Path], *, download: bool) -> list[Path]:
        """Its files. Raises FileNotFoundError."""
        paths = locate(self._names(), [folder / TEMPLATES for folder in folders], download=download)
        _refuse_damage(paths, folders)
        return paths

    def fetch(self, resources: Path) -> list[Path]:
        """Fetch it into a folder of resources."""
        paths = fetch_files(self._names(), resources / TEMPLATES)
        record(resources, paths)
        return paths

    def _names(self) -> list[str]:
        from bids_app.networks.fslr import sphere_files  # imports scipy.spatial, which takes a while

        return sphere_files(_VERTICES_OF_FSLR.get(self.density, 32_492))


Piece = ModelPiece | AtlasPiece | MeshPiece | SpherePiece


def _refuse_damage(paths: Sequence[Path], folders: Sequence[Path]) -> None:
    for folder in folders:
        if damage := read_manifest(folder).find_damage(folder, paths):
            raise ValueError(f"{damage}: copy it again")


def pieces_of_run(settings: Settings, spaces: Sequence[TargetSpace]) -> list[Piece]:
    """Everything that a run on data in these spaces needs, each piece once."""
    models: list[Piece] = [ModelPiece(name, settings.model_revision) for name in settings.model]
    atlases = (atlas for space in spaces for atlas in _atlases(settings, space)) if settings.level != "stimulus" else ()
    smoothed = settings.smoothing_fwhm and settings.level != "stimulus"
    meshes = [MeshPiece(space.name) for space in spaces if space.kind == "surface"] if smoothed else []
    with_links = any(analysis.needs_atlas for analysis in settings.analyses)
    linked = with_links and not settings.network_atlas.is_off and settings.level != "stimulus"
    on_fslr = [space for space in spaces if (space.kind, space.name) == ("surface", "fsLR")] if linked else []
    return list(dict.fromkeys([*models, *atlases, *meshes, *(SpherePiece(space.density) for space in on_fslr)]))


def _atlases(settings: Settings, space: TargetSpace) -> Iterator[AtlasPiece]:
    if space.kind == "parcels":
        return  # their table holds the networks
    with_regions = any(analysis.keeps_atlases for analysis in settings.analyses)
    regions = settings.region_atlas
    with_links = any(analysis.needs_atlas for analysis in settings.analyses)
    if not settings.network_atlas.is_off and (with_links or with_regions):
        # without a requested or available atlas, scores are reported without networks
        needed = settings.network_atlas.is_asked or with_links
        yield AtlasPiece(settings.network_atlas.name or DEFAULT_ATLAS[space.kind], space, needed)
    if not regions.is_off and with_regions and (space.kind == "surface" or regions.is_asked):
        yield AtlasPiece(regions.name or DEFAULT_REGIONS, space, regions.is_asked, "--regions")


def pieces_to_fetch(
    models: Sequence[str], revision: str | None, atlases: Sequence[str], spaces: Sequence[str]
) -> list[Piece]:
    """The pieces that `n2n fetch` was asked for.

    For an atlas, its editions in the given or all spaces; for spaces without an atlas, the default atlases of a run.
    Raises ValueError for unknown names, and if nothing is requested.
    """
    pieces: list[Piece] = [ModelPiece(name, revision) for name in models]
    for atlas in atlases:
        chosen = _editions(atlas, spaces)
        if not chosen:
            there_are = ", ".join(piece.space.name for piece in _editions(atlas))
            raise ValueError(f"--atlas {atlas} is not published in {', '.join(spaces)}; it is in {there_are}")
        pieces += chosen
    for space in () if atlases else spaces:
        defaults = [
            piece
            for atlas in (*DEFAULT_ATLAS.values(), DEFAULT_REGIONS)
            for piece in _editions(atlas, [space])
            if atlas in (DEFAULT_ATLAS[piece.space.kind], DEFAULT_REGIONS)
        ]
        if not defaults:
            raise ValueError(f"--space {space}: no atlas is published there; give a run on it --atlas FILE or none")
        pieces += defaults
        if space in _MESHES_TO_FETCH:
            pieces.append(MeshPiece(space))
    if not pieces:
        raise ValueError("nothing to fetch: give --model, --atlas or --space")
    return pieces


def _editions(atlas: str, spaces: Sequence[str] = ()) -> list[AtlasPiece]:
    editions = [AtlasPiece(atlas, TargetSpace(kind, space)) for kind, space in published_in(atlas)]
    return [piece for piece in editions if not spaces or piece.space.name in spaces]


def fetch(pieces: Sequence[Piece], resources: Path) -> Iterator[str]:
    """Fetch all pieces into a folder; yields a line for each available one.

    Raises FileNotFoundError at the end, which names the pieces that are not available.
    """
    resources.mkdir(parents=True, exist_ok=True)
    failures = []
    with live.display(len(pieces), things="pieces") as shown:
        for piece in pieces:
            live.begin(piece.title, "fetching")
            try:
                paths = piece.fetch(resources)
            except (OSError, ValueError, RuntimeError) as error:
                failures.append(f"{piece.title} cannot be fetched: {error.__cause__ or error}")
            else:
                size = sum(path.stat().st_size for path in paths)
                commit = f" (commit {paths[0].parent.name})" if isinstance(piece, ModelPiece) else ""
                yield f"{piece.title}{commit}: {len(paths)} files, {size / 1e6:,.1f} MB"
            if shown:
                shown.ended(piece.title)
    if failures:
        raise FileNotFoundError("\n".join(failures))


def fetch_command(piece: Piece, resources: Path | None) -> str | None:
    """The command that fetches a piece; None if it cannot be fetched."""
    target = shlex.quote(str(resources)) if resources else "DIR"
    return f"n2n fetch {shlex.join(piece.options)} --to {target}" if piece.options else None
