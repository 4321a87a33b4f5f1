"""Is an effect that of a network, or of the cortex at large? The conditional map against rotated networks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from bids_app.encoding.autoregression import LagMoments
from bids_app.networks.conditional._design import Design
from bids_app.networks.spins import Spins
from bids_app.networks.surrogates import Surrogates
from bids_app.stats.arrays import Doubles, Floats
from bids_app.stats.device import column_batches, one_thread

_BATCH = 4096
AnyFloats = npt.NDArray[np.floating]


@one_thread()
def marginal_maps(design: Design, Y: AnyFloats, noise: Doubles) -> Floats:
    """Correlation of each family with every target, both whitened and free of confounds, (n_families, n_targets).

    One kind of noise for all targets, so that it is a few products with Y (n_volumes, n_targets).
    """
    basis, families = design.white_confounds(noise), _white_families(design, noise)
    weights = design.whitened_weights(np.concatenate([families.T, basis.T]), noise).astype(np.float32)
    result = np.empty((design.n_families, Y.shape[1]), dtype=np.float32)
    for batch in column_batches(Y.shape[1], _BATCH):
        block = np.asarray(Y[:, batch], dtype=np.float32)
        products = (weights @ block).astype(np.float64)
        square = LagMoments.squares(block.astype(np.float64), design.run_lengths).whitened(noise)
        left = square - np.square(products[design.n_families :]).sum(axis=0)
        norm = np.sqrt(np.maximum(left, 1e-12 * square))
        result[:, batch] = products[: design.n_families] / np.where(norm > 0, norm, np.inf)
    return result


@one_thread()
def conditional_maps(design: Design, marginals: AnyFloats, families: npt.NDArray[np.integer], noise: Doubles) -> Floats:
    """Joint coefficients of some families in every target, (n_chosen, n_targets), from the correlations of each.

    Generalised least squares, in standard deviations of the whitened response per standard deviation of the family.
    """
    white = _white_families(design, noise)[:, families]
    return np.asarray(np.linalg.pinv(white.T @ white) @ marginals[families], dtype=np.float32)


def _white_families(design: Design, noise: Doubles) -> Doubles:
    """Whitened families without the confounds, of length 1, (n_volumes, n_families)."""
    [rest] = design.white([design.families], noise)
    norm = np.linalg.norm(rest, axis=0)
    return np.asarray(rest / np.where(norm > 1e-12, norm, np.inf))


def spatial_p(
    maps: AnyFloats,
    labels: npt.NDArray[np.integer],
    n_networks: int,
    *,
    spins: Spins | None,
    surrogates: Surrogates | None = None,
    n_permutations: int = 1000,
    seed: int = 0,
) -> tuple[Doubles, Doubles]:
    """p of each map's mean over each network against moved networks: of large means, and of small ones.

    On fsaverage5 the networks are rotated on the sphere, or the maps replaced by surrogates; the networks of regions
    are dealt out again. p is (b + 1) / (n + 1), where b draws have a mean at least as large (or as small).

    Parameters
    ----------
    maps : array of shape (n_maps, n_targets), NaN where there are no data
    labels : array of shape (n_targets,), 1 … n_networks, 0 for none
    spins : rotations of fsaverage5; None for regions
    surrogates : how maps on fsaverage5 are replaced, instead of rotations

    Returns
    -------
    two arrays of shape (n_maps, n_networks)
    """
    valid = np.asarray(np.isfinite(maps).all(axis=0))
    # One row per target, as products with it read it.
    values = np.ascontiguousarray(np.where(valid, maps, 0).astype(np.float64).T)
    labels = np.where(valid, labels, 0)
    if surrogates is None:
        observed = _means(values, labels, n_networks)
        drawn = _moved(values, labels, valid, n_networks, _sources(spins, valid, n_permutations, seed))
    else:
        observed, drawn = surrogates.means(values, valid, labels, n_networks)
    above, below, n_draws = np.ones_like(observed), np.ones_like(observed), 1
    for means in drawn:
        above += means >= observed
        below += means <= observed
        n_draws += 1
    return above / n_draws, below / n_draws


def _moved(
    values: Doubles,
    labels: npt.NDArray[np.integer],
    valid: npt.NDArray[np.bool_],
    n_networks: int,
    sources: Iterable[npt.NDArray[np.int64]],
) -> Iterator[Doubles]:
    """Means over networks whose targets take their labels from elsewhere."""
    for source in sources:
        yield _means(values, np.where(valid, labels[source], 0), n_networks)


def _sources(
    spins: Spins | None, valid: npt.NDArray[np.bool_], n_permutations: int, seed: int
) -> Iterable[npt.NDArray[np.int64]]:
    return _dealt(valid, n_permutations, seed) if spins is None else spins.sources()


def _dealt(valid: npt.NDArray[np.bool_], n_permutations: int, seed: int) -> Iterator[npt.NDArray[np.int64]]:
    rng, usable, source = np.random.default_rng(seed), np.flatnonzero(valid), np.arange(valid.size)
    for _ in range(n_permutations):
        source[usable] = rng.permutation(usable)
        yield source


def _means(values: Doubles, labels: npt.NDArray[np.integer], n_networks: int) -> Doubles:
    """Mean of values (n_targets, n_maps) over each network, (n_maps, n_networks); 0 for a network without targets."""
    targets = np.flatnonzero(labels)
    of_network = sparse.csr_array(
        (np.ones(len(targets)), (labels[targets] - 1, targets)), shape=(n_networks, len(labels))
    )
    counts = np.bincount(labels[targets] - 1, minlength=n_networks)
    return np.asarray((of_network @ values).T / np.maximum(counts, 1))
