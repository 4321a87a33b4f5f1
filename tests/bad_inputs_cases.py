"""The table of bad inputs and the outcome expected of each; see `bad_inputs`."""

from tests.bad_inputs_atlases import CASES_OF_ATLASES
from tests.bad_inputs_files import CASES_OF_FILES
from tests.bad_inputs_further import CASES_OF_FURTHER
from tests.bad_inputs_kept import CASES_OF_KEPT
from tests.bad_inputs_models import CASES_OF_MODELS
from tests.bad_inputs_more import CASES_OF_MORE
from tests.bad_inputs_settings import CASES_OF_SETTINGS
from tests.bad_inputs_stories import CASES_OF_STORIES
from tests.bad_inputs_things import CASES_OF_THINGS

CASES = (
    *CASES_OF_SETTINGS,
    *CASES_OF_FILES,
    *CASES_OF_STORIES,
    *CASES_OF_MODELS,
    *CASES_OF_ATLASES,
    *CASES_OF_THINGS,
    *CASES_OF_KEPT,
    *CASES_OF_MORE,
    *CASES_OF_FURTHER,
)
