import tomllib
from dataclasses import replace
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest

from bids_app.bids.words import read_words
from bids_app.demo.forecast import DEFAULTS, generate_forecast
from bids_app.demo.truth import ForecastTruth, read_truth
from bids_app.encoding.design.haemodynamics import word_sums
from bids_app.encoding.ridge.held_out import design_held_out, score_held_out
from bids_app.forecast.windows import offsets_of, shift_words
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model
from bids_app.stats.arrays import AnyArray
from bids_app.stats.standardise import zscore

Demo = tuple[Path, ForecastTruth]

FUNC = "derivatives/fmriprep/sub-01/func/sub-01_task-lighthouse"
SMALL = replace(DEFAULTS, participants=1, n_volumes=300, seed=4, spaces=("fsaverage5",), snr=1.0)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("data") / "demo"
    return folder, generate_forecast(folder, SMALL)


@pytest.fixture(scope="module")
def responses(demo: Demo) -> list[AnyArray]:
    """Region by what drives it: (n_kept, 60) volumes of the story of some of its vertices, confounds regressed out."""
    return _responses(*demo)


def _responses(folder: Path, truth: ForecastTruth) -> list[AnyArray]:
    sides = [nibabel.load(folder / f"{FUNC}_hemi-{side}_space-fsaverage5_bold.func.gii") for side in "LR"]
    data = np.concatenate([np.stack([array.data for array in image.darrays]) for image in sides], axis=1)
    atlas = folder / "derivatives/atlas"
    images = [nibabel.load(atlas / f"tpl-fsaverage5_hemi-{side}_atlas-Demo_dseg.label.gii") for side in "LR"]
    labels = np.concatenate([image.darrays[0].data for image in images])
    key = {name: number for number, name in images[0].labeltable.get_labels_as_dict().items()}
    kept = read_truth(folder).courses["kept"].astype(str).eq("True").to_numpy()
    table = pd.read_csv(folder / f"{FUNC}_desc-confounds_timeseries.tsv", sep="\t", na_values="n/a")[kept]
    nuisance = np.c_[np.ones(len(table)), table.filter(regex="trans|rot|cosine|a_comp")]
    found = []
    for region in truth.regions["region"]:
        chosen = np.random.default_rng(0).choice(np.flatnonzero(labels == key[region]), 60, replace=False)
        Y = data[kept][:, chosen]
        found.append(zscore(Y - nuisance @ np.linalg.lstsq(nuisance, Y, rcond=None)[0]))
    return found


