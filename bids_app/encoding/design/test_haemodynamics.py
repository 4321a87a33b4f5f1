from collections.abc import Callable
from typing import Literal, cast

import numpy as np
import numpy.typing as npt
import pytest
from nilearn.glm.first_level import glover_hrf

from bids_app.encoding.design.haemodynamics import (
    convolve,
    haemodynamic_kernel,
    neuron_responses,
    pool_words,
    word_sums,
)

Words = tuple[npt.NDArray[np.float32], npt.NDArray[np.float64], npt.NDArray[np.float64]]


@pytest.fixture
def words() -> Words:
    rng = np.random.default_rng(0)
    onset = np.sort(rng.uniform(-20, 100, 300))
    duration = rng.uniform(0.1, 0.6, 300)
    return rng.standard_normal((300, 7)).astype(np.float32), onset, duration


@pytest.mark.parametrize("how", ["mean", "sum"])
def test_pool_words_against_a_loop(words: Words, how: Literal["mean", "sum"]) -> None:
    values, onset, _ = words
    expected = np.zeros((40, 7))
    for volume in range(40):
        chosen = values[np.floor(onset / 1.5).astype(int) == volume - 5]
        if len(chosen):
            expected[volume] = getattr(chosen.astype(float), how)(axis=0)
    np.testing.assert_allclose(pool_words(values, onset, 1.5, 40, how, first_volume=-5), expected, atol=1e-5)


def test_pool_words_drops_unaligned_words_and_rounds_times() -> None:
    pooled = pool_words([[1.0], [2.0], [np.nan]], [2.1, 3 * 0.7 - 1e-12, np.nan], 0.7, 5, "sum")
    assert pooled.ravel().tolist() == [0, 0, 0, 3, 0]


def test_kernel_is_the_glover_response_at_the_volumes() -> None:
    fine = glover_hrf(0.001, oversampling=1, time_length=32.0)
    expected = np.interp(np.arange(0, 32, 1.5), np.linspace(0, 32, fine.size), fine)
    np.testing.assert_allclose(haemodynamic_kernel(1.5), expected / expected.sum(), atol=2e-3)
    assert np.argmax(haemodynamic_kernel(1.0)) in (5, 6)


def test_convolve_is_causal_and_equals_numpy() -> None:
    series = np.random.default_rng(0).standard_normal((50, 3))
    expected = np.stack([np.convolve(column, haemodynamic_kernel(2.0))[:50] for column in series.T], axis=1)
    np.testing.assert_allclose(convolve(series, 2.0), expected, atol=1e-6)
    changed = series.copy()
    changed[30:] = 0
    np.testing.assert_array_equal(convolve(changed, 2.0)[:30], convolve(series, 2.0)[:30])


def test_neuron_responses_by_definition(words: Words) -> None:
    values, onset, duration = words
    volumes = np.r_[5:30, 40:60]
    midpoint = np.floor((onset + duration / 2) / 1.5)
    series = np.zeros((100, 7))  # volumes -40 ... 59
    for volume in np.unique(midpoint):
        if volume < 60:
            series[int(volume) + 40] = values[midpoint == volume].mean(axis=0)
    response = np.stack([np.convolve(c, haemodynamic_kernel(1.5))[:100] for c in series.T], axis=1)[volumes + 40]
    expected = (response - response.mean(axis=0)) / response.std(axis=0)
    np.testing.assert_allclose(neuron_responses(values, onset, duration, 1.5, volumes), expected, atol=1e-4)


def test_word_sums_uses_the_onset(words: Words) -> None:
    values, onset, _ = words
    expected = [values[np.floor(onset / 2) == volume].sum(axis=0) for volume in (3, 4, 9)]
    np.testing.assert_allclose(word_sums(values, onset, 2.0, [3, 4, 9]), expected, atol=1e-5)


@pytest.mark.parametrize("later", [1, 2, -1])
def test_word_sums_may_count_a_word_in_another_volume(words: Words, later: int) -> None:
    values, onset, _ = words
    expected = [values[np.floor(onset / 2) + later == volume].sum(axis=0) for volume in (0, 3, 4, 9)]
    np.testing.assert_allclose(word_sums(values, onset, 2.0, [0, 3, 4, 9], later=later), expected, atol=1e-5)
    plain = word_sums(values, onset, 2.0, np.array([0, 3, 4, 9]) - later)
    np.testing.assert_array_equal(word_sums(values, onset, 2.0, [0, 3, 4, 9], later=later), plain)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pool_words([[1.0]], [1.0], 2.0, 3, cast('Literal["mean"]', "median")), "median"),
        (lambda: pool_words([[1.0]], [1.0, 2.0], 2.0, 3, "sum"), "one time per word"),
        (lambda: convolve(np.ones((3, 2)), 0.0), "repetition_time"),
        (lambda: word_sums([[1.0]], [1.0], 2.0, []), "volumes"),
    ],
)
def test_errors(call: Callable[[], None], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
