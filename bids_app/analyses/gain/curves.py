"""Columns of the tables of fine-tuned models, of participants and of the group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd


def training_columns(alpha: float, control: str) -> dict[str, Any]:
    """The columns that say how a model was trained."""
    return {"alpha": alpha, "control": control or "none"}


def with_steps(steps: Sequence[int], perplexity: Sequence[float]) -> pd.DataFrame:
    """Steps and perplexity of the rows of a region: the mean over checkpoints, then each checkpoint.

    >>> with_steps([1, 10], [8.0, 2.0])["perplexity"].tolist()
    [4.0, 8.0, 2.0]
    """
    mean = float(np.exp(np.mean(np.log(perplexity))))
    return pd.DataFrame({"step": pd.array([pd.NA, *steps], dtype="Int64"), "perplexity": [mean, *perplexity]})
