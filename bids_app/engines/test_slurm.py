import itertools
import os
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from bids_app import tools
from bids_app.engines.slurm import write_scripts
from bids_app.engines.slurm_options import read_request
from bids_app.settings import SettingsError


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("data", "my models/tiny"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "app.sif").touch()
    return tmp_path


def written(folders: Path, *options: str) -> tuple[Path, dict[str, tuple[list[str], list[str]]]]:
    """The scripts of a submission: for each kind its directives, and the words of its command."""
    request = read_request([str(folders / "data"), str(folders / "out"), *options])
    write_scripts(request, ["01", "02", "03"])
    scripts = {}
    for kind in ("stimulus", "participant", "group"):
        path = request.folder / f"{kind}.sh"
        subprocess.run(["bash", "-n", path], check=True)
        lines = path.read_text().splitlines()
        directives = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
        scripts[kind] = directives, shlex.split(next(line for line in lines if line.startswith("exec ")))[1:]
    return request.folder, scripts


def test_each_job_asks_for_what_was_given(folders: Path) -> None:
    options = ("--time", "1-00:00:00", "--group-time", "30", "--mem", "8G", "--cpus", "2", "--throttle", "5")
    folder, scripts = written(folders, *options, "--partition", "long", "--gpus", "1", "--sbatch=--qos=x")
    directives, command = scripts["participant"]
    assert {"--time=1-00:00:00", "--mem=8G", "--cpus-per-task=2", "--array=1-3%5"} <= set(directives)
    assert {"--partition=long", "--gres=gpu:1", "--qos=x"} <= set(directives)
    assert command[-2:] == ["--participant-label", "$label"]
    group, command = scripts["group"]
    assert "--time=30" in group
    assert not any("array" in directive or "gpu" in directive for directive in group)
    assert command[-2:] == ["--device", "cpu"]
    assert (folder / "participants.txt").read_text() == "01\n02\n03\n"


def test_the_settings_of_the_jobs_are_those_of_the_command_line(folders: Path) -> None:
    options = ("--preset", "caucheteux2023", "--participant-label", "sub-01", "--mem", "8G", "--cpus", "2")
    folder, _ = written(folders, *options, "--gpus", "1", "--folds", "4")
    kept = tomllib.loads((folder / "settings.toml").read_text())
    assert (kept["context"], kept["folds"], kept["omp_nthreads"], kept["mem_mb"]) == ("left", 4, 2, 8192)
    assert kept["device"] == "cuda"  # a card that was asked for and is not there must be said
    assert not {"participant_label", "preset", "bids_dir", "level"} & set(kept)


