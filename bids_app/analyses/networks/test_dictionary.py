"""A dictionary is found again only where its words, their times, its model and settings are the same."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses import dictionary as module
from bids_app.analyses.dictionary import Dictionary, Restarts, dictionary_key, get_dictionary
from bids_app.analyses.networks.dictionary_files import read_families, write_dictionary
from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.encoding.dictionary import Families
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story, timing_of
from bids_app.machine.claims import OtherSettingsError
from bids_app.settings import Settings

N_WORDS, N_ATOMS, N_NEURONS = 50, 3, 6
ONSET = np.arange(N_WORDS, dtype=np.float64) * 0.5
WORDS = Words(ONSET, np.full(N_WORDS, 0.3), tuple(f"w{n % 7}" for n in range(N_WORDS)))


def story_of(stem: str = "tale", words: Words = WORDS, repetition_time: float = 2.0, onset: float = 0.0) -> Story:
    return Story(stem, words, timing_of([Stimulus(stem, f"{stem}.wav", onset, ((0.0, 24.0),))], repetition_time))


def model_of(weights: str = "1") -> ModelRun:
    files = {"model.safetensors": weights}
    return cast("ModelRun", SimpleNamespace(label="tiny", files=files, identity=lambda: {"files": files}))


def settings_of(folder: Path, **changes: Any) -> Settings:
    return Settings(folder, folder / "out", "participant", **changes)


def key_of(
    folder: Path,
    model: ModelRun | None = None,
    n_atoms: int = N_ATOMS,
    stories: dict[str, Story] | None = None,
    **changes: Any,
) -> str:
    stories = stories or {"tale": story_of()}
    return dictionary_key(model or model_of(), tuple(stories), n_atoms, stories, settings_of(folder, **changes))


def later(seconds: float) -> Words:
    return replace(WORDS, onset=ONSET + seconds)


@pytest.mark.parametrize(
    "change",
    [
        {"stories": {"tale": story_of(words=later(0.1))}},
        {"stories": {"tale": story_of(words=replace(WORDS, onset=ONSET * 0.97))}},
        {"stories": {"tale": story_of(words=replace(WORDS, duration=np.full(N_WORDS, 0.2)))}},
        {"stories": {"tale": story_of(words=replace(WORDS, onset=np.where(ONSET == 5, np.nan, ONSET)))}},
        {"stories": {"tale": story_of(words=replace(WORDS, text=(*WORDS.text[:-1], "end")))}},
        {"stories": {"tale": story_of(repetition_time=1.5)}},
        {"stories": {"tale": story_of(onset=1.0)}},
        {"stories": {"tale": story_of(), "fable": story_of("fable")}},
        {"model": model_of("2")},
        {"n_atoms": 4},
        {"penalty": 0.3},
        {"restarts": 4},
        {"links": "dice"},
        {"random_seed": 1},
        {"units": "ffn-in"},
        {"context": "left"},
    ],
)
def test_the_key_holds_all_that_decides_a_dictionary(tmp_path: Path, change: dict[str, Any]) -> None:
    assert key_of(tmp_path, **change) != key_of(tmp_path)


def test_the_key_of_families_holds_how_restarts_are_learned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [key_of(tmp_path, links=links) for links in ("conditional", "dice")]
    monkeypatch.setattr("bids_app.analyses.dictionary.RESTARTS_METHOD", "another")
    assert key_of(tmp_path, links="conditional") != keys[0]
    assert key_of(tmp_path, links="dice") == keys[1]


def test_the_key_holds_nothing_else(tmp_path: Path) -> None:
    assert key_of(tmp_path, delays=3, folds=4, n_spins=10, nprocs=2) == key_of(tmp_path)
    same = {"tale": story_of(words=Words(ONSET.copy(), WORDS.duration.copy(), WORDS.text))}
    assert key_of(tmp_path, stories=same) == key_of(tmp_path)


def dictionary_of(seed: int = 0, summary: dict[str, Any] | None = None) -> Dictionary:
    rng = np.random.default_rng(seed)
    atoms = {"tale": rng.standard_normal((12, N_ATOMS)).astype(np.float32)}
    loadings = rng.standard_normal((N_ATOMS, N_NEURONS)).astype(np.float32)
    return Dictionary(
        ("tale",), atoms, loadings, np.repeat([0, 1], 3), np.tile([0, 1, 2], 2), summary or {"Neurons": N_NEURONS}
    )


def families_of(seed: int = 0) -> Dictionary:
    """The same as families of two restarts, of which the second holds the first family twice and the third not."""
    rng = np.random.default_rng(100 + seed)
    made = dictionary_of(seed)
    members = np.zeros((2, N_ATOMS, N_ATOMS), dtype=np.int64)
    members[0] = np.diag([1, -1, 1])
    members[1, :2, 0], members[1, 2, 1] = (1, -1), 1
    families = Families(made.atoms["tale"], np.array([0.95, 0.85, 0.5]), members)
    courses = {"tale": rng.standard_normal((2, 12, N_ATOMS)).astype(np.float32)}
    return replace(made, restarts=Restarts(courses, families))


def write(
    folder: Path,
    seed: int = 0,
    model: ModelRun | None = None,
    words: Words = WORDS,
    summary: dict[str, Any] | None = None,
    links: str = "dice",
    **changes: Any,
) -> None:
    stories, settings = {"tale": story_of(words=words)}, settings_of(folder, links=links, **changes)
    made = dictionary_of(seed, summary) if links == "dice" else families_of(seed)
    write_dictionary(made, N_ATOMS, model or model_of(), stories, settings)


def outputs(folder: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in (folder / "out").rglob("*") if p.is_file() and "logs" not in p.parts}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"words": later(0.1)}, "learned from other words, word times or stories"),
        ({"model": model_of("2")}, "model.safetensors of the model has changed"),
        ({"penalty": 0.3}, "penalty was 0.2, now 0.3"),
    ],
)
@pytest.mark.parametrize("scope", ["all", "story"])
@pytest.mark.parametrize("links", ["dice", "conditional"])
def test_a_dictionary_from_something_else_is_not_overwritten(
    tmp_path: Path, change: dict[str, Any], said: str, scope: str, links: str
) -> None:
    write(tmp_path, dictionary_scope=scope, links=links)
    before = outputs(tmp_path)
    write(tmp_path, 1, dictionary_scope=scope, links=links)  # the same key: nothing is written
    with pytest.raises(OtherSettingsError, match=said):
        write(tmp_path, 1, dictionary_scope=scope, links=links, **change)
    assert outputs(tmp_path) == before


@pytest.mark.parametrize("scope", ["all", "story"])
def test_families_come_back_with_the_restarts_behind_them(tmp_path: Path, scope: str) -> None:
    write(tmp_path, links="conditional", dictionary_scope=scope)
    made = families_of().restarts
    assert made is not None
    settings = settings_of(tmp_path, dictionary_scope=scope)
    found, restarts = read_families(tmp_path / "out", ["tale"], {"model": "tiny", "desc": "families"}, settings)
    np.testing.assert_allclose(found.courses, made.families.courses, atol=1e-5)
    np.testing.assert_allclose(found.reproducibility, made.families.reproducibility)
    assert found.members.tolist() == made.families.members.tolist()
    courses, seconds = restarts["tale"]
    np.testing.assert_allclose(courses, made.courses["tale"], atol=1e-5)
    assert seconds.tolist() == (2.0 * np.arange(12)).tolist()


@pytest.mark.parametrize("pattern", ["*.parquet", "stimuli/*.tsv.gz", "stimuli/*.json"])
@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_damaged_files_of_a_dictionary_are_written_again(
    tmp_path: Path, pattern: str, damage: Callable[[Path], object]
) -> None:
    write(tmp_path)
    before = outputs(tmp_path)
    damage(next((tmp_path / "out").glob(pattern)))
    write(tmp_path)
    assert outputs(tmp_path) == before


def test_a_damaged_dictionary_is_learned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    learned = []

    def learn(draft: Path, *_: object) -> None:
        learned.append(1)
        draft.mkdir(parents=True)
        made = dictionary_of()
        np.savez(draft / "atoms.npz", story0=made.atoms["tale"], loadings=made.loadings, layer_of=0, unit_of=0)
        (draft / "summary.json").write_text("{}")

    monkeypatch.setattr(module, "_learn", learn)
    arguments = (model_of(), ("tale",), N_ATOMS, {"tale": story_of()}, settings_of(tmp_path))
    for _ in range(2):
        first = get_dictionary(*arguments)
    assert len(learned) == 1
    for number, name in enumerate(["atoms.npz", "summary.json"]):
        (path,) = tmp_path.rglob(name)
        path.write_bytes(path.read_bytes()[:-1])
        pd.testing.assert_frame_equal(pd.DataFrame(get_dictionary(*arguments).loadings), pd.DataFrame(first.loadings))
        assert len(learned) == number + 2
