"""The section of lesions: the matrix first, dose curves with the controls, passages, minimal pairs, outliers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bids_app.analyses.lesion.charts import LEAST_SHOWN, draw_doses, draw_matrix, signed
from bids_app.report import html
from bids_app.report.page import Page
from bids_app.report.panels import Panel
from bids_app.report.results import SIGNIFICANT, Results, mean_of
from bids_app.report.scales import signed_scale

_TITLES = {
    "brainscore": "brain score, drop in r",
    "families": "fit of the families, drop in r",
    "atoms": "fit of the atoms, drop in r",
}
_SETS = {
    "activity": "as many neurons of the same layers and activity",
    "layer": "as many neurons of the same layers",
    "random": "as many random neurons",
}
_NOT_RUN = "No lesions: this recording was analysed without --analysis lesion."
_MOST_PASSAGES = 3


def lesions(page: Page, results: Results) -> str:
    """The whole section."""
    table = results.table("lesion")
    index = results.table("lesionindex")
    if table is None or index is None:
        outliers = _outliers(results)
        return outliers or html.missing(_NOT_RUN)
    if table.empty:
        return html.missing("Nothing was lesioned: no family is linked to a network.")
    table = table.assign(value=table["drop" if "drop" in table else "mean"])
    dose = _main_dose(results, table)
    blocks = [
        html.paragraph(takeaway(index, table, dose), "takeaway"),
        _matrix(page, results, table, dose),
        _doses(page, results, table),
        _surprisal(page, results),
        _passages(page, results),
        _pairs(page, results),
        _maps(page, results),
        _outliers(results),
        _left_out(results),
        _details(page, results, "lesionindex", "Table: index and p of each control"),
        _details(page, results, "lesion", "Table: what each lesion costs each network"),
    ]
    return "\n".join(block for block in blocks if block)


def _main_dose(results: Results, table: pd.DataFrame) -> float:
    noted = results.noted(["lesion", "lesionindex"], "MainDose")
    doses = sorted(table["dose"].unique())
    return float(noted) if noted in doses else float(doses[len(doses) // 2])


def takeaway(index: pd.DataFrame, table: pd.DataFrame, dose: float) -> str:
    """What the matrix shows: the verdict, then the drops behind it. `table` has the drops as `value`."""
    rows = index[(index["dose"] == dose) & index["p"].notna()].drop_duplicates("measure")
    if rows.empty:
        n = table["network"].nunique()
        return (
            f"Whether lesions are specific is not known: that needs sub-groups of two networks with a control, and "
            f"{n} {'has' if n == 1 else 'have'} one at {dose:.3g} %."
        )
    told = [_drops(row, table[table["dose"] == dose]) for row in rows.to_dict("records")]
    name = _SETS.get(str(rows["control"].iloc[0]), "control sets")
    return (
        f"{_verdict(rows)}: without the {dose:.3g} % of all neurons that its families load on most, {'; '.join(told)}. "
        f"p: against {name}."
    )


def _verdict(rows: pd.DataFrame) -> str:
    """Whether what breaks is a network's own, from the index, p and number of draws of each measure."""
    is_specific = (rows["p"] < SIGNIFICANT) & (rows["t"] > 0)
    if is_specific.all():
        return "A network's own score breaks"
    if is_specific.any():
        return "The measures disagree on whether a network's own score breaks"
    smallest = 1 / (rows["draws"] + 1)
    if (np.isclose(rows["p"], smallest) & (rows["t"] > 0)).any():
        return "A network's own score falls more than with any control, but the draws are too few to tell"
    return "Nothing breaks that other neurons would not break too"


def _drops(row: Mapping[Any, Any], table: pd.DataFrame) -> str:
    """The mean drop of networks without their own neurons, and without those of another, with p."""
    part = table[(table["measure"] == row["measure"]) & (table["scored"] != "all")]
    part = part.drop_duplicates(["network", "scored"])
    is_own = part["network"] == part["scored"]
    own, others = (_change(part.loc[where, "value"].mean()) for where in (is_own, ~is_own))
    score = "brain score" if row["measure"] == "brainscore" else f"fit of the {row['measure']}"
    return f"its {score} {own}, and that of others {others} (p = {row['p']:.2g})"


def _change(drop: float) -> str:
    """A drop in words.

    >>> _change(0.02), _change(-0.001), _change(0.0004)
    ('falls by 0.020 in r', 'rises by 0.001 in r', 'hardly changes')
    """
    if abs(drop) < 0.0005:
        return "hardly changes"
    return f"{'falls' if drop > 0 else 'rises'} by {abs(drop):.3f} in r"


