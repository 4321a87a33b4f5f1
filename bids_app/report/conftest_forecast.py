"""A made-up forecast in OUT_DIR for the tests of this package: known curves, written with the real writers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from bids_app.bids.derivatives import output_path, write_sidecar, write_table
from bids_app.bids.geometry_base import Geometry
from bids_app.bids.outputs import SidecarFields, write_maps

Array = npt.NDArray[Any]
Regions = Mapping[str, Mapping[str, Array]]

TESTED = 8
_WIDTH = 7.0
_SPACES = ("total", "present", "future", "past")


@dataclass(frozen=True)
class Sample:
    """What is planted: where F has its peak (words, share of depth) and how high it is, each (n_targets,)."""

    geometry: Geometry
    regions: Regions  # atlas → region → targets (n_targets,) bool
    peak: Array
    gain: Array
    depth: Array
    n_participants: int = 6
    n_layers: int = 12
    model: str = "gpt2"
    noise: float = 0.01
    distances: tuple[int, ...] = tuple(range(-10, 31))
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def participants(self) -> dict[str, Array]:
        """Values per participant: forecast (n, n_d, V), random (n, 3, V), base, depth (n, n_layers, V), variance."""
        d = np.array(self.distances, dtype=float)[:, None]
        strength, late = self.rng.lognormal(0, 0.5, self.n_participants), self.rng.normal(0, 3, self.n_participants)
        curve = np.stack([
            gain * self.gain * np.exp(-((d - self.peak - shift) ** 2) / (2 * _WIDTH**2)) + 0.0012 * np.exp(-(d**2) / 18)
            for gain, shift in zip(strength, late, strict=True)
        ])  # fmt: skip
        layers = (np.arange(self.n_layers) + 1)[:, None] / self.n_layers
        depth = self.gain * (0.35 + 0.65 * np.exp(-((layers - self.depth) ** 2) / (2 * 0.2**2)))
        ceiling = 0.08 + 12 * np.maximum(self.gain, 0)
        variances = np.stack([1.4 * ceiling**2, 0.5 * ceiling**2, np.maximum(self.gain, 0) / 6, 0 * self.gain + 0.0002])
        return {
            "forecast": self._noisy(curve),
            "random": self._noisy(np.full((3, len(self.gain)), 0.0002)),
            "base": self._noisy(0.55 * ceiling[None]),
            "ceiling": self._noisy(ceiling[None]),
            "depth": self._noisy(depth),
            "variance": self._noisy(variances) * np.array([1, 0.3, 0.2, 0.2])[:, None] + variances * 0.5,
        }

    def _noisy(self, truth: Array) -> Array:
        """Every participant's version of maps (n_maps, V), with noise that neighbouring maps and all targets share."""
        shape = (self.n_participants, *truth.shape[-2:])
        noise = self.rng.standard_normal(shape)
        drift = np.cumsum(self.rng.standard_normal(shape), axis=1) / np.sqrt(shape[1])
        common = np.cumsum(self.rng.standard_normal((*shape[:2], 1)), axis=1) / np.sqrt(shape[1])
        noisy: Array = (truth + self.noise * (0.4 * noise + 0.5 * drift + 0.15 * common)).astype(np.float32)
        return noisy

    def write(self, out_dir: Path, descs: Sequence[str] = ("brainscore", "forecast", "depth", "variance")) -> None:
        """Write every participant and the group."""
        values = self.participants()
        for number in range(self.n_participants):
            values_of_participant = {name: array[number] for name, array in values.items()}
            _Participant(self, out_dir, {"sub": f"{number + 1:03d}"}).write(values_of_participant, descs)
        _Group(self, out_dir, {}).write(values, descs)


@dataclass(frozen=True)
class _Level:
    sample: Sample
    out_dir: Path
    subject: Mapping[str, str]

    def maps(self, desc: str, stat: str, values: Array, names: Sequence[str], model: bool = True, **extra: Any) -> None:
        entities = {**self.subject, "task": "pieman", "stat": stat, "desc": desc}
        if model:
            entities["model"] = self.sample.model
        values = np.atleast_2d(values).astype(np.float32)
        sidecar = SidecarFields([], {}, "made up", extra={"WordsPerVolume": 4.1, **extra})
        write_maps(self.out_dir, entities, self.sample.geometry, values, names, sidecar)

    def table(self, desc: str, rows: Sequence[Mapping[str, object]]) -> None:
        entities = {**self.sample.geometry.space_entities(), "task": "pieman", "model": self.sample.model, "desc": desc}
        path = output_path(self.out_dir, {**self.subject, **entities}, "networks", ".tsv")
        write_table(path, pd.DataFrame(rows))
        write_sidecar(path, [], {})

    @property
    def distance_names(self) -> list[str]:
        return [f"distance{d:+d}" for d in self.sample.distances]

    def regions(self) -> list[tuple[str, str, Array]]:
        named = [
            (atlas, name, where)
            for atlas, targets_of in self.sample.regions.items()
            for name, where in targets_of.items()
        ]
        return [("all", "all", np.ones(self.sample.geometry.n_targets, bool)), *named]


