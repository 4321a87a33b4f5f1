"""Figures of maps, whatever the geometry, and how any figure is written."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from PIL import Image

from bids_app.atomic import atomic_path
from bids_app.bids.geometry import ParcelGeometry, SurfaceGeometry, VolumeGeometry
from bids_app.bids.geometry_base import Geometry
from bids_app.report import grayordinates, parcels, surfaces, volumes
from bids_app.report.panels import Panel, Picture
from bids_app.report.scales import Categories, Colouring, Scale

Array = npt.NDArray[Any]

WIDTH_INCHES = 10.0
_DOTS_PER_INCH = 165  # a page of 1,000 pixels on a screen of higher density
_TITLE_INCHES = 0.28
_KEY_INCHES = 1.4
_LABEL_POINTS = 8.0  # of the names of pictures
_STRIP_PIXELS = 560  # width of a small picture

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "0.4",
    "xtick.color": "0.3",
    "ytick.color": "0.3",
    "text.color": "0.15",
    "axes.labelcolor": "0.15",
    "svg.fonttype": "path",
    "svg.hashsalt": "neurons2networks",  # the same figure gives the same file
}


@contextmanager
def style() -> Iterator[None]:
    """Draw in the look of the report; matplotlib's own settings are as before afterwards."""
    with matplotlib.rc_context(STYLE):
        yield


def why_not_drawn(geometry: Geometry, colouring: Colouring) -> str | None:
    """Say why maps cannot be drawn, or None when they can."""
    return _DRAWERS[geometry.kind].why_not(geometry, colouring)


def draw_maps(panels: Sequence[Panel], geometry: Geometry, colouring: Colouring) -> Figure:
    """Maps of one geometry with one key. Raises ValueError where `why_not_drawn` gives a reason."""
    reason = why_not_drawn(geometry, colouring)
    if reason:
        raise ValueError(reason)
    return _DRAWERS[geometry.kind].draw(panels, geometry, colouring)


def note_of(geometry: Geometry) -> str:
    """What a caption says of targets that a figure does not show; empty where it shows all."""
    return _DRAWERS[geometry.kind].note(geometry)


def pictures(panel: Panel, geometry: Geometry, colouring: Colouring) -> list[Picture]:
    """One map from all sides, or in slices; empty for parcels and where maps cannot be drawn."""
    drawer = _DRAWERS[geometry.kind]
    if drawer.paint is None or drawer.why_not(geometry, colouring):
        return []
    return drawer.paint(panel, geometry, colouring)


@dataclass(frozen=True)
class Drawer:
    """How one kind of data is drawn: why not, the figure, what a caption says is not shown, pictures of one map."""

    why_not: Callable[[Any, Colouring], str | None]
    draw: Callable[[Sequence[Panel], Any, Colouring], Figure]
    note: Callable[[Any], str]
    paint: Callable[[Panel, Any, Colouring], list[Picture]] | None = None


Paint = Callable[[Panel, Any, Colouring], list[Picture]]


def _by_rows(paint: Paint) -> Callable[[Sequence[Panel], Any, Colouring], Figure]:
    """Draw a row of pictures for each map."""

    def draw(panels: Sequence[Panel], geometry: Any, colouring: Colouring) -> Figure:
        return draw_rows(panels, [paint(panel, geometry, colouring) for panel in panels], colouring)

    return draw


def _paint_surface(panel: Panel, geometry: SurfaceGeometry, colouring: Colouring) -> list[Picture]:
    n_left, mesh = geometry.n_vertices_left, _mesh_of(geometry) or ""
    pictures = surfaces.paint(panel.values, n_left, colouring, panel.passing, mesh)
    names = [f"{hemisphere} {side}" for hemisphere, side in surfaces.VIEWS]
    regions = None if panel.outline is None else surfaces.cover(panel.outline, n_left, mesh)
    filled: Sequence[Array | None] = regions or [None] * len(names)
    return [Picture(*one) for one in zip(names, pictures, filled, strict=True)]


def _paint_volume(panel: Panel, geometry: VolumeGeometry, colouring: Colouring) -> list[Picture]:
    slices = volumes.paint(panel.values, geometry, colouring, panel.passing)
    names = [f"L  {height} mm  R" for height, _ in slices]
    regions = None if panel.outline is None else volumes.cover(panel.outline, geometry)
    filled: Sequence[Array | None] = regions or [None] * len(names)
    return [Picture(*one) for one in zip(names, (picture for _, picture in slices), filled, strict=True)]


def _draw_parcels(panels: Sequence[Panel], geometry: ParcelGeometry, colouring: Colouring) -> Figure:
    assert isinstance(colouring, Scale)
    return parcels.draw(panels, geometry.names, colouring)


def _why_no_surface(geometry: SurfaceGeometry, _: Colouring) -> str | None:
    return None if _mesh_of(geometry) else surfaces.why_no_mesh(geometry.space, geometry.n_vertices_left)


_NO_PARCELS = (
    "Networks of parcels are not drawn, because parcels have no positions here; the column `network` of the tables "
    "names the network of each."
)


def _why_no_parcels(_: ParcelGeometry, colouring: Colouring) -> str | None:
    return _NO_PARCELS if isinstance(colouring, Categories) else None


def _mesh_of(geometry: SurfaceGeometry) -> str | None:
    left, right = geometry.n_vertices_left, geometry.n_vertices_right
    return surfaces.mesh_of(geometry.space, left) if left == right else None


def _says_nothing(_: Geometry) -> str:
    return ""


