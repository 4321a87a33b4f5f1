"""Whether the tree is ready for a release: `python -m tests.release v0.2.0` lists what disagrees with the tag."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
# Where the version stands, and how.
FILES = {
    "bids_app/__init__.py": r'^__version__ = "(.+)"$',
    "CITATION.cff": r"^version: (.+)$",
    "Dockerfile": r"^ARG VERSION=(.+)$",
}


def versions(root: Path = ROOT) -> dict[str, str | None]:
    """The version in each of `FILES`; None if it has none."""
    by_path = {}
    for path, pattern in FILES.items():
        match = re.search(pattern, (root / path).read_text(encoding="utf-8"), re.MULTILINE)
        by_path[path] = match and match[1]
    return by_path


def problems(tag: str, root: Path = ROOT) -> Iterator[str]:
    """Sentences on what prevents a release of the tree under a tag."""
    version = tag.removeprefix("v")
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        yield f"The tag {tag!r} is not of the form v1.2.3 or v1.2.3rc1."
    for path, stated in versions(root).items():
        if stated != version:
            yield f"{path} has the version {stated}, not {version}."
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    if not re.search(rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", changes, re.MULTILINE):
        yield f"CHANGELOG.md has no heading '## [{version}] - YYYY-MM-DD'."


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit("Give the tag: python -m tests.release v0.2.0")
    if found := list(problems(sys.argv[1])):
        raise SystemExit("\n".join(found))
    print(f"{sys.argv[1]}: versions and changelog agree.")
