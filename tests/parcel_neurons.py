"""A story, the neurons of MiniLM that read it, and the families of atoms that many dictionaries of them share.

Written apart from the package, from the papers alone, so that a fault of the package cannot hide in its own test.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform
from scipy.stats import gamma

Floats = npt.NDArray[np.float64]

N_ATOMS, PENALTY = 64, 0.15
_TURNS, _STEPS = 200, 15  # of the dictionary; fewer turns leave restarts further apart
_WINDOW, _STRIDE = 510, 254  # tokens that the model reads at once, so that each sees 128 to either side; the step
_SILENCE = {"", "sp", "sil", "<sil>"}


@dataclass(frozen=True)
class TimedWords:
    """Words of a story with their start and end, seconds from the start of the audio file; arrays (n_words,)."""

    text: tuple[str, ...]
    start: Floats
    end: Floats


def read_text_grid(path: Path) -> TimedWords:
    """The words of the first tier of a TextGrid in Praat's long format."""
    entry = re.compile(r'xmin = ([\d.]+)\s+xmax = ([\d.]+)\s+text = "([^"]*)"')
    rows = [(float(a), float(b), word.strip()) for a, b, word in entry.findall(path.read_text(encoding="utf-8"))]
    heard = [row for row in rows if row[2].lower() not in _SILENCE]
    start, end, text = zip(*heard, strict=True)
    return TimedWords(text, np.array(start), np.array(end))


def word_activations(model_folder: Path, words: Sequence[str]) -> Floats:
    """Outputs of the second feed-forward matrix of every layer of a BERT, (n_words, n_neurons); mean over sub-tokens.

    Each token is read in the window in whose middle it lies.
    """
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model_folder)
    model = AutoModel.from_pretrained(model_folder).eval()
    pieces = [tokenizer.encode(word, add_special_tokens=False) for word in words]
    ids = np.concatenate([np.array(piece, dtype=np.int64) for piece in pieces])
    owner = np.repeat(np.arange(len(words)), [len(piece) for piece in pieces])
    recorded: list[torch.Tensor] = []
    hooks = [
        layer.output.dense.register_forward_hook(lambda _module, _inputs, output: recorded.append(output[0]))
        for layer in model.encoder.layer
    ]
    values = np.zeros((len(ids), len(hooks) * model.config.hidden_size))
    margin = (_WINDOW - _STRIDE) // 2
    for first in range(0, len(ids), _STRIDE):
        window = ids[first : first + _WINDOW]
        recorded.clear()
        with torch.no_grad():
            model(torch.tensor([[tokenizer.cls_token_id, *window, tokenizer.sep_token_id]]))
        states = torch.cat(recorded, dim=1)[1:-1].double().numpy()
        skipped = margin if first else 0
        values[first + skipped : first + len(window)] = states[skipped:]
    for hook in hooks:
        hook.remove()
    sums = np.zeros((len(words), values.shape[1]))
    np.add.at(sums, owner, values)
    return sums / np.maximum(np.bincount(owner, minlength=len(words)), 1)[:, None]


def bold_responses(values: Floats, start: Floats, end: Floats, repetition_time: float, n_volumes: int) -> Floats:
    """Responses (n_volumes, n_neurons) to words at `start` to `end` seconds of scan time, columns z-scored.

    A volume holds the mean of the words whose middle falls into it; it is then convolved with Glover's response (1999):
    two gamma densities of 6 and 12 s, dispersion 0.9 s, the second by 0.48.
    """
    volume = np.floor((start + end) / 2 / repetition_time)
    weights = (volume == np.arange(n_volumes)[:, None]).astype(float)
    heard = weights.sum(axis=1, keepdims=True)
    means = np.divide(weights, heard, out=np.zeros_like(weights), where=heard > 0) @ values
    lags = np.arange(0, 32, repetition_time)
    kernel = gamma.pdf(lags, 6 / 0.9, scale=0.9) - 0.48 * gamma.pdf(lags, 12 / 0.9, scale=0.9)
    convolved = np.apply_along_axis(lambda column: np.convolve(column, kernel)[:n_volumes], 0, means)
    return standard(convolved)


