"""How each reader is called with the path of a damaged file."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from bids_app.bids.audio import wav_seconds
from bids_app.bids.cifti import CiftiGeometry
from bids_app.bids.confounds import read_confounds
from bids_app.bids.description import read_description
from bids_app.bids.envelope import read_envelope
from bids_app.bids.events import read_events
from bids_app.bids.exclusions import read_exclusions
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.headers import count_volumes
from bids_app.bids.localiser_table import read_localiser
from bids_app.bids.metadata import raw_repetition_time, repetition_time
from bids_app.bids.minimal_pairs import read_minimal_pairs
from bids_app.bids.parcels import parcel_networks
from bids_app.bids.recording import read_recording
from bids_app.bids.runs import Kind, Run
from bids_app.bids.text import read_json
from bids_app.bids.timeline import read_timeline
from bids_app.bids.word_files import _is_word_json
from bids_app.bids.words import read_words, words_from_events
from bids_app.checksums import artefact_damage
from bids_app.conftest_images import brain_models
from bids_app.finetune.layout import Checkpoint
from bids_app.finetune.progress import read_rows as read_progress
from bids_app.inputs.masking import inside_mask
from bids_app.inputs.sources import Sources
from bids_app.language.autoencoder import Autoencoder
from bids_app.language.configuration import check_sizes
from bids_app.language.labels import _label_of_content
from bids_app.language.weights import count_weights, weight_files
from bids_app.machine.manifest import read_manifest
from bids_app.networks.atlas_grayordinates import vertex_labels
from bids_app.networks.label_files import read_labels
from bids_app.networks.label_tables import read_table
from bids_app.settings import Settings
from bids_app.settings_input import make_settings


def words(path: Path) -> None:
    """Words in any format."""
    read_words(path)


def minimal_pairs(path: Path) -> None:
    """Minimal pairs."""
    read_minimal_pairs(path)


def localiser(path: Path) -> None:
    """Texts of the localiser."""
    read_localiser(path)


def autoencoder(path: Path) -> None:
    """A sparse autoencoder, applied to a token."""
    import torch

    found = Autoencoder.open(path.parent)
    for _ in found.blocks(found.inputs(torch.ones(1, found.width))):
        pass


def event_words(path: Path) -> None:
    """Words of an events table."""
    words_from_events(path)


def events(path: Path) -> None:
    """Stimuli of an events table."""
    read_events(path)


def confounds(path: Path) -> None:
    """Confounds of a table or of the JSON file beside it."""
    read_confounds(path.with_suffix(".tsv"), "narratives")


def make_run(path: Path, kind: str, names: Sequence[str]) -> Run:
    """A run of the files of these names beside the damaged one."""
    return Run(
        subject="1",
        session=None,
        task="t",
        run=None,
        space="fsnative" if kind == "surface" else "MNI152NLin6Asym",
        seg="T",
        kind=cast(Kind, kind),
        files=tuple(path.with_name(name) for name in names),
        events=path.with_name("events.tsv"),
        confounds=None,
        mask=None,
        is_clean=True,
        repetition_time=2.0,
        entities={"sub": "1", "task": "t"},
        derivative=path.parent,
    )


def recording(kind: str, *names: str) -> Callable[[Path], None]:
    """BOLD of any kind."""

    def read(path: Path) -> None:
        geometry = read_recording(make_run(path, kind, names)).geometry
        if isinstance(geometry, CiftiGeometry):
            geometry.cortex, geometry.keys  # noqa: B018 - made where they are first asked for

    return read


def networks_of_parcels(path: Path) -> None:
    """Networks of the regions of a segmentation."""
    parcel_networks(path.parent, "T", ["P1", "P2"])


def sidecar(path: Path) -> None:
    """A JSON file of BOLD, and its repetition time."""
    read_json(path)
    raw_repetition_time(path.parent, {"task": "t"})


def description(path: Path) -> None:
    """The description of a data set."""
    read_description(path.parent)


def exclusions(path: Path) -> None:
    """Excluded scans."""
    read_exclusions(path)


def settings(path: Path) -> None:
    """A file of settings."""
    make_settings(
        {"bids_dir": path.parent, "out_dir": path.parent / "out", "level": "participant", "config_file": path}
    )


def filters(path: Path) -> None:
    """A file of filters."""
    settings = Settings(bids_dir=path.parent, out_dir=path.parent, level="participant", bids_filter_file=path)
    Sources(None, settings).filters  # type: ignore[arg-type]  # noqa: B018


def manifest(path: Path) -> None:
    """The list of fetched files."""
    read_manifest(path.parent).find_damage(path.parent, [path])


def weights(path: Path) -> None:
    """Files that an index of weights names."""
    weight_files(path.parent)


def labels(path: Path) -> None:
    """An atlas of vertices or voxels."""
    read_labels(path).present()


def label_table(path: Path) -> None:
    """Names of the labels of an atlas."""
    read_table(path, "L")


def mask_of(kind: str) -> Callable[[Path], None]:
    """`--mask` on data of each kind, of the sizes of the good masks."""

    def read(path: Path) -> None:
        geometries = {
            "volume": VolumeGeometry("T", np.diag([4.0, 4, 4, 1]), np.ones((4, 3, 3), dtype=bool)),
            "surface": SurfaceGeometry("fsnative", 36, 36),
            "cifti": CiftiGeometry("fsLR", "", brain_models()),
            "parcels": ParcelGeometry("T", ("P1", "P2")),
        }
        inside_mask(path, geometries[kind])

    return read


def grayordinate_labels(path: Path) -> None:
    """An atlas of grayordinates."""
    vertex_labels(str(path), (642, 642))


def model_configuration(path: Path) -> None:
    """Configuration of a model, and the label that it gives."""
    _label_of_content(path.parent)
    check_sizes(path.parent, 1000)


def safetensors(path: Path) -> None:
    """Sizes of weights."""
    count_weights(path.parent)


def audio(path: Path) -> None:
    """Length of a stimulus."""
    wav_seconds(path)


def envelope(path: Path) -> None:
    """Loudness of a stimulus."""
    read_envelope(path)


def checkpoint(path: Path) -> None:
    """What a fine-tuning says of a model."""
    Checkpoint.read(path.parent)


def progress(path: Path) -> None:
    """Losses of a training that goes on."""
    read_progress(path.parent, 5)


def headers(kind: str, *names: str) -> Callable[[Path], None]:
    """What a check reads of BOLD without its data: the number of volumes and the repetition time."""

    def read(path: Path) -> None:
        run = make_run(path, kind, names)
        count_volumes(run)
        repetition_time(run.files, path.parent, path.parent / "raw", run.entities, "bold")

    return read


def outliers(path: Path) -> None:
    """Censored volumes."""
    read_timeline(replace(make_run(path, "parcels", ("t_timeseries.tsv",)), outliers=path), 4)


def raw_image(path: Path) -> None:
    """Length of the raw scan."""
    read_timeline(replace(make_run(path, "volume", ("b_bold.nii",)), raw_files=(path,)), 6)


def kept_manifest(path: Path) -> None:
    """Whether an intermediate result is complete."""
    artefact_damage(path.with_name("kept.npy"))


def word_json(path: Path) -> None:
    """Whether a JSON file beside an audio file holds words."""
    _is_word_json(path)
