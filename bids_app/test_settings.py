import os
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pytest

from bids_app import __version__
from bids_app.analyses.registry import ANALYSES
from bids_app.cli import make_parser, normalise
from bids_app.engines.dask_cluster import read_table
from bids_app.language.conftest_autoencoder import save, tensors
from bids_app.options import FILES, GROUP, READINGS, names_of
from bids_app.settings import Settings, SettingsError
from bids_app.settings_fields import OPTIONS, RESULTS, result_settings, to_toml
from bids_app.settings_input import make_settings, presets, read_preset


def given(*argv: str) -> Settings:
    return make_settings(vars(make_parser().parse_intermixed_args(normalise(argv))))


def test_command_line_wins_over_file_over_preset_over_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('preset = "caucheteux2023"\npca = 10\nfolds = 4\nwork-dir = "scratch"\n')
    settings = given("in", "out", "participant", "--config-file", str(file), "--folds", "3")
    assert (settings.folds, settings.pca, settings.layer, settings.penalty) == (3, 10, "8", 0.2)
    assert settings.work == tmp_path / "scratch"


def test_labels_lose_their_prefix_and_underscores_are_accepted() -> None:
    settings = given("in", "out", "participant", "--participant_label", "sub-001", "002", "--task-id", "task-a_b")
    assert settings.participant_label == ("001", "002")
    assert settings.task_id == ("a_b",)


def test_all_bad_values_are_reported_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        given("in", "out", "participant", "--folds", "1", "--penalty", "1.5", "--units", "soma", "--layer", "-2")
    for message in ("folds = 1", "penalty = 1.5", "units = 'soma'", "layer = '-2'"):
        assert message in str(error.value)


def test_unique_variance_needs_a_distance_of_its_own_for_future_and_past() -> None:
    zero = ("in", "out", "participant", "--tested-distance", "0", "--analysis")
    with pytest.raises(SettingsError, match=r"folds = 1: .*; tested_distance = 0 cannot go with the analysis variance"):
        given(*zero, "forecast", "variance", "--folds", "1")
    assert given(*zero, "forecast", "depth").tested_distance == 0
    assert given(*zero[:3], "--analysis", "variance", "--tested-distance", "-1").tested_distance == -1


