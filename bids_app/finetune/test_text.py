from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import LlamaTokenizer

from bids_app.demo.models import _llama
from bids_app.finetune.conftest import SMALL, write_documents
from bids_app.finetune.recipe import Recipe
from bids_app.finetune.text import Windows, cut_windows, read_corpus, text_files
from bids_app.language.causal import CausalModel
from bids_app.text_files import FileError

RECIPE = Recipe(steps=10, layer=2, **SMALL)


def test_windows_are_the_documents_in_pieces(windows: Windows, source: CausalModel, documents: list[str]) -> None:
    for number, document in enumerate(documents):
        ids = source.tokenizer(document)["input_ids"]
        of_document = np.flatnonzero(windows.document == number)
        pieces = windows.ids(of_document, RECIPE.context)
        read = [token for piece, n in zip(pieces, windows.lengths(of_document), strict=True) for token in piece[:n]]
        assert read == ids[: len(read)]
        assert 0 <= len(ids) - len(read) < RECIPE.distance + 2  # a rest without a target


def test_some_windows_are_held_out_and_every_other_is_read_once_an_epoch(windows: Windows) -> None:
    assert len(windows.held_out) == round(0.05 * len(windows.start))
    assert not set(windows.train) & set(windows.held_out)
    whole_epochs = len(windows.train)
    read = np.concatenate([windows.of_step(step, RECIPE) for step in range(1, whole_epochs + 1)])
    counts = np.bincount(read, minlength=len(windows.start))
    assert (counts[windows.train] == RECIPE.batch).all()
    assert (counts[windows.held_out] == 0).all()
    first, second = np.split(read[: 2 * whole_epochs], 2)
    assert (first != second).any()


def test_the_queue_is_filled_with_windows_that_come_last(windows: Windows) -> None:
    filling = np.concatenate(list(windows.before_the_first_step(RECIPE)))
    assert not set(filling) & set(windows.of_step(1, RECIPE))
    assert len(set(filling)) == len(windows.train) - RECIPE.batch


def test_special_tokens_begin_every_window(documents: list[str], text_folder: Path, tmp_path: Path) -> None:
    _, tokenizer = _llama(documents)
    assert isinstance(tokenizer, LlamaTokenizer)
    windows = cut_windows(read_corpus(text_folder, tokenizer, tmp_path), RECIPE)
    ids = windows.ids(windows.train, RECIPE.context)
    assert (ids[:, 0] == tokenizer.bos_token_id).all()
    assert windows.lengths(windows.train).max() == RECIPE.context


def test_text_that_looks_like_a_special_token_is_read_literally(source: CausalModel, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "text", ["bal <|endoftext|> bem"])
    assert source.tokenizer.eos_token_id not in read_corpus(folder, source.tokenizer, tmp_path).tokens


def test_other_text_is_not_taken_from_the_cache(source: CausalModel, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "text", ["bal bem"])
    before = read_corpus(folder, source.tokenizer, tmp_path)
    (folder / "000.txt").write_text("dul dor dur")
    after = read_corpus(folder, source.tokenizer, tmp_path)
    assert before.identity != after.identity
    assert after.tokens.tolist() == source.tokenizer("dul dor dur")["input_ids"]


def _missing(folder: Path) -> None:
    folder.rmdir()


def _without_text(folder: Path) -> None:
    (folder / "a.pdf").write_text("x")
    (folder / ".hidden.txt").write_text("x")


@pytest.mark.parametrize(
    ("spoil", "message"), [(_missing, "there is no such folder"), (_without_text, "holds no text")]
)
def test_a_folder_without_text_is_refused(spoil: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    folder = tmp_path / "text"
    folder.mkdir()
    spoil(folder)
    with pytest.raises(FileNotFoundError, match=message):
        text_files(folder)


def test_a_file_that_is_no_text_is_named(source: CausalModel, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "text", ["bal"])
    (folder / "picture.txt").write_bytes(b"\x89PNG\r\n\x00\x00\x00")
    with pytest.raises(FileError, match=r"picture\.txt"):
        read_corpus(folder, source.tokenizer, tmp_path)


@pytest.mark.parametrize("documents_of_text", [[""], ["bal bem"], ["bal bem dul " * 60]])
def test_a_short_text_is_refused(documents_of_text: list[str], source: CausalModel, tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "text", documents_of_text)
    text: Any = read_corpus(folder, source.tokenizer, tmp_path)
    with pytest.raises(ValueError, match=r"tokens in 1 documents are too few .* give at least"):
        cut_windows(text, RECIPE)
