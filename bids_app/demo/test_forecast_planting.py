from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from bids_app.bids.words import Words
from bids_app.demo import forecast_planting
from bids_app.demo.cortex import NETWORK_NAMES, load_cortex, make_grid, partition
from bids_app.demo.forecast_planting import (
    AHEAD,
    NOTHING,
    PRESENT,
    Features,
    find_features,
    plan_regions,
    respond_to_words,
)
from bids_app.demo.recordings import Head
from bids_app.demo.scans import Scan, made_scan
from bids_app.encoding.design.haemodynamics import haemodynamic_kernel
from bids_app.language.models import LanguageModel
from bids_app.stats.arrays import AnyArray

SCANS = [made_scan("first", 120), made_scan("second", 100)]
N_LAYERS, SNR = 6, 0.4
MODEL = cast("LanguageModel", None)  # never asked: activations are invented


def story(scan: Scan, seed: int) -> Words:
    """Words from before the story's start to after its end; some have no time."""
    onset = np.arange(scan.start - 2, scan.end + 2, 0.4)
    onset[np.random.default_rng(seed).random(len(onset)) < 0.1] = np.nan
    return Words(onset, np.full(len(onset), 0.3), tuple(f"w{n}" for n in range(len(onset))))


WORDS = [story(scan, seed) for seed, scan in enumerate(SCANS)]


class FakeActivations:
    n_layers = N_LAYERS

    def __init__(self, texts: Sequence[str]) -> None:
        self.n_words = len(texts)

    def layer(self, layer: int) -> AnyArray:
        return np.random.default_rng([layer, self.n_words]).standard_normal((self.n_words, 30)).astype(np.float32)


@pytest.fixture
def features(monkeypatch: pytest.MonkeyPatch) -> Features:
    asked = []

    def read_activations(
        model: object, texts: Sequence[str], kind: str, context: str, folder: Path, *, subtoken: str
    ) -> FakeActivations:
        asked.append((kind, subtoken))
        return FakeActivations(texts)

    monkeypatch.setattr(forecast_planting, "read_activations", read_activations)
    found = find_features(MODEL, SCANS, WORDS, 8, seed=0)
    assert asked == [("residual", "last")] * 2
    return found


@pytest.fixture(scope="module")
def head() -> Head:
    cortex = load_cortex()
    return Head(cortex, make_grid(cortex), partition(cortex, np.random.default_rng(0)), NETWORK_NAMES)


@pytest.mark.parametrize(("planted", "ahead"), [(PRESENT, 0), (AHEAD, 8)])
def test_features_by_definition(features: Features, planted: str, ahead: int) -> None:
    """One word after the other, with scikit-learn's components."""
    states = [FakeActivations(words.text).layer(features.layer - 1) for words in WORDS]
    components = PCA(5, svd_solver="full").fit_transform(StandardScaler().fit_transform(np.concatenate(states)))
    first = 0
    for scan, words in zip(SCANS, WORDS, strict=True):
        values = components[first : first + len(words.onset)]
        first += len(words.onset)
        heard = [n for n, t in enumerate(words.onset) if scan.start <= t + 0.15 < scan.end]
        sums = np.zeros((scan.n_volumes, 5))
        for word in heard:
            if word + ahead <= heard[-1]:
                sums[int((words.onset[word] + scan.audio_onset) / 1.5)] += values[word + ahead]
        course = features.courses[planted][scan.task]
        kernel = haemodynamic_kernel(1.5)
        for number in range(5):
            expected = np.convolve(sums[:, number], kernel)[: scan.n_volumes]
            sign = np.sign(expected @ course[:, number])
            np.testing.assert_allclose(sign * course[:, number], expected, atol=1e-3 * np.abs(expected).max())


def test_the_layer_follows_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_planting, "read_activations", lambda *given, **_: FakeActivations(given[1]))
    layers = [find_features(MODEL, SCANS, WORDS, 8, seed).layer for seed in range(60)]
    assert set(layers) == set(range(1, N_LAYERS + 1))
    assert layers[3] == find_features(MODEL, SCANS, WORDS, 2, 3).layer


def test_a_word_further_ahead_than_the_story_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast_planting, "read_activations", lambda *given, **_: FakeActivations(given[1]))
    with pytest.raises(ValueError, match=r"ahead=400, but the story first has \d+ words"):
        find_features(MODEL, SCANS, WORDS, 400, seed=0)


def test_regions_are_three_networks() -> None:
    table = plan_regions(NETWORK_NAMES, 8, 5, seed=0)
    assert table["planted"].tolist() == [PRESENT, AHEAD, NOTHING]
    assert table["region"].nunique() == 3
    assert table["ahead"].tolist()[:2] == [0, 8]
    assert table["layer"].isna().tolist() == [False, False, True]
    nothing = plan_regions(NETWORK_NAMES, 8, None, seed=0)
    assert nothing["region"].tolist() == table["region"].tolist()
    assert set(nothing["planted"]) == {NOTHING}
    with pytest.raises(ValueError, match="three are needed"):
        plan_regions(["one", "two"], 8, 5, seed=0)


def test_regions_answer_to_their_own_features_alone(features: Features, head: Head) -> None:
    regions = plan_regions(head.networks, 8, features.layer, seed=0)
    given: dict[str, Any] = {"head": head, "regions": regions, "features": features, "snr": SNR, "seed": 0}
    scan = SCANS[0]
    response = respond_to_words("01", scan, **given)
    driven = np.zeros(len(head.labels), dtype=bool)
    for region, planted in zip(regions["region"][:2], (PRESENT, AHEAD), strict=True):
        inside = head.labels == head.networks.index(region) + 1
        driven |= inside
        assert response[scan.kept][:, inside].std(axis=0).mean() == pytest.approx(SNR, rel=1e-3)
        for own, by in ((planted, True), ({PRESENT: AHEAD, AHEAD: PRESENT}[planted], False)):
            courses = features.courses[own][scan.task]
            left = response[:, inside] - courses @ np.linalg.lstsq(courses, response[:, inside], rcond=None)[0]
            assert (np.square(left).sum() < 1e-6 * np.square(response[:, inside]).sum()) == by
    assert not response[:, ~driven].any()


def test_participants_share_most_of_the_weights(features: Features, head: Head) -> None:
    regions = plan_regions(head.networks, 8, features.layer, seed=0)
    given: dict[str, Any] = {"head": head, "regions": regions, "features": features, "snr": SNR, "seed": 0}
    first, second = (respond_to_words(label, SCANS[0], **given) for label in ("01", "02"))
    driven = first.any(axis=0)
    r = [np.corrcoef(first[:, v], second[:, v])[0, 1] for v in np.flatnonzero(driven)[::20]]
    assert 0.5 < np.mean(r) < 0.95


def test_without_features_nothing_answers(head: Head) -> None:
    regions = plan_regions(head.networks, 8, None, seed=0)
    response = respond_to_words("01", SCANS[0], head=head, regions=regions, features=None, snr=0, seed=0)
    assert response.shape == (120, len(head.labels))
    assert not response.any()
