"""Outputs of the evidence: the nuisance band, gains over it, checks, what drives an atom, and the panel."""

from __future__ import annotations

from bids_app.bids.catalogue import (
    CORRECTED,
    PARCELS_FIELD,
    REGION_COLUMNS,
    SCORE_COLUMNS,
    Output,
    StatisticMaps,
    over_few_participants,
    over_parcels,
    over_participants,
)

_LAYERS = ("layer-#",)
_BAND_FIELDS = {
    "Features": "Features of the nuisance band.",
    "WordFrequencies": "Where the word frequencies come from.",
    "Sentences": "For each story, whether sentences end at punctuation or at pauses.",
    "Envelope": "Where the acoustic envelope comes from, or why it is left out.",
}
_OVER_FIELDS = {**_BAND_FIELDS, **PARCELS_FIELD, "Layers": "Layers that were scored, counted from 1."}
_STABILITY = {"Stability": "Rank correlation over targets of the gain on odd and on even folds, by map."}
_OUTCOME = "`passed`, `failed`, or `open` where it cannot be told."
_GAIN_UNIT = "gain in Pearson correlation with held-out data"


def _over(desc: str, of_whom: str, names: tuple[str, ...], variants: bool) -> tuple[Output, ...]:
    """Maps of a participant and of the group, their parcels, and tables per region."""
    region_columns = {
        **REGION_COLUMNS,
        "map": f"Map of {of_whom}.",
        "nuisance": "Mean held-out r of the nuisance band alone.",
        "gain": "Mean gain in held-out r of both together over the band alone.",
        "unique": "Mean held-out R² that is lost without the model.",
        "significant": "Share of targets where the gain has q < 0.05.",
        "targets": "Number of targets.",
    }
    return (
        Output(
            desc,
            "statmap",
            ("participant",),
            f"Gain of {of_whom} over the nuisance band on held-out responses.",
            (
                StatisticMaps("p", "Chance of such a gain when the responses are shifted in time.", names),
                StatisticMaps("q", CORRECTED, names),
                StatisticMaps("r2", "Held-out R² of both together less that of the band alone.", names),
                StatisticMaps("r", "Held-out r of both together less that of the band alone.", names, _GAIN_UNIT),
            ),
            fields=_OVER_FIELDS,
            has_variants=variants,
        ),
        Output(
            f"{desc}parcels",
            "statmap",
            ("participant",),
            f"The gain of {of_whom} over the nuisance band for the mean responses of parcels.",
            over_parcels(names, _GAIN_UNIT),
            fields=_OVER_FIELDS,
            has_variants=variants,
        ),
        Output(
            desc,
            "networks",
            ("participant",),
            f"Gain of {of_whom} over the nuisance band: one row per region and map.",
            columns=region_columns,
            fields=_STABILITY,
            has_variants=variants,
        ),
        Output(
            desc,
            "statmap",
            ("group",),
            f"Gain of {of_whom} over the nuisance band, over participants.",
            (*over_participants("r", names, _GAIN_UNIT), *over_few_participants(names)),
            fields=_OVER_FIELDS,
            has_variants=variants,
        ),
        Output(
            desc,
            "networks",
            ("group",),
            f"Gain of {of_whom} over the nuisance band: one row per map and region.",
            columns=SCORE_COLUMNS,
            has_variants=variants,
        ),
    )


_NUISANCE = (
    Output(
        "nuisance",
        "statmap",
        ("participant",),
        "Score of the nuisance band alone on held-out responses.",
        (
            StatisticMaps("p", "Chance of a score this high when the prediction is shifted in time.", ("p",)),
            StatisticMaps("q", CORRECTED, ("q",)),
            StatisticMaps("r", "Correlation of predicted and held-out responses, averaged over folds.", ("r",)),
        ),
        fields={**_BAND_FIELDS, **PARCELS_FIELD},
    ),
    Output(
        "nuisanceparcels",
        "statmap",
        ("participant",),
        "Score of the nuisance band for the mean responses of parcels.",
        over_parcels(),
        fields={**_BAND_FIELDS, **PARCELS_FIELD},
    ),
    Output(
        "nuisance",
        "statmap",
        ("group",),
        "Score of the nuisance band over participants.",
        (*over_participants("r", ("r",)), *over_few_participants(())),
        fields=_BAND_FIELDS,
    ),
    Output(
        "nuisance",
        "networks",
        ("group",),
        "Score of the nuisance band: one row per region.",
        columns=SCORE_COLUMNS,
    ),
)
_CHECKS = (
    Output(
        "leaks",
        "networks",
        ("participant",),
        "Leak alarm: held-out score of a model of autocorrelation alone, with the folds of all scores.",
        columns={
            "sigma": "Standard deviation of the smoothing in time, in volumes.",
            "r": "Held-out r, mean over targets; above 0.01, the folds leak.",
            "targets": "Number of targets in the mean.",
            "outcome": _OUTCOME,
        },
    ),
    Output(
        "timing",
        "networks",
        ("participant",),
        "Lag of the responses behind their prediction from the word rate: one row per run.",
        columns={
            "run": "Entities of the run.",
            "volumes": "Volumes inside the story.",
            "lag": "Lag with the highest correlation, in volumes; expected from -2 to 2.",
            "seconds": "The same in seconds.",
            "r": "Correlation at that lag.",
            "p": "How often shifted responses reach it, (b + 1)/(n + 1); the lag counts where p < 0.01.",
            "outcome": _OUTCOME,
            "reason": "What was found, and what to do.",
        },
    ),
)
_PANEL_COLUMNS = {
    "claim": "What is claimed: `brain score`, `families`, or `data` for checks of the recording.",
    "check": "What is checked.",
    "value": "The number behind the outcome.",
    "measure": "What the number is.",
    "outcome": _OUTCOME,
    "reason": "How the outcome was reached, and what is missing where it is open.",
}
_PANEL = (
    Output(
        "evidence",
        "networks",
        ("participant",),
        "Evidence panel: one row per claim and check.",
        columns=_PANEL_COLUMNS,
    ),
    Output(
        "evidence",
        "networks",
        ("group",),
        "Evidence panel over participants: one row per claim and check.",
        columns={
            **_PANEL_COLUMNS,
            "value": "Mean over participants.",
            "low": "Lower end of the 95 % bootstrap interval over participants.",
            "high": "Upper end of the 95 % bootstrap interval over participants.",
            "p": "Two-sided p of the signed-rank test over participants; empty for checks that have no such test.",
            "passed": "Number of participants that pass.",
            "failed": "Number of participants that fail.",
            "open": "Number of participants where it cannot be told.",
        },
    ),
    Output(
        "drivers",
        "networks",
        ("participant", "group"),
        "What drives the sub-group of each network: passages where its mean course is highest and lowest, and its "
        "correlation with the nuisance band.",
        columns={
            "network": "Network of the atlas.",
            "families": "Number of families linked to it; the course is their mean, deactive ones with sign reversed.",
            "measure": "`highest` or `lowest`: a passage; `correlation`: with a feature.",
            "rank": "Rank of the passage, from 1.",
            "item": "Passage with the words that fire in asterisks, or name of the feature.",
            "story": "Story of the passage.",
            "onset": "Time of the peak, in seconds from the start of the audio file.",
            "value": "Value of the course at the peak, in standard deviations, or correlation over words.",
        },
        has_variants=True,
    ),
)