_DRAWERS = {
    "surface": Drawer(_why_no_surface, _by_rows(_paint_surface), _says_nothing, _paint_surface),
    "volume": Drawer(lambda *_: None, _by_rows(_paint_volume), _says_nothing, _paint_volume),
    "cifti": Drawer(
        lambda geometry, _: grayordinates.why_not_drawn(geometry),
        _by_rows(grayordinates.paint),
        grayordinates.what_is_left_out,
        grayordinates.paint,
    ),
    "parcels": Drawer(_why_no_parcels, _draw_parcels, _says_nothing),
}


def draw_rows(panels: Sequence[Panel], rows: Sequence[Sequence[Picture]], colouring: Colouring) -> Figure:
    """Rows of pictures, one row per map, the key to their right."""
    span = WIDTH_INCHES - _KEY_INCHES
    inch = span / sum(picture.pixels.shape[1] for picture in rows[0])  # inches per pixel
    tall = max(picture.pixels.shape[0] for picture in rows[0]) * inch
    labels = _labels(rows[-1], inch)
    n_lines = max(label.count("\n") for label in labels) + 1
    height = len(rows) * (tall + _TITLE_INCHES) + _TITLE_INCHES * 0.7 + (n_lines - 1) * _LABEL_POINTS * 1.2 / 72
    figure = Figure(figsize=(WIDTH_INCHES, height))
    axes = figure.add_axes((0, 0, 1, 1))  # for all pictures, in inches: axes of their own would take longer to draw
    axes.set_axis_off()
    for number, (panel, pictures) in enumerate(zip(panels, rows, strict=True)):
        top = height - number * (tall + _TITLE_INCHES) - _TITLE_INCHES
        axes.text(0.04, top + 0.07, panel.title, weight="bold", size=10)
        left = 0.0
        for picture, label in zip(pictures, labels, strict=True):
            _draw_picture(axes, picture, left, top - tall / 2, inch)
            wide = picture.pixels.shape[1] * inch
            if number == len(rows) - 1:
                axes.text(left + wide / 2, 0.05, label, ha="center", size=_LABEL_POINTS, color="0.4")
            left += wide
    axes.set(xlim=(0, WIDTH_INCHES), ylim=(0, height))
    _add_key(figure, colouring, span, tall, height)
    return figure


def _labels(pictures: Sequence[Picture], inch: float) -> list[str]:
    """The labels under a row of pictures, their words in lines if one would reach into the next picture."""
    letter = 0.6 * _LABEL_POINTS / 72
    fits = all((len(picture.label) + 1) * letter <= picture.pixels.shape[1] * inch for picture in pictures)
    return [picture.label if fits else picture.label.replace(" ", "\n") for picture in pictures]


def _draw_picture(axes: Any, picture: Picture, left: float, middle: float, inch: float) -> None:
    """Put a picture where it begins at the left and has its middle in height, its pixels being so many inches."""
    height, width = picture.pixels.shape[0] * inch, picture.pixels.shape[1] * inch
    place = (left, left + width, middle - height / 2, middle + height / 2)
    pixels = (picture.pixels * 255).round().astype(np.uint8)
    axes.imshow(pixels, interpolation="antialiased", extent=place, aspect="auto")
    if picture.region is not None and picture.region.max() > 0.5 > picture.region.min():
        axes.contour(picture.region, levels=[0.5], colors=["0.1"], linewidths=1.0, extent=place, origin="upper")


def _add_key(figure: Figure, colouring: Colouring, left: float, tall: float, height: float) -> None:
    """The key at the right, in the middle of the rows and no taller than one and a half of them (inches)."""
    extent = min(1.5 * tall, height - 2 * _TITLE_INCHES, 2.2)
    extent = max(extent, 0.9)
    bottom = (height - extent) / 2
    wide = 0.13
    axes = figure.add_axes(((left + 0.15) / WIDTH_INCHES, bottom / height, wide / WIDTH_INCHES, extent / height))
    colouring.draw_key(axes)


def save(figure: Figure, path: Path) -> Path:
    """Write a figure, as PNG, SVG or PDF by its ending; without dates, so that the same figure is the same file."""
    options: dict[str, Any] = {"metadata": {"CreationDate" if path.suffix == ".pdf" else "Date": None}}
    if path.suffix == ".png":
        options = {"metadata": {"Software": None}, "pil_kwargs": {"compress_level": 3}, "dpi": _DOTS_PER_INCH}
    with style(), atomic_path(path) as partial:
        figure.savefig(partial, facecolor="white", **options)
    return path


def strip(panel: Panel, geometry: Geometry, colouring: Colouring) -> str:
    """One map as a small picture without letters, as a data URI; "" where maps cannot be drawn."""
    row = [picture.pixels for picture in pictures(panel, geometry, colouring)]
    if not row:
        return ""
    tall = max(pixels.shape[0] for pixels in row)
    padded = [np.pad(pixels, ((0, tall - pixels.shape[0]), (0, 0), (0, 0))) for pixels in row]
    pixels = (np.concatenate(padded, axis=1) * 255).round().astype(np.uint8)
    image = Image.fromarray(pixels)
    image.thumbnail((_STRIP_PIXELS, _STRIP_PIXELS))
    return _webp(image)


def embedded(path: Path) -> str:
    """A picture as a data URI; a PNG becomes a WebP, an eighth of the size for maps."""
    if path.suffix == ".svg":
        return f"data:image/svg+xml;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
    with Image.open(path) as image:
        return _webp(image.convert("RGB"))


def _webp(image: Image.Image) -> str:
    """A picture as a data URI; the loss cannot be seen, and the same picture gives the same text."""
    content = io.BytesIO()
    image.save(content, "WEBP", quality=88, method=2)
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode('ascii')}"


def spread(values: Array) -> float:
    """Standard deviation over the targets that have a value, 0 when none has."""
    finite = values[np.isfinite(values)]
    return float(finite.std()) if finite.size else 0.0
