from pathlib import Path

import numpy as np
import pytest
from sentencepiece import SentencePieceProcessor
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from bids_app.language.models import LanguageModel
from bids_app.language.tokens import tokenize_words

TRICKY = ["Well,", "he'll", "pay", "$3.50", "(naïve)", "漢字", "x", "--", "ﬁn", "1,234", "New York", "O’Brien"]


def test_tokens_are_those_of_the_whole_text(language_model: LanguageModel, story: list[str]) -> None:
    tokenizer = language_model.tokenizer
    tokens = tokenize_words(tokenizer, story)
    whole = tokenizer(" ".join(story))["input_ids"]
    assert [*tokens.prefix, *tokens.ids, *tokens.suffix] == whole


def test_every_word_decodes_to_itself(
    language_model: LanguageModel, story: list[str], model_folders: dict[str, Path]
) -> None:
    words = story if language_model.name == str(model_folders["bert"]) else [*story, *TRICKY]
    tokens = tokenize_words(language_model.tokenizer, words)
    assert tokens.tokens_per_word.min() > 0
    for index, word in enumerate(words):
        read = language_model.tokenizer.decode(tokens.ids[tokens.word == index], clean_up_tokenization_spaces=False)
        expected = word.lower().replace("é", "e") if language_model.name == str(model_folders["bert"]) else word
        assert read.replace(" ", "") == expected.replace(" ", "")


def test_unigram_tokens_are_those_of_sentencepiece(
    language_models: dict[str, LanguageModel], sentencepiece_model: SentencePieceProcessor, story: list[str]
) -> None:
    words = [*story, *TRICKY]
    tokens = tokenize_words(language_models["llama2"].tokenizer, words)
    assert tokens.ids.tolist() == sentencepiece_model.encode(" ".join(words))


@pytest.mark.parametrize("name", ["gpt2", "llama3"])
def test_a_space_stands_before_every_word_but_the_first(language_models: dict[str, LanguageModel], name: str) -> None:
    tokenizer = language_models[name].tokenizer
    tokens = tokenize_words(tokenizer, ["the", "the"])
    assert tokens.ids.tolist() == [*tokenizer.encode("the", add_special_tokens=False), *_bare(tokenizer, " the")]


def _bare(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def test_special_tokens_are_the_tokenizers_own(language_models: dict[str, LanguageModel]) -> None:
    kept = {name: tokenize_words(model.tokenizer, ["a"]) for name, model in language_models.items()}
    named = {
        name: [language_models[name].tokenizer.convert_ids_to_tokens(list(ids)) for ids in (each.prefix, each.suffix)]
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
def test_words_are_read_literally(language_models: dict[str, LanguageModel], name: str, text: str) -> None:
    tokenizer = language_models[name].tokenizer
    tokens = tokenize_words(tokenizer, ["the", text, "way"])
    assert not set(tokens.ids) & {tokenizer.sep_token_id, tokenizer.eos_token_id}
    assert tokens.tokens_per_word[1] > 1


def test_words_without_tokens_keep_their_position(
    language_models: dict[str, LanguageModel], caplog: pytest.LogCaptureFixture
) -> None:
    tokens = tokenize_words(language_models["bert"].tokenizer, ["", "the", "\u200b", " ", "way"])
    assert (tokens.tokens_per_word > 0).tolist() == [False, True, False, False, True]
    assert set(tokens.word) == {1, 4}
    assert "3 of 5 words" in caplog.text


def test_last_tokens_are_marked(language_models: dict[str, LanguageModel]) -> None:
    tokens = tokenize_words(language_models["gpt2"].tokenizer, ["grandmother", "xyz", "a"])
    assert np.flatnonzero(tokens.is_last).tolist() == (np.cumsum(tokens.tokens_per_word) - 1).tolist()


def test_a_text_without_words_has_no_tokens(language_models: dict[str, LanguageModel]) -> None:
    tokens = tokenize_words(language_models["gpt2"].tokenizer, ["", ""])
    assert len(tokens) == 0
    assert tokens.is_last.shape == (0,)
    assert tokens.n_words == 2


CORPUS = {
    "zh": ("小 狐狸 看见 了 一 朵 花 。", "小狐狸看见了一朵花。"),
    "fr": ("j' ai vu l' étoile qu' il aimait , aujourd' hui .", "j'ai vu l'étoile qu'il aimait, aujourd'hui."),
    "en": ("do n't cry , \" it 's fine \" .", "don't cry, \"it's fine\"."),
    "ja": ("きつね は 花 を 見 た 。", "きつねは花を見た。"),
    "th": ("สุนัข จิ้งจอก เห็น ดอกไม้", "สุนัขจิ้งจอกเห็นดอกไม้"),
}


def _trained(kind: str) -> PreTrainedTokenizerBase:
    """A tokenizer of each kind that merges across words where there is no space."""
    specials = ["<unk>", "<s>"]
    trainer: trainers.Trainer
    texts = [natural for _, natural in CORPUS.values()] * 30
    if kind == "byte-level":
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, special_tokens=specials)
    elif kind == "few merges":
        backend = Tokenizer(models.BPE())
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        backend.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=290, initial_alphabet=alphabet, special_tokens=specials)
    elif kind == "byte fallback":
        backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
        backend.decoder = decoders.Sequence(steps)
        specials += [f"<0x{byte:02X}>" for byte in range(256)]
        trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=specials, min_frequency=40)
    elif kind == "wordpiece":
        backend = Tokenizer(models.WordPiece(unk_token="<unk>"))
        backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        backend.decoder = decoders.WordPiece()
        trainer = trainers.WordPieceTrainer(vocab_size=120, special_tokens=specials)
    else:
        backend = Tokenizer(models.Unigram())
        backend.pre_tokenizer = pre_tokenizers.Metaspace()
        backend.decoder = decoders.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=150, special_tokens=specials, unk_token="<unk>")
    trainer.show_progress = False
    backend.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", bos_token="<s>")


