import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bids_app.analyses.outputs import all_outputs
from bids_app.analyses.writer import Writer
from bids_app.bids.catalogue import LEVELS, STATISTICS, CatalogueError
from bids_app.bids.geometry import ParcelGeometry
from bids_app.stats.signed_rank import signed_rank

GEOMETRY = ParcelGeometry("x", ("a", "b", "c"))
VALUES = np.arange(3, dtype=np.float32)[None]


def writer_of(out_dir: Path, participant: str | None = "01", **more: Any) -> Writer:
    subject = {"sub": participant} if participant else {}
    return Writer(out_dir, {**subject, "task": "tale", "model": "m"}, [], {}, lambda: GEOMETRY, **more)


def sidecar_of(path: Path) -> dict[str, Any]:
    sidecar: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return sidecar


def test_unit_description_and_columns_come_from_the_catalogue(tmp_path: Path) -> None:
    (path,) = writer_of(tmp_path).maps("brainscore", "r", VALUES, ["layer-03"], Layers=[3])
    sidecar = sidecar_of(path)
    assert sidecar["Units"] == "Pearson correlation with held-out data"
    assert sidecar["Description"] == "Correlation of predicted and held-out responses, averaged over folds."
    assert sidecar["layer-03"] == {"Description": sidecar["Description"]}
    (path,) = writer_of(tmp_path).maps("forecast", "r", VALUES, ["distance+8"])
    assert sidecar_of(path)["Units"] == "gain in Pearson correlation with held-out data"
    (path,) = writer_of(tmp_path, None).maps("atoms32Shifted", "mean", VALUES, ["atom-01"])
    assert sidecar_of(path)["Units"] == STATISTICS["beta"].unit


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda w: w.maps("brainscores", "r", VALUES, ["layer-01"]), "desc-brainscores at the participant level"),
        (lambda w: w.maps("brainscore", "mean", VALUES, ["layer-01"]), "brainscore has no statistic mean"),
        (lambda w: w.maps("brainscore", "r", VALUES, ["best"]), "no map best"),
        (lambda w: w.maps("brainscore", "r", VALUES, ["layer-01"], Distances=[1]), "field Distances"),
        (lambda w: w.table("atoms", pd.DataFrame({"atom": [1]})), "atoms: columns atom, but"),
        (lambda w: w.table("forecastdepthpeak", pd.DataFrame({"atlas": []})), "at the participant level"),
    ],
)
def test_what_the_catalogue_does_not_list_is_not_written(
    tmp_path: Path, write: Callable[[Writer], None], message: str
) -> None:
    with pytest.raises(CatalogueError, match=message):
        write(writer_of(tmp_path))
    assert not list(tmp_path.rglob("*"))


def test_fields_of_every_sidecar_must_be_listed_too(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="field Smoothed"):
        writer_of(tmp_path, extra=lambda: {"Smoothed": True}).maps("brainscore", "r", VALUES, ["layer-01"])


def test_no_two_outputs_share_a_name() -> None:
    names = [(output.desc, output.suffix, level) for output in all_outputs() for level in output.levels]
    assert len(names) == len(set(names))
    for output in all_outputs():
        assert set(output.levels) <= set(LEVELS)
        assert len(set(output.statistics)) == len(output.statistics)
        assert bool(output.maps) == (output.suffix == "statmap")
        assert all(maps.stat in STATISTICS for maps in output.maps)


def test_w_is_described_as_what_it_is() -> None:
    """From -1, where every participant is below zero, to 1; a signed-rank z of 12 participants would go beyond."""
    maps = np.concatenate([np.full((12, 1, 1), -0.3), np.full((12, 1, 1), 0.3)], axis=2)
    maps *= np.arange(1, 13)[:, None, None]
    w, _ = signed_rank(maps, np.ones(2, dtype=bool))
    np.testing.assert_allclose(w, [[-1, 1]])
    assert STATISTICS["w"].unit == "rank-biserial correlation, from -1 to 1"
    descriptions = [maps.description for output in all_outputs() for maps in output.maps if maps.stat == "w"]
    assert descriptions
    assert all("Rank-biserial correlation" in text for text in [*descriptions, STATISTICS["w"].description])
    assert "rank-biserial" in STATISTICS["w"].label