def answer(results: Results) -> str:
    """The verdict at the main dose, in a sentence for the top of a page."""
    index, table = results.table("lesionindex"), results.table("lesion")
    if index is None or table is None or table.empty or index.empty:
        return ""
    dose = _main_dose(results, table)
    rows = index[(index["dose"] == dose) & index["p"].notna()].drop_duplicates("measure")
    if rows.empty:
        return ""
    verdict = _verdict(rows)
    return f"With the {dose:.3g} % of neurons behind each network lesioned, {verdict[:1].lower()}{verdict[1:]}."


def _matrix(page: Page, results: Results, table: pd.DataFrame, dose: float) -> str:
    """A matrix lesioned × scored for each measure, a figure each, so that numbers can be read on a phone."""
    rows = table[(table["dose"] == dose) & (table["scored"] != "all")]
    colours = page.network_colours(results, list(dict.fromkeys(rows["scored"].astype(str))))
    blocks = []
    for measure, of_measure in rows.groupby("measure", sort=False):
        part = of_measure.drop_duplicates(["network", "scored"])
        scored = list(dict.fromkeys(part["scored"]))
        lesioned = [name for name in scored if name in set(part["network"])]
        matrix = part.pivot(index="network", columns="scored", values="value").loc[lesioned, scored]
        title = _TITLES.get(str(measure), str(measure))
        caption = (
            f"{title[:1].upper()}{title[1:]}: what the lesion of each network's sub-group ({dose:.3g} % of all "
            "neurons) costs each network, fitted anew with the features of the lesioned model. Framed: the network's "
            f"own sub-group. Red: a loss; the scale reaches at least {LEAST_SHOWN:g}."
        )
        told = "; ".join(f"{network}: own {matrix.loc[network, network]:.3f}" for network in matrix.index)
        figure = draw_matrix(matrix, title, colours)
        desc = f"lesionmatrix{measure}"
        blocks.append(page.add(figure, results, desc, alt=f"{caption} {told}.", caption=caption, ending="svg"))
    return "\n".join(blocks)


def _doses(page: Page, results: Results, table: pd.DataFrame) -> str:
    """Dose curves of each network's own drop, a figure per measure."""
    blocks = []
    for measure, part in table[table["scored"] != "all"].groupby("measure", sort=False):
        others = part[part["network"] != part["scored"]].drop_duplicates(["network", "scored", "dose"])
        of_others = others.groupby(["scored", "dose"])["value"].mean()
        own = part[part["network"] == part["scored"]].copy()
        if own.empty:
            continue
        own["others"] = [
            of_others.get((network, dose), np.nan) for network, dose in zip(own["network"], own["dose"], strict=True)
        ]
        own = _with_interval(own)
        title = _TITLES.get(str(measure), str(measure))
        caption = (
            f"Dose–response: {title} of each network by the lesion of its own sub-group, beside controls of as many "
            f"neurons on the same axes{_bands(own)}."
        )
        figure = draw_doses(own, "drop in r")
        blocks.append(page.add(figure, results, f"lesiondoses{measure}", alt=caption, caption=caption, ending="svg"))
    return "\n".join(blocks)


