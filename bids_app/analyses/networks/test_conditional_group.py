"""Links of the group: planted in all, in one, or in nobody; and means over participants who lack volumes or pieces."""

import weakref
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bids_app.analyses.networks.conditional_group import _at, over_participants
from bids_app.analyses.networks.mean_design import (
    Courses,
    Keep,
    Presentation,
    UnequalParticipantsError,
    _shared_times,
    in_memory,
    mean_design,
    presentations_of_run,
)
from bids_app.analyses.scratch import ScratchArrays
from bids_app.networks.conditional import Design, consecutive_pieces, network_series, temporal_evidence
from bids_app.networks.conditional._gate import _shifted_r2
from bids_app.networks.conditional.conftest import NAMES, World, smooth
from bids_app.stats.projection import project_out

TR = 1.5


def presentations(
    world: World, Y: np.ndarray, who: str, seconds: np.ndarray | None = None, keep: Keep = in_memory
) -> list[Presentation]:
    series = network_series(Y, world.labels, consecutive_pieces(world.labels), len(NAMES))
    return presentations_of_run(
        who,
        np.full(world.n, "tale", dtype=object),
        TR * np.arange(world.n, dtype=np.float64) if seconds is None else seconds,
        (series.number, series.series),
        world.confounds,
        lambda: np.stack(world.restarts),
        lambda: world.families.courses,
        keep,
    )


def group_of(
    world: World, drive: dict[int, np.ndarray], n: int = 6, first_only: bool = False, keep: Keep = in_memory
) -> list[Presentation]:
    responses = (world.responses({} if first_only and who else drive, 50 + who) for who in range(n))
    return [presentations(world, Y, f"{who:02d}", keep=keep)[0] for who, Y in enumerate(responses)]


