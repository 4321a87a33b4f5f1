"""Matches of the families of two models, from the files of the stimulus level."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bids_app.analyses.networks.matching import match_models
from bids_app.analyses.networks.matching_report import matched_models
from bids_app.bids.derivatives import (
    output_path,
    read_sidecar,
    read_table,
    sidecar_path,
    stimulus_path,
    write_parquet,
    write_sidecar,
    write_table,
)
from bids_app.machine.notices import notice
from bids_app.report.figures import style
from bids_app.report.page import open_page

LENGTHS = {"lake": 120, "EN/orchard": 180}
TABLE = "desc-families_matching.tsv"


@pytest.fixture(autouse=True)
def heard_again() -> None:
    notice.cache_clear()


def write_model(
    out_dir: Path,
    model: str,
    courses: npt.NDArray[np.floating],
    lengths: dict[str, int] | None = None,
    scope: str = "all",
    desc: str = "families",
    repetition_time: float = 1.5,
) -> None:
    """The files of a dictionary, as `write_dictionary` names them; rho falls with the number of the family."""
    lengths = lengths or LENGTHS
    entities, noun = {"model": model, "desc": desc}, "family" if desc.startswith("families") else "atom"
    names = [f"{noun}-{number + 1:02d}" for number in range(courses.shape[1])]
    pieces = np.split(courses, np.cumsum(list(lengths.values()))[:-1])
    for stem, piece in zip(lengths, pieces, strict=True):
        path = stimulus_path(out_dir, stem, entities, "timeseries", ".tsv.gz")
        grid = {"SamplingFrequency": 1 / repetition_time, "StartTime": 0.75}
        write_table(path, pd.DataFrame(piece, columns=names))
        write_sidecar(path, [], {}, columns=dict.fromkeys(names, "A course."), extra=grid)
    for stems in [[stem] for stem in lengths] if scope == "story" else [list(lengths)]:
        for suffix, ending, table in (
            ("loadings", ".parquet", pd.DataFrame({"loading": [1.0]})),
            ("families", ".tsv", pd.DataFrame({"rho": np.linspace(1, 0.5, courses.shape[1])})),
        ):
            path = out_dir / output_path(out_dir, entities, suffix, ending).name
            path = stimulus_path(out_dir, stems[0], entities, suffix, ending) if scope == "story" else path
            (write_parquet if ending == ".parquet" else write_table)(path, table)
            write_sidecar(path, [], {"stories": stems, "dictionary_scope": scope, "random_seed": 0})


def two_models(seed: int = 0) -> tuple[npt.NDArray[np.floating], ...]:
    """Courses of 6 and 5 families; the first three of the one are the last three of the other, with another sign."""
    rng = np.random.default_rng(seed)
    first, second = (rng.standard_normal((sum(LENGTHS.values()), n)) for n in (6, 5))
    second[:, 2:] = -first[:, :3] + 0.4 * rng.standard_normal((len(first), 3))
    return first, second


def matched(out_dir: Path, name: str = TABLE) -> tuple[pd.DataFrame, dict[str, Any]]:
    match_models(out_dir)
    path = out_dir / "group" / name
    return read_table(path), read_sidecar(path)


def test_what_two_models_share_is_found_and_shown(tmp_path: Path) -> None:
    for model, courses in zip(("gpt2", "bert"), two_models(), strict=True):
        write_model(tmp_path, model, courses)
    table, sidecar = matched(tmp_path)
    assert len(table) == 5
    assert set(table["model"]) == {"bert"}
    assert set(table["other_model"]) == {"gpt2"}
    shared = table[table["shared"]]
    assert set(zip(shared["family"], shared["other_family"], strict=True)) == {(3, 1), (4, 2), (5, 3)}
    assert (shared["r"] < -0.9).all()
    assert (table["shared"] == (table["p"] < 0.05)).all()
    np.testing.assert_allclose(table["rho"], np.linspace(1, 0.5, 5)[table["family"] - 1])
    np.testing.assert_allclose(table["other_rho"], np.linspace(1, 0.5, 6)[table["other_family"] - 1])
    (pair,) = sidecar["Pairs"]
    assert pair["Models"] == ["bert", "gpt2"]
    assert (pair["Volumes"], pair["Families"], pair["Reproducible"]) == (300, [5, 6], [2, 3])
    assert (pair["Shared"], pair["Share"], pair["Shifts"]) == (3, 0.6, 1000)
    assert sidecar["LeftOut"] == []
    assert len(sidecar["Sources"]) == 4
    with style():
        html = matched_models(open_page(tmp_path, None))
    assert (
        "3 of 5 families of bert have a counterpart among the 6 of gpt2 (60 % of the smaller number; median |r| 0.9"
        in html
    )
    assert "of the 2 reproducible families of bert, 0 have one." in html
    assert (tmp_path / "group" / "figures" / "desc-matchingfamilies_figure.svg").stat().st_size > 1000


def test_the_same_files_give_the_same_table(tmp_path: Path) -> None:
    for model, courses in zip(("gpt2", "bert"), two_models(), strict=True):
        write_model(tmp_path, model, courses)
    match_models(tmp_path)
    files = [tmp_path / "group" / TABLE, sidecar_path(tmp_path / "group" / TABLE)]
    before = [file.read_bytes() for file in files]
    match_models(tmp_path)
    assert [file.read_bytes() for file in files] == before


def _other_times(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    write_model(out_dir, "bert", second, repetition_time=2.0)


def _other_stories(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    write_model(out_dir, "bert", second, {"lake": 120, "mill": 180})


def _other_lengths(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    write_model(out_dir, "bert", second, {"lake": 130, "EN/orchard": 170})


def _short_story(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    for model in ("gpt2", "bert"):
        write_model(out_dir, model, second[:30], {"lake": 30})


def _missing_value(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    second[7, 1] = np.nan
    write_model(out_dir, "bert", second)


def _missing_file(out_dir: Path, second: npt.NDArray[np.floating]) -> None:
    write_model(out_dir, "bert", second)
    (out_dir / "stimuli" / "lake_model-bert_desc-families_timeseries.tsv.gz").unlink()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            _other_stories,
            "bert has the stories lake, mill, and gpt2 has lake, EN/orchard. Run the stimulus level of both",
        ),
        (
            _other_times,
            "lake has 120 volumes of 2 s from 0.75 s on in bert and 120 volumes of 1.5 s from 0.75 s on in gpt2",
        ),
        (_other_lengths, "lake has 130 volumes of 1.5 s from 0.75 s on in bert and 120 volumes of 1.5 s"),
        (_short_story, "have only 17 circular shifts; at least 20 are needed."),
        (_missing_value, "the time courses of bert have missing values; run its stimulus level again."),
        (
            _missing_file,
            "lake_model-bert_desc-families_timeseries.tsv.gz is missing; run the stimulus level of bert again.",
        ),
    ],
)
def test_models_that_cannot_be_paired_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, change: Any, message: str
) -> None:
    first, second = two_models()
    write_model(tmp_path, "gpt2", first)
    change(tmp_path, second)
    with caplog.at_level(logging.WARNING, "neurons2networks"):
        table, sidecar = matched(tmp_path)
    assert table.empty
    (sentence,) = sidecar["LeftOut"]
    assert sentence.startswith("Families of bert and gpt2 are not matched (desc-families): ")
    assert message in sentence
    assert sentence in caplog.text
    with style():
        html = matched_models(open_page(tmp_path, None))
    assert "Families of bert and gpt2 are not matched" in html
    assert "<img" not in html


def test_a_pair_that_is_left_out_leaves_the_others(tmp_path: Path) -> None:
    first, second = two_models()
    for model, courses in (("gpt2", first), ("bert", second)):
        write_model(tmp_path, model, courses)
    write_model(tmp_path, "llama", first, {"mill": 300})
    table, sidecar = matched(tmp_path)
    assert [pair["Models"] for pair in sidecar["Pairs"]] == [["bert", "gpt2"]]
    assert len(sidecar["LeftOut"]) == 2
    assert set(table["model"]) | set(table["other_model"]) == {"bert", "gpt2"}


def test_dictionaries_of_single_stories_are_matched_story_by_story(tmp_path: Path) -> None:
    first, second = two_models()
    write_model(tmp_path, "bert", second, scope="story")
    write_model(tmp_path, "gpt2", first, {**LENGTHS}, scope="story")
    table, sidecar = matched(tmp_path)
    for story, rows in table.groupby("story"):
        assert story in LENGTHS
        assert set(rows.loc[rows["shared"], "other_family"]) == {1, 2, 3}
    assert sorted(pair["Story"] for pair in sidecar["Pairs"]) == sorted(LENGTHS)
    with style():
        assert "lake: 3 of 5 families" in matched_models(open_page(tmp_path, None))
    for file in tmp_path.glob("stimuli/lake_model-bert_*"):
        file.unlink()
    table, sidecar = matched(tmp_path)
    assert set(table["story"]) == {"EN/orchard"}
    assert "in all stories, only in EN/orchard: bert has the stories EN/orchard, and gpt2 has" in sidecar["LeftOut"][0]


@pytest.mark.parametrize("descs", [["families8", "families16"], ["atoms"]])
def test_each_size_of_the_dictionary_has_its_table(tmp_path: Path, descs: Sequence[str]) -> None:
    for desc in descs:
        for model, courses in zip(("gpt2", "bert"), two_models(), strict=True):
            write_model(tmp_path, model, courses, desc=desc)
    match_models(tmp_path)
    assert sorted(path.name for path in tmp_path.glob("group/*_matching.tsv")) == sorted(
        f"desc-{desc}_matching.tsv" for desc in descs
    )
    table = read_table(tmp_path / "group" / f"desc-{descs[-1]}_matching.tsv")
    noun = "atom" if descs == ["atoms"] else "family"
    assert ("rho" in table) == (noun == "family")
    assert set(table.loc[table["shared"], f"other_{noun}"]) == {1, 2, 3}
    with style():
        assert "have a counterpart" in matched_models(open_page(tmp_path, None))


def test_one_model_has_nothing_to_match(tmp_path: Path) -> None:
    write_model(tmp_path, "gpt2", two_models()[0])
    match_models(tmp_path)
    assert not (tmp_path / "group").exists()
    assert matched_models(open_page(tmp_path, None)) == ""


def test_a_table_does_not_outlive_its_models(tmp_path: Path) -> None:
    first, second = two_models()
    write_model(tmp_path, "gpt2", first)
    write_model(tmp_path, "bert", second)
    match_models(tmp_path)
    assert list((tmp_path / "group").glob("*_matching.*"))
    for path in tmp_path.glob("model-bert_*"):
        path.unlink()
    match_models(tmp_path)
    assert not list((tmp_path / "group").glob("*_matching.*"))
