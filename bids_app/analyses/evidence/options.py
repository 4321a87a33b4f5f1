"""Options of the nuisance band."""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.options import Form, option
from bids_app.shared_options.designs import FeatureOptions
from bids_app.shared_options.inputs import DataOptions, ModelOptions
from bids_app.shared_options.scores import GroupOptions, ScoreOptions


@dataclass(frozen=True, kw_only=True)
class EvidenceOptions(FeatureOptions, ScoreOptions, GroupOptions, ModelOptions, DataOptions):
    """Options of the nuisance band."""

    word_frequencies: str = option(
        "stories",
        "evidence",
        "Where the frequencies of words in the nuisance band come from: 'stories' counts them in the stories of the "
        "recording; a language code such as en takes the list of the package wordfreq, which the extra `frequency` "
        "installs.",
        metavar="stories|LANGUAGE",
        allowed=Form(r"stories|[a-z]{2,3}(-[A-Za-z]+)?", "must be 'stories' or a language code such as en"),
    )
