"""Windows of a text that a model reads at once, and the tokens whose activations are taken from each."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from bids_app.language.tokens import Tokens

Context = str | int
"""How much of the text a token's activation may depend on: "auto", "left", "exact", "rolled", or a number of tokens."""

DEFAULT_CONTEXT = 512
_NAMES = ("auto", "left", "exact", "rolled")
_LONG_ENOUGH = 1024


@dataclass(frozen=True)
class Window:
    """The model reads tokens start … stop−1; the activations of tokens first … stop_taking−1 are taken from it.

    If the text is rolled, `start` may be negative: token −1 is the last.
    """

    start: int
    stop: int
    first: int
    stop_taking: int

    def __len__(self) -> int:
        """Return the number of tokens read, without special tokens."""
        return self.stop - self.start


def plan_windows(tokens: Tokens, max_tokens: int, is_causal: bool, context: Context = "auto") -> list[Window]:
    """Plan windows of at most `max_tokens`, including special tokens, that take every token exactly once, in order.

    - Causal, "auto" or "left": strided windows. Each token sees at least 512 previous tokens (or max_tokens // 2 if
      less), or all of them. A number sets another minimum.
    - Masked, "auto": overlapping windows. Each token sees at least max_tokens // 4 tokens (or 512 if less) on
      either side, or all of them. A number sets another minimum.
    - Masked, "left": one window per word, which ends at the word and starts as early as the model allows.
    - "exact": the same for either type. Causal windows that begin at the start of the text are merged.
    - Causal, "rolled": the windows of "left", except that tokens with less than the minimum before them are preceded by
      the end of the text, as if it were a ring, but never by their own word. They see later text: this is only for
      comparison with the code released with Caucheteux et al. (2023), which rolls the story.

    A plan depends neither on batch nor chunk size. In a causal plan, no window depends on later words, unless rolled.

    Raises ValueError for an unknown context, or one that does not suit the length or type of the model.
    """
    capacity = max_tokens - tokens.n_special
    if capacity < 1:
        raise ValueError(f"The model reads {max_tokens} tokens at once, which leaves no space for text.")
    _check_context(context, is_causal)
    if len(tokens) == 0:
        return []
    if context == "exact" or (context == "left" and not is_causal):
        return _window_per_word(tokens, capacity, is_causal)
    sides = 1 if is_causal else 2
    default = min(DEFAULT_CONTEXT, max_tokens // (2 * sides), (capacity - 1) // sides)
    minimum = context if isinstance(context, int) else default
    if sides * minimum >= capacity:
        raise ValueError(
            f"A context of {minimum} tokens{' on either side' if sides == 2 else ''} is more than this model can hold, "
            f"which reads {capacity} tokens of text at once: ask for at most {(capacity - 1) // sides}."
        )
    length = min(capacity, max(_LONG_ENOUGH, 4 * minimum))
    if context == "rolled":
        return _rolled(tokens, length, minimum)
    return _strided(len(tokens), length, minimum) if is_causal else _overlapping(len(tokens), length, minimum)


def batch_windows(windows: list[Window], n_special: int, chunk_tokens: int) -> Iterator[list[Window]]:
    """Group windows, in order, into batches of at most `chunk_tokens` tokens with padding, at least one window each."""
    batch: list[Window] = []
    for window in windows:
        longest = max(len(member) for member in [*batch, window]) + n_special
        if batch and longest * (len(batch) + 1) > chunk_tokens:
            yield batch
            batch = []
        batch.append(window)
    if batch:
        yield batch


def _check_context(context: Context, is_causal: bool) -> None:
    is_count = isinstance(context, int) and not isinstance(context, bool) and context >= 0
    if context not in _NAMES and not is_count:
        raise ValueError(f"Unknown context {context!r}: choose {', '.join(_NAMES)}, or a number of tokens, 0 or more.")
    if context == "rolled" and not is_causal:
        raise ValueError(
            "The context 'rolled' is for causal models, and this model is masked: choose auto, left, exact, or a "
            "number of tokens, 0 or more."
        )


def _strided(n_tokens: int, length: int, minimum: int) -> list[Window]:
    windows = []
    taken = 0
    for start in range(0, n_tokens, length - minimum):
        stop = min(start + length, n_tokens)
        windows.append(Window(start, stop, taken, stop))
        taken = stop
        if stop == n_tokens:
            break
    return windows


def _rolled(tokens: Tokens, length: int, minimum: int) -> list[Window]:
    """Plan the windows of `_strided`; tokens with too few previous tokens come from windows that start before 0."""
    most = len(tokens) + 1 - int(tokens.tokens_per_word.max())  # in a longer window a word could see itself
    n_early = min(minimum, most - 1)
    early = [
        Window(window.start - n_early, window.stop - n_early, max(0, window.first - n_early), window.stop - n_early)
        for window in _strided(2 * n_early, min(length, most), n_early)
    ]
    first, *others = _strided(len(tokens), length, minimum)
    return [*early, replace(first, first=n_early), *others]


def _overlapping(n_tokens: int, length: int, margin: int) -> list[Window]:
    windows = []
    taken = 0
    for start in range(0, n_tokens, length - 2 * margin):
        stop = min(start + length, n_tokens)
        stop_taking = stop if stop == n_tokens else stop - margin
        windows.append(Window(max(0, stop - length), stop, taken, stop_taking))  # the last window starts earlier
        taken = stop_taking
        if stop == n_tokens:
            break
    return windows


def _window_per_word(tokens: Tokens, capacity: int, share_start: bool) -> list[Window]:
    """Plan windows that end at a word; a word with more tokens than the capacity is cut."""
    ends = np.flatnonzero(tokens.is_last) + 1
    windows = []
    taken = 0
    if share_start and (within := ends[ends <= capacity]).size:
        taken = int(within[-1])
        windows.append(Window(0, taken, 0, taken))
    for end in ends[ends > taken]:
        while taken < end:
            stop = min(int(end), taken + capacity)
            windows.append(Window(max(0, stop - capacity), stop, taken, stop))
            taken = stop
    return windows
