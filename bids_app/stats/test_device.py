import threading
import warnings

import numpy as np
import numpy.typing as npt
import pytest
import torch
from threadpoolctl import threadpool_info

from bids_app.stats.device import (
    centred,
    centred_there,
    column_batches,
    map_batches,
    one_thread,
    resolve_device,
    side_by_side,
    targets_per_batch,
    to_device,
)


def test_resolve_device() -> None:
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(ValueError, match="Unknown device='gpu0'"):
        resolve_device("gpu0")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_missing_gpu_is_a_clear_error() -> None:
    with pytest.raises(ValueError, match="no GPU"):
        resolve_device("cuda")


def test_batches() -> None:
    assert targets_per_batch(1000, 10_000, mem_mb=1) == 1000
    assert targets_per_batch(1000, 10_000, mem_mb=1, cache_bytes_per_target=4096) == 256
    assert targets_per_batch(1000, 10, mem_mb=None) == 10
    assert column_batches(5, 2) == [slice(0, 2), slice(2, 4), slice(4, 5)]
    with pytest.raises(ValueError, match="mem_mb=0"):
        targets_per_batch(1000, 10, mem_mb=0)


def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert resolve_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match=r"device='cuda:2', but torch finds only 'cuda:0', 'cuda:1' here"):
        resolve_device("cuda:2")


def test_work_side_by_side_keeps_its_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    seen = []
    with side_by_side(torch.device("cpu")) as apply:
        for start in (0, 10):
            seen += list(apply(lambda x: (x, threading.current_thread().name), range(start, start + 10)))
    assert [x for x, _ in seen] == list(range(20))
    assert all(name != threading.main_thread().name for _, name in seen)
    assert list(map_batches(str, [3, 1, 2], torch.device("cpu"))) == ["3", "1", "2"]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_columns_are_centred_in_float64_wherever_they_are(dtype: npt.DTypeLike) -> None:
    values = (np.random.default_rng(0).standard_normal((700, 30)) * 100 + 30_000).astype(dtype)
    means = values.mean(axis=0, dtype=np.float64)
    expected = (values - means).astype(np.float32)
    for found, found_means in (centred(values, torch.device("cpu")), centred_there(torch.as_tensor(values.copy()))):
        assert found.dtype == torch.float32
        np.testing.assert_allclose(found_means, means, rtol=1e-14)
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_read_only_arrays_go_to_a_device_without_a_warning_and_stay_as_they_are() -> None:
    array = np.arange(6.0).reshape(2, 3)
    array.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        to_device(array, torch.device("cpu"), None)[0, 0] = 9
    assert array[0, 0] == 0


def test_products_run_on_one_thread_within_the_block_alone() -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    with one_thread():
        assert set(threads()) == {1}
        assert torch.get_num_threads() == 1
    assert threads() == before
