"""Length of an audio file, from its header."""

import struct
from pathlib import Path


def wav_seconds(path: Path) -> float | None:
    """Length of a WAV file in seconds; None if its header lacks it."""
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if file.read(4) != b"RIFF" or file.read(8)[4:] != b"WAVE":
                return None
            byte_rate = 0
            for _ in range(100):  # chunks
                head = file.read(8)
                if len(head) < 8:
                    return None
                name, length = struct.unpack("<4sI", head)
                if name == b"fmt " and length >= 16:
                    byte_rate = struct.unpack("<I", file.read(16)[8:12])[0]
                    length -= 16
                elif name == b"data":
                    there = size - file.tell()
                    # Programs that write to a pipe do not know the length.
                    n_bytes = there if length in {0, 0xFFFFFFFF} else length
                    return n_bytes / byte_rate if byte_rate else None
                file.seek(length + length % 2, 1)
    except (OSError, struct.error):
        return None
    return None


def require_whole_chunks(path: Path) -> None:
    """Raise ValueError if a chunk of a WAV file is longer than what is left of the file, by its own header."""
    size = path.stat().st_size
    with path.open("rb") as file:
        order = ">I" if file.read(12).startswith(b"RIFX") else "<I"
        while len(head := file.read(8)) == 8:
            (length,) = struct.unpack(order, head[4:])
            if length > size - file.tell():
                raise ValueError(f"a part of it should have {length} bytes, and {size - file.tell()} are there")
            file.seek(length + length % 2, 1)


def audio_beside(words: Path) -> Path | None:
    """The WAV file of a word list, by its name: in the same folder, or above the folder of an align.csv."""
    stem, folders = words.name.partition(".")[0].removesuffix("_words"), [words.parent]
    if stem == "align":
        stem = words.parent.name
        folders += [words.parent.parent]
        if words.parent.parent.name == "gentle":
            folders.append(words.parent.parent.parent)
    plain = stem.removesuffix("_audio")
    names = dict.fromkeys((stem, f"{plain}_audio", plain))
    paths = (folder / f"{name}{ending}" for folder in folders for name in names for ending in (".wav", ".WAV"))
    return next((path for path in paths if path.is_file()), None)
