"""The 7 and 17 networks of Yeo et al. (2011): their names, colours and other spellings."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """Names of a set of networks, in the field's order, with hexadecimal colours and other spellings."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    spellings: dict[str, str]  # simplified spelling → name

    def name_of(self, spelling: str) -> str | None:
        """The network's name, or None where this scheme does not know the spelling."""
        return self.spellings.get(simplified(spelling))


def simplified(name: str) -> str:
    """Lower case, without a leading number, punctuation and a closing `area` or `network`.

    >>> simplified("7_Default_Network_Area"), simplified("Salience / Ventral Attention")
    ('default', 'salienceventralattention')
    """
    letters = re.sub(r"[^a-z0-9]", "", re.sub(r"^\d+_", "", name.strip().lower()))
    return re.sub(r"(network|area)+$", "", letters)


# name, colour, other spellings (abbreviations of Schaefer 2018, names of other distributions)
_YEO7 = (
    ("Visual", "#781286", "vis"),
    ("Somatomotor", "#4682b4", "sommot"),
    ("DorsalAttention", "#00760e", "dorsattn dorsal"),
    ("SalienceVentralAttention", "#c43afa", "salventattn ventralattention ventral"),
    ("Limbic", "#dcf8a4", "lymbic"),
    ("FrontoparietalControl", "#e69422", "cont control frontoparietal controlfrontoparietal"),
    ("Default", "#cd3e4e", "defaultmode"),
)
_YEO17 = (
    ("VisualCentral", "#781286", "viscent visuala visualcentralvisuala"),
    ("VisualPeripheral", "#ff0000", "visperi visualb visualperipheralvisualb"),
    ("SomatomotorA", "#4682b4", "sommota"),
    ("SomatomotorB", "#2acca4", "sommotb"),
    ("DorsalAttentionA", "#4a9b3c", "dorsattna"),
    ("DorsalAttentionB", "#00760e", "dorsattnb"),
    ("SalienceVentralAttentionA", "#c43afa", "salventattna"),
    ("SalienceVentralAttentionB", "#ff98d5", "salventattnb"),
    ("LimbicA", "#dcf8a4", "limbica"),
    ("LimbicB", "#7a8732", "limbicb"),
    ("FrontoparietalControlC", "#778cb0", "contc controlc"),
    ("FrontoparietalControlA", "#e69422", "conta controla"),
    ("FrontoparietalControlB", "#87324a", "contb controlb"),
    ("TemporalParietal", "#0c30ff", "temppar"),
    ("DefaultC", "#000082", "defaultc"),
    ("DefaultA", "#ffff00", "defaulta"),
    ("DefaultB", "#cd3e4e", "defaultb"),
)


def _scheme(rows: Sequence[tuple[str, str, str]]) -> Scheme:
    spellings = {f"{len(rows)}networks{number}": name for number, (name, _, _) in enumerate(rows, start=1)}
    for name, _, others in rows:
        spellings |= dict.fromkeys([simplified(name), *others.split()], name)
    return Scheme(tuple(name for name, _, _ in rows), tuple(colour for _, colour, _ in rows), spellings)


SCHEMES = {7: _scheme(_YEO7), 17: _scheme(_YEO17)}
# Spellings that are too short to rename a network by, but clear enough for its colour.
_COLOUR_OF_SPELLING = dict.fromkeys(("salience", "ventattn"), "#c43afa")


def scheme_of(networks: Sequence[str]) -> Scheme | None:
    """The scheme that knows every one of these networks, if there is one."""
    known = (scheme for scheme in SCHEMES.values() if all(scheme.name_of(network) for network in networks))
    return next(known, None) if networks else None


def published_colour(network: str) -> str | None:
    """Hexadecimal colour in which Yeo et al. (2011) published the network; None for a network that is not theirs.

    >>> published_colour("SalVentAttn"), published_colour("LimbicB"), published_colour("Mine")
    ('#c43afa', '#7a8732', None)
    """
    for scheme in SCHEMES.values():
        if name := scheme.name_of(network):
            return scheme.colours[scheme.names.index(name)]
    return _COLOUR_OF_SPELLING.get(simplified(network))
