"""Charts of lesions: the matrix lesioned × scored, and the dose–response of each network beside its controls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from bids_app.report.figures import WIDTH_INCHES
from bids_app.report.scales import DIVERGING, round_up

_COLUMNS = 4
_OWN, _OTHERS = "#1b5e9b", "#009e73"
_CONTROL_NAMES = {"activity": "same layers and activity", "layer": "same layers", "random": "random neurons"}
_BANDS = {"activity": "0.35", "layer": "#a05195", "random": "#d08a4e"}
LEAST_SHOWN = 0.02  # drop in r that has the full colour, or fills an axis, at least: noise around 0 looks like none
_BESIDE = 0.1  # distance of the controls of a single dose, which would lie on one another
_SHADE = 0.55  # of the range, from which text is white


def draw_matrix(matrix: pd.DataFrame, title: str, colours: Mapping[str, str]) -> Figure:
    """Lesioned networks (the index) down, scored ones (the columns) across, the drop in r as colour and number.

    Own networks are framed.
    """
    n_rows, n_columns = matrix.shape
    size = (WIDTH_INCHES * min(1, 0.24 + 0.055 * n_columns), 1.9 + 0.36 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    _draw_matrix(axes, matrix, colours)
    axes.set_title(title, loc="left")
    axes.set_ylabel("lesioned")
    return figure


def _draw_matrix(axes: Any, matrix: pd.DataFrame, colours: Mapping[str, str]) -> None:
    values = matrix.to_numpy(dtype=float)
    high = round_up(float(np.nanmax(np.abs(values)))) if np.isfinite(values).any() else 1.0
    high = max(high, LEAST_SHOWN)
    axes.pcolormesh(values, cmap=DIVERGING, vmin=-high, vmax=high, edgecolor="white", linewidth=0.8)
    digits = int(np.clip(2 - np.floor(np.log10(high)), 2, 5))
    for row, column in np.argwhere(np.isfinite(values)):
        shade = "white" if abs(values[row, column]) > _SHADE * high else "black"
        shown = signed(values[row, column], digits)
        axes.text(column + 0.5, row + 0.52, shown, ha="center", va="center", size=7.5, color=shade)
        if matrix.index[row] == matrix.columns[column]:
            axes.add_patch(Rectangle((column, row), 1, 1, fill=False, edgecolor="black", linewidth=1.4, zorder=3))
    axes.invert_yaxis()
    axes.set_xticks(np.arange(len(matrix.columns)) + 0.5, list(matrix.columns), rotation=40, ha="right")
    axes.set_yticks(np.arange(len(matrix.index)) + 0.5, list(matrix.index))
    for row, network in enumerate(matrix.index):
        axes.add_patch(
            Rectangle(
                (-0.014, row + 0.12),
                0.01,
                0.76,
                color=colours.get(str(network), "0.6"),
                clip_on=False,
                transform=axes.get_yaxis_transform(),
            )
        )
    axes.set_xlabel("scored")
    axes.tick_params(length=0, pad=8)
    for side in axes.spines.values():
        side.set_visible(False)


def signed(value: float, digits: int) -> str:
    """A number with a true minus; what rounds to 0 has no sign.

    >>> signed(-0.0004, 3), signed(-0.02, 2)
    ('0', '−0.02')
    """
    shown = f"{value:.{digits}f}"
    return "0" if float(shown) == 0 else shown.replace("-", "−")


def draw_doses(rows: pd.DataFrame, y_label: str) -> Figure:
    """A small chart for each network: the value over the dose, bands of the controls on the same axes.

    Columns: network, dose, value, low, high (interval of the value, may be NaN), others (may be NaN), control,
    control_mean, control_low, control_high.
    """
    networks = list(dict.fromkeys(rows["network"].astype(str)))
    columns = min(_COLUMNS, len(networks))
    n_rows = -(-len(networks) // columns)
    size = (WIDTH_INCHES * max(columns, 2) / _COLUMNS, 1.0 + 1.75 * n_rows)
    figure = Figure(figsize=size, layout="constrained")
    charts = figure.subplots(n_rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    doses = sorted(rows["dose"].unique())
    for axes, network in zip(charts, networks, strict=False):
        _draw_dose(axes, rows[rows["network"] == network], doses)
        axes.set_title(network, loc="left", size=9)
    low, high = charts[0].get_ylim()
    charts[0].set_ylim(min(low, -LEAST_SHOWN / 2), max(high, LEAST_SHOWN / 2))
    for axes in charts[len(networks) :]:
        axes.set_visible(False)
    for axes in charts[max(0, len(networks) - columns) : len(networks)]:
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("neurons lesioned (%)")
    for axes in charts[::columns]:
        axes.set_ylabel(y_label)
    handles, names = _legend_of(charts)
    figure.legend(handles, names, loc="outside upper left", ncols=len(names), frameon=False)
    return figure


def _draw_dose(axes: Any, rows: pd.DataFrame, doses: Sequence[float]) -> None:
    axes.axhline(0, color="0.6", linewidth=0.8, zorder=-1)
    place = {dose: number for number, dose in enumerate(doses)}
    for control, of_control in rows.groupby("control", sort=False):
        known = of_control.dropna(subset=["control_mean"]).sort_values("dose")
        if known.empty:
            continue
        x = [place[dose] for dose in known["dose"]]
        colour, name = _BANDS.get(str(control), "0.5"), _CONTROL_NAMES.get(str(control), str(control))
        low, mean, high = (known[key].to_numpy(float) for key in ("control_low", "control_mean", "control_high"))
        if len(doses) == 1:  # neither a line nor a band has a width then
            beside = [_BESIDE * (1 + [*_BANDS, control].index(str(control)))]
            spread = [mean - low, high - mean]
            axes.errorbar(beside, mean, spread, color=colour, fmt="s", markersize=3, capsize=2, label=name)
            continue
        if np.isfinite(low).all():
            axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
        axes.plot(x, mean, "--", color=colour, linewidth=1.2, label=name)
    own = rows.drop_duplicates("dose").sort_values("dose")
    x = [place[dose] for dose in own["dose"]]
    if own["others"].notna().any():
        left = [-_BESIDE] if len(doses) == 1 else x
        axes.plot(
            left, own["others"], ":^", color=_OTHERS, markersize=3, linewidth=1.6, label="other networks' neurons"
        )
    value, low, high = (own[name].to_numpy(dtype=float) for name in ("value", "low", "high"))
    if np.isfinite(low).any():
        axes.errorbar(x, value, [value - low, high - value], color=_OWN, linewidth=1, fmt="none", capsize=2)
    axes.plot(x, value, "-o", color=_OWN, markersize=3.5, linewidth=1.8, label="its own neurons")
    axes.set_xticks(range(len(doses)), [f"{dose:.3g}" for dose in doses])
    if len(doses) == 1:
        axes.set_xlim(-5 * _BESIDE, 6 * _BESIDE)


def _legend_of(charts: Any) -> tuple[list[Any], list[str]]:
    found: dict[str, Any] = {}
    for axes in charts:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(name, handle)
    return list(found.values()), list(found)
