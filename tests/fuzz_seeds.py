"""Good files for the readers, small; fuzzing damages these."""

import gzip
import io
import json
import math
import struct

import nibabel
import numpy as np

from bids_app.conftest_images import SERIES_AXIS, cifti, gifti


def text(*contents: str) -> tuple[bytes, ...]:
    """Texts in UTF-8."""
    return tuple(content.encode() for content in contents)


def as_json(*contents: object) -> tuple[bytes, ...]:
    """Values as JSON, one a line."""
    return tuple(json.dumps(content, indent=1).encode() for content in contents)


def annotation() -> bytes:
    """An annotation of FreeSurfer with 120 vertices and two regions."""
    content = io.BytesIO()
    values = np.tile([1 + 256 * 2 + 65536 * 3, 10, 0], 40)
    content.write(np.array([len(values)], ">i4").tobytes())
    content.write(np.column_stack([np.arange(len(values)), values]).astype(">i4").tobytes())
    content.write(np.array([1, -2, 2, 4], ">i4").tobytes() + b"lut\0" + np.array([2], ">i4").tobytes())
    for at, colour in enumerate(([1, 2, 3, 0], [10, 0, 0, 0])):
        content.write(np.array([at, 4], ">i4").tobytes() + b"Vis\0" + np.array(colour, ">i4").tobytes())
    return content.getvalue()


def nifti(data: np.ndarray) -> bytes:
    """NIfTI with voxels of 4 mm."""
    return bytes(nibabel.Nifti1Image(data, np.diag([4.0, 4, 4, 1])).to_bytes())


def compress(content: bytes) -> bytes:
    """As gzip."""
    return gzip.compress(content, compresslevel=1, mtime=0)


def wav() -> bytes:
    """Sound of 100 samples, with a chunk of notes before it."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16)
    return b"RIFF" + struct.pack("<I", 236) + b"WAVE" + form + b"LIST\4\0\0\0abcd" + b"data\xc8\0\0\0" + bytes(200)


def sound(bits: int) -> bytes:
    """A second of sound that swells, with integers of so many bits."""
    size = bits // 8
    middle, loudest = (128, 100) if bits == 8 else (0, 2 ** (bits - 2))
    samples = [middle + loudest * number // 1000 * (-1) ** number for number in range(1000)]
    data = b"".join(sample.to_bytes(size, "little", signed=bits > 8) for sample in samples)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, 1000, 1000 * size, size, bits)
    return b"RIFF" + struct.pack("<I", 36 + len(data)) + b"WAVE" + form + b"data" + struct.pack("<I", len(data)) + data


def autoencoder(**more: float) -> bytes:
    """The weights of an autoencoder of 2 units and 3 features; `more` names further vectors of 3 values."""
    shapes = {"W_enc": [2, 3], "b_enc": [3], "W_dec": [3, 2], "b_dec": [2], **{name: [3] for name in more}}
    head: dict[str, object] = {}
    values = b""
    for name, shape in shapes.items():
        part = struct.pack(f"<{math.prod(shape)}f", *[more.get(name, 0.5)] * math.prod(shape))
        head[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(values), len(values) + len(part)]}
        values += part
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + values


def safetensors() -> bytes:
    """One tensor of 2 x 3."""
    head = json.dumps({"a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}).encode()
    return struct.pack("<Q", len(head)) + head + bytes(24)


GENTLE = 'So,so,1.0,1.5\nI,,,\ndon\u2019t,don\'t,16.0,16.25\n"well, yes",<unk>,16.5,17.0\nend,end,20.0,20.5\n'
WORDS = [{"word": f"w{i}", "start": i * 0.5, "end": i * 0.5 + 0.3} for i in range(6)]
TABLE = "onset\tduration\tword\n" + "".join(f"{i * 0.5}\t0.3\tw{i}\n" for i in range(6))
IN_MILLISECONDS = "onset_ms\tend\ttoken\n" + "".join(f"{i * 500}\t{i * 500 + 300}\tw{i}\n" for i in range(6))
TEXTGRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 3.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 3.5
        points: size = 1
        points [1]:
            number = 1.5
            mark = "7 clicks"
    item [2]:
        class = "IntervalTier"
        name = "Word"
        xmin = 0
        xmax = 3.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = "{BR}"
        intervals [2]:
            xmin = 0.5
            xmax = 1e0
            text = "say"
        intervals [3]:
            xmin = 1
            xmax = 2
            text = "\"\"caf\u00e9\"\""
"""
SHORT = '"ooTextFile"\n"TextGrid"\n0\n2\n<exists>\n1\n"IntervalTier"\n"words"\n0\n2\n2\n0\n0.7\n"a"\n0.7\n2\n"sp"\n'
EVENTS = (
    "onset\tduration\ttrial_type\tstim_file\n0\t4\tmusic\ttale.wav\n4\t80\tstory\ttale.wav\n90\tn/a\tstory\tb.wav\n"
)
EVENT_WORDS = "onset\tduration\ttrial_type\tword\n" + "".join(f"{i * 0.5}\t0.3\tread\tw{i}\n" for i in range(6))
NAMES = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "cosine00", "a_comp_cor_00", "a_comp_cor_01"]
CONFOUNDS = (
    "\t".join(NAMES)
    + "\n"
    + "".join("\t".join(f"{np.sin(i * (k + 1)):.3f}" for k in range(len(NAMES))) + "\n" for i in range(8))
)
MASKS = {"a_comp_cor_00": {"Mask": "CSF", "VarianceExplained": 0.1}, "a_comp_cor_01": {"Mask": "WM"}}
SERIES = "P1\tP2\n" + "".join(f"{np.sin(i):.4f}\t{np.cos(3 * i):.4f}\n" for i in range(12))
DATA = np.random.default_rng(0).normal(size=(6, 40)).astype(np.float32)
VOLUMES = np.random.default_rng(0).normal(size=(4, 3, 3, 6)).astype(np.float32)
INTEGERS = np.tile([0, 1, 2], 12)


SCALAR_AXIS = nibabel.cifti2.ScalarAxis(["mask"])
_LABELS = {0: ("none", (0, 0, 0, 0)), 1: ("Vis", (1, 0, 0, 1)), 2: ("Som", (0, 0.5, 0, 1))}
LABEL_AXIS = nibabel.cifti2.LabelAxis(["atlas"], _LABELS)
MODEL = {"model_type": "gpt2", "n_layer": 2, "vocab_size": [40], "_name_or_path": "a/gpt2", "text": {"n_positions": 16}}
OUTLIERS = "framewise_displacement\tinterpolation\n" + "0\t0\n1\t0\n0\t0\n0\t1\n1\t0\n0\t0\n"
LABEL_FILES = tuple(
    gifti([INTEGERS.astype(np.int32)], encoding, is_label=True)
    for encoding in ("GIFTI_ENCODING_ASCII", "GIFTI_ENCODING_B64GZ", "GIFTI_ENCODING_B64BIN")
)
SERIES_FILE = cifti(SERIES_AXIS, with_voxels=True)
LABEL_FILE = cifti(LABEL_AXIS, with_voxels=True)
ATLAS = nifti(INTEGERS.reshape(4, 3, 3).astype(np.int16))
BOLD = nifti(VOLUMES)
PAIRED = gifti([INTEGERS.astype(np.float32)], "GIFTI_ENCODING_B64GZ")
