import pytest

from bids_app.bids.entities import parse_name
from bids_app.bids.errors import DatasetError
from bids_app.bids.stimulus_names import stem_label, stem_of


@pytest.mark.parametrize(
    ("stim_file", "stem"),
    [
        ("tale.wav", "tale"),
        ("stimuli/tale.WAV", "tale"),
        ("stimuli\\EN\\tale.wav", "EN/tale"),
        ("./EN//tale.wav", "EN/tale"),
        ("../stimuli/tale.wav", "tale"),
        ("C:\\exp\\stimuli\\EN\\tale.wav", "EN/tale"),
        ("/home/me/stimuli/tale.mp3", "tale"),
        (" my tale.wav ", "my tale"),
        ("tale.v2.wav", "tale.v2"),
        ("chapter.1", "chapter.1"),
        ("tale.fr", "tale.fr"),
        ("sub/stimuli/tale.wav", "sub/stimuli/tale"),
        ("e\u0301te\u0301.wav", "\u00e9t\u00e9"),  # two spellings of one name in Unicode
    ],
)
def test_the_stem_is_the_path_below_stimuli(stim_file: str, stem: str) -> None:
    assert stem_of(stim_file) == stem


@pytest.mark.parametrize("stim_file", [".wav", "EN/.wav", "", ".", "..", "/", "../tale.wav", "../../..", "a\x1b.wav"])
def test_what_names_no_stimulus_is_refused(stim_file: str) -> None:
    with pytest.raises(DatasetError):
        stem_of(stim_file)


def test_labels_are_file_names_of_their_own() -> None:
    stems = [
        "a/b",
        "a++b",
        "a+b",
        "a b",
        "a.b",
        "a/20/b",
        "a20b",
        "A/b",
        "é",
        "a_b",
        "a-b",
        ".a",
        "a//b".replace("//", "/x/"),
    ]
    stems += ["x" * 300, "x" * 301, "/".join(["漢" * 20] * 9), "/".join(["漢" * 20] * 8) + "字"]
    labels = [stem_label(stem) for stem in stems]
    assert len(set(labels)) == len(stems)
    assert all(len(label.encode()) <= 100 and not label.startswith(".") and "/" not in label for label in labels)
    assert all(parse_name(f"{label}_desc-x_timeseries.tsv.gz").extension == ".tsv.gz" for label in labels)
    assert stem_label("pieman_audio") == "pieman_audio"
