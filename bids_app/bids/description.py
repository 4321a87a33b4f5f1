"""The description of OUT_DIR: dataset_description.json, .bidsignore, README.md."""

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
_DRIVERS = ("*_words.*", "*_passages.*", "*_enrichment.*", "*_nuisance.*")
_TABLES = ("*_networks.*", "*_loadings.*", "*_families.*", "*_members.*", "sub-*_timeseries.*", *_DRIVERS)
IGNORED = ("*_statmap.*", *_TABLES, "*.html", "figures", "group", "atlases")


def read_description(folder: Path) -> dict[str, object]:
    """Content of dataset_description.json; empty without one. Raises DatasetError if it is invalid."""
    path = folder / "dataset_description.json"
    return read_json(path) if os.path.lexists(path) else {}


def data_set_of(folder: Path) -> dict[str, str]:
    """`Name` and `DOI` by which a data set is known wherever it is mounted, as far as its description states them."""
    try:
        description = read_description(folder)
    except DatasetError:  # reported where the description is needed
        return {}
    stated = {key: description.get(field) for key, field in (("Name", "Name"), ("DOI", "DatasetDOI"))}
    return {key: value.strip() for key, value in stated.items() if isinstance(value, str) and value.strip()}


def is_same_data_set(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two results of `data_set_of` may be of one data set: versions of one DOI, else the same name.

    What one of them does not state distinguishes nothing.
    """
    for key, plain in (("DOI", _without_version), ("Name", _in_plain_words)):
        if key in one and key in other:
            return plain(one[key]) == plain(other[key])
    return True


def _without_version(doi: str) -> str:
    return re.sub(r"^(https?://(dx\.)?doi\.org/|doi:\s*)|\.v\d[\d.]*$", "", doi.lower())


def _in_plain_words(name: str) -> str:
    return " ".join(name.casefold().split())


def _source(folder: Path) -> dict[str, str]:
    source = {"URL": folder.absolute().as_uri()}
    if doi := data_set_of(folder).get("DOI", ""):
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
    if PIPELINE in _pipelines(description):
        return
    if description:
        title = description.get("Name", "without a name")
        raise DatasetError(f"{out_dir} holds another data set ({title}), not outputs of {PIPELINE}: {wanted}.")
    if foreign:
        raise DatasetError(f"OUT_DIR {out_dir} holds other files ({listed(foreign, 5)}): {wanted}.")


def is_made_here(folder: Path) -> bool:
    """Whether a folder holds outputs of this pipeline."""
    try:
        return PIPELINE in _pipelines(read_description(folder))
    except DatasetError:
        return False


def _pipelines(description: Mapping[str, object]) -> list[object]:
    generated = description.get("GeneratedBy")
    return [entry.get("Name") for entry in generated if isinstance(entry, dict)] if isinstance(generated, list) else []


def linked_folders(out_dir: Path) -> dict[str, Path]:
    """Names and folders of the derivatives that OUT_DIR links, as far as they are here."""
    try:
        links = read_description(out_dir).get("DatasetLinks")
    except DatasetError:
        return {}
    uris = {name: str(uri) for name, uri in links.items()} if isinstance(links, dict) else {}
    folders = {name: Path(unquote(urlsplit(uri).path)) for name, uri in uris.items() if uri.startswith("file:")}
    return {name: folder for name, folder in folders.items() if name != "raw" and folder.is_dir()}


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
