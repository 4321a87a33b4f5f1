import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.confounds import MOTION, read_confounds
from bids_app.bids.errors import DatasetError

N = 20


def _write(tmp_path: Path, masks: list[str], more: tuple[str, ...] = (), suffix: str = "timeseries") -> Path:
    names = [*MOTION, "csf", "framewise_displacement", "cosine00", "cosine01", *more]
    names += [f"a_comp_cor_{i:02d}" for i in range(len(masks))]
    table = pd.DataFrame({name: np.random.default_rng(i).standard_normal(N) for i, name in enumerate(names)})
    path = tmp_path / f"sub-1_desc-confounds_{suffix}.tsv"
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    metadata = {f"a_comp_cor_{i:02d}": {"Mask": mask} for i, mask in enumerate(masks)}
    path.with_suffix(".json").write_text(json.dumps(metadata))
    return path


def _expected(path: Path, components: list[str]) -> np.ndarray:
    return pd.read_csv(path, sep="\t")[[*MOTION, "cosine00", "cosine01", *components]].to_numpy()


def test_components_are_chosen_by_the_masks_of_the_json_file(tmp_path: Path) -> None:
    path = _write(tmp_path, ["combined"] * 3 + ["WM"] * 6 + ["CSF"] * 7, suffix="regressors")
    confounds = read_confounds(path, "narratives")
    assert confounds is not None
    chosen = [f"a_comp_cor_{i:02d}" for i in (*range(9, 14), *range(3, 8))]
    np.testing.assert_allclose(confounds[:, :-2], _expected(path, chosen), rtol=1e-6)
    assert confounds.shape == (N, 6 + 2 + 10 + 2)


def test_newer_names_and_no_names(tmp_path: Path) -> None:
    named = tuple(f"{tissue}_comp_cor_{i:02d}" for tissue in "cw" for i in range(6))
    path = _write(tmp_path, ["combined"] * 12, named)
    confounds = read_confounds(path, "narratives")
    chosen = [f"{tissue}_comp_cor_{i:02d}" for tissue in "cw" for i in range(5)]
    assert confounds is not None
    np.testing.assert_allclose(confounds[:, :-2], _expected(path, chosen), rtol=1e-6)
    path = _write(tmp_path, ["combined"] * 12)
    confounds = read_confounds(path, "narratives")
    assert confounds is not None
    np.testing.assert_allclose(confounds[:, 8:-2], _expected(path, [f"a_comp_cor_{i:02d}" for i in range(10)])[:, 8:])


def test_the_trend_spans_every_quadratic(tmp_path: Path) -> None:
    confounds = read_confounds(_write(tmp_path, ["CSF"] * 5 + ["WM"] * 5), "narratives")
    assert confounds is not None
    time = np.arange(N, dtype=float)
    design = np.column_stack([np.ones(N), confounds[:, -2:]])
    target = 3 - 2 * time + 0.7 * time**2
    fit = design @ np.linalg.lstsq(design, target, rcond=None)[0]
    np.testing.assert_allclose(fit, target, rtol=1e-4, atol=1e-3)


def test_missing_values_become_the_mean(tmp_path: Path) -> None:
    path = _write(tmp_path, ["CSF"] * 5 + ["WM"] * 5)
    table = pd.read_csv(path, sep="\t")
    table.loc[0, "trans_x"] = np.nan
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    confounds = read_confounds(path, "narratives")
    assert confounds is not None
    assert confounds[0, 0] == pytest.approx(table.trans_x[1:].mean(), rel=1e-5)


def test_strategies_and_errors(tmp_path: Path) -> None:
    assert read_confounds(None, "none") is None
    with pytest.raises(DatasetError, match="or --confounds none"):
        read_confounds(None, "narratives")
    with pytest.raises(DatasetError, match="Unknown strategy for confounds 'all'"):
        read_confounds(None, "all")
    path = tmp_path / "x_timeseries.tsv"
    path.write_text("rot_x\trot_y\trot_z\ttrans_x\n1\t2\t3\t4\n")
    with pytest.raises(DatasetError, match="lack trans_y, trans_z"):
        read_confounds(path, "narratives")
    with pytest.raises(DatasetError, match="no aCompCor components"):
        read_confounds(_write(tmp_path, []), "narratives")
