"""Columns of fMRIPrep's confounds for each strategy, with the names of all versions."""

import difflib
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase

MOTION = ("trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z")
TISSUES = ("csf", "white_matter")
N_PER_TISSUE = 5
_EXPANSIONS = ("", "_derivative1", "_power2", "_derivative1_power2")
# The strategies of nilearn's `load_confounds_strategy`, and the model of the Narratives data paper.
NILEARN = ("simple", "scrubbing", "compcor", "ica_aroma")
STRATEGIES = ("none", "narratives", *NILEARN)

# fMRIPrep up to 1.1 wrote X, RotX, aCompCor00.
_RENAMED = {
    **dict(zip(("X", "Y", "Z", "RotX", "RotY", "RotZ"), MOTION, strict=True)),
    "CSF": "csf",
    "WhiteMatter": "white_matter",
    "GlobalSignal": "global_signal",
    "FramewiseDisplacement": "framewise_displacement",
    "stdDVARS": "std_dvars",
    "non-stdDVARS": "dvars",
}
_RENUMBERED = {
    "aCompCor": "a_comp_cor_",
    "tCompCor": "t_comp_cor_",
    "Cosine": "cosine",
    "NonSteadyStateOutlier": "non_steady_state_outlier",
    "AROMAAggrComp": "aroma_motion_",
}


class NoColumnError(ValueError):
    """A table lacks a column that a strategy needs."""


def newer_name(name: str) -> str:
    """Name of a column since fMRIPrep 1.2.

    >>> [newer_name(name) for name in ("RotX", "aCompCor03", "Cosine*", "csf")]
    ['rot_x', 'a_comp_cor_03', 'cosine*', 'csf']
    """
    match = re.fullmatch(r"([A-Za-z]+?)([\d*?]+)", name)
    if match and match[1] in _RENUMBERED:
        return _RENUMBERED[match[1]] + match[2]
    return _RENAMED.get(name, name)


def choose_columns(names: Sequence[str], strategy: str, metadata: Mapping[str, object]) -> list[str]:
    """Columns of a strategy: one of `STRATEGIES`, or names and patterns with * and ?, separated by blanks.

    `names` are those of the table in the newer spelling; `metadata` is the JSON beside it. Raises NoColumnError, which
    names the missing column.
    """
    cosines = [name for name in names if name.startswith("cosine")]
    if strategy == "narratives":
        return [*_present(names, list(MOTION)), *cosines, *_separate_components(names, metadata)]
    if strategy == "simple":
        return _present(names, [*_expanded(MOTION), *TISSUES, *cosines])
    if strategy == "scrubbing":
        return _present(names, [*_expanded(MOTION), *_expanded(TISSUES), *cosines])
    if strategy == "compcor":
        return [*_present(names, _expanded(MOTION)), *_combined_components(names, metadata), *cosines]
    if strategy == "ica_aroma":
        return _present(names, [*TISSUES, *cosines])
    return _matching(names, strategy.split())


def _expanded(names: Sequence[str]) -> list[str]:
    return [name + expansion for name in names for expansion in _EXPANSIONS]


def _present(names: Sequence[str], wanted: list[str]) -> list[str]:
    missing = [name for name in wanted if name not in names]
    if missing:
        raise NoColumnError(f"lack {', '.join(missing)}")
    return wanted


def _matching(names: Sequence[str], patterns: Sequence[str]) -> list[str]:
    chosen: dict[str, None] = {}
    for pattern in patterns:
        matching = [name for name in names if fnmatchcase(name, newer_name(pattern))]
        if not matching:
            close = difflib.get_close_matches(pattern.strip("*?"), names, n=3)
            raise NoColumnError(f"have no column {pattern!r}" + (f" (but {', '.join(close)})" if close else ""))
        chosen |= dict.fromkeys(matching)
    return list(chosen)


def _separate_components(names: Sequence[str], metadata: Mapping[str, object]) -> list[str]:
    """Components of aCompCor: five per tissue according to the JSON file or the names, else the first ten."""
    anatomical = sorted(name for name in names if name.startswith("a_comp_cor_"))
    chosen = []
    for tissue, prefix in (("CSF", "c_comp_cor_"), ("WM", "w_comp_cor_")):
        by_mask = [name for name in anatomical if _mask_of(metadata.get(name)) == tissue]
        by_name = sorted(name for name in names if name.startswith(prefix))
        chosen.append((by_mask or by_name)[:N_PER_TISSUE])
    if all(chosen):
        return [name for tissue in chosen for name in tissue]
    if not anatomical:
        raise NoColumnError("have no aCompCor components (a_comp_cor_00, …)")
    return anatomical[: 2 * N_PER_TISSUE]


def _combined_components(names: Sequence[str], metadata: Mapping[str, object]) -> list[str]:
    """Components of aCompCor of both tissues combined, according to the JSON file; without it, all components."""
    anatomical = [name for name in names if name.startswith("a_comp_cor_")]
    masks = {name: _mask_of(metadata.get(name)) for name in anatomical}
    chosen = [name for name in anatomical if masks[name] == "combined"] if any(masks.values()) else anatomical
    if not chosen:
        raise NoColumnError("have no aCompCor components of both tissues together (a_comp_cor_00, …)")
    return chosen


def _mask_of(entry: object) -> object:
    return entry.get("Mask") if isinstance(entry, dict) else None
