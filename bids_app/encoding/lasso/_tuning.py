"""What was tuned for the lasso, by the measurements in docs/benchmarks.md."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LassoTuning:
    """How exact, and by which steps: most numbers decide the time alone, the first four also what a result is.

    Attributes
    ----------
    path_tolerance, final_tolerance : largest violation of the optimality conditions, as a share of the penalty: on the
        way from one penalty to the next, and of what is kept
    rises : a target's path ends when its error has risen so many times in a row in every fold
    collinear : the path leaves out a regressor that the active ones explain but for this share, since float32 could not
        tell them apart
    most_events : a path with more events than this times the number of regressors goes round in circles
    estimator_batch : targets at once on the CPU, of the cross-validated fit
    many_active, well_conditioned : the CPU takes steps where more regressors than the first are active and the ratio of
        the largest to the smallest eigenvalue is at most the second. Steps take the same time however many are active,
        but longer the worse these are conditioned; a path takes longer with every active regressor
    step_batch : targets at once on the CPU, of the steps: with 64 regressors, the four blocks at hand take 1 MB, what
        the cache of a core holds
    check_every, restart_every : after how many steps it is tested who has converged, and whether momentum points uphill
    drop_share : converged targets are taken out once they are this share of the batch; more often costs more in copies
        than it saves
    opening_step, opening_momentum : the few regressors that are active in most targets are better conditioned among
        themselves than all are: steps this much longer than suits all, with a small constant momentum, bring most
        targets home soonest
    opening_checks, opening_rest : after which steps of the opening it is tested who has converged, and which share of a
        batch is left to the steps after it
    """

    path_tolerance: float = 1e-2
    final_tolerance: float = 1e-3
    rises: int = 2
    collinear: float = 1e-6
    most_events: int = 16
    estimator_batch: int = 2048
    many_active: int = 8
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
