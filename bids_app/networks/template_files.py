"""Files of named atlases (`yeo7`, `schaefer400`, …): in a local folder, TemplateFlow's folder, or its archive."""

from pathlib import Path
from typing import Any

from bids_app.networks.schemes import TEMPLATE_ATLASES, TemplateAtlas
from bids_app.networks.surfaces import FSAVERAGE_VERTICES

# Density of TemplateFlow's fsaverage that matches a surface space; an atlas with fewer densities is thinned out.
_DENSITIES = {"fsaverage5": "10k", "fsaverage6": "41k", "fsaverage": "164k"}
_RESOLUTION = "02"
_QUERY_KEYS = {
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

    Raises ValueError for an unknown name and for a space in which the atlas is not published.
    """
    atlas = TEMPLATE_ATLASES.get(name.lower())
    if atlas is None:
        raise ValueError(
            f"Unknown atlas {name!r}: neither a file or folder nor one of {', '.join(TEMPLATE_ATLASES)}; "
            "give one of these names or a path."
        )
    return _surface_files(name, atlas, space) if kind == "surface" else _volume_files(name, atlas, space)


def _surface_files(name: str, atlas: TemplateAtlas, space: str) -> list[str]:
    if space not in FSAVERAGE_VERTICES:
        raise ValueError(
            f"Atlas {name!r} is published on {', '.join(FSAVERAGE_VERTICES)}, not on {space!r}; "
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


def locate(file_names: list[str], resources: Path | None = None) -> list[Path]:
    """Path of each file: below `resources`, below TemplateFlow's folder, or freshly downloaded by TemplateFlow.

    Raises FileNotFoundError that names the files that could not be had and says what to do without a network.
    """
    found: dict[str, Path | None] = {name: _local(name, resources) for name in file_names}
    missing, cause = [name for name, path in found.items() if path is None], ""
    for name in missing:
        try:
            found[name] = _download(name)
        except Exception as error:  # whatever TemplateFlow, its index or the network raise
            cause = f" ({type(error).__name__}: {error})".split("\n", maxsplit=1)[0]
            break
    lacking = [name for name in missing if found[name] is None]
    if lacking:
        raise FileNotFoundError(
            f"Atlas files not found here and not downloaded: {', '.join(lacking)}; give a local atlas with "
            f"--atlas FILE, or run once where there is network, with TEMPLATEFLOW_HOME on a disk that both see{cause}"
        )
    return [path for path in found.values() if path is not None]


def _folder(name: str) -> str:
    return name.split("_", maxsplit=1)[0]  # tpl-<template>


def _local(name: str, resources: Path | None) -> Path | None:
    from templateflow import conf  # importing it lays out TemplateFlow's folder where there is none

    homes = [home for home in (resources, Path(conf.TF_HOME)) if home is not None]
    paths = (home / _folder(name) / name for home in homes)
    # files that were not downloaded yet stand there empty
    return next((path for path in paths if path.is_file() and path.stat().st_size > 0), None)


def _download(name: str) -> Path | None:
    from templateflow import api

    found = api.get(_folder(name).removeprefix("tpl-"), **_query(name))
    paths = found if isinstance(found, list) else [found]
    return next((Path(path) for path in paths if Path(path).name == name), None)


def _query(name: str) -> dict[str, Any]:
    """The query of TemplateFlow's client that this file name answers.

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
