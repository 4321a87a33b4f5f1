import numpy as np
import numpy.typing as npt
import pytest

from bids_app.encoding.cleaning import clean

Recording = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]


@pytest.fixture
def recording() -> Recording:
    rng = np.random.default_rng(0)
    time = np.arange(200) * 1.5
    confounds = rng.standard_normal((200, 3))
    drift = np.cos(2 * np.pi * 0.003 * time)[:, None]
    signal = np.sin(2 * np.pi * 0.05 * time)[:, None]
    return 500 + signal + 3 * drift + confounds @ rng.standard_normal((3, 4)), confounds, signal


def test_confounds_are_regressed_out_as_by_least_squares(recording: Recording) -> None:
    Y, confounds, _ = recording
    design = np.c_[np.ones(200), confounds]
    expected = Y - design @ np.linalg.lstsq(design, Y)[0] + Y.mean(axis=0)
    np.testing.assert_allclose(clean(Y, 1.5, confounds, None), expected, atol=1e-3)


def test_high_pass_removes_drifts_only(recording: Recording) -> None:
    Y, confounds, signal = recording
    cleaned = clean(Y, 1.5, confounds, 0.008)
    assert np.corrcoef(cleaned[:, 0], signal[:, 0])[0, 1] > 0.95
    np.testing.assert_allclose(cleaned.mean(axis=0), Y.mean(axis=0), rtol=1e-5)


def test_nan_columns_stay(recording: Recording) -> None:
    Y, confounds, _ = recording
    expected = clean(Y, 1.5, confounds, 0.008)
    Y[:, 2] = np.nan
    cleaned = clean(Y, 1.5, confounds, 0.008)
    assert np.isnan(cleaned[:, 2]).all()
    np.testing.assert_allclose(np.delete(cleaned, 2, 1), np.delete(expected, 2, 1), atol=1e-4)


def test_nothing_to_do(recording: Recording) -> None:
    np.testing.assert_allclose(clean(recording[0], 1.5, None, None), recording[0], rtol=1e-6)


def test_nan_confounds_are_an_error(recording: Recording) -> None:
    with pytest.raises(ValueError, match="NaN"):
        clean(recording[0], 1.5, np.full((200, 1), np.nan), None)
