"""Real regional BOLD, a real TextGrid and real weights: Alice (Brennan et al. 2016) and MiniLM."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from bids_app.bids.outputs import find_maps
from bids_app.bids.words import read_words
from bids_app.language.activations import Activations
from tests.conftest import run

SUBJECTS = ("18", "23")
LAYER = 3
FOLDS = 5
ALPHAS = np.logspace(-1, 8, 10)


@pytest.fixture(scope="module")
def alice(tmp_path_factory, shared, minilm):
    folder = tmp_path_factory.mktemp("alice")
    subprocess.run([sys.executable, shared / "tools" / "alice_to_bids.py", folder / "data"], check=True)
    options = ("--model", minilm, "--layer", LAYER, "--analysis", "brainscore", "--confounds", "none")
    more = ("--high-pass", "0", "--noise-ceiling", "none", "--n-permutations", "200", "--omp-nthreads", "1")
    chosen = ("--participant-label", *SUBJECTS, "33")
    done = run("bids_app", folder / "data", folder / "out", "participant", *options, *more, *chosen)
    return folder, done


def test_the_broken_participant_fails_alone(alice):
    folder, done = alice
    assert done.returncode == 1
    assert "sub-33 failed" in done.stderr
    assert {m.participant for m in find_maps(folder / "out", "brainscore", "r")} == set(SUBJECTS)


def score(X, Y):
    """Held-out r of delayed components by scikit-learn: contiguous folds, penalty by the inner folds' squared error."""
    folds = np.array_split(np.arange(len(X)), FOLDS)
    r = []
    for test in folds:
        train = np.setdiff1d(np.arange(len(X)), test)
        components = PCA(20, svd_solver="full").fit(StandardScaler().fit(X[train]).transform(X[train]))
        reduced = components.transform(StandardScaler().fit(X[train]).transform(X))
        delayed = np.hstack([np.vstack([np.zeros((d, 20)), reduced[: len(X) - d]]) for d in range(6)])
        errors = np.zeros((len(ALPHAS), Y.shape[1]))
        for inner in folds:
            if inner[0] == test[0]:
                continue
            fit_on = np.setdiff1d(train, inner)
            scaler = StandardScaler().fit(delayed[fit_on])
            for i, alpha in enumerate(ALPHAS):
                model = Ridge(alpha).fit(scaler.transform(delayed[fit_on]), Y[fit_on])
                errors[i] += ((model.predict(scaler.transform(delayed[inner])) - Y[inner]) ** 2).mean(axis=0)
        scaler = StandardScaler().fit(delayed[train])
        fits = [Ridge(alpha).fit(scaler.transform(delayed[train]), Y[train]) for alpha in ALPHAS]
        predicted = np.stack([f.predict(scaler.transform(delayed[test])) for f in fits])
        chosen = predicted[errors.argmin(axis=0), :, np.arange(Y.shape[1])]
        r.append([np.corrcoef(chosen[k], Y[test, k])[0, 1] for k in range(Y.shape[1])])
    return np.mean(r, axis=0)


def test_brain_score_agrees_with_an_independent_computation(alice):
    folder, _ = alice
    path = next(path for path in (folder / "out" / ".work" / "activations").glob("*/activations.json")).parent
    vectors = Activations.open(path).layer(LAYER - 1)
    words = read_words(folder / "data" / "stimuli" / "alice_audio.TextGrid")
    midpoint = words.onset - 20.0 + words.duration / 2  # the audio started 20 s before the scan
    volume = np.floor((words.onset - 20.0)[(midpoint >= 0.06) & (midpoint < 723.4)] / 2).astype(int)
    X = np.zeros((362, vectors.shape[1]))
    np.add.at(X, volume[volume >= 0], vectors[volume >= 0])
    for output in find_maps(folder / "out", "brainscore", "r"):
        func = folder / "data" / "derivatives" / "rois" / f"sub-{output.participant}" / "func"
        Y = np.loadtxt(next(func.glob("*.tsv")), skiprows=1)
        expected = score(X, StandardScaler().fit_transform(Y))
        np.testing.assert_allclose(output.load()[0][0], expected, atol=1e-3)
