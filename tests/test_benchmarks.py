"""The stages that benchmarks time by name exist."""

import pkgutil

import pytest

from benchmarks.participant import BY_STEPS, STAGES


@pytest.mark.parametrize("name", [*STAGES, *BY_STEPS])
def test_a_stage_that_is_timed_exists(name: str) -> None:
    assert callable(pkgutil.resolve_name(name))