@pytest.fixture(scope="module", params=["byte-level", "few merges", "byte fallback", "wordpiece", "unigram"])
def trained(request: pytest.FixtureRequest) -> PreTrainedTokenizerBase:
    return _trained(request.param)


@pytest.mark.parametrize("language", CORPUS)
def test_tokens_are_those_of_the_natural_text(trained: PreTrainedTokenizerBase, language: str) -> None:
    spaced, natural = CORPUS[language]
    words = spaced.split(" ")
    tokens = tokenize_words(trained, words)
    assert tokens.ids.tolist() == trained(natural, add_special_tokens=False)["input_ids"]
    assert (np.diff(tokens.word) >= 0).all()
    covered = set(tokens.word) | {word for word, _ in tokens.shared}
    assert covered == set(range(len(words)))
    letters = ["".join(trained.decode(tokens.ids[tokens.word == word]).split()) for word in range(len(words))]
    if not tokens.shared:
        assert all(
            set(word) & set(token_letters)
            for word, token_letters in zip(words, letters, strict=True)
            if "\ufffd" not in token_letters
        )


def test_a_token_that_spans_words_belongs_to_the_last_and_the_others_share_it() -> None:
    tokenizer = _trained("byte-level")
    words = CORPUS["zh"][0].split(" ")
    tokens = tokenize_words(tokenizer, words)
    assert len(tokens) < len(words)
    for word, holder in tokens.shared:
        assert word < holder
        first = words[word + 1 : holder + 1]
        held = tokenizer.decode(tokens.ids[tokens.word == holder])
        assert words[word] + "".join(first) in held or held.endswith(words[holder])
    assert len(tokens.without_token) == 0


@pytest.mark.parametrize("words", [["小狐狸看见了一朵花。"], ["l'", "étoile"], ["don", "'t", "cry", "."]])
def test_minilm_reads_the_natural_text(minilm: LanguageModel, words: list[str]) -> None:
    tokens = tokenize_words(minilm.tokenizer, ["the", "fox", "sees", "a", "tree", *words])
    natural = "the fox sees a tree " + {1: "".join(words), 2: "".join(words), 4: "don't cry."}[len(words)]
    assert [*tokens.prefix, *tokens.ids, *tokens.suffix] == minilm.tokenizer(natural)["input_ids"]


def test_unknown_words_are_named_and_too_many_refused(minilm: LanguageModel, caplog: pytest.LogCaptureFixture) -> None:
    tokenize_words(minilm.tokenizer, ["the", "fox", "🦊", "sees", "🦊"])
    assert "2 of 5 words cannot be represented by the model's tokenizer, such as '🦊'" in caplog.text
    with pytest.raises(ValueError, match=r"3 of 4 words cannot be represented .* choose a model of the language"):
        tokenize_words(minilm.tokenizer, ["🦊", "🌹", "the", "🐑"])


@pytest.mark.parametrize("text", ["<s>", "<unk>"])
def test_special_tokens_in_a_transcript_are_text_or_reported(
    trained: PreTrainedTokenizerBase, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    tokens = tokenize_words(trained, ["cry", "it", "fine", "cry", text])
    is_read = trained.bos_token_id in tokens.ids  # unigram vocabularies hold it as a piece like any other
    assert is_read == ("1 of 5 words are read as special tokens of the model, such as '<s>'" in caplog.text)


class _Contextual:
    """A tokenizer of characters that reads the letter x as y after a space: no rule can make it word by word."""

    def __call__(self, texts: list[str], **_: object) -> dict[str, list[list[int]]]:
        texts = [texts] if isinstance(texts, str) else texts
        return {"input_ids": [[ord(letter) for letter in text.replace("b x", "b y")] for text in texts]}

    def decode(self, ids: list[int], **_: object) -> str:
        return "".join(map(chr, ids))


def test_a_tokenizer_that_does_not_round_trip_is_refused() -> None:
    with pytest.raises(ValueError, match=r"does not round-trip: word 3 of the text, 'x'"):
        tokenize_words(_Contextual(), ["a", "b", "x", "c"])
