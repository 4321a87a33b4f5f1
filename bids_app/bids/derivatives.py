"""Names and files of OUT_DIR: BIDS-Derivatives with a sidecar for every file, each written completely or not at all."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bids_app import __version__
from bids_app.atomic import atomic_path, write_text
from bids_app.bids.content import require_content
from bids_app.bids.entities import build_name, parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.stimulus_names import stem_label
from bids_app.bids.text import is_there, read_json

if TYPE_CHECKING:
    import pandas as pd

SOFTWARE = ("torch", "transformers", "nilearn", "nibabel", "pybids", "numpy", "scipy")


def map_name(entities: Mapping[str, str], suffix: str = "statmap") -> str:
    """Name of an output without its ending: `sub-001_task-pieman_space-S_model-M_stat-r_desc-atoms_statmap`."""
    return build_name(entities, suffix)


def output_path(out_dir: Path, entities: Mapping[str, str], suffix: str = "statmap", extension: str = "") -> Path:
    """Path of an output: OUT_DIR/sub-X[/ses-Y]/func/NAME, or OUT_DIR/group/NAME without `sub`.

    Without `extension` it is the `target` that `Geometry.save` takes.
    """
    folder = out_dir / "group"
    if "sub" in entities:
        levels = [f"{key}-{entities[key]}" for key in ("sub", "ses") if key in entities]
        folder = out_dir.joinpath(*levels, "func")
    return folder / build_name(entities, suffix, extension)


def stimulus_path(out_dir: Path, stem: str, entities: Mapping[str, str], suffix: str, extension: str) -> Path:
    """Path of an output that depends only on a stimulus: OUT_DIR/stimuli/STEM_model-M_desc-atoms_timeseries.tsv.gz.

    A stem with folders or blanks is spelled as in `stem_label`.
    """
    return out_dir / "stimuli" / f"{stem_label(stem)}_{build_name(entities, suffix, extension)}"


def bids_uri(path: Path, links: Mapping[str, Path]) -> str:
    """BIDS URI (`bids:raw:sub-001/func/…`) of a file inside one of the linked data sets, the innermost that holds it.

    The name "" stands for OUT_DIR itself. A file outside all of them gets a file URI. Symbolic links are kept, so that
    DataLad's files keep their names.
    """
    file = Path(os.path.abspath(path))  # noqa: PTH100
    roots = {name: Path(os.path.abspath(root)) for name, root in links.items()}  # noqa: PTH100
    holding = [name for name, root in roots.items() if file.is_relative_to(root)]
    if not holding:
        return file.as_uri()
    innermost = max(holding, key=lambda name: len(roots[name].parts))
    return f"bids:{innermost}:{file.relative_to(roots[innermost]).as_posix()}"


def as_json(value: object) -> object:
    """Convert a value to types of JSON; NaN and infinity become null."""
    if isinstance(value, Mapping):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, list | tuple | set | frozenset):
        items = sorted(value, key=str) if isinstance(value, set | frozenset) else value
        return [as_json(item) for item in items]
    if isinstance(value, np.generic):
        return as_json(value.item())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def write_json(path: Path, content: Mapping[str, object]) -> Path:
    """Write a JSON file; arrays, paths, sets and missing numbers become plain JSON."""
    return write_text(path, json.dumps(as_json(content), indent=2, ensure_ascii=False) + "\n")


def write_table(path: Path, table: pd.DataFrame) -> Path:
    """Write a table without its index: `.tsv` with a header; `.tsv.gz` without one, as BIDS has it.

    The column names of a `.tsv.gz` go to its sidecar: pass `columns` to `write_sidecar`. Missing values are `n/a`.
    """
    compressed = path.name.endswith(".gz")
    text = table.to_csv(sep="\t", index=False, header=not compressed, na_rep="n/a", lineterminator="\n")
    if not compressed:
        return write_text(path, text)
    with atomic_path(path) as partial:
        partial.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


# Columns of names, which stay what they are where all of them look like numbers: the network "01" is not 1.
_TEXTS = dict.fromkeys(("atlas", "model", "network", "other_model", "participant", "region", "story", "word"), str)


def read_table(path: Path) -> pd.DataFrame:
    """Read what `write_table` wrote; the columns of a `.tsv.gz` come from its sidecar. Only `n/a` is missing."""
    import pandas as pd  # takes a fifth of a second, and a plan reads no table

    require_content(path)
    if not path.name.endswith(".gz"):
        return pd.read_csv(path, sep="\t", na_values=["n/a"], keep_default_na=False, dtype=_TEXTS)
    columns = read_sidecar(path).get("Columns")
    if not isinstance(columns, list):
        raise DatasetError(f"{sidecar_path(path)} must list the Columns of {path.name}, which has no header.")
    return pd.read_csv(path, sep="\t", names=columns, na_values=["n/a"], keep_default_na=False, dtype=_TEXTS)


def write_parquet(path: Path, table: pd.DataFrame) -> Path:
    """Write a table as parquet, without its index."""
    with atomic_path(path) as partial:
        table.to_parquet(partial, index=False)
    return path


@cache  # reading the metadata of all packages for every sidecar takes seconds
def software_versions() -> dict[str, str]:
    """Installed versions of this package and of those that affect its results."""
    versions = {"neurons2networks": __version__}
    for package in SOFTWARE:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return versions


def sidecar_path(path: Path) -> Path:
    """Path of the JSON file beside a data file."""
    return path.with_name(path.name.removesuffix(parse_name(path).extension) + ".json")


def write_sidecar(
    path: Path,
    sources: Sequence[str],
    settings: Mapping[str, object],
    *,
    description: str | None = None,
    units: str | None = None,
    columns: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Path:
    """Write the JSON file that belongs to a data file (to each file of a surface, call it twice).

    `sources` are BIDS URIs (`bids_uri`), `columns` names and describes the columns of a table, `extra` are further
    keys (such as `RepetitionTime` or `Maps`, the names of the maps in their order).
    """
    content: dict[str, object] = {"Description": description, "Units": units, "Sources": list(sources)}
    content = {key: value for key, value in content.items() if value is not None} | dict(extra or {})
    if columns is not None and path.name.endswith(".tsv.gz"):
        content["Columns"] = list(columns)
    content |= {name: {"Description": text} for name, text in (columns or {}).items()}
    content |= {"Settings": dict(settings), "SoftwareVersions": software_versions()}
    return write_json(sidecar_path(path), content)


def read_sidecar(path: Path) -> dict[str, object]:
    """Content of the JSON file beside a data file; empty without one. Raises DatasetError if it is invalid."""
    sidecar = sidecar_path(path)
    if not is_there(sidecar):
        return {}
    return read_json(sidecar)
