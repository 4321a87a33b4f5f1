import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from bids_app.language.models import LanguageModel
from bids_app.language.weights import (
    INDEX_FILE,
    WEIGHTS_FILE,
    check_complete,
    count_weights,
    find_model,
    hash_texts,
    hash_tokenizer,
    hash_weights,
    weight_files,
)


def test_the_hash_of_one_file_is_its_sha256(model_folders: dict[str, Path]) -> None:
    content = (model_folders["gpt2"] / WEIGHTS_FILE).read_bytes()
    assert hash_weights(model_folders["gpt2"]) == hashlib.sha256(content).hexdigest()


def test_a_changed_weight_changes_the_hash(model_folders: dict[str, Path], tmp_path: Path) -> None:
    weights = load_file(model_folders["gpt2"] / WEIGHTS_FILE)
    next(iter(weights.values())).view(-1)[0] += 1
    save_file(weights, tmp_path / WEIGHTS_FILE)
    assert hash_weights(tmp_path) != hash_weights(model_folders["gpt2"])


def test_every_shard_counts(model_folders: dict[str, Path], tmp_path: Path) -> None:
    AutoModel.from_pretrained(model_folders["llama3"]).save_pretrained(tmp_path, max_shard_size="20KB")
    shards = weight_files(tmp_path)
    assert len(shards) > 1
    before = hash_weights(tmp_path)
    weights = load_file(shards[-1])
    save_file({name: value + 1 for name, value in weights.items()}, shards[-1])
    assert hash_weights(tmp_path) != before


def test_files_that_the_index_does_not_name_are_left_out(tmp_path: Path) -> None:
    for name in ("a.safetensors", "b.safetensors", "consolidated.safetensors"):
        save_file({"x": torch.zeros(1)}, tmp_path / name)
    (tmp_path / INDEX_FILE).write_text(json.dumps({"weight_map": {"y": "b.safetensors", "x": "a.safetensors"}}))
    assert [path.name for path in weight_files(tmp_path)] == ["a.safetensors", "b.safetensors"]


def test_the_hubs_cache_is_trusted_for_its_own_hashes(model_folders: dict[str, Path], tmp_path: Path) -> None:
    content = (model_folders["gpt2"] / WEIGHTS_FILE).read_bytes()
    blob = tmp_path / "blobs" / hashlib.sha256(content).hexdigest()
    blob.parent.mkdir()
    blob.touch()  # empty: only its name can be right
    (tmp_path / WEIGHTS_FILE).symlink_to(blob)
    assert hash_weights(tmp_path) == hash_weights(model_folders["gpt2"])


def test_texts_are_hashed_with_their_borders() -> None:
    assert len({hash_texts(texts) for texts in (["ab", "c"], ["a", "bc"], ["abc"], ["c", "ab"])}) == 4


def test_tokenizers_are_distinguished(language_models: dict[str, LanguageModel]) -> None:
    assert len({hash_tokenizer(model.tokenizer) for model in language_models.values()}) == len(language_models)


def test_pickled_weights_are_refused(model_folders: dict[str, Path], tmp_path: Path) -> None:
    shutil.copy(model_folders["gpt2"] / "config.json", tmp_path)
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ValueError, match=r"safetensors.*only pytorch_model\.bin.*convert it"):
        weight_files(tmp_path)


@pytest.mark.parametrize("name", ["/nowhere/model", "./model", "~/no such model", "a/b/c", ".."])
def test_a_missing_folder_is_named(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no model folder|no config\.json") as caught:
        find_model(name)
    assert "\n" not in str(caught.value)


def test_a_hub_model_that_is_not_cached_is_refused_offline_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(FileNotFoundError, match=r"nobody/no-such-model at revision v1 is neither a folder") as caught:
        find_model("nobody/no-such-model", "v1")
    assert "\n" not in str(caught.value)


def test_weights_are_counted_from_their_headers(
    model_folders: dict[str, Path], language_models: dict[str, LanguageModel], tmp_path: Path
) -> None:
    parameters = sum(parameter.numel() for parameter in language_models["bert"].model.parameters())
    assert count_weights(model_folders["bert"]) == parameters
    shutil.copy(model_folders["bert"] / "config.json", tmp_path)
    AutoModel.from_pretrained(model_folders["bert"]).save_pretrained(tmp_path, max_shard_size="20KB")
    assert len(weight_files(tmp_path)) > 1
    assert count_weights(tmp_path) == parameters


def test_missing_and_cut_off_weights_are_noticed(model_folders: dict[str, Path], tmp_path: Path) -> None:
    AutoModel.from_pretrained(model_folders["bert"]).save_pretrained(tmp_path, max_shard_size="20KB")
    files = find_model(str(tmp_path))
    assert check_complete(files) == weight_files(tmp_path)
    last = weight_files(tmp_path)[-1]
    last.write_bytes(last.read_bytes()[:-1])
    with pytest.raises(ValueError, match=f"{last.name} is not a complete safetensors file"):
        check_complete(files)
    last.unlink()
    with pytest.raises(FileNotFoundError, match=f"incomplete: {last.name} is missing"):
        check_complete(files)


def test_resources_are_looked_at_before_the_cache_and_the_hub_is_never_asked(
    model_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    commits = {"cache": "c" * 40, "resources": "d" * 40}
    for folder, commit in commits.items():
        repository = tmp_path / folder / "models--someone--tiny"
        shutil.copytree(model_folders["gpt2"], repository / "snapshots" / commit)
        (repository / "refs").mkdir()
        (repository / "refs" / "main").write_text(commit)
    assert (
        find_model("someone/tiny", resources=[tmp_path / "resources"], download=False).revision == commits["resources"]
    )
    assert find_model("someone/tiny", resources=[tmp_path / "empty"], download=False).revision == commits["cache"]
    assert find_model("someone/tiny", download=False).revision == commits["cache"]
    with pytest.raises(FileNotFoundError, match=r"other is neither a folder here, nor in .*resources, nor in the") as e:
        find_model("someone/other", resources=[tmp_path / "resources"], download=False)
    assert e.value.__cause__ is None


def test_a_hub_model_is_found_in_the_cache_with_its_commit(
    model_folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    repository = tmp_path / "models--someone--tiny"
    shutil.copytree(model_folders["gpt2"], repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    files = find_model("someone/tiny")
    assert files.revision == commit
    assert hash_weights(files.folder) == hash_weights(model_folders["gpt2"])
