import json
from collections.abc import Callable
from pathlib import Path

import pytest

from bids_app.language.labels import model_label, model_labels


def test_checkpoints_of_a_fine_tuning_have_their_training_in_their_labels() -> None:
    names = ["tuned/alpha-0/step-10", "tuned/alpha-0.5/step-10", "tuned/near-alpha-0.5/step-10"]
    labels = ["tunedalpha0step10", "tunedalpha05step10", "tunednearalpha05step10"]
    assert [model_label(name) for name in names] == labels
    assert list(model_labels(names).values()) == labels
    two = model_labels(["a/tuned/alpha-1/step-2", "b/tuned/alpha-1/step-2"])
    assert list(two.values()) == ["atunedalpha1step2", "btunedalpha1step2"]


def test_labels_are_alphanumeric(tmp_path: Path) -> None:
    assert model_label("gpt2") == "gpt2"
    assert model_label("./bert-base_uncased/") == "bertbaseuncased"
    assert model_label(tmp_path / "My Llama.3" / "model") == "MyLlama3"
    with pytest.raises(ValueError, match="no letter or digit"):
        model_label("---")


def test_a_path_that_tells_nothing_is_called_after_the_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    monkeypatch.setattr("bids_app.language.labels._telling_parts", _telling_below(folder))
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2"}))
    label = model_label(folder)
    assert label.startswith("gpt2x")
    assert len(label) == len("gpt2x") + 6
    (folder / "model.safetensors").write_bytes(b"weights")
    assert model_label(folder) != label
    (folder / "config.json").write_text(json.dumps({"model_type": "gpt2", "_name_or_path": "someone/my-gpt.2"}))
    assert model_label(folder) == "mygpt2"
    (folder / "config.json").write_text("{")
    assert model_label(folder) == "model"


def _telling_below(folder: Path) -> Callable[[Path | str], list[str]]:
    """The folder as if it were mounted at the root, as /model is in a container."""
    from bids_app.language.labels import _telling_parts

    return lambda name: [] if str(name) == str(folder) else _telling_parts(name)


@pytest.mark.parametrize("order", [1, -1])
def test_models_with_one_last_name_get_labels_of_their_own(order: int) -> None:
    names = ["a/gpt2", "b/gpt2", "bert", "c/GPT-2"][::order]
    labels = model_labels(names)
    assert labels == {"a/gpt2": "agpt2", "b/gpt2": "bgpt2", "bert": "bert", "c/GPT-2": "cGPT2"}
    assert model_labels(["a/gpt2"]) == {"a/gpt2": "gpt2"}


def test_labels_stay_distinct_where_the_part_before_does_not_help() -> None:
    labels = model_labels(["a/x/gpt2", "b/x/gpt2", "B/x/gpt-2"])
    assert len({label.lower() for label in labels.values()}) == 3
    assert all(label.isalnum() for label in labels.values())


def test_a_folder_named_in_another_script_gets_a_label(tmp_path: Path) -> None:
    folder = tmp_path / "模型"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert model_label(folder).startswith("bertx")
