import json
import multiprocessing
import shutil
from pathlib import Path
from typing import Any

import pytest
from bids import layout

from bids_app.bids import index
from bids_app.bids.conftest import TinyDataset
from bids_app.bids.dataset import Dataset, DatasetError, open_dataset
from bids_app.bids.runs import first_space
from bids_app.bids.sources import odd_folders, participant_labels

OLD = "sub-001_task-pieman_run-1_space-fsaverage6_hemi-{hemi}.func.gii"
NEW = "sub-001_task-pieman_run-1_hemi-{hemi}_space-fsaverage6_bold.func.gii"
AFNI = "sub-001_task-pieman_run-1_space-fsaverage6_hemi-{hemi}_desc-clean.func.gii"
VOLUME = "sub-001_task-pieman_run-1_space-MNI152NLin2009cAsym_res-native_desc-{desc}_bold.nii.gz"
RUN = "sub-001_task-pieman_run-1"


def both(pattern: str) -> list[str]:
    return [pattern.format(hemi=hemi) for hemi in "LR"]


@pytest.mark.parametrize(("pattern", "is_clean"), [(OLD, False), (NEW, False), (AFNI, True)])
def test_every_style_of_surface_names(tiny: TinyDataset, pattern: str, is_clean: bool) -> None:
    tiny.raw(RUN)
    root = tiny.derivative("prep", both(pattern))
    (run,) = open_dataset(tiny.root).runs("sub-001").runs
    assert run.files == tuple(root / "sub-001" / "func" / name for name in both(pattern))
    assert (run.kind, run.space, run.subject, run.task, run.run) == ("surface", "fsaverage6", "001", "pieman", "1")
    assert (run.is_clean, run.repetition_time, run.label) == (is_clean, 1.5, RUN)
    assert run.events == tiny.root / "sub-001" / "func" / f"{RUN}_events.tsv"
    assert "hemi" not in run.entities


