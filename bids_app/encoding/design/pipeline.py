"""The pipeline from word vectors per volume to the features and folds of a held-out fit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bids_app.encoding.design.features import DelayedComponents
from bids_app.encoding.design.folds import content_folds
from bids_app.stats.arrays import Floats, Fold, Ints


@dataclass(frozen=True)
class FeaturePipeline:
    """Standardise, principal components, delays, standardise; contiguous folds of the content.

    The defaults are those of Caucheteux et al. (2023).

    Attributes
    ----------
    n_components, delays, wrap : see `DelayedComponents`
    n_folds, purge, content : see `content_folds`; content None if nothing was heard twice
    kept : rows of the features with responses, unlike censored volumes; None for all
    """

    n_components: int | None = 20
    delays: tuple[int, ...] = tuple(range(6))
    n_folds: int = 5
    purge: int = 0
    wrap: bool = False
    content: tuple[int, ...] | None = None
    kept: tuple[int, ...] | None = None

    def folds(self, n_volumes: int) -> list[Fold]:
        """Training and test rows of each fold."""
        content = np.arange(n_volumes) if self.content is None else np.array(self.content)
        if len(content) != n_volumes:
            raise ValueError(f"content names {len(content)} volumes of {n_volumes}; each volume needs one number.")
        return content_folds(content, self.n_folds, self.purge)

    def features(self, X: npt.ArrayLike, run_lengths: Sequence[int], train: Ints) -> Floats:
        """Features of the kept rows of X, fitted on their rows `train`, (n_volumes, n_components * n_delays).

        Delays are made before rows are left out: words in a censored volume still count in the next volumes.
        """
        components = DelayedComponents(self.n_components, self.delays, wrap=self.wrap)
        if self.kept is None:
            return components.fit(X, run_lengths, train).transform(X, run_lengths)
        kept = np.array(self.kept, dtype=np.int64)
        return components.fit(X, run_lengths, kept[train]).transform(X, run_lengths)[kept]

    def n_kept(self, n_rows: int) -> int:
        """Number of volumes with responses, of `n_rows` of the features."""
        return n_rows if self.kept is None else len(self.kept)


PUBLISHED = FeaturePipeline()