def _with_interval(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns that a chart needs; a participant has no interval, and the group no band of a control."""
    missing = {name: np.nan for name in ("low", "high", "others", "control_low", "control_high") if name not in rows}
    return rows.assign(**missing)


def _bands(rows: pd.DataFrame) -> str:
    if rows["low"].notna().any():
        return "; bars: 95 % bootstrap intervals over participants"
    return ": their mean, and their 2.5th to 97.5th percentile"


def _surprisal(page: Page, results: Results) -> str:
    table = results.table("lesionsurprisal")
    if table is None or table.empty:
        without = results.noted(["lesion", "lesionindex"], "WithoutSurprisal")
        return html.missing(f"No surprisal: {without}.") if without else ""
    rows = table[table["words"] == "all"]
    unseen = ~rows["seen"].astype(str).str.lower().eq("true") if "seen" in rows else pd.Series(False, rows.index)
    if unseen.any():
        rows = rows[unseen & (rows["story"] != "all")]
    elif "story" in rows:
        rows = rows[rows["story"] == "all"]
    rows = _with_interval(rows.assign(value=rows["rise" if "rise" in rows else "mean"]))
    caption = f"Dose–response of the surprisal of {_words(results)}, in nats per word: lesioned minus intact model."
    if unseen.any():
        caption += f" Story {rows['story'].iloc[0]}, which neither the dictionary nor the links have seen."
    elif "seen" in table:
        caption += " The dictionary was learned from these stories too: none was held out."
    if rows["low"].notna().any():
        over = "stories" if "story" in table else "participants"
        caption += f" Bars: 95 % bootstrap intervals over {over}."
    figure = draw_doses(rows, "rise (nats)")
    image = page.add(figure, results, "lesionsurprisal", alt=caption, caption=caption, ending="svg")
    return image + _details(page, results, "lesionsurprisal", "Table: surprisal of all, content and function words")


def _words(results: Results) -> str:
    n = results.noted(["lesion", "lesionindex"], "MaskedWords")
    if not n:
        return "all words"
    return f"{n} words of each story, drawn at random and masked in turn (pseudo-log-likelihood)"


def _passages(page: Page, results: Results) -> str:
    """The passages whose surprisal rises most."""
    table = results.table("lesionpassages")
    if table is None or table.empty:
        return ""
    shown = table[table["rank"] <= _MOST_PASSAGES][["network", "rank", "rise", "passage", "story", "onset"]]
    path = results.table_path("lesionpassages")
    more = "" if path is None else page.file(path)
    body = html.table(shown, page.network_colours(results, list(dict.fromkeys(shown["network"]))), most_rows=100)
    return html.heading("Words that the lesioned model expects least") + body + more


def _pairs(page: Page, results: Results) -> str:
    table = results.table("lesionpairs")
    if table is None or table.empty:
        return ""
    whole = table[table["category"] == "all"].drop_duplicates(["network", "dose"])
    cells = [
        f"{lesioned:.3f}" + ("" if np.isnan(p) else f" (p = {p:.2g})")
        for lesioned, p in zip(whole["lesioned"], whole["p"].astype(float), strict=True)
    ]
    wide = whole.assign(cell=cells).pivot(index="network", columns="dose", values="cell")
    wide = wide.loc[list(dict.fromkeys(whole["network"]))]
    wide.columns = [f"{dose:.3g} %" for dose in wide.columns]
    wide.insert(0, "intact", f"{whole['intact'].iloc[0]:.3f}")
    shown = wide.reset_index()
    return (
        html.heading("Minimal pairs: share in which the better sentence is the more probable one")
        + html.table(shown)
        + _details(page, results, "lesionpairs", "Table: minimal pairs by category and control")
    )


def _maps(page: Page, results: Results) -> str:
    maps = results.maps("lesion", ("r", "mean"))
    if maps is None:
        return ""
    titles = {"own": "Without the neurons of the place's own network", "others": "Without those of another (mean)"}
    panels = [Panel(titles.get(name, name), maps.values[row]) for row, name in enumerate(maps.names)]
    told = ", ".join(f"{panel.title}: mean {signed(mean_of(panel.values), 3)}" for panel in panels)
    caption = f"Drop of the brain score by lesions at the main dose. {told}. Red: losses; blue: gains."
    scale = signed_scale([panel.values for panel in panels], "drop in held-out r", 0.0)
    high = max(scale.high, LEAST_SHOWN)  # else noise around 0 would look like an effect
    scale = replace(scale, low=-high, high=high)
    return page.add_maps(panels, maps.geometry, scale, results, "lesion", caption)


def _outliers(results: Results) -> str:
    table = results.table("lesionoutliers")
    if table is None:
        return ""
    if table.empty:
        return html.paragraph("No neuron exceeds 100 times the median |activation| of its layer.")
    return html.heading("Neurons above 100 times the median |activation| of their layer") + html.table(table)


def _left_out(results: Results) -> str:
    lines = results.noted(["lesion"], "LeftOut")
    if not lines:
        return ""
    return html.missing("Left out: " + "; ".join(str(line) for line in lines) + ".")


def _details(page: Page, results: Results, desc: str, title: str) -> str:
    table, path = results.table(desc), results.table_path(desc)
    if table is None or path is None or table.empty:
        return ""
    return html.details(title, html.table(table, most_rows=60) + page.file(path))


def index_cell(results: Results) -> str:
    """The index of the first measure at the main dose, with its p."""
    index, table = results.table("lesionindex"), results.table("lesion")
    if index is None or table is None or index.empty:
        return ""
    rows = index[(index["dose"] == _main_dose(results, table)) & index["p"].notna()]
    if rows.empty:
        return ""
    row = rows.iloc[0]
    value = float(row["index"] if "index" in row else row["mean"])
    return html.cell(f"{value:.3f}".replace("-", "−"), f"p = {float(row['p']):.2g}, {row['measure']}")