class _Participant(_Level):
    def write(self, values: Mapping[str, Array], descs: Sequence[str]) -> None:
        s = self.sample
        tested = s.distances.index(TESTED)
        if "brainscore" in descs:
            self.maps("brainscore", "r", values["base"], ["layer-08"])
            self.maps("brainscore", "q", np.where(values["base"] > 0.05, 0.01, 0.5), ["layer-08"])
            self.maps("noiseceiling", "r", values["ceiling"], ["ceiling"], model=False)
        if "forecast" in descs:
            q = np.where(values["forecast"][tested] > 0.012, 0.01, 0.5)
            self.maps("forecast", "q", q, ["distance+8"], TestedDistance=TESTED)
            self.maps("forecast", "r", values["forecast"], self.distance_names, Distances=s.distances, Window=7)
            self.maps("forecastrandom", "r", values["random"], ["random-1", "random-2", "random-3"])
            self.maps("forecastbase", "r", values["base"], ["present"])
            self.maps("forecastdistance", "d", np.array(s.distances)[values["forecast"].argmax(axis=0)], ["distance"])
            rows = []
            for atlas, region, where in self.regions():
                start = {"atlas": atlas, "region": region}
                start |= {"base": values["base"][0][where].mean()}
                for d, gains in zip(s.distances, values["forecast"], strict=True):
                    rows.append({**start, "window": "distance", "distance": d, "r": gains[where].mean()})
                rows.append({**start, "window": "random", "distance": np.nan, "r": values["random"][:, where].mean()})
            self.table("forecast", rows)
        if "depth" in descs:
            best = values["depth"].argmax(axis=0) + 1
            self.maps("forecastdepth", "r", values["depth"], _layer_names(s.n_layers), TestedDistance=TESTED)
            self.maps("forecastdepth", "k", best, ["layer"])
            self.maps("forecastdepth", "fraction", best / s.n_layers, ["fraction"])
            self.table(
                "forecastdepth",
                [
                    {"atlas": atlas, "region": region, "layer": k + 1, "fraction": (k + 1) / s.n_layers}
                    | {"r": values["depth"][k][where].mean()}
                    for atlas, region, where in self.regions()
                    for k in range(s.n_layers)
                ],
            )
        if "variance" in descs:
            self.maps("variance", "r2", values["variance"], _SPACES, FutureDistance=TESTED, PastDistance=-TESTED)


