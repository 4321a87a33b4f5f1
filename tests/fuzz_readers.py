"""Every reader of a file that users give, with files that it reads well; fuzzing damages these."""

import gzip
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np


@dataclass(frozen=True)
class Reader:
    """A reader: the name of its file, good files, and the call; `beside` are further files, by name."""

    file: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path], Any]
    beside: dict[str, bytes]


def _text(*contents: str) -> tuple[bytes, ...]:
    return tuple(content.encode() for content in contents)


def _json(*contents: object) -> tuple[bytes, ...]:
    return tuple(json.dumps(content, indent=1).encode() for content in contents)


def _words(path: Path) -> None:
    from bids_app.bids.words import read_words

    read_words(path)


def _event_words(path: Path) -> None:
    from bids_app.bids.words import words_from_events

    words_from_events(path)


def _events(path: Path) -> None:
    from bids_app.bids.events import read_events

    read_events(path)


def _confounds(path: Path) -> None:
    from bids_app.bids.confounds import read_confounds

    read_confounds(path.with_suffix(".tsv"), "narratives")


def _recording(kind: str, *names: str) -> Callable[[Path], None]:
    def read(path: Path) -> None:
        from bids_app.bids.recording import read_recording
        from bids_app.bids.runs import Run

        files = tuple(path.with_name(name) for name in names)
        run = Run(
            subject="1",
            session=None,
            task="t",
            run=None,
            space="fsnative" if kind == "surface" else "MNI152NLin6Asym",
            seg="T",
            kind=kind,
            files=files,
            events=path.with_name("events.tsv"),
            confounds=None,
            mask=None,
            is_clean=True,
            repetition_time=2.0,
            entities={"sub": "1", "task": "t"},
            derivative=path.parent,
        )
        read_recording(run)

    return read


def _parcel_networks(path: Path) -> None:
    from bids_app.bids.parcels import parcel_networks

    parcel_networks(path.parent, "T", ["P1", "P2"])


def _sidecar(path: Path) -> None:
    from bids_app.bids.metadata import raw_repetition_time
    from bids_app.bids.text import read_json

    read_json(path)
    raw_repetition_time(path.parent, {"task": "t"})


def _description(path: Path) -> None:
    from bids_app.bids.description import read_description

    read_description(path.parent)


def _exclusions(path: Path) -> None:
    from bids_app.bids.exclusions import read_exclusions

    read_exclusions(path)


def _settings(path: Path) -> None:
    from bids_app.settings_input import make_settings

    make_settings(
        {"bids_dir": path.parent, "out_dir": path.parent / "out", "level": "participant", "config_file": path}
    )


def _filters(path: Path) -> None:
    from bids_app.inputs.sources import Sources
    from bids_app.settings import Settings

    settings = Settings(bids_dir=path.parent, out_dir=path.parent, level="participant", bids_filter_file=path)
    Sources(None, settings).filters  # type: ignore[arg-type]  # noqa: B018


def _manifest(path: Path) -> None:
    from bids_app.machine.manifest import read_manifest

    read_manifest(path.parent)


def _weights(path: Path) -> None:
    from bids_app.language.weights import weight_files

    weight_files(path.parent)


def _labels(path: Path) -> None:
    from bids_app.networks.label_files import read_labels

    read_labels(path).present()


def _label_table(path: Path) -> None:
    from bids_app.networks.label_tables import read_table

    read_table(path, "L")


def _annotation() -> bytes:
    content = io.BytesIO()
    values = np.tile([1 + 256 * 2 + 65536 * 3, 10, 0], 40)
    content.write(np.array([len(values)], ">i4").tobytes())
    content.write(np.column_stack([np.arange(len(values)), values]).astype(">i4").tobytes())
    content.write(np.array([1, -2, 2, 4], ">i4").tobytes() + b"lut\0" + np.array([2], ">i4").tobytes())
    for at, colour in enumerate(([1, 2, 3, 0], [10, 0, 0, 0])):
        content.write(np.array([at, 4], ">i4").tobytes() + b"Vis\0" + np.array(colour, ">i4").tobytes())
    return content.getvalue()


def _gifti(data: list[np.ndarray], encoding: str, is_label: bool = False) -> bytes:
    table = nibabel.gifti.GiftiLabelTable()
    for key, name in enumerate(("none", "Vis", "Som")):
        label = nibabel.gifti.GiftiLabel(key, 0.5, 0.0, 1.0, 1.0)
        label.label = name
        table.labels.append(label)
    intent = "NIFTI_INTENT_LABEL" if is_label else "NIFTI_INTENT_TIME_SERIES"
    arrays = [nibabel.gifti.GiftiDataArray(row, intent=intent, encoding=encoding) for row in data]
    return bytes(nibabel.gifti.GiftiImage(darrays=arrays, labeltable=table if is_label else None).to_bytes())


