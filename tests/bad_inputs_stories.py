"""Bad events, words and names of participants; see `bad_inputs`."""

import os
import shutil

from tests.bad_inputs import Case
from tests.bad_inputs_data import STORY, event_table, word_table, write
from tests.bad_inputs_files import DEEP, THINGS, accepted, of_one, replaced

# ---- events and words ------------------------------------------------------------------------------------------------


def _events(text):
    return lambda bench: write(bench.events(), text) and None


def _all_events(text):
    return lambda bench: [write(bench.events(label), text) for label in ("01", "02")] and None


def _row(onset=STORY[0], duration=STORY[1], kind="story", stimulus="tale.wav"):
    return event_table([(onset, duration, kind, stimulus)])


def _every_events(which):
    def spoil(bench):
        for label in ("01", "02"):
            which(bench.events(label))

    return spoil


def _long_name(n):
    return _all_events(_row(stimulus="x" * n + ".wav"))


EVENT_CASES = (
    of_one("events: gone", "events", lambda b: b.events().unlink()),
    Case("events: gone for all", "events", _every_events(lambda path: path.unlink())),
    of_one("events: header only", "events", _events("onset\tduration\ttrial_type\tstim_file\n")),
    of_one("events: without the story", "events|no story|tale", _events(_row(kind="rest", stimulus="n/a"))),
    of_one("events: unknown stim_file", "other", _events(_row(stimulus="other.wav"))),
    Case("events: unknown stim_file in all", "other", _all_events(_row(stimulus="other.wav"))),
    of_one("events: onset NaN", "row 2|row 1|onset", _events(_row("nan"))),
    of_one("events: onset infinite", "row 2|row 1|onset", _events(_row("inf"))),
    of_one("events: onset 1e300", "row 2|row 1|onset", _events(_row("1e300"))),
    of_one("events: onset -1000", "row|onset|before|-1000", _events(_row(-1000))),
    of_one("events: onset n/a", "row|onset", _events(_row("n/a"))),
    of_one("events: onset a text", "row|onset", _events(_row("six"))),
    of_one("events: onset after the scan", "onset|after|scan|end", _events(_row(5000))),
    of_one("events: duration 1e300", "duration|row", _events(_row(duration="1e300"))),
    Case(
        "events: duration 1e9 in the first run",
        "duration|longer|1e\\+?09|1000000000",
        _events(_row(duration="1000000000")),
        others=True,
    ),
    of_one("events: duration negative", "duration|row", _events(_row(duration=-5))),
    of_one(
        "events: no onset column",
        "onset",
        _events(event_table([(1, 2, "story", "tale.wav")], "start\tduration\ttrial_type\tstim_file")),
    ),
    of_one("events: no stim_file column", "stim_file", _events("onset\tduration\ttrial_type\n6\t140\tstory\n")),
    accepted("events: UTF-16", "", lambda b: write(b.events(), _row().encode("utf-16")) and None),
    of_one("events: garbage", "events", _events(bytes(range(256)) * 10)),
    Case("events: stim_file of 300 letters", "xxx", _long_name(300)),
    Case("events: stim_file of 240 letters", "xxx", _long_name(240)),
    Case("events: stim_file .wav", r"\.wav", _all_events(_row(stimulus=".wav"))),
    of_one("events: stim_file out of stimuli/", r"\.\.", _events(_row(stimulus="../../etc/passwd"))),
    of_one("events: a control character in stim_file", "events|stim_file|tale", _events(_row(stimulus="ta\x07le.wav"))),
    *(
        of_one(f"events: {name}", message, replaced(lambda b: b.events(), make), seconds=20)
        for name, (make, message) in THINGS.items()
        if name != "a folder"
    ),
    of_one("events: a folder", "has no events.tsv", replaced(lambda b: b.events(), os.mkdir)),
)


def _words(rows=None, text=None, name=None):
    def spoil(bench):
        if name:
            bench.align.unlink()
        write(bench.align.parent / name if name else bench.align, word_table(rows) if text is None else text)

    return spoil


def _good_words(n=300):
    return [(0.5 + 0.4 * i, 0.3, f"word{'s' * (i % 3)}") for i in range(n)]


