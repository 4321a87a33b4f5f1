import re
from pathlib import Path

import pytest

from bids_app.analyses.record import Analysis
from bids_app.analyses.registry import ANALYSES
from bids_app.options import READINGS, names_of
from bids_app.settings import Settings
from bids_app.settings_fields import OPTIONS, RESULTS, decided_by, result_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "in", tmp_path / "out", "participant")


def test_names_of_analyses_and_options_are_their_own() -> None:
    names = [analysis.name for analysis in ANALYSES]
    option_names = [name for analysis in ANALYSES for name in names_of(analysis.options)]
    assert len(set(names)) == len(names)
    assert len(set(option_names)) == len(option_names)
    assert set(option_names) <= {option.name for option in OPTIONS}


def test_what_is_read_is_decided_by_some_option() -> None:
    decided = {reading for option in OPTIONS for reading in decided_by(option)}
    for analysis in ANALYSES:
        for reads in (analysis.reads, *analysis.intermediates.values()):
            assert reads <= set(READINGS)
            assert reads <= decided


def test_an_option_of_an_analysis_decides_it_alone_unless_it_says_otherwise(settings: Settings) -> None:
    for analysis in ANALYSES:
        for option in OPTIONS:
            if option.name in names_of(analysis.options) and "decides" not in option.metadata:
                assert [result for result in RESULTS if option.name in result_settings(settings, result)] == [
                    analysis.name
                ]


@pytest.mark.parametrize("analysis", ANALYSES, ids=[analysis.name for analysis in ANALYSES])
def test_records_lead_to_what_they_name(analysis: Analysis, settings: Settings) -> None:
    """What is imported only when it is called is there: a record is no promise."""
    outputs = {output.desc for output in analysis.outputs}
    for summary in analysis.summaries():
        assert any(re.fullmatch(summary.desc, desc) for desc in outputs)
    report = analysis.report()
    assert report.sections
    assert {desc for section in report.sections for desc in section.descs} <= outputs
    assert set(report.titles) <= outputs
    paragraph = analysis.methods(settings)
    assert paragraph == analysis.methods(analysis.options(settings.bids_dir, settings.out_dir))  # all that it needs
    assert paragraph.text
    assert paragraph.cites
    assert list(analysis.problems(settings)) == []
