"""Sections of the group page with means and intervals: scores per network, models side by side."""

from __future__ import annotations

import pandas as pd

from bids_app.analyses.registry import ANALYSES
from bids_app.bids.derivatives import read_table
from bids_app.report import bars, html
from bids_app.report.page import Page
from bids_app.report.results import Results
from bids_app.report.scales import network_colours
from bids_app.report.scores import HELD_OUT, layer_of

_WHOLE = "all"
_GREY = "#5c6773"
# Charts that compare models: pattern of the measures, axis label, caption.
_MEASURES = {
    "models": (r"r( |$)", HELD_OUT, "Mean score of each model over all targets."),
    "modelsforecast": (r"F \(", "F: gain in held-out r", "Mean forecast score of each model over all targets."),
    "modelsrelative": (r"F / R", "F as a share of R", "Forecast score of each model as a share of its brain score."),
    "modelsdepth": (r"k\* /", "k* as a fraction of depth", "Layer that forecasts best, as a fraction of depth."),
}


def held_out() -> dict[str, str]:
    """Names and titles of the held-out scores of all analyses, in the order of their sections."""
    reports = [analysis.report() for analysis in ANALYSES]
    reports.sort(key=lambda report: [section.rank for section in report.sections])
    return {desc: report.titles[desc] for report in reports for desc in report.held_out}


def region_scores(page: Page, results: Results) -> str:
    """Held-out scores for each network or parcel, with confidence intervals."""
    charts = [_one_score(page, results, results.variant(desc), title) for desc, title in held_out().items()]
    return "\n".join(chart for chart in charts if chart) or html.missing("No scores per network or parcel.")


def _one_score(page: Page, results: Results, desc: str, title: str) -> str:
    table, path = results.table(desc), results.table_path(desc)
    if table is None or path is None or table.empty:
        return ""
    rows = best_map_rows(table)
    regions = rows["region"].astype(str).tolist()
    colours = region_colours(page, results, regions)
    middle, low, high = (rows[name].to_numpy(dtype=float) for name in ("mean", "low", "high"))
    names = ["everywhere" if region == _WHOLE else region for region in regions]
    figure = bars.draw_intervals(
        names, middle, low, high, f"{title}, {HELD_OUT}", [colours[region] for region in regions]
    )
    name = str(rows["map"].iloc[0])
    layer = f" of layer {layer_of(name) or name}, the best on average" if table["map"].nunique() > 1 else ""
    caption = (
        f"{title}{layer}: mean over {rows['participants'].max()} participants with its 95 % bootstrap interval, "
        "not corrected for the number of regions."
    )
    values = ", ".join(f"{name} {value:.3f}" for name, value in zip(names, middle, strict=True))
    image = page.add(figure, results, f"regions{desc}", alt=f"{title}: {values}.", caption=caption, ending="svg")
    body = html.table(rows, colours) + page.file(path)
    return image + html.details(f"Table: {title.lower()}", body)


def best_map_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the map (layer) with the highest mean over the whole brain."""
    whole = table[table["region"] == _WHOLE].set_index("map")["mean"].dropna()
    return table[table["map"] == whole.idxmax()] if len(whole) else table.drop_duplicates("region")


def region_colours(page: Page, results: Results, regions: list[str]) -> dict[str, str]:
    """Grey for the whole brain, a colour for each other region."""
    others = [region for region in dict.fromkeys(regions) if region != _WHOLE]
    return {_WHOLE: _GREY, **page.network_colours(results, others)}


def models(page: Page) -> str:
    """The comparison of models: a figure of scores if there are several, and the whole table."""
    path = page.out_dir / "group" / "model-comparison.tsv"
    if not path.is_file():
        return html.missing("No comparison of models: group/model-comparison.tsv is missing.")
    table = read_table(path)
    body = html.table(table, most_rows=120) + page.file(path)
    return _model_charts(page, table) + html.details("Table: all measures", body)


def _model_charts(page: Page, table: pd.DataFrame) -> str:
    """A chart for each kind of measure shared by several models."""
    models = list(dict.fromkeys(table["model"].astype(str)))
    colours = dict(zip(models, network_colours([""] * len(models)), strict=True))
    charts = [_model_chart(page, table, kind, colours) for kind in _MEASURES]
    return "\n".join(chart for chart in charts if chart) or html.missing(
        "One model was run; the table has its measures."
    )


def _model_chart(page: Page, table: pd.DataFrame, kind: str, palette: dict[str, str]) -> str:
    pattern, label, caption = _MEASURES[kind]
    rows = table[table["measure"].astype(str).str.match(pattern)]
    if rows["model"].nunique() < 2:
        return ""
    prefixes = rows["model"].fillna("").astype(str)
    prefixes = prefixes.where(prefixes == "", prefixes + ": ")
    of_data = ", " + rows["data"].astype(str) if rows["data"].nunique() > 1 else ""
    names = (prefixes + rows["analysis"].replace(_titles()) + of_data).tolist()
    middle, low, high = (rows[name].to_numpy(dtype=float) for name in ("mean", "low", "high"))
    figure = bars.draw_intervals(names, middle, low, high, label, [palette[str(model)] for model in rows["model"]])
    caption = f"{caption} Mean over participants with its 95 % bootstrap interval."
    alt = f"{caption} " + ", ".join(f"{name}: {value:.3f}" for name, value in zip(names, middle, strict=True))
    return page.add(figure, Results({}, ()), kind, alt=alt, caption=caption, ending="svg")


def _titles() -> dict[str, str]:
    return {desc: title for analysis in ANALYSES for desc, title in analysis.report().titles.items()}
