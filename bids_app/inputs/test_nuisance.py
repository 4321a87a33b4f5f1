"""How runs are cleaned: confounds, high-pass, censored volumes, and what belongs together by its length."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from nilearn.glm.first_level.design_matrix import create_cosine_drift

from bids_app.bids.confound_columns import MOTION
from bids_app.bids.conftest import write_nifti
from bids_app.bids.errors import DatasetError
from bids_app.inputs.fits import fits_of
from bids_app.inputs.nuisance import confound_strategy, cosines, summary
from bids_app.inputs.responses import CleanRun, read_responses, read_run
from bids_app.inputs.sources import open_sources
from bids_app.machine.notices import notice
from bids_app.settings import Settings

N = 200
RUN = "sub-01_task-tale"
TABLE = f"{RUN}_seg-T_timeseries.tsv"
X = np.random.default_rng(0).standard_normal((N, 6)) + 100


def _dataset(root: Path, series: np.ndarray = X, confounds: pd.DataFrame | None = None, tool: str = "prep") -> Path:
    """One run of `series`, whose story lasts from volume 3 to the end; the folder of its derivative's files."""
    func = root / "derivatives" / tool / "sub-01" / "func"
    for folder in (func, root / "stimuli"):
        folder.mkdir(parents=True, exist_ok=True)
    description = {"Name": tool, "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": tool}]}
    for folder in (root, func.parents[1]):
        (folder / "dataset_description.json").write_text(json.dumps(description))
    words = "".join(f"{0.5 + i * 0.4}\t0.3\tword{i % 7}\n" for i in range(990))
    (root / "stimuli" / "tale_words.tsv").write_text(f"onset\tduration\tword\n{words}")
    (root / "task-tale_bold.json").write_text('{"RepetitionTime": 2.0}')
    events = root / "sub-01" / "func" / f"{RUN}_events.tsv"
    events.parent.mkdir(parents=True, exist_ok=True)
    events.write_text("onset\tduration\ttrial_type\tstim_file\n6\t394\tstory\ttale.wav\n")
    _write(func / TABLE, pd.DataFrame(series, columns=[f"P{i}" for i in range(series.shape[1])]))
    if confounds is not None:
        _write(func / f"{RUN}_desc-confounds_timeseries.tsv", confounds)
    return func


def _write(path: Path, table: pd.DataFrame) -> None:
    table.to_csv(path, sep="\t", index=False, na_rep="n/a")


def _settings(root: Path, **settings: object) -> Settings:
    return Settings(bids_dir=root, out_dir=root.parent / "out", level="participant", **settings)  # type: ignore[arg-type]


def _read(root: Path, **settings: object) -> CleanRun:
    sources = open_sources(_settings(root, **settings))
    return read_run(sources.runs("01").runs[0], sources.stories, sources.settings)


