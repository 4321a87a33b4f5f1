"""Compare the results of two runs: `python tests/equal_outputs.py OUT_DIR OTHER [PATH=PATH_IN_OTHER …]`.

The same files must be there; tables and sidecars must hold the same text, apart from versions, the container, and
folders that the two runs know under different names; arrays must agree within 1e-6. Logs, the content of reports, and
the work directory are not compared.
"""

import gzip
import json
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

TOLERANCE = 1e-6
VERSIONS = ("SoftwareVersions", "GeneratedBy")


def differences(out_dir, other, same_paths=()):
    """One sentence for each file that differs; `same_paths` are equivalent pairs (in `out_dir`, in `other`)."""
    names, others = _names(out_dir), _names(other)
    problems = [f"{name} is only in {out_dir}" for name in sorted(names - others)]
    problems += [f"{name} is only in {other}" for name in sorted(others - names)]
    for name in sorted(names & others):
        problem = _difference(out_dir / name, other / name, same_paths)
        if problem:
            problems.append(f"{name}: {problem}")
    return problems


def _names(out_dir):
    files = (path.relative_to(out_dir) for path in out_dir.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if path.parts[0] not in ("logs", ".work")}


def _difference(path, other, same_paths):
    if path.suffix in (".html", ".png", ".svg"):
        return None
    if path.suffix == ".json":
        mine, its = _facts(path, [pair for pair, _ in same_paths]), _facts(other, [pair for _, pair in same_paths])
        return None if mine == its else "another text"
    if (arrays := _arrays(path)) is not None:
        return _difference_of_arrays(arrays, _arrays(other))
    return None if _bytes(path) == _bytes(other) else "other bytes"


def _facts(path, folders):
    text = path.read_text()
    for i, folder in enumerate(folders):
        text = text.replace(folder, f"FOLDER{i}")
    content = json.loads(text)
    return {key: value for key, value in content.items() if key not in VERSIONS}


def _bytes(path):
    content = path.read_bytes()
    return gzip.decompress(content) if path.name.endswith(".tsv.gz") else content


def _arrays(path):
    if path.name.endswith(".gii"):
        return [array.data for array in nib.load(path).darrays]
    if path.name.endswith((".nii", ".nii.gz")):
        return [nib.load(path).get_fdata()]
    if path.suffix == ".parquet":
        return [column.to_numpy() for _, column in pd.read_parquet(path).items()]
    return None


def _difference_of_arrays(arrays, others):
    if [a.shape for a in arrays] != [b.shape for b in others]:
        return "other shapes"
    for mine, its in zip(arrays, others, strict=True):
        if mine.dtype.kind in "fiu":
            if not np.allclose(mine, its, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
                return f"arrays differ by up to {np.nanmax(np.abs(mine.astype(float) - its)):.2g}"
        elif not np.array_equal(mine, its):
            return "other values"
    return None


if __name__ == "__main__":
    problems = differences(Path(sys.argv[1]), Path(sys.argv[2]), [pair.split("=", 1) for pair in sys.argv[3:]])
    print("\n".join(problems) or "The same results.")
    raise SystemExit(1 if problems else 0)
