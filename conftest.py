"""What the tests of the package and of the whole app share."""

import logging
from collections.abc import Iterator

import pytest

_LEVELS = {logger: logger.level for logger in map(logging.getLogger, ("", "neurons2networks", "bids_app"))}


@pytest.fixture(autouse=True)
def log_levels() -> Iterator[None]:
    """Levels of loggers are back after each test: a command that runs in a test makes the next ones talkative."""
    yield
    for logger, level in _LEVELS.items():
        logger.setLevel(level)
