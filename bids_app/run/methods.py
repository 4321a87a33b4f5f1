"""The methods text of a run, made from its settings, ready to be pasted into a paper."""

from __future__ import annotations

from bids_app import __version__
from bids_app.settings import Settings

SUN_2024 = "Sun et al. (2024), Brain-like functional organization within large language models, arXiv 2410.19542"
CAUCHETEUX_2023 = (
    "Caucheteux, Gramfort and King (2023), Evidence of a predictive coding hierarchy in the human brain listening to "
    "speech, Nature Human Behaviour 7, 430-441"
)
KONG_2025 = (
    "Kong et al. (2025), a network correspondence toolbox for quantitative evaluation of novel neuroimaging results"
)
HIMALAYA = "Dupré la Tour et al. (2022), Feature-space selection with banded ridge regression, NeuroImage 264, 119728"
NILEARN = "Nilearn contributors, nilearn (doi 10.5281/zenodo.8397156)"
ANTONELLO_HUTH_2024 = (
    "Antonello and Huth (2024), Predictive coding or just feature discovery? An alternative account of why language "
    "models fit brain data, Neurobiology of Language 5(1), 64-79"
)
PYBIDS = "Yarkoni et al. (2019), PyBIDS: Python tools for BIDS datasets, Journal of Open Source Software 4(40), 1294"
TRANSFORMERS = "Wolf et al. (2020), Transformers: state-of-the-art natural language processing, EMNLP 2020"

NEURONS = {
    "ffn-out": "the outputs of the second feed-forward matrix of every block, before the residual sum",
    "ffn-in": "the inputs of the second feed-forward matrix of every block",
    "residual": "the output of every block",
}
REPEATS = {
    "together": "Volumes in which the same part of a story was heard again lay in the same fold, also inside the training "
    "folds, and were shifted together in tests.",
    "average": "Runs that heard the same at the same times were averaged; volumes in which the same part of a story was "
    "heard again at other times lay in the same fold, also inside the training folds, and were shifted together in tests.",
}
CONTEXTS = {
    "auto": "with the default context of each model (causal models: strided windows with at least 512 tokens, or half "
    "of what the model allows, to the left; masked models: overlapping windows in which a word also sees later words)",
    "left": "with left context only",
    "exact": "with one window per word and as much left context as the model allows",
    "rolled": "with left context only, but with the end of the story before its start, so that early words were read "
    "after later ones (as in a released analysis)",
}


def methods_text(settings: Settings) -> str:
    """Markdown with one paragraph per analysis and the works to cite."""
    paragraphs = [_data(settings), _model(settings)]
    references = [NILEARN, PYBIDS, TRANSFORMERS]
    if "networks" in settings.analysis:
        paragraphs.append(_networks(settings))
        references += [SUN_2024, KONG_2025]
    scores = [name for name in ("brainscore", "forecast", "depth", "variance") if name in settings.analysis]
    if scores:
        paragraphs += [_scores(settings), *(_SCORES[name](settings) for name in scores)]
        references += [CAUCHETEUX_2023, HIMALAYA]
    if "forecast" in scores:
        references.append(ANTONELLO_HUTH_2024)
    cited = "\n".join(f"- {reference}" for reference in references)
    return "# Methods\n\n" + "\n\n".join(paragraphs) + f"\n\n## To cite\n\n{cited}\n"


def _data(s: Settings) -> str:
    high_pass = f" and high-passed at {s.high_pass:g} Hz" if s.high_pass else ""
    smoothing = f", smoothed at {s.smoothing_fwhm:g} mm" if s.smoothing_fwhm else ""
    return (
        f"Data were analysed with neurons2networks {__version__}. Time series that were not cleaned before were freed "
        f"of confounds (choice: {' '.join(s.confounds)}){high_pass}{smoothing}. Each run was cut to its story, and each voxel "
        f"z-scored within the run. {REPEATS[s.repeats]}"
    )


def _model(s: Settings) -> str:
    context = CONTEXTS.get(s.context, f"in windows with at least {s.context} tokens of left context")
    return (
        f"The text of each story was put through {', '.join(s.model)} ({s.dtype}), {context}. "
        "Text was tokenised word by word, and tokens were assigned to the words they came from."
    )


