"""The language models of a run, loaded only when activations are missing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bids_app.bids.derivatives import write_json
from bids_app.checksums import artefact_damage, is_whole, sealed
from bids_app.choices import parse_context
from bids_app.inputs.timing import Story
from bids_app.language.labels import model_labels
from bids_app.language.weights import find_model, hash_file
from bids_app.machine.once import computed_once, file_name, key_of
from bids_app.machine.resources import folders_of, model_source
from bids_app.shared_options.inputs import ModelOptions
from bids_app.text_files import read_json_content

if TYPE_CHECKING:  # torch and transformers take seconds to import; a plan does without them
    from bids_app.language.activations import Activations
    from bids_app.language.models import LanguageModel

log = logging.getLogger("neurons2networks")
Floats = npt.NDArray[np.float32]
_MODEL_FILES = {".safetensors", ".json", ".txt", ".model", ".tiktoken"}


@dataclass(frozen=True)
class ModelRun:
    """One model of a run, trained or (as a control) with random weights."""

    name: str
    untrained: bool
    settings: ModelOptions

    @cached_property
    def label(self) -> str:
        """The model in file names, distinct among the models of the run."""
        return model_labels(self.settings.model)[self.name] + ("Untrained" if self.untrained else "")

    @cached_property
    def loaded(self) -> LanguageModel:
        """The model itself; one with its head is freed first, so that memory holds one of them."""
        self.unload()
        return self._load()

    def with_head(self) -> LanguageModel:
        """The model with the head that predicts words; ValueError without one."""
        found = self._with_head
        if isinstance(found, str):
            raise ValueError(found)
        return found

    @cached_property
    def _with_head(self) -> LanguageModel | str:
        """The model with its head, or why it has none.

        `loaded` is freed first, and becomes the body of the model with head, so that memory holds the weights once.
        """
        from torch.nn import Identity

        from bids_app.language.heads import with_head
        from bids_app.language.lesions import body_of

        if self.untrained:
            return "A model with random weights predicts no words."
        bare = self.loaded
        log.info("loading %s with its head", self.name)
        family, is_spread = type(bare.model), hasattr(bare.model, "hf_device_map")
        bare = replace(bare, model=Identity())
        self.unload()
        try:
            made = with_head(bare, self._folder, use_cache=False)
        except ValueError as error:
            return str(error)
        body = body_of(made.model)
        # A part of a multimodal model, or one on several GPUs, is not what `loaded` would be.
        if made.is_causal and type(body) is family and not is_spread:
            self.__dict__["loaded"] = replace(made, model=body)
        return made

    @property
    def shares_body(self) -> bool:
        """Whether `loaded` is the body of `with_head()`, so that one pass serves both."""
        return {"loaded", "_with_head"} <= self.__dict__.keys() and not isinstance(self._with_head, str)

    def _load(self) -> LanguageModel:
        from transformers.utils.logging import disable_progress_bar

        from bids_app.language.models import load_model

        settings = self.settings
        disable_progress_bar()  # it would draw over the log
        revision, folders = model_source(self.name, settings.model_revision, folders_of(settings.resources))
        log.info("loading %s%s", self.name, " with random weights" if self.untrained else "")
        return load_model(
            self.name,
            revision=revision,
            dtype=settings.dtype,
            device=settings.device,
            untrained_seed=settings.random_seed if self.untrained else None,
            resources=folders,
            download=settings.resources is None,
        )

    @property
    def _folder(self) -> Path:
        """The folder of a model that was loaded."""
        revision, folders = model_source(self.name, self.settings.model_revision, folders_of(self.settings.resources))
        return find_model(self.name, revision, resources=folders, download=self.settings.resources is None).folder

    def unload(self) -> None:
        """Free the memory of the model."""
        self.__dict__.pop("loaded", None)
        if not isinstance(self.__dict__.get("_with_head"), str):  # why there is no head stays known
            self.__dict__.pop("_with_head", None)

    def identity(self) -> dict[str, object]:
        """Identity of the model without loading it, mainly the content of its files."""
        seed = self.settings.random_seed if self.untrained else None
        stored = self.settings.activations_dtype
        return {
            "files": self.files,
            "untrained": seed,
            "dtype": self.settings.dtype,
            "context": self.settings.context,
            **({} if stored == "float32" else {"stored": stored}),
        }

    @cached_property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file of configuration, tokenizer and weights, by its name.

        For a model of the Hub that is no longer on this machine, the hashes of its last use; for one that never was,
        only name and revision.
        """
        return model_contents(
            self.name, self.settings.model_revision, folders_of(self.settings.resources), self.cache_dir / "models"
        )

    def activations(self, story: Story, kind: str, subtoken: str) -> Activations:
        """Activations of all layers for each word of a story, from the cache if available."""
        from bids_app.language.activations import Activations

        pointer = self._pointer(story, kind, subtoken)
        computed_once(pointer, lambda draft: self._extract(story, kind, subtoken, draft), self._damage)
        return Activations.open(self.cache_dir / pointer.read_text(encoding="utf-8"))

    def mean_activations(self, stem: str, texts: Sequence[Sequence[str]], kind: str, subtoken: str) -> Activations:
        """Mean over several texts of as many words, from the cache if available (`read_mean_activations`)."""
        from bids_app.language.activations import Activations
        from bids_app.language.mean_activations import read_mean_activations

        request = {**self.identity(), "kind": kind, "subtoken": subtoken, "mean of": [list(text) for text in texts]}

        def read(draft: Path) -> None:
            log.info("%s: responses of %s to %d futures of the story %s", self.label, kind, len(texts), stem)
            context = parse_context(self.settings.context)
            read_mean_activations(self.loaded, texts, kind, context, draft, subtoken=subtoken)

        return Activations.open(computed_once(self.cache_dir / file_name([stem, "futures"], key_of(request)), read))

    def continuations(
        self, stem: str, text: Sequence[str], futures: Sequence[Sequence[str]], layer: int, n_ahead: int
    ) -> Floats:
        """`read_continuations` of a layer counted from 1, (n_ahead, n_words, n_units), from the cache if available."""
        texts = [list(future) for future in futures]
        request = {**self.identity(), "text": list(text), "futures": texts, "layer": layer, "ahead": n_ahead}

        def read(draft: Path) -> None:
            from bids_app.language.continuations import read_continuations

            log.info("%s: continuations of the story %s, %d words ahead", self.label, stem, n_ahead)
            context = parse_context(self.settings.context)
            made = read_continuations(self.loaded, text, futures, context, layer - 1, n_ahead)
            with draft.open("wb") as file:
                np.save(file, made)

        path = self.cache_dir / f"{file_name([stem, 'continuations'], key_of(request))}.npy"
        return np.asarray(np.load(computed_once(path, read), mmap_mode="r"))

    def has_read(self, story: Story, kind: str, subtoken: str) -> bool:
        """Whether these activations are in the cache, so that the model is not needed for them."""
        pointer = self._pointer(story, kind, subtoken)
        return pointer.exists() and self._damage(pointer, fast=True) is None

    def _damage(self, pointer: Path, *, fast: bool = False) -> str | None:
        """Damage of activations, or of the file that points to them."""
        return artefact_damage(pointer, fast=fast) or artefact_damage(
            self.cache_dir / pointer.read_text(encoding="utf-8"), fast=fast
        )

    @property
    def cache_dir(self) -> Path:
        """The folder of activations, which runs share."""
        return self.settings.work / "activations"

    def _pointer(self, story: Story, kind: str, subtoken: str) -> Path:
        """The file that points to the activations."""
        request = {**self.identity(), "kind": kind, "subtoken": subtoken, "text": story.words.text}
        return self.cache_dir / "requests" / key_of(request)

    def _extract(self, story: Story, kind: str, subtoken: str, pointer: Path) -> None:
        from bids_app.language.activations import read_activations

        log.info("%s: responses of %s to the story %s", self.label, kind, story.stem)
        context = parse_context(self.settings.context)
        stored = self.settings.activations_dtype
        made = read_activations(
            self.loaded, story.words.text, kind, context, self.cache_dir, subtoken=subtoken, stored=stored
        )
        pointer.write_text(made.folder.name, encoding="utf-8")


