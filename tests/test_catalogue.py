"""A run writes exactly the files that the catalogue of outputs lists."""

import json
import shutil

import pytest

from bids_app.analyses.depth.test_group import done as depth_and_variance  # noqa: F401
from bids_app.analyses.outputs import all_outputs
from bids_app.analyses.test_distance_group import done as forecasts  # noqa: F401
from bids_app.bids.catalogue_text import readme
from tests.catalogue_check import unlisted


def test_the_results_of_the_demo_are_listed(demo):
    assert unlisted(demo.out) == []
    assert (demo.out / "README.md").read_text() == readme(all_outputs())


def test_tables_and_maps_over_participants_are_listed(depth_and_variance, forecasts):  # noqa: F811
    for out in (depth_and_variance[0], forecasts.out):
        assert len(list(out.rglob("*_desc-*.json"))) > 10
        assert unlisted(out) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda out: _copy(out, "w_desc-variance", "v_desc-variance"), "variance has no statistic v"),
        (lambda out: _copy(out, "w_desc-variance", "w_desc-depth"), "no statmap with desc-depth"),
        (lambda out: (out / "notes.txt").write_text("mine"), "notes.txt"),
        (lambda out: _edit(out, "w_desc-variance", Units="z"), "the sidecar says"),
        (lambda out: _edit(out, "w_desc-variance", Maps=["all"]), "no map all"),
        (lambda out: _edit(out, "w_desc-variance", Layerz=1), "no sidecar field Layerz"),
        (lambda out: _header(out, "forecastdepth_networks", "mean", "middle"), "columns atlas, region, layer"),
        (lambda out: _header(out, "forecastdepth_networks", "atlas\tregion", "region\tatlas"), "in another order"),
    ],
)
def test_what_is_not_listed_is_found(depth_and_variance, tmp_path, change, message):  # noqa: F811
    out = shutil.copytree(depth_and_variance[0], tmp_path / "out")
    change(out)
    problems = unlisted(out)
    assert len(problems) == 1
    assert message in problems[0]


def _files(out, name):
    return sorted((out / "group").glob(f"*{name}*"))


def _copy(out, name, other):
    for path in _files(out, name):
        shutil.copy(path, path.with_name(path.name.replace(name, other)))


def _edit(out, name, **fields):
    (path,) = (path for path in _files(out, name) if path.suffix == ".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def _header(out, name, old, new):
    (path,) = (path for path in _files(out, name) if path.suffix == ".tsv")
    first, rest = path.read_text().split("\n", 1)
    path.write_text(f"{first.replace(old, new)}\n{rest}")
