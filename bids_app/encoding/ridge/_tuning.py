"""What was tuned for the ridge, by the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RidgeTuning:
    """Numbers that decide the time alone.

    Attributes
    ----------
    band : rows of a triangle that are multiplied together
    decomposition : how much longer an operation of making triangles takes than one of a product: in float64, with steps
        that wait for each other
    smallest_batch, largest_batch, batches : targets at once on the CPU. Products of fewer are slow, of more not faster;
        few targets make at least some batches, for its threads
    """

    band: int = 32
    decomposition: int = 3
    smallest_batch: int = 256
    largest_batch: int = 2048
    batches: int = 8


TUNING = RidgeTuning()
