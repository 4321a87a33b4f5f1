from collections.abc import Iterator
from threading import Lock

import pytest
import torch

from bids_app.machine.ahead import ahead


@pytest.fixture(params=[1, 3])
def n_threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_results_come_in_order_and_few_are_in_the_making(n_threads: int) -> None:
    started, lock = [0], Lock()

    def square(number: int) -> int:
        with lock:
            started[0] += 1
        return number**2

    for taken, result in enumerate(ahead(square, range(50))):
        assert result == taken**2
        assert started[0] <= taken + n_threads + 1


def test_an_exception_comes_in_its_turn_and_ends_the_work(n_threads: int) -> None:
    results = ahead(lambda number: 6 // (3 - number), range(10))
    assert [next(results) for _ in range(3)] == [2, 3, 6]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_work_can_be_left_undone(n_threads: int) -> None:
    results = ahead(str, range(10))
    assert next(results) == "0"
    results.close()  # type: ignore[attr-defined]
