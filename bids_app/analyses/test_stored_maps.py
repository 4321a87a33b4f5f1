"""Statistics of maps on disk against those of the whole array in memory."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import wilcoxon

from bids_app.analyses import stored_maps
from bids_app.analyses.stored_maps import StoredMaps
from bids_app.disk import DiskError
from bids_app.forecast.distance import group_distance
from bids_app.stats.signed_rank import signed_rank

RNG = np.random.default_rng(0)
MAPS = (RNG.standard_normal((9, 5, 40)) + 0.4).astype(np.float32)
MAPS[3, :, 7] = np.nan  # no data in one participant
MAPS[:, 2, 11] = np.nan
COMPLETE = np.asarray(np.isfinite(MAPS).all(axis=(0, 1)))


def stored(folder: Path, maps: npt.NDArray[np.float32] = MAPS) -> StoredMaps:
    made = StoredMaps(folder, *maps.shape)
    for row, own in enumerate(maps):
        made.write(row, own)
    return made


@pytest.mark.parametrize("block", [1, 50, 400, 10**6])
@pytest.mark.parametrize("targets", [np.arange(40), np.array([2, 3, 7, 11, 30, 39])])
def test_statistics_do_not_depend_on_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, targets: npt.NDArray[np.intp]
) -> None:
    monkeypatch.setattr(stored_maps, "BLOCK", block)
    maps = stored(tmp_path)
    maps.use(targets)
    own, complete = MAPS[:, :, targets], COMPLETE[targets]
    assert maps.shape == own.shape
    np.testing.assert_array_equal(maps.complete, complete)
    np.testing.assert_array_equal(np.stack(list(maps.participants())), own)
    expected = np.where(complete, own.astype(np.float64).mean(axis=0), np.nan)
    np.testing.assert_allclose(maps.mean(), expected, rtol=1e-6)
    known = own[:, :, complete]
    w, p = maps.of_maps(signed_rank)
    assert np.isnan(w[:, ~complete]).all()
    np.testing.assert_allclose(p[:, complete], wilcoxon(known, axis=0).pvalue, rtol=1e-5)
    distances = range(5)
    found = maps.of_curves(lambda curves: group_distance(curves, distances), complete)
    np.testing.assert_array_equal(found[:, complete], np.stack(group_distance(known, distances)))
    assert np.isnan(found[:, ~complete]).all()
    difference = maps.changed(lambda one: one[[4]] - one[[0]], 1)
    np.testing.assert_array_equal(np.stack(list(difference.participants())), own[:, [4]] - own[:, [0]])


def test_nothing_stays_in_the_folder(tmp_path: Path) -> None:
    maps = stored(tmp_path / "work")
    assert list((tmp_path / "work").iterdir()) == []
    maps.close()


def test_a_full_disk_is_said_with_the_space_needed(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match=r"MB are free in .*MB are needed"):
        StoredMaps(tmp_path, 10**11, 10, 40)


def test_maps_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"shape \(5, 39\)"):
        stored(tmp_path).write(0, MAPS[0, :, :39])


def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path) -> None:
    maps = stored(tmp_path)
    maps._file._file.truncate(100)
    with pytest.raises(OSError, match="cut short"):
        maps.of_maps(signed_rank)
