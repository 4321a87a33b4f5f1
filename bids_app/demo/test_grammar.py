import numpy as np

from bids_app.demo.grammar import CATEGORIES, FILLER, Story, tell_story


def story(seed: int = 0) -> Story:
    return tell_story("orchard", 12.0, 400.0, np.random.default_rng(seed))


def test_no_word_has_two_categories() -> None:
    words = [word for vocabulary in CATEGORIES.values() for word in vocabulary.words]
    assert len(set(words)) == len(words)


def test_words_follow_each_other_inside_the_story() -> None:
    told = story()
    assert told.onset[0] >= told.start
    assert told.onset[-1] + told.duration[-1] <= told.end
    assert (told.onset[1:] >= told.onset[:-1] + told.duration[:-1] - 1e-9).all()


def test_words_belong_to_the_category_they_are_labelled_with() -> None:
    told = story()
    for word, category in zip(told.text, told.category, strict=True):
        expected = {name for name, vocabulary in CATEGORIES.items() if word in vocabulary.words}
        assert expected == ({category} - {FILLER})


def test_some_words_are_not_aligned() -> None:
    assert 0 < (~story().aligned).mean() < 0.1


def test_topics_are_slow_enough_for_the_haemodynamic_response() -> None:
    told = story()
    volume = (told.onset // 1.5).astype(int)
    kept_variance = []
    for name in CATEGORIES:
        count = np.bincount(volume[np.array(told.category) == name], minlength=volume.max() + 1)
        kept_variance.append(np.convolve(count, np.ones(5) / 5, mode="same").var() / count.var())
    assert np.median(kept_variance) > 0.4  # words scattered at random keep a fifth


def test_seed_determines_the_story() -> None:
    assert story(1).text == story(1).text
    assert story(1).text != story(2).text
