import numpy as np
import pytest

from bids_app.language.tokens import Tokens
from bids_app.language.windows import Window, batch_windows, plan_windows

LENGTHS = [1, 2, 7, 20, 61, 62, 63, 200, 3000]


def _tokens(n_tokens: int, tokens_per_word: int = 3, prefix: tuple[int] = (1,), suffix: tuple[int, ...] = ()) -> Tokens:
    word = np.arange(n_tokens) // tokens_per_word
    return Tokens(np.arange(n_tokens), word, int(word[-1]) + 1 if n_tokens else 0, prefix, suffix)


def _taken(windows: list[Window]) -> list[int]:
    return [token for window in windows for token in range(window.first, window.stop_taking)]


def _source(windows: list[Window], n_tokens: int) -> list[Window]:
    return [next(w for w in windows if w.first <= token < w.stop_taking) for token in range(n_tokens)]


@pytest.mark.parametrize("context", ["auto", "left", "exact", 0, 5, 29])
@pytest.mark.parametrize("is_causal", [True, False])
@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_every_token_is_taken_once_from_a_window_that_fits(n_tokens: int, is_causal: bool, context: int | str) -> None:
    windows = plan_windows(_tokens(n_tokens), 64, is_causal, context)
    assert _taken(windows) == list(range(n_tokens))
    for window in windows:
        assert 0 <= window.start <= window.first < window.stop_taking <= window.stop <= n_tokens
        assert len(window) <= 63


@pytest.mark.parametrize(("max_tokens", "context", "minimum"), [(64, "auto", 32), (64, 40, 40), (2048, "left", 512)])
@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_causal_windows_keep_the_minimum_of_left_context(
    n_tokens: int, max_tokens: int, context: int | str, minimum: int
) -> None:
    windows = plan_windows(_tokens(n_tokens), max_tokens, True, context)
    for token, window in enumerate(_source(windows, n_tokens)):
        assert token - window.start >= min(token, minimum)


@pytest.mark.parametrize(("max_tokens", "minimum"), [(64, 32), (2048, 512)])
@pytest.mark.parametrize("tokens_per_word", [1, 3, 40])
@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_rolled_windows_keep_the_minimum_on_a_ring_and_stop_short_of_the_own_word(
    n_tokens: int, tokens_per_word: int, max_tokens: int, minimum: int
) -> None:
    tokens = _tokens(n_tokens, tokens_per_word)
    windows = plan_windows(tokens, max_tokens, True, "rolled")
    assert _taken(windows) == list(range(n_tokens))
    assert max(len(window) for window in windows) <= max_tokens - 1
    for token, window in enumerate(_source(windows, n_tokens)):
        seen = np.arange(window.start, token) % n_tokens
        assert len(seen) >= min(minimum, n_tokens - tokens.tokens_per_word.max())
        assert len(set(seen)) == len(seen)
        of_word = np.flatnonzero(tokens.word == tokens.word[token])
        assert not set(of_word[of_word >= token]) & set(seen)


@pytest.mark.parametrize(("max_tokens", "minimum"), [(64, 32), (2048, 512)])
@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_rolled_windows_are_those_of_left_where_the_story_is_long_enough(
    n_tokens: int, max_tokens: int, minimum: int
) -> None:
    rolled, left = (
        _source(plan_windows(_tokens(n_tokens), max_tokens, True, context), n_tokens) for context in ("rolled", "left")
    )
    for token in range(n_tokens):
        same = (rolled[token].start, rolled[token].stop) == (left[token].start, left[token].stop)
        assert same or token < minimum


def test_rolling_costs_one_window_more() -> None:
    rolled, left = (plan_windows(_tokens(20_000), 1025, True, context) for context in ("rolled", "left"))
    assert rolled[0] == Window(-512, 512, 0, 512)
    assert len(rolled) == len(left) + 1


@pytest.mark.parametrize(("context", "minimum"), [("auto", 16), (20, 20)])
@pytest.mark.parametrize("n_tokens", LENGTHS)
def test_masked_windows_keep_the_minimum_on_both_sides(n_tokens: int, context: int | str, minimum: int) -> None:
    windows = plan_windows(_tokens(n_tokens), 64, False, context)
    for token, window in enumerate(_source(windows, n_tokens)):
        assert token - window.start >= min(token, minimum)
        assert window.stop - 1 - token >= min(n_tokens - 1 - token, minimum)


@pytest.mark.parametrize("n_tokens", [70, 100, 3000])
def test_masked_windows_are_all_full(n_tokens: int) -> None:
    assert {len(window) for window in plan_windows(_tokens(n_tokens), 64, False)} == {63}


@pytest.mark.parametrize("context", ["auto", "exact", 8])
def test_causal_windows_do_not_depend_on_what_follows(context: int | str) -> None:
    longer = _source(plan_windows(_tokens(900), 64, True, context), 900)
    for n_tokens in (3, 60, 63, 66, 150, 300):
        shorter = _source(plan_windows(_tokens(n_tokens), 64, True, context), n_tokens)
        assert [w.start for w in shorter] == [w.start for w in longer[:n_tokens]]


@pytest.mark.parametrize(("is_causal", "context"), [(True, "exact"), (False, "exact"), (False, "left")])
def test_exact_windows_end_at_the_word_with_all_the_context_there_is(is_causal: bool, context: str) -> None:
    tokens = _tokens(200, tokens_per_word=4)
    for token, window in enumerate(_source(plan_windows(tokens, 64, is_causal, context), 200)):
        end_of_word = (token // 4 + 1) * 4
        assert window.start == max(0, end_of_word - 63)
        assert window.stop == end_of_word or (is_causal and window.start == 0)


def test_a_strided_plan_needs_far_fewer_passes_than_words() -> None:
    tokens = _tokens(20_000, tokens_per_word=1)
    assert len(plan_windows(tokens, 8192, True)) * 50 < tokens.n_words


@pytest.mark.parametrize("is_causal", [True, False])
def test_a_word_longer_than_the_model_is_cut(is_causal: bool) -> None:
    tokens = Tokens(np.arange(150), np.repeat([0, 1, 2], [2, 145, 3]), 3, (1,), (2,))
    windows = plan_windows(tokens, 64, is_causal, "exact")
    assert _taken(windows) == list(range(150))
    assert max(len(window) for window in windows) == 62


def test_no_tokens_no_windows() -> None:
    assert plan_windows(_tokens(0), 64, True) == []


@pytest.mark.parametrize(
    ("is_causal", "context", "message"),
    [
        (True, 63, "at most 62"),
        (False, 32, "either side.*at most 31"),
        (True, -1, "0 or more"),
        (True, "right", "auto, left, exact, rolled"),
        (False, "rolled", "causal models"),
        (True, True, "Unknown context True"),
    ],
)
def test_unusable_contexts_are_refused(is_causal: bool, context: int | str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plan_windows(_tokens(10), 64, is_causal, context)


def test_a_model_without_space_for_text_is_refused() -> None:
    with pytest.raises(ValueError, match="no space"):
        plan_windows(_tokens(10, suffix=(2,)), 2, True)


@pytest.mark.parametrize("chunk_tokens", [1, 64, 100, 1000])
def test_batches_hold_the_windows_in_order_within_the_chunk(chunk_tokens: int) -> None:
    windows = plan_windows(_tokens(300), 64, False, "left")
    batches = list(batch_windows(windows, 1, chunk_tokens))
    assert [window for batch in batches for window in batch] == windows
    sizes = [(len(batch), max(len(window) for window in batch) + 1) for batch in batches]
    assert all(n == 1 or n * longest <= chunk_tokens for n, longest in sizes)
