"""What OUT_DIR says about itself: dataset_description.json, .bidsignore, README.md."""

import json
from collections.abc import Mapping
from pathlib import Path

from bids_app import __version__
from bids_app.bids.atomic import write_text
from bids_app.bids.container import container
from bids_app.bids.derivatives import write_json
from bids_app.bids.errors import DatasetError

PIPELINE = "neurons2networks"
BIDS_VERSION = "1.10.0"

# Only what the validator does not know by itself.
IGNORED = ("*_statmap.*", "*_networks.*", "*_loadings.*", "*.html", "figures", "group", "atlases")

README = """# neurons2networks

Which groups of a language model's neurons behave like which functional brain networks, and how well the model
predicts each place of the brain.

| path | what |
|---|---|
| `sub-*.html`, `group.html` | reports: look here first |
| `sub-*/[ses-*/]func/*_statmap.*` | brain maps of each participant |
| `sub-*/[ses-*/]func/*_networks.tsv` | links of atoms to networks; sub-groups of neurons of each network |
| `group/` | the same over participants, and the comparison of models |
| `model-*_desc-atoms_loadings.parquet` | neurons of each atom: layer, unit, loading |
| `stimuli/` | time course of each atom for each story |
| `logs/` | settings of each run, text for the methods section, crash reports |
| `logs/complete/` | for each analysis that is done, what it was made from and the checksums of its outputs |

Names follow BIDS-Derivatives. In the names of maps, `desc` says what was computed (`atoms`, `brainscore`,
`noiseceiling`) and `stat` which number is shown (`beta`, `z`, `r`, `r2`, `p`, `q`, `alpha`). The file with the ending
`.json` beside each file holds its sources, settings, units and software versions. Where a map has no value it holds
NaN (`n/a` in tables).
"""


def read_description(folder: Path) -> dict[str, object]:
    """Content of a data set's dataset_description.json; empty where there is none that can be read."""
    try:
        content = json.loads((folder / "dataset_description.json").read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _source(folder: Path) -> dict[str, str]:
    description = read_description(folder)
    source = {"URL": folder.absolute().as_uri()}
    doi = description.get("DatasetDOI")
    if isinstance(doi, str) and doi:
        source["DOI"] = doi
        source["Version"] = doi.rpartition(".v")[2] if ".v" in doi else ""
    return {key: value for key, value in source.items() if value}


def _check_ours(out_dir: Path, description: Mapping[str, object]) -> None:
    """Raise DatasetError when OUT_DIR is another data set, which must not be overwritten."""
    generated = description.get("GeneratedBy")
    names = [entry.get("Name") for entry in generated if isinstance(entry, dict)] if isinstance(generated, list) else []
    if description and PIPELINE not in names:
        raise DatasetError(
            f"{out_dir} holds another data set ({description.get('Name', 'without a name')}), "
            f"not outputs of {PIPELINE}: give an OUT_DIR that is empty, new, or was written by it."
        )


def write_dataset_description(out_dir: Path, links: Mapping[str, Path]) -> None:
    """Write dataset_description.json, .bidsignore and README.md into OUT_DIR.

    `links` are the data sets read: the names used in BIDS URIs (`raw`, `fmriprep`, …) and their folders; links of
    earlier runs are kept. An existing README.md is left alone. Raises DatasetError when OUT_DIR holds another data set.
    """
    earlier = read_description(out_dir)
    _check_ours(out_dir, earlier)
    generated: dict[str, object] = {"Name": PIPELINE, "Version": __version__}
    if (image := container()) is not None:
        generated["Container"] = image
    kept = earlier.get("DatasetLinks")
    content: dict[str, object] = {
        "Name": "Language-model neurons and functional brain networks",
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "derivative",
        "GeneratedBy": [generated],
        "SourceDatasets": [_source(folder) for folder in links.values()],
        "DatasetLinks": (kept if isinstance(kept, dict) else {})
        | {name: folder.absolute().as_uri() for name, folder in links.items()},
    }
    write_json(out_dir / "dataset_description.json", content)
    write_text(out_dir / ".bidsignore", "".join(f"{pattern}\n" for pattern in IGNORED))
    if not (out_dir / "README.md").exists():
        write_text(out_dir / "README.md", README)
