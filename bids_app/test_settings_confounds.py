from typing import Any

import pytest

from bids_app.bids.confound_columns import STRATEGIES
from bids_app.settings import Settings, SettingsError
from bids_app.settings_checks import CONFOUND_STRATEGIES
from bids_app.settings_input import make_settings


def _made(**given: Any) -> Settings:
    return make_settings({"bids_dir": "a", "out_dir": "b", "level": "participant", **given})


def test_the_strategies_are_those_that_are_read() -> None:
    assert ("auto", *STRATEGIES) == CONFOUND_STRATEGIES


@pytest.mark.parametrize(
    "given",
    [["trans_*", "rot_x", "cosine*"], "trans_* rot_x cosine*", ["trans_* rot_x", "cosine*"], "trans_*,rot_x,cosine*"],
)
def test_names_and_patterns_in_one_string_or_several(given: list[str] | str) -> None:
    assert _made(confounds=given).confounds == ("trans_*", "rot_x", "cosine*")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["simple", "csf"], "simple must be used alone"),
        (["auto", "none"], "auto must be used alone"),
        ("narative", r"'narative': did you mean narratives\?"),
        ("Simple", r"did you mean simple\?"),
        ("trans_x;rot_x", "is not a name or pattern of a column"),
        ([], "must name at least one"),
    ],
)
def test_confounds_that_cannot_be(given: list[str] | str, message: str) -> None:
    with pytest.raises(SettingsError, match=f"confounds = .*{message}"):
        _made(confounds=given)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_high_pass_that_is_no_frequency(value: float) -> None:
    with pytest.raises(SettingsError, match="high_pass = "):
        _made(high_pass=value)
