"""Confounds of a run, from fMRIPrep's table."""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.errors import DatasetError

Strategy = Literal["none", "narratives"]
FloatArray = npt.NDArray[np.float32]

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
N_PER_TISSUE = 5


def read_confounds(path: Path | None, strategy: Strategy) -> FloatArray | None:
    """Confounds of a run (n_volumes, n_confounds), or None with the strategy `none`.

    `narratives` is the model of the Narratives data paper (Nastase et al. 2021): 6 parameters of head motion, all
    cosines, 5 + 5 components of aCompCor (cerebrospinal fluid, white matter) and a quadratic trend (its linear and
    quadratic column; the constant is left to the fit). The table is fMRIPrep's `desc-confounds_regressors` or
    `desc-confounds_timeseries`. Raises DatasetError when the table or a column that is needed is missing.
    """
    if strategy == "none":
        return None
    if strategy != "narratives":
        raise DatasetError(f"Unknown strategy for confounds {strategy!r}; there are 'none' and 'narratives'.")
    if path is None:
        raise DatasetError(
            "There is no table of confounds (desc-confounds_timeseries.tsv) for this run, which --confounds narratives "
            "needs: give the derivative that has it with -d, or --confounds none."
        )
    table = _read_table(path)
    cosines = [name for name in table.columns if name.startswith("cosine")]
    chosen = table[[*MOTION, *cosines, *_components(path, table)]]
    values = chosen.fillna(chosen.mean()).fillna(0.0).to_numpy(dtype=np.float64)
    time = np.linspace(-1.0, 1.0, len(values))
    trend = np.column_stack([time, time**2 - np.mean(time**2)])
    return np.column_stack([values, trend]).astype(np.float32)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, sep="\t", na_values=["n/a"])
    except (OSError, ValueError) as error:
        raise DatasetError(f"The confounds {path} could not be read: {error}") from error
    missing = [name for name in MOTION if name not in table.columns]
    if missing:
        raise DatasetError(f"The confounds {path} lack {', '.join(missing)}; are they a table of fMRIPrep?")
    return table


def _components(path: Path, table: pd.DataFrame) -> list[str]:
    """Components of aCompCor: five per tissue as the JSON file says, or by name, else the first ten there are."""
    metadata = read_sidecar(path)
    names = sorted(name for name in table.columns if name.startswith("a_comp_cor_"))
    chosen = []
    for tissue, prefix in (("CSF", "c_comp_cor_"), ("WM", "w_comp_cor_")):
        told = [name for name in names if _mask_of(metadata.get(name)) == tissue]
        named = sorted(name for name in table.columns if name.startswith(prefix))
        chosen.append((told or named)[:N_PER_TISSUE])
    if all(chosen):
        return [name for tissue in chosen for name in tissue]
    if not names:
        raise DatasetError(
            f"The confounds {path} have no aCompCor components (a_comp_cor_00, …): use --confounds none."
        )
    return names[: 2 * N_PER_TISSUE]


def _mask_of(entry: object) -> object:
    return entry.get("Mask") if isinstance(entry, dict) else None
