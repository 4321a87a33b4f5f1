import wave
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy.io import wavfile

from bids_app.bids.envelope import find_audio, read_envelope
from bids_app.bids.errors import DatasetError

RATE = 8000
TIMES = np.arange(3 * RATE) / RATE


def tone(loudness: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(loudness * np.sin(2 * np.pi * 400 * TIMES))


LOUDNESS = np.where(TIMES < 1, 0.1, np.where(TIMES < 2, 0.8, 0.3))


@pytest.mark.parametrize("kind", ["int16", "uint8", "float32", "stereo"])
def test_the_loudness_of_a_tone(tmp_path: Path, kind: str) -> None:
    samples = tone(LOUDNESS)
    kinds: dict[str, npt.NDArray[Any]] = {
        "int16": (samples * 32767).astype(np.int16),
        "uint8": (128 + samples * 127).round().astype(np.uint8),
        "float32": samples.astype(np.float32),
        "stereo": np.stack([samples, samples], axis=1).astype(np.float32),
    }
    stored = kinds[kind]
    wavfile.write(tmp_path / "tale.wav", RATE, stored)
    envelope = read_envelope(tmp_path / "tale.wav")
    assert envelope.shape == (300,)
    expected = LOUDNESS.reshape(300, -1).mean(axis=1) / np.sqrt(2)
    np.testing.assert_allclose(envelope, expected, atol=0.01)


def test_samples_of_three_bytes(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "tale.wav"), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(3)
        audio.setframerate(RATE)
        whole = (tone(LOUDNESS) * (2**23 - 1)).astype("<i4")
        audio.writeframes(whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
    expected = LOUDNESS.reshape(300, -1).mean(axis=1) / np.sqrt(2)
    np.testing.assert_allclose(read_envelope(tmp_path / "tale.wav"), expected, atol=0.01)


def test_silence_and_damage_are_said(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "silent.wav"), "wb") as audio:
        audio.setnchannels(1)
        audio.setsampwidth(1)
        audio.setframerate(500)
        audio.writeframes(bytes([128]) * 1000)
    with pytest.raises(DatasetError, match="is silent"):
        read_envelope(tmp_path / "silent.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFF....WAVE")
    with pytest.raises(DatasetError, match="cannot be read as a WAV file"):
        read_envelope(tmp_path / "broken.wav")


def test_audio_lies_in_stimuli_or_beside_the_words(tmp_path: Path) -> None:
    (tmp_path / "stimuli" / "gentle" / "tale").mkdir(parents=True)
    words = tmp_path / "stimuli" / "gentle" / "tale" / "align.csv"
    assert find_audio(tmp_path, "tale.wav", words) is None
    beside = words.parent / "tale.wav"
    beside.write_bytes(b"")
    assert find_audio(tmp_path, "tale.wav", words) == beside
    (tmp_path / "stimuli" / "tale.wav").write_bytes(b"")
    assert find_audio(tmp_path, "tale.wav", words) == tmp_path / "stimuli" / "tale.wav"
    assert find_audio(tmp_path, "tale.mp3") is None
