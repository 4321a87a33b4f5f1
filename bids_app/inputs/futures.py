"""The futures of the stories of a data set: made once for a corpus, a parser and a seed, and shared on disk."""

from __future__ import annotations

import json
import logging
import multiprocessing
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bids_app.bids.errors import DatasetError
from bids_app.checksums import sha256_of
from bids_app.inputs.timing import Story
from bids_app.interruption import prepare_worker
from bids_app.language.futures import (
    Parser,
    Sampling,
    Sentence,
    SentenceFutures,
    StoryFutures,
    SwapLists,
    load_parser,
    parser_identity,
    random_of,
    sample_sentence,
    story_futures,
)
from bids_app.machine.budget import threads
from bids_app.machine.once import computed_once, file_name, key_of
from bids_app.text_files import read_text

if TYPE_CHECKING:
    from bids_app.analyses.futures.options import FuturesOptions

log = logging.getLogger("neurons2networks")
_FORMAT = "futures 1"  # increase it when the stories change
_LARGEST_CORPUS = 200_000_000  # bytes
_LEAST_PER_PROCESS = 10  # sentences; starting a process takes as long as a few sentences


@dataclass(frozen=True)
class Futures:
    """The futures of the stories of a run.

    Attributes
    ----------
    stories : every story of the selected tasks, by stem; together they are the corpus unless a file is given
    """

    stories: Mapping[str, Story]
    settings: FuturesOptions

    @cached_property
    def parser(self) -> Mapping[str, str]:
        """Name, content and version of the parser. Raises ParserError if it is missing."""
        return parser_identity(self.settings.parser)

    @cached_property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the futures of a story besides its words."""
        return {
            "Format": _FORMAT,
            "Parser": dict(self.parser),
            "Corpus": self.corpus,
            **self.numbers,
        }

    @cached_property
    def corpus(self) -> str:
        """A hash of the content of the corpus."""
        path = self.settings.swap_corpus
        if path is not None:
            return sha256_of(path)
        return key_of([_content(self.stories[stem]) for stem in sorted(self.stories)])

    @property
    def n_ahead(self) -> int:
        """Words ahead that a continuation needs: the largest distance."""
        return max(1, self.settings.tested_distance, self.settings.syntax_distance, *self.settings.distances)

    @property
    def sampling(self) -> Sampling:
        """How futures are sampled."""
        return Sampling(self.settings.n_futures, self.settings.swap_similarity, self.settings.swap_rounds)

    @property
    def facts(self) -> dict[str, Any]:
        """What decides the futures besides settings and words, for sidecars and markers."""
        path = self.settings.swap_corpus
        return {
            "Parser": dict(self.parser),
            "Corpus": self.corpus,
            "SwapCorpus": "stories" if path is None else path.name,
        }

    @property
    def numbers(self) -> dict[str, Any]:
        """The settings that decide the futures."""
        return {
            "n_futures": self.sampling.n_futures,
            "swap_similarity": self.sampling.threshold,
            "swap_rounds": self.sampling.rounds,
            "random_seed": self.settings.random_seed,
        }

    def of(self, story: Story) -> StoryFutures:
        """The futures of a story, from the cache if available."""
        if story.stem not in self._made:
            self._made[story.stem] = self._read(story)
        return self._made[story.stem]

    @cached_property
    def _made(self) -> dict[str, StoryFutures]:
        return {}

    def _read(self, story: Story) -> StoryFutures:
        key = key_of({**self.identity, "story": _content(story)})
        path = self.settings.work / "futures" / f"{file_name([story.stem], key)}.json"
        computed_once(path, partial(self._make, story))
        return StoryFutures.from_json(json.loads(path.read_text(encoding="utf-8")))

    def _make(self, story: Story, draft: Path) -> None:
        parser = load_parser(self.settings.parser)
        sentences = parsed(parser, story)
        tasks = [
            _Task(sentence, self._lists_for(sentence), story.words.text, number)
            for number, sentence in enumerate(sentences)
        ]
        n_processes = min(threads(self.settings), len(tasks) // _LEAST_PER_PROCESS)
        log.info("%s: %d futures of %d sentences", story.stem, self.sampling.n_futures, len(tasks))
        job = partial(_sample, self.settings.parser, self.sampling, self.settings.random_seed)
        with _workers(n_processes) as apply:
            sampled = list(apply(job, tasks))
        made = story_futures(sentences, sampled, random_of(self.settings.random_seed, story.words.text))
        draft.write_text(json.dumps(made.to_json()), encoding="utf-8")

    def _lists_for(self, sentence: Sentence) -> SwapLists:
        """The lists that a sentence draws from: of the given corpus, or of all stories without the sentence."""
        lists = self._lists.only_for(sentence)
        return lists if self.settings.swap_corpus else lists.without(sentence)

    @cached_property
    def _lists(self) -> SwapLists:
        """The swap lists of the corpus, from the cache if available."""
        key = key_of({"format": _FORMAT, "parser": dict(self.parser), "corpus": self.corpus})
        path = self.settings.work / "futures" / f"{file_name(['swaps'], key)}.json"
        computed_once(path, self._make_lists)
        return SwapLists(**json.loads(path.read_text(encoding="utf-8")))

    def _make_lists(self, draft: Path) -> None:
        parser = load_parser(self.settings.parser)
        path = self.settings.swap_corpus
        if path is None:
            sentences = [sentence for _, story in sorted(self.stories.items()) for sentence in parsed(parser, story)]
        else:
            sentences = list(parser.plain_sentences(paragraphs(path)))
            if not sentences:
                raise DatasetError(f"--swap-corpus {path}: the file holds no word; give a file of plain text")
        lists = SwapLists.of(sentences)
        log.info("swap lists of %d sentences, with %d words", len(sentences), len(lists.spelling))
        draft.write_text(json.dumps(lists.to_json()), encoding="utf-8")


def parsed(parser: Parser, story: Story) -> list[Sentence]:
    """The sentences of a story, which cover its words."""
    return parser.sentences(story.words.text, story.words.onset, story.words.duration)


def paragraphs(path: Path) -> Iterator[str]:
    """The paragraphs of a plain text, which blank lines divide. Raises FileError if it cannot be read."""
    lines: list[str] = []
    for line in [*read_text(path, limit=_LARGEST_CORPUS).splitlines(), ""]:
        if line.strip():
            lines.append(line)
        elif lines:
            yield " ".join(lines)
            lines = []


def _content(story: Story) -> list[Any]:
    """The words of a story, and their times, which divide it into sentences where there is no punctuation."""
    words = story.words
    return [list(words.text), words.onset.round(4).tolist(), words.duration.round(4).tolist()]


@dataclass(frozen=True)
class _Task:
    """A sentence to swap: it carries its lists, since a process of its own knows no others."""

    sentence: Sentence
    lists: SwapLists
    text: Sequence[str]
    number: int


_parsers: dict[str, Parser] = {}  # of a process, which swaps many sentences


def _sample(name: str, sampling: Sampling, seed: int, task: _Task) -> SentenceFutures:
    if name not in _parsers:
        _parsers[name] = load_parser(name)
    random = random_of(seed, task.text, task.number)
    return sample_sentence(task.sentence, task.lists, _parsers[name], sampling, random)


@contextmanager
def _workers(n_processes: int) -> Iterator[Any]:
    """A `map` over several processes; in this one where it may not start others (a worker of Dask)."""
    if n_processes < 2 or multiprocessing.current_process().daemon:
        yield map
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy threads of torch in an unknown state
    with ProcessPoolExecutor(n_processes, context, prepare_worker) as pool:
        yield pool.map
