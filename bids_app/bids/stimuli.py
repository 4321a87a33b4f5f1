"""Every stimulus of a data set, also those that some participants did not hear."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bids_app.bids.entities import is_asked, parse_name
from bids_app.bids.events import Stimulus, read_events
from bids_app.bids.exclusions import is_excluded
from bids_app.bids.metadata import raw_repetition_time


@dataclass(frozen=True)
class StimulusUse:
    """The first run in which a stimulus was heard; `repetition_time` (s) is None where no raw JSON file has it."""

    stimulus: Stimulus
    participant: str
    task: str
    session: str | None
    run: str | None
    events: Path
    repetition_time: float | None


def find_stimuli(
    bids_dir: Path, excluded_scans: Sequence[str] = (), tasks: Sequence[str] | None = None
) -> dict[str, StimulusUse]:
    """Every stimulus of the raw data set that has a story, by stem, with the first run in which it was heard.

    Scans to leave out are looked at last: they count only for what nobody else heard (their timing may be wrong).
    """
    paths = [*bids_dir.glob("sub-*/func/*_events.tsv"), *bids_dir.glob("sub-*/ses-*/func/*_events.tsv")]
    runs = [(path, parse_name(path).entities) for path in sorted(paths)]
    asked = [(path, entities) for path, entities in runs if is_asked("task", entities.get("task", ""), tasks)]
    asked.sort(key=lambda run: is_excluded(run[1], excluded_scans))
    uses: dict[str, StimulusUse] = {}
    for path, entities in asked:
        for stimulus in read_events(path):
            if stimulus.stem not in uses:
                uses[stimulus.stem] = _use(stimulus, path, bids_dir, entities)
    return uses


def _use(stimulus: Stimulus, events: Path, bids_dir: Path, entities: dict[str, str]) -> StimulusUse:
    return StimulusUse(
        stimulus=stimulus,
        participant=entities["sub"],
        task=entities.get("task", ""),
        session=entities.get("ses"),
        run=entities.get("run"),
        events=events,
        repetition_time=raw_repetition_time(bids_dir, entities),
    )
