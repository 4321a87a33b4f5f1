"""Windows of words on the volumes of a run, word by word; designs that are made once for all who heard a story."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.encoding.design.pipeline import FeaturePipeline
from bids_app.encoding.ridge.held_out import HeldOutDesign, design_held_out, predict_held_out
from bids_app.forecast.scores import forecast_scores
from bids_app.forecast.variance import unique_variance, variance_of, weightings
from bids_app.forecast.windows import random_rows, shift_words
from bids_app.inputs import designs as module
from bids_app.inputs.designs import Designs
from bids_app.inputs.models import ModelRun
from bids_app.inputs.timing import Story, segments_of, timing_of
from bids_app.settings import Settings

N_WORDS, N_UNITS, TR = 260, 5, 1.5
RNG = np.random.default_rng(0)
ONSET = np.sort(RNG.uniform(4, 118, N_WORDS))
ONSET[[30, 31, 150]] = np.nan  # could not be aligned: part of the text all the same
WORDS = Words(ONSET, np.full(N_WORDS, 0.2), tuple(f"w{n}" for n in range(N_WORDS)))
VALUES = RNG.standard_normal((2, N_WORDS, N_UNITS)).astype(np.float32)
# One file, two stories; the words before, between and after them are not part of either.
STIMULUS = Stimulus("tale_audio", "tale_audio.wav", 3.0, ((9.0, 63.0), (66.0, 117.0)))


class FakeModel:
    """Two layers of given values."""

    label = "fake"

    def __init__(self, files: str = "fake") -> None:
        self.files = files

    def identity(self) -> dict[str, str]:
        return {"files": self.files}

    def activations(self, story: Story, kind: str, subtoken: str) -> SimpleNamespace:
        assert (kind, subtoken) == ("residual", "last")
        return SimpleNamespace(n_layers=2, layer=lambda layer: VALUES[layer])


def fake_model(files: str = "fake") -> ModelRun:
    return cast("ModelRun", FakeModel(files))


def make(tmp_path: Path, stimulus: Stimulus = STIMULUS, model: str = "fake", **changes: Any) -> Designs:
    settings = Settings(tmp_path, tmp_path, "participant", **{"pca": 3, "delays": 2, "device": "cpu", **changes})
    heard = timing_of([stimulus], TR, 90)
    story = Story("tale_audio", WORDS, heard)
    return Designs(fake_model(model), (heard,), {"tale_audio": story}, settings)


def by_definition(
    offsets: list[int] | range, *, later: int = 0, wrap: bool = False, values: npt.NDArray[np.float32] = VALUES[1]
) -> npt.NDArray[np.float64]:
    """(n_kept, n_units * n_offsets): each heard word adds the words around it to the volume of its onset."""
    middle = ONSET + 3.1
    inside = [np.flatnonzero((middle >= a) & (middle < b)) for a, b in STIMULUS.story]
    volumes = [v for a, b in STIMULUS.story for v in range(round(a / TR), round(b / TR))]
    result = np.zeros((200, len(offsets), N_UNITS))
    for rows in inside:
        first, last = rows[0], rows[-1]
        for row in rows:
            for index, offset in enumerate(offsets):
                other = row + offset
                if wrap:
                    other = first + (other - first) % (last - first + 1)
                if first <= other <= last:
                    result[int((ONSET[row] + 3.0) // TR) + later, index] += values[other]
    return result[volumes].reshape(len(volumes), -1)


def test_two_stories_of_one_file_are_two_segments() -> None:
    first, second = segments_of(STIMULUS, WORDS)
    middle = ONSET + 3.1
    assert np.nanmin(middle[first]) >= 9
    assert np.nanmax(middle[first]) < 63
    assert np.nanmin(middle[second]) >= 66
    assert first.start <= 30 < first.stop  # without a time, but in the midst of the story


@pytest.mark.parametrize("distance", [8, 0, -4, 100])
def test_window_sums_are_those_of_the_words_around(tmp_path: Path, distance: int) -> None:
    result = make(tmp_path).window_sums(2, distance)
    np.testing.assert_allclose(result, by_definition(range(distance - 6, distance + 1)), atol=1e-5)


def test_present_sums_and_the_quirks_of_the_released_code(tmp_path: Path) -> None:
    np.testing.assert_allclose(make(tmp_path).present_sums(2), by_definition([0]), atol=1e-5)
    released = make(tmp_path, wrap=True, word_volume="next")
    np.testing.assert_allclose(released.present_sums(2), by_definition([0], later=1), atol=1e-5)
    wrapped = by_definition(range(2, 9), later=1, wrap=True)
    np.testing.assert_allclose(released.window_sums(2, 8), wrapped, atol=1e-5)


def test_who_heard_the_same_shares_a_design(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*arguments: Any, **options: Any) -> HeldOutDesign:
        made.append(1)
        return design_held_out(*arguments, **options)

    monkeypatch.setattr(module, "design_held_out", counted)
    first = make(tmp_path).with_window(2, 8)
    # the same story two volumes later in the scan
    later = replace(STIMULUS, audio_onset=6.0, story=tuple((a + 3.0, b + 3.0) for a, b in STIMULUS.story))
    again = make(tmp_path, later).with_window(2, 8)
    assert len(made) == 1
    assert all(np.array_equal(a.features, b.features) for a, b in zip(first.folds, again.folds, strict=True))
    half_a_volume = replace(STIMULUS, audio_onset=3.75)
    others = [
        make(tmp_path, half_a_volume).with_window(2, 8),
        make(tmp_path).with_window(1, 8),
        make(tmp_path).with_window(2, 9),
        make(tmp_path).present(2),
        make(tmp_path).with_random(2, 0, 8),
        make(tmp_path).with_random(2, 1, 8),
        make(tmp_path).with_random(2, 0, 4),
        make(tmp_path, random_seed=7).with_random(2, 0, 8),
        make(tmp_path, window=6).with_window(2, 8),
        make(tmp_path, purge=1).with_window(2, 8),
        make(tmp_path, wrap=True).with_window(2, 8),
        make(tmp_path, word_volume="next").with_window(2, 8),
        make(tmp_path, inner_folds="leave-one-out").with_window(2, 8),
        make(tmp_path, model="another").with_window(2, 8),
    ]
    assert len(made) == 1 + len(others)


def test_random_windows_hold_words_of_the_same_story(tmp_path: Path) -> None:
    designs = make(tmp_path, random_seed=5)
    sums = designs._random_sums(2, 1, 4)
    shuffled = VALUES[1][random_rows(segments_of(STIMULUS, WORDS), 6, N_WORDS)]
    np.testing.assert_allclose(sums, by_definition(range(-2, 5), values=shuffled), atol=1e-5)
    assert not np.allclose(sums, designs.window_sums(2, 4), atol=0.1)


def test_a_design_holds_what_it_is_called_by_the_recipe_of_the_settings(tmp_path: Path) -> None:
    designs = make(tmp_path, folds=4, purge=1, delays=3)
    present, window, random = designs.present_sums(2), designs.window_sums(2, 8), designs._random_sums(2, 1, 8)
    for made, spaces in (
        (designs.present(2), [present]),
        (designs.with_window(2, 8), [present, window]),
        (designs.with_random(2, 1, 8), [present, random]),
    ):
        expected = design_held_out(spaces, [36, 34], FeaturePipeline(3, (0, 1, 2), n_folds=4, purge=1), device="cpu")
        for ours, theirs in zip(made.folds, expected.folds, strict=True):
            np.testing.assert_array_equal(ours.fold[0], theirs.fold[0])
            np.testing.assert_allclose(ours.features, theirs.features, atol=1e-6)
            assert len(ours.inner) == 3
    assert make(tmp_path, inner_folds="leave-one-out").present(2).folds[0].inner == ()


def test_too_few_volumes_for_the_components_name_the_option(tmp_path: Path) -> None:
    short = replace(STIMULUS, story=((9.0, 21.0),))
    with pytest.raises(ValueError, match=r"--pca 4 needs more volumes: of 8 with a story, a fold leaves 4 to train on"):
        make(tmp_path, short, pca=4, folds=2, purge=0).present(2)


def test_words_per_volume_are_those_with_a_time(tmp_path: Path) -> None:
    heard = sum(int(np.isfinite(ONSET[piece]).sum()) for piece in segments_of(STIMULUS, WORDS))
    assert make(tmp_path).words_per_volume == pytest.approx(heard / 70)


def test_a_story_shorter_than_the_window_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="window=300"):
        make(tmp_path, window=300).check([8])
    with pytest.raises(ValueError, match="500"):
        make(tmp_path).check([500])


def test_words_of_censored_volumes_count_in_the_next_ones(tmp_path: Path) -> None:
    """Delays are made on the whole time line; censored volumes are left out afterwards, of training and test."""
    whole = make(tmp_path, delays=4)
    is_censored = np.zeros(90, dtype=bool)
    is_censored[[2, 20, 21, 50, 52]] = True  # 2 lies before the story
    heard = timing_of([STIMULUS], TR, 90, is_censored)
    np.testing.assert_array_equal(heard.censored, [20, 21, 50, 52])
    assert heard.is_kept.sum() == len(heard.volumes) == len(whole.timings[0].volumes) - 4
    design = replace(whole, timings=(heard,)).present(2)
    rows = np.flatnonzero(~is_censored[whole.timings[0].volumes])
    pipeline = FeaturePipeline(3, tuple(range(4)))
    X, lengths = whole.present_sums(2), whole.timings[0].segment_lengths
    assert len(design.folds) == 5
    for fold_design, (train, test) in zip(design.folds, pipeline.folds(len(rows)), strict=True):
        np.testing.assert_array_equal(fold_design.fold[1], test)
        expected = pipeline.features(X, lengths, rows[train])[rows]
        np.testing.assert_allclose(fold_design.features, expected, atol=1e-5)
        assert np.abs(fold_design.features[train].mean(axis=0)).max() < 1e-4


def test_a_design_of_other_censored_volumes_is_another_one(tmp_path: Path) -> None:
    first = make(tmp_path)
    is_censored = np.arange(90) == 20
    second = replace(first, timings=(timing_of([STIMULUS], TR, 90, is_censored),))
    assert second.present(2).n_volumes == first.present(2).n_volumes - 1
    assert len(list((tmp_path / ".work" / "designs").iterdir())) >= 2


def test_a_story_played_twice_has_the_windows_of_each_playing(tmp_path: Path) -> None:
    """The second playing stops within the first story: its windows end there, those of the first playing do not."""
    again = Stimulus("tale_audio", "tale_audio.wav", 153.0, ((159.0, 183.0),))
    once, second = make(tmp_path), make(tmp_path, again)
    second = replace(second, timings=(timing_of([again], TR, 140),))
    both = replace(once, timings=(timing_of([STIMULUS, again], TR, 140),))
    for offset in (0, 3):
        expected = np.concatenate([once._sums(2, offset), second._sums(2, offset)])
        np.testing.assert_allclose(both._sums(2, offset), expected, atol=1e-5)
    n_first = len(once.timings[0].volumes)
    assert not np.allclose(both._sums(2, 3)[n_first:], both._sums(2, 3)[: both.run_lengths[-1]])
    assert both.run_lengths == (*once.run_lengths, 16)


def test_a_story_heard_in_two_runs_lies_in_one_fold(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path, "participant", pca=3, delays=2, device="cpu")
    heard = timing_of([STIMULUS], TR, 90)
    stories = {"tale_audio": Story("tale_audio", WORDS, heard)}
    for inner in ("contiguous", "leave-one-out"):
        twice = Designs(fake_model(), (heard, heard), stories, replace(settings, inner_folds=inner)).present(2)
        np.testing.assert_array_equal(twice.content, np.tile(np.arange(70), 2))
        for train, test in twice.pairs:
            np.testing.assert_array_equal(test[: len(test) // 2] + 70, test[len(test) // 2 :])
            assert not np.isin(train % 70, test % 70).any()
        responses = RNG.standard_normal((140, 3))
        result = predict_held_out(twice, responses, device="cpu").predictions
        changed = responses.copy()
        changed[twice.pairs[1][1]] = 50 * RNG.standard_normal((len(twice.pairs[1][1]), 3))
        again = predict_held_out(twice, changed, device="cpu").predictions
        np.testing.assert_allclose(again[twice.pairs[1][1]], result[twice.pairs[1][1]], atol=1e-4)
    assert Designs(fake_model(), (heard,), stories, settings).present(2).content is None


def test_words_of_a_story_played_twice_in_a_run_are_those_of_each_time(tmp_path: Path) -> None:
    first = replace(STIMULUS, story=((9.0, 63.0),))
    again = replace(STIMULUS, audio_onset=123.0, story=((129.0, 183.0),))
    heard = timing_of([first, again], TR, 140)
    settings = Settings(tmp_path, tmp_path, "participant", device="cpu")
    sums = Designs(fake_model(), (heard,), {"tale_audio": Story("tale_audio", WORDS, heard)}, settings).window_sums(
        2, 8
    )
    np.testing.assert_allclose(sums[:36], sums[36:], atol=1e-5)
    np.testing.assert_allclose(sums[:36], make(tmp_path).window_sums(2, 8)[:36], atol=1e-5)


def test_where_one_story_ends_and_the_next_begins_decides_a_design(tmp_path: Path) -> None:
    """The border may move by a volume without words; the responses delayed across it then differ."""
    onset = np.where(np.abs(ONSET + 3.0 - 63.75) < 2, np.nan, ONSET)
    words = Words(onset, np.full(N_WORDS, 0.2), WORDS.text)
    made = []
    for border in (63.0, 64.5):
        heard = timing_of([replace(STIMULUS, story=((9.0, border), (border, 117.0)))], TR, 90)
        stories = {"tale_audio": Story("tale_audio", words, heard)}
        made.append(replace(make(tmp_path, delays=4), timings=(heard,), stories=stories))
    first, second = made
    np.testing.assert_array_equal(first.present_sums(2), second.present_sums(2))
    assert first.run_lengths != second.run_lengths
    features, other_features = (designs.present(2).folds[0].features for designs in made)
    assert not np.allclose(features, other_features)


def test_words_and_windows_with_weights_are_those_of_unique_variance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Made once for all who heard the same, and the same R² as from the sums."""
    designs = make(tmp_path)
    weights, models = weightings(3, 7, 0)
    stored = designs.around(2, 4, weights)
    monkeypatch.setattr(module, "design_banded", lambda *_, **__: pytest.fail("made again"))
    again = make(tmp_path).around(2, 4, weights)
    Y = RNG.standard_normal((designs.pipeline.n_kept(sum(designs.run_lengths)), 5)).astype(np.float32)
    names = ["present", "future", "past"]
    sums = [designs.present_sums(2), designs.window_sums(2, 4), designs.window_sums(2, -4)]
    expected = unique_variance(
        dict(zip(names, sums, strict=True)), Y, designs.run_lengths, designs.pipeline, device="cpu"
    )
    for made in (stored, again):
        found = variance_of(made, models, names, Y, device="cpu")
        np.testing.assert_allclose(found.total, expected.total, atol=1e-6)
        np.testing.assert_allclose(found.unique["past"], expected.unique["past"], atol=1e-6)


