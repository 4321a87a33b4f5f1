from pathlib import Path

from bids_app.report.page import newest_settings


def newest_name(out_dir: Path, level: str, participant: str | None = None) -> str:
    found = newest_settings(out_dir, level, participant)
    assert found is not None
    return found.name


def test_a_report_shows_the_settings_of_its_own_participant(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for name, labels in (("1_participant", []), ("2_participant", ["01"]), ("3_participant", ["02"]), ("4_group", [])):
        (logs / f"{name}.toml").write_text(f"participant_label = {labels}\n")
    assert newest_name(tmp_path, "participant", "01") == "2_participant.toml"
    assert newest_name(tmp_path, "participant", "03") == "1_participant.toml"
    (logs / "5_participant.toml").write_text('exclude_participant_label = ["03"]\n')
    assert newest_name(tmp_path, "participant", "03") == "1_participant.toml"
    assert newest_name(tmp_path, "participant", "04") == "5_participant.toml"
    (logs / "5_participant.toml").unlink()
    assert newest_name(tmp_path, "participant") == "3_participant.toml"
    assert newest_name(tmp_path, "group") == "4_group.toml"
