"""Docstrings of this package as Markdown.

Here `name : words` says in words what a parameter is, and its type stands in the signature. The numpy parser of
mkdocstrings takes the words for the type, so the docstrings are rewritten and not parsed.
"""

import re
from collections.abc import Iterator
from typing import Any

import griffe

_ITEM = re.compile(r"^(\w[\w, ]*?) : (.*)$")
_UNDERLINE = re.compile(r"^-{3,}$")


class Docstrings(griffe.Extension):
    """Rewrites every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Called for each object, once its docstring is known."""
        if obj.name == "__init__":
            obj.docstring = None  # it says of every estimator that it keeps its settings
        elif obj.docstring is not None:
            obj.docstring.value = rewritten(obj.docstring.value)


def rewritten(text: str) -> str:
    """A docstring with bold headings, parameters as a list, and examples in fences.

    >>> rewritten("Parameters\\n----------\\na, b : numbers").splitlines()[-1]
    '- `a`, `b`: numbers'
    >>> rewritten("Adds.\\n>>> 1 + 1\\n2").splitlines()[2:4]
    ['```python', '>>> 1 + 1']
    """
    paragraphs = re.split(r"\n{2,}", text.strip())
    return "\n\n".join("\n".join(_paragraph(paragraph.split("\n"))) for paragraph in paragraphs)


def _paragraph(lines: list[str]) -> Iterator[str]:
    if len(lines) > 1 and _UNDERLINE.match(lines[1]):
        yield from (f"**{lines[0]}**", "")
        yield from map(_item, lines[2:])
    elif any(line.startswith(">>>") for line in lines):
        first = next(number for number, line in enumerate(lines) if line.startswith(">>>"))
        yield from (*lines[:first], *([""] if first else []), "```python", *lines[first:], "```")
    else:
        yield from lines


def _item(line: str) -> str:
    match = _ITEM.match(line)
    if match is None:
        return line
    return f"- {', '.join(f'`{name.strip()}`' for name in match[1].split(','))}: {match[2]}"
