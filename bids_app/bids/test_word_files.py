import json
from pathlib import Path

import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.word_files import files_of_words, find_words
from bids_app.bids.words import read_words


def _write(path: Path, content: str = "a,a,1,2\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@pytest.mark.parametrize("stim_file", ["fr/tale.wav", "fr\\tale.wav", "stimuli/fr/tale.wav", "./fr//tale.wav"])
def test_folders_belong_to_the_stimulus(tmp_path: Path, stim_file: str) -> None:
    for path in ("stimuli/tale_words.tsv", "stimuli/en/tale_words.tsv", "stimuli/gentle/tale/align.csv"):
        _write(tmp_path / path)
    with pytest.raises(FileNotFoundError):
        find_words(tmp_path, stim_file)
    expected = _write(tmp_path / "stimuli/fr/tale_audio.TextGrid")
    assert find_words(tmp_path, stim_file) == expected
    expected = _write(tmp_path / "stimuli/gentle/fr/tale/align.csv")
    assert find_words(tmp_path, stim_file) == expected


@pytest.mark.parametrize(
    "name",
    [
        "tale.textgrid",
        "tale.TEXTGRID",
        "tale_words.CSV",
        "tale_audio_words.json",
        "tale.csv",
        "TextGrids/tale.TextGrid",
    ],
)
def test_endings_in_any_case(tmp_path: Path, name: str) -> None:
    expected = _write(tmp_path / "stimuli" / name)
    assert find_words(tmp_path, "tale.wav") == expected


def test_part_of_a_name_after_a_point_counts(tmp_path: Path) -> None:
    _write(tmp_path / "stimuli/tale_words.tsv")
    expected = _write(tmp_path / "stimuli/tale.part2_words.tsv")
    assert find_words(tmp_path, "tale.part2.wav") == expected
    with pytest.raises(FileNotFoundError):
        find_words(tmp_path, "tale.part1.wav")


def test_a_sidecar_is_no_word_list(tmp_path: Path) -> None:
    _write(tmp_path / "stimuli/tale.json", json.dumps({"Description": "a tale"}))
    with pytest.raises(FileNotFoundError):
        find_words(tmp_path, "tale.wav")
    _write(tmp_path / "stimuli/tale.json", json.dumps({"segments": []}))
    assert find_words(tmp_path, "tale.wav").name == "tale.json"


def test_a_table_is_read_with_its_sidecar_and_with_no_other_json(tmp_path: Path) -> None:
    table, gentle = _write(tmp_path / "tale_words.tsv"), _write(tmp_path / "tale/align.csv")
    for path in (table, gentle):
        assert files_of_words(path) == [path]
    sidecar = _write(tmp_path / "tale_words.json", '{"onset": {"Units": "ms"}}')
    _write(tmp_path / "tale/align.json", '{"words": []}')
    assert files_of_words(table) == [table, sidecar]
    assert files_of_words(gentle) == [gentle]
    _write(sidecar, '{"segments": []}')  # the transcript by WhisperX beside its table
    assert files_of_words(table) == [table]


def test_links_without_content(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    link = tmp_path / "stimuli/gentle/tale/align.csv"
    link.parent.mkdir(parents=True)
    link.symlink_to("../nowhere")
    assert find_words(tmp_path, "tale.wav") == link
    with pytest.raises(DatasetError, match="is a link to content that is not here: get it first"):
        read_words(link)
    other = _write(tmp_path / "stimuli/tale.TextGrid")
    assert find_words(tmp_path, "tale.wav") == other
    assert f"{link} is a link to content that is not here; {other} is read instead" in caplog.text


def test_several_lists_are_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    first = _write(tmp_path / "stimuli/gentle/tale/align.csv")
    _write(tmp_path / "stimuli/gentle/tale/align.json")
    assert find_words(tmp_path, "tale.wav") == first
    assert not caplog.records  # gentle writes both
    other = _write(tmp_path / "stimuli/tale_words.tsv")
    assert find_words(tmp_path, "tale.wav") == first
    assert f"{first} is read, not {other}" in caplog.text.replace(f"{first.with_suffix('.json')}, ", "")


def test_formats_that_are_not_read_show_the_way_out(tmp_path: Path) -> None:
    _write(tmp_path / "stimuli/tale.mat")
    with pytest.raises(FileNotFoundError, match=r"tale\.mat cannot be read: save onset, duration and word as a table"):
        find_words(tmp_path, "tale.wav")
    for name in ("x.mat", "x.hf5", "x.srt", "x.vtt", "x.docx", "x.xlsx"):
        with pytest.raises(DatasetError, match=f"{name} cannot be read as a list of words"):
            read_words(_write(tmp_path / name))


def test_bad_places(tmp_path: Path) -> None:
    for annotations in (tmp_path / "nowhere", _write(tmp_path / "file")):
        with pytest.raises(DatasetError, match="is not a folder"):
            find_words(tmp_path, "tale.wav", annotations)
    for stim_file in ("", ".wav", "../..", "../../tale.wav"):
        with pytest.raises(DatasetError, match="names no file"):
            find_words(tmp_path, stim_file)
