"""The arguments of `n2n finetune`. Imports nothing heavy: `n2n --help` reads them."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import Any

from bids_app.finetune.recipe import CONTROLS, PRECISIONS, RULES, Recipe

_NUMBERS = {
    "distance": "Tokens from a state to its target.",
    "context": "Most tokens in a window.",
    "batch": "Windows in a step, over all processes.",
    "temperature": "Divides cosines in the loss of high level.",
    "negatives": "States that a target is told apart from.",
    "queue": "Latest states, which negatives are drawn from.",
    "learning_rate": "Of the first step; it falls linearly to 0.",
    "clip": "Largest norm of the gradient.",
    "reset_every": "Steps between two settings of the weight of the losses.",
    "checkpoints": "Number of checkpoints, on a logarithmic grid of steps.",
    "held_out": "Share of the text that is not trained on, for the perplexity.",
    "seed": "Seed of all random numbers.",
}
_CHOICES = {
    "loss": (RULES, "Denominator of the loss of high level: with the target, or without it, as printed in the paper."),
    "share": (RULES, "Weight of the loss of high level: so that its share is α or, as printed, α / (1 + α)."),
    "precision": (PRECISIONS, "Number format of products; weights and losses are float32."),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add all arguments to a parser."""
    parser.add_argument("--text", type=Path, required=True, metavar="FOLDER", help="Plain text, a file per document.")
    parser.add_argument("--model", required=True, metavar="NAME-or-PATH", help="A causal model of Hugging Face.")
    parser.add_argument("--model-revision", metavar="REV", help="Its revision. Default: the newest.")
    alpha = "Shares of the loss of high level, a model each; 0 trains on words alone. Default: 0 0.5 1."
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.0, 0.5, 1.0], metavar="A", help=alpha)
    parser.add_argument("--steps", type=int, required=True, metavar="N", help="Updates of the weights.")
    target = "Where the checkpoints go: DIR/alpha-0.5/step-1000."
    parser.add_argument("--to", type=Path, required=True, metavar="DIR", help=target)
    controls = "Further models at each α above 0: targets 1 token ahead (near), embeddings (low), of other documents."
    parser.add_argument("--controls", nargs="+", choices=CONTROLS, default=[], help=controls)
    layer = "Layer of the targets, counted from 1; blocks up to it are frozen. Default: at two thirds of the depth."
    parser.add_argument("--target-layer", type=int, metavar="K", help=layer)
    defaults = {entry.name: entry.default for entry in fields(Recipe)}
    for name, text in _NUMBERS.items():
        default: Any = defaults[name]
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(
            option, type=type(default), default=default, metavar="N", help=f"{text} Default: {default:g}."
        )
    for name, (choices, text) in _CHOICES.items():
        default = defaults[name]
        parser.add_argument(f"--{name}", choices=choices, default=default, help=f"{text} Default: {default}.")
    at_once = "Windows in a forward pass, fewer for less memory; the gradient is that of the batch. Default: all."
    parser.add_argument("--at-once", type=int, metavar="N", help=at_once)
    save = "Steps between two states from which an interrupted training continues. Default: 500."
    parser.add_argument("--save-every", type=int, default=500, metavar="N", help=save)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto", help="Default: auto.")
    resources = "Folder that `n2n fetch` has filled; the network is then not used."
    parser.add_argument("--resources", type=Path, metavar="DIR", help=resources)


def numbers_of(arguments: argparse.Namespace) -> dict[str, Any]:
    """The numbers of a `Recipe` but for the layer, which depends on the model."""
    return {name: getattr(arguments, name) for name in ("steps", *_NUMBERS, *_CHOICES)}
