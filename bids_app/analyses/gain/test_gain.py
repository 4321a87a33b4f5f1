"""Gain on real, tiny models: numbers against transformers and numpy, planted regions, pairing of checkpoints."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from scipy.stats import false_discovery_control, wilcoxon
from transformers import AutoModelForCausalLM, AutoTokenizer

from bids_app.analyses.gain.conftest import REGIONS, REPETITION_TIME, START, World
from bids_app.analyses.work import Work
from bids_app.analyses.writer import Writer
from bids_app.bids.derivatives import read_table
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.outputs import find_maps, find_outputs
from bids_app.encoding.ridge.held_out import design_held_out, predict_held_out
from bids_app.finetune.layout import expand_models
from bids_app.inputs.designs import Designs
from bids_app.inputs.fits import fits_of
from bids_app.inputs.models import model_runs
from bids_app.inputs.sources import open_sources
from bids_app.inputs.trainings import trainings_of
from bids_app.pages.group import write_group_report
from bids_app.pages.participant import write_participant_report
from bids_app.run.group import run_group
from bids_app.run.participant import run_participant, unfinished
from bids_app.run.stimulus import run_stimulus
from bids_app.settings import Settings
from bids_app.settings_checks import find_problems
from bids_app.settings_input import make_settings
from bids_app.stats.correlation import fold_mean_r


@pytest.fixture(scope="module")
def done(world: World) -> Path:
    """Two participants and their group."""
    settings = world.settings(model=expand_models([str(world.tuned)]))
    for label in world.participants:
        run_participant(settings, f"sub-{label}")
    run_group(settings, "group")
    return world.root / "out"


def _map(out: Path, desc: str, model: str, sub: str = "01") -> npt.NDArray[np.float32]:
    (output,) = find_maps(out, desc, "r", sub=sub, model=model)
    return output.load()[0]


def test_what_is_planted_ahead_gains_and_the_rest_does_not(world: World, done: Path) -> None:
    """After 300 steps; the gain of the maps is the mean with that after one step, when nothing is learned yet."""
    own, words = (
        np.mean([_map(done, "finetuned", f"tunedalpha{alpha}", sub)[-1] for sub in world.participants], axis=0)
        for alpha in ("05", "0")
    )
    gains = (own - words).reshape(len(REGIONS), world.n_parcels).mean(axis=1)
    means = dict(zip(REGIONS, gains, strict=True))
    assert means["ahead"] > 0.08
    assert abs(means["present"]) < 0.05
    assert abs(means["nothing"]) < 0.05


def test_the_gain_is_the_difference_of_the_scores(world: World, done: Path) -> None:
    for sub in world.participants:
        own, words = (_map(done, "finetuned", f"tunedalpha{alpha}", sub) for alpha in ("05", "0"))
        np.testing.assert_allclose(
            _map(done, "gain", "tunedalpha05", sub)[0], own[1:].mean(0) - words[1:].mean(0), atol=1e-6
        )
        np.testing.assert_allclose(own[0], own[1:].mean(axis=0), atol=1e-6)
    table = read_table(find_outputs(done, "networks", sub="01", desc="gain", model="tunedalpha05")[0].paths[0])
    assert table.set_index("region")["r"]["all"] == pytest.approx(
        float(_map(done, "gain", "tunedalpha05").mean()), abs=1e-6
    )
    assert set(table["alpha"]) == {0.5}
    assert set(table["control"]) == {"none"}


def test_the_score_is_that_of_the_states_of_transformers(world: World, done: Path) -> None:
    """Embeddings, first, second and third block side by side, read and summed here; then the pipeline of all scores."""
    settings = world.settings(model=expand_models([str(world.tuned)]))
    sources = open_sources(settings)
    (fit,) = fits_of(sources, "01")
    responses = Work(sources, fit).responses
    _, model = trainings_of(settings)[1].models
    designs = Designs(model, responses.timings, sources.stories, settings)
    volumes = responses.timings[0].volumes
    sums = _sums(world, Path(model.name))[volumes[0] : volumes[-1] + 1]
    design = design_held_out([sums], designs.run_lengths, designs.pipeline, device="cpu")
    found = predict_held_out(design, responses.data, settings.alphas, device="cpu")
    expected = fold_mean_r(found.predictions, responses.data, found.folds)
    (output,) = find_maps(done, "finetuned", "r", sub="01", model="tunedalpha05")
    assert output.sidecar["Layers"] == [0, 1, 2, 3]
    assert output.sidecar["Maps"] == ["mean", "step-1", "step-300"]
    np.testing.assert_allclose(output.load()[0][2], expected, atol=2e-3)


def _sums(world: World, folder: Path) -> npt.NDArray[np.float32]:
    """Sums over the words of each volume from the start of the scan, (n_volumes, n_units of all layers)."""
    rows = (world.data / "stimuli" / "tale_words.tsv").read_text().splitlines()[1:]
    words = [row.split("\t")[2] for row in rows]
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([tokenizer(" ".join(words))["input_ids"]])
    last = np.cumsum([len(tokenizer(" " * bool(n) + word)["input_ids"]) for n, word in enumerate(words)]) - 1
    blocks: list[torch.Tensor] = []
    for block in model.transformer.h:
        block.register_forward_hook(lambda _, __, out: blocks.append(out if isinstance(out, torch.Tensor) else out[0]))
    with torch.no_grad():
        embedding = model(ids, output_hidden_states=True).hidden_states[0]
    states = np.concatenate([layer[0, last].numpy() for layer in (embedding, *blocks)], axis=1)
    volume = ((START + 0.25 + np.arange(len(words))) // REPETITION_TIME).astype(int)
    sums = np.zeros((volume.max() + 5, states.shape[1]), np.float32)
    np.add.at(sums, volume, states)
    return sums


def test_the_stimulus_level_reads_stories_with_fine_tuned_models(world: World, done: Path) -> None:
    settings = world.settings(model=(*expand_models([str(world.tuned)]), str(world.base)), out_dir=world.root / "other")
    run_stimulus(settings, "stimulus")
    (story,) = open_sources(settings).stories.values()
    *tuned, base = model_runs(settings)
    for model in tuned:
        assert model.has_read(story, "thirds", "last")
    assert not base.has_read(story, "thirds", "last")  # not fine-tuned, so gain does not need it


def test_a_second_run_computes_nothing(world: World, done: Path) -> None:
    times = {path: path.stat().st_mtime_ns for path in (done / "sub-01").rglob("*")}
    run_participant(world.settings(model=expand_models([str(world.tuned)])), "sub-01")
    assert {path: path.stat().st_mtime_ns for path in (done / "sub-01").rglob("*")} == times


def test_a_missing_gain_is_listed(world: World, done: Path, tmp_path: Path) -> None:
    models = expand_models([str(world.tuned)])
    assert unfinished(open_sources(world.settings(model=models)), "01") == []
    elsewhere = world.settings(model=models, out_dir=tmp_path)
    assert unfinished(open_sources(elsewhere), "01") == ["sub-01 task-tale: gain"]


def test_the_folder_of_a_fine_tuning_is_a_model_of_the_command_line(world: World, tmp_path: Path) -> None:
    given = {"bids_dir": world.data, "out_dir": tmp_path, "level": "participant", "analysis": ["gain", "depth"]}
    settings = make_settings({**given, "model": [str(world.tuned)]})
    assert settings.model == expand_models([str(world.tuned)])
    assert [Path(name).parent.name for name in settings.model] == ["alpha-0"] * 2 + ["alpha-0.5"] * 2


def test_pages_show_maps_curves_and_perplexity(world: World, done: Path) -> None:
    pages = [write_participant_report(done, "01"), write_group_report(done)]
    for page in pages:
        text = page.read_text()
        assert "Does training to forecast bring the model closer to the brain?" in text
        assert "R(α) − R(0): α = 0.5" in text
        assert "the model trained on words alone, which the others are compared with" in text
        assert re.search(r"α 0\.5: perplexity [\d.]+, R 0\.\d+", text)
        assert re.search(r"Everywhere: α 0\.5: \+0\.\d+", text)
        assert re.search(r"changes by \+0\.\d+ with training to forecast \(α = 0\.5", text)
    assert len(list((done / "group" / "figures").glob("*desc-gains*"))) == 2  # PNG and SVG


N = 9
GEOMETRY = ParcelGeometry("mine", tuple("ABCD"), ("Early", "Early", "Late", "Late"))


def test_the_group_test_is_wilcoxons_over_participants(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    gains = (0.02 * rng.standard_normal((N, 1, 4)) + [0.04, 0.04, 0, 0]).astype(np.float32)
    scores = (0.1 + 0.02 * rng.standard_normal((N, 3, 4))).astype(np.float32)
    fields = {"Alpha": 0.5, "Control": "near", "Steps": [1, 10], "Layers": [0, 1, 2, 3]}
    for row in range(N):
        entities = {"sub": f"{row + 1:02d}", "task": "tale", "seg": "mine", "model": "tunednearalpha05"}
        writer = Writer(tmp_path, entities, [], {"random_seed": 0}, lambda: GEOMETRY)
        writer.maps("gain", "r", gains[row], ["gain"], **fields)
        writer.maps("finetuned", "r", scores[row], ["mean", "step-1", "step-10"], Perplexity=[40.0, 10.0], **fields)
    run_group(Settings(tmp_path / "in", tmp_path, "group"), "group")
    loaded = {stat: find_maps(tmp_path, "gain", stat, "group")[0].load()[0] for stat in ("mean", "p", "q")}
    p = wilcoxon(gains[:, 0], axis=0).pvalue
    np.testing.assert_allclose(loaded["mean"][0], gains.mean(axis=0)[0], atol=1e-7)
    np.testing.assert_allclose(loaded["p"][0], p, rtol=1e-6)
    np.testing.assert_allclose(loaded["q"][0], false_discovery_control(p), rtol=1e-5)
    table = read_table(find_outputs(tmp_path, "networks", "group", desc="gain")[0].paths[0]).set_index("region")
    assert table["mean"]["Early"] == pytest.approx(float(gains[..., :2].mean()), rel=1e-5)
    assert set(table["control"]) == {"near"}
    curves = read_table(find_outputs(tmp_path, "networks", "group", desc="finetuned")[0].paths[0])
    everywhere = curves[curves["region"] == "all"]
    assert everywhere["perplexity"].tolist() == pytest.approx([20, 40, 10])
    assert everywhere["step"].tolist()[1:] == [1, 10]
    assert everywhere["mean"].tolist() == pytest.approx(scores.mean(axis=(0, 2)).tolist(), rel=1e-5)
    comparison = read_table(tmp_path / "group" / "model-comparison.tsv")
    assert "R(α) - R(0)" in set(comparison["measure"])


def _with_steps(world: World, folder: Path, steps: dict[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Copies of the checkpoints under other numbers of steps, as models of a run."""
    for name, numbers in steps.items():
        for number in numbers:
            copy = shutil.copytree(world.tuned / name / "step-300", folder / name / f"step-{number}")
            record = json.loads((copy / "finetune.json").read_text())
            (copy / "finetune.json").write_text(json.dumps({**record, "Step": number}))
    return expand_models([str(folder)])


