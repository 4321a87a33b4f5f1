"""Tables of lesions: what each costs each network, how specific it is, and the controls beside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from bids_app.analyses.lesion.plan import LesionPlan
from bids_app.analyses.lesion.scores import NetworkScores
from bids_app.stats.intervals import percentile_interval
from bids_app.stats.specificity import chance_of, diagonal_index, diagonal_t

Doubles = npt.NDArray[np.float64]
Floats = npt.NDArray[np.float32]
NO_CONTROL = {"draws": 0, "control_mean": np.nan, "control_low": np.nan, "control_high": np.nan, "p": np.nan}


def drop_table(scores: Mapping[str, NetworkScores], plan: LesionPlan) -> pd.DataFrame:
    """One row per measure, dose, lesioned network, scored network and control."""
    rows = []
    for measure, found in scores.items():
        for network, dose, lesioned in _lesions(plan):
            shared = {"measure": measure, "dose": dose, "network": network}
            shared["neurons"] = len(plan.lesions[lesioned].neurons)
            for column, scored in enumerate(found.names):
                intact, left = found.r[0, column], found.r[lesioned, column]
                of_pair = {**shared, "scored": scored, "intact": intact, "lesioned": left, "drop": intact - left}
                for control in plan.controls:
                    draws = found.drops[plan.rows(control, network, dose), column]
                    rows.append({**of_pair, "control": control, **against(intact - left, draws)})
    return pd.DataFrame(rows)


def against(value: float, draws: Doubles) -> dict[str, Any]:
    """Columns that compare a value with those of the draws of its control, (n_draws,)."""
    if not len(draws):
        return dict(NO_CONTROL)
    low, high = percentile_interval(draws)
    return {
        "draws": len(draws),
        "control_mean": float(draws.mean()),
        "control_low": float(low),
        "control_high": float(high),
        "p": float(chance_of(value, draws)),
    }


def _lesions(plan: LesionPlan) -> Iterator[tuple[str, float, int]]:
    """Network, dose and row of each lesion of a sub-group."""
    for row in plan.subgroups:
        yield plan.lesions[row].network, plan.lesions[row].dose, row


def draws_table(scores: Mapping[str, NetworkScores], plan: LesionPlan) -> pd.DataFrame:
    """The index of each matrix lesioned × scored: draw 0 of the sub-groups, the others of a control.

    A matrix holds the networks with the control at the dose; the index needs two of them.
    """
    rows = []
    for measure, found in scores.items():
        for dose in plan.doses:
            for control in plan.controls:
                shared = {"measure": measure, "dose": dose, "control": control}
                matrices = matrices_of(found, plan, control, dose)
                of_draws = zip(diagonal_index(matrices), diagonal_t(matrices), strict=True)
                rows += [{**shared, "draw": draw, "index": i, "t": t} for draw, (i, t) in enumerate(of_draws)]
    return pd.DataFrame(rows, columns=["measure", "dose", "control", "draw", "index", "t"])


def matrices_of(found: NetworkScores, plan: LesionPlan, control: str, dose: float) -> Doubles:
    """Matrix lesioned × scored of the sub-groups, then of each draw, (1 + n_draws, n, n); none for one network."""
    networks = [
        network
        for network in plan.networks
        if found.column(network) is not None
        and plan.row_of(network, dose) is not None
        and plan.rows(control, network, dose)
    ]
    if len(networks) < 2:
        return np.zeros((0, 2, 2))
    columns = np.array([found.names.index(network) for network in networks])
    own = [plan.row_of(network, dose) for network in networks]
    drawn = np.array([plan.rows(control, network, dose) for network in networks]).T  # (n_draws, n_networks)
    if control == "random":  # the networks share these draws: each row of a matrix takes another of them
        drawn = np.stack([np.roll(column, -number) for number, column in enumerate(drawn.T)], axis=1)
    rows = np.concatenate([[own], drawn]).astype(np.int64)
    return np.asarray(found.drops[:, columns][rows])


def index_table(draws: pd.DataFrame) -> pd.DataFrame:
    """One row per measure, dose and control, from `draws_table`."""
    rows = []
    for (measure, dose, control), part in draws.groupby(["measure", "dose", "control"], sort=False):
        values = part.sort_values("draw")["index"].to_numpy(dtype=np.float64)
        shared = {"measure": measure, "dose": dose, "control": control, "index": values[0]}
        rows.append({**shared, **against(float(values[0]), values[1:]), **specific(part)})
    columns = ["measure", "dose", "control", "index", "t", *NO_CONTROL, "p_index"]
    return pd.DataFrame(rows, columns=columns)


def specific(draws: pd.DataFrame) -> dict[str, float]:
    """t of the sub-groups, p of it, and p of the index itself, from rows of `draws_table` with draws 0 to n."""
    ordered = draws.sort_values("draw")
    t, index = (ordered[name].to_numpy(dtype=np.float64) for name in ("t", "index"))
    p, p_index = (float(chance_of(values[0], values[1:])) for values in (t, index))
    return {"t": float(t[0]), "p": p, "p_index": p_index}


def own_and_others(drops: Floats, numbers: npt.NDArray[np.int64], labels: npt.NDArray[np.integer[Any]]) -> Floats:
    """Drop of each target by the lesion of its own network, and mean drop by those of others, (2, n_targets).

    `drops` (n_lesions, n_targets) are by the lesions of the networks `numbers`; `labels` (n_targets,) are the networks
    of the targets, 0 for none. NaN where there is no such lesion.
    """
    is_own = numbers[:, None] == labels
    maps = [np.where(is_own, drops, 0).sum(axis=0), np.where(is_own, 0, drops).sum(axis=0)]
    counts = [is_own.sum(axis=0), (~is_own).sum(axis=0)]
    found = [
        np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        for total, count in zip(maps, counts, strict=True)
    ]
    return np.stack(found).astype(np.float32)
