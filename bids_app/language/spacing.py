"""Join words into one text: spaces between words, by script and shape, in any language."""

import re
from collections.abc import Sequence

_CLOSING = frozenset(".,?!;:…)]}%”’›»،؛؟।॥։‰°′″")
_OPENING = frozenset("([{“‘‹«¿¡„‚")
_STRAIGHT = frozenset("\"'«»‹›„“”‚‘’")  # may open or close, depending on open quotes
_PAIRS = {
    '"': '"',
    "'": "'",
    "«": "»",
    "»": "«",
    "‹": "›",
    "›": "‹",
    "„": "“”",
    "“": "”",
    "‚": "‘’",
    "‘": "’",
    "”": "”",
}
_CURRENCY = frozenset("$£€¥₹")

# Han, Kana, Bopomofo, Yi, and the punctuation and full-width letters set among them
_EAST_ASIAN = re.compile(
    "[\u2e80-\u2fdf\u2ff0-\u30ff\u3100-\u312f\u31a0-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\uf900-\ufaff"
    "\ufe30-\ufe4f\uff00-\uffef\U0001b000-\U0001b16f\U00020000-\U0003ffff]"
)
_SOUTH_EAST_ASIAN = re.compile(  # Thai, Lao, Tibetan, Myanmar, Khmer, Tai Tham, Javanese …
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u19e0-\u19ff\u1a20-\u1aaf\u1b00-\u1b7f"
    "\ua980-\ua9df\ua9e0-\ua9ff\uaa60-\uaa7f]"
)
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff\uffa0-\uffdc]")

# Words cut short before a vowel (French, Italian, Catalan, Occitan; English y'). A list, because an English word that
# ends in an apostrophe (boys', goin') is followed by a space.
_ELISIONS = re.compile(
    r"(?:[cdjlmnstvy]|qu|jusqu|lorsqu|puisqu|quoiqu|quelqu|presqu|entr|aujourd|prud|grand|ch|gl|un|"
    r"(?:a|da|de|ne|su|co|pe|que|be)ll|(?:a|da|de|ne|su)gl|quest|sant|tutt|quant|cos|com|anch|neanch|dov|mezz|senz|"
    r"cent|trent|vent|altr|nessun|ciascun|alcun|qualcun|buon|pover|sott|sopr|contr)['’ʼ]",
    re.IGNORECASE,
)
_CLITICS = re.compile(r"(?:['’](?:s|re|ve|ll|d|m)|n['’]t)", re.IGNORECASE)
_BEFORE_T = re.compile(
    r"(?:ai|are|ca|could|did|does|do|had|has|have|is|might|must|need|sha|should|was|were|wo|would)n", re.IGNORECASE
)
_SPLIT_PAIRS = {
    ("gon", "na"),
    ("wan", "na"),
    ("got", "ta"),
    ("gim", "me"),
    ("lem", "me"),
    ("o'", "clock"),
    ("o’", "clock"),
}


def spaces_before(words: Sequence[str]) -> list[bool]:
    """Whether natural text has a space before each word; never before the first.

    There is no space

    - between words of scripts without spaces (Han, Kana, Thai, Lao, Khmer, Myanmar …), but Korean has spaces; nor
      beside Latin letters and digits if the text is mostly Han or Kana;
    - after an elision (`l'`, `qu'`, `aujourd'`, `dell'`), with a straight or a typographic apostrophe;
    - before a clitic (`'s`, `n't`, `'re`, `-t-il`);
    - before closing punctuation that is a separate word, and after opening punctuation. Straight quotes open and
      close in turn; guillemets may point either way.
    """
    is_east_asian = 2 * sum(bool(_EAST_ASIAN.search(word)) for word in words) > sum(map(bool, words))
    spaces = []
    opened: list[str] = []
    before, before_opens = "", False
    for word in words:
        opens, closes = _side(word, opened)
        joined = before_opens or closes or _is_joined(before, word, is_east_asian)
        spaces.append(bool(before) and not joined)
        before, before_opens = word, opens
    return spaces


def join_words(words: Sequence[str]) -> str:
    """The words as one natural text.

    >>> join_words(["l'", "étoile", "qu'", "il", "aimait", ",", "(", "hier", ")", "."])
    "l'étoile qu'il aimait, (hier)."
    >>> join_words(["小", "狐狸", "看见", "了", "iPhone", "15", "。"])
    '小狐狸看见了iPhone 15。'
    """
    spaces = spaces_before(words)
    return "".join(" " * space + word for space, word in zip(spaces, words, strict=True))


def _side(word: str, opened: list[str]) -> tuple[bool, bool]:
    """Whether a word is opening or closing punctuation; `opened` holds the closing partners of open quotes."""
    if len(word) == 1 and word in _STRAIGHT:
        if opened and word in opened[-1]:
            opened.pop()
            return False, True
        if word not in "’":  # as a single word, it closes
            opened.append(_PAIRS[word])
            return True, False
    if word and all(letter in _CLOSING for letter in word):
        return False, True
    return bool(word) and all(letter in _OPENING or letter in _CURRENCY for letter in word), False


def _is_joined(before: str, word: str, is_east_asian: bool) -> bool:
    if not before or not word:
        return False
    last, first = before[-1], word[0]
    east_asian = [letter for letter in (last, first) if _EAST_ASIAN.match(letter)]
    if east_asian:
        has_hangul = bool(_HANGUL.match(last) or _HANGUL.match(first))
        return not has_hangul and (len(east_asian) == 2 or is_east_asian or not east_asian[0].isalnum())
    if _SOUTH_EAST_ASIAN.match(last) and _SOUTH_EAST_ASIAN.match(first):
        return True
    return _is_elided(before, word) or _is_clitic(before, word)


def _is_elided(before: str, word: str) -> bool:
    return _ELISIONS.fullmatch(before) is not None and word[0].isalpha()


def _is_clitic(before: str, word: str) -> bool:
    if (before.lower(), word.lower()) in _SPLIT_PAIRS:
        return True
    is_english = _CLITICS.fullmatch(word) or (word in {"'t", "’t"} and _BEFORE_T.fullmatch(before))
    is_inverted = re.match(r"-[^\W\d_]", word) and before[-1].isalpha()
    return bool((is_english and before[-1].isalnum()) or is_inverted)
