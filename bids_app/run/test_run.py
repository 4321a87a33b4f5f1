"""What a run reports of OUT_DIR before it computes."""

import pytest

from bids_app.conftest import Study
from bids_app.inputs.sources import open_sources
from bids_app.run.run import _warn_of_absent


def test_results_of_participants_who_have_left_the_data_set_are_named(
    study: Study, caplog: pytest.LogCaptureFixture
) -> None:
    for label in ("01", "02", "03"):
        (study.out / f"sub-{label}" / "func").mkdir(parents=True)
    _warn_of_absent(open_sources(study.settings(participant_label=("01",))))
    assert "not in the preprocessed data (03), and the group level refuses them" in caplog.text
    caplog.clear()
    study.add("03")
    _warn_of_absent(open_sources(study.settings()))
    assert not caplog.records
