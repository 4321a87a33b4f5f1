"""The stages that benchmarks time by name exist."""

import pkgutil

import pytest

from benchmarks import device_agreement, device_check, device_row, forecast, lesion_device
from benchmarks.participant import STAGES, captured


@pytest.mark.parametrize("name", [*STAGES, *captured({})])
def test_a_stage_that_is_timed_exists(name: str) -> None:
    assert callable(pkgutil.resolve_name(name))


def test_the_check_of_a_device_runs_and_passes_on_the_processor(capsys):
    assert device_check.main(["--device", "cpu", "--small"]) == 0
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    without_peers = [line for line in lines if "speed:" in line]  # of the extra `benchmark`, which CI does not install
    assert all("is not installed" in line for line in without_peers), without_peers
    lines = [line for line in lines if line not in without_peers]
    assert {line.split(" | ")[0].removeprefix("| ").split(" ")[0] for line in lines[2:]} == {
        "dictionary", "families", "lasso", "ridge", "forecast", "effects", "features", "Llama-tiny", "participant",
    }  # fmt: skip
    assert not any("left out" in line or "FAILED" in line for line in lines)


def test_a_device_that_computes_something_else_fails_the_check(monkeypatch):
    ours, (spaces, Y) = forecast.ours, forecast.made_up(50)
    monkeypatch.setattr(forecast, "made_up", lambda _: (spaces, Y))
    monkeypatch.setattr(forecast, "ours", lambda spaces, Y, device: ours(spaces, Y, "cpu"))
    assert all(row.passed for row in device_agreement.forecasts("other", small=True))
    monkeypatch.setattr(
        forecast, "ours", lambda spaces, Y, device: ours(spaces, Y[:: -1 if device == "other" else 1], "cpu")
    )
    assert not any(row.passed for row in device_agreement.forecasts("other", small=True))


def test_what_fails_or_has_no_time_left_has_a_line():
    def broken(_device, _small):
        yield device_row.noted("broken", "number", "1")
        raise ZeroDivisionError("nothing to divide by")

    def missing(_device, _small):
        raise ModuleNotFoundError("No module named 'spams'", name="spams")
        yield

    rows = list(device_check.rows("cpu", small=True, minutes=1, parts=[broken, missing]))
    assert [(row.value, row.passed) for row in rows] == [
        ("1", None), ("ZeroDivisionError: nothing to divide by", False), ("spams is not installed", None),
    ]  # fmt: skip
    (late,) = device_check.rows("cpu", small=False, minutes=0, parts=[broken])
    assert late.value == "no time left"


def test_lesions_on_a_device_leave_the_intact_model_as_it_is():
    found = lesion_device.measure("cpu", n_words=40, n_lesions=2, small=True)
    assert (found.words, found.lesions) == (40, 2)
    assert found.tokens >= 40
    assert found.intact_difference < 1e-5
    assert found.row("tiny").count("|") == lesion_device.HEAD.splitlines()[0].count("|")
