"""The page being written: its folders and the settings of the run."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bids_app.bids.derivatives import read_sidecar
from bids_app.bids.entities import build_name
from bids_app.bids.geometry_base import Geometry
from bids_app.report import html
from bids_app.report.figures import draw_maps, embedded, note_of, save, why_not_drawn
from bids_app.report.interactive.collection import Collection
from bids_app.report.interactive.maps import InteractiveMap
from bids_app.report.panels import Panel
from bids_app.report.regions import atlas_colours, atlas_networks
from bids_app.report.results import UNITS, Results
from bids_app.report.scales import Colouring, network_colours
from bids_app.text_files import read_text

_ENDINGS = ("png", "svg")  # each figure is there for screens and slides, and for papers
DEFAULT_THRESHOLD = 2.3  # |z| across the brain from which a map counts as active


@dataclass(frozen=True)
class Page:
    """One report: OUT_DIR, the folder of its figures, the participant (None for the group), the settings of the run.

    `maps` gathers what is drawn, for the interactive view; `networks` keeps the names of all networks of an analysis.
    """

    out_dir: Path
    figures: Path
    participant: str | None
    settings: dict[str, Any] = field(default_factory=dict)
    maps: Collection = field(default_factory=Collection)
    networks: dict[tuple[tuple[str, str], ...], list[str]] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """|z| from which maps are coloured, as in the analysis."""
        return float(self.settings.get("threshold", DEFAULT_THRESHOLD))

    @property
    def top_percent(self) -> float | None:
        """The percentage of the brain that the analysis used instead of a threshold, or None."""
        value = self.settings.get("top_percent")
        return None if value is None else float(value)

    def network_colours(self, results: Results, names: Sequence[str]) -> dict[str, str]:
        """A colour for each network, the same wherever the page shows it.

        It is that of the atlas stored in OUT_DIR for the space of the analysis. Where that has none, it follows from
        the place of the network among all networks, not among those that one figure names.
        """
        everyone = list(dict.fromkeys([*self._all_networks(results), *names]))
        colours = network_colours(everyone, atlas_colours(self.out_dir, results.entities))
        by_name = dict(zip(everyone, colours, strict=True))
        return {name: by_name[name] for name in names}

    def _all_networks(self, results: Results) -> list[str]:
        """All networks of an analysis: those of the stored atlas, or else of the table of links."""
        key = (*results.entities.items(), ("atoms", results.atoms))
        if key not in self.networks:
            table = results.table(results.atoms)
            linked: list[str] = [] if table is None or "network" not in table else table["network"].astype(str).tolist()
            self.networks[key] = atlas_networks(self.out_dir, results.entities) or list(dict.fromkeys(linked))
        return self.networks[key]

    def add(self, figure: Figure, results: Results, desc: str, *, alt: str, caption: str, ending: str = "png") -> str:
        """Write a figure, as PNG and as SVG, and return its HTML, which holds the one with `ending`."""
        subject = {} if self.participant is None else {"sub": self.participant}
        entities = {**subject, **results.entities, "desc": desc}
        paths = {one: save(figure, self.figures / build_name(entities, "figure", f".{one}")) for one in _ENDINGS}
        links = {one.upper(): path.relative_to(self.out_dir).as_posix() for one, path in paths.items()}
        return html.image(embedded(paths[ending]), alt, caption, links, float(figure.get_size_inches()[0]))

    def add_maps(
        self,
        panels: Sequence[Panel],
        geometry: Geometry,
        colouring: Colouring,
        results: Results,
        desc: str,
        caption: str,
    ) -> str:
        """Write a figure of maps and return its HTML, or a sentence with the reason why there is none."""
        for panel in panels:
            self.offer(results, panel, geometry, colouring)
        reason = why_not_drawn(geometry, colouring)
        if reason:
            return html.missing(f"{reason} {caption}")
        caption = f"{caption} {note_of(geometry)}".strip()
        shown = " and ".join(panel.title for panel in panels)
        alt = f"{UNITS[geometry.kind].capitalize()} coloured by value: {shown}. {caption}"
        return self.add(draw_maps(panels, geometry, colouring), results, desc, alt=alt, caption=caption)

    def offer(
        self,
        results: Results,
        panel: Panel,
        geometry: Geometry,
        colouring: Colouring,
        family: str = "",
        threshold: float = 0.0,
    ) -> None:
        """Offer a map in the interactive view."""
        threshold = threshold or getattr(colouring, "hidden_below", 0.0)
        one = InteractiveMap(
            panel.title, "", panel.values, geometry, colouring, panel.passing, family=family, threshold=threshold
        )
        self.maps.offer(results, one)

    def link(self, path: Path, text: str) -> str:
        """A link to a file in OUT_DIR."""
        return html.link(path.relative_to(self.out_dir).as_posix(), text)

    def file(self, path: Path) -> str:
        """A link to the file of a table, and what its columns mean, from its sidecar, folded."""
        described = {
            name: str(column["Description"])
            for name, column in read_sidecar(path).items()
            if isinstance(column, dict) and "Description" in column
        }
        meanings = html.details("What the columns mean", html.definitions(described)) if described else ""
        return f"<p>{self.link(path, path.name)}</p>{meanings}"


def newest_settings(out_dir: Path, level: str, participant: str | None = None) -> Path | None:
    """The settings file of the last run of a level, or of any level if that one has none.

    For a participant, it is the last run that included them, because others may run in between.
    """
    files = sorted(path for path in (out_dir / "logs").glob("*.toml") if path.is_file())
    of_level = [path for path in files if path.stem.endswith(f"_{level}")]
    for path in reversed(of_level if participant else []):
        settings = read_settings(path)
        labels, excluded = (settings.get(key) or [] for key in ("participant_label", "exclude_participant_label"))
        if (not labels or participant in labels) and participant not in excluded:
            return path
    candidates = of_level or files
    return candidates[-1] if candidates else None


def read_settings(path: Path) -> dict[str, Any]:
    """The settings of a run from its file in OUT_DIR/logs; none if it is damaged: a page needs them for words alone."""
    try:
        return tomllib.loads(read_text(path))
    except ValueError:  # FileError is one
        return {}


def open_page(out_dir: Path, participant: str | None) -> Page:
    """Prepare the report of a participant, or of the group if `participant` is None.

    The settings are those of the participant level, which made the results.
    """
    folder = out_dir / ("group" if participant is None else f"sub-{participant}") / "figures"
    path = newest_settings(out_dir, "participant", participant)
    settings = {} if path is None else read_settings(path)
    return Page(out_dir, folder, participant, settings)
