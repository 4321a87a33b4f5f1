"""The stimulus level computes what each analysis needs of each model and story, once, and frees the model."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pytest

from bids_app.conftest import Study, write
from bids_app.inputs.timing import Story
from bids_app.run import jobs, stimulus
from bids_app.settings import Settings


@dataclass
class FakeModel:
    label: str
    calls: list[tuple[str, ...]] = field(default_factory=list)
    passes: dict[str, set[tuple[str, str]]] = field(default_factory=dict)
    predicts: bool | None = None

    def read_once(self, story: Story, needs: Iterable[tuple[str, str]], *, surprisal: bool, units: object) -> None:
        self.passes[story.stem] = set(needs)
        self.predicts = surprisal

    def activations(self, story: Story, kind: str, subtoken: str) -> None:
        self.calls.append((story.stem, kind, subtoken))

    def unload(self) -> None:
        self.calls.append(("unloaded",))


@pytest.fixture
def models(study: Study, monkeypatch: pytest.MonkeyPatch) -> list[FakeModel]:
    """Two models, and a second story in the data set of one."""
    write(study.root / "sub-02" / "func" / "sub-02_task-fable_events.tsv", _events("fable"))
    for ending in (".tsv", ".json"):
        source = study.bold("02").with_suffix(ending)
        write(source.with_name(source.name.replace("tale", "fable")), source.read_text())
    words = study.root / "stimuli" / "tale_words.tsv"
    write(words.with_name("fable_words.tsv"), words.read_text())
    made = [FakeModel("tiny"), FakeModel("large")]
    monkeypatch.setattr(stimulus, "read_once", FakeModel.read_once)
    for module in (stimulus, jobs):
        monkeypatch.setattr(module, "model_runs", lambda _: made)
    return made


def _events(story: str) -> str:
    return f"onset\tduration\ttrial_type\tstim_file\n6\t140\tstory\t{story}.wav\n"


def test_analyses_with_the_same_needs_share_activations(study: Study, models: list[FakeModel]) -> None:
    stimulus.run_stimulus(study.settings(analysis=("brainscore", "forecast", "depth")), "stimulus")
    for model in models:
        assert sorted(model.calls[:-1]) == [("fable", "residual", "last"), ("tale", "residual", "last")]
        assert model.calls[-1] == ("unloaded",)
        assert model.passes == {"fable": {("residual", "last")}, "tale": {("residual", "last")}}


def test_one_pass_reads_what_all_analyses_need(
    study: Study, models: list[FakeModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bids_app.analyses.networks.dictionary_files.prepare", lambda *_: None)
    stimulus.run_stimulus(study.settings(analysis=("brainscore", "networks")), "stimulus", model="large")
    assert models[1].passes["tale"] == {("residual", "last"), ("ffn-out", "mean")}
    assert models[1].predicts is False


@pytest.mark.parametrize(
    ("analyses", "predicts"), [(("networks", "evidence"), True), (("brainscore", "evidence"), False)]
)
def test_the_pass_predicts_words_where_atoms_are_described_by_their_words(
    study: Study,
    models: list[FakeModel],
    monkeypatch: pytest.MonkeyPatch,
    analyses: tuple[str, ...],
    predicts: bool,
) -> None:
    for prepare in ("networks.dictionary_files", "evidence.driver_files"):
        monkeypatch.setattr(f"bids_app.analyses.{prepare}.prepare", lambda *_: None)
    stimulus.run_stimulus(study.settings(analysis=analyses), "stimulus", model="large")
    assert models[1].predicts is predicts


def test_one_model_alone(study: Study, models: list[FakeModel]) -> None:
    stimulus.run_stimulus(study.settings(), "stimulus", model="large")
    assert not models[0].calls
    assert len(models[1].calls) == 3


def test_an_analysis_with_a_preparation_gets_all_stories(
    study: Study, models: list[FakeModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = []

    def prepare(model: FakeModel, stories: dict[str, Story], _: Settings) -> None:
        prepared.append((model.label, sorted(stories)))

    monkeypatch.setattr("bids_app.analyses.networks.dictionary_files.prepare", prepare)
    stimulus.run_stimulus(study.settings(analysis=("networks",)), "stimulus")
    assert prepared == [("tiny", ["fable", "tale"]), ("large", ["fable", "tale"])]
    assert [model.calls for model in models] == [[("unloaded",)]] * 2


def test_jobs_of_the_stimulus_level(study: Study, models: list[FakeModel]) -> None:
    (whole,) = jobs.stimulus_jobs(study.settings(), split=False)
    pieces = jobs.stimulus_jobs(study.settings(), split=True)
    assert [job.label for job in (whole, *pieces)] == ["stimulus", "stimulus tiny", "stimulus large"]
    pieces[0].function(study.settings(), "stimulus")
    assert models[0].calls
    assert not models[1].calls
