import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from nibabel.cifti2 import BrainModelAxis

from bids_app.analyses.brainscore import ceiling
from bids_app.analyses.brainscore.ceiling import NoCeilingError, Others, StoryMeans, presentations_mean, story_steps
from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.errors import DatasetError
from bids_app.bids.events import Stimulus
from bids_app.bids.geometry import ParcelGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.words import Words
from bids_app.inputs.fits import Fit
from bids_app.inputs.responses import CleanRun, Responses
from bids_app.inputs.sources import Sources
from bids_app.inputs.timing import StimulusTiming, Story, timing_of
from bids_app.settings import Settings
from bids_app.stats.arrays import AnyArray
from bids_app.stats.standardise import zscore

GEOMETRY = ParcelGeometry("test", ("A", "B", "C"))


def heard(audio_onset: float = 0.0, start: float = 0.0, end: float = 80.0, n_volumes: int = 40) -> StimulusTiming:
    return timing_of([Stimulus("tale", "tale.wav", audio_onset, ((start, end),))], 2.0, n_volumes)


HEARD = heard()
STORIES = {"tale": Story("tale", Words(np.array([1.0]), np.array([0.3]), ("once",)), HEARD)}
RNG = np.random.default_rng(0)
DATA = {label: RNG.standard_normal((40, 3)).astype(np.float32) for label in ("01", "02", "03")}


class World:
    """Participants with a run each: what they heard, and their data; changed by the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.excluded: tuple[str, ...] = ()
        self.runs_of: dict[str, list[tuple[StimulusTiming, AnyArray]]]
        self.runs_of = {label: [(HEARD, data.copy())] for label, data in DATA.items()}
        self.links, self.excluded_scans = {"raw": folder / "raw", "x": folder}, ()
        self.broken: set[str] = set()
        self.geometries: dict[str, Geometry] = {}

    @property
    def derivatives(self) -> dict[str, Path]:
        return {"x": self.folder}

    def participants(self) -> list[str]:
        return sorted(self.runs_of)

    def runs(self, label: str, **_: object) -> SimpleNamespace:
        runs = [SimpleNamespace(label=f"{label} {i}", key=(label, i)) for i in range(len(self.runs_of[label]))]
        if not runs:
            raise DatasetError("none")
        return SimpleNamespace(runs=tuple(runs))

    def read(self, run: SimpleNamespace, *_: object) -> CleanRun:
        label, number = run.key
        if label in self.broken:
            raise DatasetError("cut off")
        timing, data = self.runs_of[label][number]
        return CleanRun(data, timing, self.geometries.get(label, GEOMETRY), None)

    def touch(self, label: str, size: int = 1) -> None:
        func = self.folder / f"sub-{label}" / "func"
        func.mkdir(parents=True, exist_ok=True)
        (func / f"sub-{label}_task-tale_seg-T_timeseries.tsv").write_bytes(b"x" * size)

    def others(self, label: str, more: Sequence[tuple[StimulusTiming, AnyArray]] = ()) -> Others:
        """The ceiling's data; `more` runs of the participant are of another task."""
        settings = Settings(
            self.folder / "raw",
            self.folder / "out",
            "participant",
            work_dir=self.folder / "work",
            exclude_participant_label=self.excluded,
        )
        sources = SimpleNamespace(dataset=self, settings=settings, filters=None, stories=STORIES)
        parts = self.runs_of[label] + list(more)
        geometry = self.geometries.get(label, GEOMETRY)
        own = [SimpleNamespace(subject=label, task=task, space=None, seg="test") for task in ("tale", "again")]
        fit = (own[0],) * len(self.runs_of[label]) + (own[1],) * len(more)
        data = np.concatenate([zscore(data) for _, data in parts])
        valid = np.isfinite(data).all(axis=0)
        responses = Responses(data[:, valid], valid, geometry, tuple(one for one, _ in parts), (None,) * len(parts))
        return StoryMeans(cast("Fit", SimpleNamespace(runs=fit)), cast("Sources", sources)).others(responses)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.setattr(ceiling, "read_run", world.read)
    return world


