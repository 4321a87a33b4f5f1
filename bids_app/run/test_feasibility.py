import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bids_app.inputs.sources import open_sources
from bids_app.language.conftest_autoencoder import save, tensors
from bids_app.run.feasibility import find_misfits, misfits_of_model
from bids_app.settings import Settings

N_VOLUMES, N_WORDS = 60, 100


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two participants who heard one story of 100 words for 50 volumes of 2 s, as tables of parcels."""
    root = tmp_path_factory.mktemp("data")
    description = json.dumps({"Name": "x", "BIDSVersion": "1.10.0", "GeneratedBy": [{"Name": "xcp"}]})
    words = "".join(f"{0.5 + i}\t0.5\tword{i}\n" for i in range(N_WORDS))
    texts = {
        "dataset_description.json": description,
        "derivatives/xcp/dataset_description.json": description,
        "stimuli/tale_words.tsv": "onset\tduration\tword\n" + words,
    }
    rng = np.random.default_rng(0)
    for sub in ("sub-01", "sub-02"):
        run = f"{sub}/ses-a/func/{sub}_ses-a_task-tale_run-1"
        rows = rng.normal(size=(N_VOLUMES, 3)).round(3).tolist()
        texts[f"{run}_events.tsv"] = "onset\tduration\ttrial_type\tstim_file\n0\t100\tstory\ttale.wav\n"
        table = "A\tB\tC\n" + "".join("\t".join(map(str, row)) + "\n" for row in rows)
        stem = f"derivatives/xcp/{sub}/ses-a/func/{sub}_ses-a_task-tale_run-1_seg-Three_timeseries"
        texts |= {f"{stem}.tsv": table, f"{stem}.json": json.dumps({"RepetitionTime": 2.0})}
    for name, text in texts.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def misfits(data: Path, **options: Any) -> list[str]:
    sources = open_sources(Settings(data, data.parent / "out", "participant", **{"atoms": (8,), **options}))
    return find_misfits(sources, sources.participants)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"atoms": (50,)},
        {"delays": 49},
        {"folds": 25},
        {"high_pass": 0.125},
        {"task_id": ("tale",), "session_label": ("a",), "run_id": ("01",), "space": "Three"},
        {"analysis": ("forecast",), "window": 100},
    ],
)
def test_what_fits(data: Path, options: dict[str, float | str | tuple[int | str]]) -> None:
    assert misfits(data, **options) == []


@pytest.mark.parametrize(
    ("options", "messages"),
    [
        ({"atoms": (8, 51)}, ["--atoms 51: a dictionary is learned on 50 volumes"]),
        ({"delays": 50}, ["--delays 50: the longest run hears 50 volumes"]),
        ({"folds": 26}, ["--folds 26: too many for 50 volumes"]),
        ({"high_pass": 0.13}, ["--high-pass 0.13: with a repetition time of 2 s"]),
        ({"analysis": ("forecast",), "window": 101}, ["window=101"]),
        ({"analysis": ("depth",), "tested_distance": -100}, ["distances=[-100]"]),
        ({"delays": 99, "folds": 99}, ["--delays 99", "--folds 99"]),
        ({"session_label": ("zz",), "run_id": ("7",)}, ["--session-label zz", "--run-id 7: no selected participant"]),
        ({"task_id": ("tale", "other")}, ["--task-id other: no selected participant has it; there is tale"]),
        ({"space": "MNI152NLin6Asym"}, ["--space MNI152NLin6Asym: no selected participant has it; there is Three"]),
    ],
)
def test_what_does_not_fit_is_reported_once_and_all_of_it(
    data: Path, options: dict[str, float | str | tuple[int | str, ...]], messages: list[str]
) -> None:
    problems = misfits(data, **options)
    assert len(problems) == len(messages)
    for sentence, message in zip(sorted(problems), sorted(messages), strict=True):
        assert message in sentence


@pytest.mark.parametrize(
    ("configuration", "options", "messages"),
    [
        ({"n_layer": 4, "n_embd": 64}, {"layer": "4", "atoms": (256,)}, []),
        ({"n_layer": 4, "n_embd": 64}, {"layer": "5"}, ["has 4 layers; give 1 to 4"]),
        ({"n_layer": 4, "n_embd": 64}, {"layer": "5", "analysis": ("depth",)}, []),
        ({"n_layer": 4, "n_embd": 64}, {"atoms": (257,)}, ["has 256 neurons"]),
        ({"n_layer": 4, "n_embd": 64}, {"atoms": (64,), "units": "localiser"}, ["keeps 3 of the 256 neurons"]),
        ({"n_layer": 4, "n_embd": 64}, {"atoms": (4,), "units": "localiser", "localiser_percent": 10.0}, []),
        ({"num_hidden_layers": 2, "hidden_size": 8}, {"atoms": (17,), "layer": "3"}, ["2 layers", "16 neurons"]),
        ({"text_config": {"num_hidden_layers": 6, "hidden_size": 99}, "hidden_size": 1}, {"layer": "7"}, ["6 layers"]),
        ({"of": "another kind"}, {"layer": "99"}, []),
        ([], {"layer": "99"}, []),
    ],
)
def test_a_model_is_asked_by_its_configuration(
    tmp_path: Path,
    configuration: dict[str, dict[str, int] | int | str] | list[object],
    options: dict[str, Any],
    messages: list[str],
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(configuration))
    settings = Settings(tmp_path, tmp_path, "participant", **options)
    problems = list(misfits_of_model("tiny", tmp_path, settings))
    assert len(problems) == len(messages)
    assert all(message in sentence for sentence, message in zip(problems, messages, strict=True))


def test_an_autoencoder_must_fit_the_model(tmp_path: Path) -> None:
    path = save(tmp_path / "sae", tensors(8, 20), hook_name="blocks.5.hook_mlp_out")
    units = f"sae:{path}"

    def problems(n_layers: int, width: int, **options: Any) -> list[str]:
        (tmp_path / "config.json").write_text(json.dumps({"n_layer": n_layers, "n_embd": width}))
        settings = Settings(tmp_path, tmp_path, "participant", units=units, **{"atoms": (4,), **options})
        return list(misfits_of_model("tiny", tmp_path, settings))

    assert problems(6, 8) == []
    (width,) = problems(6, 16)
    assert "the autoencoder reads 8 units, and the layers of the model tiny have 16" in width
    (layer,) = problems(5, 8)
    assert "the autoencoder reads layer 6, and the model tiny has 5" in layer
    assert problems(5, 8, sae_layer=2) == []
    (atoms,) = problems(6, 8, atoms=(21,))
    assert "the autoencoder has 20 features" in atoms
