"""Tables of common atlases: networks, colours, spellings and TemplateFlow files."""

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Scheme:
    """Names of a set of networks, in their usual order, with hexadecimal colours and other spellings."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    spellings: dict[str, str]  # simplified spelling → name

    def name_of(self, spelling: str) -> str | None:
        """The name of the network, or None for an unknown spelling."""
        return self.spellings.get(simplified(spelling))


def simplified(name: str) -> str:
    """Lower case, without a leading number, punctuation, and a final `area` or `network`.

    >>> simplified("7_Default_Network_Area"), simplified("Salience / Ventral Attention")
    ('default', 'salienceventralattention')
    """
    letters = re.sub(r"[^a-z0-9]", "", re.sub(r"^\d+_", "", name.strip().lower()))
    return re.sub(r"(network|area)+$", "", letters)


# name, colour, other spellings (abbreviations of Schaefer 2018, names of other distributions)
_YEO7 = (
    ("Visual", "#781286", "vis"),
    ("Somatomotor", "#4682b4", "sommot"),
    ("DorsalAttention", "#00760e", "dorsattn dorsal"),
    ("SalienceVentralAttention", "#c43afa", "salventattn ventralattention ventral"),
    ("Limbic", "#dcf8a4", "lymbic"),
    ("FrontoparietalControl", "#e69422", "cont control frontoparietal controlfrontoparietal"),
    ("Default", "#cd3e4e", "defaultmode"),
)
_YEO17 = (
    ("VisualCentral", "#781286", "viscent visuala visualcentralvisuala"),
    ("VisualPeripheral", "#ff0000", "visperi visualb visualperipheralvisualb"),
    ("SomatomotorA", "#4682b4", "sommota"),
    ("SomatomotorB", "#2acca4", "sommotb"),
    ("DorsalAttentionA", "#4a9b3c", "dorsattna"),
    ("DorsalAttentionB", "#00760e", "dorsattnb"),
    ("SalienceVentralAttentionA", "#c43afa", "salventattna"),
    ("SalienceVentralAttentionB", "#ff98d5", "salventattnb"),
    ("LimbicA", "#dcf8a4", "limbica"),
    ("LimbicB", "#7a8732", "limbicb"),
    ("FrontoparietalControlC", "#778cb0", "contc controlc"),
    ("FrontoparietalControlA", "#e69422", "conta controla"),
    ("FrontoparietalControlB", "#87324a", "contb controlb"),
    ("TemporalParietal", "#0c30ff", "temppar"),
    ("DefaultC", "#000082", "defaultc"),
    ("DefaultA", "#ffff00", "defaulta"),
    ("DefaultB", "#cd3e4e", "defaultb"),
)


def _scheme(rows: Sequence[tuple[str, str, str]]) -> Scheme:
    spellings = {f"{len(rows)}networks{number}": name for number, (name, _, _) in enumerate(rows, start=1)}
    for name, _, others in rows:
        spellings |= dict.fromkeys([simplified(name), *others.split()], name)
    return Scheme(tuple(name for name, _, _ in rows), tuple(colour for _, colour, _ in rows), spellings)


SCHEMES = {7: _scheme(_YEO7), 17: _scheme(_YEO17)}

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
    that scheme; any other name is itself a network.

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


def scheme_of(networks: Sequence[str]) -> Scheme | None:
    """The scheme that knows every one of these networks, if there is one."""
    known = (scheme for scheme in SCHEMES.values() if all(scheme.name_of(network) for network in networks))
    return next(known, None) if networks else None


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
