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
        return (*self._of_participants(), *self._of_group())

    def _of_participants(self) -> tuple[Output, ...]:
        title, symbol = self.title, self.symbol
        return (
            Output(
                self.desc,
                "statmap",
                ("participant",),
                f"{title} {symbol}(d): what {self.window} adds to the present word.",
                (
                    StatisticMaps("p", "Chance of a gain this high with responses shifted in time.", _DISTANCES),
                    StatisticMaps("q", CORRECTED, _DISTANCES),
                    StatisticMaps(
                        "r",
                        f"Gain in held-out correlation from {self.window} at each distance over the present word "
                        "alone.",
                        _DISTANCES,
                        GAIN,
                    ),
                ),
                fields={**_FIELDS, **PARCELS_FIELD},
            ),
            Output(
                f"{self.desc}parcels",
                "statmap",
                ("participant",),
                f"{title}, at the tested distance, of the mean responses of parcels, which are tested before their "
                "targets.",
                over_parcels(_DISTANCES, GAIN),
                fields={**_FIELDS, **PARCELS_FIELD},
            ),
            Output(
                f"{self.desc}random",
                "statmap",
                ("participant",),
                f"{title} of windows of random words, a control.",
                (
                    StatisticMaps(
                        "r",
                        f"{title} of windows of random words of the story: what more features add by themselves.",
                        _DRAWS,
                        GAIN,
                    ),
                ),
                fields=_CONTROL_FIELDS,
            ),
            Output(
                f"{self.desc}distance",
                "statmap",
                ("participant",),
                f"Distance with the highest {title[0].lower()}{title[1:]}.",
                (
                    StatisticMaps(
                        "d",
                        "Distance, in words, at which the forecast score is highest; noisy scores make it tend to the "
                        "middle.",
                        ("distance",),
                    ),
                ),
                fields=_FIELDS,
            ),
            Output(
                self.desc,
                "networks",
                ("participant",),
                f"{title}: one row per region and distance.",
                columns={
                    **_CURVE_COLUMNS,
                    "r": f"{title}, mean over the region's targets: gain in held-out correlation over the present word "
                    "alone.",
                    "base": "Held-out correlation with the present word alone, mean over the region's targets.",
                },
            ),
        )

    def _of_group(self) -> tuple[Output, ...]:
        title, symbol = self.title, self.symbol
        return (
            Output(
                self.desc,
                "statmap",
                ("group",),
                f"{title} over participants.",
                (*over_participants("r", _DISTANCES, GAIN, is_family_wise=False), *over_few_participants(_DISTANCES)),
                fields=_FIELDS,
            ),
            Output(
                f"{self.desc}random",
                "statmap",
                ("group",),
                f"{title} of windows of random words over participants.",
                (
                    mean_over_participants(
                        "r", _DRAWS, f"{title} of windows of random words, a control, mean over participants.", GAIN
                    ),
                ),
                fields=_CONTROL_FIELDS,
            ),
            Output(
                f"{self.desc}contrast",
                "statmap",
                ("group",),
                f"Contrast of the tested distance with distance 0: {symbol}(d) - {symbol}(0).",
                over_participants("r", ("contrast",), GAIN),
                fields={**_FIELDS, "Contrast": "The contrast as a formula."},
            ),
            Output(
                f"{self.desc}distance",
                "statmap",
                ("group",),
                f"Distance with the highest {title[0].lower()}{title[1:]} over participants, where the contrast is "
                "significant.",
                (
                    StatisticMaps(
                        "d",
                        "Distance of the highest score, of the mean over participants and as the mean of their own "
                        "distances, where q of the contrast is below Significance.",
                        _PEAKS,
                    ),
                ),
                fields={**_FIELDS, "Significance": "Level of q below which targets are shown."},
            ),
            Output(
                self.desc,
                "networks",
                ("group",),
                f"{title} over participants: one row per region and distance.",
                columns={
                    **_CURVE_COLUMNS,
                    **SUMMARY_COLUMNS,
                    "base": "Held-out correlation with the present word alone, mean over participants and targets.",
                },
            ),
            Output(
                f"{self.desc}distance",
                "networks",
                ("group",),
                f"Distance with the highest {title[0].lower()}{title[1:]}: one row per region, with interval, contrast "
                "and split-half test.",
                columns=_PEAK_COLUMNS,
            ),
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
    return (
        Output(
            desc,
            "statmap",
            ("participant",),
            "Score of the present word alone.",
            (of_participants,),
            fields=_CONTROL_FIELDS,
        ),
        Output(
            desc,
            "statmap",
            ("group",),
            "Score of the present word alone over participants.",
            (of_group,),
            fields=_CONTROL_FIELDS,
        ),
    )
