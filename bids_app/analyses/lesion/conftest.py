"""One planted world, lesioned once for all tests: participant 01 of what drives networks, 02 of what drives nothing."""

from pathlib import Path

import pytest

from bids_app.analyses.lesion.conftest_world import World, make_world

PAIRS = (
    ("good\tbad\tcategory", "baba bebe dabi\tdabi bebe baba\torder", "baba babe\tbaba babi\tword"),
    ("bebo beba babu\tbebo beba babo\tword",),
)


@pytest.fixture(scope="package")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder: Path = tmp_path_factory.mktemp("lesion")
    pairs = folder / "pairs.tsv"
    pairs.write_text("\n".join(line for block in PAIRS for line in block) + "\n")
    made = make_world(folder, seed=0, minimal_pairs=pairs)
    made.run((0, 1, 2), "01")
    made.run((3, 4, 5), "02")
    return made
