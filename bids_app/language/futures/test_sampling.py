from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from bids_app.language.futures import (
    Parser,
    Sampling,
    Sentence,
    SentenceFutures,
    StoryFutures,
    SwapLists,
    random_of,
    row_spearman,
    sample_sentence,
    story_futures,
    tree_distances,
)

CORPUS = [
    "the cat slept on the mat",
    "the dog ran to the river",
    "a boy walked in a garden",
    "a girl sat at the window",
    "the bird flew over a house",
    "the horse stood by the tree",
    "a farmer worked near the barn",
    "she didn't see the old house",
    "he doesn't know the young boy",
    "They couldn't find a small bird",
]
QUICK = Sampling(rounds=2)


@pytest.fixture(scope="module")
def sentences(parser: Parser) -> list[Sentence]:
    return parser.parse([line.split() for line in CORPUS])


@pytest.fixture(scope="module")
def lists(sentences: list[Sentence]) -> SwapLists:
    return SwapLists.of(sentences)


def tags_of(sentence: Sentence) -> list[tuple[str, str, str]]:
    return list(zip(sentence.tags, sentence.parts, sentence.relations, strict=True))


def test_lists_hold_the_counts_of_words_with_the_same_tag_part_and_relation(
    sentences: list[Sentence], lists: SwapLists
) -> None:
    counts = Counter(
        (word.lower(), tags)
        for sentence in sentences
        for word, tags in zip(sentence.tokens, tags_of(sentence), strict=True)
    )
    total = sum(sum(words.values()) for key, words in lists.counts.items() if key.count("|") == 3)
    assert total == sum(counts.values())
    for key, words in lists.counts.items():
        tag, part, _, *relation = key.split("|")
        for word, count in words.items():
            found = [n for (w, tags), n in counts.items() if w == word and tags[:2] == (tag, part)
                     and (not relation or tags[2] == relation[0])]  # fmt: skip
            assert count <= sum(found)
    assert lists.spelling["they"] == "They"


def test_a_word_is_drawn_in_proportion_to_its_count_and_never_itself(sentences: list[Sentence]) -> None:
    key = sentences[0].keys(1)[0]  # `cat`, a subject
    counts = {"cat": 50, "dog": 1, "boy": 2, "girl": 3, "bird": 4}
    words, weights = SwapLists({key: counts}, {}).candidates(sentences[0], 1)
    assert dict(zip(words, weights.tolist(), strict=True)) == {"dog": 0.1, "boy": 0.2, "girl": 0.3, "bird": 0.4}


def test_few_words_under_a_key_fall_back_and_an_unknown_key_keeps_the_word(sentences: list[Sentence]) -> None:
    full, short = sentences[0].keys(1)
    lists = SwapLists({full: {"dog": 9, "pig": 9}, short: {"cat": 1, "ship": 3}}, {})
    assert lists.candidates(sentences[0], 1)[0] == ["ship"]
    assert SwapLists({}, {}).candidates(sentences[0], 1)[0] == ["cat"]
    assert SwapLists({short: {"cat": 1}}, {}).candidates(sentences[0], 1)[0] == ["cat"]  # no other word


def test_without_its_own_sentence_a_corpus_has_lost_just_that(sentences: list[Sentence], lists: SwapLists) -> None:
    for sentence in sentences:
        rest = SwapLists.of([other for other in sentences if other is not sentence])
        made = lists.without(sentence)
        assert {key: dict(words) for key, words in made.counts.items() if words} == {
            key: dict(words) for key, words in rest.counts.items()
        }
        only = lists.only_for(sentence)
        for token in range(len(sentence)):
            theirs, ours = lists.candidates(sentence, token), only.candidates(sentence, token)
            assert theirs[0] == ours[0]
            np.testing.assert_array_equal(theirs[1], ours[1])


