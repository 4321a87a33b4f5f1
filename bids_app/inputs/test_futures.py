import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.bids.errors import DatasetError
from bids_app.bids.words import Words
from bids_app.demo.grammar import tell_story
from bids_app.demo.layered_model import write_layered_model
from bids_app.inputs.future_vectors import ContinuationVectors, SemanticVectors, SyntaxVectors, vectors_of
from bids_app.inputs.futures import Futures, paragraphs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.language.continuations import read_continuations
from bids_app.settings import Settings
from bids_app.text_files import FileError

SEGMENTS = [slice(0, 30), slice(30, 60)]


def story_of(seed: int, n_words: int = 60) -> Story:
    told = tell_story("tale", 0, 120, np.random.default_rng(seed))
    rows = slice(n_words)
    words = Words(told.onset[rows], told.duration[rows], tuple(told.text[rows]))
    return Story(f"tale{seed}", words, StimulusTiming(1.5, np.arange(40), ()))


STORIES = {story.stem: story for story in (story_of(1), story_of(2))}


def futures_of(folder: Path, stories: dict[str, Story] = STORIES, **changes: Any) -> Futures:
    usual: dict[str, Any] = {"n_futures": 3, "swap_rounds": 1, "omp_nthreads": 1, "device": "cpu", "distances": (4,)}
    return Futures(stories, Settings(folder, folder, "participant", **{**usual, **changes}))


def test_futures_do_not_depend_on_the_number_of_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_app.inputs.futures._LEAST_PER_PROCESS", 3)
    story = STORIES["tale1"]
    one, two = (futures_of(tmp_path / str(n), omp_nthreads=n).of(story) for n in (1, 2))
    assert one.futures == two.futures
    np.testing.assert_array_equal(one.similarity, two.similarity)
    (first, second) = (next((tmp_path / n / ".work/futures").glob("tale1-*.json")) for n in "12")
    assert first.read_bytes() == second.read_bytes()


def test_futures_are_made_once_for_what_decides_them(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    story = STORIES["tale1"]
    other = replace(STORIES["tale2"], words=replace(STORIES["tale2"].words, text=STORIES["tale1"].words.text))
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("The old dog slept near the small house. A young girl found the red boat!\n" * 4)
    caplog.set_level(logging.INFO)
    made = [
        futures_of(tmp_path).of(story).futures,
        futures_of(tmp_path, n_futures=2).of(story).futures,
        futures_of(tmp_path, random_seed=1).of(story).futures,
        futures_of(tmp_path, swap_similarity=0.5).of(story).futures,
        futures_of(tmp_path, swap_corpus=corpus).of(story).futures,
        futures_of(tmp_path, {**STORIES, "tale2": other}).of(story).futures,
    ]
    assert len(list((tmp_path / ".work/futures").glob("tale1-*[0-9a-f].json"))) == len(made)
    caplog.clear()
    assert futures_of(tmp_path, distances=(1, 2)).of(story).futures == made[0]
    assert futures_of(tmp_path).of(replace(story, canonical=other.canonical)).futures == made[0]
    assert caplog.text == ""
    assert made[2] != made[0]
    drawn = {word.lower() for future in made[4] for word in future} - {word.lower() for word in story.words.text}
    assert drawn <= {word.strip(".!").lower() for word in corpus.read_text().split()}
    assert drawn


def test_an_empty_corpus_and_one_that_is_no_text_are_refused(tmp_path: Path) -> None:
    empty = tmp_path / "empty.txt"
    empty.write_text("\n \n")
    with pytest.raises(DatasetError, match="the file holds no word; give a file of plain text"):
        futures_of(tmp_path, swap_corpus=empty).of(STORIES["tale1"])
    with pytest.raises(FileError):
        list(paragraphs(tmp_path))
    empty.write_text("one\ntwo\n\n\n three \n")
    assert [text.split() for text in paragraphs(empty)] == [["one", "two"], ["three"]]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = [" ".join(story.words.text) for story in STORIES.values()]
    return write_layered_model(tmp_path_factory.mktemp("models"), texts, 0)


def test_continuations_leave_words_up_to_the_present_one_as_they_are(tmp_path: Path, model_folder: Path) -> None:
    story = STORIES["tale1"]
    futures = futures_of(tmp_path, futures="continuation", layer="2", model=(str(model_folder),))
    model = ModelRun(str(model_folder), False, futures.settings)
    syntax, meaning = vectors_of(model, futures)
    assert isinstance(syntax, ContinuationVectors)
    whole = np.asarray(model.activations(story, "residual", "last").layer(1))
    for offset in (-3, 0):
        np.testing.assert_array_equal(meaning.ahead(story, 2, offset, SEGMENTS, False), 0)
    np.testing.assert_array_equal(syntax.ahead(story, 2, -3, SEGMENTS, False)[3:30], whole[:27])
    made = futures.of(story)
    expected = read_continuations(model.loaded, made.words, made.futures, "auto", 1, futures.n_ahead)
    ahead = syntax.ahead(story, 2, 4, SEGMENTS, False)
    np.testing.assert_allclose(ahead[:26], expected[3, :26])
    assert not ahead[26:30].any()  # beyond the end of the first story
    both = ahead + meaning.ahead(story, 2, 4, SEGMENTS, False)
    np.testing.assert_allclose(both[:26], whole[4:30], atol=1e-5)
    np.testing.assert_allclose(syntax.words(story, 2)[1:], expected[0, :-1])


def test_whole_stories_and_continuations_have_vectors_of_their_own(tmp_path: Path, model_folder: Path) -> None:
    story = STORIES["tale1"]
    told, continued = (futures_of(tmp_path, futures=kind, layer="2") for kind in ("story", "continuation"))
    model = ModelRun(str(model_folder), False, told.settings)
    (first, second), (third, _) = vectors_of(model, told), vectors_of(model, continued)
    assert isinstance(first, SyntaxVectors)
    assert isinstance(second, SemanticVectors)
    names = [str(vectors.identity(story)) for vectors in (first, second, third)]
    assert len(set(names)) == 3
