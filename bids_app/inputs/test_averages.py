"""Runs that heard the same, averaged: which ones, and that confounds are taken off within each run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.analyses.brainscore.ceiling import Others, StoryMeans
from bids_app.analyses.brainscore.participant import write_ceiling, write_repeatability
from bids_app.analyses.networks.participant import _cleaned
from bids_app.analyses.writer import Writer
from bids_app.bids.events import Stimulus
from bids_app.bids.geometry import ParcelGeometry
from bids_app.bids.words import Words
from bids_app.encoding.ceiling import noise_ceiling
from bids_app.encoding.cleaning import clean
from bids_app.encoding.design.folds import content_folds, within
from bids_app.inputs.averages import average_repeats
from bids_app.inputs.repeats import heard_content
from bids_app.inputs.responses import Responses
from bids_app.inputs.timing import StimulusTiming, Story, timing_of
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

RNG = np.random.default_rng(0)
TR, N_TARGETS = 1.5, 4
STORIES = {
    stem: Story(
        stem,
        Words(1.2 * np.arange(100.0), np.full(100, 0.3), tuple(f"{stem}{n}" for n in range(100))),
        timing_of([Stimulus(stem, f"{stem}.wav", 0.0, ((0.0, 120.0),))], TR, 80),
    )
    for stem in ("tale", "other")
}


def play(stem: str = "tale", start: int = 0, stop: int = 120, onset: float = 3.0) -> StimulusTiming:
    return timing_of([Stimulus(stem, f"{stem}.wav", onset, ((onset + start, onset + stop),))], TR)


def responses(*timings: StimulusTiming) -> tuple[Responses, list[npt.NDArray[np.float32]]]:
    data = [zscore(RNG.standard_normal((len(timing.volumes), N_TARGETS))) for timing in timings]
    nuisance = tuple(RNG.standard_normal((len(series), 2)).astype(np.float32) for series in data)
    geometry = ParcelGeometry("T", tuple("abcd"))
    content = heard_content(timings, STORIES)
    whole = Responses(np.concatenate(data), np.ones(N_TARGETS, bool), geometry, timings, nuisance, content=content)
    return whole, data


def test_the_mean_of_two_runs_of_three() -> None:
    whole, data = responses(play(), play("other"), play(onset=6.0))
    result = average_repeats(whole, STORIES)
    assert result.run_lengths == (80, 80)
    np.testing.assert_allclose(result.data[:80], zscore(data[0] + data[2]), atol=1e-5)
    np.testing.assert_allclose(result.data[80:], data[1], atol=1e-5)
    assert result.content is None
    assert [[source.run for source in sources] for sources in result.sources] == [[0, 2], [1]]


def test_a_run_that_stopped_early_counts_where_it_was() -> None:
    whole, data = responses(play(stop=60), play())
    result = average_repeats(whole, STORIES)
    expected = np.concatenate([(data[1][:40] + data[0]) / 2, data[1][40:]])
    np.testing.assert_allclose(result.data, zscore(expected), atol=1e-5)
    (heard,) = result.timings
    assert heard.stimuli == whole.timings[1].stimuli
    np.testing.assert_array_equal(heard.volumes, whole.timings[1].volumes)


def test_runs_with_other_censored_volumes_are_averaged_where_they_are_kept() -> None:
    scan, censored = play(), (np.array([10, 30]), np.array([10, 11, 50]))
    runs = [StimulusTiming(TR, np.delete(scan.volumes, rows), scan.stimuli, scan.volumes[rows]) for rows in censored]
    whole, data = responses(*runs)
    result = average_repeats(whole, STORIES)
    total, count = np.zeros((80, N_TARGETS)), np.zeros((80, 1))
    for rows, series in zip(censored, data, strict=True):
        kept = np.delete(np.arange(80), rows)
        total[kept] += series
        count[kept] += 1
    there = np.flatnonzero(count)
    np.testing.assert_allclose(result.data, zscore(total[there] / count[there]), atol=1e-5)
    (heard,) = result.timings
    np.testing.assert_array_equal(heard.censored, scan.volumes[[10]])
    np.testing.assert_array_equal(heard.volumes, scan.volumes[there])
    for source, rows in zip(result.sources[0], censored, strict=True):
        np.testing.assert_array_equal(there[source.rows], np.delete(np.arange(80), rows))
        assert source.nuisance is whole.nuisance[source.run]
    assert result.content is None


class Written:
    """A writer that keeps what it is given."""

    def maps(self, _desc: object, _stat: object, values: npt.NDArray[np.float32], *_: object, **extra: Any) -> None:
        self.values, self.extra = values, extra


@pytest.mark.parametrize("repeats", ["average", "together"])
def test_the_ceiling_is_that_of_the_data_that_are_fitted(tmp_path: Path, repeats: str) -> None:
    """Two runs of a story, one of which censors a volume, and the same story twice in a third, which is no mean."""
    scan = play()
    short = StimulusTiming(TR, np.delete(scan.volumes, 30), scan.stimuli, scan.volumes[[30]])
    twice = timing_of([Stimulus("other", "other.wav", onset, ((onset, onset + 90),)) for onset in (3.0, 120.0)], TR)
    runs, data = responses(short, scan, twice)
    fitted = average_repeats(runs, STORIES) if repeats == "average" else runs
    signal = [(target + RNG.standard_normal(target.shape)).astype(np.float32) for target in (data[1], data[2][:60])]
    of_volumes = [np.delete(signal[0], 30, axis=0), signal[0], np.tile(signal[1], (2, 1))]
    heard = np.arange(5, len(runs.data))  # nobody else heard the first volumes of the first run
    others = Others(np.concatenate(of_volumes)[heard], heard, ("02",), 1)
    means = SimpleNamespace(others=lambda _: others, fit=SimpleNamespace(name="sub-01"))
    settings = Settings(tmp_path, tmp_path, "participant", device="cpu", repeats=repeats)
    written = Written()
    write_ceiling(runs, fitted, cast("StoryMeans", means), settings, cast("Writer", written))
    if repeats == "average":
        both = data[1].copy()
        both[np.delete(np.arange(80), 30)] += data[0]
        target = np.concatenate([zscore(both / np.where(np.arange(80) == 30, 1, 2)[:, None]), data[2]])
        mean, content = np.concatenate(of_volumes[1:]), np.concatenate([np.arange(80), *[80 + np.arange(60)] * 2])
        folds = content_folds(content, settings.folds)
    else:
        target, mean = runs.data[heard], others.data
        assert runs.content is not None
        folds = within(content_folds(runs.content, settings.folds), heard)
    expected = noise_ceiling(mean, target, folds, alphas=settings.alphas)
    np.testing.assert_allclose(written.values[0], expected, atol=1e-4)
    assert written.extra["VolumesWithOthers"] == len(target)


@pytest.mark.parametrize(("repeats", "reached"), [("average", 2 * 0.5 / 1.5), ("together", 0.5)])
def test_the_ceiling_within_a_participant_is_that_of_the_data_that_are_fitted(
    tmp_path: Path, repeats: str, reached: float
) -> None:
    """Half of the variance of each run is signal."""
    runs, _ = responses(play(), play("other"), play(onset=6.0), play("other"))
    signal = [RNG.standard_normal((80, 2000)) for _ in range(2)]
    data = [zscore(one + RNG.standard_normal(one.shape)) for one in (*signal, *signal)]
    settings = Settings(tmp_path, tmp_path, "participant", device="cpu", repeats=repeats)
    written = Written()
    many = replace(runs, data=np.concatenate(data), valid=np.ones(2000, dtype=bool))
    write_repeatability(many, settings, cast("Writer", written))
    assert np.mean(written.values**2) == pytest.approx(reached, abs=0.01)
    assert written.extra == {"VolumesRepeated": 160, "Presentations": 2}


def test_few_repeated_volumes_have_no_ceiling(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    runs, _ = responses(play(), play())
    written = Written()
    with caplog.at_level("INFO"):
        write_repeatability(runs, Settings(tmp_path, tmp_path, "participant"), cast("Writer", written))
    assert not hasattr(written, "values")
    assert "80 volumes were heard more than once, and at least 100 are needed" in caplog.text


@pytest.mark.parametrize(
    "other",
    [
        play(onset=3.6),  # between the volumes
        play(start=0, stop=90, onset=3.6),
        timing_of([Stimulus("tale", "tale.wav", onset, ((onset, onset + 60),)) for onset in (3.0, 90.0)], TR),
        timing_of(
            [Stimulus("tale", "tale.wav", 3.0, ((3.0, 63.0),)), Stimulus("other", "o.wav", 99, ((99, 159),))], TR
        ),
    ],
    ids=["out of phase", "shorter and out of phase", "twice in the run", "with another story"],
)
def test_what_repeats_otherwise_stays_together(other: StimulusTiming) -> None:
    whole, _ = responses(play(), other)
    result = average_repeats(whole, STORIES)
    assert result.run_lengths == whole.run_lengths
    np.testing.assert_array_equal(result.content, whole.content)
    np.testing.assert_allclose(result.data, whole.data, atol=1e-5)


def test_without_repeats_nothing_changes() -> None:
    whole, _ = responses(play(), play("other"))
    assert average_repeats(whole, STORIES) is whole


def test_regressors_lose_the_confounds_of_each_run() -> None:
    whole, _ = responses(play(stop=60), play())
    D = RNG.standard_normal((80, 3)).astype(np.float32)
    (sources,) = average_repeats(whole, STORIES).sources
    early, later = (
        zscore(clean(run_regressors, 1.0, nuisance, None))
        for run_regressors, nuisance in ((D[:40], whole.nuisance[0]), (D, whole.nuisance[1]))
    )
    expected = zscore(np.concatenate([(early + later[:40]) / 2, later[40:]]))
    np.testing.assert_allclose(_cleaned(D, sources), expected, atol=1e-5)
