"""Options that are either a keyword or a value, parsed once."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

UNIT_KINDS = ("ffn-out", "ffn-in", "residual")
_SAE, _LOCALISER = "sae:", "localiser"
FEATURES = "features"  # the kind of what an autoencoder makes of activations, beside `NEURON_KINDS` and `UNIT_KINDS`
UNITS_FORM = rf"({'|'.join(UNIT_KINDS)}|{_LOCALISER}(:({'|'.join(UNIT_KINDS)}))?|{_SAE}.+)"


@dataclass(frozen=True)
class LayerChoice:
    """Layers to score, counted from 1: `number`, all (`every`), or by default the one at two thirds of the depth."""

    number: int | None = None
    every: bool = False

    @staticmethod
    def parse(text: str) -> LayerChoice:
        """Read a number, 'all' or 'auto'.

        >>> LayerChoice.parse("8"), LayerChoice.parse("all")
        (LayerChoice(number=8, every=False), LayerChoice(number=None, every=True))
        """
        return LayerChoice(int(text) if text.isdecimal() else None, text == "all")

    def fits(self, n_layers: int) -> bool:
        """Whether a model with `n_layers` layers has the layer."""
        return self.number is None or self.number <= n_layers

    def single(self, n_layers: int) -> int:
        """The layer of an analysis of one layer; by default the one at two thirds of the depth (8 of 12).

        Raises ValueError for a layer that the model does not have.

        >>> LayerChoice().single(12), LayerChoice(every=True).single(12), LayerChoice(3).single(12)
        (8, 8, 3)
        """
        if not self.fits(n_layers):
            raise ValueError(
                f"--layer {self.number}: the model has {n_layers} layers; give 1 to {n_layers}, 'all' or 'auto'"
            )
        return max(1, round(n_layers * 2 / 3)) if self.number is None else self.number

    def chosen(self, n_layers: int) -> list[int]:
        """The layers of an analysis of one or of all layers.

        >>> LayerChoice(every=True).chosen(3)
        [1, 2, 3]
        """
        return list(range(1, n_layers + 1)) if self.every else [self.single(n_layers)]


@dataclass(frozen=True)
class AtlasChoice:
    """Atlas to use: a name or file, none (`is_off`), or by default one that suits the data."""

    name: str | None = None
    is_off: bool = False

    @staticmethod
    def parse(text: str | None) -> AtlasChoice:
        """Read a name, a path, 'none', or nothing.

        >>> AtlasChoice.parse("none"), AtlasChoice.parse("yeo7").is_asked, AtlasChoice.parse(None).is_asked
        (AtlasChoice(name=None, is_off=True), True, False)
        """
        return AtlasChoice(None, True) if text == "none" else AtlasChoice(text)

    @property
    def is_asked(self) -> bool:
        """Whether the user named an atlas, which must then be found."""
        return self.name is not None


@dataclass(frozen=True)
class UnitsChoice:
    """What counts as a neuron: all units of a kind, those that a localiser selects, or features of an autoencoder.

    `kind` is one of `UNIT_KINDS`; None for features, whose autoencoder says where it is attached.
    """

    kind: str | None
    autoencoder: Path | None = None
    is_localised: bool = False

    @staticmethod
    def parse(text: str) -> UnitsChoice:
        """Read a kind, 'localiser' (with a kind after a colon), or 'sae:' and a path.

        >>> UnitsChoice.parse("residual").kind, UnitsChoice.parse("localiser").kind, UnitsChoice.parse("sae:x").kind
        ('residual', 'ffn-out', None)
        """
        if text.startswith(_SAE):
            return UnitsChoice(None, Path(text.removeprefix(_SAE)))
        base, _, kind = text.partition(":")
        return UnitsChoice(kind or UNIT_KINDS[0], None, True) if base == _LOCALISER else UnitsChoice(text)

    @property
    def without_folder(self) -> str:
        """The choice for records of results, which hold no local folders."""
        if self.autoencoder is not None:
            return f"{_SAE}{self.autoencoder.name}"
        return f"{_LOCALISER}:{self.kind}" if self.is_localised else str(self.kind)


def located_units(text: str, folder: Path) -> str:
    """The text of a choice, with the path of an autoencoder made absolute from a folder.

    >>> located_units("residual", Path("/data")), located_units("sae:features", Path("/data"))
    ('residual', 'sae:/data/features')
    """
    path = UnitsChoice.parse(text).autoencoder if re.fullmatch(UNITS_FORM, text) else None
    return text if path is None else f"{_SAE}{(folder / path.expanduser()).resolve()}"


def parse_context(text: str) -> str | int:
    """The context of a word: a minimum number of tokens, or one of the names of `language.windows`.

    >>> parse_context("256"), parse_context("left")
    (256, 'left')
    """
    return int(text) if text.isdecimal() else text


def parse_ratio(text: str) -> float | None:
    """A penalty as a fraction of the largest useful one; None if cross-validation chooses it.

    >>> parse_ratio("cv"), parse_ratio("0.1")
    (None, 0.1)
    """
    return None if text == "cv" else float(text)
