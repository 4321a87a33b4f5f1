"""The description of OUT_DIR: dataset_description.json, .bidsignore, README.md."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from bids_app import __version__
from bids_app.atomic import write_text
from bids_app.bids.catalogue import Output
from bids_app.bids.catalogue_text import readme
from bids_app.bids.container import container
from bids_app.bids.derivatives import write_json
from bids_app.bids.errors import DatasetError
from bids_app.bids.text import is_there, read_json, read_json_content
from bids_app.wording import listed

PIPELINE = "neurons2networks"
BIDS_VERSION = "1.10.0"

# Only files that the validator does not know.
_TABLES = ("*_networks.*", "*_loadings.*", "*_families.*", "*_members.*", "sub-*_timeseries.*")
IGNORED = ("*_statmap.*", *_TABLES, "*.html", "figures", "group", "atlases")


def read_description(folder: Path) -> dict[str, object]:
    """Content of dataset_description.json; empty without one. Raises DatasetError if it is invalid."""
    path = folder / "dataset_description.json"
    return read_json(path) if os.path.lexists(path) else {}


def _source(folder: Path) -> dict[str, str]:
    try:
        description = read_description(folder)
    except DatasetError:  # the link itself counts
        description = {}
    source = {"URL": folder.absolute().as_uri()}
    doi = description.get("DatasetDOI")
    if isinstance(doi, str) and doi:
        source["DOI"] = doi
        source["Version"] = doi.rpartition(".v")[2] if ".v" in doi else ""
    return {key: value for key, value in source.items() if value}


def require_description(bids_dir: Path) -> None:
    """Raise DatasetError, with a sentence for each reason, if a folder does not declare itself a BIDS data set."""
    path = bids_dir / "dataset_description.json"
    advice = "if this is intended, add --skip-bids-validation"
    try:
        content = read_json_content(path) if is_there(path) else None
    except DatasetError as error:
        raise DatasetError(f"{str(error).rstrip('.')}; {advice}") from None
    if content is None or (isinstance(content, dict) and "BIDSVersion" not in content):
        raise DatasetError(
            f"{bids_dir} has no dataset_description.json with a BIDSVersion: is it the root of a BIDS data "
            "set? If this is intended, add --skip-bids-validation"
        )
    if not isinstance(content, dict):
        raise DatasetError(f'{path} must hold an object, such as {{"Name": …, "BIDSVersion": "1.10.0"}}; {advice}')


def require_ours(out_dir: Path, foreign: Sequence[str] = ()) -> None:
    """Raise DatasetError if OUT_DIR is another data set, or holds `foreign` files: neither may be overwritten."""
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


def write_dataset_description(out_dir: Path, links: Mapping[str, Path], outputs: Sequence[Output]) -> None:
    """Write dataset_description.json, .bidsignore and README.md into OUT_DIR.

    `links` are the data sets read: the names used in BIDS URIs (`raw`, `fmriprep`, …) and their folders; links of
    earlier runs are kept. README.md describes `outputs`, those of all analyses; a README by the user is kept.
    Raises DatasetError if OUT_DIR holds another data set.
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
    text = readme(outputs)
    if not _is_written(out_dir / "README.md", text):
        write_text(out_dir / "README.md", text)


def _is_written(path: Path, ours: str) -> bool:
    """Whether a README exists that is not a truncated version of ours, or zeros, as a full disk leaves behind."""
    content = path.read_bytes() if path.is_file() else b""
    return not ours.encode().startswith(content) and b"\0" not in content
