"""The folders that a run reads and writes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bids_app.shared_options.run import Places


@dataclass(frozen=True)
class RunFolders:
    """The folders that a run reads and writes.

    Attributes
    ----------
    bids_dir : BIDS_DIR, which is only read
    out_dir : OUT_DIR
    work : the work directory, `--work-dir` or a folder in OUT_DIR
    database : `--bids-database-dir`, None without
    """

    bids_dir: Path
    out_dir: Path
    work: Path
    database: Path | None = None

    @classmethod
    def of(cls, settings: Places) -> RunFolders:
        """Those of a run's settings."""
        return cls(settings.bids_dir, settings.out_dir, settings.work, settings.bids_database_dir)

    @property
    def written(self) -> dict[str, Path]:
        """The folders that the run writes into, by the names that messages give them."""
        others = {"--work-dir": self.work, "--bids-database-dir": self.database}
        inside = self.out_dir / ".work"
        return {"OUT_DIR": self.out_dir} | {
            name: folder for name, folder in others.items() if folder not in (None, inside)
        }
