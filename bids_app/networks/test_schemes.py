import zipfile
from pathlib import Path

import pytest
import templateflow

from bids_app.networks.schemes import TEMPLATE_ATLASES, networks_of
from bids_app.networks.template_files import template_files
from bids_app.yeo_networks import SCHEMES


def test_every_file_of_the_table_is_in_templateflow() -> None:
    skeleton = Path(templateflow.__file__).parent / "conf" / "templateflow-skel.zip"
    known = {Path(name).name for name in zipfile.ZipFile(skeleton).namelist()}
    for name, atlas in TEMPLATE_ATLASES.items():
        for space in ("fsaverage5", "fsaverage6", "fsaverage", *atlas.templates):
            kind = "surface" if space.startswith("fsaverage") else "volume"
            assert set(template_files(name, kind, space)) <= known


@pytest.mark.parametrize("count", [7, 17])
def test_numbered_networks_get_their_names(count: int) -> None:
    regions = ["FreeSurfer_Defined_Medial_Wall"] + [f"{count}Networks_{i}" for i in range(1, count + 1)]
    assert networks_of(regions) == ["", *SCHEMES[count].names]


def test_schaefer_regions_of_17_networks_get_their_networks() -> None:
    regions = ["17Networks_LH_VisCent_ExStr_1", "17Networks_RH_ContC_pCun_1", "17Networks_LH_TempPar_2"]
    assert networks_of(regions) == ["VisualCentral", "FrontoparietalControlC", "TemporalParietal"]


def test_foreign_names_stay_as_they_are() -> None:
    assert networks_of(["Control", "G_front_sup", "Unknown"]) == ["Control", "G_front_sup", ""]
