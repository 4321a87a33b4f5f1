"""HTML from plain values; all text is escaped here."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from importlib.resources.abc import Traversable
from string import Template

import numpy as np
import pandas as pd

escape = html.escape
MOST_ROWS = 40
_PIXELS_PER_INCH = 76  # at least, of pictures on narrow screens: letters of 9 points are then 9.5 pixels high


def templates() -> Traversable:
    """The folder of the templates."""
    return resources.files("bids_app.report") / "templates"


def script(name: str) -> str:
    """A script of the package as an element; none may hold the end of such an element."""
    text = (resources.files("bids_app.report") / "scripts" / name).read_text(encoding="utf-8")
    return f"<script>\n{text}\n</script>"


def page(
    title: str, lead: str, front: str, sections: Sequence[tuple[str, str, str]], scripts: Sequence[str] = ()
) -> str:
    """A whole page.

    `lead` is HTML under the title, `front` HTML before the sections, which are (anchor, heading, HTML); `scripts` are
    the names of files.
    """
    folder = templates()
    links = " ".join(f'<a href="#{escape(anchor)}">{escape(heading)}</a>' for anchor, heading, _ in sections)
    bodies = (
        f'<section id="{escape(anchor)}">\n<h2>{escape(heading)}</h2>\n{body}\n</section>'
        for anchor, heading, body in sections
    )
    return Template((folder / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(title),
        style=(folder / "style.css").read_text(encoding="utf-8"),
        lead=lead,
        front=front,
        links=links,
        sections="\n".join(bodies),
        scripts="\n".join(script(name) for name in scripts),
    )


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph of plain text."""
    return f'<p class="{kind}">{escape(text)}</p>' if kind else f"<p>{escape(text)}</p>"


def missing(text: str) -> str:
    """A sentence that says why something is not shown."""
    return paragraph(text, "missing")


def heading(text: str) -> str:
    """A heading inside a section."""
    return f"<h3>{escape(text)}</h3>"


def minor(text: str) -> str:
    """A heading inside a card."""
    return f'<h3 class="minor">{escape(text)}</h3>'


def marked(text: str) -> str:
    """Plain text whose words in asterisks are marked.

    >>> marked("a *furry* < cat")
    'a <mark>furry</mark> &lt; cat'
    """
    return re.sub(r"\*(\S+?)\*", r"<mark>\1</mark>", escape(text))


def image(source: str, alt: str, caption: str, files: Mapping[str, str] | None = None, inches: float = 0.0) -> str:
    """A figure: `source` is the picture as a data URI, `alt` describes it for screen readers.

    `files` are its files, relative to the page, by their kind. A narrow screen scrolls a picture that is many `inches`
    wide, whose letters would be too small in the width of the screen.
    """
    links = ", ".join(f'<a href="{escape(path)}">{escape(kind)}</a>' for kind, path in (files or {}).items())
    saved = f' <span class="files">{links}</span>' if links else ""
    return (
        f'<figure><div class="scroll" tabindex="0"><img src="{escape(source)}" alt="{escape(alt)}" '
        f'style="--wide: {_PIXELS_PER_INCH * inches:.0f}px"></div>'
        f"<figcaption>{escape(caption)}{saved}</figcaption></figure>"
    )


def link(target: str, text: str) -> str:
    """A link relative to the page."""
    return f'<a href="{escape(target)}">{escape(text)}</a>'


def details(summary: str, body: str) -> str:
    """A folded block that the reader opens; `body` is HTML."""
    return f"<details><summary>{escape(summary)}</summary>\n{body}\n</details>"


def definitions(meanings: Mapping[str, str]) -> str:
    """Names with what they mean; backquotes mark code."""
    rows = "".join(
        f"<dt>{escape(name.replace('_', ' '))}</dt><dd>{_inline(meaning)}</dd>" for name, meaning in meanings.items()
    )
    return f'<dl class="meanings">{rows}</dl>'


