"""The settings of a run: one frozen object, made once, passed on, and kept beside the outputs.

`Settings` inherits the shared options and those of each analysis, so that a function can ask for the options it needs
and is given the settings. The metadata of a field hold its appearance on the command line, its help text, its allowed
values, and what it decides. `bids_app.settings_input` makes `Settings` from user input.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bids_app.analyses.record import Analysis
from bids_app.analyses.registry import ANALYSES
from bids_app.options import NOTHING, names_of, option
from bids_app.shared_options.designs import FeatureOptions
from bids_app.shared_options.inputs import AtlasOptions, DataOptions, ResponseOptions
from bids_app.shared_options.run import JobOptions
from bids_app.shared_options.scores import DistanceOptions

if TYPE_CHECKING:
    from bids_app.analyses.brainscore.options import BrainScoreOptions
    from bids_app.analyses.depth.options import DepthOptions
    from bids_app.analyses.evidence.options import EvidenceOptions
    from bids_app.analyses.forecast.options import ForecastOptions
    from bids_app.analyses.futures.options import FuturesOptions
    from bids_app.analyses.gain.options import GainOptions
    from bids_app.analyses.lesion.options import LesionOptions
    from bids_app.analyses.networks.options import NetworkOptions
    from bids_app.analyses.variance.options import VarianceOptions

LEVELS = ("stimulus", "participant", "group")
NAMES = tuple(analysis.name for analysis in ANALYSES)

GROUPS = {
    "analyse": "what to analyse",
    "data": "which data",
    "model": "the model",
    "mapping": "the mapping",
    **{
        analysis.name: f"the analysis {analysis.name}: {analysis.title}"
        for analysis in ANALYSES
        if names_of(analysis.options)
    },
    "run": "how to run",
}


class SettingsError(ValueError):
    """An impossible setting; the message names it, its value, and the allowed values."""


if TYPE_CHECKING:

    class _Own(
        NetworkOptions,
        BrainScoreOptions,
        ForecastOptions,
        DepthOptions,
        FuturesOptions,
        VarianceOptions,
        GainOptions,
        EvidenceOptions,
        LesionOptions,
    ):
        """Options of the analyses, for type checkers."""

else:  # from the registry
    _Own = dataclasses.make_dataclass(
        "_Own", [], bases=tuple({analysis.options: 0 for analysis in ANALYSES}), frozen=True
    )


@dataclass(frozen=True)
class Settings(_Own, AtlasOptions, FeatureOptions, DistanceOptions, ResponseOptions, DataOptions, JobOptions):
    """Everything that determines a run."""

    level: str

    analysis: tuple[str, ...] = option(
        ("networks", "brainscore", "evidence"),
        "analyse",
        "What to compute.",
        choices=NAMES,
        metavar="NAME",
        decides=NOTHING,
    )
    preset: str | None = option(None, "analyse", "Settings of a published analysis.", metavar="NAME", decides=NOTHING)
    config_file: Path | None = option(
        None,
        "analyse",
        "TOML file with settings; relative paths start at its folder, and the command line takes precedence.",
        metavar="TOML",
        decides=NOTHING,
    )

    @property
    def analyses(self) -> tuple[Analysis, ...]:
        """The selected analyses, in the order of the registry."""
        return tuple(analysis for analysis in ANALYSES if analysis.name in self.analysis)
