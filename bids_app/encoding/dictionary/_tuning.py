"""Tuned constants of the dictionary, from the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DictionaryTuning:
    """How the atoms are learned, and in which batches.

    Attributes
    ----------
    unused : an atom whose squared loadings sum to less than this share of the mean over atoms counts as unused
    coding_tolerance, coding_iterations : of the lasso while the atoms are learned
    final_tolerance, final_iterations : of the lasso on the final atoms
    unit : number of neurons between updates of the atoms, independent of the batches in which they are coded
    cpu_batches_per_unit, smallest_cpu_batch : number and smallest size of the batches of a unit on the CPU, independent
        of the number of threads, which therefore changes no result; smaller batches cost more than threads gain
    final_cpu_batch, final_gpu_batches : neurons per batch on the CPU, and number of batches on a GPU, in the last pass
    sample, sample_unit, sample_passes : neurons of the first sample, neurons between updates, and maximum number of
        passes over it
    sample_tolerance : tolerance on the first sample, as a share of that of the estimator
    growth : size of each further sample, as a multiple of the previous one
    exchange_every, exchanges_worth : passes between exchanges of atoms, and the relative decrease of the objective
        between exchanges below which they end
    candidates, refined, refinements : residuals that may become atoms, how many of them are refined, and how often
    most_neurons_of_a_restart : of larger models, each restart learns from a random sample of so many neurons, so that
        ten restarts cost less than ten dictionaries
    alike : largest correlation among atoms that are exchanged at the same time
    momentum : share of their last change by which the atoms of a restart move on between passes
    lost_variance : share of the neurons' variance that the compression of restarts leaves out
    most_directions, most_compressed_values : volumes or neurons, whichever are fewer, and product of both, beyond which
        restarts are not compressed: the decomposition would take long, or the result too much memory
    negligible : squared singular value, as a share of the largest, of what rounding leaves of a direction
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
    momentum: float = 0.95
    lost_variance: float = 1e-4
    most_directions: int = 2048
    most_compressed_values: int = 2**25
    negligible: float = 1e-12
    most_neurons_of_a_restart: int = 32_768


TUNING = DictionaryTuning()
