"""Tables of common atlases: the network of each region, and TemplateFlow files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bids_app.yeo_networks import SCHEMES, scheme_of, simplified

# Volumes whose labels follow the order of the scheme, whatever their table states: neuroparc's names of the
# 17 networks are in another order than the labels of its image.
KNOWN_VOLUMES = ((re.compile(r"yeo.*(?<!\d)17(?!\d)", re.IGNORECASE), SCHEMES[17]),)

# Regions that are not networks, in simplified spelling.
BACKGROUND = frozenset(
    {
        "",
        "0",
        "background",
        "backgroundfreesurferdefinedmedialwall",
        "corpuscallosum",
        "empty",
        "freesurferdefinedmedialwall",
        "medialwall",
        "na",
        "nan",
        "none",
        "null",
        "unknown",
    }
)

_SCHAEFER_REGION = re.compile(r"^(7|17)networks_[lr]h_([a-z]+)(_|$)", re.IGNORECASE)


def is_background(name: str) -> bool:
    """Whether the name of a region means that it belongs to no network (medial wall, unknown, empty).

    >>> is_background("FreeSurfer_Defined_Medial_Wall"), is_background("???"), is_background("Limbic")
    (True, True, False)
    """
    return simplified(name) in BACKGROUND


def networks_of(regions: Sequence[str]) -> list[str]:
    """The network of each region, "" for none; names of Yeo's networks in one spelling.

    A region of Schaefer 2018 (`7Networks_LH_Vis_1`) gives its network; names that one scheme knows get the spelling of
    that scheme; any other name is a network.

    >>> networks_of(["7Networks_LH_SalVentAttn_Med_1", "7Networks_RH_Vis_2", "Medial_wall"])
    ['SalienceVentralAttention', 'Visual', '']
    """
    named = ["" if is_background(region) else region.strip() for region in regions]
    distinct = [region for region in dict.fromkeys(named) if region]
    parcels = {region: match for region in distinct if (match := _SCHAEFER_REGION.match(region))}
    if parcels and len(parcels) == len(distinct):
        spelled = {region: SCHEMES[int(m[1])].name_of(m[2]) or m[2] for region, m in parcels.items()}
        return [spelled.get(region, "") for region in named]
    scheme = scheme_of(distinct)
    return [(scheme.name_of(region) or "") if scheme and region else region for region in named]


@dataclass(frozen=True)
class TemplateAtlas:
    """File names of an atlas in the TemplateFlow archive; placeholders: density, hemi, template."""

    surface: str
    surface_names: str
    densities: tuple[str, ...]
    volume: str | None = None
    volume_names: str | None = None
    templates: tuple[str, ...] = ()


def _yeo(count: int) -> TemplateAtlas:
    return TemplateAtlas(
        surface=f"tpl-fsaverage_hemi-{{hemi}}_den-{{density}}_atlas-Yeo2011_seg-{count}n_dseg.label.gii",
        surface_names=f"tpl-fsaverage_atlas-Yeo2011_seg-{count}n_dseg.tsv",
        densities=("10k", "41k", "164k"),
    )


def _schaefer(scale: int) -> TemplateAtlas:
    return TemplateAtlas(
        surface=f"tpl-fsaverage_hemi-{{hemi}}_den-{{density}}_atlas-Schaefer2018_seg-7n_scale-{scale}_dseg.label.gii",
        surface_names=f"tpl-fsaverage_atlas-Schaefer2018_seg-7n_scale-{scale}_dseg.tsv",
        densities=("164k",),
        volume=f"tpl-{{template}}_res-{{resolution}}_atlas-Schaefer2018_desc-{scale}Parcels7Networks_dseg.nii.gz",
        volume_names=f"tpl-{{template}}_atlas-Schaefer2018_desc-{scale}Parcels7Networks_dseg.tsv",
        templates=("MNI152NLin6Asym", "MNI152NLin2009cAsym"),
    )


TEMPLATE_ATLASES = {f"yeo{count}": _yeo(count) for count in SCHEMES} | {
    f"schaefer{scale}": _schaefer(scale) for scale in (100, 200, 300, 400, 500, 600, 800, 1000)
}
# Defaults: networks for each kind of data, and regions of a surface.
DEFAULT_ATLAS = {"surface": "yeo7", "volume": "schaefer400"}
DEFAULT_REGIONS = "destrieux"
# Sulci and gyri (Destrieux et al. 2010), the edition of 2009 that FreeSurfer calls aparc.a2009s.
TEMPLATE_ATLASES["destrieux"] = TemplateAtlas(
    surface="tpl-fsaverage_hemi-{hemi}_den-{density}_atlas-Destrieux2009_dseg.label.gii",
    surface_names="tpl-fsaverage_atlas-Destrieux2009_dseg.tsv",
    densities=("10k", "41k", "164k"),
)
