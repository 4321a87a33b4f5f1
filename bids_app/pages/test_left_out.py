"""What a page says was left out of a participant."""

from pathlib import Path

from bids_app.pages.participants import left_out


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