def test_only_steps_that_both_have_are_compared(world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    models = _with_steps(world, tmp_path / "ft", {"alpha-0": (1, 10, 300), "alpha-0.5": (10, 200, 300)})
    baseline, training = trainings_of(world.settings(model=models))
    assert (baseline.steps, training.steps) == ([1, 10, 300], [10, 300])
    assert training.baseline is not None
    assert training.baseline.steps == [10, 300]
    assert "steps 1, 200 are left out, which only one of it and α = 0 has" in caplog.text
    assert training.label == "ftalpha05"


def _problem(settings: Settings) -> str:
    (problem,) = [problem for problem in find_problems(settings) if "gain" in problem]
    return problem


def test_models_that_cannot_be_compared_are_refused(world: World, tmp_path: Path) -> None:
    assert "compares models that n2n finetune has trained" in _problem(world.settings(model=("gpt2",)))
    alone = _with_steps(world, tmp_path / "alone", {"alpha-0.5": (300,)})
    assert "has no model of α = 0 beside it" in _problem(world.settings(model=alone))
    apart = _with_steps(world, tmp_path / "apart", {"alpha-0": (1,), "alpha-0.5": (300,)})
    assert "has no checkpoint after as many steps as one of α = 0" in _problem(world.settings(model=apart))
    mixed = _with_steps(world, tmp_path / "mixed", {"alpha-0": (300,), "alpha-0.5": (300,)})
    record = tmp_path / "mixed" / "alpha-0.5" / "step-300" / "finetune.json"
    content = json.loads(record.read_text())
    content["Settings"]["distance"] = 3
    record.write_text(json.dumps(content))
    assert "was made with other settings than" in _problem(world.settings(model=mixed))
    record.write_text("{}")
    assert "is not the record of a checkpoint" in _problem(world.settings(model=mixed))