def _confounds(n: int = N, n_cosines: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(1)
    names = [*MOTION, *(f"{tissue}_comp_cor_{i:02d}" for tissue in "cw" for i in range(5))]
    table = pd.DataFrame(rng.standard_normal((n, len(names))), columns=names)
    for k in range(n_cosines):
        table[f"cosine{k:02d}"] = np.cos(np.pi * (k + 1) * (np.arange(n) + 0.5) / n)
    return table


def _slow(data: np.ndarray, cut_off: float) -> float:
    """Share of the power below a frequency (Hz)."""
    power = np.abs(np.fft.rfft(data - data.mean(axis=0), axis=0)) ** 2
    frequency = np.fft.rfftfreq(len(data), 2.0)
    return float(power[(frequency > 0) & (frequency < cut_off)].sum() / power[1:].sum())


@pytest.mark.parametrize("n_cosines", [0, 3, 6, 8, 12])
def test_the_high_pass_that_was_asked_for_whatever_the_table_has(tmp_path: Path, n_cosines: int) -> None:
    drift = sum(20 * np.cos(np.pi * k * (np.arange(N) + 0.5) / N) for k in (1.5, 4, 7))
    func = _dataset(tmp_path / "data", X + np.asarray(drift)[:, None], _confounds(n_cosines=n_cosines))
    result = _read(tmp_path / "data", high_pass=0.01)
    assert _slow(result.data, 0.008) < 0.01
    # 16 confounds, 2 of the trend, and each cosine once: 8 lie below 0.01 Hz
    assert result.nuisance is not None
    assert result.nuisance.shape[1] == 18 + max(8, n_cosines)
    (func / f"{RUN}_desc-confounds_timeseries.tsv").unlink()
    assert _slow(_read(tmp_path / "data", high_pass=0.01).data, 0.008) < 0.01


def test_notes_of_the_high_pass(tmp_path: Path) -> None:
    root = tmp_path / "data"
    _dataset(root, confounds=_confounds(n_cosines=3))
    assert (
        "5 cosines for --high-pass 0.01 Hz, beyond the 3 of the table, which end at 0.0037"
        in _read(root, high_pass=0.01).note
    )
    _dataset(root, confounds=_confounds(n_cosines=20))
    assert "its 20 cosines filter up to 0.025 Hz, more than --high-pass 0.01 Hz" in _read(root, high_pass=0.01).note
    assert "high-pass at 0.01 Hz (8 cosines)" in _read(root, confounds="none", high_pass=0.01).note


@pytest.mark.parametrize(
    ("high_pass", "message"),
    [
        (10.0, r"10 Hz leaves nothing .* frequencies up to 0.25 Hz"),
        (0.25, "up to 0.25 Hz"),
        (0.248, "degrees of freedom"),
    ],
)
def test_a_high_pass_that_leaves_nothing(tmp_path: Path, high_pass: float, message: str) -> None:
    _dataset(tmp_path / "data")
    with pytest.raises(DatasetError, match=message):
        _read(tmp_path / "data", high_pass=high_pass)


def test_confounds_that_leave_little_or_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "data"
    _dataset(root, confounds=_confounds(n_cosines=4))
    events = root / "sub-01" / "func" / f"{RUN}_events.tsv"
    for seconds, left in ((60, 7), (44, 0), (36, 0)):
        events.write_text(f"onset\tduration\ttrial_type\tstim_file\n6\t{seconds}\tstory\ttale.wav\n")
        n = seconds // 2
        message = f"22 confounds and 0 cosines of the high-pass leave {left} of {n} degrees of freedom"
        if left:
            assert len(_read(root, high_pass=0.005).data) == n
            assert message in caplog.text
        else:
            with pytest.raises(DatasetError, match=f"{message}.*so that nothing of the data remains"):
                _read(root, high_pass=0.005)


@pytest.mark.parametrize("n", [N - 1, N + 5, 3])
def test_tables_of_another_length(tmp_path: Path, n: int) -> None:
    _dataset(tmp_path / "data", confounds=_confounds(n))
    with pytest.raises(DatasetError, match=rf"has {n} rows and .*{TABLE} {N} volumes"):
        _read(tmp_path / "data")
    assert len(_read(tmp_path / "data", confounds="none").data) == N - 3


def test_what_was_cleaned_is_not_cleaned_again(tmp_path: Path) -> None:
    root = tmp_path / "data"
    _dataset(root, confounds=_confounds(), tool="xcp_d")
    result = _read(root)
    np.testing.assert_array_equal(result.data, X[3:].astype(np.float32))
    assert result.nuisance is None
    assert result.note == "cleaned before: no confounds, no high-pass"
    for asked in ("narratives", ("trans_*", "csf")):
        with pytest.raises(DatasetError, match=r"was cleaned of confounds before \(xcp_d\): leave --confounds out"):
            _read(root, confounds=asked)
    _read(root, confounds="none")


def test_columns_by_name_are_regressed_out(tmp_path: Path) -> None:
    root, table = tmp_path / "data", _confounds()
    _dataset(root, X + table[["trans_x", "rot_y"]].to_numpy() @ np.full((2, 6), 9.0), table)
    result = _read(root, confounds=("trans_*", "rot_y"), high_pass=0.0)
    design = np.column_stack([np.ones(N - 3), table[["trans_x", "trans_y", "trans_z", "rot_y"]].to_numpy()[3:]])
    expected = X[3:] - design @ np.linalg.lstsq(design, X[3:], rcond=None)[0]
    np.testing.assert_allclose(result.data - result.data.mean(axis=0), expected, atol=1e-3)
    assert result.cleaning["Confounds"] == ["trans_x", "trans_y", "trans_z", "rot_y"]
    assert "regressed out: trans_x, trans_y, trans_z, rot_y of" in result.note


def test_ica_aroma_needs_its_bold(tmp_path: Path) -> None:
    _dataset(tmp_path / "data", confounds=_confounds())
    sources = open_sources(_settings(tmp_path / "data", confounds=("ica_aroma",)))
    with pytest.raises(DatasetError, match="desc-smoothAROMAnonaggr"):
        confound_strategy(sources.runs("01").runs[0], sources.settings.confounds)


BAD = np.zeros(N, dtype=int)
BAD[[20, 21, 40, 90, 91, 92]] = 1


def _censored(tmp_path: Path, outliers: pd.DataFrame | None, name: str = f"{RUN}_outliers.tsv") -> Path:
    func = _dataset(tmp_path / "data", X[BAD == 0], tool="xcp_d")
    if outliers is not None:
        _write(func / name, outliers)
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        ({"framewise_displacement": BAD}, f"{RUN}_outliers.tsv"),
        ({"outliers": BAD}, f"{RUN}_desc-denoised_outliers.tsv"),
        ({"framewise_displacement": np.roll(BAD, 1) * 0, "interpolation": BAD}, f"{RUN}_outliers.tsv"),
        ({"trans_x": np.linspace(0, 1, N), "motion": BAD}, f"{RUN}_outliers.tsv"),
    ],
)
def test_censored_rows_are_put_back_at_their_volumes(
    tmp_path: Path, columns: dict[str, np.ndarray], name: str, caplog: pytest.LogCaptureFixture
) -> None:
    root = _censored(tmp_path, pd.DataFrame(columns), name)
    result = _read(root)
    expected = np.flatnonzero(BAD == 0)[3:]
    np.testing.assert_array_equal(result.timing.volumes, expected)
    np.testing.assert_array_equal(result.timing.censored, np.flatnonzero(BAD))
    np.testing.assert_array_equal(result.data, X[expected].astype(np.float32))
    sources = open_sources(_settings(root))
    with caplog.at_level("INFO"):
        responses = read_responses(fits_of(sources, "01")[0], sources.stories, sources.settings)
    assert f"6 of {N - 3} volumes of the story left out (censored)" in caplog.text
    assert responses.cleaning[RUN]["CensoredVolumes"] == 6
    assert responses.cleaning[RUN]["InterpolatedVolumes"] == 0