def model_contents(name: str, revision: str | None, folders: Sequence[Path], memory: Path) -> dict[str, str]:
    """SHA-256 of each file of a model; `memory` stores them for later processes, also without the model."""
    kept = memory / f"{key_of([name, revision])}.json"
    folder = _model_folder(name, revision, folders)
    before = _read_kept(kept)
    if folder is None:
        return {file: digest for file, (digest, *_) in before.items()} or {"name": name, "revision": str(revision)}
    contents: dict[str, list[Any]] = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix in _MODEL_FILES and path.is_file()):
        state = [str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns, path.stat().st_ctime_ns]
        known = before.get(path.name)
        contents[path.name] = known if known and known[1:] == state else [hash_file(path), *state]
    if contents != before:
        write_json(kept, sealed(contents))
    return {file: str(digest) for file, (digest, *_) in contents.items()}


def _model_folder(name: str, revision: str | None, own_folders: Sequence[Path]) -> Path | None:
    if (folder := Path(name).expanduser()).is_dir():
        return folder
    commit, folders = model_source(name, revision, own_folders)
    try:
        return find_model(name, commit, resources=folders, download=False).folder
    except (OSError, ValueError):
        return None


def _read_kept(path: Path) -> dict[str, list[Any]]:
    try:
        content = read_json_content(path)
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or not is_whole(content):
        return {}
    return {name: known for name, known in content.items() if isinstance(known, list)}


def model_runs(settings: ModelOptions) -> list[ModelRun]:
    """Every model of a run, with its untrained control if requested."""
    runs = [ModelRun(name, False, settings) for name in settings.model]
    if "untrained" in settings.controls:
        runs += [ModelRun(name, True, settings) for name in settings.model]
    labels = [run.label.lower() for run in runs]
    twice = sorted({run.name for run in runs if labels.count(run.label.lower()) > 1})
    if twice:
        raise ValueError(f"--model: {', '.join(twice)} would have one label in file names; give each model once")
    return runs
