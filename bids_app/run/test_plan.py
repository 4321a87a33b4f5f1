"""`n2n plan`: what is counted is counted exactly, what scales does so, and what is unknown is said."""

from dataclasses import replace
from pathlib import Path

import pytest

from bids_app.conftest import Study, write
from bids_app.run.check_rows import RunCheck
from bids_app.run.plan import Size, _groups_of, plan_of, summary_of
from bids_app.settings import Settings
from bids_app.tools import main

# Narratives with GPT-2 small and one story of 300 volumes, on fsaverage6.
SIZE = Size(345, (345,), 345 * 300, 300, 81_924, 1, 3_000, 300, 9_216, 9_216, 124_000_000)


def settings_of(*analysis: str) -> Settings:
    return Settings(Path("in"), Path("out"), "participant", analysis=analysis or ("networks", "brainscore"))


def test_disk_holds_activations_the_dictionary_and_the_maps_of_all() -> None:
    stimulus, participant, group = plan_of(settings_of(), SIZE)
    words = 3_000 * (9_216 + 9_216) * 4  # feed-forward outputs and hidden states
    assert stimulus.disk_mb == pytest.approx((words + 300 * 9_216 * 4) / 1e6)
    scores = 345 * 81_924 * 4 / 1e6  # while they are in use; coefficients are summed while they are read
    assert group.disk_mb == pytest.approx(scores + 345 * 300 * 2.2e-3 + 5 * (64 + 2) * 1.3 * 81_924 * 4 / 1e6 + 3.6)
    assert participant.disk_mb > group.disk_mb
    half = replace(settings_of(), activations_dtype="float16")
    assert plan_of(half, SIZE)[0].disk_mb == pytest.approx((words / 2 + 300 * 9_216 * 4) / 1e6)
    assert [part.jobs for part in (stimulus, participant, group)] == [1, 345, 1]


def test_a_participant_takes_what_was_measured() -> None:
    """19 s on fsaverage6, 10 s on fsaverage5 and 36 s in a volume at 2 mm without atlas: docs/memory-and-time.md."""
    without = replace(settings_of(), atlas="none")
    for targets, seconds in ((20_484, 10), (81_924, 19), (226_981, 36)):
        assert plan_of(without, replace(SIZE, targets=targets))[1].seconds == pytest.approx(seconds, rel=0.1)
    forecast = plan_of(settings_of("forecast"), SIZE)[1].seconds
    assert forecast == pytest.approx(109, rel=0.35)


def test_evidence_takes_what_was_measured() -> None:
    """9.1 and 25.5 s of processor time more on fsaverage5 and fsaverage6, on two cores: docs/memory-and-time.md."""
    default = replace(settings_of(), analysis=Settings.analysis)
    assert "evidence" in default.analysis
    for targets, seconds in ((20_484, 9.1 / 2), (81_924, 25.5 / 2)):
        size = replace(SIZE, targets=targets)
        without, with_evidence = (plan_of(settings, size)[1] for settings in (settings_of(), default))
        assert with_evidence.seconds - without.seconds == pytest.approx(seconds, rel=0.05)
        assert with_evidence.disk_mb > without.disk_mb
    assert not any("not measured" in line for line in summary_of(plan_of(default, SIZE), default, 50))


def test_dictionaries_and_the_group_take_what_was_measured() -> None:
    """docs/benchmarks.md: 0.19 s and 0.55 s of one dictionary, and 105 s of a group that reads half as many maps."""
    one = replace(settings_of("networks"), links="dice")
    for volumes, neurons, seconds in ((300, 9_216, 0.187), (600, 131_072, 0.55)):
        size = replace(SIZE, story_volumes=volumes, neurons=neurons, words=0)
        assert plan_of(one, size)[0].seconds == pytest.approx(seconds, rel=0.05)
    assert plan_of(settings_of(), SIZE)[2].seconds == pytest.approx(2 * 105, rel=0.2)


def test_the_stimulus_level_takes_what_was_measured() -> None:
    """177 s of processor time with evidence, and 174 s without, for 11 stories of Narratives (docs/scale.md)."""
    size = replace(SIZE, stories=11, words=18_829, story_volumes=5_215, weights=86_000_000)
    default = replace(settings_of(), analysis=Settings.analysis)
    for settings, measured in ((default, 177), (settings_of(), 174)):
        planned = plan_of(settings, size)[0]
        assert measured / 1.5 < planned.seconds < measured
        assert 1_613 / 1.5 < planned.memory_mb < 1_613
    alone = replace(settings_of("evidence"), links="dice")
    assert plan_of(alone, size)[0].seconds < 50  # nothing drives families that were not learned