def z(label: str) -> AnyArray:
    return zscore(DATA[label])


def test_mean_of_the_others_leaves_the_participant_out(world: World) -> None:
    world.runs_of["02"][0][1][:, 2] = np.nan
    others = world.others("01")
    np.testing.assert_allclose(others.data[:, 0], (z("02") + z("03"))[:, 0] / 2, atol=1e-5)
    np.testing.assert_allclose(others.data[:, 2], z("03")[:, 2], atol=1e-5)  # 02 has no such region
    assert (others.n_others, others.participants) == (2, ("02", "03"))
    assert others.rows.tolist() == list(range(40))


def test_nobody_else_no_ceiling(world: World) -> None:
    world.runs_of = {"01": world.runs_of["01"]}
    with pytest.raises(NoCeilingError, match="no other participant"):
        world.others("01")


def test_excluded_participants_are_in_no_mean(world: World) -> None:
    world.excluded = ("02",)
    others = world.others("01")
    np.testing.assert_allclose(others.data, z("03"), atol=1e-5)


def test_ones_own_data_are_not_taken_away_from_a_mean_that_lacks_them(world: World) -> None:
    world.broken = {"01"}  # their share could not be read when the sum was made
    np.testing.assert_allclose(world.others("01").data, (z("02") + z("03")) / 2, atol=1e-5)


@pytest.mark.parametrize("late", [20.0, 20.9])
def test_a_scan_that_began_late_is_matched_by_the_time_of_the_story(world: World, late: float) -> None:
    """Volume 0 of 03 is the story's volume 10; a phase below half a volume goes to the nearest."""
    world.runs_of["03"] = [(heard(-late, 0.0, 80.0 - 20, 30), DATA["03"][10:])]
    others = world.others("01")
    np.testing.assert_allclose(others.data[:10], z("02")[:10], atol=1e-5)
    np.testing.assert_allclose(others.data[10:], (z("02")[10:] + zscore(DATA["03"][10:])) / 2, atol=1e-5)
    np.testing.assert_allclose(world.others("03").data, (z("01") + z("02"))[10:] / 2, atol=1e-5)


def test_a_stopped_scan_shortens_nobody_elses_ceiling(world: World) -> None:
    world.runs_of["03"] = [(heard(n_volumes=10), DATA["03"][:10])]
    others = world.others("01")
    assert others.rows.tolist() == list(range(40))
    np.testing.assert_allclose(others.data[10:], z("02")[10:], atol=1e-5)
    assert world.others("03").rows.tolist() == list(range(10))


def test_two_runs_of_one_story_count_once(world: World) -> None:
    again = RNG.standard_normal((40, 3)).astype(np.float32)
    world.runs_of["02"].append((HEARD, again))
    two = (z("02") + zscore(again)) / 2
    np.testing.assert_allclose(world.others("01").data, (two + z("03")) / 2, atol=1e-5)
    own = world.others("02")  # whose own runs are both left out
    np.testing.assert_allclose(own.data, np.tile((z("01") + z("03")) / 2, (2, 1)), atol=1e-5)


def test_volumes_that_nobody_else_heard_are_no_rows(world: World) -> None:
    for label in ("02", "03"):
        world.runs_of[label] = [(heard(n_volumes=25), DATA[label][:25])]
    assert world.others("01").rows.tolist() == list(range(25))


def test_a_repaired_and_a_new_participant_make_a_new_mean(world: World) -> None:
    repaired = world.runs_of.pop("03")
    for label in ("01", "02"):
        world.touch(label)
    np.testing.assert_allclose(world.others("01").data, z("02"), atol=1e-5)
    world.runs_of["03"] = repaired
    world.touch("03")
    np.testing.assert_allclose(world.others("01").data, (z("02") + z("03")) / 2, atol=1e-5)
    world.runs_of["03"] = [(HEARD, DATA["03"] * [1, -1, 1])]
    world.touch("03", size=2)
    np.testing.assert_allclose(world.others("01").data[:, 1], (z("02") - z("03"))[:, 1] / 2, atol=1e-5)


