"""The methods text of atoms and networks."""

from __future__ import annotations

from bids_app.analyses.correction import correction_cites, correction_text
from bids_app.analyses.record import Paragraph
from bids_app.analyses.references import KONG_2025, SUN_2024
from bids_app.choices import parse_ratio
from bids_app.settings import Settings

NEURONS = {
    "ffn-out": "the outputs of the second feed-forward matrix of every block, before the residual sum",
    "ffn-in": "the inputs of the second feed-forward matrix of every block",
    "residual": "the output of every block",
}


def paragraph(s: Settings) -> Paragraph:
    """The paragraph of this analysis."""
    atoms = ", ".join(map(str, s.atoms))
    penalty = (
        "a penalty chosen for each voxel by nested cross-validation over contiguous blocks; for the maps, the largest penalty within one standard error of the best"
        if parse_ratio(s.encoding_penalty) is None
        else f"a penalty of {s.encoding_penalty} times the smallest that makes every coefficient zero"
    )
    part = (
        f"the strongest {s.top_percent:g} % of the brain"
        if s.top_percent
        else f"where |z| across the brain exceeded {s.threshold:g}"
    )
    text = (
        f"Artificial neurons were {NEURONS[s.neurons]}. Their activations were averaged over the sub-tokens of a word "
        "and over the words whose midpoint fell in a volume, convolved with a canonical haemodynamic response (Glover) and "
        f"z-scored. A sparse dictionary of {atoms} atoms was learned from all neurons (L1 penalty {s.penalty:g} times "
        f"the square root of the number of volumes; scope: {s.dictionary_scope}). The atoms' time courses were fitted to "
        f"every voxel with an L1 penalty ({penalty}). Held-out r is the mean Pearson correlation over {s.folds} "
        f"contiguous folds; its p-value comes from {s.n_permutations} scores of the same fits with atoms and "
        f"responses shifted circularly against each other, (b + 1)/(n + 1){correction_text(s)}. Each atom's map was "
        f"split into an active and a deactive part ({part}); the Dice overlap of each part with each network was tested against {s.n_spins} "
        "random rotations of the cortical sphere, corrected over atoms and networks. The sub-group of a network is the union "
        "of the strongest 5 % of the neurons of every atom linked to it (q < 0.05)."
    )
    return Paragraph(
        text,
        (
            SUN_2024,
            KONG_2025,
            *correction_cites(s),
        ),
    )
