"""The catalogue of outputs: content, units, map names, columns and sidecar fields of each map and table.

Each analysis lists its outputs in `analyses/<name>/outputs.py`; this module holds the records, the statistics, and the
files of OUT_DIR that belong to no analysis. Writers, sidecars, OUT_DIR's README and docs/outputs.md derive from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

LEVELS = ("stimulus", "participant", "group")
# Suffixes of `desc` for outputs that depend on the dictionary: number of atoms in a sweep, shifted control.
_VARIANT = r"\d*(?:Shifted)?"


class CatalogueError(LookupError):
    """An output, a statistic, a map, a column or a sidecar field that the catalogue does not list."""


@dataclass(frozen=True)
class Statistic:
    """A value of the entity stat.

    Attributes
    ----------
    name : as in file names
    label : for the axes of figures
    unit : for sidecars
    description : one sentence
    """

    name: str
    label: str
    unit: str
    description: str


GAIN = "gain in Pearson correlation with held-out data"
_BETA = "standard deviations of the response per standard deviation of the atom"
_FDR = "p, corrected by the Benjamini-Hochberg procedure."
_AVERAGED = "unit of the averaged statistic"
_LAYER = "layer, counted from 1"
_MAJORITY = "q of an effect in at least half of the participants."
_SHARE = "share of the population"
_W = "Rank-biserial correlation of Wilcoxon's signed-rank test: the share of rank sums above zero minus that below."
# fmt: off
STATISTICS: Mapping[str, Statistic] = {
    statistic.name: statistic
    for statistic in (
        Statistic("beta", "beta", _BETA, "Coefficient of a family or an atom in a sparse fit."),
        Statistic("marginal", "correlation", "correlation", "Correlation with a family, whitened, without confounds."),
        Statistic("z", "z across the brain", "standard deviations across the brain", "Coefficient, z-scored."),
        Statistic("r", "held-out Pearson r", "Pearson correlation with held-out data", "Score on held-out data."),
        Statistic("r2", "R²", "fraction of variance", "Explained variance."),
        Statistic("p", "p", "probability", "Probability of such a value by chance."),
        Statistic("q", "q", "false discovery rate", _FDR),
        Statistic("alpha", "ridge penalty", "ridge penalty", "Penalty of the ridge regression."),
        Statistic("layer", "layer", _LAYER, "Layer with the highest score."),
        Statistic("d", "distance (words)", "words ahead", "Distance with the highest forecast score."),
        Statistic("k", "layer", _LAYER, "Layer with the highest forecast score."),
        Statistic("fraction", "fraction of the depth", "layer / number of layers", "Position of that layer."),
        Statistic("mean", "mean", _AVERAGED, "Mean over participants."),
        Statistic("t", "t", "t statistic", "One-sample t-test over participants."),
        Statistic("w", "rank-biserial correlation", "rank-biserial correlation, from -1 to 1", _W),
        Statistic("pfwe", "family-wise p", "probability", "p, corrected by the largest statistic over targets."),
        Statistic("qmajority", "q of the majority", "false discovery rate", _MAJORITY),
        Statistic("prevalence", "prevalence", _SHARE, "Most probable share of the population with the effect."),
        Statistic("prevalencelow", "prevalence, lower end", _SHARE, "Lower end of the interval of the prevalence."),
        Statistic("prevalencehigh", "prevalence, upper end", _SHARE, "Upper end of the interval of the prevalence."),
    )
}
# fmt: on


@dataclass(frozen=True)
class StatisticMaps:
    """The maps of one statistic of an output.

    Attributes
    ----------
    stat : a key of `STATISTICS`
    description : what the maps show, as in their sidecar
    names : names of the maps; `#` stands for a number
    unit : if it differs from that of the statistic
    """

    stat: str
    description: str
    names: tuple[str, ...]
    unit: str = ""

    @property
    def units(self) -> str:
        """The unit for sidecars."""
        return self.unit or STATISTICS[self.stat].unit


@dataclass(frozen=True)
class Output:
    """One kind of result, in the same form for all data and models.

    Attributes
    ----------
    desc, suffix : entities of its files
    levels : the levels that write it, of `LEVELS`
    content : one sentence
    maps : for a `statmap`, one record for each statistic
    columns : for a table, names with descriptions; `#` stands for a number
    fields : of its sidecars, in addition to `FIELDS`, names with descriptions
    has_variants : whether desc may carry the number of atoms and `Shifted`
    """

    desc: str
    suffix: str
    levels: tuple[str, ...]
    content: str
    maps: tuple[StatisticMaps, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    has_variants: bool = False

    def is_called(self, desc: str) -> bool:
        """Whether a `desc` is that of this output, in any variant."""
        return re.fullmatch(re.escape(self.desc) + (_VARIANT if self.has_variants else ""), desc) is not None

    def maps_of(self, stat: str) -> StatisticMaps:
        """The maps of a statistic. Raises CatalogueError if the output has none."""
        for maps in self.maps:
            if maps.stat == stat:
                return maps
        raise CatalogueError(f"{self.desc} has no statistic {stat}: the catalogue lists {_listed(self.statistics)}")

    @property
    def statistics(self) -> tuple[str, ...]:
        """Its statistics, in their order."""
        return tuple(maps.stat for maps in self.maps)

    def require_maps(self, stat: str, names: Iterable[str]) -> StatisticMaps:
        """The maps of a statistic. Raises CatalogueError for other map names."""
        maps = self.maps_of(stat)
        if unknown := _unlisted(names, maps.names):
            raise CatalogueError(f"{self.desc}, {stat}: the catalogue lists no map {_listed(unknown)}")
        return maps

    def require_columns(self, names: Iterable[str]) -> list[str]:
        """The columns of a table in the order of the catalogue. Raises CatalogueError for others, or missing ones."""
        names = list(names)
        numbered = any("#" in name for name in self.columns)
        if _unlisted(names, self.columns) or not (numbered or set(names) == set(self.columns)):
            expected = _listed(self.columns)
            raise CatalogueError(f"{self.desc}: columns {_listed(names)}, but the catalogue lists {expected}")
        return names if numbered else list(self.columns)

    def described(self, names: Iterable[str]) -> dict[str, str]:
        """The description of each column, numbered ones under their own names."""
        return {
            name: next(text for listed, text in self.columns.items() if not _unlisted([name], [listed]))
            for name in names
        }

    def require_fields(self, names: Iterable[str]) -> None:
        """Raise CatalogueError if a sidecar has fields that the catalogue does not list."""
        if unknown := _unlisted(names, [*FIELDS, *self.fields]):
            raise CatalogueError(f"{self.desc}: the catalogue lists no sidecar field {_listed(unknown)}")


@dataclass(frozen=True)
class OtherFile:
    """A file of OUT_DIR that belongs to no analysis: its path as a pattern, and what it holds."""

    pattern: str
    content: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def is_called(self, path: str) -> bool:
        """Whether a path below OUT_DIR is that of this file."""
        return fnmatchcase(path, self.pattern)


def find_output(outputs: Iterable[Output], desc: str, suffix: str, level: str) -> Output:
    """The output with these entities at a level. Raises CatalogueError if none is listed."""
    for output in outputs:
        if output.suffix == suffix and level in output.levels and output.is_called(desc):
            return output
    raise CatalogueError(f"the catalogue lists no {suffix} with desc-{desc} at the {level} level: add it to outputs.py")


def _unlisted(names: Iterable[str], listed: Iterable[str]) -> list[str]:
    pattern = re.compile("|".join(re.escape(name).replace(r"\#", r"[+-]?\d+") for name in listed) or r"(?!)")
    return [name for name in names if pattern.fullmatch(name) is None]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"


# Fields that the sidecars of all outputs may have.
FIELDS: Mapping[str, str] = {
    "Description": "What the file holds.",
    "Units": "Unit of the values.",
    "Sources": "BIDS URIs of the files that the result was made from.",
    "Maps": "Names of the maps, in their order.",
    "Columns": "Names of the columns of a table without a header, in their order.",
    "Cleaning": "How each run was cleaned: volumes, head motion, words, confounds, filter.",
    "UnusableTargets": "How many targets of each run were constant or missing.",
    "Repeated": "What was heard more than once, in which runs, and how these were handled.",
    "SourceFiles": "Size and SHA-256 of each file that was read.",
    "Participants": "Labels of the participants behind a result of the group.",
    "Note": "What so few participants cannot show.",
    "LevelWithinParticipants": "Level of the test within each participant behind a prevalence.",
    "IntervalMass": "Posterior probability inside the interval of a prevalence.",
    "Settings": "Settings that decide the result.",
    "SoftwareVersions": "Versions of this package and of those that determine the numbers.",
}

# Columns that several tables share.
REGION_COLUMNS: Mapping[str, str] = {
    "atlas": "What the region is of: `all`, `networks`, `regions` or `parcels`.",
    "region": "Network, region or parcel; `all` for every target.",
}
INTERVAL_COLUMNS: Mapping[str, str] = {
    "low": "Lower end of the 95 % bootstrap interval over participants.",
    "high": "Upper end of the 95 % bootstrap interval over participants.",
}
SUMMARY_COLUMNS: Mapping[str, str] = {
    "mean": "Mean over participants of the mean over the region's targets.",
    **INTERVAL_COLUMNS,
    "p": "Two-sided p of the signed-rank test over participants.",
    "participants": "Number of participants.",
}
SCORE_COLUMNS: Mapping[str, str] = {
    "map": "Map that was averaged: a layer, or the whole fit.",
    "region": "Network, parcel, or `all` for every target.",
    **SUMMARY_COLUMNS,
}
MODEL_COLUMNS: Mapping[str, str] = {
    "data": "Task, and space or segmentation.",
    "model": "Language model.",
    "analysis": "Entity desc of the files behind the row.",
    "measure": "What is compared.",
    "mean": "Mean over participants.",
    **INTERVAL_COLUMNS,
    "participants": "Number of participants.",
}
PARCEL_COLUMNS: Mapping[str, str] = {
    "name": "Name of the parcel",
    "network": "Functional network of the parcel",
}


# Scores that are tested in parcels before their targets.
PARCELS_FIELD: Mapping[str, str] = {
    "Parcels": "Number of parcels that were tested before their targets; absent where there were none.",
}
CORRECTED = "p corrected over targets: inside the parcels that pass, or all at once where there are no parcels."


def parcels_desc(desc: str) -> str:
    """The entity desc of the parcels' maps beside those of targets.

    >>> parcels_desc("brainscore"), parcels_desc("atoms32Shifted")
    ('brainscoreparcels', 'atomsparcels32Shifted')
    """
    return re.sub(rf"(?={_VARIANT}$)", "parcels", desc, count=1)


def over_parcels(names: tuple[str, ...] = (), unit: str = "") -> tuple[StatisticMaps, ...]:
    """The maps of a test of parcels, whose targets all have its value; called by their statistic without `names`."""
    return (
        StatisticMaps("p", "p of the mean response of the parcel.", names or ("p",)),
        StatisticMaps("q", "p of the parcel, corrected over parcels (Benjamini-Hochberg).", names or ("q",)),
        StatisticMaps("r", "Score of the mean response of the parcel.", names or ("r",), unit),
    )


def over_participants(
    stat: str, names: tuple[str, ...], unit: str = "", *, is_family_wise: bool = True
) -> tuple[StatisticMaps, ...]:
    """The statistics that `analyses.significance.write_statistics` computes for maps of a statistic."""
    test = "the signed-rank test against zero over participants"
    size = f"Rank-biserial correlation of {test}: 1 where all are above zero, -1 where all are below."
    return (
        StatisticMaps("w", size, names),
        StatisticMaps("p", "Two-sided p of the signed-rank test.", names),
        StatisticMaps("q", "p corrected within each map.", names),
        *([StatisticMaps("pfwe", _FAMILY_WISE, names)] if is_family_wise else []),
        mean_over_participants(stat, names, "Mean over participants.", unit),
    )


_FAMILY_WISE = "Two-sided p of the one-sample t-test, family-wise within each map: sign flips over participants, max-T."


def over_few_participants(names: tuple[str, ...]) -> tuple[StatisticMaps, ...]:
    """The statistics that `analyses.significance.write_few_participants` adds for few participants.

    Maps are called by their statistic where there are no `names`.
    """
    texts = {
        "prevalence": "the most probable, given how many participants have p < 0.05",
        "prevalencelow": "lower end of its 96 % highest-density interval",
        "prevalencehigh": "upper end of its 96 % highest-density interval",
    }
    share = "Share of the population with the effect"
    majority = "Fewer than 6 participants: q of an effect in at least half of them (partial conjunction)."
    return (
        *(StatisticMaps(stat, f"{share}: {text}.", names or (stat,)) for stat, text in texts.items()),
        StatisticMaps("qmajority", majority, names or ("qmajority",)),
    )


def mean_over_participants(stat: str, names: tuple[str, ...], description: str, unit: str = "") -> StatisticMaps:
    """The mean of maps of a statistic, in the unit of that statistic."""
    return StatisticMaps("mean", description, names, unit or STATISTICS[stat].unit)


ATLASES = (
    Output(
        "atlas",
        "dseg",
        ("participant",),
        "Network of each target, in the order of Networks.",
        fields={
            "Networks": "Names of the networks: label 1, 2, …",
            "Colours": "Red, green and blue from 0 to 1 of each network; null where the atlas has none.",
            "Atlas": "Name of the atlas.",
        },
    ),
    Output(
        "regions",
        "dseg",
        ("participant",),
        "Region of each target, in the order of Regions.",
        fields={
            "Regions": "Names of the regions: label 1, 2, …",
            "Colours": "Red, green and blue from 0 to 1 of each region; null where the atlas has none.",
            "Atlas": "Name of the atlas.",
        },
    ),
)
MODEL_COMPARISON = OtherFile(
    "group/model-comparison.tsv", "Scores and organisation of the models side by side.", MODEL_COLUMNS
)
OTHER_FILES = (
    OtherFile("dataset_description.json", "The data sets read, this package and its version."),
    OtherFile("README.md", "This list of files."),
    OtherFile(".bidsignore", "Files that the BIDS validator does not know."),
    OtherFile("sub-*.html", "Report of a participant: look here first."),
    OtherFile("group.html", "Report of the group."),
    OtherFile("sub-*/figures/*", "Figures of the report."),
    OtherFile("group/figures/*", "Figures of the report of the group."),
    MODEL_COMPARISON,
    OtherFile("logs/*_*.toml", "Settings of each run."),
    OtherFile("logs/CITATION.md", "Text for the methods section, and what to cite."),
    OtherFile("logs/crash-*.txt", "Crash reports."),
    OtherFile("logs/slurm/*", "Scripts and logs of jobs that were submitted to SLURM."),
    OtherFile("logs/dask/*", "Logs of the workers of Dask."),
    OtherFile("logs/complete/*", "For each finished analysis, what it was made from and checksums of its outputs."),
)
