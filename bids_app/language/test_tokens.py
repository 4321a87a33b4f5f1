import numpy as np
import pytest

from bids_app.language.tokens import tokenize_words

TRICKY = ["Well,", "he'll", "pay", "$3.50", "(naïve)", "漢字", "x", "--", "ﬁn", "1,234", "New York", "O’Brien"]


def test_tokens_are_those_of_the_whole_text(language_model, story):
    tokenizer = language_model.tokenizer
    tokens = tokenize_words(tokenizer, story)
    whole = tokenizer(" ".join(story))["input_ids"]
    assert [*tokens.prefix, *tokens.ids, *tokens.suffix] == whole


def test_every_word_decodes_to_itself(language_model, story, model_folders):
    words = story if language_model.name == str(model_folders["bert"]) else [*story, *TRICKY]
    tokens = tokenize_words(language_model.tokenizer, words)
    assert tokens.tokens_per_word.min() > 0
    for index, word in enumerate(words):
        read = language_model.tokenizer.decode(tokens.ids[tokens.word == index], clean_up_tokenization_spaces=False)
        expected = word.lower().replace("é", "e") if language_model.name == str(model_folders["bert"]) else word
        assert read.replace(" ", "") == expected.replace(" ", "")


def test_unigram_tokens_are_those_of_sentencepiece(language_models, sentencepiece_model, story):
    words = [*story, *TRICKY]
    tokens = tokenize_words(language_models["llama2"].tokenizer, words)
    assert tokens.ids.tolist() == sentencepiece_model.encode(" ".join(words))


@pytest.mark.parametrize("name", ["gpt2", "llama3"])
def test_a_space_stands_before_every_word_but_the_first(language_models, name):
    tokenizer = language_models[name].tokenizer
    tokens = tokenize_words(tokenizer, ["the", "the"])
    assert tokens.ids.tolist() == [*tokenizer.encode("the", add_special_tokens=False), *_bare(tokenizer, " the")]


def _bare(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_special_tokens_are_the_tokenizers_own(language_models):
    kept = {name: tokenize_words(model.tokenizer, ["a"]) for name, model in language_models.items()}
    named = {
        name: [language_models[name].tokenizer.convert_ids_to_tokens(list(part)) for part in (each.prefix, each.suffix)]
        for name, each in kept.items()
    }
    assert named == {
        "bert": [["[CLS]"], ["[SEP]"]],
        "gpt2": [[], []],
        "llama1": [["<s>"], []],
        "llama2": [["<s>"], []],
        "llama3": [["<|begin_of_text|>"], []],
    }


@pytest.mark.parametrize(("name", "text"), [("bert", "[SEP]"), ("gpt2", "<|endoftext|>"), ("llama1", "</s>")])
def test_words_are_read_literally(language_models, name, text):
    tokenizer = language_models[name].tokenizer
    tokens = tokenize_words(tokenizer, ["the", text, "way"])
    assert not set(tokens.ids) & {tokenizer.sep_token_id, tokenizer.eos_token_id}
    assert tokens.tokens_per_word[1] > 1


def test_words_without_tokens_keep_their_place(language_models, caplog):
    tokens = tokenize_words(language_models["bert"].tokenizer, ["", "the", "\u200b", " ", "way"])
    assert (tokens.tokens_per_word > 0).tolist() == [False, True, False, False, True]
    assert set(tokens.word) == {1, 4}
    assert "3 of 5 words" in caplog.text


def test_last_tokens_are_marked(language_models):
    tokens = tokenize_words(language_models["gpt2"].tokenizer, ["grandmother", "xyz", "a"])
    assert np.flatnonzero(tokens.is_last).tolist() == (np.cumsum(tokens.tokens_per_word) - 1).tolist()


def test_a_text_without_words_has_no_tokens(language_models):
    tokens = tokenize_words(language_models["gpt2"].tokenizer, ["", ""])
    assert len(tokens) == 0
    assert tokens.is_last.shape == (0,)
    assert tokens.n_words == 2


class _Contextual:
    """A tokenizer of characters that reads the letter x as y after a space: no rule can make it word by word."""

    def __call__(self, texts, **_):
        texts = [texts] if isinstance(texts, str) else texts
        return {"input_ids": [[ord(letter) for letter in text.replace("b x", "b y")] for text in texts]}

    def decode(self, ids, **_):
        return "".join(map(chr, ids))


def test_a_tokenizer_that_does_not_round_trip_is_refused():
    with pytest.raises(ValueError, match=r"does not round-trip: word 3 of the text, 'x'"):
        tokenize_words(_Contextual(), ["a", "b", "x", "c"])
