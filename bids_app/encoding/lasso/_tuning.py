"""Tuned constants of the lasso, from the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LassoTuning:
    """Tolerances and steps: the first four constants affect results, the others only time.

    Attributes
    ----------
    path_tolerance, final_tolerance : largest violation of the optimality conditions, as a share of the penalty: between
        penalties, and for results
    rises : the path of a target ends after this many consecutive rises of its error in every fold
    collinear : an active set leaves out a regressor whose share unexplained by the others is smaller than this, which
        float32 cannot resolve
    exact : on the CPU, regressors join as long as they violate their conditions by more than this share of max|Xᵀy|;
        a larger tolerance would save next to nothing
    join_together : regressors that violate their conditions by at least this share of the largest violation join
        together. With all, many leave again (1.2 to 1.6 of the time); with one at a time, there are more moves (1.2)
    most_moves : more moves of a target than this times the number of regressors count as cycling
    estimator_batch : targets per batch of the cross-validated fit on the CPU
    many_active, well_conditioned : the CPU uses gradient steps if more regressors than the first are active and the
        condition (ratio of the largest to the smallest eigenvalue) is at most the second. The time of steps grows with
        the condition, that of active sets with the number of active regressors
    step_batch : targets per batch of gradient steps on the CPU: with 64 regressors, the four blocks take 1 MB, the size
        of the cache of a core
    check_every, restart_every : steps between tests of convergence, and of the direction of the momentum
    drop_share : converged targets are removed once they are this share of the batch; more frequent copies cost more
        than they save
    opening_step, opening_momentum : the few regressors active in most targets are better conditioned than all
        regressors, so longer steps by this factor, with a small constant momentum, solve most targets soonest
    opening_checks, opening_rest : steps of the opening at which convergence is tested, and the share of a batch left to
        the steps after it
    """

    path_tolerance: float = 1e-2
    final_tolerance: float = 1e-3
    rises: int = 2
    collinear: float = 1e-6
    exact: float = 1e-5
    join_together: float = 0.5
    most_moves: int = 16
    estimator_batch: int = 2048
    many_active: int = 16
    well_conditioned: float = 1000.0
    step_batch: int = 1024
    check_every: int = 8
    restart_every: int = 5
    drop_share: float = 0.3
    opening_step: float = 2.3
    opening_momentum: float = 0.3
    opening_checks: tuple[int, ...] = (4, 8, 10, 12, 16)
    opening_rest: float = 0.1


TUNING = LassoTuning()