def test_a_volume_has_its_mask_and_confounds(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    tiny.raw("sub-001_task-pieman_run-2")
    mask = f"{RUN}_space-MNI152NLin2009cAsym_res-native_desc-brain_mask.nii.gz"
    confounds = f"{RUN}_desc-confounds_regressors.tsv"
    others = [name.replace(*change) for name in (mask, confounds) for change in (("run-1", "run-2"), ("_run-1", ""))]
    others += [mask.replace("MNI152NLin2009cAsym", "T1w"), mask.replace("res-native", "res-2")]
    tiny.derivative("fmriprep", [VOLUME.format(desc="preproc"), mask, confounds, *others])
    (run,) = open_dataset(tiny.root).runs("001").runs
    assert run.mask is not None
    assert run.confounds is not None
    assert (run.kind, run.mask.name, run.confounds.name) == ("volume", mask, confounds)


def test_parcels(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    names = [f"{RUN}_space-fsLR_seg-4S156Parcels_den-91k_stat-{stat}_timeseries.tsv" for stat in ("mean", "alff")]
    tiny.derivative("xcpd", names)
    for space in (None, "4S156Parcels", "seg-4S156Parcels"):
        (run,) = open_dataset(tiny.root).runs("001", space=space).runs
        assert (run.kind, run.seg, run.files[0].name) == ("parcels", "4S156Parcels", names[0])


def test_tasks_sessions_and_runs_are_matched_as_whole_labels(tiny: TinyDataset) -> None:
    names = ["sub-001_ses-a_task-pieman_run-1", "sub-001_ses-a_task-piemanpni", "sub-001_ses-ab_task-pieman_run-02"]
    for name in names:
        tiny.raw(name)
    tiny.derivative("prep", [f"{name}_space-T1w_bold.nii.gz" for name in names])
    dataset = open_dataset(tiny.root)

    def labels(**asked: Any) -> list[str]:
        return [run.label for run in dataset.runs("001", **asked).runs]

    assert labels() == names
    assert labels(tasks=["pieman"]) == labels(tasks=["task-pieman"]) == [names[0], names[2]]
    assert labels(sessions=["ses-a"]) == names[:2]
    assert labels(run_ids=["2"]) == labels(run_ids=["run-02"]) == [names[2]]
    with pytest.raises(DatasetError, match=r"matches pie; there is .*task-pieman_run-1, .*piemanpni"):
        labels(tasks=["pie"])


def test_default_space() -> None:
    assert first_space(["T1w", "MNI152NLin2009cAsym", "fsaverage5", "MNI152NLin6Asym"]) == "fsaverage5"
    assert first_space(["", "T1w", "MNI152NLin6Asym"]) == "MNI152NLin6Asym"
    assert first_space(["", "zebra", "T1w"]) == "zebra"  # what participants share before their own brains
    assert first_space(["T1w", "", "fsaverage", "fsnative", "MNIPediatric"]) == "fsaverage"
    assert first_space(["T1w", "fsnative", "fsLR", "MNI152NLin2009cAsym"]) == "MNI152NLin2009cAsym"
    assert first_space(["", "T1w"]) == "T1w"
    assert first_space(["", "fsaverage6", "fsaverage5"]) == "fsaverage6"


def test_a_space_that_a_run_lacks(tiny: TinyDataset) -> None:
    for name in (RUN, "sub-001_task-tunnel"):
        tiny.raw(name)
    tiny.derivative("prep", [*both(NEW), VOLUME.format(desc="preproc"), "sub-001_task-tunnel_space-T1w_bold.nii.gz"])
    dataset = open_dataset(tiny.root)
    selection = dataset.runs("001")
    assert [run.space for run in selection.runs] == ["fsaverage6"]
    assert selection.excluded[0].label == "sub-001_task-tunnel"
    assert "only in T1w" in selection.excluded[0].reason
    assert dataset.runs("001", space="MNI152NLin2009cAsym").runs[0].kind == "volume"
    with pytest.raises(DatasetError, match="not available in the space fsaverage5, only in MNI152NLin2009cAsym"):
        dataset.runs("001", space="fsaverage5")


def test_the_cleaned_version_counts_unless_a_filter_says_otherwise(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", [VOLUME.format(desc=desc) for desc in ("preproc", "clean", "cleanSmoothed")])
    dataset = open_dataset(tiny.root)
    assert dataset.runs("001").runs[0].entities["desc"] == "clean"
    (run,) = dataset.runs("001", filters={"bold": {"desc": "preproc", "ses": None}}).runs
    assert (run.entities["desc"], run.is_clean) == ("preproc", False)
    with pytest.raises(DatasetError, match="bald; only 'bold'"):
        dataset.runs("001", filters={"bald": {}})
    with pytest.raises(DatasetError, match="flavour"):
        dataset.runs("001", filters={"bold": {"flavour": "sweet"}})


def test_two_resolutions_need_a_choice(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    volume = VOLUME.format(desc="preproc")
    tiny.derivative("prep", [volume, volume.replace("res-native", "res-2")])
    dataset = open_dataset(tiny.root)
    with pytest.raises(DatasetError, match=r"(?s)several versions.*--bids-filter-file.*res-2.*res-native"):
        dataset.runs("001")
    assert dataset.runs("001", filters={"bold": {"res": "2"}}).runs[0].entities["res"] == "2"


def test_a_missing_hemisphere_is_named_when_its_space_is_chosen(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", [NEW.format(hemi="R"), VOLUME.format(desc="preproc")])
    dataset = open_dataset(tiny.root)
    with pytest.raises(DatasetError, match=r"_hemi-L_space-fsaverage6_bold\.func\.gii is missing"):
        dataset.runs("001")
    assert dataset.runs("001", space="MNI152NLin2009cAsym").runs


def test_runs_without_events(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", [*both(NEW), *(name.replace("pieman", "rest") for name in both(NEW))])
    dataset = open_dataset(tiny.root)
    selection = dataset.runs("001")
    assert [run.task for run in selection.runs] == ["pieman"]
    assert "no events.tsv" in selection.excluded[0].reason
    with pytest.raises(DatasetError, match=r"sub-001_task-rest_run-1_events\.tsv .* missing"):
        dataset.runs("001", tasks=["rest"])


def test_events_are_inherited(tiny: TinyDataset) -> None:
    tiny.derivative("prep", both(NEW))
    (tiny.root / "task-pieman_events.tsv").write_text("onset\tduration\tstim_file\n0\t1\ta.wav\n")
    (tiny.root / "task-pieman_bold.json").write_text('{"RepetitionTime": 2}')
    (run,) = open_dataset(tiny.root).runs("001").runs
    assert (run.events.name, run.repetition_time) == ("task-pieman_events.tsv", 2.0)


def test_an_exclusion_list_whose_content_is_not_here_is_not_taken_for_none(tiny: TinyDataset) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", [f"{RUN}_space-T1w_bold.nii.gz"])
    (tiny.root / "code").mkdir()
    (tiny.root / "code" / "scan_exclude.json").symlink_to("../.git/annex/objects/gone")
    with pytest.raises(DatasetError, match=r"scan_exclude\.json is a link to content that is not here"):
        open_dataset(tiny.root)


def test_scans_on_the_exclusion_list_are_left_out_and_listed(tiny: TinyDataset) -> None:
    runs = [RUN, "sub-001_task-pieman_run-2", "sub-001_task-piemanpni"]
    for name in runs:
        tiny.raw(name)
    tiny.derivative("prep", [f"{name}_space-T1w_bold.nii.gz" for name in runs])
    (tiny.root / "code").mkdir()
    exclusions = tiny.root / "code" / "scan_exclude.json"
    exclusions.write_text(json.dumps({"pieman": {"sub-001": ["sub-001_task-pieman_run-1"]}, "black": {}}))
    selection = open_dataset(tiny.root).runs("001")
    assert [run.label for run in selection.runs] == runs[1:]
    assert [(run.label, run.reason) for run in selection.excluded] == [(RUN, "on the list of scans to leave out")]
    mine = tiny.root / "mine.json"
    mine.write_text('["sub-001_task-pieman"]')
    assert [run.label for run in open_dataset(tiny.root, exclude_scans=mine).runs("001").runs] == runs[2:]
    mine.write_text('{"pieman": 3}')
    with pytest.raises(DatasetError, match="3 is not the name of a scan"):
        open_dataset(tiny.root, exclude_scans=mine)


def test_the_choice_of_derivatives(tiny: TinyDataset) -> None:
    with pytest.raises(DatasetError, match=r"(?s)No preprocessed BOLD .*-d\. Looked in:\n .*raw/derivatives"):
        open_dataset(tiny.root)
    tiny.raw(RUN)
    first = tiny.derivative("fmriprep", both(OLD))
    tiny.derivative("neurons2networks", [f"{RUN}_hemi-L_space-fsaverage5_model-x_stat-r_desc-atoms_statmap.func.gii"])
    tiny.derivative("mriqc", [f"{RUN}_bold.json"])
    assert open_dataset(tiny.root).derivatives == {"fmriprep": first}
    second = tiny.derivative("afni-nosmooth", both(AFNI))
    with pytest.raises(DatasetError, match=r"(?s)Several.*-d .*afni-nosmooth\n +-d .*fmriprep"):
        open_dataset(tiny.root)
    assert open_dataset(tiny.root, [second]).links == {"raw": tiny.root, "afninosmooth": second}
    dataset = open_dataset(tiny.root, [f"clean={second}", str(first)])
    assert dataset.runs("001").runs[0].derivative == second
    assert dataset.uri(dataset.runs("001").runs[0].files[0]) == f"bids:clean:sub-001/func/{AFNI.format(hemi='L')}"
    with pytest.raises(DatasetError, match="needs another name than fmriprep"):
        open_dataset(tiny.root, [first, first])
    with pytest.raises(DatasetError, match="nowhere is not a folder"):
        open_dataset(tiny.root, ["nowhere"])


def test_an_unknown_participant(tiny: TinyDataset) -> None:
    tiny.derivative("prep", [NEW.format(hemi="L").replace("001", f"{i:03d}") for i in range(12)])
    message = r"no participant 1 in .*; there are 000, 001, .*, 009, … \(12 in all\)"
    with pytest.raises(DatasetError, match=message):
        open_dataset(tiny.root).runs("sub-1")


def test_only_the_asked_participant_is_indexed(
    tiny: TinyDataset, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With one file per participant, pybids must meet exactly one."""
    tiny.raw(RUN)
    root = tiny.derivative("prep", [name.replace("001", sub) for sub in ("001", "0011", "002") for name in both(OLD)])
    (root / "sub-001" / "anat").mkdir()
    (root / "sub-001" / "anat" / "sub-001_T1w.nii.gz").touch()
    files = []

    class Spy(layout.BIDSLayout):  # type: ignore[misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            files.extend(self.files)

    monkeypatch.setattr(layout, "BIDSLayout", Spy)
    dataset = open_dataset(tiny.root, database_dir=tmp_path / "database")
    assert dataset.participants() == ["001", "0011", "002"]
    first = dataset.runs("001")
    assert [Path(file).name for file in files] == both(OLD)
    again = open_dataset(tiny.root, database_dir=tmp_path / "database")
    assert again.runs("001") == first


def _index(root: Path, database: Path) -> list[str]:
    return [run.label for run in open_dataset(root, database_dir=database).runs("001").runs]


def test_processes_that_start_together_share_one_index(tiny: TinyDataset, tmp_path: Path) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", both(OLD))
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        indices = pool.starmap(_index, [(tiny.root, tmp_path / "database")] * 4)
    assert indices == [indices[0]] * 4
    assert len(indices[0]) == 1
    (kept,) = (tmp_path / "database").iterdir()
    assert kept.name.startswith("prep_sub-001_")


def test_a_kept_index_knows_its_data_set_and_sees_what_came_later(tiny: TinyDataset, tmp_path: Path) -> None:
    tiny.raw(RUN)
    tiny.derivative("prep", both(OLD))
    database = tmp_path / "database"
    tiny.raw(RUN.replace("run-1", "run-2"))
    other = tmp_path / "other"
    shutil.copytree(tiny.root, other)
    first, second = (open_dataset(root, database_dir=database).runs("001").runs[0] for root in (tiny.root, other))
    assert first.files[0].is_relative_to(tiny.root)
    assert second.files[0].is_relative_to(other)
    late = [name.replace("run-1", "run-3") for name in both(OLD)]
    tiny.raw(RUN.replace("run-1", "run-3"))
    tiny.derivative("prep", late)
    assert len(_index(tiny.root, database)) == 2
    for name in late:
        next(tiny.root.rglob(name)).unlink()
    assert len(_index(tiny.root, database)) == 1
    assert len(list(database.iterdir())) == 2  # one for each data set: what is outdated goes
    # another data set at the place of the first, as in a container
    tiny.root.rename(tmp_path / "away")
    other.rename(tiny.root)
    for name in both(OLD):
        path = next(tiny.root.rglob(name))
        path.rename(path.with_name(name.replace("run-1", "run-2")))
    assert _index(tiny.root, database) == ["sub-001_task-pieman_run-2"]


def test_stimuli_of_the_whole_data_set(narratives: Path) -> None:
    excluded = ("sub-023_task-milkyway", "sub-038_task-milkyway", "sub-105_task-milkyway")
    heard = Dataset(narratives, {}, excluded).tasks_stimuli()
    assert (len(heard.uses), heard.unreadable) == (28, {})
    vodka = heard.uses["milkywayvodka_audio"][0]
    assert (vodka.participant, vodka.task, vodka.stimulus.story) == ("030", "milkyway", ((21.0, 425.0),))
    assert vodka.repetition_time in {1.5, 1.52}
    assert set(Dataset(narratives, {}).tasks_stimuli(["task-pieman"]).uses) == {"pieman_audio"}


def test_folders_whose_names_are_no_labels_are_no_participants(tmp_path: Path) -> None:
    for name in ("sub-01", "sub-..", "sub-.*", "sub-<img>", "sub-02_old", "sub-0\n3", "sub-a+B"):
        (tmp_path / name).mkdir()
    assert participant_labels(tmp_path) == ["01", "a+B"]
    assert odd_folders(tmp_path) == sorted(["sub-..", "sub-.*", "sub-<img>", "sub-02_old", "sub-0\n3"])


@pytest.mark.parametrize("refuse", [PermissionError(13, "Permission denied", "/data/sub-01/layout_config.json")])
def test_a_folder_that_may_not_be_read_is_an_error_of_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refuse: PermissionError
) -> None:
    def refusing(*_: object, **__: object) -> None:
        raise refuse

    monkeypatch.setattr(layout, "BIDSLayout", refusing)
    with pytest.raises(DatasetError, match=r"/data/sub-01 cannot be read by this user: change its permissions"):
        index.index_participant(tmp_path, "prep", "01", tmp_path / "database")
