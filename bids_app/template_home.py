"""TemplateFlow's own folder, and whether a file of it is there."""

import os
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_dir


def template_home() -> Path:
    """TemplateFlow's own folder, asked without importing it, which would lay it out where there is none."""
    return Path(os.environ.get("TEMPLATEFLOW_HOME") or user_cache_dir("templateflow")).absolute()


def local_template(name: str, folders: Sequence[Path] = ()) -> Path | None:
    """A file of TemplateFlow below one of the folders or below its own, None where it is in none of them."""
    paths = (home / template_folder(name) / name for home in (*folders, template_home()))
    return next((path for path in paths if is_there(path)), None)


def is_there(path: Path) -> bool:
    """Whether a file has content: those that were not downloaded yet stand there empty."""
    return path.is_file() and path.stat().st_size > 0


def template_folder(name: str) -> str:
    """The folder of a file in TemplateFlow: `tpl-fsLR` of `tpl-fsLR_den-32k_….surf.gii`."""
    return name.split("_", maxsplit=1)[0]
