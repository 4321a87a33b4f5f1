"""Recognise data whose confounds were already regressed out, so that they are not cleaned again."""

import re
from functools import lru_cache
from pathlib import Path

from bids_app.bids.description import read_description
from bids_app.bids.metadata import beside
from bids_app.bids.text import is_there, read_json

_DESCRIPTIONS = ("clean", "denois", "residual")
# Tools whose BOLD consists of residuals; names in lower case without blanks and hyphens.
_CENSORING = ("xcpd", "xcpengine")
_TOOLS = (*_CENSORING, "gigaconnectome", "afninosmooth", "afnismooth", "afniproc")


def is_cleaned(path: Path, description: str, derivative: Path) -> bool:
    """Whether BOLD was cleaned, according to `desc`, the tool of its derivative, or the confounds in its JSON file.

    Tables of regions by XCP-D and giga_connectome have no `desc`, or one chosen by the user.
    """
    if description.lower().startswith(_DESCRIPTIONS):
        return True
    if description.startswith("preproc"):
        return False
    return _is_of_cleaning_tool(derivative) or any(
        bool(read_json(sidecar).get("ConfoundRegressors")) for sidecar in beside([path]) if is_there(sidecar)
    )


def may_be_censored(derivative: Path) -> bool:
    """Whether a derivative is by a tool that removes volumes with head motion from its series, such as XCP-D."""
    return _is_of_tool(derivative, _CENSORING)


def _is_of_cleaning_tool(derivative: Path) -> bool:
    return _is_of_tool(derivative, _TOOLS)


@lru_cache(maxsize=64)
def _is_of_tool(derivative: Path, tools: tuple[str, ...]) -> bool:
    content = read_description(derivative)
    entries = [content.get("PipelineDescription"), *_listed(content.get("GeneratedBy"))]
    names = [str(entry.get("Name", "")) for entry in entries if isinstance(entry, dict)]
    names = [name for name in names if name] or [derivative.absolute().name]
    return any(re.sub(r"[\W_]", "", name.lower()).startswith(tools) for name in names)


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []
