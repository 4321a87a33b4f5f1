import subprocess
import sys

import pytest

from bids_app.bids.catalogue import (
    STATISTICS,
    CatalogueError,
    OtherFile,
    Output,
    StatisticMaps,
    find_output,
    over_participants,
)

SCORE = Output(
    "score",
    "statmap",
    ("participant",),
    "A score.",
    (StatisticMaps("r", "Its r.", ("layer-#",)), StatisticMaps("layer", "The best.", ("best-layer",))),
    fields={"Layers": "Which."},
)
COURSES = Output("atoms", "timeseries", ("stimulus",), "Courses.", columns={"atom-#": "One."}, has_variants=True)
TABLE = Output("atoms", "networks", ("participant", "group"), "Links.", columns={"atom": "Which.", "p": "p."})


def test_an_output_is_found_by_desc_suffix_and_level() -> None:
    listed = (SCORE, COURSES, TABLE)
    assert find_output(listed, "atoms", "networks", "group") is TABLE
    for desc in ("atoms", "atoms32", "atomsShifted", "atoms32Shifted"):
        assert find_output(listed, desc, "timeseries", "stimulus") is COURSES
    for asked in (
        ("score", "statmap", "group"),
        ("score", "networks", "participant"),
        ("score2", "statmap", "participant"),
        ("atomsfit", "timeseries", "stimulus"),
        ("atoms32", "networks", "group"),
    ):
        with pytest.raises(CatalogueError, match=f"desc-{asked[0]} at the {asked[2]} level"):
            find_output(listed, *asked)


def test_maps_are_refused_where_statistic_or_names_are_not_listed() -> None:
    assert SCORE.require_maps("r", ["layer-01", "layer-12"]).description == "Its r."
    with pytest.raises(CatalogueError, match="no statistic p: the catalogue lists r, layer"):
        SCORE.require_maps("p", ["layer-01"])
    for names in (["layer-01", "all"], ["layer"], ["layer-x"], ["best-layer"]):
        with pytest.raises(CatalogueError, match=f"no map {names[-1]}"):
            SCORE.require_maps("r", names)


def test_tables_have_the_columns_of_the_catalogue_in_its_order() -> None:
    assert TABLE.require_columns(["p", "atom"]) == ["atom", "p"]
    assert COURSES.require_columns(["atom-02", "atom-01"]) == ["atom-02", "atom-01"]
    for output, names in ((TABLE, ["atom"]), (TABLE, ["atom", "p", "q"]), (COURSES, ["atom"])):
        with pytest.raises(CatalogueError, match="but the catalogue lists"):
            output.require_columns(names)


def test_sidecars_have_the_fields_of_all_and_those_of_the_output() -> None:
    SCORE.require_fields(["Layers", "Cleaning", "Note"])
    with pytest.raises(CatalogueError, match="field Distances"):
        SCORE.require_fields(["Layers", "Distances"])


def test_a_mean_has_the_unit_of_what_was_averaged() -> None:
    units = {maps.stat: maps.units for maps in over_participants("r2", ("total",))}
    assert units["mean"] == STATISTICS["r2"].unit
    assert units["p"] == STATISTICS["p"].unit
    assert {maps.units for maps in over_participants("r", ("x",), "gain") if maps.stat == "mean"} == {"gain"}


def test_other_files_are_named_by_their_path() -> None:
    assert OtherFile("sub-*.html", "").is_called("sub-01.html")
    assert not OtherFile("sub-*.html", "").is_called("group.html")


def test_the_catalogue_is_light_to_import() -> None:
    code = "import sys, bids_app.bids.catalogue, bids_app.analyses.outputs as o; o.all_outputs(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "nibabel", "pandas", "torch"} & set(loaded)
