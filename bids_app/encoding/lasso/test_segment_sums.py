import numpy as np
import torch

from bids_app.encoding.lasso._segment_sums import SegmentSums

SETS = [np.arange(4, 30), np.r_[0:10, 20:30], np.arange(10, 20)]


def sums() -> tuple[torch.Tensor, torch.Tensor, SegmentSums]:
    random = np.random.default_rng(0)
    X = torch.as_tensor(random.standard_normal((30, 3)) + np.linspace(-1, 1, 30)[:, None], dtype=torch.float32)
    Y = torch.as_tensor(random.standard_normal((30, 5)) + np.linspace(1, -1, 30)[:, None], dtype=torch.float32)
    return X, Y, SegmentSums(X, Y, SETS)


def test_moments_of_a_training_set() -> None:
    X, Y, segments = sums()
    for index, rows in enumerate(SETS):
        x, y = X[rows].numpy(), Y[rows].numpy()
        x_centred, y_centred = x - x.mean(axis=0), y - y.mean(axis=0)
        expected = x_centred.T @ x_centred, x_centred.T @ y_centred, x.mean(axis=0), y.mean(axis=0)
        for result, value in zip(segments.moments(index), expected, strict=True):
            np.testing.assert_allclose(result, value, atol=1e-5)


def test_moments_about_the_means_of_another_set() -> None:
    X, Y, segments = sums()
    _, _, x_mean, y_mean = segments.moments(1)
    x, y = (X[SETS[2]] - x_mean).numpy(), (Y[SETS[2]] - y_mean).numpy()
    moments = segments.moments_about(2, x_mean, y_mean)
    np.testing.assert_allclose(moments.gram, x.T @ x / 10, atol=1e-6)
    np.testing.assert_allclose(moments.cross, x.T @ y / 10, atol=1e-6)
    np.testing.assert_allclose(moments.square, (y**2).mean(axis=0), atol=1e-6)
