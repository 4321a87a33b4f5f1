"""The card of a checkpoint: a README.md that says how its weights were made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_CONTROLS = {
    "": "",
    "near": "This is a control: its targets lie 1 token ahead.\n\n",
    "low": "This is a control: its targets are the embeddings of words (layer 0).\n\n",
    "shuffled": "This is a control: its targets come from other documents, which nothing can forecast.\n\n",
}
_ROWS = (
    *(
        ("Steps", "Step"),
        ("α, share of the loss of high level", "Alpha"),
        ("Distance of the targets, tokens", "Distance"),
    ),
    *(
        ("Layer of the targets", "Layer"),
        ("Layers of the model", "Blocks"),
        ("Weight α′ at this step", "Weight"),
        ("Perplexity, held-out text", "Perplexity"),
    ),
    *(("Loss of words, held-out text", "LossOfWords"), ("Loss of high level, held-out text", "LossOfHighLevel")),
    ("Loss of high level by chance", "LossByChance"),
)


def write_card(record: Mapping[str, Any]) -> str:
    """Markdown with the metadata that Hugging Face reads; `record` as in `checkpoints.describe`."""
    settings = record["Settings"]
    rows = [f"| {title} | {_number(record[key])} |" for title, key in _ROWS]
    rows += [f"| {key} | {value} |" for key, value in settings.items()]
    table = "\n".join(["| | |", "|---|---|", *rows])
    base = record["BaseModel"]
    head = "" if record["BaseIsFolder"] else f"base_model: {base}\n"
    return (
        f"---\n{head}library_name: transformers\npipeline_tag: text-generation\n---\n\n"
        f"# {base}, fine-tuned to forecast its own states (α = {record['Alpha']:g}, step {record['Step']})\n\n"
        f"{_CONTROLS[record['Control']]}"
        f"{base} was trained on plain text with two losses: the cross-entropy of the next token, and a contrastive "
        f"loss with which a linear head on the last layer tells the state of layer {record['Layer']} of the unchanged "
        f"model, {record['Distance']} tokens ahead, apart from {settings['negatives']} other states (Caucheteux, "
        "Gramfort & King 2023, Nature Human Behaviour 7, 430-441). The weight of the second loss was set anew every "
        f"{settings['reset_every']} steps so that it holds the share α of the sum (rule: {settings['share']}; "
        f"denominator of the loss: {settings['loss']}). The embeddings and the blocks up to layer "
        f"{settings['layer']} are those of {base}; {record['Trained']} were trained, without dropout.\n\n"
        f"{table}\n\nMade with neurons2networks {record['Version']} (`n2n finetune`).\n"
    )


def _number(value: Any) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