_DRIVER_FIELDS = {
    "PartsOfSpeech": "What found the parts of speech, or why they are left out.",
    "Surprisal": "What the surprisal is, or why it is left out.",
    **{key: text for key, text in _BAND_FIELDS.items() if key != "Envelope"},
    "Envelope": "Where the acoustic envelope comes from, or why it is left out.",
}
_WORDS = {
    "onset": "Onset of the word, in seconds from the start of the audio file.",
    "duration": "Duration of the word, in seconds.",
    "word": "The word.",
    "length": "Letters and digits of the word.",
    "frequency": "Log10 of its frequency per billion words.",
    "storyposition": "Position in the story, from 0 to 1 over the first 30 words.",
    "sentenceposition": "Position in the sentence, likewise.",
    "part": "Universal part of speech; empty where they are left out.",
    "surprisal": "Surprisal under the model, in nats; empty where it is left out, and at the first word.",
}
_PASSAGES = {
    "direction": "`highest` or `lowest`.",
    "rank": "Rank of the passage, from 1.",
    "story": "Stem of the story.",
    "onset": "Time of the peak, in seconds from the start of the audio file.",
    "value": "Value at the peak, in standard deviations.",
    "passage": "The words around the peak; those beyond 2 standard deviations in asterisks.",
}
_ENRICHMENT = {
    "kind": "`word`, `part` of speech, `position` in the sentence, `frequency`, `length` or `surprisal`.",
    "item": "The word, or the range.",
    "count": "How often it occurs.",
    "mean": "Mean value over its occurrences, in standard deviations.",
    "p": "Two-sided p under circular shifts of the course, (b + 1)/(n + 1).",
    "q": "p corrected over the items of the course (Benjamini-Hochberg).",
}
_BAND_OF_COURSE = {
    "r2": "Held-out R² of the band for the time course.",
    "explained": "Whether the band explains at least half of it.",
    "strongest": "Feature with the highest |r|.",
    **{
        feature: f"Correlation with the {text}."
        for feature, text in {
            "wordrate": "number of words",
            "length": "length of the words",
            "frequency": "frequency of the words",
            "storyposition": "position in the story",
            "sentenceposition": "position in the sentence",
            "envelope": "acoustic envelope; empty without one",
        }.items()
    },
}


def _drivers(kind: str, singular: str) -> tuple[Output, ...]:
    """What drives each atom of one dictionary, or each family of several."""
    number = {singular: f"{singular.capitalize()}, counted from 1."}
    value = {f"{singular}-#": f"Value of one {singular} in standard deviations over the words of all stories."}
    tables = (
        ("words", f"Value of each {singular} at each word of a story.", {**_WORDS, **value}),
        (
            "passages",
            f"The 20 passages where each {singular} is highest, and those where it is lowest.",
            {**number, **_PASSAGES},
        ),
        (
            "enrichment",
            f"Words and kinds of words at which each {singular} is higher or lower than elsewhere; 20 for each.",
            {**number, **_ENRICHMENT},
        ),
        ("nuisance", f"How much of each {singular} the nuisance band explains.", {**number, **_BAND_OF_COURSE}),
    )
    return tuple(
        Output(kind, suffix, ("stimulus",), content, columns=columns, fields=_DRIVER_FIELDS, has_variants=True)
        for suffix, content, columns in tables
    )


OUTPUTS = (
    *_NUISANCE,
    *_over("overnuisance", "the model", _LAYERS, variants=False),
    *_over("familiesovernuisance", "the families", ("families",), variants=True),
    *_over("atomsovernuisance", "the atoms", ("atoms",), variants=True),
    *_CHECKS,
    *_PANEL,
    *_drivers("families", "family"),
    *_drivers("atoms", "atom"),
)