def test_the_set_of_files_is_complete(demo: Demo) -> None:
    model = [f"sourcedata/models/gpt2/{file}" for file in
             ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")]  # fmt: skip
    expected = {
        ".bidsignore", "README.md", "dataset_description.json", "participants.tsv", "code/demo.toml",
        "sub-01/func/sub-01_task-lighthouse_events.tsv", "sub-01/func/sub-01_task-lighthouse_bold.json",
        "stimuli/lighthouse_audio.wav", "stimuli/gentle/lighthouse/align.csv",
        "derivatives/fmriprep/dataset_description.json", "derivatives/atlas/dataset_description.json",
        *(f"{FUNC}_hemi-{side}_space-fsaverage5_bold.{ending}" for side in "LR" for ending in ("func.gii", "json")),
        *(f"{FUNC}_desc-confounds_timeseries.{ending}" for ending in ("tsv", "json")),
        *(f"derivatives/atlas/tpl-fsaverage5_hemi-{side}_atlas-Demo_dseg.label.gii" for side in "LR"),
        *(f"derivatives/atlas/tpl-MNI152NLin6Asym_res-4_atlas-Demo_dseg.{ending}" for ending in ("nii.gz", "tsv")),
        *(f"sourcedata/truth/{name}" for name in ("truth.tsv", "truth_features.tsv", "truth.json")),
        *model,
    }  # fmt: skip
    folder = demo[0]
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == expected


def test_same_seed_same_bytes(demo: Demo, tmp_path: Path) -> None:
    generate_forecast(tmp_path / "again", SMALL)
    told_otherwise = {"truth.json"}  # holds the data set's own path
    compared = [path for path in (tmp_path / "again").rglob("*") if path.is_file() and path.name not in told_otherwise]
    assert len(compared) > 20
    for path in compared:
        assert path.read_bytes() == (demo[0] / path.relative_to(tmp_path / "again")).read_bytes(), path


def test_truth_is_read_as_it_was_written(demo: Demo) -> None:
    folder, truth = demo
    read = read_truth(folder)
    assert isinstance(read, ForecastTruth)
    assert read.options == truth.options
    assert read.regions["region"].tolist() == truth.regions["region"].tolist()
    np.testing.assert_allclose(read.courses.filter(like="ahead-"), truth.courses.filter(like="ahead-"), atol=1e-5)
    assert 2.7 < truth.options["words_per_volume"] < 3.4


def test_settings_ask_for_the_planted_layer(demo: Demo) -> None:
    folder, truth = demo
    settings = tomllib.loads((folder / "code/demo.toml").read_text())
    assert settings["analysis"] == ["forecast", "depth"]
    assert settings["layer"] == str(truth.options["layer"]) == str(truth.regions["layer"][0])
    assert settings["model"] == ["../sourcedata/models/gpt2"]


def test_gain_is_where_it_was_planted(demo: Demo, responses: list[AnyArray], tmp_path: Path) -> None:
    """F by the analysis's own pieces: ahead in one region, not in the others; nothing where nothing was planted."""
    folder, truth = demo
    words = read_words(folder / "stimuli/gentle/lighthouse/align.csv")
    model = load_model(truth.options["model"], device="cpu")
    states = read_activations(model, words.text, "residual", "auto", tmp_path, subtoken="last").layer(
        truth.options["layer"] - 1
    )
    kept = truth.courses["volume"].to_numpy()[truth.courses["kept"]]
    rows = np.flatnonzero(words.is_timed)
    story = [slice(rows[0], rows[-1] + 1)]

    def sums(offset: int) -> AnyArray:
        return word_sums(shift_words(states, offset, story), words.onset + 3.0, 1.5, kept)

    def score(spaces: list[AnyArray]) -> list[float]:
        design = design_held_out(spaces, [len(kept)], device="cpu")
        return [float(score_held_out(design, Y, device="cpu")[0].mean()) for Y in responses]

    base = np.array(score([sums(0)]))
    distances = (-10, 0, 8, 24)
    windows = [np.concatenate([sums(offset) for offset in offsets_of(d, 7)], axis=1) for d in distances]
    present, ahead, nothing = (np.array([score([sums(0), window]) for window in windows]) - base).T
    assert base[0] > 0.2
    assert base[1] > 0.2
    assert abs(base[2]) < 0.1
    assert ahead[2] > 0.03  # F(8)
    assert ahead.argmax() == 2
    assert present.argmax() in (0, 1)
    assert present[2] < ahead[2]
    assert np.abs(nothing).max() < 0.04


def test_snr_of_zero_plants_nothing(tmp_path: Path) -> None:
    truth = generate_forecast(tmp_path / "nothing", replace(SMALL, snr=0, n_volumes=60))
    assert truth.regions["planted"].tolist() == ["nothing"] * 3
    assert list(truth.courses) == ["story", "volume", "kept"]
    assert "layer" not in tomllib.loads((tmp_path / "nothing/code/demo.toml").read_text())
    assert read_truth(tmp_path / "nothing").options["layer"] is None


def test_both_spaces_are_written(tmp_path: Path) -> None:
    generate_forecast(tmp_path / "demo", replace(SMALL, n_volumes=60, spaces=("fsaverage5", "MNI152NLin6Asym")))
    assert (tmp_path / "demo" / f"{FUNC}_space-MNI152NLin6Asym_res-4_desc-preproc_bold.nii.gz").exists()


@pytest.mark.parametrize(("snr", "ahead", "message"), [(1, 0, "ahead=0"), (1, 5000, "ahead=5000"), (-1, 8, "snr")])
def test_impossible_options_are_named(tmp_path: Path, snr: float, ahead: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate_forecast(tmp_path / "demo", replace(SMALL, n_volumes=60, snr=snr), ahead)
