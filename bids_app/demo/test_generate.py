import json
import tempfile
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest

from bids_app.bids.words import read_words
from bids_app.demo.atoms import find_atoms, responses
from bids_app.demo.cortex import N_VERTICES
from bids_app.demo.evaluate import evaluate
from bids_app.demo.generate import DEFAULTS, describe, generate
from bids_app.demo.planting import driven, plan_links
from bids_app.demo.scans import made_scan
from bids_app.demo.truth import Truth, read_truth
from bids_app.encoding.dictionary import ReproducibleDictionary
from bids_app.language.activations import read_activations
from bids_app.language.models import load_model
from bids_app.stats.arrays import AnyArray

Demo = tuple[Path, Truth]

FUNC = "derivatives/fmriprep/sub-01/func/sub-01_task-lighthouse"
SMALL = replace(DEFAULTS, participants=1, stories=1, n_volumes=160, seed=4, snr=1.0, n_driven=None)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("data") / "demo"
    return folder, generate(folder, SMALL)


def surface(folder: Path) -> AnyArray:
    sides = [nibabel.load(folder / f"{FUNC}_hemi-{side}_space-fsaverage5_bold.func.gii") for side in "LR"]
    return np.concatenate([np.stack([array.data for array in image.darrays]) for image in sides], axis=1)


def atlas_labels(folder: Path) -> AnyArray:
    files = [folder / f"derivatives/atlas/tpl-fsaverage5_hemi-{side}_atlas-Demo_dseg.label.gii" for side in "LR"]
    return np.concatenate([nibabel.load(file).darrays[0].data for file in files])


def explained(data: AnyArray, courses: AnyArray, table: pd.DataFrame) -> AnyArray:
    """In-sample R² of each column by the planted courses, after cosines, motion and components are regressed out."""
    nuisance = np.c_[np.ones(len(table)), table.filter(regex="trans|rot|cosine|a_comp")]
    data, courses = (x - nuisance @ np.linalg.lstsq(nuisance, x, rcond=None)[0] for x in (data, courses))
    residual = data - courses @ np.linalg.lstsq(courses, data, rcond=None)[0]
    return np.asarray(1 - residual.var(axis=0) / data.var(axis=0))


def kept_rows(folder: Path) -> tuple[AnyArray, AnyArray, pd.DataFrame]:
    """Which volumes are inside the story; planted courses and confounds of these."""
    truth = read_truth(folder)
    kept = truth.courses["kept"].astype(str).eq("True").to_numpy()
    table = pd.read_csv(folder / f"{FUNC}_desc-confounds_timeseries.tsv", sep="\t", na_values="n/a")
    return kept, truth.courses.filter(like="atom-").to_numpy()[kept], table[kept]


