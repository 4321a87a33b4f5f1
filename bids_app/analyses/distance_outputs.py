"""Outputs of a forecast score: gains from windows of words ahead at each distance, with the controls.

`forecast` has one such score, `futures` one for syntax and one for meaning.
"""

from __future__ import annotations

from dataclasses import dataclass

from bids_app.bids.catalogue import (
    CORRECTED,
    GAIN,
    PARCELS_FIELD,
    REGION_COLUMNS,
    SUMMARY_COLUMNS,
    Output,
    StatisticMaps,
    mean_over_participants,
    over_few_participants,
    over_parcels,
    over_participants,
)

_DISTANCES = ("distance#",)
_DRAWS = ("random-#",)
_PEAKS = ("group-curve", "participants-mean")

_LAYER_FIELDS = {
    "Layer": "Layer of the present word and of the window, counted from 1.",
    "Layers": "Number of layers of the model.",
    "Fraction": "The layer as a fraction of the model's depth.",
}
_DISTANCE_FIELD = {"Distances": "Distance of each map, in words; negative in the past."}
_WINDOW_FIELDS = {"Window": "Words in a window.", "TestedDistance": "Distance whose gain was tested, in words."}
_WORDS_FIELD = {"WordsPerVolume": "Mean number of words in a volume."}
_FIELDS = {**_LAYER_FIELDS, **_DISTANCE_FIELD, **_WINDOW_FIELDS, **_WORDS_FIELD}
_CONTROL_FIELDS = {**_LAYER_FIELDS, "Window": _WINDOW_FIELDS["Window"], **_WORDS_FIELD}

_CURVE_COLUMNS = {
    **REGION_COLUMNS,
    "window": "`distance`, or `random` for windows of random words, a control.",
    "distance": "Words from the present one to the end of the window; negative in the past, a control too.",
}