def test_series_that_were_not_censored_are_whole_and_what_was_filled_in_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    func = _dataset(tmp_path / "data", X, tool="xcp_d")
    _write(func / f"{RUN}_outliers.tsv", pd.DataFrame({"framewise_displacement": BAD}))
    result = _read(tmp_path / "data")
    assert len(result.data) == N - 3
    assert result.cleaning["InterpolatedVolumes"] == 6
    assert f"6 of {N} volumes are marked in …_outliers.tsv and still in the series" in caplog.text


@pytest.mark.parametrize("nothing", [0.0, np.nan])
def test_volumes_without_data_count_as_censored(
    tmp_path: Path, nothing: float, caplog: pytest.LogCaptureFixture
) -> None:
    """AFNI's 3dTproject writes zeros for the volumes that it censors, as a scan does whose transfer was cut off."""
    series = X.copy()
    series[BAD == 1] = nothing
    notice.cache_clear()
    _dataset(tmp_path / "data", series)
    result = _read(tmp_path / "data", confounds="none", high_pass=0.0)
    expected = np.flatnonzero(BAD == 0)[3:]
    np.testing.assert_array_equal(result.timing.volumes, expected)
    np.testing.assert_array_equal(result.data, X[expected].astype(np.float32))
    assert f"6 of {N} volumes of {TABLE} hold no data (0 or missing everywhere)" in caplog.text
    assert result.cleaning["CensoredVolumes"] == 6


def test_outliers_of_another_run(tmp_path: Path) -> None:
    flags = BAD.copy()
    flags[5] = 1
    root = _censored(tmp_path, pd.DataFrame({"framewise_displacement": flags, "speed": np.arange(N)}))
    with pytest.raises(DatasetError, match=r"has 194 rows, but .*outliers.tsv has 200 volumes.*displacement: 193"):
        _read(root)


def test_censored_series_without_their_outliers(tmp_path: Path) -> None:
    """The raw image, or fMRIPrep's confounds, tell that volumes are missing."""
    root = _censored(tmp_path, None)
    write_nifti(root / "sub-01" / "func" / f"{RUN}_bold.nii.gz", np.zeros((1, 1, 1, N), dtype=np.float32), None, 2.0)
    message = rf"{TABLE} has 194 volumes and .*_bold.nii.gz 200, .*{RUN}_outliers.tsv must lie beside the BOLD"
    with pytest.raises(DatasetError, match=message):
        _read(root)
    (root / "sub-01" / "func" / f"{RUN}_bold.nii.gz").unlink()
    func = root / "derivatives" / "fmriprep" / "sub-01" / "func"
    func.mkdir(parents=True)
    _write(func / f"{RUN}_desc-confounds_timeseries.tsv", _confounds())
    derivatives = tuple(str(root / "derivatives" / name) for name in ("xcp_d", "fmriprep"))
    with pytest.raises(DatasetError, match=rf"{TABLE} has 194 volumes and .*confounds_timeseries.tsv 200"):
        _read(root, derivatives=derivatives)


