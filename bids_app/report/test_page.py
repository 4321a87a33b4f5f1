from pathlib import Path

from bids_app.report.page import newest_settings


def test_a_report_shows_the_settings_of_its_own_participant(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, labels in (("1_participant", []), ("2_participant", ["01"]), ("3_participant", ["02"]), ("4_group", [])):
        (logs / f"{name}.toml").write_text(f"participant_label = {labels}\n")
    assert newest_settings(tmp_path, "participant", "01").name == "2_participant.toml"
    assert newest_settings(tmp_path, "participant", "03").name == "1_participant.toml"
    assert newest_settings(tmp_path, "participant").name == "3_participant.toml"
    assert newest_settings(tmp_path, "group").name == "4_group.toml"
