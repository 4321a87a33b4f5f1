"""The nuisance band on volumes, word by word; and the sound of a story at the right volumes."""

import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.io import wavfile

from bids_app.bids.events import Stimulus
from bids_app.bids.words import Words
from bids_app.inputs.band import Band, audio_identity, band_of, word_rate
from bids_app.inputs.timing import Story, timing_of
from bids_app.settings import Settings
from bids_app.stats.standardise import zscore

TR, START = 2.0, 6.0
TEXT = ("Once", "upon", "a", "time.", "The", "end.")
ONSET = np.array([0.2, 0.9, np.nan, 2.5, 7.0, 8.1])
STIMULUS = Stimulus("tale", "tale.wav", START, ((START, START + 20.0),))


def make(folder: Path, sound: bool = False, **changes: object) -> Band:
    stimuli = folder / "stimuli"
    stimuli.mkdir(exist_ok=True)
    (stimuli / "tale_words.tsv").write_text("onset\tduration\tword\n0\t1\tonce\n")
    if sound:
        times = np.arange(20 * 1000) / 1000
        loud = np.where((times >= 4) & (times < 6), 0.5, 0.01)  # the third volume of the story
        wavfile.write(stimuli / "tale.wav", 1000, (loud * np.sin(2 * np.pi * 100 * times)).astype(np.float32))
    timing = timing_of([STIMULUS], TR, 20)
    story = Story("tale", Words(ONSET, np.full(6, 0.3), TEXT), timing)
    return band_of([timing], {"tale": story}, Settings(folder, folder / "out", "participant", **changes))  # type: ignore[arg-type]


def test_features_are_summed_over_the_words_of_a_volume(tmp_path: Path) -> None:
    band = make(tmp_path)
    assert band.timings[0].volumes.tolist() == list(range(3, 13))
    rate, length, _, story, sentence = band.sums.T
    np.testing.assert_array_equal(rate, [2, 1, 0, 1, 1, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(length, [8, 4, 0, 3, 3, 0, 0, 0, 0, 0])
    np.testing.assert_allclose(story[:5], [1 / 30, 3 / 30, 0, 4 / 30, 5 / 30], atol=1e-6)
    np.testing.assert_allclose(sentence[:5], [1 / 30, 3 / 30, 0, 0, 1 / 30], atol=1e-6)
    later = make(tmp_path, word_volume="next").sums[:, 0]
    np.testing.assert_array_equal(later, [0, 2, 1, 0, 1, 1, 0, 0, 0, 0])


def test_the_envelope_lies_on_its_volume(tmp_path: Path) -> None:
    band = make(tmp_path, sound=True)
    assert band.names[-1] == "envelope"
    envelope = band.sums[:, -1]
    assert envelope.argmax() == 2
    np.testing.assert_allclose(envelope[2], 0.5 / np.sqrt(2), rtol=0.02)
    np.testing.assert_allclose(envelope[[0, 1, 3]], 0.01 / np.sqrt(2), rtol=0.05)
    assert band.facts["Envelope"] == "from the WAV files of all stories"
    responses = band.responses(band.timings[0])
    assert responses.shape == (10, 6)
    assert responses[:, -1].argmax() in (4, 5, 6)  # four to eight seconds after the sound


def test_the_rate_among_responses_is_that_of_the_timing_check(tmp_path: Path) -> None:
    band = make(tmp_path)
    expected = zscore(word_rate(band.timings[0], band.stories))
    np.testing.assert_allclose(band.responses(band.timings[0])[:, 0], expected, atol=1e-6)


def test_without_sound_the_band_says_so(tmp_path: Path) -> None:
    band = make(tmp_path)
    assert "envelope" not in band.names
    assert band.facts["Envelope"] == "left out: there is no WAV file of tale"
    assert audio_identity({"tale": "tale.wav"}, band.settings) == {"sound of tale": ["none"]}
    before = band.identity
    with_sound = make(tmp_path, sound=True)
    assert with_sound.identity != before
    assert audio_identity({"tale": "tale.wav"}, band.settings) != {"sound of tale": ["none"]}


def test_the_identity_changes_with_the_words(tmp_path: Path) -> None:
    band = make(tmp_path)
    story = band.stories["tale"]
    other = replace(story, words=replace(story.words, onset=ONSET + 2))
    assert Band(band.timings, {"tale": other}, band.settings).identity != band.identity


def test_censored_volumes_keep_their_words(tmp_path: Path) -> None:
    band = make(tmp_path)
    censored = np.zeros(20, dtype=bool)
    censored[4] = True
    timing = timing_of([STIMULUS], TR, 20, censored)
    again = Band((timing,), band.stories, band.settings)
    np.testing.assert_array_equal(again.sums, band.sums)
    assert len(again.responses(timing)) == 9


@pytest.mark.parametrize("language", ["en"])
def test_a_language_without_wordfreq_is_refused(tmp_path: Path, language: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "wordfreq", None)
    with pytest.raises(ValueError, match="need the package wordfreq"):
        _ = make(tmp_path, word_frequencies=language).sums


def test_a_list_of_frequencies_that_cannot_serve_costs_no_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    lists = SimpleNamespace(available_languages=lambda: {"en": ""}, zipf_frequency=lambda word, language: 0.0)
    monkeypatch.setitem(sys.modules, "wordfreq", lists)
    counted = make(tmp_path)
    for language, reason in (("xx", "has no list of the language 'xx'"), ("en", "100 % of the words of a story")):
        band = make(tmp_path, word_frequencies=language)
        np.testing.assert_array_equal(band.sums, counted.sums)
        source = str(band.facts["WordFrequencies"])
        assert source.startswith("words are counted in the stories (--word-frequencies stories)")
        assert reason in source
        assert source in caplog.text
    monkeypatch.setattr(lists, "zipf_frequency", lambda word, language: float(len(word)))
    band = make(tmp_path, word_frequencies="en")
    assert band.facts["WordFrequencies"] == "en"
    np.testing.assert_allclose(band.sums[:, 2], band.sums[:, 1])  # their letters