def test_futures_have_the_tree_that_the_full_pipeline_finds(
    parser: Parser, sentences: list[Sentence], lists: SwapLists
) -> None:
    for sentence in sentences[:2] + sentences[-3:]:
        made = sample_sentence(sentence, lists.without(sentence), parser, QUICK, np.random.default_rng(0))
        assert made.rounds >= 2
        assert made.n_valid >= 50
        again = parser.parse(made.words)
        assert {len(future.tokens) for future in again} == {len(sentence.tokens)}
        distances = np.stack([tree_distances(future.heads) for future in again])
        np.testing.assert_allclose(row_spearman(tree_distances(sentence.heads), distances), made.similarity, atol=1e-9)
        assert (made.similarity > QUICK.threshold).all()
        assert (np.diff(made.similarity) <= 0).all()
        assert len(set(made.words)) == len(made.words)
        changed = np.mean([a != b for words in made.words for a, b in zip(words, sentence.words, strict=True)])
        assert changed > 0.7


def test_a_threshold_that_none_reaches_keeps_the_sentence(
    parser: Parser, sentences: list[Sentence], lists: SwapLists, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bids_app.language.futures._sampling._MOST_ROUNDS", 3)
    made = sample_sentence(sentences[0], lists, parser, Sampling(threshold=1.0, rounds=1), np.random.default_rng(0))
    assert made.words == (sentences[0].words,) * 10
    assert (made.rounds, made.n_valid) == (11, 0)


def test_samples_that_split_into_other_tokens_are_no_futures(parser: Parser, sentences: list[Sentence]) -> None:
    sentence = sentences[0]
    key = sentence.keys(1)[1]
    lists = SwapLists({key: {"don't": 5, "cat-dog": 5, "pig": 1}}, {})
    made = sample_sentence(sentence, lists, parser, replace(QUICK, threshold=-1), np.random.default_rng(0))
    assert {words[1] for words in made.words} == {"pig"}


@pytest.mark.parametrize("text", [["Stop"], ["Come", "here"], ["don't"]])
def test_short_sentences_are_swapped_without_a_test(parser: Parser, lists: SwapLists, text: list[str]) -> None:
    (sentence,) = parser.parse([text])
    made = sample_sentence(sentence, lists, parser, QUICK, np.random.default_rng(0))
    assert (made.rounds, len(made.words)) == (1, 10)
    assert {len(words) for words in made.words} == {len(text)}
    assert np.isnan(made.similarity).all()


def test_the_same_seed_gives_the_same_futures_whatever_was_sampled_before(
    parser: Parser, sentences: list[Sentence], lists: SwapLists
) -> None:
    def sample(number: int, seed: int) -> SentenceFutures:
        random = random_of(seed, CORPUS, number)
        return sample_sentence(sentences[number], lists, parser, QUICK, random)

    first = sample(1, 3)
    sample(2, 3)
    again, other = sample(1, 3), sample(1, 4)
    assert first.words == again.words
    np.testing.assert_array_equal(first.similarity, again.similarity)
    assert first.words != other.words


def test_stories_take_one_future_of_each_sentence_and_keep_their_words_paired(sentences: list[Sentence]) -> None:
    sampled = [
        SentenceFutures(
            tuple(tuple(f"{word}{n}" for word in sentence.words) for n in range(4)), np.arange(4) / 4, 2, 60
        )
        for sentence in sentences
    ]
    sampled[2] = replace(sampled[2], similarity=np.full(4, np.nan))
    story = story_futures(sentences, sampled, np.random.default_rng(0))
    words = [word for sentence in sentences for word in sentence.words]
    assert story.words == tuple(words)
    assert [[text.rstrip("0123") for text in future] for future in story.futures] == [words] * 4
    starts = np.cumsum([0, *story.lengths])
    for future, similarity in zip(story.futures, story.similarity, strict=True):
        for number, (start, stop) in enumerate(pairwise(starts)):
            (taken,) = {text[-1] for text in future[start:stop]}
            if number != 2:
                assert similarity[number] == int(taken) / 4
    assert len({tuple(text[-1] for text in future) for future in story.futures}) > 1
    again = StoryFutures.from_json(story.to_json())
    np.testing.assert_array_equal(again.similarity, story.similarity)
    assert again.futures == story.futures
    assert again.mean_similarity == story.mean_similarity
    with pytest.raises(ValueError, match="do not pair with a story of"):
        replace(story, futures=(*story.futures[:3], story.futures[3][1:]))