def _changed(change):
    rows = _good_words()
    return change(rows) or rows


def _times(**given):
    def change(rows):
        return [(given.get("onset", onset), given.get("duration", duration), word) for onset, duration, word in rows]

    return change


OVERLAPPING = _changed(_times(duration=60.0))
AT_ONE_INSTANT = _changed(_times(onset=5.0))
BACKWARDS = list(reversed(_good_words()))
NEGATIVE = [(-3.0, 0.3, "word"), *_good_words()[5:]]
BEYOND = [*_good_words(), (900.0, 0.3, "late")]
NEVER_TIMED = "onset\tduration\tword\n" + "n/a\tn/a\tone\nn/a\tn/a\ttwo\n" * 15

WORD_CASES = (
    accepted("words: out of order", "order|sorted", _words(BACKWARDS)),
    Case("words: overlapping", "the words last 60 s in the median", _words(OVERLAPPING)),
    Case("words: all at one instant", "instant|same|at once|time", _words(AT_ONE_INSTANT)),
    accepted("words: beyond the audio", "1 of 301 words lie outside the story events", _words(BEYOND)),
    Case("words: a negative onset", "starts at -3 s, before the audio", _words(NEGATIVE)),
    Case("words: a single word", "there is only one word.*too few to be split", _words([(1.0, 0.3, "once")])),
    Case(
        "words: none inside the scan",
        "none of its|inside",
        _words([(5000 + n, 0.3, "far" if n % 2 else "off") for n in range(50)]),
    ),
    Case("words: none timed", "(?i)no .*time|none", _words(text=NEVER_TIMED)),
    Case("words: empty file", "(?i)empty|no row|holds no", _words(text="")),
    Case("words: header only", "(?i)no words?|no row|holds no", _words(text="onset\tduration\tword\n")),
    Case("words: no word column", "word|column", _words(text="onset\tduration\tlength\n1\t2\t3\n4\t5\t6\n")),
    Case("words: 1e400", "row|finite|1e400", _words(text="onset\tduration\tword\n1e400\t0.3\ta\n2\t0.3\tb\n")),
    Case("words: onset a text", "row", _words(text="onset\tduration\tword\none\t0.3\ta\n2\t0.3\tb\n")),
    Case("words: of 200,000 letters", "holds 200,000 letters", _words([(1, 0.3, "x" * 200_000), *_good_words()[5:]])),
    Case("words: deep json", "nested too deeply", _words(text=DEEP, name="tale/align.json")),
    Case("words: broken TextGrid", "TextGrid", _words(text='File type = "ooTextFile"\nxmin', name="tale.TextGrid")),
    Case("words: .mat", r"\.mat", _words(text="MATLAB", name="tale_words.mat")),
    Case("words: gone", "word timings", lambda b: b.align.unlink()),
    accepted(
        "words: latin-1",
        "cp1252|UTF-8",
        lambda b: write(b.align, word_table([*_good_words(), (125, 0.2, "café")]).encode("latin-1")) and None,
    ),
    accepted(
        "words: emoji, Chinese, right to left",
        "",
        _words([*_good_words(200), (85, 0.2, "🙂"), (86, 0.2, "你好"), (87, 0.2, "שלום")]),
    ),
    Case("words: garbage", r"tale_words\.tsv", _words(text=bytes(range(256)) * 30)),
    *(
        Case(f"words: {name}", message, replaced(lambda b: b.align, make), seconds=20)
        for name, (make, message) in THINGS.items()
        if name != "a folder"
    ),
    Case("words: a folder", "No word timings", replaced(lambda b: b.align, os.mkdir)),
)


# ---- folders with strange names --------------------------------------------------------------------------------------


def _person(name):
    def spoil(bench):
        for folder in (bench.data, bench.deriv):
            shutil.copytree(folder / "sub-01", folder / f"sub-{name}")

    return spoil


STRANGE = (
    Case("label: <img>", "img", _person("<img src=x onerror=alert(1)>"), status=0),
    Case("label: .*", r"\.\*", _person(".*"), status=0),
    Case("label: sub-..", r"sub-\.\.", _person(".."), status=0),
)


CASES_OF_STORIES = (*EVENT_CASES, *WORD_CASES, *STRANGE)
