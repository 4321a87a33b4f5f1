"""The acoustic envelope of a stimulus, from its WAV file."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.audio import audio_beside, require_whole_chunks
from bids_app.bids.errors import DatasetError

FRAME = 0.01  # s
_FRAMES_AT_ONCE = 6000
_SILENT = 1e-6  # of the loudest possible sample
# What scipy's reader raises where a header is damaged: it checks little, and computes with what it finds.
_DAMAGED = (ValueError, OSError, EOFError, struct.error, ArithmeticError, LookupError, NameError, TypeError)


def find_audio(bids_dir: Path, stim_file: str, words: Path | None = None) -> Path | None:
    """The WAV file of a `stim_file` of events.tsv: in BIDS_DIR/stimuli, or beside its word list; None without one."""
    path = bids_dir / "stimuli" / stim_file
    if path.suffix.lower() == ".wav" and path.is_file():
        return path
    return None if words is None else audio_beside(words)


def read_envelope(path: Path) -> npt.NDArray[np.float64]:
    """Root mean square of every 10 ms of a WAV file, (n_frames,), as a share of the loudest possible sample.

    Channels are averaged; an incomplete last frame is left out. Raises DatasetError for a file that cannot be read or
    is silent.
    """
    try:
        rate, samples = _read(path)
    except _DAMAGED as error:
        raise DatasetError(f"{path} cannot be read as a WAV file ({error}): get it again, or remove it.") from error
    n_samples = max(1, round(rate * FRAME))
    n_frames = len(samples) // n_samples
    envelope = np.zeros(n_frames)
    for start in range(0, n_frames, _FRAMES_AT_ONCE):
        stop = min(start + _FRAMES_AT_ONCE, n_frames)
        part = _scaled(samples[start * n_samples : stop * n_samples])
        envelope[start:stop] = np.sqrt(np.square(part.reshape(stop - start, n_samples)).mean(axis=1))
    if not envelope.size or envelope.max() <= _SILENT:
        raise DatasetError(f"{path} is silent: its envelope says nothing.")
    return envelope


def _read(path: Path) -> tuple[int, npt.NDArray[Any]]:
    """Samples per second, and the samples, mapped to the file unless they take 3 bytes each."""
    from scipy.io import wavfile

    require_whole_chunks(path)  # scipy allocates as much as a header says
    try:
        return wavfile.read(path, mmap=True)
    except ValueError as error:
        if "mmap" not in str(error):
            raise
        return wavfile.read(path)


def _scaled(samples: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Mean over channels, from -1 to 1."""
    kind = samples.dtype
    values = np.asarray(samples, dtype=np.float64)
    if np.issubdtype(kind, np.integer):
        info = np.iinfo(kind)
        middle = 0 if info.min < 0 else (info.max + 1) / 2
        values = (values - middle) / (info.max + 1 - middle)
    return values if values.ndim == 1 else values.mean(axis=1)