def test_a_table_of_a_settings_file_is_what_the_command_line_has_in_pairs(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('engine = "dask"\n[dask-cluster]\nkind = "slurm"\ncores = 4\nmemory = "16GB"\n')
    from_file = given("in", "out", "participant", "--config-file", str(file)).dask_cluster
    assert from_file == ('kind="slurm"', "cores=4", 'memory="16GB"')
    typed = given("in", "out", "group", "--engine", "dask", "--dask-cluster", "kind=slurm", "cores=4", "memory=16GB")
    assert read_table(typed.dask_cluster) == read_table(from_file) == {"kind": "slurm", "cores": 4, "memory": "16GB"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "dask"), "needs either"),
        (("--engine", "dask", "--dask-scheduler", "tcp://a:1", "--dask-cluster", "kind=slurm"), "needs either"),
        (("--engine", "dask", "--dask-cluster", "kind=condor"), "kind = condor"),
        (("--engine", "dask", "--dask-cluster", "kind=slurm", "cores"), "KEY=VALUE"),
        (("--dask-scheduler", "tcp://a:1"), "add --engine dask"),
    ],
)
def test_where_jobs_cannot_run(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        given("in", "out", "participant", *options)


@pytest.mark.parametrize("content", ["no_such = 1", "folds = [", "dry_run = 3"])
def test_bad_settings_file_is_one_sentence(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(content)
    with pytest.raises(SettingsError):
        given("in", "out", "participant", "--config-file", str(file))


def test_toml_record_gives_the_same_settings_again(tmp_path: Path) -> None:
    settings = given("in", "out", "participant", "--atoms", "32", "64", "--alphas", "1", "10", "--pool-tasks")
    record = tomllib.loads(to_toml(settings))
    file = tmp_path / "record.toml"
    required = {"bids_dir": record.pop("bids_dir"), "out_dir": record.pop("out_dir"), "level": record.pop("level")}
    file.write_text("\n".join(line for line in to_toml(settings).splitlines() if line.split(" =")[0] in record))
    again = make_settings({**required, "config_file": file})
    assert {**vars(again), "config_file": None} == vars(settings)


@pytest.mark.parametrize("preset", presets())
def test_presets_are_valid(preset: str) -> None:
    assert isinstance(given("in", "out", "participant", "--preset", preset), Settings)


def test_presets_of_caucheteux_hold_the_values_of_the_paper() -> None:
    settings = given("in", "out", "participant", "--preset", "caucheteux2023")
    assert settings.analysis == ("brainscore", "forecast", "futures", "depth")
    assert (settings.model, settings.layer, settings.context) == (("gpt2",), "8", "left")
    assert (settings.word_volume, settings.wrap, settings.pool_tasks) == ("onset", False, True)
    assert (settings.distances, settings.window, settings.tested_distance) == (tuple(range(-10, 31)), 7, 8)
    assert (settings.delays, settings.pca, settings.folds, settings.significance) == (6, 20, 5, 0.01)
    assert settings.alphas == pytest.approx([10.0**exponent for exponent in range(-1, 9)])
    assert settings.inner_folds == "leave-one-out"


def test_preset_of_released_code_differs_from_that_of_the_paper_by_its_quirks_alone() -> None:
    released, paper = (read_preset(name) for name in ("caucheteux2023-released", "caucheteux2023"))
    assert released == paper | {"context": "rolled", "word_volume": "next", "wrap": True}


def test_quirks_of_released_code_are_never_defaults() -> None:
    settings = given("in", "out", "participant")
    assert (settings.context, settings.word_volume, settings.wrap) == ("auto", "onset", False)


def test_help_and_version_import_nothing_heavy() -> None:
    code = (
        "import sys; from bids_app.cli import make_parser; make_parser().format_help();"
        "heavy = {'torch', 'numpy', 'transformers', 'nibabel', 'pandas', 'bids'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["bids_app", "bids_app.tools"])
def test_version_is_the_same_everywhere(module: str) -> None:
    shown = subprocess.run([sys.executable, "-m", module, "--version"], check=True, capture_output=True, text=True)
    assert shown.stdout.split()[-1] == __version__


def test_a_folder_of_resources_must_be_there(tmp_path: Path) -> None:
    assert given("in", "out", "participant").resources is None
    assert given("in", "out", "participant", "--resources", str(tmp_path)).resources == tmp_path
    with pytest.raises(SettingsError, match="nowhere: there is no such folder; make it with n2n fetch"):
        given("in", "out", "participant", "--resources", str(tmp_path / "nowhere"))


BAD_OPTIONS = [
    (("--layer", "²"), "layer = '²'"),
    (("--layer", "0"), "layer = '0'"),
    (("--context", "²"), "context = '²'"),
    (("--folds", "٣"), "folds = '٣'"),
    (("--folds", "2.7"), "folds = '2.7'"),
    (("--alphas", "0"), "alphas = 0"),
    (("--alphas", "1", "nan"), "alphas = nan"),
    (("--alphas", "inf"), "alphas = inf"),
    (("--threshold", "nan"), "threshold = nan"),
    (("--threshold", "1e9"), "threshold = 1000000000"),
    (("--top-percent", "0"), "top_percent = 0"),
    (("--top-percent", "101"), "top_percent = 101"),
    (("--high-pass", "nan"), "high_pass = nan"),
    (("--random-seed", "-1"), "random_seed = -1"),
    (("--random-seed", "4294967296"), "random_seed = 4294967296"),
    (("--window", "100000"), "window = 100000"),
    (("--n-spins", "0"), "n_spins = 0"),
    (("--significance", "nan"), "significance = nan"),
    (("--penalty=-inf",), "penalty = -inf"),
    (("--encoding-penalty", "nan"), "encoding_penalty = 'nan'"),
    (("--device", "gpu"), "device = 'gpu'"),
    (("--task-id", ""), "task_id = ''"),
    (("--space", "fs\naverage"), "control character"),
    (("--model", "gpt\x00"), "control character"),
    (("--derivatives", "a\udce4"), "not UTF-8"),
    (("--annotations", "/no/such/folder"), "there is no such folder"),
    (("--annotations", __file__), "is not a folder"),
    (("--exclude-scans", "/no/such.json"), "there is no such file"),
    (("--bids-filter-file", "/"), "is a folder"),
    (("--bids-filter-file", "/dev/zero"), "is not a regular file"),
    (("--config-file", "/"), "is a folder"),
    (("--config-file", "/dev/zero"), "is not a regular file"),
    (("--bids-database-dir", __file__), "is not a folder"),
    (("--preset", "caucheteux203"), "did you mean caucheteux2023"),
    (("--units", "neurons"), "must be ffn-out, ffn-in, residual, localiser, localiser:KIND or sae:PATH"),
    (("--units", "localiser:ffn"), "units = 'localiser:ffn': must be"),
    (("--units", "sae:/no/such"), "units: /no/such does not exist: give the folder of an autoencoder"),
    (("--units", "localiser", "--localiser-stimuli", "/no/such.tsv"), "localiser_stimuli: /no/such.tsv does not exist"),
    (("--localiser-percent", "0"), "localiser_percent = 0"),
    (("--sae-layer", "2"), "sae_layer is given, but units is ffn-out"),
    (("--sae-hook", "attention"), "sae_hook = 'attention'"),
    (("--localiser-stimuli", "/t.tsv"), "localiser_stimuli is given, but units is ffn-out"),
    (("--analysis", "networks", "lesion", "--lesion-held-out"), "none is held out; add --dictionary-scope story"),
    (("--units", "residual", "--analysis", "networks", "lesion"), "units of residual cannot be lesioned"),
    (("--participant-label", "01", "02", "--exclude-participant-label", "sub-02"), "participant 02: is both selected"),
]


@pytest.mark.parametrize(("options", "message"), BAD_OPTIONS)
def test_a_value_that_cannot_be(options: tuple[str, ...], message: str) -> None:
    with pytest.raises(SettingsError) as error:
        given("in", "out", "participant", *options)
    assert message in str(error.value)


BAD_FILES = [
    (b"random_seed = 1" + b"0" * 400, "random_seed = 1"),
    (b'model = ["' + b"x" * 5000 + b'"]\nfolds = 2.7', "folds = 2.7: must be a whole number"),
    (b"model = []", "model = []: must name at least one"),
    (b"analysis = []\natoms = []", "atoms = []: must name at least one"),
    (b"folds = 2.7\npca = 'many'\nwrap = 1\nwork_dir = 5", "pca = 'many': must be a whole number"),
    (b"folds = 2.7\npca = 'many'\nwrap = 1\nwork_dir = 5", "work_dir = 5: must be a path"),
    (b"folds = true", "folds = True: must be a whole number"),
    (b"n-spins = 5\nn_spins = 6", "n_spins is given twice"),
    (b"n-spins = 1e400", "n_spins = inf"),
    (b"config_file = 'other.toml'", "cannot be given in a settings file"),
    (b"out_dir = 'x'", "belongs on the command line"),
    (b"fold = 3\nalpha = 2", "did you mean folds?"),
    (b"fold = 3\nalpha = 2", "did you mean alphas?"),
    (b"space = ['a', 'b']", "space = ['a', 'b']: takes one value; choose one"),
    (b"atoms = [[2]]", "atoms = [2]: must be a whole number"),
    (b"participant_label = {a = 1}", "must be a list, not a table"),
    (b"# caf\xe9", "is not UTF-8"),
    (b"x = " + b"[" * 20_000, "nested too deeply"),
    (b"folds = " + b"9" * 5000, "is not valid TOML"),
    (b"#" * 1_000_001, "too large for such a file"),
    (b"space = 1979-05-27", "space = datetime.date"),
]


@pytest.mark.parametrize(("content", "message"), BAD_FILES)
def test_a_settings_file_that_cannot_be(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        given("in", "out", "participant", "--config-file", str(file))
    assert message in str(error.value)
    assert len(str(error.value)) < 1000


def test_pipes_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for option in ("--config-file", "--bids-filter-file", "--exclude-scans"):
        with pytest.raises(SettingsError, match="a pipe or a device"):
            given("in", "out", "participant", option, str(tmp_path / "pipe"))


@pytest.mark.parametrize("content", ["[1]", "5", "null", '{"bold": ["desc"]}', '{"bold": "clean"}', "[" * 20_000, "{"])
def test_a_filter_file_that_cannot_be(tmp_path: Path, content: str) -> None:
    file = tmp_path / "filter.json"
    file.write_text(content)
    with pytest.raises(SettingsError, match=r'bids_filter_file = .*such as \{"bold": \{"desc": "clean"\}\}'):
        given("in", "out", "participant", "--bids-filter-file", str(file))


def test_a_filter_file_may_have_queries_of_other_apps(tmp_path: Path) -> None:
    file = tmp_path / "filter.json"
    file.write_text('{"t1w": {"datatype": "anat"}, "bold": {"res": "2"}}')
    assert given("in", "out", "participant", "--bids-filter-file", str(file)).bids_filter_file == file


def test_whole_numbers_may_be_written_with_a_point_and_what_comes_twice_counts_once(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("folds = 2.0\nlayer = 8\nrun_id = 1\natoms = [8, 8.0]\nparticipant_label = ['01', 'sub-01']\n")
    settings = given("in", "out", "participant", "--config-file", str(file))
    assert (settings.folds, settings.layer, settings.run_id) == (2, "8", ("1",))
    assert (settings.atoms, settings.participant_label) == ((8,), ("01",))


def test_paths_of_a_settings_file_count_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("study/code", "study/models/tiny", "study/derivatives/prep", "study/code/beside", "elsewhere"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "study" / "atlas.nii").touch()
    file = tmp_path / "study" / "code" / "settings.toml"
    file.write_text(
        'model = ["gpt2", "../models/tiny", "beside", "a/b"]\natlas = "../atlas.nii"\nregions = "none"\n'
        'derivatives = ["../derivatives/prep", "x=../derivatives/prep"]\nwork_dir = "w"\nannotations = "beside"\n'
    )
    monkeypatch.chdir(tmp_path / "elsewhere")
    settings = given("in", "out", "participant", "--config-file", str(file))
    study = tmp_path / "study"
    assert settings.model == ("gpt2", f"{study}/models/tiny", f"{study}/code/beside", "a/b")
    assert (settings.atlas, settings.regions) == (f"{study}/atlas.nii", "none")
    assert settings.derivatives == (f"{study}/derivatives/prep", f"x={study}/derivatives/prep")
    assert (settings.work, settings.annotations) == (study / "code" / "w", study / "code" / "beside")
    assert given("in", "out", "participant", "--model", "../models/tiny").model == ("../models/tiny",)


def test_the_former_name_of_an_option_is_accepted(tmp_path: Path) -> None:
    assert given("in", "out", "participant", "--neurons", "residual").units == "residual"
    (tmp_path / "s.toml").write_text('neurons = "localiser"\n')
    found = given("in", "out", "participant", "--config-file", str(tmp_path / "s.toml"))
    assert (found.units, found.chosen_units.kind, found.chosen_units.is_localised) == ("localiser", "ffn-out", True)
    (tmp_path / "s.toml").write_text('neurons = "residual"\nunits = "residual"\n')
    with pytest.raises(SettingsError, match="units is given twice, as neurons and units"):
        given("in", "out", "participant", "--config-file", str(tmp_path / "s.toml"))


def test_the_path_of_an_autoencoder_counts_from_the_folder_of_the_settings(tmp_path: Path) -> None:
    folder = save(tmp_path / "sae", tensors(8, 20))
    (tmp_path / "s.toml").write_text('units = "sae:sae"\n')
    found = given("in", "out", "participant", "--config-file", str(tmp_path / "s.toml"))
    assert found.chosen_units.autoencoder == folder
    assert result_settings(found, "networks")["units"] == "sae:sae"  # records of results hold no local folder


def test_a_link_to_a_file_keeps_its_name(tmp_path: Path) -> None:
    """git-annex names its objects after their content: neither the hemisphere nor the table beside would be found."""
    names = ("hemi-L_mask.shape.gii", "hemi-L_atlas.label.gii")
    for name in names:
        (tmp_path / f"MD5E-{name[-9:]}").touch()
        (tmp_path / name).symlink_to(f"MD5E-{name[-9:]}")
    (tmp_path / "folder").symlink_to("real")
    (tmp_path / "real").mkdir()
    file = tmp_path / "settings.toml"
    file.write_text(f'mask = "{names[0]}"\natlas = "./{names[1]}"\nwork_dir = "folder"\n')
    settings = given("in", "out", "participant", "--config-file", str(file))
    assert (settings.mask, settings.atlas) == (tmp_path / names[0], str(tmp_path / names[1]))
    assert settings.work == tmp_path / "real"
    (tmp_path / "gone.nii.gz").symlink_to("nowhere")
    with pytest.raises(SettingsError, match=r"mask = .*gone\.nii\.gz: is a link to content that is not here"):
        given("in", "out", "participant", "--mask", str(tmp_path / "gone.nii.gz"))


def test_one_space_is_chosen_not_several(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('space = ["fsaverage6", "T1w"]\n')
    with pytest.raises(SettingsError, match=r"space = \['fsaverage6', 'T1w'\]: takes one value; choose one"):
        make_settings({"bids_dir": "a", "out_dir": "b", "level": "participant", "config_file": str(file)})
    with pytest.raises(SettingsError, match="space = 'fsaverage6,T1w': takes one space; choose one"):
        make_settings({"bids_dir": "a", "out_dir": "b", "level": "participant", "space": "fsaverage6,T1w"})
    with pytest.raises(SettingsError, match=r"mask = .*roi\.nii: there is no such file"):
        make_settings({"bids_dir": "a", "out_dir": "b", "level": "participant", "mask": str(tmp_path / "roi.nii")})


def test_every_option_says_what_it_decides() -> None:
    allowed = {*READINGS, *FILES, *GROUP}
    of_analyses = {name for analysis in ANALYSES for name in names_of(analysis.options)}
    for option in OPTIONS:
        if option.name not in of_analyses:  # those decide their analysis unless they say otherwise
            assert "decides" in option.metadata, f"{option.name}: say what it decides (see bids_app.options.READINGS)"
        assert set(option.metadata.get("decides", ())) <= allowed, option.name


def test_an_option_that_is_not_placed_decides_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    option = next(candidate for candidate in OPTIONS if candidate.name == "mem_mb")
    unplaced = SimpleNamespace(
        name="mem_mb", metadata={key: v for key, v in option.metadata.items() if key != "decides"}
    )
    monkeypatch.setattr("bids_app.settings_fields.OPTIONS", (unplaced,))
    settings = Settings(Path("in"), Path("out"), "participant", mem_mb=5)
    assert all(result_settings(settings, result) == {"mem_mb": 5} for result in RESULTS)


def test_files_count_by_their_content_not_by_their_folder() -> None:
    settings = Settings(Path("in"), Path("out"), "participant", atlas="/data/atlas.nii.gz", annotations=Path("/a"))
    numbers = result_settings(settings, "networks")
    assert numbers["atlas"] == "atlas.nii.gz"
    assert not {"annotations", "derivatives", "exclude_scans", "bids_filter_file", "mem_mb", "device"} & set(numbers)
    assert result_settings(settings, "dictionary")["penalty"] == 0.2
    assert {"n_spins", "penalty", "atlas", "folds"} <= set(numbers)
    assert not {"distances", "banded_candidates", "delays", "noise_ceiling"} & set(numbers)
    assert [result for result in RESULTS if "n_spins" in result_settings(settings, result)] == ["networks"]
    assert [result for result in RESULTS if "noise_ceiling" in result_settings(settings, result)] == ["ceiling"]
    assert [result for result in RESULTS if "window" in result_settings(settings, result)] == [
        "forecast",
        "futures",
        "depth",
        "variance",
    ]
    assert "penalty" not in result_settings(settings, "brainscore")
