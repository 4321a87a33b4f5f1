"""The methods text of atoms, families and networks."""

from __future__ import annotations

from bids_app.analyses.correction import correction_cites, correction_text
from bids_app.analyses.networks.options import NetworkOptions
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import (
    ALEXANDER_BLOCH_2018,
    ALKHAMISSI_2025,
    BAZINET_2025,
    BENJAMINI_HOCHBERG_1995,
    HARVILLE_1977,
    KONG_2025,
    KOUSSIS_2025,
    NEWTON_2004,
    SUN_2024,
    WAGNER_DRAY_2015,
    WANG_2020,
    WESTFALL_YOUNG_1993,
)
from bids_app.choices import parse_ratio

NEURONS = {
    "ffn-out": "the outputs of the second feed-forward matrix of every block, before the residual sum",
    "ffn-in": "the inputs of the second feed-forward matrix of every block",
    "residual": "the output of every block",
}


# What draws of the null are, to be followed by "of the networks" or "of the maps", and their sources.
_NULLS = {
    "spin": ("random rotations of the networks on the cortical sphere", (ALEXANDER_BLOCH_2018,)),
    "spin-undistorted": (
        "random rotations of the networks on the cortical sphere, those of twice as many that change distances along the "
        "cortex least",
        (ALEXANDER_BLOCH_2018, BAZINET_2025),
    ),
    "eigen": (
        "surrogate maps, whose geometric eigenmodes of the cortex were rotated at random within groups of similar wavelength",
        (KOUSSIS_2025,),
    ),
    "moran": (
        "surrogate maps with random signs of Moran's eigenvectors of the inverse distances along the cortex",
        (WAGNER_DRAY_2015,),
    ),
}


def paragraph(s: NetworkOptions) -> Paragraph:
    """The paragraph of this analysis."""
    is_conditional = s.links == "conditional"
    learned, links = (_families, _conditional_links) if is_conditional else (_atoms, _dice_links)
    noun = "families" if is_conditional else "atoms"
    text = " ".join((_neurons(s), learned(s), _fit(s, noun), links(s)))
    works = (WANG_2020, HARVILLE_1977, WESTFALL_YOUNG_1993, NEWTON_2004) if is_conditional else (KONG_2025,)
    selected = (ALKHAMISSI_2025,) if s.chosen_units.is_localised else ()
    cites = (SUN_2024, *selected, *works, *_NULLS[s.null][1], BENJAMINI_HOCHBERG_1995, *correction_cites(s))
    return Paragraph(text, tuple(dict.fromkeys(cites)))


def _neurons(s: NetworkOptions) -> str:
    return (
        f"Artificial neurons were {units_text(s)}. Their activations were averaged over the sub-tokens of a word "
        "and over the words whose midpoint fell in a volume, convolved with a canonical haemodynamic response (Glover) and "
        "z-scored."
    )


def units_text(s: NetworkOptions) -> str:
    """What counted as a neuron."""
    choice = s.chosen_units
    if choice.autoencoder is not None:
        return (
            f"the features of a sparse autoencoder ({choice.autoencoder.name}) of the model's activations; features that are "
            "0 at every word of the stories were left out"
        )
    if not choice.is_localised:
        return NEURONS[str(choice.kind)]
    return (
        f"the {s.localiser_percent:g} % of {NEURONS[str(choice.kind)]} that were most selective for language: those with the "
        "largest Welch t of |activation| at the last token, sentences against lists of non-words (AlKhamissi et al. 2025)"
    )


def _dictionary(s: NetworkOptions) -> str:
    """Size, penalty and scope of the dictionaries."""
    return (
        f"of {', '.join(map(str, s.atoms))} atoms (L1 penalty {s.penalty:g} times the square root of the number of volumes; "
        f"scope: {s.dictionary_scope})"
    )


def _atoms(s: NetworkOptions) -> str:
    return f"A sparse dictionary {_dictionary(s)} was learned from all neurons."


