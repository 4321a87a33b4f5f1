"""The container that the app may run in: its type, and its mounted folders."""

import os
from pathlib import Path

from bids_app.disk import existing

# Set inside the container image, to the tag of the image.
CONTAINER_TAG = "N2N_CONTAINER_TAG"

_MOUNTS = {"docker": "-v FOLDER:{folder}", "apptainer": "--bind FOLDER:{folder}"}


def container() -> dict[str, str] | None:
    """Type and tag of the current container according to the environment; None outside a container."""
    tag = os.environ.get(CONTAINER_TAG)
    if not tag:
        return None
    inside_apptainer = bool({"APPTAINER_CONTAINER", "SINGULARITY_CONTAINER"} & set(os.environ))
    return {"Type": "apptainer" if inside_apptainer else "docker", "Tag": tag}


def mount_advice(folder: Path, otherwise: str) -> str:
    """Advice for an unexpected folder: mount it in a container, `otherwise` outside one.

    >>> mount_advice(Path("/data"), "check the path")
    'check the path'
    """
    image = container()
    if image is None:
        return otherwise
    return f"is the volume mounted ({_MOUNTS[image['Type']].format(folder=folder)})?"


def goes_with_container(folder: Path) -> bool:
    """Whether a folder, or its future parent, lies in the container itself and disappears with it."""
    return container() is not None and existing(folder).stat().st_dev == Path("/").stat().st_dev
