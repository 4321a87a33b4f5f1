import numpy as np
import pytest
from scipy.sparse.csgraph import shortest_path
from scipy.stats import spearmanr

from bids_app.language.futures import row_spearman, tree_distances
from bids_app.stats.arrays import Ints


def random_heads(n_tokens: int, rng: np.random.Generator, n_roots: int = 1) -> Ints:
    """Heads of a random tree (or trees) with its nodes in random order."""
    heads = [node if node < n_roots else int(rng.integers(node)) for node in range(n_tokens)]
    order = rng.permutation(n_tokens)
    shuffled = np.empty(n_tokens, dtype=np.int64)
    shuffled[order] = order[heads]
    return shuffled


@pytest.mark.parametrize("n_tokens", [1, 2, 3, 17, 40])
def test_distances_are_those_of_shortest_paths(n_tokens: int) -> None:
    rng = np.random.default_rng(n_tokens)
    heads = np.stack([random_heads(n_tokens, rng) for _ in range(5)])
    distances = tree_distances(heads)
    assert distances.shape == (5, n_tokens, n_tokens)
    for of_tree, made in zip(heads, distances, strict=True):
        edges = np.zeros((n_tokens, n_tokens))
        edges[np.arange(n_tokens), of_tree] = 1
        np.fill_diagonal(edges, 0)
        np.testing.assert_array_equal(made, shortest_path(edges, directed=False, unweighted=True))


def test_several_trees_hang_on_one_node() -> None:
    heads = random_heads(12, np.random.default_rng(1), n_roots=3)
    edges = np.zeros((13, 13))
    edges[np.arange(12), np.where(heads == np.arange(12), 12, heads)] = 1
    expected = shortest_path(edges, directed=False, unweighted=True)[:12, :12]
    np.testing.assert_array_equal(tree_distances(heads), expected)


def test_similarity_is_the_mean_of_scipy_s_correlation_of_rows() -> None:
    rng = np.random.default_rng(0)
    true, *samples = tree_distances(np.stack([random_heads(9, rng) for _ in range(7)]))
    expected = [np.mean([spearmanr(a, b).statistic for a, b in zip(true, sample, strict=True)]) for sample in samples]
    np.testing.assert_allclose(row_spearman(true, np.stack(samples)), expected, atol=1e-12)
    np.testing.assert_allclose(row_spearman(true, true[None]), 1)


def test_rows_without_a_rank_are_left_out() -> None:
    assert np.isnan(row_spearman(np.zeros((1, 1)), np.zeros((2, 1, 1)))).all()
    flat = np.array([[0, 0, 0], [1, 0, 2], [2, 1, 0]])
    np.testing.assert_allclose(row_spearman(flat, np.array([[[0, 1, 2], [1, 0, 2], [0, 1, 2]]])), (1 - 1) / 2)