def _families(s: NetworkOptions) -> str:
    return (
        f"Sparse dictionaries {_dictionary(s)} were learned from all neurons with {s.restarts} random starts. Atoms that the "
        "restarts share (|r| of at least 0.7) were averaged into families. The reproducibility rho of a family is the "
        "mean over restarts of the largest |r| of an atom with it; families with rho below 0.8 were linked to no network. The "
        "loadings of the neurons on the families are least-squares solutions."
    )


def _fit(s: NetworkOptions, noun: str) -> str:
    penalty = (
        "a penalty chosen for each voxel by nested cross-validation over contiguous blocks; for the maps, the largest penalty within one standard error of the best"
        if parse_ratio(s.encoding_penalty) is None
        else f"a penalty of {s.encoding_penalty} times the smallest that makes every coefficient zero"
    )
    return (
        f"The time courses of the {noun} were fitted to every voxel with an L1 penalty ({penalty}). Held-out r is the mean "
        f"Pearson correlation over {s.folds} contiguous folds; its p-value comes from {s.n_permutations} scores of the same "
        f"fits with {noun} and responses shifted circularly against each other, (b + 1)/(n + 1){correction_text(s)}."
    )


def _conditional_links(s: NetworkOptions) -> str:
    return (
        "Links of families with networks were tested in three steps. First, at most 36 pieces of neighbouring targets were "
        "averaged in each network, and confounds and autocorrelation of second order were removed from families and responses; "
        "the partial autocorrelations were estimated by restricted maximum likelihood (Harville 1977). The largest "
        "multiple correlation of a family with the pieces of a network was tested against circular shifts of the families, corrected over "
        "networks by the step-down maximum (Westfall and Young 1993; p < 0.05). Second, in each restart, the responses of "
        "all pieces, whitened over the pieces as well, were explained by a sum of at most ten single effects of the atoms, "
        "whose coefficients may differ between pieces (Wang et al. 2020); the iterations started from the most probable set of atoms. Only effects larger than 0.2 of what all atoms explain were counted; their "
        "probabilities were combined over the atoms of a family and averaged over the restarts that hold it, or, where this was less, over all restarts, weighted by the power 0.05 of their likelihoods. Families with a probability above 0.5 "
        "were candidates, active or deactive where positive or negative coefficients made up at least a quarter of the "
        "squared coefficients. Third, all candidates were fitted jointly to every voxel by generalised least squares; the "
        "mean over the network of the coefficients of the link's sign (of absolute coefficients for links of both signs) was "
        f"tested against {s.n_spins} {_NULLS[s.null][0]} (regions: random "
        "permutations of the networks, and a one-sided t-test of the contrast with the rest of the cortex), corrected over candidates by the Benjamini-Hochberg procedure (q < 0.05). At the group level, the same steps "
        "were applied to means over participants, and each candidate was tested over participants by a one-sided t-test of its "
        "coefficients along the mean pattern of the other participants (q < 0.05). Of what passed, the most probable were "
        "linked, as many as kept the mean of 1 - probability within 8 % (Newton et al. 2004), in networks whose p of the first step was at most 0.02, or the smallest that the shifts allow; the expected share of false links is two thirds of that mean, a factor found on planted truth. The sub-group of a network is the union of the strongest 5 % of the neurons of "
        "every family linked to it."
    )


def _dice_links(s: NetworkOptions) -> str:
    part = (
        f"the strongest {s.top_percent:g} % of the brain"
        if s.top_percent
        else f"where |z| across the brain exceeded {s.threshold:g}"
    )
    return (
        f"Links followed the published method (Sun et al. 2024). Each atom's map was split into an active and a deactive part "
        f"({part}); the Dice overlap of each part with each network was tested against {s.n_spins} {_NULLS[s.null][0]} "
        "(regions: random permutations), corrected over atoms and networks by the Benjamini-Hochberg "
        "procedure. The sub-group of a network is the union of the strongest 5 % of the neurons of every atom linked to it "
        "(q < 0.05). These links are not to be trusted: on planted truth with a real model and text, 13 to 20 % of them were right."
    )
