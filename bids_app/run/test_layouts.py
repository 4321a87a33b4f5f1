"""Data sets as they were published: names and small files of each, BOLD made up; who, which runs, which words when."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.conftest import alice, write_gifti, write_nifti  # noqa: F401
from bids_app.bids.errors import DatasetError
from bids_app.inputs.sources import Sources, open_sources
from bids_app.inputs.timing import timed_words
from bids_app.run.check import check, check_runs
from bids_app.run.check_rows import RunCheck
from bids_app.settings import Settings

VOLUMES = 50
LAST = 59.3  # s at which the last of the 60 words ends


@dataclass
class Skeleton:
    """A data set that is made file by file."""

    root: Path
    repetition_time: float = 2.0

    def text(self, name: str, text: str = "") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def json(self, name: str, **content: object) -> None:
        self.text(name, json.dumps(content))

    def bold(self, name: str, volumes: int = VOLUMES) -> None:
        series = np.random.default_rng(0).normal(100, 1, (2, 2, 1, volumes)).astype(np.float32)
        write_nifti(self.root / name, series, repetition_time=self.repetition_time)

    def regions(self, name: str, volumes: int = VOLUMES) -> None:
        rows = np.random.default_rng(0).normal(0, 1, (volumes, 3))
        self.text(name, "A\tB\tC\n" + "".join("\t".join(f"{x:.3f}" for x in row) + "\n" for row in rows))

    def table(self, name: str, words: Sequence[str] = (), onset: float = 0.0, scale: float = 1.0) -> None:
        words = words or WORDS
        rows = [f"{(at + onset) * scale:g}\t{0.3 * scale:g}\t{word}\n" for at, word in enumerate(words)]
        self.text(name, "onset\tduration\tword\n" + "".join(rows))

    def textgrid(self, name: str, tier: str = "word", words: Sequence[str] = ()) -> None:
        words = words or WORDS
        cells = [(at, at + 0.3, word) for at, word in enumerate(words)] + [(len(words), len(words) + 1, "sp")]
        tiers = [(tier, cells), (tier.replace("word", "phone"), [(a, b, "AH0") for a, b, _ in cells])]
        text = 'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0\nxmax = 62\n'
        text += "tiers? <exists>\nsize = 2\nitem []:\n"
        for number, (label, intervals) in enumerate(tiers, 1):
            text += f'item [{number}]:\nclass = "IntervalTier"\nname = "{label}"\nxmin = 0\nxmax = 62\n'
            text += f"intervals: size = {len(intervals)}\n"
            for at, (start, end, mark) in enumerate(intervals, 1):
                text += f'intervals [{at}]:\nxmin = {start}\nxmax = {end}\ntext = "{mark}"\n'
        self.text(name, text)

    def sources(self, **settings: object) -> Sources:
        return open_sources(self.settings(**settings))

    def settings(self, **settings: object) -> Settings:
        usual: dict[str, object] = {"skip_bids_validation": not (self.root / "dataset_description.json").exists()}
        return Settings(bids_dir=self.root, out_dir=self.root.parent / "out", level="participant", **(usual | settings))  # type: ignore[arg-type]

    def rows(self, **settings: object) -> dict[str, RunCheck]:
        sources = self.sources(**settings)
        return {row.run: row for row in check_runs(sources, sources.participants)}


WORDS = [f"word{chr(97 + at % 26)}" for at in range(60)]


@pytest.fixture
def made(tmp_path: Path) -> Skeleton:
    return Skeleton(tmp_path / "ds")


def first_word(sources: Sources, row: RunCheck) -> float:
    """When the first word of a run was heard, in seconds of the scan."""
    assert row.timing is not None
    return min(float(onset.min()) for _, _, onset, _ in timed_words(row.timing, sources.stories))


def numbers(rows: Mapping[str, RunCheck]) -> dict[str, tuple[object, ...]]:
    return {
        name: row.problems or (row.stimuli, row.repetition_time, row.volumes, row.story_volumes, row.words)
        for name, row in rows.items()
    }


def test_lebel(made: Skeleton) -> None:
    """ds003020: no events, the audio starts 10 s into the run; TextGrids in the derivative; one story heard often."""
    made.json("dataset_description.json", Name="LeBel", BIDSVersion="1.2.0")
    made.json("task-alternateithicatom_bold.json", RepetitionTime=2.0, TaskName="alternateithicatom")
    made.json("task-wheretheressmoke_bold.json", RepetitionTime=2.0, TaskName="wheretheressmoke")
    for story in ("alternateithicatom", "wheretheressmoke"):
        made.textgrid(f"derivative/TextGrids/{story}.TextGrid")
    runs = [
        "sub-UTS01/ses-2/func/sub-UTS01_ses-2_task-alternateithicatom",
        *(f"sub-UTS01/ses-{n}/func/sub-UTS01_ses-{n}_task-wheretheressmoke" for n in (2, 3)),
    ]
    for run in runs:
        made.bold(f"derivatives/prep/{run}_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz")
        made.text(f"{run}_bold.nii.gz").unlink()
    annotations = made.root / "derivative"
    refused = made.rows()
    assert all("has no events" in row.note or "events.tsv" in row.note + row.problem for row in refused.values())
    (annotations / "onsets.tsv").write_text("task\tstim_file\tonset\nn/a\t{task}.wav\t10\n")
    rows = made.rows(annotations=annotations)
    label = "sub-UTS01_ses-{}_task-{}"
    assert numbers(rows) == {
        label.format(2, "alternateithicatom"): ("alternateithicatom", 2.0, 50, 45, 60),
        label.format(2, "wheretheressmoke"): ("wheretheressmoke", 2.0, 50, 45, 60),
        label.format(3, "wheretheressmoke"): ("wheretheressmoke", 2.0, 50, 45, 60),
    }
    assert [row.repeated for row in rows.values()] == [0, 45, 45]
    assert first_word(made.sources(annotations=annotations), rows[label.format(2, "wheretheressmoke")]) == 10


def test_lebel_hdf5_is_refused(made: Skeleton) -> None:
    made.json("dataset_description.json", Name="LeBel", BIDSVersion="1.2.0")
    made.text("derivative/preprocessed_data/UTS01/wheretheressmoke.hf5", "x")
    with pytest.raises(DatasetError, match=r"wheretheressmoke.hf5 is an array in HDF5.*write it as NIfTI or as a .tsv"):
        made.sources()


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("EN", ["Once", "when", "I", "was", "six"] * 12),
        ("FR", ["Lorsque", "j'", "avais", "six", "ans"] * 12),
        ("CN", ["\u5f53", "\u6211", "\u8fd8", "\u53ea", "\u6709"] * 12),
    ],
)
def test_petit_prince(made: Skeleton, language: str, words: list[str]) -> None:
    """ds003643: no pipeline folder, no description, runs that start anywhere: a row of onsets.tsv for each run."""
    made.json("dataset_description.json", Name="LPP", BIDSVersion="1.5.1")
    made.json(f"task-lpp{language}_bold.json", RepetitionTime=2.0, TaskName="lppCN")
    for section in (1, 2):
        made.textgrid(f"annotation/{language}/lpp{language}_section{section}.TextGrid", words=words)
    for subject, first in (("057", 15), ("058", 7)):
        name = f"sub-{language}{subject}"
        for run in (first, first + 1):
            label = f"{name}/func/{name}_task-lpp{language}_run-{run}"
            made.bold(f"derivatives/{label}_space-MNIColin27_desc-preproc_bold.nii.gz")
            for echo in (1, 2, 3):
                made.json(f"{label}_echo-{echo}_bold.json", RepetitionTime=2.0)
    onsets = [
        f"sub-{language}{subject}\t{first + rank}\t{language}/lpp{language}_section{rank + 1}.wav\t4\n"
        for subject, first in (("057", 15), ("058", 7))
        for rank in (0, 1)
    ]
    made.text("annotation/onsets.tsv", "sub\trun\tstim_file\tonset\n" + "".join(onsets))
    rows = made.rows(annotations=made.root / "annotation")
    expected = {}
    for subject, first in (("057", 15), ("058", 7)):
        for rank, run in enumerate((first, first + 1), 1):
            stem = f"{language}/lpp{language}_section{rank}"
            expected[f"sub-{language}{subject}_task-lpp{language}_run-{run}"] = (stem, 2.0, 50, 48, 60)
    assert numbers(rows) == expected
    assert made.sources(annotations=made.root / "annotation").stories[stem].words.text[:5] == tuple(words[:5])


def test_petit_prince_hong_kong(made: Skeleton) -> None:
    """ds004718: no space entity, no events, unusual desc."""
    made.json("dataset_description.json", Name="LPPHK", BIDSVersion="1.8.0")
    name = "sub-HK001/func/sub-HK001_task-lppHK_run-{}"
    for run in (1, 2):
        made.json(f"{name.format(run)}_bold.json", RepetitionTime=2.0)
        made.bold(f"derivatives/{name.format(run)}_desc-preprocessed_bold.nii.gz")
        made.table(f"annotation/lppHK_run-{run}_words.tsv", ["\u6709", "\u4e00", "\u6b21"] * 20)
    made.text("annotation/onsets.tsv", "task\tstim_file\tonset\nlppHK\t{task}_run-{run}.wav\t0\n")
    rows = made.rows(annotations=made.root / "annotation")
    assert numbers(rows) == {f"sub-HK001_task-lppHK_run-{run}": (f"lppHK_run-{run}", 2.0, 50, 50, 60) for run in (1, 2)}
    assert {row.space for row in rows.values()} == {"own"}


def test_smn4lang(made: Skeleton) -> None:
    """ds004078: no func folder, MATLAB; times of words hold the 10.65 s of the events: onsets.tsv has 0."""
    made.repetition_time = 0.71
    made.json("dataset_description.json", Name="SMN4Lang", BIDSVersion="1.6.0")
    name = "sub-01_task-RDR_run-1"
    made.json("task-RDR_bold.json", RepetitionTime=0.71)
    made.text(f"sub-01/func/{name}_events.tsv", "onset\tduration\tstim_file\n10.65\t70\tstory_1.wav\n")
    made.bold(f"derivatives/preprocessed_data/sub-01/MNI/{name}_bold.nii.gz", 120)
    with pytest.raises(DatasetError, match="does not lie in a folder sub-LABEL/func"):
        made.sources()
    file = made.root / f"derivatives/preprocessed_data/sub-01/MNI/{name}_bold.nii.gz"
    (file.parents[1] / "func").mkdir()
    file.rename(file.parents[1] / "func" / file.name)
    made.text("annotations/stimuli/story_1.mat", "x")
    with pytest.raises(DatasetError, match=r"story_1.mat cannot be read: save onset, duration and word as a table"):
        _ = made.sources(annotations=made.root / "annotations").stories
    made.table("annotations/stimuli/story_1_words.tsv", onset=10.65)
    shifted = made.sources(annotations=made.root / "annotations")
    (row,) = check_runs(shifted, ["01"])
    assert first_word(shifted, row) == pytest.approx(21.3)  # the onset counts twice
    made.text("annotations/onsets.tsv", "task\trun\tstim_file\tonset\nRDR\t1\tstory_1.wav\t0\n")
    right = made.sources(annotations=made.root / "annotations")
    (row,) = check_runs(right, ["01"])
    assert first_word(right, row) == pytest.approx(10.65)
    assert (row.words, row.problems) == (60, ())


def test_nndb(made: Skeleton) -> None:
    """ds002837: a suffix that is not BIDS, unpadded labels, a sidecar of the task without a repetition time."""
    made.repetition_time = 0.0
    made.json("dataset_description.json", Name="NNDb", BIDSVersion="1.3.0")
    made.json("task-500daysofsummer_bold.json", TaskName="500daysofsummer")
    made.json("sub-1/func/sub-1_task-500daysofsummer_bold.json", RepetitionTime=1.0)
    made.bold("derivatives/sub-1/func/sub-1_task-500daysofsummer_bold_blur_censor_ica.nii.gz", 90)
    with pytest.raises(DatasetError, match="ends with _ica instead of _bold: rename it, with desc-NAME"):
        made.sources()
    file = made.root / "derivatives/sub-1/func/sub-1_task-500daysofsummer_bold_blur_censor_ica.nii.gz"
    file.rename(file.with_name("sub-1_task-500daysofsummer_desc-denoised_bold.nii.gz"))
    rows = [f"{word} {at} {at + 0.3}\n" for at, word in enumerate(WORDS)]
    made.text("stimuli/500daysofsummer.txt", "word onset offset\n" + "".join(rows))
    made.text("annotations/onsets.tsv", "task\tstim_file\tonset\nn/a\t{task}.mp4\t0\n")
    with pytest.raises(DatasetError, match=r"500daysofsummer.txt cannot be read: give a table with the columns"):
        _ = made.sources(annotations=made.root / "annotations").stories
    made.table("annotations/500daysofsummer_words.tsv")
    assert numbers(made.rows(annotations=made.root / "annotations")) == {
        "sub-1_task-500daysofsummer": ("500daysofsummer", 1.0, 90, 90, 60)
    }


def test_reading_brain(made: Skeleton) -> None:
    """ds003974: words in events.tsv in milliseconds, as the sidecar at the root says, with n/a onsets; TR 0.4 s."""
    made.repetition_time = 0.4
    made.json("dataset_description.json", Name="Reading Brain", BIDSVersion="1.6.0")
    made.json("task-read_bold.json", RepetitionTime=0.4)
    units = {"Units": "ms"}
    made.json("task-read_events.json", onset=units, duration=units)
    for subject, run, words in (("001", 1, WORDS), ("002", 1, WORDS), ("001", 2, WORDS[::-1])):
        name = f"sub-{subject}/func/sub-{subject}_task-read_run-{run}"
        made.bold(f"derivatives/fmriprep/{name}_space-MNI152NLin6Asym_desc-preproc_bold.nii.gz", 200)
        made.table(f"{name}_events.tsv", words, onset=int(subject), scale=1000)
        events = made.root / f"{name}_events.tsv"
        events.write_text(events.read_text() + "n/a\tn/a\tand\n")
    sources = made.sources()
    rows = {row.run: row for row in check_runs(sources, sources.participants)}
    labels = ("001_task-read_run-1", "002_task-read_run-1", "001_task-read_run-2")
    first, second, other = (rows[f"sub-{label}"] for label in labels)
    assert first.stimuli == second.stimuli != other.stimuli  # the same words are one stimulus, others another
    assert first.stimuli.startswith("read-")
    assert (first_word(sources, first), first_word(sources, second)) == (1.0, 2.0)
    assert numbers({"a": first})["a"][1:] == (0.4, 200, 149, 60)
    assert first.left_out == 0
    assert sources.stories[first.stimuli].words.text[0] == "worda"


def test_milliseconds_of_events_that_the_sidecar_says(made: Skeleton) -> None:
    made.json("dataset_description.json", Name="ms", BIDSVersion="1.6.0")
    made.table("stimuli/tale_words.tsv")
    for label, scale in (("01", 1000), ("02", 1)):
        name = f"sub-{label}/func/sub-{label}_task-tale"
        made.text(f"{name}_events.tsv", f"onset\tduration\tstim_file\n{4 * scale}\t{80 * scale}\ttale.wav\n")
        made.regions(f"derivatives/prep/{name}_seg-T_timeseries.tsv")
        made.json(f"derivatives/prep/{name}_seg-T_timeseries.json", RepetitionTime=2.0)
    made.json("sub-01/func/sub-01_task-tale_events.json", onset={"Units": "ms"}, duration={"Units": "milliseconds"})
    made.json("task-tale_events.json", onset={"Units": "s"}, duration={"Units": "s"})
    assert set(numbers(made.rows()).values()) == {("tale", 2.0, 50, 40, 60)}


def test_friends(made: Skeleton) -> None:
    """CNeuroMod: fMRIPrep, words in JSON, several sessions."""
    made.repetition_time = 1.49
    made.json("dataset_description.json", Name="friends", BIDSVersion="1.6.0")
    words = [{"word": w, "start": i, "end": i + 0.3, "speaker": "A", "confidence": 0.9} for i, w in enumerate(WORDS)]
    made.json("annotations/friends_s01e01a.json", words=words)
    made.text("annotations/onsets.tsv", "stim_file\tonset\nfriends_{task}.mkv\t0\n")
    name = "sub-01/ses-003/func/sub-01_ses-003_task-s01e01a"
    made.json(f"{name}_bold.json", RepetitionTime=1.49)
    made.bold(f"derivatives/fmriprep/{name}_space-MNI152NLin2009cAsym_desc-preproc_bold.nii.gz", 60)
    motion = "trans_x\n" + "".join(f"{at % 7}\n" for at in range(60))
    made.text(f"derivatives/fmriprep/{name}_desc-confounds_timeseries.tsv", motion)
    rows = made.rows(annotations=made.root / "annotations", confounds=("trans_x",))
    assert numbers(rows) == {"sub-01_ses-003_task-s01e01a": ("friends_s01e01a", 1.49, 60, 60, 60)}
    assert rows["sub-01_ses-003_task-s01e01a"].regressors == ("trans_x",)


def test_natural_stories(made: Skeleton) -> None:
    """TextGrids with tiers words and phones and numbered texts; of the malformed ones the place is named."""
    made.json("dataset_description.json", Name="NS", BIDSVersion="1.6.0")
    made.textgrid("stimuli/1.TextGrid", "words", [f"{word.upper()} / 1.{at}" for at, word in enumerate(WORDS)])
    broken = made.root / "stimuli" / "2.TextGrid"
    made.textgrid("stimuli/2.TextGrid", "words")
    broken.write_text(broken.read_text().replace("xmax = 7.3", "xmax = seven"))
    for label in ("01", "02"):
        name = f"sub-{label}/func/sub-{label}_task-ns"
        made.text(f"{name}_events.tsv", f"onset\tduration\tstim_file\n4\t80\t{int(label)}.wav\n")
        made.regions(f"derivatives/prep/{name}_seg-T_timeseries.tsv")
        made.json(f"derivatives/prep/{name}_seg-T_timeseries.json", RepetitionTime=2.0)
    rows = made.rows()
    assert numbers(rows)["sub-01_task-ns"] == ("1", 2.0, 50, 40, 60)
    assert made.sources().stories["1"].words.text[:2] == ("WORDA", "WORDB")
    assert "2.TextGrid" in rows["sub-02_task-ns"].problem
    assert "line" in rows["sub-02_task-ns"].problem


@pytest.mark.parametrize(
    ("tool", "names"),
    [
        ("XCP-D", "space-MNI152NLin2009cAsym_seg-4S156Parcels_stat-mean_timeseries"),
        ("XCP-D", "space-MNI152NLin2009cAsym_atlas-4S156Parcels_timeseries"),
        ("giga_connectome", "seg-Schaefer20187Networks100_desc-simple_timeseries"),
        ("giga_connectome", "atlas-MIST_desc-36_timeseries"),
    ],
)
def test_tables_of_regions(made: Skeleton, tool: str, names: str) -> None:
    """Old and new names of XCP-D and giga_connectome; data are cleaned, some censored."""
    made.json("dataset_description.json", Name="raw", BIDSVersion="1.6.0")
    made.json("derivatives/x/dataset_description.json", Name=tool, BIDSVersion="1.6.0", GeneratedBy=[{"Name": tool}])
    made.table("stimuli/tale_words.tsv")
    name = "sub-01/func/sub-01_task-tale"
    made.text(f"{name}_events.tsv", "onset\tduration\tstim_file\n4\t80\ttale.wav\n")
    made.json(f"{name}_bold.json", RepetitionTime=2.0)
    censored = [at in (10, 11, 45) for at in range(VOLUMES)] if tool == "XCP-D" else [False] * VOLUMES
    made.regions(f"derivatives/x/{name}_{names}.tsv", VOLUMES - sum(censored))
    if any(censored):
        flags = "".join(f"{int(bad)}\n" for bad in censored)
        made.text(f"derivatives/x/{name}_outliers.tsv", f"framewise_displacement\n{flags}")
    (row,) = made.rows().values()
    assert (row.problems, row.confounds, row.volumes) == ((), "cleaned before", VOLUMES - sum(censored))
    assert (row.story_volumes, row.censored, row.words) == (40 - 2 * any(censored), 2 * any(censored), 60)


def test_surfaces_of_fslr(made: Skeleton) -> None:
    made.json("dataset_description.json", Name="raw", BIDSVersion="1.6.0")
    made.table("stimuli/tale_words.tsv")
    name = "sub-01/func/sub-01_task-tale"
    made.text(f"{name}_events.tsv", "onset\tduration\tstim_file\n4\t80\ttale.wav\n")
    made.json(f"{name}_bold.json", RepetitionTime=2.0)
    for hemi in "LR":
        path = made.root / f"derivatives/x/{name}_hemi-{hemi}_space-fsLR_den-32k_bold.func.gii"
        write_gifti(path, np.ones((VOLUMES - (hemi == "R"), 20)))
    (row,) = made.rows().values()
    assert "L_space-fsLR_den-32k_bold.func.gii has 50 volumes" in row.problem
    write_gifti(path, np.ones((VOLUMES, 20)))
    assert numbers(made.rows()) == {"sub-01_task-tale": ("tale", 2.0, 50, 40, 60)}


def test_alice(alice: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    settings = Settings(bids_dir=alice, out_dir=alice.parent / "none", level="participant", dry_run=True, atlas="none")
    sources = open_sources(settings)
    rows = list(check_runs(sources, sources.participants))
    assert {(row.volumes, row.repetition_time, row.words) for row in rows} == {(362, 2.0, 2127)}
    check(settings)
    assert f"{len(rows)} run(s) of {len(rows)} participant(s) can be analysed" in capsys.readouterr().out