def preformatted(text: str) -> str:
    """Text with its line breaks."""
    return f"<pre>{escape(text)}</pre>"


def box(title: str, items: Sequence[str]) -> str:
    """A visible warning with a list of plain texts."""
    listed = "".join(f"<li>{escape(item)}</li>" for item in items)
    return f'<aside class="problems"><h2>{escape(title)}</h2><ul>{listed}</ul></aside>'


def table(
    rows: pd.DataFrame,
    colours: Mapping[str, str] | None = None,
    most_rows: int = MOST_ROWS,
    *,
    is_stacked: bool = False,
) -> str:
    """A table of plain values; a cell whose text is a key of `colours` gets a swatch of that colour.

    With `is_stacked`, a narrow screen shows the cells of a row one below the other, each beside the name of its column.
    """
    names = [escape(str(name).replace("_", " ")) for name in rows.columns]
    head = "".join(f'<th scope="col">{name}</th>' for name in names)
    body = "\n".join(
        "<tr>"
        + "".join(
            _cell(value, colours or {}, name if is_stacked else "") for value, name in zip(row, names, strict=True)
        )
        + "</tr>"
        for row in rows.head(most_rows).itertuples(index=False)
    )
    more = len(rows) - most_rows
    note = paragraph(f"{more} more rows are in the file.", "missing") if more > 0 else ""
    kind = "sortable stacked" if is_stacked else "sortable"
    whole = f'<table class="{kind}"><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>'
    return f'<div class="scroll" tabindex="0">{whole}</div>{note}'


def _cell(value: object, colours: Mapping[str, str], name: str = "") -> str:
    """A cell; `name` is that of its column where a narrow screen shows it beside the value, as HTML."""
    value = _plain(value)
    text = number(value)
    named = f' data-name="{name}"' if name else ""
    if text in colours:
        return f'<td{named}><i style="background:{escape(colours[text])}"></i>{escape(text)}</td>'
    kind = ' class="number"' if isinstance(value, int | float) and not isinstance(value, bool) else ""
    return f"<td{kind}{named}>{escape(text)}</td>"


def _plain(value: object) -> object:
    """A numpy scalar as a Python value."""
    return value.item() if isinstance(value, np.generic) else value


def number(value: object) -> str:
    """A value for readers: three digits, no trailing zeros, a dash for none.

    >>> number(0.12345), number(1200), number(2.0), number(0.00002), number(float("nan")), number(True)
    ('0.123', '1,200', '2', '2e-05', '–', 'yes')
    """
    value = _plain(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return str(value)
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return str(value)
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1g}"


def markdown(text: str) -> str:
    """The Markdown of the methods text: headings, paragraphs, lists, emphasis; other syntax stays unchanged."""
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text.strip()) if block.strip()]
    return "\n".join(_block(block) for block in blocks)


def _block(block: str) -> str:
    lines = block.splitlines()
    if match := re.fullmatch(r"#{1,6}\s+(.+)", lines[0]):
        rest = "\n".join(lines[1:]).strip()
        return f"<h4>{_inline(match[1])}</h4>" + (f"\n{_block(rest)}" if rest else "")
    if re.match(r"[-*]\s", lines[0]):
        items = re.split(r"^[-*]\s+", block, flags=re.MULTILINE)[1:]
        return "<ul>" + "".join(f"<li>{_inline(item.strip())}</li>" for item in items) + "</ul>"
    return f"<p>{_inline(block)}</p>"


def _inline(text: str) -> str:
    safe = escape(text)
    safe = re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", safe)
    safe = re.sub(r"(?<![\w*])\*([^*\n]+?)\*(?![\w*])", r"<em>\1</em>", safe)
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", safe)


def cell(large: str, small: str) -> str:
    """A cell of the summary table: a number, and its description in small print."""
    return f"<td>{escape(large)}<small>{escape(small)}</small></td>"