def test_in_a_container_every_path_is_at_its_own_place(folders: Path) -> None:
    model = str(folders / "my models" / "tiny")
    options = ("--container", str(folders / "app.sif"), "--model", model, "-w", str(folders / "work"))
    _, scripts = written(folders, *options, "--device", "cuda", "--bind", "/scratch:/scratch")
    _, command = scripts["participant"]
    assert command[:3] == ["apptainer", "run", "--nv"]
    bound = {after for word, after in itertools.pairwise(command) if word == "--bind"}
    paths = (folders / "data", folders / "out", folders / "work", model)
    assert bound == {*(f"{path}:{path}" for path in paths), "/scratch:/scratch"}
    assert command[command.index(str(folders / "app.sif")) + 1] == str(folders / "data")
    assert "--nv" not in scripts["group"][1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--folds", "1"), "folds = 1"),
        (("--time", "soon"), "--time soon"),
        (("--mem", "lots"), "--mem lots"),
        (("--throttle", "-1"), "--throttle -1"),
        (("--container", "no.sif"), "no.sif"),
        (("--gpus", "0", "--device", "cuda"), "--gpus 0"),
        (("--engine", "dask", "--dask-scheduler", "tcp://x:1"), "--engine dask"),
    ],
)
def test_bad_settings_are_reported_at_submission(folders: Path, options: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        written(folders, *options)
    assert not (folders / "out").exists()


def test_a_list_that_waiting_jobs_read_is_not_overwritten(folders: Path) -> None:
    written(folders, "--to", str(folders / "scripts"))
    with pytest.raises(SettingsError, match="another submission"):
        written(folders, "--to", str(folders / "scripts"))


def test_a_folder_that_is_no_data_set_is_reported(folders: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert tools.main(["submit", "slurm", str(folders / "data"), str(folders / "out")]) == 1
    stderr = capfd.readouterr().err
    assert str(folders / "data") in stderr
    assert "Traceback" not in stderr
    assert not (folders / "out" / "logs").exists()


HOSTILE = [
    "o@{COMMAND};$(touch PWN);x",
    "o@COMMAND@;`touch PWN`",
    """a'b"c $(touch PWN) %j #SBATCH --wrap=touch""",
    "--wrap=x; touch PWN #",
    "@@{DIRECTIVES}$HOME\\",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_name_of_a_folder_is_run(folders: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Bash runs the script of each kind with a program that notes its words."""
    show = folders / "show $(touch PWN)"
    show.write_text('#!/bin/bash\nprintf "%s\\0" "$@" > words\n')
    show.chmod(0o755)
    monkeypatch.setattr("bids_app.engines.slurm.sys.executable", str(show))
    monkeypatch.chdir(folders)
    (folders / name).mkdir()
    out = folders / name / "out"
    request = read_request([str(folders / "data"), str(out), "--sbatch=--comment=a b"])
    write_scripts(request, ["01", "02"])
    environment = {"PATH": os.environ["PATH"], "SLURM_ARRAY_TASK_ID": "2"}
    for kind in ("stimulus", "participant", "group"):
        subprocess.run(["bash", request.folder / f"{kind}.sh"], check=True, env=environment, cwd=folders)
        words = (folders / "words").read_text().split("\0")
        assert words[2:5] == [str(folders / "data"), str(out), kind]
        assert ("--participant-label", "02") in list(itertools.pairwise(words)) or kind != "participant"
        text = (request.folder / f"{kind}.sh").read_text()
        directives = [line for line in text.splitlines() if line.startswith("#SBATCH")]
        values = [shlex.split(line)[1] for line in (directive.lstrip("#") for directive in directives)]
        assert f"--output={str(request.folder).replace('%', '%%')}" in [value.rpartition("/")[0] for value in values]
        assert "--comment=a b" in values
    (folders / "bin").mkdir()
    sbatch = folders / "bin" / "sbatch"
    sbatch.write_text("#!/bin/bash\npwd >> from\necho 7\n")
    sbatch.chmod(0o755)
    environment["PATH"] = f"{folders / 'bin'}:{environment['PATH']}"
    subprocess.run(["bash", request.folder / "submit.sh"], check=True, env=environment, capture_output=True)
    assert set((request.folder / "from").read_text().splitlines()) == {str(request.folder)}
    assert not list(folders.rglob("PWN"))


@pytest.mark.parametrize(
    "options",
    [
        ("--partition", "x\n#SBATCH --wrap=id"),
        ("--account", "x\ry"),
        ("--sbatch=--qos=x\ntouch PWN",),
        ("--bind", "/a\n:/b"),
        ("--to", "scripts\ntouch PWN"),
    ],
)
def test_line_breaks_are_refused(folders: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]) -> None:
    monkeypatch.chdir(folders)
    container = ("--container", str(folders / "app.sif")) if "--bind" in options else ()
    with pytest.raises(SettingsError, match="control characters or line breaks in"):
        written(folders, *options, *container)
    with pytest.raises(SettingsError, match="control character or line break"):
        read_request([str(folders / "data"), str(folders / "o\ntouch PWN3 #")])


@pytest.mark.parametrize("label", ["01\n02", "<img>", "..", "a b"])
def test_labels_that_are_none_reach_no_script(folders: Path, label: str) -> None:
    request = read_request([str(folders / "data"), str(folders / "out")])
    with pytest.raises(SettingsError, match="label"):
        write_scripts(request, ["01", label])
    assert not request.folder.exists()
