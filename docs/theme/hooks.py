"""Hooks of the site: formulas become MathML, outside files become pages, nothing comes from other servers."""

import html
import re
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).parents[2]
# What pymdownx.arithmatex leaves of `$…$` and `$$…$$`.
_INLINE = re.compile(r'<span class="arithmatex">\\\((.*?)\\\)</span>', re.DOTALL)
_BLOCK = re.compile(r'<div class="arithmatex">\\\[(.*?)\\\]</div>', re.DOTALL)
# Commands that latex2mathml does not know, and others that draw the same.
_SYNONYMS = {r"\arg": r"\mathrm{arg}"}
_BAR = '<mo stretchy="false">&#x02016;</mo>'
# A page that is one line `{{ include: FILE }}` shows a file of the repository's top level.
_INCLUDE = re.compile(r"^\{\{ include: (\S+) \}\}$", re.MULTILINE)
_SHORT = re.compile(r"<code>([^<\n]{1,32})</code>")
_ELSEWHERE = re.compile(r"<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>")
_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((?!https?:|#|mailto:)([^)]+)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace each include by the file's text, its links seen from docs/."""
    return _INCLUDE.sub(lambda match: _seen_from_docs((ROOT / match[1]).read_text(encoding="utf-8")), markdown)


def on_page_content(content: str, **_: Any) -> str:
    """Replace formulas by MathML, which browsers draw without a script; keep short pieces of code on one line.

    >>> on_page_content(r'<span class="arithmatex">\\(a &lt; b\\)</span>').count("<mi>")
    2
    >>> on_page_content("<code>--purge 2</code>")
    '<code class="short">--purge 2</code>'
    """
    content = _SHORT.sub(r'<code class="short">\1</code>', content)
    content = _BLOCK.sub(lambda match: _formula(match[1], "block"), content)
    return _INLINE.sub(lambda match: _formula(match[1], "inline"), content)


def on_post_build(config: MkDocsConfig, **_: Any) -> None:
    """Fail where a page loads a script, font, style or picture from another server."""
    for page in Path(config.site_dir).rglob("*.html"):
        links = _ELSEWHERE.search(page.read_text(encoding="utf-8"))
        if links:
            raise PluginError(f"{page} loads from elsewhere: {links[0]}; ship a copy in docs/, or leave it out.")


def _formula(tex: str, display: str) -> str:
    known = re.sub(r"\\[A-Za-z]+", lambda command: _SYNONYMS.get(command[0], command[0]), html.unescape(tex).strip())
    math = str(convert(known, display=display))
    if "\\" in math:  # what is not known is passed on as it is
        raise PluginError(f"latex2mathml does not know a command of the formula {tex.strip()}")
    # bars of a norm are to stay as high as the line, also where they carry an index
    return math.replace("<mo>&#x02016;</mo>", _BAR)


def _seen_from_docs(text: str) -> str:
    """Links to pages lose `docs/`; links to other files of the repository, which the site lacks, become plain text.

    >>> _seen_from_docs("[inputs](docs/inputs.md#bold), [code](setup.cfg), [web](https://bids.neuroimaging.io)")
    '[inputs](inputs.md#bold), code, [web](https://bids.neuroimaging.io)'
    """

    def relink(match: re.Match[str]) -> str:
        label, target = match.groups()
        return f"[{label}]({target.removeprefix('docs/')})" if target.startswith("docs/") else label

    return _LINK.sub(relink, text)