def _nifti(data: np.ndarray, compressed: bool = False) -> bytes:
    content = bytes(nibabel.Nifti1Image(data, np.diag([4.0, 4, 4, 1])).to_bytes())
    return gzip.compress(content, mtime=0) if compressed else content


def _dtseries() -> bytes:
    series = nibabel.cifti2.SeriesAxis(0, 2, 5)
    mask = np.zeros(642, dtype=bool)
    mask[:20] = True
    brain = nibabel.cifti2.BrainModelAxis.from_mask(mask, "CortexLeft") + nibabel.cifti2.BrainModelAxis.from_mask(
        mask, "CortexRight"
    )
    data = np.random.default_rng(0).normal(size=(5, 40)).astype(np.float32)
    return bytes(nibabel.Cifti2Image(data, (series, brain)).to_bytes())


_GENTLE = 'So,so,1.0,1.5\nI,,,\ndon\u2019t,don\'t,16.0,16.25\n"well, yes",<unk>,16.5,17.0\nend,end,20.0,20.5\n'
_WORDS = [{"word": f"w{i}", "start": i * 0.5, "end": i * 0.5 + 0.3} for i in range(6)]
_TABLE = "onset\tduration\tword\n" + "".join(f"{i * 0.5}\t0.3\tw{i}\n" for i in range(6))
_IN_MILLISECONDS = "onset_ms\tend\ttoken\n" + "".join(f"{i * 500}\t{i * 500 + 300}\tw{i}\n" for i in range(6))
_TEXTGRID = """File type = "ooTextFile"
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
_SHORT = '"ooTextFile"\n"TextGrid"\n0\n2\n<exists>\n1\n"IntervalTier"\n"words"\n0\n2\n2\n0\n0.7\n"a"\n0.7\n2\n"sp"\n'
_EVENTS = (
    "onset\tduration\ttrial_type\tstim_file\n0\t4\tmusic\ttale.wav\n4\t80\tstory\ttale.wav\n90\tn/a\tstory\tb.wav\n"
)
_EVENT_WORDS = "onset\tduration\ttrial_type\tword\n" + "".join(f"{i * 0.5}\t0.3\tread\tw{i}\n" for i in range(6))
_NAMES = ["trans_x", "trans_y", "trans_z", "rot_x", "rot_y", "rot_z", "cosine00", "a_comp_cor_00", "a_comp_cor_01"]
_CONFOUNDS = (
    "\t".join(_NAMES)
    + "\n"
    + "".join("\t".join(f"{np.sin(i * (k + 1)):.3f}" for k in range(len(_NAMES))) + "\n" for i in range(8))
)
_MASKS = {"a_comp_cor_00": {"Mask": "CSF", "VarianceExplained": 0.1}, "a_comp_cor_01": {"Mask": "WM"}}
_SERIES = "P1\tP2\n" + "".join(f"{np.sin(i):.4f}\t{np.cos(3 * i):.4f}\n" for i in range(12))
_DATA = np.random.default_rng(0).normal(size=(6, 40)).astype(np.float32)
_VOLUMES = np.random.default_rng(0).normal(size=(4, 3, 3, 6)).astype(np.float32)
_INTEGERS = np.tile([0, 1, 2], 12)

READERS = {
    "align.csv": Reader("align.csv", _text(_GENTLE), _words, {}),
    "align.json": Reader(
        "align.json",
        _json({"transcript": "a b", "words": [_WORDS[0] | {"case": "success", "alignedWord": "w"}, {"word": "I"}]}),
        _words,
        {},
    ),
    "words.json": Reader(
        "tale.json",
        _json(
            {"start": 0, "tiers": {"words": {"type": "interval", "entries": [[0.5, 0.9, "a"], [1, 1.4, "b"]]}}},
            {"segments": [{"start": 0, "words": _WORDS[:3]}, {"start": 2, "words": _WORDS[3:]}]},
            {
                "audio_duration": 12,
                "words": [{"text": f"w{i}", "start": 4000 * i, "end": 4000 * i + 300} for i in (1, 2, 3)],
            },
            {"words": [word | {"speaker": "A", "confidence": 0.9} for word in _WORDS]},
            _WORDS,
        ),
        _words,
        {},
    ),
    "textgrid": Reader("tale.TextGrid", _text(_TEXTGRID, _SHORT), _words, {}),
    "words.tsv": Reader("tale_words.tsv", _text(_TABLE, _IN_MILLISECONDS), _words, {}),
    "words.csv": Reader(
        "tale_words.csv",
        _text(
            "word,start,end,score\nhello,0.5,0.9,0.99\nworld,1.0,1.4,0.98\n",
            "Begin,End,Label,Type,Speaker\n0.5,0.9,hello,words,a\n1.0,1.4,world,words,a\n0.5,0.7,HH,phones,a\n",
            "onset;duration;word\n0,5;0,4;hello\n1,5;0,4;you\n",
        ),
        _words,
        {},
    ),
    "words sidecar": Reader(
        "tale_words.json",
        _json({"onset": {"Units": "s"}, "duration": {"Units": "s"}}),
        lambda path: _words(path.with_suffix(".tsv")),
        {"tale_words.tsv": _TABLE.encode()},
    ),
    "event words": Reader("x_events.tsv", _text(_EVENT_WORDS), _event_words, {}),
    "events": Reader("sub-1_task-t_events.tsv", _text(_EVENTS), _events, {}),
    "confounds": Reader(
        "c_timeseries.tsv", _text(_CONFOUNDS), _confounds, {"c_timeseries.json": json.dumps(_MASKS).encode()}
    ),
    "confounds sidecar": Reader(
        "c_timeseries.json", _json(_MASKS), _confounds, {"c_timeseries.tsv": _CONFOUNDS.encode()}
    ),
    "time series": Reader("t_timeseries.tsv", _text(_SERIES), _recording("parcels", "t_timeseries.tsv"), {}),
    "parcel table": Reader(
        "seg-T_dseg.tsv", _text("index\tname\tnetwork\n1\tP1\tVis\n2\tP2\tn/a\n"), _parcel_networks, {}
    ),
    "sidecar": Reader("task-t_bold.json", _json({"RepetitionTime": 2.0, "SliceTiming": [0, 1]}), _sidecar, {}),
    "description": Reader("dataset_description.json", _json({"Name": "x", "BIDSVersion": "1.8.0"}), _description, {}),
    "exclusions": Reader("scan_exclude.json", _json({"t": {"sub-1": ["sub-1_task-t_run-1"]}}), _exclusions, {}),
    "settings": Reader(
        "s.toml",
        _text('model = ["gpt2"]\natoms = 8\nn-spins = 100\nthreshold = 1.5\nanalysis = ["brainscore"]\n'),
        _settings,
        {},
    ),
    "filters": Reader("f.json", _json({"bold": {"desc": "clean", "run": [1, 2]}}), _filters, {}),
    "manifest": Reader("manifest.json", _json({"models": {"gpt2": "abc"}, "files": {"models/x": 12}}), _manifest, {}),
    "weights index": Reader(
        "model.safetensors.index.json", _json({"weight_map": {"a": "model-1.safetensors"}}), _weights, {}
    ),
    "annot": Reader("lh.T.annot", (_annotation(),), _labels, {}),
    "label.gii": Reader(
        "lh.T.label.gii",
        tuple(
            _gifti([_INTEGERS.astype(np.int32)], encoding, is_label=True)
            for encoding in ("GIFTI_ENCODING_ASCII", "GIFTI_ENCODING_B64GZ", "GIFTI_ENCODING_B64BIN")
        ),
        _labels,
        {},
    ),
    "atlas volume": Reader(
        "a_dseg.nii",
        (_nifti(_INTEGERS.reshape(4, 3, 3).astype(np.int16)),),
        _labels,
        {"a_dseg.tsv": b"index\tname\n1\tV\n"},
    ),
    "atlas volume, compressed": Reader(
        "a_dseg.nii.gz", (_nifti(_INTEGERS.reshape(4, 3, 3).astype(np.int16), compressed=True),), _labels, {}
    ),
    "label table": Reader(
        "a.tsv",
        _text(
            "index\themi\tname\tcolor\n7\tL\tA b\t#00ff00ff\n",
            "12\tL-Area\t255\t0\t16\t0\n",
            "1\t1.0\t0.0\t0.5\tLeft part\n",
        ),
        _label_table,
        {},
    ),
    "label list": Reader(
        "a.csv", _text("ROI Label,ROI Name,R,A,S\n1,Vis,-24,-54,-10\n", "0,empty\n1,1_Visual_A\n"), _label_table, {}
    ),
    "gifti": Reader(
        "L.func.gii",
        tuple(_gifti(list(_DATA), encoding) for encoding in ("GIFTI_ENCODING_ASCII", "GIFTI_ENCODING_B64GZ")),
        _recording("surface", "L.func.gii", "R.func.gii"),
        {"R.func.gii": _gifti(list(_DATA), "GIFTI_ENCODING_B64GZ")},
    ),
    "nifti": Reader("b_bold.nii", (_nifti(_VOLUMES),), _recording("volume", "b_bold.nii"), {}),
    "nifti, compressed": Reader(
        "b_bold.nii.gz", (_nifti(_VOLUMES, compressed=True),), _recording("volume", "b_bold.nii.gz"), {}
    ),
    "cifti": Reader("b.dtseries.nii", (_dtseries(),), _recording("cifti", "b.dtseries.nii"), {}),
}
# Readers that are fast and of text: those that run in every build.
WORDS = ("align.csv", "align.json", "words.json", "textgrid", "words.tsv", "words.csv", "words sidecar", "event words")
