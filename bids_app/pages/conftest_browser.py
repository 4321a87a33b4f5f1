"""Pages with known values, opened in headless Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bids_app.bids.derivatives import write_sidecar, write_table
from bids_app.bids.geometry import SurfaceGeometry, VolumeGeometry
from bids_app.pages.participant import write_participant_report
from bids_app.report.conftest import NETWORKS, N, Writer, links_table, write_surface

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


def labels_of(n_targets: int) -> Any:
    """Network of each target, from 1, and 0 for none: every target differs from the next."""
    return (np.arange(n_targets) % (len(NETWORKS) + 1)).astype(float)


def write_atlas(out_dir: Path, geometry: SurfaceGeometry | VolumeGeometry) -> None:
    """Store an atlas of three networks in OUT_DIR."""
    target = out_dir / "atlases" / f"space-{geometry.space}_desc-atlas_dseg"
    for path in geometry.save(labels_of(geometry.n_targets)[None], target, ["network"]):
        write_sidecar(path, [], {}, extra={"Networks": list(NETWORKS), "Atlas": "mine"})


def write_words(out_dir: Path) -> None:
    """What drives four atoms: words, passages, share of the nuisance band, time courses."""
    enrichment = [
        {
            "atom": atom,
            "kind": "word",
            "item": f"word{atom}x{rank}",
            "count": 9,
            "mean": 9 - rank,
            "p": 0.001,
            "q": 0.01,
        }
        for atom in range(1, 5)
        for rank in range(3)
    ]
    passage = {"story": "tale", "onset": 3.5, "passage": "the *furry* cat < dog"}
    passages = [{"atom": atom, "direction": "highest", "rank": 1, "value": 5.0, **passage} for atom in range(1, 5)]
    nuisance = [
        {"atom": atom, "r2": atom / 5, "explained": atom == 4, "strongest": "wordrate", "wordrate": 0.5}
        for atom in range(1, 5)
    ]
    for suffix, rows in (("enrichment", enrichment), ("passages", passages), ("nuisance", nuisance)):
        write_table(out_dir / f"model-gpt2_desc-atoms_{suffix}.tsv", pd.DataFrame(rows))
    values = {f"atom-{atom:02d}": np.sin(np.arange(40) / atom) for atom in range(1, 5)}
    words = pd.DataFrame({"onset": np.arange(40) * 2.0, "word": [f"w{n}" for n in range(40)], **values})
    words.loc[3, "onset"] = np.nan  # an unaligned word
    path = out_dir / "stimuli" / "tale_model-gpt2_desc-atoms_words.tsv.gz"
    write_table(path, words)
    write_sidecar(path, [], {}, columns=dict.fromkeys(words.columns, "a column"))


def write_evidence(write: Writer) -> None:
    """A panel with a check of each outcome."""
    outcomes = {"held out": "passed", "nuisance band": "failed", "untrained model": "open"}
    rows = [
        {"claim": "brain score", "check": check, "value": 0.1, "measure": "mean held-out r", "outcome": outcome}
        | {"reason": "because & so"}
        for check, outcome in outcomes.items()
    ]
    write.table("evidence", pd.DataFrame(rows))


@pytest.fixture(scope="session")
def surface_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a participant on fsaverage5, with atlas, cards and evidence."""
    out_dir = tmp_path_factory.mktemp("surface")
    geometry = SurfaceGeometry("fsaverage5", N, N)
    write_surface(out_dir)
    write_atlas(out_dir, geometry)
    write_words(out_dir)
    write_evidence(Writer(out_dir, geometry))
    return write_participant_report(out_dir, "001")


@pytest.fixture(scope="session")
def volume_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a participant in a volume whose axes run to the left, back and top."""
    out_dir = tmp_path_factory.mktemp("volume")
    mask = np.zeros((12, 14, 10), dtype=bool)
    mask[1:11, 2:13, 1:9] = True
    affine = np.diag([-6.0, -6.0, 6.0, 1.0])
    affine[:3, 3] = [33, 40, -20]
    geometry = VolumeGeometry("MNI152NLin2009cAsym", affine, mask)
    rng = np.random.default_rng(3)
    write = Writer(out_dir, geometry)
    r = rng.normal(0.1, 0.05, (1, geometry.n_targets))
    write.maps("brainscore", "r", r, ["layer-01"])
    write.maps("brainscore", "q", np.where(r > 0.1, 0.01, 0.5), ["layer-01"])
    write.maps("atoms", "z", rng.standard_normal((4, geometry.n_targets)), [f"atom-{n:02d}" for n in range(1, 5)])
    write.table("atoms", links_table())
    write_atlas(out_dir, geometry)
    return write_participant_report(out_dir, "001")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Headless Chromium with graphics in software."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright (extra `test`)")
    path = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if path is None:
        pytest.skip("needs Chromium")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


class Browser:
    """A page in Chromium, with all that it said and all that it asked for."""

    def __init__(self, chromium: Any, path: Path, **context: Any) -> None:
        """Open a page; `context` are options of the window."""
        self.page = chromium.new_context(viewport={"width": 1440, "height": 900}, **context).new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(path.as_uri())

    def text(self, selector: str) -> str:
        """The text that a reader sees of an element."""
        return str(self.page.inner_text(selector))

    def choose(self, label: str) -> None:
        """Choose a map of the interactive view."""
        self.page.select_option("#view-map", label=label)

    def threshold(self, thousandths: int) -> None:
        """Move the threshold to a share of the largest value."""
        self.page.eval_on_selector(
            "#view-threshold", "(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", thousandths
        )
