"""Inputs, by reader, that once raised an error not of the package, and similar inputs."""

from bids_app import conftest_images as images
from tests import fuzz_seeds as seeds

_HUGE = b"9" * 400  # a whole number that JSON can hold and a float cannot
_DEEP = b'{"a":' * 3000
_LABELS = images.cifti_xml(seeds.LABEL_FILE)
_SERIES = images.cifti_xml(seeds.SERIES_FILE)
_SIZE = b'SurfaceNumberOfVertices="642"'
_SURFACE = images.gifti(list(seeds.DATA), "GIFTI_ENCODING_ASCII")

CASES: dict[str, tuple[bytes, ...]] = {
    "sidecar": (
        b'{"RepetitionTime": %s}' % _HUGE,
        b'{"VolumeTiming": [0, %s]}' % _HUGE,
        b'{"VolumeTiming": [0, %s, -%s]}' % (_HUGE, _HUGE),
        b'{"SamplingFrequency": 1e-320}',
    ),
    "manifest": (
        b'{"models": {}, "files": {"manifest.json": "12"}}',
        b'{"models": {}, "files": {"manifest.json": null}}',
        b'{"models": [["gpt2", "abc"]], "files": {}}',
        _DEEP,
    ),
    "kept manifest": (_DEEP, b"[]", b'{"kept.npy": []}'),
    "weights index": (b"{}", _DEEP, b'{"weight_map": {"a": "../a.safetensors"}}'),
    "model configuration": (b"", b'{"model_type": "gpt2", "n_layer": %s}' % _HUGE, b'{"model_type": 1}'),
    "safetensors": (b"", b"\xff" * 16),
    "mask table": (b"index\tname\n1\t" + b"x" * 140_000, b"name\n\x85P1\n", b"\tname\n\tP1\n"),
    "gifti": tuple(
        _SURFACE.replace(b'Dimensionality="1"', b'Dimensionality="%s"' % size)
        for size in (b"9" * 30, b"-1", b"7", b"x")
    ),
    "atlas grayordinates": (b"", seeds.LABEL_FILE[:-8]),
    "atlas grayordinates, described wrongly": (
        _LABELS.replace(_SIZE, b""),
        _LABELS.replace(_SIZE, b'SurfaceNumberOfVertices="9"'),
        _LABELS.replace(b'Red="1"', b'Red="nan"'),
    ),
    "cifti, described wrongly": (
        _SERIES.replace(_SIZE, b""),
        _SERIES.replace(_SIZE, b'SurfaceNumberOfVertices="9"'),
        _SERIES.replace(b'VolumeDimensions="2,2,2"', b'VolumeDimensions="1,1,1"'),
        _SERIES.replace(b'VolumeDimensions="2,2,2"', b'VolumeDimensions="9999,9999,9999"'),
        _SERIES.replace(_SIZE, b'SurfaceNumberOfVertices="2147483647"'),
        _SERIES.replace(b'SeriesExponent="0"', b'SeriesExponent="999999999"'),
        _SERIES.replace(b'SeriesExponent="0"', b'SeriesExponent="-999999999"'),
        _SERIES.replace(b'NumberOfSeriesPoints="5"', b'NumberOfSeriesPoints="9999999999"'),
    ),
    "header of grayordinates, described wrongly": (
        _SERIES.replace(b'SeriesExponent="0"', b'SeriesExponent="999999999"'),
    ),
}