def test_the_set_of_files_is_complete(demo: Demo) -> None:
    models = [f"sourcedata/models/{name}/{file}" for name in ("gpt2", "bert", "llama") for file in
              ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")]  # fmt: skip
    volume = f"{FUNC}_space-MNI152NLin6Asym_res-4_desc"
    expected = {
        ".bidsignore", "README.md", "dataset_description.json", "participants.tsv", "code/demo.toml",
        "sub-01/func/sub-01_task-lighthouse_events.tsv", "sub-01/func/sub-01_task-lighthouse_bold.json",
        "stimuli/lighthouse_audio.wav", "stimuli/gentle/lighthouse/align.csv",
        "derivatives/fmriprep/dataset_description.json", "derivatives/atlas/dataset_description.json",
        *(f"{FUNC}_hemi-{side}_space-fsaverage5_bold.{ending}" for side in "LR" for ending in ("func.gii", "json")),
        *(f"{volume}-{what}" for what in ("preproc_bold.nii.gz", "preproc_bold.json", "brain_mask.nii.gz",
                                          "brain_mask.json")),
        *(f"{FUNC}_desc-confounds_timeseries.{ending}" for ending in ("tsv", "json")),
        *(f"derivatives/atlas/tpl-fsaverage5_hemi-{side}_atlas-Demo_dseg.label.gii" for side in "LR"),
        *(f"derivatives/atlas/tpl-MNI152NLin6Asym_res-4_atlas-Demo_dseg.{ending}" for ending in ("nii.gz", "tsv")),
        *(f"sourcedata/truth/{name}" for name in ("truth.tsv", "truth_atoms.tsv", "truth_subgroups.tsv", "truth.json")),
        *models,
    }  # fmt: skip
    folder = demo[0]
    assert {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} == expected


def test_same_seed_same_bytes_whatever_the_spaces(demo: Demo, tmp_path: Path) -> None:
    generate(tmp_path / "again", replace(SMALL, spaces=("fsaverage5",)))
    told_otherwise = {"truth.json"}  # holds the data set's own path
    compared = [path for path in (tmp_path / "again").rglob("*") if path.is_file() and path.name not in told_otherwise]
    assert len(compared) > 25
    for path in compared:
        assert path.read_bytes() == (demo[0] / path.relative_to(tmp_path / "again")).read_bytes(), path


def test_surfaces_have_a_medial_wall_and_plausible_intensities(demo: Demo) -> None:
    data = surface(demo[0])
    assert data.shape == (SMALL.n_volumes, 2 * N_VERTICES)
    missing = np.isnan(data)
    assert (missing == missing[0]).all()
    assert 0.06 < missing[0].mean() < 0.1
    assert (atlas_labels(demo[0])[missing[0]] == 0).all()
    assert np.nanmean(data) == pytest.approx(10_000, rel=0.02)
    assert 0.005 < np.median(np.std(data[:, ~missing[0]], axis=0)) / 10_000 < 0.03


def test_response_is_explained_by_the_planted_atoms_in_their_networks_alone(demo: Demo) -> None:
    folder, truth = demo
    data, (kept, courses, table) = surface(folder), kept_rows(folder)
    labels = atlas_labels(folder)
    names = nibabel.load(folder / "derivatives/atlas/tpl-fsaverage5_hemi-L_atlas-Demo_dseg.label.gii").labeltable
    key = {name: number for number, name in names.get_labels_as_dict().items()}
    columns = [int(str(name).removeprefix("atom-")) for name in truth.courses.filter(like="atom-")]
    for network, links in truth.links.groupby("network"):
        mine = [columns.index(atom) for atom in links["atom"]]
        inside = labels == key[network]
        own = explained(data[kept][:, inside], courses[:, mine], table)
        others = explained(data[kept][:, inside], np.delete(courses, mine, axis=1)[:, : len(mine)], table)
        assert own.mean() > others.mean() + 0.15


def test_sign_of_the_links_is_the_sign_of_the_response(demo: Demo) -> None:
    folder, truth = demo
    data, (kept, courses, _) = surface(folder), kept_rows(folder)
    labels, names = atlas_labels(folder), sorted(truth.links["network"].unique())
    columns = [int(str(name).removeprefix("atom-")) for name in truth.courses.filter(like="atom-")]
    for _, link in truth.links.iterrows():
        inside = labels == names.index(link["network"]) + 1
        mates = truth.links.loc[truth.links["network"] == link["network"], "atom"]
        design = courses[:, [columns.index(atom) for atom in mates]]
        beta = np.linalg.lstsq(np.c_[np.ones(len(design)), design], data[kept][:, inside], rcond=None)[0][1:]
        assert np.sign(beta.mean(axis=1)[list(mates).index(link["atom"])]) == np.sign(link["gain"])


def test_both_spaces_show_the_same_brain(demo: Demo) -> None:
    folder = demo[0]
    volume = nibabel.load(folder / f"{FUNC}_space-MNI152NLin6Asym_res-4_desc-preproc_bold.nii.gz")
    assert volume.header.get_zooms() == pytest.approx((4, 4, 4, 1.5))
    brain = nibabel.load(folder / f"{FUNC}_space-MNI152NLin6Asym_res-4_desc-brain_mask.nii.gz").get_fdata() > 0
    data = volume.get_fdata()
    assert (data[~brain] == 0).all()
    assert 1.0e6 < brain.sum() * 64 < 2.5e6  # mm³
    dseg = nibabel.load(folder / "derivatives/atlas/tpl-MNI152NLin6Asym_res-4_atlas-Demo_dseg.nii.gz").get_fdata()
    on_surface, labels = surface(folder), atlas_labels(folder)
    for network in range(1, 8):
        first, second = data[dseg == network].mean(axis=0), on_surface[:, labels == network].mean(axis=1)
        assert np.corrcoef(first, second)[0, 1] > 0.8


def test_events_and_words_share_a_time_line(demo: Demo) -> None:
    folder = demo[0]
    events = pd.read_csv(folder / "sub-01/func/sub-01_task-lighthouse_events.tsv", sep="\t")
    assert events["trial_type"].tolist() == ["music", "story"]
    music, story = events.to_dict("records")
    words = read_words(folder / "stimuli/gentle/lighthouse/align.csv")
    scan_time = words.onset + music["onset"]
    assert np.nanmin(scan_time) >= story["onset"]
    assert np.nanmax(scan_time + words.duration) <= story["onset"] + story["duration"]
    assert 0 < np.isnan(words.onset).sum() < 0.1 * len(words)


def test_confounds_can_be_told_apart(demo: Demo) -> None:
    table = pd.read_csv(demo[0] / f"{FUNC}_desc-confounds_timeseries.tsv", sep="\t", na_values="n/a")
    metadata = json.loads((demo[0] / f"{FUNC}_desc-confounds_timeseries.json").read_text())
    masks = [metadata[name]["Mask"] for name in table.filter(like="a_comp_cor_")]
    assert masks == ["CSF"] * 5 + ["WM"] * 5
    assert {"trans_x", "rot_z", "cosine00", "framewise_displacement"} <= set(table)
    assert len(table) == SMALL.n_volumes


def test_settings_name_files_that_exist(demo: Demo) -> None:
    settings = tomllib.loads((demo[0] / "code/demo.toml").read_text())
    assert settings["model"] == ["../sourcedata/models/gpt2"]
    assert settings["atlas"] == "../derivatives/atlas/tpl-fsaverage5_hemi-L_atlas-Demo_dseg.label.gii"
    assert all((demo[0] / "code" / path).exists() for path in (*settings["model"], settings["atlas"]))


@pytest.mark.parametrize("spaces", [("fsaverage5",), ("MNI152NLin6Asym",), ("MNI152NLin6Asym", "fsaverage5")])
def test_settings_name_the_atlas_of_the_space_that_is_analysed(spaces: tuple[str, ...], tmp_path: Path) -> None:
    options = replace(SMALL, participants=1, spaces=spaces, snr=0)
    generate(tmp_path / "demo", options)
    settings = tomllib.loads((tmp_path / "demo/code/demo.toml").read_text())
    space = "fsaverage5" if "fsaverage5" in spaces else "MNI152NLin6Asym"
    assert Path(settings["atlas"]).name.startswith(f"tpl-{space}_")


def test_only_reproducible_families_are_planted_and_it_is_said_how_many(demo: Demo) -> None:
    truth = demo[1]
    assert (truth.links["rho"] >= 0.85).all()
    assert truth.options["planted_families"] == truth.links["atom"].nunique() == 14
    assert truth.options["reproducible_families"] >= 14
    courses = np.abs(truth.courses.filter(like="atom-")[kept_rows(demo[0])[0]].corr().to_numpy())
    assert (courses - np.eye(len(courses))).max() < 0.5 + 0.02  # of families as time courses of neurons give them
    assert describe(truth).startswith("14 families of neurons are planted in 7 networks, out of ")


def test_families_come_back_in_a_dictionary_of_other_starts(demo: Demo) -> None:
    folder, truth = demo
    words = read_words(folder / "stimuli/gentle/lighthouse/align.csv")
    scan = made_scan("lighthouse", SMALL.n_volumes)
    model = load_model(str(folder / "sourcedata/models/gpt2"), device="cpu")
    with tempfile.TemporaryDirectory() as cache:
        neurons = responses(read_activations(model, words.text, "ffn-out", "auto", Path(cache)), words, scan)
    found = ReproducibleDictionary(random_state=0, device="cpu").fit(neurons[scan.kept])
    planted = truth.courses.filter(like="atom-").to_numpy()[scan.kept]
    r = np.abs(np.corrcoef(planted.T, found.families_.T)[: planted.shape[1], planted.shape[1] :])
    assert (r.max(axis=1) > 0.8).all()
    assert (found.reproducibility_[r.argmax(axis=1)] >= 0.8).mean() > 0.9


def test_a_model_whose_restarts_agree_on_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bids_app.demo.atoms.REPRODUCIBLE", 1.01)
    scan = made_scan("tale", 60)
    noise = np.random.default_rng(0).standard_normal((60, 100)).astype(np.float32)
    with pytest.raises(ValueError, match="nothing can be planted"):
        find_atoms([scan], [noise], 14, 0)


@pytest.mark.parametrize(("stories", "pooled"), [(1, None), (2, True)])
def test_several_stories_are_pooled(demo: Demo, tmp_path: Path, stories: int, pooled: bool | None) -> None:
    folder = demo[0]
    if stories > 1:
        folder = tmp_path / "two"
        generate(folder, replace(SMALL, stories=stories, snr=0, spaces=("fsaverage5",)))
    assert tomllib.loads((folder / "code/demo.toml").read_text()).get("pool_tasks") is pooled


def test_evaluation_of_the_truth_itself_is_perfect(
    demo: Demo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, truth = demo
    stem = f"lighthouse_audio_model-{truth.options['model_label']}_desc-atoms_timeseries"
    kept, courses, _ = kept_rows(folder)
    columns = list(truth.courses.filter(like="atom-"))
    (tmp_path / "stimuli").mkdir()
    pd.DataFrame(-courses).to_csv(tmp_path / f"stimuli/{stem}.tsv.gz", sep="\t", header=False, index=False)
    start = float(np.flatnonzero(kept)[0] * 1.5 - 3.0)
    (tmp_path / f"stimuli/{stem}.json").write_text(json.dumps({"Columns": columns, "StartTime": start}))
    links = truth.links.drop(columns="rho").assign(
        atom=[columns.index(f"atom-{atom:02d}") + 1 for atom in truth.links["atom"]],
        part=truth.links["part"].map({"active": "deactive", "deactive": "active"}),
        linked=True,
    )
    label = truth.options["model_label"]
    for where in ("sub-01/func/sub-01_task-lighthouse", "group/task-lighthouse"):
        path = tmp_path / f"{where}_space-fsaverage5_model-{label}_desc-atoms_networks.tsv"
        path.parent.mkdir(parents=True)
        links.to_csv(path, sep="\t", index=False)
    result = evaluate(folder, tmp_path)
    assert result["participant"].tolist() == ["01", "group"]
    assert result[["precision", "recall"]].to_numpy().tolist() == [[1, 1], [1, 1]]
    assert result["atom_correlation"].tolist() == pytest.approx([1, 1])
    assert "precision" in capsys.readouterr().out


def test_snr_of_zero_plants_nothing(demo: Demo, tmp_path: Path) -> None:
    truth = generate(tmp_path / "nothing", replace(SMALL, snr=0, spaces=("fsaverage5",)))
    assert truth.links.empty
    kept, courses, table = kept_rows(demo[0])
    data = surface(tmp_path / "nothing")[kept][:, atlas_labels(demo[0]) > 0]
    chance = courses.shape[1] / (len(courses) - table.filter(regex="trans|rot|cosine|a_comp").shape[1] - 1)
    assert explained(data, courses, table).mean() < 3 * chance  # autocorrelation makes chance larger


def test_given_words_and_atlas_are_used(tmp_path: Path) -> None:
    words = ["The", "fox", "", "wept", "near", "the", "harbour"] * 60
    rows = [
        f"        intervals [{i + 1}]:\n            xmin = {i * 0.4}\n            xmax = {(i + 1) * 0.4}\n"
        f'            text = "{word}"\n'
        for i, word in enumerate(words)
    ]
    end = len(words) * 0.4
    grid = (
        f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = {end}\ntiers? <exists>\nsize = 1\n'
        f'item []:\n    item [1]:\n        class = "IntervalTier"\n        name = "words"\n        xmin = 0\n'
        f"        xmax = {end}\n        intervals: size = {len(words)}\n" + "".join(rows)
    )
    (tmp_path / "alice.TextGrid").write_text(grid)
    for side, hemisphere in (("lh", np.arange(N_VERTICES) % 3), ("rh", np.arange(N_VERTICES) % 3)):
        colours = np.array([[0, 0, 0, 0, 0], [200, 0, 0, 0, 200], [0, 200, 0, 0, 51200]])
        names = ["unknown", "7Networks_1", "7Networks_2"]
        nibabel.freesurfer.write_annot(tmp_path / f"{side}.Two.annot", hemisphere, colours, names, fill_ctab=True)
    folder = tmp_path / "demo"
    given: dict[str, Any] = {"annotations": tmp_path / "alice.TextGrid", "atlas": tmp_path / "lh.Two.annot"}
    truth = generate(folder, replace(DEFAULTS, **given, participants=1, spaces=("fsaverage5",), snr=0.5))
    assert (folder / "stimuli/alice_audio.TextGrid").read_text() == grid
    assert truth.options["stories"] == ["alice"]
    assert set(truth.links["network"]) <= set(np.unique(["7Networks_1", "7Networks_2", "Visual", "Somatomotor"]))
    assert (folder / "derivatives/atlas/tpl-fsaverage5_hemi-R_atlas-Two_dseg.label.gii").exists()
    image = nibabel.load(
        folder / "derivatives/fmriprep/sub-01/func/sub-01_task-alice_hemi-L_space-fsaverage5_bold.func.gii"
    )
    assert len(image.darrays) * 1.5 > end


@pytest.mark.parametrize(
    ("options", "message"),
    [({"snr": -1}, "snr"), ({"spaces": ("fsaverage6",)}, "fsaverage6"), ({"participants": 0}, "participants")],
)
def test_impossible_options_are_named(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        generate(tmp_path / "demo", replace(DEFAULTS, **options))


def test_a_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="not empty"):
        generate(tmp_path)


@pytest.mark.parametrize(("n_networks", "n_driven"), [(7, None), (7, 4), (7, 2), (3, 4), (1, 4)])
def test_driven_networks_have_as_many_atoms_of_each_sign_and_the_others_none(
    n_networks: int, n_driven: int | None
) -> None:
    names = [f"N{number}" for number in range(n_networks)]
    chosen = driven(names, n_driven, seed=3)
    assert len(chosen) == min(n_networks, n_driven or n_networks)
    assert set(chosen) <= set(names)
    links = plan_links(range(1, 2 * len(chosen) + 1), chosen, 2 * len(chosen), seed=3)
    counts = links.groupby(["network", "part"]).size()
    assert set(links["network"]) == set(chosen)
    assert (counts == 2).all()
    both = links.groupby("atom")["network"].nunique()
    assert (both == 2).all() or n_networks == 1  # no atom has both signs in one network
