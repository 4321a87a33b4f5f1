"""What a page says was left out of a participant."""

from pathlib import Path

from bids_app.pages.left_out import left_out


def test_only_the_group_level_leaves_participants_out_of_the_group(tmp_path: Path) -> None:
    """A run of one participant names that one alone, and says nothing about the others."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "1_participant.toml").write_text('participant_label = ["02"]\n', encoding="utf-8")
    assert left_out(tmp_path, ["sub-01", "sub-02"]) == {"sub-01": [], "sub-02": []}
    (logs / "2_group.toml").write_text('participant_label = ["02"]\n', encoding="utf-8")
    assert left_out(tmp_path, ["sub-01", "sub-02"]) == {
        "sub-01": ["left out of the group, as requested"],
        "sub-02": [],
    }


def test_who_lacks_results_that_others_have_is_named(tmp_path: Path) -> None:
    """Means over participants are of different people then."""
    complete = tmp_path / "logs" / "complete"
    complete.mkdir(parents=True)
    for stem in (
        "sub-01_task-a_model-gpt2_desc-brainscore",
        "sub-01_task-a_model-gpt2_desc-overnuisance",
        "sub-02_task-b_model-gpt2_desc-brainscore",  # another story is no lack
        "sub-03_task-a_model-gpt2_desc-brainscore",
    ):
        (complete / f"{stem}_complete.json").write_text("{}", encoding="utf-8")
    people = ["sub-01", "sub-02", "sub-04"]
    lacking = "not analysed like others: no overnuisance of gpt2"
    assert left_out(tmp_path, people) == {"sub-01": [], "sub-02": [lacking], "sub-04": []}
    (tmp_path / "logs" / "1_group.toml").write_text('exclude_participant_label = ["01"]\n', encoding="utf-8")
    assert left_out(tmp_path, people)["sub-02"] == []  # those who count are alike
