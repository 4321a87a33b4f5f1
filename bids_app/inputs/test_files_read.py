"""What an analysis reads: atlases with their tables, confounds where they are used, the data of others."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from bids_app.conftest import Study, write
from bids_app.inputs.files_read import _atlas_files, data_of_others, files_of_fit, inputs_of
from bids_app.inputs.fits import Fit, fits_of
from bids_app.inputs.sources import Sources, open_sources
from bids_app.settings import Settings


def fit_of(study: Study, label: str = "01", **changes: Any) -> tuple[Fit, Sources]:
    sources = open_sources(study.settings(**changes))
    (fit,) = fits_of(sources, label)
    return fit, sources


@pytest.mark.parametrize(
    ("analysis", "read"), [("networks", True), ("forecast", True), ("brainscore", False), ("", False)]
)
def test_an_atlas_is_read_with_its_table_by_those_who_need_it(tmp_path: Path, analysis: str, read: bool) -> None:
    image, table = write(tmp_path / "A_dseg.nii.gz", ""), write(tmp_path / "A_dseg.tsv", "")
    fit = SimpleNamespace(runs=[SimpleNamespace(kind="volume", space="T1w", density=None)])
    asked = ("networks", "brainscore", "forecast")
    settings = Settings(tmp_path, tmp_path, "participant", atlas=str(image), analysis=asked, regions="none")
    assert list(_atlas_files(cast("Fit", fit), settings, analysis)) == ([image, table] if read else [])


def test_the_table_of_parcels_and_confounds_that_are_used_are_read(study: Study) -> None:
    study.add("01", seed=1)
    confounds = study.deriv / "sub-01" / "func" / "sub-01_task-tale_desc-confounds_timeseries.tsv"
    write(confounds, "trans_x\n0\n")
    table = write(study.deriv / "atlas-T_dseg.tsv", "index\tname\n1\tA\n")
    fit, sources = fit_of(study, confounds="narratives")
    assert {confounds, table} <= set(files_of_fit(fit, sources))
    fit, sources = fit_of(study, confounds="none")
    assert confounds not in files_of_fit(fit, sources)


def test_links_bold_and_facts(study: Study) -> None:
    fit, sources = fit_of(study)
    inputs = inputs_of(fit, sources, None, dictionary="key")
    assert inputs.bold == fit.runs[0].files
    assert set(inputs.bold) < set(inputs.files)
    assert inputs.facts["RepetitionTime"] == {"sub-01_task-tale": 2.0}
    assert inputs.facts["Dictionary"] == "key"


def test_data_of_others_name_who_has_changed(study: Study) -> None:
    def now(**changes: Any) -> dict[str, str]:
        return data_of_others(*fit_of(study, **changes))

    first = now()
    assert first.keys() == {"02", "what all have in common"}
    study.bold("01", seed=9)  # one's own
    write(study.deriv / "sub-02" / "func" / "sub-02_task-rest_seg-T_timeseries.tsv", "A\n1\n")  # another task
    assert now() == first
    study.bold("02", seed=9)
    assert now()["02"] != first["02"]
    study.add("03")
    assert now().keys() == {"02", "03", "what all have in common"}
    assert now(exclude_participant_label=("03",))["what all have in common"] != first["what all have in common"]
