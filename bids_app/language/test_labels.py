import pytest

from bids_app.language.labels import model_label


def test_labels_are_alphanumeric(tmp_path):
    assert model_label("gpt2") == "gpt2"
    assert model_label("./bert-base_uncased/") == "bertbaseuncased"
    assert model_label(tmp_path / "My Llama.3" / "model") == "MyLlama3"
    with pytest.raises(ValueError, match="no letter or digit"):
        model_label("---")
