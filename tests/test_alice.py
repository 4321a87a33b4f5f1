"""Real regional BOLD, a real TextGrid and real weights: Alice (Brennan et al. 2016) and MiniLM."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from transformers import AutoModel, AutoTokenizer

from bids_app.bids.outputs import find_maps
from bids_app.bids.words import read_words
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


def features(words, minilm):
    """Sum per volume of the last sub-token's hidden state, each word with its whole window; transformers alone.

    Words are read in chunks of 100 with their neighbours, which is close to, but not the same as, the app's windows.
    """
    tokenizer, model = AutoTokenizer.from_pretrained(minilm), AutoModel.from_pretrained(minilm)
    pieces = [tokenizer(w, add_special_tokens=False)["input_ids"] for w in words.text]
    vectors = np.zeros((len(pieces), model.config.hidden_size))
    for start in range(0, len(pieces), 100):
        low, high = max(0, start - 100), min(len(pieces), start + 200)
        ids = [tokenizer.cls_token_id, *(i for p in pieces[low:high] for i in p), tokenizer.sep_token_id]
        with torch.no_grad():
            states = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[LAYER][0].numpy()
        last = np.cumsum([len(p) for p in pieces[low:high]])
        for word in range(start, min(start + 100, len(pieces))):
            vectors[word] = states[last[word - low]]
    return vectors


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


def test_brain_score_agrees_with_an_independent_computation(alice, minilm):
    folder, _ = alice
    words = read_words(folder / "data" / "stimuli" / "alice_audio.TextGrid")
    onset = words.onset - 20.0
    X = np.zeros((362, 384))
    inside = (onset + words.duration / 2 >= 0.06) & (onset + words.duration / 2 < 723.4)
    np.add.at(X, np.floor(np.maximum(onset[inside], 0) / 2).astype(int), features(words, minilm)[inside])
    expected, found = [], []
    for output in find_maps(folder / "out", "brainscore", "r"):
        path = folder / "data" / "derivatives" / "rois" / f"sub-{output.participant}" / "func"
        Y = np.loadtxt(next(path.glob("*.tsv")), skiprows=1)
        expected.append(score(X, StandardScaler().fit_transform(Y)))
        found.append(output.load()[0][0])
    # The windows of the two computations differ, so that the vectors agree only nearly.
    np.testing.assert_allclose(np.mean(found), np.mean(expected), atol=0.02)
    assert np.corrcoef(np.ravel(found), np.ravel(expected))[0, 1] > 0.9