def test_what_did_not_change_is_read_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for label in world.runs_of:
        world.touch(label)
    first = world.others("01").data
    monkeypatch.setattr(ceiling, "read_run", lambda *_: pytest.fail("read again"))
    world.touch("04")  # a folder of somebody who has no data of the task
    os.remove(world.folder / "sub-04" / "func" / "sub-04_task-tale_seg-T_timeseries.tsv")  # noqa: PTH107
    np.testing.assert_array_equal(world.others("01").data, first)


def test_everybody_on_a_mesh_of_their_own_has_no_ceiling(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ParcelGeometry, "space_entities", lambda _: {"space": "fsnative"})
    with pytest.raises(NoCeilingError, match="everybody's fsnative is another space"):
        world.others("01")


def test_a_story_that_plays_twice_in_a_run_is_one_presentation_each() -> None:
    twice = timing_of([replace(HEARD.stimuli[0], audio_onset=t, story=((t, t + 20.0),)) for t in (0.0, 40.0)], 2.0, 40)
    rows, steps = story_steps(twice, "tale")
    assert rows.tolist() == list(range(20))
    assert steps.tolist() == [*range(10), *range(10)]
    series = presentations_mean([(DATA["01"][:20], steps)])
    np.testing.assert_allclose(series.values, (DATA["01"][:10] + DATA["01"][10:20]) / 2, atol=1e-6)


def test_regions_in_another_order_are_matched_by_name(world: World) -> None:
    """02 has the same regions, C first; the sums are in the order of 01."""
    order = [2, 0, 1]
    world.geometries["02"] = ParcelGeometry("test", tuple(GEOMETRY.names[i] for i in order))
    world.runs_of["02"] = [(HEARD, DATA["02"][:, order])]
    np.testing.assert_allclose(world.others("01").data, (z("02") + z("03")) / 2, atol=1e-5)
    np.testing.assert_allclose(world.others("02").data, ((z("01") + z("03")) / 2)[:, order], atol=1e-5)


def test_ones_own_runs_of_another_task_are_not_in_the_sums(world: World) -> None:
    """Tasks that are fitted together may play one story; the sums are of one task."""
    again = RNG.standard_normal((40, 3)).astype(np.float32)
    others = world.others("01", more=[(HEARD, again)])
    np.testing.assert_allclose(others.data, np.tile((z("02") + z("03")) / 2, (2, 1)), atol=1e-5)


@pytest.mark.parametrize("kind", ["volume", "cifti"])
def test_targets_are_matched_by_where_they_are(world: World, kind: str) -> None:
    """Each lacks another of four places: as many targets, but not the same ones."""
    grid, where = np.arange(4).reshape(4, 1, 1), {"01": [0, 1, 2], "02": [0, 1, 3], "03": [0, 2, 3]}
    for label, own in where.items():
        if kind == "volume":
            world.geometries[label] = VolumeGeometry("MNI", np.eye(4), np.isin(grid, own))
        else:
            axis = BrainModelAxis.from_surface(own, 4, name="CortexLeft")
            world.geometries[label] = CiftiGeometry("fsLR", "91k", axis)
    others = world.others("02")  # of the places of 01, the first of the sums
    np.testing.assert_allclose(others.data[:, 0], (z("01") + z("03"))[:, 0] / 2, atol=1e-5)
    np.testing.assert_allclose(others.data[:, 1], z("01")[:, 1], atol=1e-5)
    assert np.isnan(others.data[:, 2]).all()
    others = world.others("03")
    np.testing.assert_allclose(others.data[:, 1], z("01")[:, 2], atol=1e-5)


def test_grids_of_the_same_shape_elsewhere_have_no_ceiling(world: World) -> None:
    """Everybody's own BOLD: voxels with the same number are not at the same place."""
    for number, label in enumerate(world.runs_of):
        world.geometries[label] = VolumeGeometry(None, np.diag([2, 2, 2 + number, 1.0]), np.ones((3, 1, 1), dtype=bool))
    with pytest.raises(NoCeilingError, match="another grid"):
        world.others("02")