def _networks(s: Settings) -> str:
    atoms = ", ".join(map(str, s.atoms))
    penalty = (
        "a penalty chosen for each voxel by nested cross-validation over contiguous blocks; for the maps, the largest penalty within one standard error of the best"
        if s.encoding_penalty == "cv"
        else f"a penalty of {s.encoding_penalty} times the smallest that makes every coefficient zero"
    )
    part = (
        f"the strongest {s.top_percent:g} % of the brain"
        if s.top_percent
        else f"where |z| across the brain exceeded {s.threshold:g}"
    )
    return (
        f"Artificial neurons were {NEURONS[s.neurons]}. Their activations were averaged over the sub-tokens of a word "
        "and over the words whose midpoint fell in a volume, convolved with a canonical haemodynamic response (Glover) and "
        f"z-scored. A sparse dictionary of {atoms} atoms was learned from all neurons (L1 penalty {s.penalty:g} times "
        f"the square root of the number of volumes; scope: {s.dictionary_scope}). The atoms' time courses were fitted to "
        f"every voxel with an L1 penalty ({penalty}). Held-out r is the mean Pearson correlation over {s.folds} "
        f"contiguous folds; its p-value comes from {s.n_permutations} scores of the same fits with atoms and "
        "responses shifted circularly against each other, (b + 1)/(n + 1), corrected by the Benjamini-Hochberg procedure. Each atom's map was split into an active "
        f"and a deactive part ({part}); the Dice overlap of each part with each network was tested against {s.n_spins} "
        "random rotations of the cortical sphere, corrected over atoms and networks. The sub-group of a network is the union "
        "of the strongest 5 % of the neurons of every atom linked to it (q < 0.05)."
    )


def _scores(s: Settings) -> str:
    reduction = f"reduced to {s.pca} principal components, " if s.pca else ""
    volume = "began in a volume" if s.word_volume == "onset" else "began in the volume before"
    end = ", running on from a run's end to its start" if s.wrap else " within each run"
    return (
        f"Scores of held-out responses: hidden states (last sub-token of each word) were summed over the words that "
        f"{volume}, standardised, {reduction}delayed by 0 to {s.delays - 1} volumes{end}, standardised, and mapped to "
        f"every voxel by ridge regression with one penalty per voxel out of {len(s.alphas)} between {min(s.alphas):g} "
        f"and {max(s.alphas):g}, chosen inside the training folds ({s.inner_folds}). A score is the Pearson correlation "
        f"with the held-out volumes, averaged over {s.folds} contiguous folds. Components and moments were fitted on "
        "the training folds alone."
    )


def _brainscore(s: Settings) -> str:
    return (
        f"Brain scores are those of layer {s.layer}; p-values come from {s.n_permutations} scores of the same fits to "
        "circularly shifted responses, corrected by the Benjamini-Hochberg procedure. The noise ceiling is the score of "
        "a ridge regression on the mean response of the other participants."
    )


def _forecast(s: Settings) -> str:
    distances = [d for d in s.distances if d >= 0]
    past = [d for d in s.distances if d < 0]
    behind = f" and, as a control, {len(past)} in the past down to {min(past)}" if past else ""
    reach = f"{len(distances)} distances up to {max(distances)} words ahead{behind}" if distances else "the past alone"
    return (
        f"Forecast scores: the vectors of the {s.window} words that end d words after the present one were concatenated, "
        "summed and reduced in the same way, and laid beside those of the present word; the forecast score F(d) is the "
        f"gain in score over the present word alone. It was computed at {reach}, and for windows of random words of the "
        f"same story. F({s.tested_distance}) was tested by refits to circularly shifted responses. The forecast distance "
        "is the d of the highest F. At the group level, F was tested by Wilcoxon's signed-rank test over participants "
        f"(two-sided, Benjamini-Hochberg over the brain); distances are shown where F({s.tested_distance}) - F(0) is "
        f"significant at {s.significance:g}. Both the distance of the mean curve and the mean of individual distances "
        "are reported, since the latter is biased to the middle of the range, with split halves of the participants "
        "compared against curves shifted at random."
    )


def _depth(s: Settings) -> str:
    return (
        f"Forecast depth: F({s.tested_distance}) with present words and window from the same layer, for every layer; the "
        "layer of the highest score as a fraction of the number of layers."
    )


def _variance(s: Settings) -> str:
    ahead = abs(s.tested_distance)
    return (
        f"Unique variance of the present word, the window {ahead} words ahead and that {ahead} words behind: the "
        "difference of held-out R² between banded ridge regressions with all three feature spaces and without one of "
        f"them ({s.banded_candidates} candidate weightings of the spaces, chosen per voxel by contiguous folds inside the "
        "training folds)."
    )


_SCORES = {"brainscore": _brainscore, "forecast": _forecast, "depth": _depth, "variance": _variance}
