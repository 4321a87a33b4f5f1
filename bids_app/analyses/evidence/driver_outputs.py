"""Outputs on what drives an atom or a family: its words, passages, enrichment and nuisance features."""

from __future__ import annotations

from bids_app.analyses.evidence.nuisance_outputs import BAND_FIELDS
from bids_app.bids.catalogue import Output

_DRIVER_FIELDS = {
    "PartsOfSpeech": "What found the parts of speech, or why they are left out.",
    "Surprisal": "What the surprisal is, or why it is left out.",
    **BAND_FIELDS,
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


def driver_outputs(kind: str, singular: str) -> tuple[Output, ...]:
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
