"""Identity of the `stim_file` of events.tsv, and its label in file names."""

import hashlib
import posixpath
import unicodedata

from bids_app.bids.errors import DatasetError

# Extensions of sound, films, pictures and texts. Others, as in chapter.1 or tale.fr, belong to the name.
_ENDINGS = frozenset(
    "3gp aac aif aifc aiff amr au avi bmp caf eps flac flv gif jpeg jpg m4a m4b m4v mat mka mkv mov mp2 mp3 mp4 "  # noqa: SIM905
    "mpeg mpg oga ogg ogv opus pdf png ra snd svg tif tiff txt voc wav wave webm webp wma wmv".split()
)
_LONGEST = 255  # bytes of a file name, on every common file system
_LONGEST_LABEL = 100  # bytes, leaving space for the entities of an output and a temporary name


def stem_of(stim_file: str) -> str:
    r"""Identity of a stimulus: the path of its file below `stimuli/`, without the ending, with forward slashes.

    Files of the same name in two folders are two stimuli. Raises DatasetError if it names no file there.

    >>> stem_of("stimuli\\EN\\section1.wav"), stem_of("EN/section1.wav")
    ('EN/section1', 'EN/section1')
    """
    if any(unicodedata.category(letter) == "Cc" for letter in stim_file):
        raise DatasetError(f"stim_file {stim_file!r} holds control characters; it must be a path below stimuli/")
    path = posixpath.normpath(unicodedata.normalize("NFC", stim_file.strip().replace("\\", "/")))
    folders = path.split("/")
    if "stimuli" in folders[:-1] and (folders[0] in {"stimuli", "", ".."} or folders[0].endswith(":")):
        folders = folders[len(folders) - folders[::-1].index("stimuli") :]
    name, dot, ending = folders[-1].rpartition(".")
    stem = "/".join([*folders[:-1], name if dot and ending.lower() in _ENDINGS else folders[-1]]).lstrip("/")
    if not stem or stem.endswith("/") or folders[-1] in {".", ".."} or ".." in folders:
        raise DatasetError(f"stim_file {stim_file!r} names no file below stimuli/, such as tale.wav or EN/tale.wav")
    longest = max(folders, key=len)
    if any(len(folder.encode()) > _LONGEST for folder in folders):
        raise DatasetError(f"stim_file {longest[:40]}… has {len(longest)} letters, more than any file name can have")
    return stem


def stem_label(stem: str) -> str:
    """Name of a stimulus in file names, unique for each stem.

    Letters, digits, `_` and `-` stay, `/` becomes `++`, any other character its hexadecimal number between `+`. A name
    that is too long ends in a hash instead.

    >>> stem_label("pieman_audio"), stem_label("EN/section 1")
    ('pieman_audio', 'EN++section+20+1')
    """
    label = "".join(map(_escaped, stem))
    if len(label.encode()) <= _LONGEST_LABEL:
        return label
    start = label.encode()[: _LONGEST_LABEL - 22].decode(errors="ignore")
    return f"{start}+h{hashlib.sha256(stem.encode()).hexdigest()[:20]}"


def _escaped(letter: str) -> str:
    if letter.isalnum() or letter in "_-":
        return letter
    return "++" if letter == "/" else f"+{ord(letter):x}+"
