"""Tuned constants of the ridge, from the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RidgeTuning:
    """Constants that affect time alone, or ties.

    Attributes
    ----------
    band : rows of a triangle that are multiplied together
    decomposition : relative time of an operation in a triangular decomposition, compared with a matrix product: in
        float64, with sequential steps
    form_tolerance : largest error of a mean squared error that comes from few forms (`_forms`), as a share of the mean
        square of the responses; only near ties are decided otherwise
    kept_forms : expected number of forms that are kept, per penalty
    form_bytes : memory for the forms of several weightings at a time
    smallest_batch, largest_batch, batches : targets per batch on the CPU. Smaller products are slow, larger ones not
        faster; even few targets are split into several batches for the threads
    """

    band: int = 32
    decomposition: int = 3
    form_tolerance: float = 1e-3
    kept_forms: float = 0.7
    form_bytes: int = 2**28
    smallest_batch: int = 256
    largest_batch: int = 2048
    batches: int = 8


TUNING = RidgeTuning()