def results_of(world: World, members: list[Presentation]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidates, t and q, (2, n_families, n_networks) each."""
    design, networks = mean_design(members, world.families, len(NAMES))
    evidence = temporal_evidence(design, networks, device="cpu")
    return (evidence.is_candidate, *over_participants(evidence, networks, members))


@pytest.mark.parametrize("both_signs", [False, True])
def test_what_all_participants_have_is_found(world: World, both_signs: bool) -> None:
    candidates, t, q = results_of(world, group_of(world, {0: world.gains(1, 0.2, both_signs)}))
    family, sign = world.family_of(0)
    assert candidates[:, family, 1].any()
    sides = np.flatnonzero(candidates[:, family, 1])
    assert (q[sides, family, 1] < 0.05).all()
    assert (np.sign(t[sides, family, 1]) == np.where(sides == 0, 1, -1)).all()
    assert (len(sides) == 2) == both_signs
    if not both_signs:
        assert sides[0] == (0 if sign > 0 else 1)
    assert np.isnan(q[~candidates]).all()


@pytest.mark.parametrize("n", [4, 12])
def test_memory_does_not_grow_with_participants_and_results_are_the_same(world: World, tmp_path: Path, n: int) -> None:
    drive, read, at_once = {0: world.gains(1, 0.2)}, [], 0
    with closing(ScratchArrays(tmp_path)) as scratch:

        def keep(array: np.ndarray) -> Callable[[], np.ndarray]:
            load = scratch.keep(array)

            def counted() -> np.ndarray:
                nonlocal at_once
                loaded = load()
                read.append(weakref.ref(loaded))
                at_once = max(at_once, sum(one() is not None for one in read))
                return loaded

            return counted

        found = results_of(world, group_of(world, drive, n, keep=keep))
    for own, expected in zip(found, results_of(world, group_of(world, drive, n)), strict=True):
        np.testing.assert_array_equal(own, expected)
    assert (found[2][:, world.family_of(0)[0], 1] < 0.05).any()
    assert len(read) == 2 * 2 * n  # responses and confounds of each, for the mean and for the test over participants
    assert at_once <= 4  # of one participant, while the next is read


def test_what_one_participant_has_is_not_the_group_s(world: World) -> None:
    candidates, _, q = results_of(world, group_of(world, {0: world.gains(1, 1.5)}, first_only=True))
    assert not (q[candidates] < 0.05).any()


def test_one_participant_is_too_few(world: World) -> None:
    candidates, t, q = results_of(world, group_of(world, {0: world.gains(1, 0.5)}, n=1))
    assert candidates.any()
    assert (q[candidates] == 1).all()
    assert np.isnan(t).all()


def test_the_mean_is_that_of_those_who_have_a_volume_or_a_piece(world: World) -> None:
    first, second, third = group_of(world, {}, n=3)
    heard, other = second.load(), third.load()
    rest = {name: getattr(heard, name)[10:] for name in ("responses", "confounds", "families", "uncleaned")}
    rest["make_restarts"] = lambda: heard.restarts[:, 10:]
    late = replace(second, seconds=second.seconds[10:], load=lambda: Courses(**rest))
    less = replace(other, responses=other.responses[:, 1:])
    fewer = replace(third, pieces=third.pieces[1:], load=lambda: less)
    design, networks = mean_design([first, late, fewer], world.families, len(NAMES))
    assert design.n_volumes == world.n
    assert networks.number.tolist() == first.pieces.tolist()
    expected = (first.load().responses[:, 5] + third.load().responses[:, 5]) / 2
    expected[10:] = (2 * expected[10:] + second.load().responses[10:, 5]) / 3
    np.testing.assert_allclose(networks.series[:, 5], (expected - expected.mean()) / expected.std(), atol=1e-4)
    expected = first.load().responses[:, 0].copy()
    expected[10:] = (expected[10:] + second.load().responses[10:, 0]) / 2
    np.testing.assert_allclose(networks.series[:, 0], (expected - expected.mean()) / expected.std(), atol=1e-4)


def test_a_participant_without_data_in_any_network_is_as_if_absent(world: World) -> None:
    members = group_of(world, {0: world.gains(1, 0.2)}, n=8)
    bare = replace(members[7].load(), responses=members[7].load().responses[:, :0])
    lacking = replace(members[7], pieces=members[7].pieces[:0], load=lambda: bare)
    candidates, t, q = results_of(world, [*members[:7], lacking])
    there = candidates[:, world.family_of(0)[0], 1]
    assert there.any()
    assert np.isfinite(t[:, world.family_of(0)[0], 1][there]).all()
    assert (q[:, world.family_of(0)[0], 1][there] < 0.05).all()


def test_a_participant_with_two_runs_counts_once(world: World) -> None:
    first, second, third = group_of(world, {}, n=3)
    again = replace(third, participant=second.participant)
    _, networks = mean_design([first, second, again], world.families, len(NAMES))
    expected = first.load().responses[:, 3] + (second.load().responses[:, 3] + third.load().responses[:, 3]) / 2
    np.testing.assert_allclose(networks.series[:, 3], (expected - expected.mean()) / expected.std(), atol=1e-4)


def test_volumes_of_other_phases_are_joined_one_by_one(world: World) -> None:
    """Phases that follow each other closely must not join neighbouring volumes."""
    some = group_of(world, {}, n=3)
    phases = [replace(one, seconds=one.seconds + phase) for one, phase in zip(some, (0.0, 0.5, -0.6), strict=True)]
    seconds, rows = _shared_times(phases)
    assert len(seconds) == world.n
    assert all(own.tolist() == list(range(world.n)) for own in rows)


def test_a_story_played_twice_is_two_presentations_that_both_count(world: World) -> None:
    half = world.n // 2
    Y = world.responses({})
    first, second = presentations(world, Y, "00", TR * np.tile(np.arange(half), 2))
    assert len(first.seconds) == len(second.seconds) == half
    _, networks = mean_design([first, second], world.families, len(NAMES))
    expected = first.load().responses[:, 2] + second.load().responses[:, 2]
    np.testing.assert_allclose(networks.series[:, 2], (expected - expected.mean()) / expected.std(), atol=1e-4)


def test_other_repetition_times_are_not_averaged(world: World) -> None:
    first, second, _ = group_of(world, {}, n=3)
    slower = replace(second, seconds=second.seconds * 4 / 3)
    with pytest.raises(UnequalParticipantsError, match=r"volumes of sub-00 are 1\.5 s apart and those of sub-01 2 s"):
        mean_design([first, slower], world.families, len(NAMES))


def test_white_noise_of_a_group_correlates_as_well_unshifted_as_shifted() -> None:
    world, rng = World(n=200, n_restarts=2), np.random.default_rng(5)
    confounds = [smooth(rng.standard_normal((200, 40)), 0.6) for _ in range(3)]
    some = []
    for who, own in enumerate(confounds):
        world.confounds = own
        some += presentations(world, rng.standard_normal((200, len(world.labels))), f"{who:02d}")
    design, _ = mean_design(some, world.families, len(NAMES))
    bases = [np.linalg.qr(np.column_stack([np.ones(200), own]))[0] for own in confounds]

    def ratio(design: Design) -> float:
        """Mean R² of unshifted families over that of shifted ones."""
        noise, draws = np.random.default_rng(6), []
        for _ in range(60):
            cleaned = [project_out(noise.standard_normal((200, 20)), basis) for basis in bases]
            [Y] = design.white([np.mean(cleaned, axis=0)], np.zeros(2))
            draws.append(_shifted_r2(design, [np.linalg.qr(Y)[0]], np.zeros((1, 2)))[0])
        mean = np.mean(draws, axis=(0, 2))
        return float(mean[0] / mean[1:].mean())

    assert abs(ratio(design) - 1) < 0.015
    assert ratio(replace(design, uncleaned=design.families, cleaning=None)) > 1.02  # shifted after cleaning


def test_courses_are_read_between_volumes(world: World) -> None:
    between = _at(np.array([0.75, 3.0, 1e6]), TR * np.arange(world.n, dtype=np.float64), world.families.courses)
    np.testing.assert_allclose(between[0], world.families.courses[:2].mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(between[1:], world.families.courses[[2, -1]], atol=1e-6)
