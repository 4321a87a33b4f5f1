"""Tuned constants of the ridge, from the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RidgeTuning:
    """Constants that affect only time.

    Attributes
    ----------
    band : rows of a triangle that are multiplied together
    decomposition : relative time of an operation in a triangular decomposition, compared with a matrix product: in
        float64, with sequential steps
    smallest_batch, largest_batch, batches : targets per batch on the CPU. Smaller products are slow, larger ones not
        faster; even few targets are split into several batches for the threads
    """

    band: int = 32
    decomposition: int = 3
    smallest_batch: int = 256
    largest_batch: int = 2048
    batches: int = 8


TUNING = RidgeTuning()
