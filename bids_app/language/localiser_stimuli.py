"""Sentences and lists of non-words for the localiser: made by rule, the same on every machine."""

from __future__ import annotations

import random
from typing import NamedTuple

SENTENCE, NONWORDS = "sentence", "nonwords"
N_EACH = 120

_PEOPLE = (
    *("farmer", "doctor", "teacher", "sailor", "painter", "widow", "banker", "soldier", "gardener", "lawyer"),
    *("child", "neighbour", "driver", "singer", "baker", "student", "queen", "hunter", "miller", "nurse"),
)
_THINGS = (
    *("letter", "basket", "lantern", "bicycle", "blanket", "violin", "suitcase", "ladder", "painting", "kettle"),
    *("clock", "mirror", "bottle", "saddle", "parcel", "trumpet", "curtain", "hammer", "candle", "carpet"),
)
_PLACES = (
    *("river", "village", "station", "garden", "harbour", "church", "kitchen", "forest", "market", "castle"),
    *("bridge", "school", "valley", "cellar", "theatre", "orchard", "island", "tower", "meadow", "library"),
)
_QUALITIES = (
    *("old", "young", "tired", "clever", "heavy", "broken", "golden", "empty", "wooden", "dirty"),
    *("quiet", "famous", "gentle", "lonely", "narrow", "shiny", "clumsy", "proud", "simple", "yellow"),
)
_DEEDS = (
    *("carried", "dropped", "painted", "borrowed", "stole", "found", "repaired", "sold", "admired", "hid"),
    *("forgot", "wrapped", "lifted", "offered", "polished", "bought", "lost", "cleaned", "returned", "burned"),
)
_CLAUSES = (
    *("because it was late", "while nobody was watching", "before the rain began", "after the long walk"),
    *("when the music stopped", "although she felt ill", "until his brother came", "since everyone had left"),
)
_PREPOSITIONS = ("near", "behind", "beside", "beyond", "inside", "outside")
_ONSETS = (*"bdfgklmnprstvz", "bl", "br", "dr", "fl", "gr", "kl", "pr", "sl", "sn", "spr", "st", "tr")
_VOWELS = ("a", "e", "i", "o", "u", "oi", "au")
_CODAS = ("", "b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "lk", "lf", "rm", "sk", "nt")


class Stimulus(NamedTuple):
    """One text of a condition: `sentence` or `nonwords`."""

    condition: str
    text: str


def bundled_stimuli() -> tuple[Stimulus, ...]:
    """As many sentences as lists of non-words; each list has as many letters per word as one of the sentences.

    Neither has punctuation or a capital beyond its first letter, so that the last token is a word in both.
    """
    chance = random.Random(1)
    sentences = [_sentence(chance) for _ in range(N_EACH)]
    lists = [" ".join(_non_word(len(word), chance) for word in text.split()).capitalize() for text in sentences]
    return (*(Stimulus(SENTENCE, text) for text in sentences), *(Stimulus(NONWORDS, text) for text in lists))


def _sentence(chance: random.Random) -> str:
    pick = chance.choice
    person, thing = f"{pick(_QUALITIES)} {pick(_PEOPLE)}", f"{pick(_QUALITIES)} {pick(_THINGS)}"
    return f"The {person} {pick(_DEEDS)} the {thing} {pick(_PREPOSITIONS)} the {pick(_PLACES)} {pick(_CLAUSES)}"


def _non_word(length: int, chance: random.Random) -> str:
    """Syllables of exactly as many letters that are no English word."""
    if length in _SHORT:
        return chance.choice(_SHORT[length])
    while True:
        word = ""
        while len(word) < length:
            word += chance.choice(_ONSETS) + chance.choice(_VOWELS) + chance.choice(_CODAS)
        if len(word) == length and word not in _WORDS:
            return word


_SHORT = {
    2: ("ib", "ek", "ul", "uv", "og", "ep"),
    3: ("vab", "zof", "gub", "kef", "nuv", "dak", "pov", "taf", "lig", "mup", "seb", "rof", "bim", "vuk"),
}
# English words, and names, that the rule above would make.
_WORDS = frozenset(
    """
    band bask bend bent bind bland bled blend blog blond blunt bolt bond bram bran brand brant braun bulk desk disk
    drab drag dram drat dreg drip drop drug drum dusk find firm flag flak flan flap flat fled flip flit flog flop
    flub folk fond font form fund gaul germ golf grab graf gram grand grant greg grid grim grin grind grip grit grub
    grunt gulf half hulk kent kilt kind kink klaus lamp land laud lent lint mask mast maud mend milk mint mont norm
    pant past pint plan plop plot pond prem prim print prom prop rant raul rend rent risk rolf sand self send silk
    silt slab slag slam slant slap slat slid slim slip slit slob slog slop slot slug slum snag snap snip snob snot
    snug sprig spring sprint stab stag stan stat stem step stint stop stub talk tank task tend tent term tint trap
    trend trent tres trim trip trod trois trot tusk vast vent walk warm wolf worm zest
    """.split()  # noqa: SIM905 (a list of so many literals is hard to read)
)
