"""Distances in dependency trees, and how alike the distances of two trees are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from bids_app.stats.arrays import Doubles, Floats, Ints


def tree_distances(heads: npt.ArrayLike) -> Floats:
    """Number of edges between any two tokens of undirected trees, (…, n_tokens, n_tokens).

    The path between two nodes runs through their lowest common ancestor: with n_i ancestors of i, itself included, and
    c_ij common ones, it has n_i + n_j - 2 c_ij edges. Trees of the same sentence hang on a node of their own, so that
    all distances are finite.

    Parameters
    ----------
    heads : array of shape (…, n_tokens), the index of each token's head; a root is its own head

    >>> tree_distances([1, 1, 1, 2]).astype(int).tolist()
    [[0, 1, 2, 3], [1, 0, 1, 2], [2, 1, 0, 1], [3, 2, 1, 0]]
    """
    heads = np.asarray(heads)
    is_ancestor = _ancestors(heads).astype(np.float32)
    common = is_ancestor @ np.swapaxes(is_ancestor, -1, -2)
    depth = np.diagonal(common, axis1=-2, axis2=-1)
    return np.asarray(depth[..., :, None] + depth[..., None, :] - 2 * common, dtype=np.float32)


def _ancestors(heads: Ints) -> npt.NDArray[np.bool_]:
    """Whether token j is an ancestor of token i, or i itself, at [..., i, j]."""
    n_tokens = heads.shape[-1]
    result = np.broadcast_to(np.eye(n_tokens, dtype=bool), (*heads.shape, n_tokens)).copy()
    reached = np.broadcast_to(np.arange(n_tokens), heads.shape)
    for _ in range(n_tokens):
        above = np.take_along_axis(heads, reached, axis=-1)
        if (above == reached).all():
            break
        reached = above
        np.put_along_axis(result, reached[..., None], True, axis=-1)
    return result


def row_spearman(true: npt.ArrayLike, samples: npt.ArrayLike) -> Doubles:
    """Mean over rows of Spearman's correlation of the rows of two distance matrices, (n_samples,).

    Rows that are constant in either matrix have no correlation and are left out; NaN if all are.

    Parameters
    ----------
    true : array of shape (n_tokens, n_tokens)
    samples : array of shape (n_samples, n_tokens, n_tokens)
    """
    first, second = _standard_ranks(np.asarray(true)), _standard_ranks(np.asarray(samples))
    correlation = (first * second).sum(axis=-1)
    known = np.isfinite(correlation)
    total = np.where(known, correlation, 0).sum(axis=-1)
    count = known.sum(axis=-1)
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0))


def _standard_ranks(matrix: npt.NDArray[np.floating]) -> Doubles:
    """Ranks of each row (ties share their mean), centred, of length 1; NaN for a constant row."""
    ranks = rankdata(matrix, axis=-1)
    ranks = ranks - ranks.mean(axis=-1, keepdims=True)
    length = np.sqrt((ranks**2).sum(axis=-1, keepdims=True))
    return np.asarray(np.divide(ranks, length, out=np.full(ranks.shape, np.nan), where=length > 0))
