import numpy as np
import pytest

from bids_app.finetune.batches import make_batch
from bids_app.finetune.negatives import names_of_states
from bids_app.finetune.text import Windows


@pytest.mark.parametrize("distance", [1, 8])
def test_a_target_is_the_state_of_the_token_ahead(windows: Windows, distance: int) -> None:
    chosen = np.argsort(windows.length)[:: len(windows.length) // 7]  # of all lengths
    batch = make_batch(windows, chosen, distance)
    names = names_of_states(batch.ids)
    lengths = windows.lengths(chosen)
    expected = [names[row, t + distance] for row, n in enumerate(lengths) for t in range(n - distance)]
    assert batch.names.tolist() == expected
    assert batch.n_targets == len(expected)
    assert batch.n_words == (lengths - 1).sum()
    assert not batch.is_shuffled
    parts = [batch.rows(slice(start, start + 3)) for start in range(0, len(chosen), 3)]
    assert np.concatenate([part.names for part in parts]).tolist() == expected


def test_shuffled_targets_are_those_of_another_document(windows: Windows) -> None:
    chosen = windows.train[:8]
    batch = make_batch(windows, chosen, 8, is_shuffled=True)
    assert batch.is_shuffled
    own = {tuple(row): document for row, document in zip(batch.ids, windows.document[chosen], strict=True)}
    for row, ids in enumerate(batch.target_ids):
        assert not batch.has_target[row].any() or own[tuple(ids)] != windows.document[chosen[row]]
    assert batch.n_targets > 0.3 * make_batch(windows, chosen, 8).n_targets


def test_a_window_without_another_document_has_no_shuffled_target(windows: Windows) -> None:
    chosen = np.flatnonzero(windows.document == windows.document[0])[:3]
    assert make_batch(windows, chosen, 8, is_shuffled=True).n_targets == 0
