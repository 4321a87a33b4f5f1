"""What a run reads: the data set, and its stories with their words."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from bids_app.bids.dataset import Dataset, StimulusUse, open_dataset, require_content
from bids_app.bids.description import require_description
from bids_app.bids.errors import DatasetError
from bids_app.bids.runs import RunSelection
from bids_app.bids.sources import odd_folders
from bids_app.bids.words import find_words, read_words
from bids_app.settings import Settings
from bids_app.workflow.stories import Story, listen

log = logging.getLogger("neurons2networks")


@dataclass(frozen=True)
class Sources:
    """The data set of a run, and the stories that its selected tasks play."""

    dataset: Dataset
    settings: Settings

    @cached_property
    def stories(self) -> dict[str, Story]:
        """Every story of the selected tasks that has word timings, by stem, whoever heard it.

        Raises DatasetError when there is none.
        """
        found, missing = {}, {}
        for stem, use in sorted(self.dataset.tasks_stimuli(self.settings.task_id or None).items()):
            try:
                path = find_words(self.settings.bids_dir, use.stimulus.stim_file, self.settings.annotations)
            except FileNotFoundError as error:
                missing[stem] = str(error)
                continue
            found[stem] = self._story(stem, use, path)
        if missing:
            log.info("without word timings, left out: %s", ", ".join(missing))
        if not found:
            tasks = f"task {', '.join(self.settings.task_id)}" if self.settings.task_id else "any task"
            nothing = f"no events.tsv of {tasks} in {self.settings.bids_dir} names an audio file (column stim_file)"
            raise DatasetError(next(iter(missing.values()), nothing))
        return found

    def _story(self, stem: str, use: StimulusUse, path: Any) -> Story:
        words = read_words(path)
        heard, _ = words.shifted(use.stimulus.audio_onset).within(use.stimulus.story)
        if not heard.is_timed.any():
            raise DatasetError(
                f"{path}: none of its {len(words)} words falls inside a story event of {use.events}; "
                "times must be seconds from the start of the audio file"
            )
        last = float(np.nanmax(heard.onset + heard.duration))
        intervals = tuple((start, end if np.isfinite(end) else last) for start, end in use.stimulus.story)
        stimulus = dataclasses.replace(use.stimulus, story=intervals)
        grid = listen([stimulus], use.repetition_time or self._repetition_time(use))
        return Story(stem, heard.shifted(-use.stimulus.audio_onset), grid)

    def _repetition_time(self, use: StimulusUse) -> float:
        """From the preprocessed data of the first participant who has the task, where the raw data do not say it."""
        others = [label for label in self.dataset.participants() if label != use.participant]
        for label in [use.participant, *others]:
            try:
                runs = self.dataset.runs(label, tasks=[use.task], space=self.settings.space, filters=self.filters).runs
            except (DatasetError, OSError):
                continue
            return runs[0].repetition_time
        raise DatasetError(f"no participant has preprocessed data of task {use.task} that tell its repetition time")

    @cached_property
    def filters(self) -> Mapping[str, Mapping[str, Any]] | None:
        """Entities that the BOLD files must have."""
        path = self.settings.bids_filter_file
        if path is None:
            return None
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DatasetError(f'{path}: must be JSON such as {{"bold": {{"desc": "clean"}}}} ({error})') from None
        return dict(content)

    def runs(self, participant: str) -> RunSelection:
        """The runs of one participant that the settings select and whose stories have word timings."""
        settings = self.settings
        selection = self.dataset.runs(
            participant,
            tasks=settings.task_id or None,
            sessions=settings.session_label or None,
            run_ids=settings.run_id or None,
            space=settings.space,
            filters=self.filters,
        )
        for excluded in selection.excluded:
            log.info("left out: %s (%s)", excluded.label, excluded.reason)
        return selection

    @cached_property
    def participants(self) -> list[str]:
        """Participants that the settings select."""
        present = self.dataset.participants()
        odd = {name for folder in self.dataset.derivatives.values() for name in odd_folders(folder)}
        if odd:
            log.warning(
                "left out: %s (what follows sub- may hold letters and digits only; rename it)",
                ", ".join(ascii(name) for name in sorted(odd)),
            )
        absent = sorted(set(self.settings.participant_label) - set(present))
        if absent:
            raise DatasetError(
                f"--participant-label {' '.join(absent)}: not in the preprocessed data, which has "
                f"{len(present)} participants ({' '.join(present[:10])}{' …' if len(present) > 10 else ''})"
            )
        chosen = self.settings.participant_label or present
        kept = [label for label in chosen if label not in self.settings.exclude_participant_label]
        if not kept:
            raise DatasetError("no participant is left: check --participant-label and --exclude-participant-label")
        return kept


def open_sources(settings: Settings) -> Sources:
    """Open the data set of a run. Raises DatasetError when it does not say that it is one."""
    require_content(settings.bids_dir)
    if not settings.skip_bids_validation:
        require_description(settings.bids_dir)
    dataset = open_dataset(
        settings.bids_dir,
        settings.derivatives,
        exclude_scans=settings.exclude_scans,
        database_dir=settings.bids_database_dir,
    )
    return Sources(dataset, settings)
