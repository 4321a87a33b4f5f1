from pathlib import Path

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.textgrid import parse_textgrid
from bids_app.bids.words import read_words

WORDS = '2 0 1 "one" 1 2 "two"'
OTHER = '2 0 1 "x" 1 2 "y"'


def _grid(*tiers: tuple[str, str]) -> str:
    body = "\n".join(f'"IntervalTier" "{name}" 0 2 {items}' for name, items in tiers)
    return f'"ooTextFile"\n"TextGrid"\n0 2 <exists> {len(tiers)}\n{body}\n'


def _read(path: Path, content: str, encoding: str = "utf-8") -> tuple[str, ...]:
    path.write_bytes(content.encode(encoding))
    return read_words(path).text


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("word", ("phones",)),
        (" WORDS ", ("word class", "word_id")),
        ("Word", ("word class",)),
        ("ORT-MAU", ("KAN-MAU", "MAU", "ORT")),
        ("ORT", ("MAU",)),
        ("orthography", ("phonology",)),
        ("tokens", ("lemma",)),
        ("reader - words", ("reader - phones",)),
        ("words_fr", ("phones_fr",)),
        ("words", ("reader - words",)),
        ("transcript", ()),
    ],
)
def test_the_tier_of_words_is_chosen_by_name(tmp_path: Path, name: str, others: tuple[str, ...]) -> None:
    tiers = [*((other, OTHER) for other in others[:1]), (name, WORDS), *((other, OTHER) for other in others[1:])]
    assert _read(tmp_path / "x.TextGrid", _grid(*tiers)) == ("one", "two")


@pytest.mark.parametrize(
    "names",
    [
        ("word", "words"),
        ("words", "words"),
        ("A - words", "B - words"),
        ("word class", "phones"),
        ("phones",),
        ("sentences",),
        ("a", "b"),
        (),
    ],
)
def test_without_one_tier_of_words_all_are_listed(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(DatasetError, match=f"exactly one tier.*{', '.join(map(repr, names)) or 'none'}"):
        _read(tmp_path / "x.TextGrid", _grid(*((name, OTHER) for name in names)))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_and_line_ends(tmp_path: Path, encoding: str, line_end: str) -> None:
    content = _grid(("words", '2 0 1 "na\u00efve" 1 2 "\u4f60"')).replace("\n", line_end)
    assert _read(tmp_path / "x.textgrid", content, encoding) == ("na\u00efve", "\u4f60")


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ('2 0 1 "say "no"" 1 2 "you"', "line 4 is malformed: '\"say \"' touches other text"),
        ('2\n0 1,5 "say"\n1 2 "you"', "line 5 is malformed: a number was expected"),
        ('2\n0 1\n1 2 "you"', "line 6 is malformed: a text was expected in the TextGrid, not 1"),
        ('2\n0 1 "say\n1 2 you', "text that begins in line 5 has no closing"),
        ("2\n0 1", "ends too early"),
        ('1\n0 1 "say"\n1 2 "lost"', "line 6 is malformed: more follows"),
        ("1e400", "line 4 is malformed: inf is not a number"),
        ("-1", "line 4 is malformed: -1 is not a number"),
        ("1.5", r"line 4 is malformed: 1\.5 is not a number"),
    ],
)
def test_the_line_of_a_fault_is_named(tmp_path: Path, items: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message) as error:
        _read(tmp_path / "x.TextGrid", _grid(("words", items)))
    assert "x.TextGrid" in str(error.value)


def test_comments_and_strange_tiers() -> None:
    content = _grid(("words", WORDS)).replace("<exists>", '! a comment with "quotes\n<exists>')
    assert [row.text for row in parse_textgrid(content)[0].intervals] == ["one", "two"]
    with pytest.raises(DatasetError, match="'PitchTier' is not a kind of tier"):
        parse_textgrid(content.replace("IntervalTier", "PitchTier"))
    with pytest.raises(DatasetError, match="is not a TextGrid"):
        parse_textgrid(content.replace('"TextGrid"', '"Pitch 1"'))


def test_many_quotation_marks_take_no_time() -> None:
    """A search that begins again at each mark would take hours."""
    with pytest.raises(DatasetError):
        parse_textgrid('"a"b' * 200_000)
    with pytest.raises(DatasetError):
        parse_textgrid('"ooTextFile" "' + '""' * 200_000 + "x")


def test_positions_behind_words(tmp_path: Path) -> None:
    """Natural Stories: `IF / 1.1`."""
    assert _read(tmp_path / "x.TextGrid", _grid(("words", '2 0 1 "IF / 1.1" 1 2 "YOU / 1.2"'))) == ("IF", "YOU")
