"""What a fine-tuning is made with: numbers that decide the weights, and the goals that models are trained towards."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

RULES = ("mended", "as-printed")
PRECISIONS = ("float32", "bfloat16")
CONTROLS = ("near", "low", "shuffled")
NEAR_DISTANCE = 1  # tokens ahead, of the control `near`


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides the weights, besides the model, the text, and the goal.

    Attributes
    ----------
    steps : number of updates of the weights
    distance : tokens from a state to its target
    layer : layer of the targets, counted from 1 (0: the embeddings); the blocks up to it are frozen
    context : most tokens in a window, special tokens included
    batch : windows in a step, over all processes
    temperature : τ, by which cosines are divided
    negatives, queue : states that a target is told apart from, and states in the queue that they are drawn from
    learning_rate, clip : of the first step (it falls linearly to 0), and largest norm of the gradient
    reset_every : steps between two settings of the weight of the loss of high level
    checkpoints : number of checkpoints, on a logarithmic grid of steps
    held_out : share of the text that is not trained on
    loss, share : a rule of `RULES` each; `as-printed` repeats a slip of the publication
    precision : number format of products; weights and losses are float32
    """

    steps: int
    layer: int
    distance: int = 8
    context: int = 256
    batch: int = 8
    temperature: float = 0.1
    negatives: int = 2000
    queue: int = 2500
    learning_rate: float = 5e-5
    clip: float = 1.0
    reset_every: int = 100
    checkpoints: int = 15
    held_out: float = 0.05
    loss: str = "mended"
    share: str = "mended"
    precision: str = "float32"
    seed: int = 0

    def settings(self) -> dict[str, Any]:
        """All numbers, ready for JSON."""
        return asdict(self)

    def problems(self) -> Iterator[str]:
        """One sentence for each impossible value."""
        for name in ("steps", "distance", "batch", "negatives", "queue", "reset_every", "checkpoints"):
            if (value := getattr(self, name)) < 1:
                yield f"{_option(name)} {value}: must be at least 1."
        for name in ("temperature", "learning_rate", "clip"):
            if not 0 < (value := getattr(self, name)) < math.inf:
                yield f"{_option(name)} {value}: must be above 0."
        if not 0 < self.held_out < 1:
            yield f"--held-out {self.held_out}: must be above 0 and below 1, such as 0.05."
        if self.negatives > self.queue:
            yield (
                f"--negatives {self.negatives}: they are drawn from a queue of {self.queue} states; give at most as "
                "many, or a larger --queue."
            )
        if self.context < self.distance + 2:
            yield (
                f"--distance {self.distance}: needs a --context of at least {self.distance + 2} tokens, and it is "
                f"{self.context}; give a smaller distance or a longer context."
            )
        if not 0 <= self.seed < 2**32:
            yield f"--seed {self.seed}: must be at least 0 and below 2³²."


@dataclass(frozen=True)
class Goal:
    """What one model is trained towards: the share α of the loss of high level, and the control, "" for none."""

    alpha: float
    control: str = ""

    @property
    def folder(self) -> str:
        """Name of the folder with its checkpoints.

        >>> Goal(0.5).folder, Goal(0, "near").folder
        ('alpha-0.5', 'near-alpha-0')
        """
        return f"{self.control}-" * bool(self.control) + f"alpha-{self.alpha:.12g}"

    def distance(self, recipe: Recipe) -> int:
        """Tokens from a state to its target."""
        return NEAR_DISTANCE if self.control == "near" else recipe.distance

    def layer(self, recipe: Recipe) -> int:
        """Layer of the targets, counted from 1; 0 for the embeddings."""
        return 0 if self.control == "low" else recipe.layer

    @property
    def is_shuffled(self) -> bool:
        """Whether targets come from another document."""
        return self.control == "shuffled"


def goals_of(alphas: list[float], controls: list[str]) -> list[Goal]:
    """The model of each α, and the controls of each α above 0: at 0, targets have no part in the loss.

    Raises ValueError for α outside 0 … 1, given twice, or without a control to train.

    >>> [goal.folder for goal in goals_of([0, 0.5], ["near"])]
    ['alpha-0', 'alpha-0.5', 'near-alpha-0.5']
    """
    outside = [alpha for alpha in alphas if not 0 <= alpha <= 1]
    if outside:
        raise ValueError(f"--alpha {outside[0]:g}: is the share of one loss in the sum; give numbers from 0 to 1.")
    if len(set(alphas)) < len(alphas):
        raise ValueError(f"--alpha {' '.join(f'{alpha:g}' for alpha in alphas)}: give each number once.")
    above = [alpha for alpha in alphas if alpha > 0]
    if controls and not above:
        raise ValueError(
            "--controls: these have targets, which have no part in the loss at α = 0; add an --alpha above 0."
        )
    return [*map(Goal, alphas), *(Goal(alpha, control) for control in dict.fromkeys(controls) for alpha in above)]


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"
