"""Squared errors from moments, for coefficients that are mostly zero; compiled, for the CPU.

Import this module where it is used: numba takes a quarter of a second.
"""

from typing import NamedTuple

import numpy as np

from bids_app.encoding.compiled import compiled_without_counts
from bids_app.encoding.vectors import add_rows, padded, padded_length
from bids_app.stats.arrays import Floats, Ints


class PaddedTest(NamedTuple):
    """Moments of a test set with K regressors, rows padded to P, and memory for one target."""

    gram: Floats  # (K, P)
    cross: Floats  # (V, K)
    square: Floats  # (V,)
    found: Ints  # (K,), regressors with a coefficient
    value: Floats  # (K,), that coefficient
    image: Floats  # (P,), gram times coefficients
    zero: Floats  # (P,)


def padded_test(gram: Floats, cross: Floats, square: Floats) -> PaddedTest:
    """The test set with moments (K, K), (V, K) and (V,)."""
    n = len(gram)
    rows = padded(gram)
    image, zero = np.zeros((2, padded_length(n)), np.float32)
    return PaddedTest(rows, cross, square, np.zeros(n, np.int64), np.zeros(n, np.float32), image, zero)


@compiled_without_counts
def sparse_errors(test: PaddedTest, coef: Floats, targets: Ints, errors: Floats) -> None:
    """Square − 2 crossᵀ b + bᵀ gram b for the rows b of `coef` (V, K) of each target; `errors` is (n_targets,)."""
    n = coef.shape[1]
    for number in range(len(targets)):
        target = targets[number]
        n_found = 0
        for k in range(n):
            test.found[n_found], test.value[n_found] = k, coef[target, k]
            n_found += coef[target, k] != 0  # a branch would be mispredicted
        add_rows(test.image, test.zero, test.value, test.gram, test.found, n_found, n)
        total = float(test.square[target])
        for position in range(n_found):
            k = test.found[position]
            total += float(test.value[position]) * (float(test.image[k]) - 2 * float(test.cross[target, k]))
        errors[number] = total
