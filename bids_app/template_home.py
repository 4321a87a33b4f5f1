"""TemplateFlow's own folder and its files."""

import os
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_dir


def template_home() -> Path:
    """TemplateFlow's own folder, found without importing TemplateFlow, which would create the folder."""
    return Path(os.environ.get("TEMPLATEFLOW_HOME") or user_cache_dir("templateflow")).absolute()


def local_template(name: str, folders: Sequence[Path] = ()) -> Path | None:
    """A file of TemplateFlow in one of the folders or in TemplateFlow's own; None if it is in none of them."""
    paths = (home / template_folder(name) / name for home in (*folders, template_home()))
    return next((path for path in paths if is_there(path)), None)


def is_there(path: Path) -> bool:
    """Whether a file has content; files not yet downloaded exist but are empty."""
    return path.is_file() and path.stat().st_size > 0


def template_folder(name: str) -> str:
    """The folder of a file in TemplateFlow: `tpl-fsLR` of `tpl-fsLR_den-32k_….surf.gii`."""
    return name.split("_", maxsplit=1)[0]
