"""Content and function words of English stories."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from bids_app.language.word_features import plain

_FEWEST = 0.25  # share of function words from which a text counts as English
_WORDS = """
a an the this that these those my your his her its our their whose which what some any no every each either
neither both all another such i me you he him she it we us they them who whom mine yours hers ours theirs myself
yourself himself herself itself ourselves themselves one ones somebody someone something anybody anyone anything
nobody nothing everybody everyone everything of in to for with on at by from up about into over after under
between through during before behind above below across against along among around off onto out toward towards
upon within without near since until till than as like per and or but nor so yet if because although though
while whereas when where why how whether unless be am is are was were been being have has had having do does did
doing done will would shall should can could may might must ought not n't 's 're 've 'll 'd 'm there here then
too very just also only even i'm i've i'd i'll you're you've you'd you'll he's he'd he'll she's she'd she'll
it's it'd it'll we're we've we'd we'll they're they've they'd they'll that's there's what's who's where's isn't
aren't wasn't weren't haven't hasn't hadn't don't doesn't didn't won't wouldn't shan't shouldn't can't cannot
couldn't mustn't let's
"""
_FUNCTION = frozenset(_WORDS.split())


def kinds_of_words(words: Sequence[str]) -> dict[str, npt.NDArray[np.bool_]]:
    """Which words are `all`, `content` and `function`, (n_words,) each; only `all` for a text that is not English.

    >>> {kind: where.tolist() for kind, where in kinds_of_words("The cat and the dog".split()).items()}["content"]
    [False, True, False, False, True]
    """
    bare = [plain(word).replace("’", "'") for word in words]
    spoken = np.array([bool(word) for word in bare], dtype=bool)
    function = np.array([word in _FUNCTION for word in bare], dtype=bool)
    kinds = {"all": np.ones(len(bare), dtype=bool)}
    if spoken.any() and function.sum() >= _FEWEST * spoken.sum():
        kinds |= {"content": spoken & ~function, "function": function}
    return kinds
