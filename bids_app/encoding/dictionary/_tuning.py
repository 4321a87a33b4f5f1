"""What was tuned for the dictionary, by the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DictionaryTuning:
    """How the atoms are learned, and in which batches.

    Attributes
    ----------
    unused : an atom whose squared loadings sum to less than this share of the average atom's is used by no neuron
    coding_tolerance, coding_iterations : of the lasso while the atoms are learned
    final_tolerance, final_iterations : of the lasso on the atoms that are kept
    unit : the atoms are updated after so many neurons, whatever the size of the batches that these are coded in
    cpu_batches_per_unit, smallest_cpu_batch : batches of a unit on the CPU, whatever the number of threads, so that
        this changes no result; smaller batches cost more than they share out
    final_cpu_batch, final_gpu_batches : neurons at once on the CPU, and number of batches on a GPU, in the last coding
    sample, sample_unit, sample_passes : the first atoms are learned on so many neurons, where a pass costs little, and
        updated after so many, in at most so many passes
    sample_tolerance : when the sample is learned, as a share of the tolerance that is asked for
    growth : how much larger each of the samples that follow is
    exchange_every, exchanges_worth : after how many passes atoms are exchanged, and by which share the objective must
        have fallen since for this to go on
    candidates, refined, refinements : residuals that may become atoms, how many of them are refined, and how often
    alike : atoms put in at the same time have a smaller correlation than this
    """

    unused: float = 1e-6
    coding_tolerance: float = 1e-3
    coding_iterations: int = 8
    final_tolerance: float = 1e-5
    final_iterations: int = 2000
    unit: int = 4096
    cpu_batches_per_unit: int = 8
    smallest_cpu_batch: int = 256
    final_cpu_batch: int = 512
    final_gpu_batches: int = 8
    sample: int = 4096
    sample_unit: int = 512
    sample_passes: int = 20
    sample_tolerance: float = 0.1
    growth: int = 8
    exchange_every: int = 3
    exchanges_worth: float = 1e-3
    candidates: int = 256
    refined: int = 32
    refinements: int = 2
    alike: float = 0.5


TUNING = DictionaryTuning()