def test_volumes_that_were_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = tmp_path / "data"
    func = _dataset(root, X[5:])
    write_nifti(root / "sub-01" / "func" / f"{RUN}_bold.nii.gz", np.zeros((1, 1, 1, N), dtype=np.float32), None, 2.0)
    with pytest.raises(
        DatasetError, match=r'not known when each volume was scanned: .*"NumberOfVolumesDiscardedByUser"'
    ):
        _read(root)
    sidecar = func / TABLE.replace(".tsv", ".json")
    sidecar.write_text('{"NumberOfVolumesDiscardedByUser": 5}')
    result = _read(root, high_pass=0.0)
    np.testing.assert_array_equal(result.timing.volumes, np.arange(5, N))
    np.testing.assert_array_equal(result.data, X[5:].astype(np.float32))
    sidecar.write_text('{"NumberOfVolumesDiscardedByUser": 0}')  # they were cut off at the end
    result = _read(root, high_pass=0.0)
    np.testing.assert_array_equal(result.timing.volumes, np.arange(3, N - 5))
    np.testing.assert_array_equal(result.data, X[8:].astype(np.float32))
    write_nifti(root / "sub-01" / "func" / f"{RUN}_bold.nii.gz", np.zeros((1, 1, 1, 90), dtype=np.float32), None, 2.0)
    with pytest.raises(DatasetError, match=r"has 195 volumes and .* 90: they are of different runs"):
        _read(root)
    (root / "sub-01" / "func" / f"{RUN}_bold.nii.gz").unlink()
    sidecar.write_text('{"NumberOfVolumesDiscardedByUser": 5}')
    result = _read(root, high_pass=0.0)
    np.testing.assert_array_equal(result.timing.volumes, np.arange(3, N - 5))
    assert "is 5, but no raw image is here that would tell whether events.tsv counts these volumes" in caplog.text


def test_scrubbing_leaves_volumes_out(tmp_path: Path) -> None:
    table = _confounds()
    names = [*MOTION, "csf", "white_matter"]
    expanded = [name + more for name in names for more in ("", "_derivative1", "_power2", "_derivative1_power2")]
    table = pd.DataFrame(np.random.default_rng(2).standard_normal((N, len(expanded))), columns=expanded)
    table["framewise_displacement"] = np.where(BAD, 0.8, 0.1)
    table["std_dvars"] = 1.0
    _dataset(tmp_path / "data", confounds=table)
    result = _read(tmp_path / "data", confounds="scrubbing")
    np.testing.assert_array_equal(result.timing.censored, np.flatnonzero(BAD))
    assert result.cleaning["CensoredVolumes"] == 6


def test_summary() -> None:
    names = ("trans_x", "cosine00", "cosine01", "cosine02", "c_comp_cor_00", "linear trend")
    assert summary(names) == "trans_x, cosine00–02, c_comp_cor_00, linear trend"


def test_absent_participants_are_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    func = _dataset(tmp_path / "data")
    for i in range(2, 15):
        folder = func.parents[1] / f"sub-{i:02d}" / "func"
        folder.mkdir(parents=True)
        (folder / TABLE.replace("01", f"{i:02d}", 1)).symlink_to("../../../.git/annex/objects/x")
    assert open_sources(_settings(tmp_path / "data")).participants == ["01"]
    assert len(caplog.records) == 1
    assert r"13 participants have no BOLD in" in caplog.text
    assert "02, 03, 04, 05, 06, 07, 08, 09, 10, 11, … (13 in all); get it (datalad get); the others" in caplog.text
    with pytest.raises(DatasetError, match=r"2 participants have no BOLD .*: 02, 03; get it .*--exclude-participant"):
        _ = open_sources(_settings(tmp_path / "data", participant_label=("01", "02", "03"))).participants


@pytest.mark.parametrize(
    ("n", "step", "high_pass"), [(300, 1.5, 0.008), (90, 2, 0.01), (7, 0.7, 0.2), (241, 1.52, 0.3)]
)
def test_cosines_are_those_of_nilearn(n: int, step: float, high_pass: float) -> None:
    expected = create_cosine_drift(high_pass, np.arange(n) * step)[:, :-1]
    np.testing.assert_allclose(cosines(n, step, high_pass), expected, atol=1e-6)
    assert cosines(1, step, high_pass).shape == (1, 0)
