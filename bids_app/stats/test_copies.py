import numpy as np

from bids_app.stats.copies import Copies


def test_copies_move_together_and_never_onto_themselves() -> None:
    content = np.concatenate([np.arange(20), np.arange(5, 20), np.arange(20, 30)])
    moved = Copies(content).moved(np.arange(1, 30))
    assert ((content[:, None] - content[moved]) % 30 == np.arange(1, 30)).all()
    np.testing.assert_array_equal(Copies(np.arange(9)).moved([4]).ravel(), (np.arange(9) - 4) % 9)