@dataclass(frozen=True)
class OtherVectors:
    """Other vectors of the words for windows; those ahead are known from the words up to the present one."""

    values: npt.NDArray[np.float32]

    def identity(self, story: Story) -> Any:
        return float(self.values.sum())

    def words(self, story: Story, layer: int) -> Any:
        return self.values

    def ahead(self, story: Story, layer: int, offset: int, segments: list[slice], wrap: bool) -> Any:
        return shift_words(self.values, offset, segments, wrap)


def test_windows_of_other_vectors_stand_beside_the_model_s_present_words(tmp_path: Path) -> None:
    other = np.random.default_rng(7).standard_normal(VALUES[1].shape).astype(np.float32)
    plain, designs = make(tmp_path), replace(make(tmp_path), ahead=OtherVectors(other))
    np.testing.assert_allclose(designs.present_sums(2), plain.present_sums(2))
    for distance in (0, 4):
        expected = by_definition(range(distance - 6, distance + 1), values=other)
        np.testing.assert_allclose(designs.window_sums(2, distance), expected, atol=1e-5)
    shuffled = other[random_rows(segments_of(STIMULUS, WORDS), 1, N_WORDS)]
    np.testing.assert_allclose(designs._random_sums(2, 1, 4), by_definition(range(-2, 5), values=shuffled), atol=1e-5)


def test_designs_of_other_vectors_share_the_base_and_nothing_else(tmp_path: Path) -> None:
    def stored() -> set[str]:
        return {path.name for path in (tmp_path / ".work/designs").glob("*.npz")}

    plain = make(tmp_path)
    plain.present(2), plain.with_window(2, 4), plain.with_random(2, 0, 4)
    before = stored()
    for number in (1, 2):
        designs = replace(plain, ahead=OtherVectors(VALUES[0] * np.float32(number)))
        designs.present(2)
        assert stored() == before
        designs.with_window(2, 4), designs.with_random(2, 0, 4)
        assert len(stored()) == len(before) + 2
        before = stored()


def test_windows_that_hold_nothing_add_nothing(tmp_path: Path) -> None:
    """The meaning of past words is none where futures continue the true text."""
    designs = replace(make(tmp_path), ahead=OtherVectors(np.zeros_like(VALUES[1])))
    data = np.random.default_rng(3).standard_normal((sum(designs.run_lengths), 20)).astype(np.float32)
    gains = forecast_scores(designs.present(2), [designs.with_window(2, -4)], data, device="cpu").gains
    np.testing.assert_allclose(gains, 0, atol=1e-4)
