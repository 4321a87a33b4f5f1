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
PYBIDS = "Yarkoni et al. (2019), PyBIDS: Python tools for BIDS datasets, Journal of Open Source Software 4(40), 1294"
TRANSFORMERS = "Wolf et al. (2020), Transformers: state-of-the-art natural language processing, EMNLP 2020"

NEURONS = {
    "ffn-out": "the outputs of the second feed-forward matrix of every block, before the residual sum",
    "ffn-in": "the inputs of the second feed-forward matrix of every block",
    "residual": "the output of every block",
}
CONTEXTS = {
    "auto": "with the default context of each model (causal models: strided windows with at least 512 tokens, or half "
    "of what the model allows, to the left; masked models: overlapping windows in which a word also sees later words)",
    "left": "with left context only",
    "exact": "with one window per word and as much left context as the model allows",
}


def methods_text(settings: Settings) -> str:
    """Markdown with one paragraph per analysis and the works to cite."""
    paragraphs = [_data(settings), _model(settings)]
    references = [NILEARN, PYBIDS, TRANSFORMERS]
    if "networks" in settings.analysis:
        paragraphs.append(_networks(settings))
        references += [SUN_2024, KONG_2025]
    if "brainscore" in settings.analysis:
        paragraphs.append(_brainscore(settings))
        references += [CAUCHETEUX_2023, HIMALAYA]
    cited = "\n".join(f"- {reference}" for reference in references)
    return "# Methods\n\n" + "\n\n".join(paragraphs) + f"\n\n## To cite\n\n{cited}\n"


def _data(s: Settings) -> str:
    high_pass = f" and high-passed at {s.high_pass:g} Hz" if s.high_pass else ""
    smoothing = f", smoothed at {s.smoothing_fwhm:g} mm" if s.smoothing_fwhm else ""
    return (
        f"Data were analysed with neurons2networks {__version__}. Time series that were not cleaned before were freed "
        f"of confounds (choice: {s.confounds}){high_pass}{smoothing}. Each run was cut to its story, and each voxel "
        "z-scored within the run."
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


def _brainscore(s: Settings) -> str:
    reduction = f"reduced to {s.pca} principal components, " if s.pca else ""
    return (
        f"Brain scores: hidden states of layer {s.layer} (last sub-token of each word) were summed over the words that "
        f"began in a volume, standardised, {reduction}delayed by 0 to {s.delays - 1} volumes within each run, "
        f"standardised, and mapped to every voxel by ridge regression with one penalty per voxel out of {len(s.alphas)} "
        f"between {min(s.alphas):g} and {max(s.alphas):g}, chosen inside the training folds ({s.inner_folds}). The score "
        f"is the Pearson correlation with the held-out volumes, averaged over {s.folds} contiguous folds; p-values as above. "
        "The noise ceiling is the score of a ridge regression on the mean response of the other participants."
    )