class _Group(_Level):
    def write(self, values: Mapping[str, Array], descs: Sequence[str]) -> None:
        if "brainscore" in descs:
            self.statistics("brainscore", values["base"], ["layer-08"])
            self.maps("noiseceiling", "mean", values["ceiling"].mean(axis=0), ["ceiling"], model=False)
            self.summary("brainscore", values["base"], "map", ["layer-08"])
        if "forecast" in descs:
            self.forecast(values)
        if "depth" in descs:
            self.depth(values["depth"])
        if "variance" in descs:
            self.statistics("variance", values["variance"], _SPACES, FutureDistance=TESTED, PastDistance=-TESTED)
            self.summary("variance", values["variance"], "space", _SPACES)

    def statistics(self, desc: str, values: Array, names: Sequence[str], **extra: Any) -> Array:
        p = np.asarray(stats.ttest_1samp(values, 0, axis=0).pvalue)
        q = np.stack([stats.false_discovery_control(np.nan_to_num(row, nan=1)) for row in p])
        self.maps(desc, "p", p, names, **extra)
        self.maps(desc, "q", q, names, **extra)
        self.maps(desc, "mean", values.mean(axis=0), names, **extra)
        return q

    def forecast(self, values: Mapping[str, Array]) -> None:
        s, d = self.sample, np.array(self.sample.distances)
        forecast = values["forecast"]
        self.statistics("forecast", forecast, self.distance_names, Distances=s.distances, Window=7)
        self.maps("forecastrandom", "mean", values["random"].mean(axis=0), ["random-1", "random-2", "random-3"])
        self.maps("forecastbase", "mean", values["base"].mean(axis=0), ["present"])
        difference = (forecast[:, s.distances.index(TESTED)] - forecast[:, s.distances.index(0)])[:, None]
        q = self.statistics("forecastcontrast", difference, ["contrast"], TestedDistance=TESTED)
        maps = np.stack([d[forecast.mean(axis=0).argmax(axis=0)], d[forecast.argmax(axis=1)].mean(axis=0)])
        maps = np.where(q < 0.01, maps, np.nan)
        self.maps("forecastdistance", "d", maps, ["group-curve", "participants-mean"], Significance=0.01)
        curves, distances = [], []
        for atlas, region, where in self.regions():
            start = {"atlas": atlas, "region": region}
            gains = forecast[:, :, where].mean(axis=2)
            shared = {**start, "base": values["base"][:, 0, where].mean(), "participants": len(gains)}
            for column, distance in zip(gains.T, d, strict=True):
                curves.append({**shared, "window": "distance", "distance": distance, **_summary(column)})
            random = _summary(values["random"][:, :, where].mean(axis=(1, 2)))
            curves.append({**shared, "window": "random", "distance": np.nan, **random})
            low, high = np.quantile(
                [d[gains[draw].mean(axis=0).argmax()] for draw in _draws(len(gains))], [0.025, 0.975]
            )
            own_contrast = _summary(difference[:, 0, where].mean(axis=1))
            row = {"group_curve": d[gains.mean(axis=0).argmax()], "low": low, "high": high}
            row |= {"participants_mean": d[gains.argmax(axis=1)].mean(), "contrast": own_contrast["mean"]}
            row |= {"contrast_p": own_contrast["p"], "contrast_q": min(1.0, 2 * own_contrast["p"])}
            row |= {"split_half": 2 + 3 * own_contrast["p"], "split_half_null": 9.5, "split_half_p": own_contrast["p"]}
            distances.append(
                {**start, **row, "cross_validated": own_contrast["mean"] * 0.9, "participants": len(gains)}
            )
        self.table("forecast", curves)
        self.table("forecastdistance", distances)

    def depth(self, depth: Array) -> None:
        s = self.sample
        self.statistics("forecastdepth", depth, _layer_names(s.n_layers), TestedDistance=TESTED)
        best = np.stack([depth.mean(axis=0).argmax(axis=0) + 1, (depth.argmax(axis=1) + 1).mean(axis=0)])
        names = ["group-curve", "participants-mean"]
        self.maps("forecastdepth", "k", best, names)
        self.maps("forecastdepth", "fraction", best / s.n_layers, names)
        curves, peaks = [], []
        for atlas, region, where in self.regions():
            start: dict[str, Any] = {"atlas": atlas, "region": region}
            gains = depth[:, :, where].mean(axis=2)
            for k in range(s.n_layers):
                row = {**start, "layer": k + 1, "fraction": (k + 1) / s.n_layers, **_summary(gains[:, k])}
                curves.append({**{n: v for n, v in row.items() if n != "p"}, "participants": len(gains)})
            peak = gains.mean(axis=0).argmax() + 1
            low, high = np.quantile(
                [gains[draw].mean(axis=0).argmax() + 1 for draw in _draws(len(gains))], [0.025, 0.975]
            )
            row = {**start, "group_curve": peak, "fraction": peak / s.n_layers, "low": low, "high": high}
            peaks.append({**row, "participants_mean": (gains.argmax(axis=1) + 1).mean(), "participants": len(gains)})
        self.table("forecastdepth", curves)
        self.table("forecastdepthpeak", peaks)

    def summary(self, desc: str, values: Array, kind: str, names: Sequence[str]) -> None:
        rows = [
            {"atlas": atlas, "region": region, kind: name, **_summary(values[:, number][:, where].mean(axis=1))}
            | {"participants": len(values)}
            for atlas, region, where in self.regions()
            for number, name in enumerate(names)
            if atlas != "regions"
        ]
        self.table(desc, rows)


def _layer_names(n_layers: int) -> list[str]:
    return [f"layer-{layer + 1:02d}" for layer in range(n_layers)]


def _draws(n: int) -> list[Array]:
    rng = np.random.default_rng(5)
    return [rng.integers(0, n, n) for _ in range(200)]


def _summary(values: Array) -> dict[str, float]:
    low, high = np.quantile([values[draw].mean() for draw in _draws(len(values))], [0.025, 0.975])
    p = float(stats.ttest_1samp(values, 0).pvalue)
    return {"mean": float(values.mean()), "low": float(low), "high": float(high), "p": p}
