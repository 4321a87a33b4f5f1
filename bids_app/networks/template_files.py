"""Files of named atlases (`yeo7`, `schaefer400`, …): in a local folder, TemplateFlow's folder, or its archive."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bids_app.networks.schemes import TEMPLATE_ATLASES, TemplateAtlas
from bids_app.networks.surfaces import FSAVERAGE_VERTICES
from bids_app.template_home import is_there, local_template, template_folder, template_home
from bids_app.wording import in_one_line

# Density of TemplateFlow's fsaverage that matches a surface space; other densities are subsampled.
_DENSITIES = {"fsaverage5": "10k", "fsaverage6": "41k", "fsaverage": "164k"}
_RESOLUTION = "02"
_QUERY_KEYS = {
    "space": "space",
    "res": "resolution",
    "den": "density",
    "hemi": "hemi",
    "atlas": "atlas",
    "seg": "segmentation",
    "scale": "scale",
    "desc": "desc",
}


def template_files(name: str, kind: str, space: str) -> list[str]:
    """File names of a named atlas in TemplateFlow: label files (left, right or one volume), then the table of names.

    For fsLR, the files of fsaverage and the spheres that relate the two.

    Raises ValueError for an unknown name and for a space in which the atlas is not published.
    """
    atlas = _atlas(name)
    return _surface_files(name, atlas, space) if kind == "surface" else _volume_files(name, atlas, space)


def published_in(name: str) -> list[tuple[str, str]]:
    """Kind of data ("surface" or "volume") and space of each edition of a named atlas.

    >>> published_in("yeo7")
    [('surface', 'fsaverage5'), ('surface', 'fsaverage6'), ('surface', 'fsaverage'), ('surface', 'fsLR')]

    Raises ValueError for an unknown name.
    """
    surfaces = [("surface", space) for space in (*FSAVERAGE_VERTICES, "fsLR")]
    return surfaces + [("volume", space) for space in _atlas(name).templates]


def _atlas(name: str) -> TemplateAtlas:
    atlas = TEMPLATE_ATLASES.get(name.lower())
    if atlas is None:
        raise ValueError(
            f"Unknown atlas {name!r}: neither a file or folder nor one of {', '.join(TEMPLATE_ATLASES)}; "
            "give one of these names or a path."
        )
    return atlas


def _surface_files(name: str, atlas: TemplateAtlas, space: str) -> list[str]:
    if space == "fsLR":  # from fsaverage, by the spheres
        from bids_app.networks.fslr import sphere_files

        return [*_surface_files(name, atlas, "fsaverage"), *sphere_files(fsaverage=True)]
    if space not in FSAVERAGE_VERTICES:
        raise ValueError(
            f"Atlas {name!r} is published on {', '.join(FSAVERAGE_VERTICES)} and available on fsLR, not on {space!r}; "
            "choose data on one of these with --space, or give an atlas on that surface with --atlas FILE."
        )
    density = _DENSITIES[space] if _DENSITIES[space] in atlas.densities else atlas.densities[-1]
    return [atlas.surface.format(hemi=hemi, density=density) for hemi in "LR"] + [atlas.surface_names]


def _volume_files(name: str, atlas: TemplateAtlas, space: str) -> list[str]:
    if atlas.volume is None or atlas.volume_names is None:
        volumes = ", ".join(key for key, other in TEMPLATE_ATLASES.items() if other.volume)
        raise ValueError(
            f"TemplateFlow has {name!r} on surfaces only, and the data are volumes; "
            f"choose one of {volumes}, or give a volume with --atlas FILE."
        )
    if space not in atlas.templates:
        raise ValueError(
            f"Atlas {name!r} is published in {' and '.join(atlas.templates)}, not in {space!r}; "
            "choose data in one of these with --space, or give an atlas in that space with --atlas FILE."
        )
    return [
        atlas.volume.format(template=space, resolution=_RESOLUTION),
        atlas.volume_names.format(template=space),
    ]


def locate(
    file_names: list[str], resources: Sequence[Path] | None = None, *, download: bool | None = None
) -> list[Path]:
    """Path of each file: below `resources`, below TemplateFlow's folder, or freshly downloaded by TemplateFlow.

    `resources` are folders filled by `fetch_files`. By default, files are downloaded only without them.

    Raises FileNotFoundError, which names the files not available and says what to do without a network.
    """
    cause: BaseException | None = None
    folders = resources or ()
    lacking = _missing(file_names, folders)
    if lacking and (resources is None if download is None else download):
        try:
            import templateflow  # noqa: F401 - lays out its folder where there is none, as its other users expect it

            fetch_files(lacking, template_home())
        except Exception as error:  # any error of TemplateFlow, its index or the network
            cause = error.__cause__ or error
        lacking = _missing(lacking, folders)
    if lacking:
        searched = "".join(f"{folder}, " for folder in folders)
        tried, reason = (" and not downloaded", f" ({cause})") if cause else ("", "")
        local = "give a local atlas with --atlas FILE, or " if any("_atlas-" in name for name in lacking) else ""
        raise FileNotFoundError(
            f"Template files not found in {searched}{template_home()}{tried}: {', '.join(lacking)}; {local}run once "
            f"where there is network, with TEMPLATEFLOW_HOME on a disk that both see{reason}"
        ) from cause
    return [path for path in (local_template(name, folders) for name in file_names) if path is not None]


def fetch_files(file_names: list[str], folder: Path) -> list[Path]:
    """Fetch files into a folder laid out like TemplateFlow's: copied from its own, or else downloaded by its client.

    A file appears complete or not at all. Raises FileNotFoundError for files not available.
    """
    for name in file_names:
        if is_there(target := folder / template_folder(name) / name):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=folder))
        try:
            stub = draft / template_folder(name) / name
            stub.parent.mkdir()
            local = local_template(name)
            if local:
                shutil.copyfile(local, stub)
            else:
                stub.touch()  # empty, as in TemplateFlow's layout: not downloaded yet
                _client(draft, folder).get(template_folder(name).removeprefix("tpl-"), raise_empty=True, **_query(name))
            stub.replace(target)
        except Exception as error:  # any error of TemplateFlow, its index or the network
            short = OSError(in_one_line(error))
            short.__cause__ = error
            raise FileNotFoundError(f"{name} cannot be downloaded ({short}).") from short
        finally:
            shutil.rmtree(draft)
    return [folder / template_folder(name) / name for name in file_names]


def _client(root: Path, folder: Path) -> Any:
    """TemplateFlow's client for the files below `root`; `folder` must hold something.

    At its first import, TemplateFlow creates thousands of empty files in TEMPLATEFLOW_HOME unless something is there;
    it is pointed to `folder` during the import.
    """
    before = os.environ.get("TEMPLATEFLOW_HOME")
    os.environ["TEMPLATEFLOW_HOME"] = str(folder)
    try:
        from templateflow import TemplateFlowClient
    finally:
        if before is None:
            del os.environ["TEMPLATEFLOW_HOME"]
        else:
            os.environ["TEMPLATEFLOW_HOME"] = before
    return TemplateFlowClient(root=root, use_datalad=False)


def _missing(file_names: list[str], folders: Sequence[Path]) -> list[str]:
    return [name for name in file_names if local_template(name, folders) is None]


def _query(name: str) -> dict[str, Any]:
    """The query for TemplateFlow's client that returns this file.

    >>> _query("tpl-X_res-02_atlas-A_dseg.nii.gz")["resolution"]
    2
    """
    stem, _, extension = name.partition(".")
    *pairs, suffix = stem.split("_")[1:]
    entities: dict[str, Any] = dict.fromkeys(_QUERY_KEYS.values())
    entities |= {_QUERY_KEYS[key]: value for key, value in (pair.split("-", maxsplit=1) for pair in pairs)}
    if entities["resolution"] is not None:
        entities["resolution"] = int(entities["resolution"])
    return entities | {"suffix": suffix, "extension": f".{extension}"}
