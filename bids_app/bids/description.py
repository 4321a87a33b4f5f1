"""What OUT_DIR says about itself: dataset_description.json, .bidsignore, README.md."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bids_app import __version__
from bids_app.bids.atomic import write_text
from bids_app.bids.container import container
from bids_app.bids.derivatives import write_json
from bids_app.bids.errors import DatasetError
from bids_app.bids.text import read_json
from bids_app.wording import listed

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
    """Content of a data set's dataset_description.json; empty where there is none. Raises DatasetError when broken."""
    path = folder / "dataset_description.json"
    return read_json(path) if os.path.lexists(path) else {}


def _source(folder: Path) -> dict[str, str]:
    try:
        description = read_description(folder)
    except DatasetError:  # it is the link that counts
        description = {}
    source = {"URL": folder.absolute().as_uri()}
    doi = description.get("DatasetDOI")
    if isinstance(doi, str) and doi:
        source["DOI"] = doi
        source["Version"] = doi.rpartition(".v")[2] if ".v" in doi else ""
    return {key: value for key, value in source.items() if value}


def require_description(bids_dir: Path) -> None:
    """Raise DatasetError, a sentence for each reason, where a folder does not say that it is a BIDS data set."""
    path = bids_dir / "dataset_description.json"
    advice = "if the folder is meant as it is, add --skip-bids-validation"
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig")) if path.is_file() else None
    except OSError as error:
        raise DatasetError(f"{path} cannot be read ({error.strerror}): check its rights; {advice}") from None
    except RecursionError:
        raise DatasetError(f"{path} is damaged (nested too deep): restore it; {advice}") from None
    except ValueError as error:
        raise DatasetError(f"{path} is not valid JSON ({error}): mend it; {advice}") from None
    if content is None or (isinstance(content, dict) and "BIDSVersion" not in content):
        raise DatasetError(
            f"{bids_dir} has no dataset_description.json with a BIDSVersion: is it the root of a BIDS data "
            "set? If it is meant, add --skip-bids-validation"
        )
    if not isinstance(content, dict):
        raise DatasetError(f'{path} must hold an object, such as {{"Name": …, "BIDSVersion": "1.10.0"}}; {advice}')


def require_ours(out_dir: Path, foreign: Sequence[str] = ()) -> None:
    """Raise DatasetError when OUT_DIR is another data set, or holds `foreign` files: neither must be overwritten."""
    description = read_description(out_dir)
    wanted = f"give an OUT_DIR that is empty, new, or was written by {PIPELINE}"
    generated = description.get("GeneratedBy")
    names = [entry.get("Name") for entry in generated if isinstance(entry, dict)] if isinstance(generated, list) else []
    if PIPELINE in names:
        return
    if description:
        title = description.get("Name", "without a name")
        raise DatasetError(f"{out_dir} holds another data set ({title}), not outputs of {PIPELINE}: {wanted}.")
    if foreign:
        raise DatasetError(f"OUT_DIR {out_dir} holds other files ({listed(foreign, 5)}): {wanted}.")


def write_dataset_description(out_dir: Path, links: Mapping[str, Path]) -> None:
    """Write dataset_description.json, .bidsignore and README.md into OUT_DIR.

    `links` are the data sets read: the names used in BIDS URIs (`raw`, `fmriprep`, …) and their folders; links of
    earlier runs are kept. A README.md that somebody wrote is left alone. Raises DatasetError when OUT_DIR holds another
    data set.
    """
    require_ours(out_dir)
    earlier = read_description(out_dir)
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
    if not _is_written(out_dir / "README.md"):
        write_text(out_dir / "README.md", README)


def _is_written(readme: Path) -> bool:
    """Whether there is a README that is more than the beginning of ours, or zeros, as a full disk leaves behind."""
    content = readme.read_bytes() if readme.is_file() else b""
    return not README.encode().startswith(content) and b"\0" not in content
