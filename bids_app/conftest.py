"""A small data set of regions whose participants are analysed with a stand-in for the brain score, in no time."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.analyses.brainscore import participant as module
from bids_app.analyses.writer import Writer
from bids_app.bids.targets import fill
from bids_app.inputs.responses import Responses
from bids_app.report.conftest import parcels_out, surface_out  # noqa: F401
from bids_app.run.participant import run_participant
from bids_app.settings import Settings

EVENTS = "onset\tduration\ttrial_type\tstim_file\n6\t140\tstory\t{story}.wav\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@dataclass
class Study:
    """A data set with one story, a model of which only the files count, and how often something was computed."""

    root: Path
    out: Path
    computed: list[str] = field(default_factory=list)
    module = module

    @property
    def deriv(self) -> Path:
        return self.root / "derivatives" / "deriv"

    def describe(self) -> None:
        for folder, kind in ((self.root, "raw"), (self.deriv, "derivative")):
            content = {"Name": "t", "BIDSVersion": "1.10.0", "DatasetType": kind}
            write(folder / "dataset_description.json", json.dumps(content))
        self.words(0.4)
        for name in ("config.json", "model.safetensors", "tokenizer.json"):
            write(self.root / "tinygpt" / name, json.dumps({"content": name}))

    def words(self, step: float, folder: Path | None = None) -> None:
        rows = "".join(f"{0.5 + i * step:.3f}\t0.3\tword{i % 7}\n" for i in range(300))
        write((folder or self.root / "stimuli") / "tale_words.tsv", f"onset\tduration\tword\n{rows}")

    def events(self, label: str, run: str = "", text: str = EVENTS.format(story="tale")) -> Path:
        return write(self.root / f"sub-{label}" / "func" / f"sub-{label}_task-tale{run}_events.tsv", text)

    def bold(self, label: str, run: str = "", seed: int = 0) -> Path:
        path = self.deriv / f"sub-{label}" / "func" / f"sub-{label}_task-tale{run}_seg-T_timeseries.tsv"
        series = np.random.default_rng(seed).normal(size=(80, 3))
        rows = "".join("\t".join(f"{x:.4f}" for x in row) + "\n" for row in series)
        write(path.with_suffix(".json"), '{"RepetitionTime": 2.0}')
        return write(path, "A\tB\tC\n" + rows)

    def add(self, label: str, run: str = "", seed: int = 0) -> None:
        self.events(label, run)
        self.bold(label, run, seed)

    def remove(self, label: str) -> None:
        for path in self.root.rglob(f"sub-{label}_*"):
            path.unlink()

    def settings(self, **changes: Any) -> Settings:
        usual: dict[str, Any] = {
            "analysis": ("brainscore",),
            "model": (str(self.root / "tinygpt"),),
            "noise_ceiling": "none",
        }
        return Settings(self.root, self.out, "participant", **{**usual, **changes})

    def run(self, label: str = "01", **changes: Any) -> int:
        """Analyse a participant; how many analyses were computed for it."""
        before = len(self.computed)
        run_participant(self.settings(**changes), f"sub-{label}")
        return len(self.computed) - before

    def score(self, responses: Responses, _designs: object, _settings: Settings, writer: Writer) -> None:
        """In place of the brain score: means of the data as scores."""
        self.computed.append(writer.entities["sub"])
        values = fill((responses.data[:10] + responses.data[-10:]).mean(axis=0)[None], responses.valid)
        writer.maps("brainscore", "p", np.exp(-(values**2)), ["layer-01"])
        writer.maps("brainscore", "r", values, ["layer-01"], Layers=[1])


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    made = Study(tmp_path / "ds", tmp_path / "out")
    made.describe()
    made.add("01", seed=1)
    made.add("02", seed=2)
    monkeypatch.setattr(module, "brainscore", made.score)
    return made
