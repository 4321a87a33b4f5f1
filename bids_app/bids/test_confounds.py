import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.confound_columns import MOTION, NILEARN
from bids_app.bids.confounds import mean_displacement, read_confounds
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
    np.testing.assert_allclose(confounds.values[:, :-2], _expected(path, chosen), rtol=1e-6)
    assert confounds.values.shape == (N, 6 + 2 + 10 + 2)


def test_newer_names_and_no_names(tmp_path: Path) -> None:
    named = tuple(f"{tissue}_comp_cor_{i:02d}" for tissue in "cw" for i in range(6))
    path = _write(tmp_path, ["combined"] * 12, named)
    confounds = read_confounds(path, "narratives")
    chosen = [f"{tissue}_comp_cor_{i:02d}" for tissue in "cw" for i in range(5)]
    assert confounds is not None
    np.testing.assert_allclose(confounds.values[:, :-2], _expected(path, chosen), rtol=1e-6)
    path = _write(tmp_path, ["combined"] * 12)
    confounds = read_confounds(path, "narratives")
    assert confounds is not None
    np.testing.assert_allclose(
        confounds.values[:, 8:-2], _expected(path, [f"a_comp_cor_{i:02d}" for i in range(10)])[:, 8:]
    )


def test_the_trend_spans_every_quadratic(tmp_path: Path) -> None:
    confounds = read_confounds(_write(tmp_path, ["CSF"] * 5 + ["WM"] * 5), "narratives")
    assert confounds is not None
    time = np.arange(N, dtype=float)
    design = np.column_stack([np.ones(N), confounds.values[:, -2:]])
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
    assert confounds.values[0, 0] == pytest.approx(table.trans_x[1:].mean(), rel=1e-5)


def test_strategies_and_errors(tmp_path: Path) -> None:
    assert read_confounds(None, "none") is None
    with pytest.raises(DatasetError, match="or --confounds none"):
        read_confounds(None, "narratives")
    path = tmp_path / "x_timeseries.tsv"
    path.write_text("rot_x\trot_y\trot_z\ttrans_x\n1\t2\t3\t4\n")
    with pytest.raises(DatasetError, match="lack trans_y, trans_z"):
        read_confounds(path, "narratives")
    with pytest.raises(DatasetError, match="no aCompCor components"):
        read_confounds(_write(tmp_path, []), "narratives")


def _full(tmp_path: Path, n: int = 60) -> Path:
    """A table of a newer fMRIPrep, whose BOLD nilearn finds by its name."""
    rng = np.random.default_rng(5)
    basic = [*MOTION, "csf", "white_matter", "global_signal"]
    names = [name + more for name in basic for more in ("", "_derivative1", "_power2", "_derivative1_power2")]
    names += [f"a_comp_cor_{i:02d}" for i in range(8)] + [f"w_comp_cor_{i:02d}" for i in range(3)]
    names += ["cosine00", "cosine01", "cosine02"]
    table = pd.DataFrame({name: rng.standard_normal(n) for name in names})
    table.loc[0, [name for name in names if "derivative1" in name]] = np.nan
    table["framewise_displacement"] = rng.uniform(0, 0.4, n)
    table["std_dvars"] = rng.uniform(0.5, 1.2, n)
    table.loc[0, ["framewise_displacement", "std_dvars"]] = np.nan
    table.loc[[20, 24, 40], "framewise_displacement"] = 0.9
    table.loc[57, "std_dvars"] = 2.0
    for i in range(2):
        table[f"non_steady_state_outlier{i:02d}"] = (np.arange(n) == i).astype(float)
    path = tmp_path / "sub-1_task-x_desc-confounds_timeseries.tsv"
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")
    masks = ["combined"] * 5 + ["WM"] * 2 + ["CSF"]
    metadata = {f"a_comp_cor_{i:02d}": {"Mask": mask, "Method": "aCompCor"} for i, mask in enumerate(masks)}
    metadata |= {f"w_comp_cor_{i:02d}": {"Mask": "WM"} for i in range(3)}
    path.with_suffix(".json").write_text(json.dumps(metadata))
    for desc in ("preproc", "smoothAROMAnonaggr"):
        (tmp_path / f"sub-1_task-x_space-T1w_desc-{desc}_bold.nii.gz").touch()
    return path


@pytest.mark.parametrize("strategy", NILEARN)
def test_strategies_of_nilearn(tmp_path: Path, strategy: str) -> None:
    from nilearn.interfaces.fmriprep import load_confounds_strategy

    path = _full(tmp_path)
    desc = "smoothAROMAnonaggr" if strategy == "ica_aroma" else "preproc"
    image = tmp_path / f"sub-1_task-x_space-T1w_desc-{desc}_bold.nii.gz"
    expected, kept = load_confounds_strategy(str(image), strategy)
    result = read_confounds(path, strategy)
    assert result is not None
    assert set(result.names) == set(expected.columns)
    np.testing.assert_array_equal(np.flatnonzero(~result.is_censored), kept)
    # After the first volume, where nilearn takes the second one's value and this package the mean.
    values = result.values[1:] - result.values[1:].mean(axis=0)
    others = expected[list(result.names)].to_numpy()[1:]
    np.testing.assert_allclose(values, others - others.mean(axis=0), atol=1e-5)


def test_names_and_patterns_of_columns(tmp_path: Path) -> None:
    path = _full(tmp_path)
    result = read_confounds(path, "trans_? rot_x cosine* csf trans_x")
    assert result is not None
    expected = ("trans_x", "trans_y", "trans_z", "rot_x", "cosine00", "cosine01", "cosine02", "csf")
    assert result.names == expected
    np.testing.assert_allclose(result.values, pd.read_csv(path, sep="\t")[list(expected)], rtol=1e-6)
    assert result.cosines.shape == (60, 3)
    with pytest.raises(DatasetError, match=r"have no column 'white_mater' \(but white_matter"):
        read_confounds(path, "trans_x white_mater")