@dataclass(frozen=True)
class DistanceScore:
    """A forecast score over distances.

    Attributes
    ----------
    desc : entity of its maps; those of its controls, distances, … begin with it
    base : desc of the score of the present word alone, the baseline of the gains
    title : in sentences
    symbol : of the score at a distance
    window : what the window holds
    """

    desc: str
    base: str
    title: str
    symbol: str = "F"
    window: str = "a window of words ahead"

    def outputs(self) -> tuple[Output, ...]:
        """Its outputs of participants and the group, without those of the base."""
        return (
            self._gains(),
            self._gains_of_parcels(),
            self._gains_of_random_words(),
            self._peaks(),
            self._curves(),
            self._group_gains(),
            self._group_gains_of_random_words(),
            self._contrast(),
            self._group_peaks(),
            self._group_curves(),
            self._group_peaks_of_regions(),
        )

    @property
    def _highest(self) -> str:
        return f"Distance with the highest {self.title[0].lower()}{self.title[1:]}"

    def _gains(self) -> Output:
        gain = f"Gain in held-out correlation from {self.window} at each distance over the present word alone."
        return Output(
            self.desc,
            "statmap",
            ("participant",),
            f"{self.title} {self.symbol}(d): what {self.window} adds to the present word.",
            (
                StatisticMaps("p", "Chance of a gain this high with responses shifted in time.", _DISTANCES),
                StatisticMaps("q", CORRECTED, _DISTANCES),
                StatisticMaps("r", gain, _DISTANCES, GAIN),
            ),
            fields={**_FIELDS, **PARCELS_FIELD},
        )

    def _gains_of_parcels(self) -> Output:
        return Output(
            f"{self.desc}parcels",
            "statmap",
            ("participant",),
            f"{self.title}, at the tested distance, of the mean responses of parcels, which are tested before their "
            "targets.",
            over_parcels(_DISTANCES, GAIN),
            fields={**_FIELDS, **PARCELS_FIELD},
        )

    def _gains_of_random_words(self) -> Output:
        gain = f"{self.title} of windows of random words of the story: what more features add by themselves."
        return Output(
            f"{self.desc}random",
            "statmap",
            ("participant",),
            f"{self.title} of windows of random words, a control.",
            (StatisticMaps("r", gain, _DRAWS, GAIN),),
            fields=_CONTROL_FIELDS,
        )

    def _peaks(self) -> Output:
        peak = "Distance, in words, at which the forecast score is highest; noisy scores make it tend to the middle."
        return Output(
            f"{self.desc}distance",
            "statmap",
            ("participant",),
            f"{self._highest}.",
            (StatisticMaps("d", peak, ("distance",)),),
            fields=_FIELDS,
        )

    def _curves(self) -> Output:
        return Output(
            self.desc,
            "networks",
            ("participant",),
            f"{self.title}: one row per region and distance.",
            columns={
                **_CURVE_COLUMNS,
                "r": f"{self.title}, mean over the region's targets: gain in held-out correlation over the present "
                "word alone.",
                "base": "Held-out correlation with the present word alone, mean over the region's targets.",
            },
        )

    def _group_gains(self) -> Output:
        return Output(
            self.desc,
            "statmap",
            ("group",),
            f"{self.title} over participants.",
            (*over_participants("r", _DISTANCES, GAIN, is_family_wise=False), *over_few_participants(_DISTANCES)),
            fields=_FIELDS,
        )

    def _group_gains_of_random_words(self) -> Output:
        gain = f"{self.title} of windows of random words, a control, mean over participants."
        return Output(
            f"{self.desc}random",
            "statmap",
            ("group",),
            f"{self.title} of windows of random words over participants.",
            (mean_over_participants("r", _DRAWS, gain, GAIN),),
            fields=_CONTROL_FIELDS,
        )

    def _contrast(self) -> Output:
        return Output(
            f"{self.desc}contrast",
            "statmap",
            ("group",),
            f"Contrast of the tested distance with distance 0: {self.symbol}(d) - {self.symbol}(0).",
            over_participants("r", ("contrast",), GAIN),
            fields={**_FIELDS, "Contrast": "The contrast as a formula."},
        )

    def _group_peaks(self) -> Output:
        peak = (
            "Distance of the highest score, of the mean over participants and as the mean of their own distances, "
            "where q of the contrast is below Significance."
        )
        return Output(
            f"{self.desc}distance",
            "statmap",
            ("group",),
            f"{self._highest} over participants, where the contrast is significant.",
            (StatisticMaps("d", peak, _PEAKS),),
            fields={**_FIELDS, "Significance": "Level of q below which targets are shown."},
        )

    def _group_curves(self) -> Output:
        return Output(
            self.desc,
            "networks",
            ("group",),
            f"{self.title} over participants: one row per region and distance.",
            columns={
                **_CURVE_COLUMNS,
                **SUMMARY_COLUMNS,
                "base": "Held-out correlation with the present word alone, mean over participants and targets.",
            },
        )

    def _group_peaks_of_regions(self) -> Output:
        return Output(
            f"{self.desc}distance",
            "networks",
            ("group",),
            f"{self._highest}: one row per region, with interval, contrast and split-half test.",
            columns=_PEAK_COLUMNS,
        )


_PEAK_COLUMNS = {
    **REGION_COLUMNS,
    "group_curve": "Distance at which the mean curve of the participants peaks.",
    "low": "Lower end of its 95 % bootstrap interval over participants.",
    "high": "Upper end of its 95 % bootstrap interval over participants.",
    "participants_mean": "Mean of the distances at which the participants' own curves peak; with noise, the middle.",
    "contrast": "F at the tested distance - F(0), mean over participants.",
    "contrast_p": "Two-sided p of its signed-rank test over participants.",
    "contrast_q": "The same, corrected for the number of regions of the atlas (Benjamini-Hochberg).",
    "split_half": "Words between the peaks of two halves of the participants, mean over random halves.",
    "split_half_null": "The same where each participant's curve is shifted circularly by an amount of its own.",
    "split_half_p": "How often shifted curves agree as well.",
    "cross_validated": "F at the peak of one half of the participants - F(0), both in the other half.",
    "participants": SUMMARY_COLUMNS["participants"],
}


def base_outputs(desc: str) -> tuple[Output, Output]:
    """The outputs of the present word alone, of participants and of the group."""
    of_participants = StatisticMaps("r", "Held-out correlation with the present word alone.", ("present",))
    of_group = mean_over_participants(
        "r", ("present",), "Held-out correlation with the present word alone, mean over participants."
    )
    score = "Score of the present word alone"
    return (
        Output(desc, "statmap", ("participant",), f"{score}.", (of_participants,), fields=_CONTROL_FIELDS),
        Output(desc, "statmap", ("group",), f"{score} over participants.", (of_group,), fields=_CONTROL_FIELDS),
    )
