"""A small, fixed set of damaged files for every reader; `python -m tests.fuzz` makes any number."""

import logging
import warnings
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bids_app.bids.errors import DatasetError
from tests.fuzz import describe, is_own, prepare, read_content, read_damaged
from tests.fuzz_cases import CASES
from tests.fuzz_mutations import KINDS, TOKENS, Mutation, mutate
from tests.fuzz_readers import READERS

_SHARES = st.floats(0, 1, exclude_max=True, allow_subnormal=False)
_MUTATIONS = st.lists(st.tuples(st.sampled_from(KINDS), _SHARES, _SHARES, st.sampled_from(TOKENS)), max_size=3)


@pytest.mark.parametrize("name", READERS)
def test_a_good_file_is_read(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    prepare(reader, tmp_path)
    for seed in range(len(reader.seeds)):
        assert read_damaged(reader, tmp_path, seed, [])[0] is None


@pytest.mark.parametrize("name", READERS)
def test_only_own_errors_come_out_of_damaged_files(name: str, tmp_path: Path) -> None:
    reader = READERS[name]
    prepare(reader, tmp_path)

    @settings(max_examples=200, derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(seed=st.integers(0, len(reader.seeds) - 1), mutations=_MUTATIONS)
    def check(seed: int, mutations: list[Mutation]) -> None:
        error, content = read_damaged(reader, tmp_path, seed, mutations)
        assert is_own(error, reader), f"{error and describe(error)}: {error!r} from {content[:500]!r}"

    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            check()
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.parametrize(("name", "content"), [(name, content) for name, all_of in CASES.items() for content in all_of])
def test_what_once_failed_is_read_or_refused_in_words(name: str, content: bytes, tmp_path: Path) -> None:
    reader = READERS[name]
    prepare(reader, tmp_path)
    error, _ = read_content(reader, tmp_path, content)
    assert is_own(error, reader), f"{error and describe(error)}: {error!r}"


def test_damage_is_the_same_each_time() -> None:
    mutations: list[Mutation] = [
        ("shuffle lines", 0.3, 0.2, b""),
        ("number", 0.0, 0.0, b"1e400"),
        ("cut", 0.9, 0.0, b""),
    ]
    content = b"onset\tword\n1\ta\n2\tb\n"
    assert mutate(content, mutations) == mutate(content, mutations) != content


def test_only_errors_of_the_package_that_name_the_file_count_as_its_own() -> None:
    reader = READERS["sidecar"]
    assert is_own(None, reader)
    assert is_own(DatasetError("task-t_bold.json is damaged"), reader)
    assert not is_own(DatasetError("a file is damaged"), reader)
    assert not is_own(ValueError("task-t_bold.json is damaged"), reader)
    greedy = DatasetError("task-t_bold.json is damaged")
    greedy.__cause__ = MemoryError()
    assert not is_own(greedy, reader)
