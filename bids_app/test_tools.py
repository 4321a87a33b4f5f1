from dataclasses import replace
from pathlib import Path

import pytest

from bids_app import tools
from bids_app.demo import forecast, generate

Calls = list[tuple[object, ...]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Calls:
    calls: Calls = []
    monkeypatch.setattr(generate, "generate", lambda *given: calls.append(("networks", *given)))
    monkeypatch.setattr(generate, "describe", lambda truth: "one family is planted")
    monkeypatch.setattr(forecast, "generate_forecast", lambda *given, **more: calls.append(("forecast", *given, more)))
    return calls


def test_atoms_in_networks_are_planted_by_default(
    called: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.main(["demo", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "one family is planted\n"
    assert called == [("networks", tmp_path, generate.DEFAULTS)]


def test_options_of_the_forecast_demo_are_passed_on(called: Calls, tmp_path: Path) -> None:
    given = ["--plant", "forecast", "--ahead", "5", "--stories", "2", "--seed", "3", "--space", "fsaverage5"]
    assert tools.main(["demo", str(tmp_path), *given]) == 0
    options = replace(forecast.DEFAULTS, seed=3, stories=2, spaces=("fsaverage5",))
    assert called == [("forecast", tmp_path, options, {"ahead": 5})]


def test_a_distance_without_a_forecast_is_refused(
    called: Calls, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tools.main(["demo", str(tmp_path), "--ahead", "5"]) == 1
    assert "--plant forecast" in capsys.readouterr().err
    assert called == []
