"""Compare a finished OUT_DIR with the catalogue of outputs: `python -m tests.catalogue_check OUT_DIR`.

Every file must be listed; maps, their statistics, names and units, columns of tables and fields of sidecars too.
"""

import sys
from pathlib import Path
from typing import Any

import pandas as pd

from bids_app.analyses.outputs import find_output
from bids_app.bids.catalogue import OTHER_FILES, PARCEL_COLUMNS, CatalogueError
from bids_app.bids.derivatives import read_sidecar, read_table, sidecar_path
from bids_app.bids.entities import parse_name

_OF_MODELS = ("loadings", "families", "members", "passages", "enrichment", "nuisance")
_LEVELS = {**dict.fromkeys(_OF_MODELS, "stimulus"), "dseg": "participant"}


def unlisted(out_dir):
    """One sentence for each file that differs from the catalogue."""
    files = [p for p in sorted(out_dir.rglob("*")) if p.is_file() and not _is_hidden(p.relative_to(out_dir))]
    data = [p for p in files if p.suffix != ".json" or not any(p == sidecar_path(q) for q in _beside(p))]
    return [f"{path.relative_to(out_dir)}: {problem}" for path in data for problem in _problems(path, out_dir)]


def _is_hidden(path):
    return any(name.startswith(".") and name != ".bidsignore" for name in path.parts)


def _beside(path):
    return [other for other in path.parent.glob(f"{path.stem}.*") if other != path]


def _problems(path, out_dir):
    location = path.relative_to(out_dir).as_posix()
    other = next((file for file in OTHER_FILES if file.is_called(location)), None)
    if other is not None:
        if other.columns and list(read_table(path).columns) != list(other.columns):
            yield "other columns"
        return
    name = parse_name(path)
    if "desc" not in name.entities:
        yield "the catalogue lists no such file"
        return
    level = _LEVELS.get(name.suffix) or ("participant" if "sub" in name.entities else "group")
    if "stimuli" in path.relative_to(out_dir).parts:
        level = "stimulus"
    try:
        output = find_output(name.entities["desc"], name.suffix, level)
        sidecar: dict[str, Any] = read_sidecar(path)
        columns = _columns(path, name)
        if output.suffix == "statmap":
            maps = output.require_maps(name.entities["stat"], sidecar["Maps"])
            if (sidecar["Description"], sidecar["Units"]) != (maps.description, maps.units):
                yield f"the sidecar says {sidecar['Description']!r}, in {sidecar['Units']!r}"
            columns = [column for column in columns if column not in (*PARCEL_COLUMNS, *sidecar["Maps"])]
        if output.require_columns(columns) != columns and output.suffix != "statmap":
            yield "columns in another order"
        described = {key for key, value in sidecar.items() if isinstance(value, dict) and set(value) == {"Description"}}
        fields = [field for field in sidecar if field not in described]
        output.require_fields(fields)
        is_table = output.suffix in ("networks", *_OF_MODELS)
        if is_table and {key: sidecar[key]["Description"] for key in described} != output.columns:
            yield "columns described otherwise"
    except (CatalogueError, KeyError) as error:
        yield str(error)


def _columns(path, name):
    if name.extension == ".parquet":
        return list(pd.read_parquet(path).columns)
    if name.extension in (".tsv", ".tsv.gz"):
        return list(read_table(path).columns)
    return []


if __name__ == "__main__":
    problems = unlisted(Path(sys.argv[1]))
    print("\n".join(problems) or "Everything is as the catalogue has it.")
    raise SystemExit(1 if problems else 0)