def test_names_of_the_oldest_fmriprep(tmp_path: Path) -> None:
    names = ["CSF", "WhiteMatter", "FramewiseDisplacement", "X", "Y", "Z", "RotX", "RotY", "RotZ", "Cosine00"]
    names += [f"aCompCor{i:02d}" for i in range(6)]
    table = pd.DataFrame({name: np.random.default_rng(i).standard_normal(N) for i, name in enumerate(names)})
    path = tmp_path / "sub-1_task-x_bold_confounds.tsv"
    table.to_csv(path, sep="\t", index=False)
    result = read_confounds(path, "narratives")
    assert result is not None
    columns = ["X", "Y", "Z", "RotX", "RotY", "RotZ", "Cosine00", *names[-6:]]
    np.testing.assert_allclose(result.values[:, :-2], table[columns], rtol=1e-6)
    assert result.names[3] == "rot_x"
    again = read_confounds(path, "X RotX aCompCor* Cosine*")
    assert again is not None
    assert again.names[:2] == ("trans_x", "rot_x")
    assert again.values.shape == (N, 9)


def _change(path: Path, row: int, column: str, value: str) -> None:
    table = pd.read_csv(path, sep="\t", dtype=object, keep_default_na=False)
    table.loc[row, column] = value
    table.to_csv(path, sep="\t", index=False)


@pytest.mark.parametrize(
    ("row", "value", "message"),
    [
        (7, "text", "line 9, column 'rot_y': 'text' is not a number"),
        (15, "n/a", "line 17, column 'rot_y' holds nan: values may be missing"),
        (2, "", "line 4, column 'rot_y' holds nan"),  # a hole after values
        (0, "inf", "line 2, column 'rot_y' holds inf"),
        (12, "-inf", "line 14, column 'rot_y' holds -inf"),
        (3, "1e300", "line 5, column 'rot_y': 1e300 is too large"),
    ],
)
def test_cells_that_cannot_be_regressed_out(tmp_path: Path, row: int, value: str, message: str) -> None:
    path = _full(tmp_path)
    _change(path, row, "rot_y", value)
    _change(path, row, "global_signal", value)  # not asked for: of no concern
    with pytest.raises(DatasetError, match=message):
        read_confounds(path, "simple")
    assert read_confounds(path, "csf") is not None


def test_constant_and_doubled_columns_are_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    table = pd.DataFrame({"a": np.arange(6.0) ** 2, "b": 3.0, "c": np.arange(6.0) ** 2, "d": [1, 2, 1, 2, 1, 2]})
    path = tmp_path / "x_desc-confounds_timeseries.tsv"
    table.to_csv(path, sep="\t", index=False)
    with caplog.at_level("INFO"):
        result = read_confounds(path, "*")
    assert result is not None
    assert result.names == ("a", "d")
    assert "b (constant), c (the same as a)" in caplog.text
    with pytest.raises(DatasetError, match=r"All confounds chosen .* are constant"):
        read_confounds(path, "b")
    path.write_text(path.read_text().replace("d", "a"))
    with pytest.raises(DatasetError, match="several columns called a"):
        read_confounds(path, "a")
    path.write_text(path.read_text().replace("a\tb", "e\tb").replace("3.0", "n/a"))
    with pytest.raises(DatasetError, match="'b' holds no value"):
        read_confounds(path, "b")


@pytest.mark.parametrize("n", [59, 61, 6])
def test_rows_are_those_of_the_volumes(tmp_path: Path, n: int) -> None:
    path, bold = _full(tmp_path), tmp_path / "sub-1_bold.nii.gz"
    assert read_confounds(path, "simple", bold, 60) is not None
    with pytest.raises(
        DatasetError, match=rf"confounds_timeseries.tsv has 60 rows and .*sub-1_bold.nii.gz {n} volumes"
    ):
        read_confounds(path, "simple", bold, n)


def test_a_broken_or_absent_json_file_is_named(tmp_path: Path) -> None:
    path = _full(tmp_path)
    sidecar = path.with_suffix(".json")
    sidecar.write_text("{")
    with pytest.raises(DatasetError, match=r"confounds_timeseries\.json could not be read as JSON"):
        read_confounds(path, "narratives")
    sidecar.unlink()
    sidecar.symlink_to("../.git/annex/objects/x")
    with pytest.raises(DatasetError, match=r"confounds_timeseries\.json is a link to content that is not here"):
        read_confounds(path, "narratives")
    path.unlink()
    path.symlink_to("../.git/annex/objects/y")
    with pytest.raises(DatasetError, match=r"confounds_timeseries\.tsv is a link to content that is not here"):
        read_confounds(path, "narratives")


def test_mean_displacement_is_that_of_the_volumes_of_the_story(tmp_path: Path) -> None:
    path = tmp_path / "confounds.tsv"
    path.write_text("x\tframewise_displacement\n" + "".join(f"0\t{v}\n" for v in ("n/a", 0.1, 0.2, 0.6)))
    assert mean_displacement(path, np.array([0, 1, 2])) == pytest.approx(0.15)  # the first volume has none
    assert mean_displacement(path, np.array([2, 3, 9])) == pytest.approx(0.4)
    for text in ("x\n1\n", "framewise_displacement\nfar\n", ""):
        path.write_text(text)
        assert mean_displacement(path, np.array([0])) is None
    assert mean_displacement(None, np.array([0])) is None