@pytest.mark.parametrize(
    ("targets", "groups", "volumes", "atlas", "measured"),
    [
        (20_484, (1,) * 11, 5_215, None, (67.7, 921, 49)),
        (20_484, (1,) * 11, 5_215, "none", (17.4, 735, 40)),
        (81_924, (1,), 600, None, (24.2, 935, 9)),
        (20_484, (345,), 600, None, (83.5, 653, None)),
    ],
)
def test_the_group_takes_what_was_measured(
    targets: int, groups: tuple[int, ...], volumes: int, atlas: str | None, measured: tuple[float, float, float | None]
) -> None:
    """Seconds, and memory and disk in MB, of docs/scale.md: few participants of many tasks, and many of one."""
    heard = volumes * max(groups)  # each task by as many
    size = replace(SIZE, targets=targets, groups=groups, volumes=heard, story_volumes=volumes)
    part = plan_of(replace(settings_of(), atlas=atlas), size)[2]
    for planned, found in zip((part.seconds, part.memory_mb, part.disk_mb), measured, strict=True):
        assert found is None or found / 1.5 < planned < 1.5 * found


def test_participants_and_the_group_with_evidence_take_what_was_measured() -> None:
    """Three participants of Narratives with evidence: seconds, and memory and disk in MB (docs/scale.md)."""
    default = replace(settings_of(), analysis=Settings.analysis)
    size = replace(SIZE, participants=3, groups=(1,) * 11, volumes=5_215, longest=1_040, targets=20_484, stories=11)
    parts = plan_of(default, replace(size, story_volumes=5_215))[1:]
    for part, measured in zip(parts, ((110, 1_784, 912), (92, 927, 84)), strict=True):
        for planned, found in zip((part.seconds, part.memory_mb, part.disk_mb), measured, strict=True):
            assert found / 1.5 < planned < 1.5 * found


@pytest.mark.parametrize("groups", [(345,), (1,) * 11])
def test_the_evidence_of_a_group_counts_its_maps_its_part_of_the_page_and_time(groups: tuple[int, ...]) -> None:
    """Per group and model; 2.7 MB for three participants of the demo on fsaverage5 (docs/scale.md). No more memory."""
    default, of_map = replace(settings_of(), analysis=Settings.analysis), 81_924 * 4 / 1e6
    size = replace(SIZE, groups=groups, volumes=300 * sum(groups))
    without, with_evidence = (plan_of(settings, size)[2] for settings in (settings_of(), default))
    written = sum(3 * (5 if members > 1 else 2) * 1.3 * of_map + 1.1 for members in groups)
    assert with_evidence.disk_mb - without.disk_mb == pytest.approx(written)
    assert with_evidence.seconds > without.seconds + len(groups)
    assert with_evidence.memory_mb == without.memory_mb
    both = replace(default, model=("one", "other"))
    more = plan_of(both, size)[2].disk_mb - plan_of(replace(both, analysis=("networks", "brainscore")), size)[2].disk_mb
    assert more == pytest.approx(2 * written)
    demo = replace(SIZE, targets=20_484, groups=(3,), volumes=3 * 568)
    planned = plan_of(default, demo)[2].disk_mb - plan_of(settings_of(), demo)[2].disk_mb
    assert planned == pytest.approx(2.7, rel=0.1)


def test_the_evidence_without_families_has_a_score_less() -> None:
    of_group = [
        plan_of(settings_of(*names), SIZE)[2].disk_mb for names in (("brainscore",), ("brainscore", "evidence"))
    ]
    assert of_group[1] - of_group[0] == pytest.approx(2 * 5 * 1.3 * 81_924 * 4 / 1e6 + 1.1)


def test_groups_are_the_tasks_of_all_participants() -> None:
    runs = ("sub-1_task-a_run-1", "sub-1_task-a_run-2", "sub-1_task-b", "sub-2_task-a", "sub-3_ses-1_task-a")
    rows = [RunCheck(run) for run in runs]
    assert _groups_of(rows, pooled=False) == (3, 1)
    assert _groups_of(rows, pooled=True) == (3,)


def test_more_participants_take_more_jobs_and_no_more_memory() -> None:
    larger = replace(SIZE, participants=1000, groups=(1000,), volumes=1000 * 300)
    for part, other in zip(plan_of(settings_of(), SIZE), plan_of(settings_of(), larger), strict=True):
        assert part.memory_mb == other.memory_mb
    alone, many = (plan_of(settings_of(), size)[1] for size in (SIZE, larger))
    assert alone.seconds == pytest.approx(many.seconds)
    one, cluster = (float(line.split(": ")[1].split()[0]) for line in list(summary_of([alone], settings_of(), 345))[:2])
    assert one == pytest.approx(345 * cluster, rel=0.5)


def test_analyses_that_were_not_measured_are_named() -> None:
    lines = list(summary_of(plan_of(settings_of("depth", "networks"), SIZE), settings_of("depth", "networks"), 50))
    assert "not measured, and not in these hours: depth" in lines


def test_regions_have_no_known_number_of_targets(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    write(study.root / "tinygpt" / "config.json", '{"model_type": "gpt2", "n_layer": 2, "n_embd": 32}')
    assert main(["plan", str(study.root), "--model", str(study.root / "tinygpt"), "--analysis", "brainscore"]) == 1
    assert "n2n plan: the number of targets of T is not known: plan with --space fsaverage5" in capsys.readouterr().err
    assert main(["plan", str(study.root), "--at-once", "0"]) == 1
    assert "--at-once 0: a cluster runs at least 1 job at once" in capsys.readouterr().err
