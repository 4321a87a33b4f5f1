"""What the kinds of demo have in common: stories, word timings, the head, and the runs of all participants."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bids_app.bids.words import Words, read_words
from bids_app.demo.cortex import N_VERTICES, NETWORK_NAMES, load_cortex, make_grid, partition
from bids_app.demo.derivative import SPACES, SURFACE_SPACE, write_atlas
from bids_app.demo.grammar import tell_story
from bids_app.demo.layout import (
    README,
    copy_annotations,
    participant_labels,
    write_description,
    write_raw,
    write_story,
)
from bids_app.demo.recordings import Data, Head, write_run
from bids_app.demo.scans import REPETITION_TIME, Scan, given_scan, made_scan, stream
from bids_app.language.labels import model_label
from bids_app.networks.atlas import load_atlas

STORY_NAMES = ("lighthouse", "orchard", "caravan", "clockmaker", "marsh", "ferry", "beekeeper", "quarry")
_THREADS = 2


@dataclass(frozen=True)
class Options:
    """What both kinds of demo are made with; each kind has its own defaults.

    Attributes
    ----------
    participants, stories : how many of each
    snr : standard deviation of the response over that of the noise, averaged over the vertices of a network or region;
        at 0 nothing is planted
    n_volumes : volumes of a scan, 1.5 s each
    n_driven : how many networks of the atlas are driven by atoms; the others hold noise alone. None: all
    model : folder or name of the model that is planted, instead of a tiny GPT-2-type one
    annotations : word timings (align.csv or .json of gentle, TextGrid, table) of the one story that is then told;
        `stories` and `n_volumes` follow from it
    atlas : partition of fsaverage5 into networks (one of two .annot or .gii files), instead of a generated one
    spaces : any of fsaverage5 and MNI152NLin6Asym
    seed : everything random follows from it
    """

    stories: int
    snr: float
    n_volumes: int
    participants: int = 3
    n_driven: int | None = None
    model: Path | None = None
    annotations: Path | None = None
    atlas: Path | None = None
    spaces: tuple[str, ...] = SPACES
    seed: int = 0

    def check(self) -> None:
        """Raise ValueError where they are impossible."""
        if self.participants < 1 or self.stories < 1:
            raise ValueError(f"participants={self.participants}, stories={self.stories}; both must be at least 1.")
        if not (np.isfinite(self.snr) and self.snr >= 0):
            raise ValueError(f"snr={self.snr}; it must be a number from 0 (nothing is planted) upwards.")
        if self.n_driven is not None and self.n_driven < 2:
            raise ValueError(f"n_driven={self.n_driven}; at least 2 networks must be driven.")
        if not self.spaces or not set(self.spaces) <= set(SPACES):
            named = ", ".join(self.spaces) or "none"
            raise ValueError(f"spaces={named}; the demo is made in {' and '.join(SPACES)}.")


@dataclass(frozen=True)
class NetworkSpace:
    """What something is planted in: scans and the words that are heard in them, the head, and the file of its atlas."""

    scans: list[Scan]
    words: list[Words]
    head: Head
    atlas: Path

    @property
    def texts(self) -> list[str]:
        """The words of each story in one line."""
        return [" ".join(story.text) for story in self.words]


def prepare(target: Path, options: Options, readme: str = README, pace: float = 1.0) -> NetworkSpace:
    """Write the raw data set and the atlas; stories of our own are told `pace` times as slowly.

    Raises ValueError for options that are impossible, FileExistsError when `target` holds files.
    """
    if target.exists() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty; give a new folder for the demo data set.")
    options.check()
    scans = _plan_scans(options)
    words = _tell(target, scans, options, pace)
    write_raw(target, participant_labels(options.participants), scans, readme)
    return NetworkSpace(scans, words, *_write_head(target, options))


def _plan_scans(options: Options) -> list[Scan]:
    """Time lines of the stories that are told: our own, or the one whose word timings are given."""
    if options.annotations is not None:
        return [given_scan(options.annotations)]
    return [made_scan(_story_name(index), options.n_volumes) for index in range(options.stories)]


def _story_name(index: int) -> str:
    return STORY_NAMES[index] if index < len(STORY_NAMES) else f"story{index + 1}"


def _tell(target: Path, scans: Sequence[Scan], options: Options, pace: float) -> list[Words]:
    """Write the word timings of each scan and read them back, as the analysis will."""
    if options.annotations is not None:
        return [read_words(copy_annotations(target, options.annotations, scan)) for scan in scans]
    stories = [
        tell_story(scan.task, scan.start, scan.end, stream(options.seed, "story", scan.task), pace) for scan in scans
    ]
    return [read_words(write_story(target, story)) for story in stories]


def _write_head(target: Path, options: Options) -> tuple[Head, Path]:
    """Make or read the partition of the cortex, write it as an atlas, and return its file for the data."""
    cortex = load_cortex()
    networks: tuple[str, ...] = NETWORK_NAMES
    if options.atlas is None:
        name, labels = "Demo", partition(cortex, stream(options.seed, "partition"))
    else:
        given = load_atlas(str(options.atlas), "surface", SURFACE_SPACE, n_vertices=(N_VERTICES, N_VERTICES))
        name = "".join(filter(str.isalnum, given.name.removeprefix("lh.").removeprefix("rh.")))
        labels, networks = np.asarray(given.labels, dtype=np.int64), given.network_names
    head = Head(cortex, make_grid(cortex), labels, networks)
    folder = target / "derivatives" / "atlas"
    write_description(folder, "Functional networks", derivative=True)
    # Where both spaces are written, an analysis takes the surface unless told otherwise.
    space = SURFACE_SPACE if SURFACE_SPACE in options.spaces else options.spaces[0]
    return head, write_atlas(folder, name, labels, networks, head.grid, space).resolve()


def name_of_model(model: Path) -> str:
    """Name under which a given model is loaded: its full path where it is a folder."""
    return str(model.resolve()) if model.exists() else str(model)


def write_runs(target: Path, ground: NetworkSpace, respond: Callable[[str, Scan], Data], options: Options) -> None:
    """Write the preprocessed runs of all participants; `respond` gives the response of one to one scan."""
    write_description(target / "derivatives" / "fmriprep", "Preprocessed synthetic stories", derivative=True)
    with ThreadPoolExecutor(_THREADS) as threads:  # compression, most of the work, lets other threads run
        runs = [
            threads.submit(write_run, target, label, scan, ground.head, respond, options.spaces, options.seed)
            for label in participant_labels(options.participants)
            for scan in ground.scans
        ]
        for run in runs:
            run.result()


def told_options(options: Options, ground: NetworkSpace, model: str) -> dict[str, object]:
    """What the data set was made with, for the record beside the truth."""
    return {
        "participants": options.participants,
        "stories": [scan.task for scan in ground.scans],
        "snr": options.snr,
        "model": model,
        "model_label": model_label(model),
        "atlas": str(options.atlas) if options.atlas else None,
        "annotations": str(options.annotations) if options.annotations else None,
        "spaces": list(options.spaces),
        "seed": options.seed,
        "repetition_time": REPETITION_TIME,
        "audio_onset": ground.scans[0].audio_onset,
    }