def standard(columns: Floats) -> Floats:
    """The columns with mean 0 and variance 1; constant ones 0."""
    centred: Floats = columns - columns.mean(axis=0)
    spread = centred.std(axis=0)
    return np.asarray(np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 0))


def sparse_dictionary(X: Floats, seed: int, n_atoms: int = N_ATOMS, penalty: float = PENALTY) -> Floats:
    """Atoms (n_volumes, n_atoms), z-scored: min ½|X − DA|² + penalty √n_volumes |A|₁ with columns of D of norm ≤ 1.

    Turns of accelerated proximal gradient for A and one sweep over the atoms, from neurons drawn at random.
    """
    rng = np.random.default_rng(seed)
    atoms = X[:, rng.choice(X.shape[1], n_atoms, replace=False)] + 0.5 * rng.standard_normal((len(X), n_atoms))
    atoms /= np.linalg.norm(atoms, axis=0)
    threshold = penalty * np.sqrt(len(X))
    loadings = np.zeros((n_atoms, X.shape[1]))
    for _ in range(_TURNS):
        loadings = _sparse_code(X, atoms, loadings, threshold)
        squares, products = loadings @ loadings.T, X @ loadings.T
        for k in np.flatnonzero(squares.diagonal() > 0):
            atom = atoms[:, k] + (products[:, k] - atoms @ squares[:, k]) / squares[k, k]
            atoms[:, k] = atom / max(np.linalg.norm(atom), 1.0)
    return standard(atoms)


def _sparse_code(X: Floats, atoms: Floats, loadings: Floats, threshold: float) -> Floats:
    gram, cross = atoms.T @ atoms, atoms.T @ X
    step = 1 / float(np.linalg.eigvalsh(gram)[-1])
    ahead, momentum = loadings, 1.0
    for _ in range(_STEPS):
        moved = ahead - step * (gram @ ahead - cross)
        after = np.sign(moved) * np.maximum(np.abs(moved) - step * threshold, 0)
        following = (1 + np.sqrt(1 + 4 * momentum**2)) / 2
        ahead = after + (momentum - 1) / following * (after - loadings)
        loadings, momentum = after, following
    return np.asarray(loadings)


def correlation(first: Floats, second: Floats) -> Floats:
    """Pearson r of the columns, (n_first, n_second)."""
    return np.asarray(standard(first).T @ standard(second) / len(first))


def best_matches(atoms: Floats, restarts: Sequence[Floats]) -> Floats:
    """For each atom and restart the best |r| with an atom of it, (n_restarts, n_atoms)."""
    return np.stack([np.abs(correlation(atoms, restart)).max(axis=1) for restart in restarts])


def find_families(restarts: Sequence[Floats], alike: float = 0.7) -> tuple[Floats, Floats]:
    """Time courses (n_volumes, n_families), z-scored, and their reproducibility: mean over restarts of the best |r|.

    Families are clusters (average linkage on 1 - |r|) of atoms of at least half as many members as restarts; their
    time course is the first principal component.
    """
    atoms = np.concatenate(restarts, axis=1)
    distance = np.maximum(1 - np.abs(correlation(atoms, atoms)), 0)
    np.fill_diagonal(distance, 0)
    tree = linkage(squareform((distance + distance.T) / 2, checks=False), "average")
    cluster = fcluster(tree, 1 - alike, "distance")
    large = [number for number in np.unique(cluster) if (cluster == number).sum() >= len(restarts) / 2]
    courses = [np.linalg.svd(atoms[:, cluster == number], full_matrices=False)[0][:, 0] for number in large]
    families = standard(np.stack(courses, axis=1))
    return families, best_matches(families, restarts).mean(axis=0)


def select_unlike(atoms: Floats, candidates: Sequence[int], n_wanted: int, most_alike: float) -> list[int]:
    """The first `n_wanted` of the candidates, each with |r| below `most_alike` with those before."""
    r = np.abs(correlation(atoms, atoms))
    chosen: list[int] = []
    for candidate in candidates:
        if len(chosen) < n_wanted and np.all(r[candidate, chosen] < most_alike):
            chosen.append(int(candidate))
    return chosen
