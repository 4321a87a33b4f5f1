"""The methods text of lesions."""

from __future__ import annotations

from bids_app.analyses.lesion.options import LesionOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import SUN_2024

_KINDS = {"mean": "their mean over the story", "zero": "zero", "resample": "their values at another word of the story"}
_CONTROLS = {
    "activity": "the same layers and deciles of mean absolute activation",
    "layer": "the same layers",
    "random": "any layer",
}


def paragraph(s: LesionOptions) -> Paragraph:
    """The paragraph of this analysis."""
    doses = ", ".join(f"{dose:g}" for dose in s.lesion_doses)
    controls = "; ".join(_CONTROLS[name] for name in s.lesion_controls)
    whose = "group" if s.lesion_links == "group" else "participant"
    left_out = (
        " Neurons above 100 times the median absolute activation of their layer were in no set."
        if s.lesion_outliers == "drop"
        else ""
    )
    text = (
        f"Lesions: in the running model, the activations of the sub-group of each network (links of the {whose}) were "
        f"replaced by {_KINDS[s.lesion_kind]}, for {doses} % of all neurons, the strongest loadings first.{left_out} The "
        "story was read again, and the brain score and the fit of the families were fitted anew with the features of the "
        "lesioned model; the drop in held-out r of each network (mean over its pieces) forms a matrix of lesioned by "
        "scored networks. Its index is the mean of the diagonal minus the mean of the other entries, with p = (b + 1)/(n "
        f"+ 1) over {s.lesion_draws} matrices of random sets of as many neurons, drawn from {controls}. For causal models, "
        f"the surprisal of each word was read in the same pass{_masked(s)}."
    )
    return Paragraph(text, (SUN_2024,))


def _masked(s: LesionOptions) -> str:
    if not s.lesion_words:
        return ""
    return (
        f"; for masked models, that of {s.lesion_words} words of each story, drawn at random: the pseudo-log-likelihood of "
        "their tokens, each masked in turn within 32 tokens on each side (Salazar et al. 2020)"
    )
