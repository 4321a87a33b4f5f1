"""The catalogue in Markdown: the README of OUT_DIR, and the reference of outputs in the documentation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from bids_app.bids.catalogue import FIELDS, OTHER_FILES, STATISTICS, Output

_HEAD = """# neurons2networks

Which groups of a language model's neurons behave like which functional brain networks, and how well the model
predicts each location of the brain.

Names follow BIDS-Derivatives: `desc` says what was computed, `stat` which number a map shows. The `.json` file beside
each file holds its sources, settings, units and software versions. Where a map has no value it holds NaN (`n/a` in
tables). In the names of maps and columns below, `#` stands for a number.

## Links

A family is a time course of many neurons that the restarts of a dictionary share; `rho` is its reproducibility. A link
(`linked` in `desc-families_networks.tsv`) says that a family with rho of at least 0.8 carries the response of a
network, given all other families; `probability` says how probable that is. The sidecar of the table holds the expected
share of false links (`ExpectedFalseShare`). Links of atoms by overlap (`desc-atoms_networks.tsv`, made with
`--links dice`) are the published ones; they are not to be trusted.

"""
_VARIANTS = """With several numbers of atoms, `desc` carries the number (`families32`, `atoms32`); the control
with shifted time courses ends in `Shifted`.
"""
_FOLDERS = {
    "participant": "sub-*/[ses-*/]func/",
    "group": "group/",
}
_OF_MODEL = "[stimuli/*_]model-*_desc-{}_"
_ENDINGS = {
    "dseg": "atlases/*_desc-{}_dseg.*",
    "timeseries": "stimuli/*_desc-{}_timeseries.tsv.gz",
    "families": f"{_OF_MODEL}families.tsv",
    "members": f"{_OF_MODEL}members.tsv",
    "units": "model-*_desc-{}_units.tsv",
    "loadings": f"{_OF_MODEL}loadings.parquet",
    "matching": "group/desc-{}_matching.tsv",
    "words": "stimuli/*_desc-{}_words.tsv.gz",
    "passages": f"{_OF_MODEL}passages.tsv",
    "enrichment": f"{_OF_MODEL}enrichment.tsv",
    "nuisance": f"{_OF_MODEL}nuisance.tsv",
    "stories": "stimuli/*_desc-{}_stories.tsv",
    "sentences": "stimuli/*_desc-{}_sentences.tsv",
}


def readme(outputs: Sequence[Output]) -> str:
    """The README of OUT_DIR, for outputs of all analyses."""
    return _HEAD + "\n".join([*_files(), *_maps(outputs), *_tables(outputs), *_others(outputs), _VARIANTS])


def reference(outputs: Sequence[Output]) -> str:
    """The generated section of docs/outputs.md: as in the README, with statistics, columns and sidecar fields."""
    tables = [*_maps(outputs), *_tables(outputs), *_others(outputs), *_statistics(), *_columns(outputs)]
    return "\n".join([*tables, *_fields(outputs)])


def _files() -> Iterator[str]:
    yield "## Files\n"
    yield _table(("path", "content"), ((f"`{file.pattern}`", file.content) for file in OTHER_FILES))


def _maps(outputs: Sequence[Output]) -> Iterator[str]:
    titles = {"participant": "Maps of a participant", "group": "Maps over participants"}
    for level, title in titles.items():
        yield f"## {title}\n\n`{_FOLDERS[level]}*_stat-STAT_desc-DESC_statmap.*`\n"
        yield _table(("desc", "stat", "content", "maps", "unit"), _rows_of_maps(outputs, level))


def _rows_of_maps(outputs: Sequence[Output], level: str) -> Iterator[tuple[str, ...]]:
    """A row for each statistic of each output; equal statistics share a row."""
    rows: dict[tuple[str, str, str], tuple[dict[str, None], dict[str, None]]] = {}
    for output in outputs:
        if output.suffix == "statmap" and level in output.levels:
            for maps in output.maps:
                descs, names = rows.setdefault((maps.stat, maps.description, maps.units), ({}, {}))
                descs[output.desc] = None
                names |= dict.fromkeys(maps.names)
    for (stat, description, units), (descs, names) in rows.items():
        yield _code(descs), f"`{stat}`", description, _code(names), units


def _tables(outputs: Sequence[Output]) -> Iterator[str]:
    tables = [output for output in outputs if output.suffix == "networks"]
    patterns = " or ".join(f"`{folder}*_desc-DESC_networks.tsv`" for folder in _FOLDERS.values())
    yield f"## Tables\n\n{patterns}\n"
    yield _table(
        ("desc", "level", "content"), ((f"`{table.desc}`", ", ".join(table.levels), table.content) for table in tables)
    )


def _others(outputs: Sequence[Output]) -> Iterator[str]:
    others = [output for output in outputs if output.suffix in _ENDINGS]
    yield "## Models, stories, pieces and atlases\n"
    yield _table(("path", "content"), ((_path(output), output.content) for output in others))


def _statistics() -> Iterator[str]:
    yield "## Statistics\n"
    rows = ((f"`{statistic.name}`", statistic.description, statistic.unit) for statistic in STATISTICS.values())
    yield _table(("stat", "meaning", "unit"), rows)


def _columns(outputs: Sequence[Output]) -> Iterator[str]:
    yield "## Columns of tables\n"
    for output in outputs:
        if output.columns:
            yield f"### {_heading(output)}\n\n{output.content}\n"
            yield _described("column", output.columns)
    for file in OTHER_FILES:
        if file.columns:
            yield f"### `{file.pattern}`\n\n{file.content}\n"
            yield _described("column", file.columns)


def _fields(outputs: Sequence[Output]) -> Iterator[str]:
    yield "## Fields of sidecars\n\nAny sidecar may have:\n"
    yield _described("field", FIELDS)
    for output in outputs:
        if output.fields:
            yield f"### {_heading(output)}, sidecar\n"
            yield _described("field", output.fields)


def _heading(output: Output) -> str:
    """The end of its file names, and the level where another level may have the like."""
    shown = "" if output.suffix in _ENDINGS and output.suffix != "timeseries" else f" ({', '.join(output.levels)})"
    return f"`desc-{output.desc}_{output.suffix}`{shown}"


def _path(output: Output) -> str:
    if output.suffix == "timeseries" and "participant" in output.levels:
        return f"`{_FOLDERS['participant']}*_desc-{output.desc}_timeseries.tsv.gz`"
    return f"`{_ENDINGS[output.suffix].format(output.desc)}`"


def _described(heading: str, texts: Mapping[str, str]) -> str:
    return _table((heading, "meaning"), ((f"`{name}`", text) for name, text in texts.items()))


def _code(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([cell.replace("|", r"\|") for cell in row] for row in rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
