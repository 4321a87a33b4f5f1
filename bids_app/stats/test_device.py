import threading

import pytest
import torch

from bids_app.stats.device import column_batches, map_batches, resolve_device, side_by_side, targets_per_batch


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
