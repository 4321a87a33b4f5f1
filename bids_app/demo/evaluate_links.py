"""Compare the links that an analysis found with those that were planted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from bids_app.bids.derivatives import read_sidecar, read_table, stimulus_path
from bids_app.bids.entities import parse_name
from bids_app.demo.truth import Truth
from bids_app.networks.conditional import expected_false_share

SAME_ATOM = 0.7  # |r| from which a recovered atom counts as a planted one
REPRODUCIBLE = 0.8  # ρ from which restarts agree on a family of atoms
_OPPOSITE = {"active": "deactive", "deactive": "active"}
_TABLES = re.compile(r"_desc-(atoms|families)\d*(Shifted)?_networks\.tsv$")


@dataclass(frozen=True)
class Recovery:
    """How much of the truth an analysis found.

    precision: share of the found links that were planted. recall: share of the planted links that were found.
    Either is NaN where there is nothing to share. atom_correlation: mean |r| of the planted atoms with the recovered
    atoms that they are matched to. expected_false: the share of false links that the analysis expects;
    true_false: the true share. NaN without a link, or without probabilities.
    """

    precision: float
    recall: float
    atom_correlation: float
    n_found: int
    n_true: int
    n_planted: int
    expected_false: float
    true_false: float


def compare_links(
    links: pd.DataFrame,
    atoms: NDArray[np.floating],
    planted_links: pd.DataFrame,
    planted_atoms: NDArray[np.floating],
    planted_numbers: Iterable[int],
    *,
    reproducible: bool = False,
) -> Recovery:
    """Compare links of recovered atoms, or families of atoms, with planted ones.

    A recovered atom stands for every planted atom that it correlates with at |r| ≥ 0.7. A negative r turns its
    active links into deactive ones. A found link is true if one of the atoms that its atom stands for was planted in
    that network with that sign, and false otherwise.

    Parameters
    ----------
    links : columns atom (from 1, the columns of `atoms`), network, part, linked; with families also rho and probability
    atoms : array of shape (n_volumes, n_recovered)
    planted_links : columns atom, network, part
    planted_atoms : array of shape (n_volumes, n_planted), in the order of `planted_numbers`, the same volumes
    reproducible : count only links of families with ρ ≥ 0.8, and of the planted links only those of atoms that such a
        family stands for
    """
    numbers = [int(number) for number in planted_numbers]
    r = _correlation(np.asarray(planted_atoms, dtype=float), np.asarray(atoms, dtype=float))
    same = np.abs(r) >= SAME_ATOM
    truth = set(zip(planted_links["atom"].astype(int), planted_links["network"], planted_links["part"], strict=True))
    found, wanted = links[links["linked"].astype(bool)], truth
    if reproducible:
        found = found[found["rho"] >= REPRODUCIBLE]
        families = links.loc[links["rho"] >= REPRODUCIBLE, "atom"].astype(int).unique() - 1
        held = {numbers[row] for row in np.flatnonzero(same[:, families].any(axis=1))}
        wanted = {link for link in truth if link[0] in held}
    n_right, recovered = 0, set()
    for atom, network, part in zip(found["atom"].astype(int), found["network"], found["part"], strict=True):
        meanings = {
            (numbers[row], network, part if r[row, atom - 1] > 0 else _OPPOSITE[part])
            for row in np.flatnonzero(same[:, atom - 1])
        }
        n_right += bool(meanings & truth)
        recovered |= meanings & wanted
    precision = n_right / len(found) if len(found) else np.nan
    return Recovery(
        precision=precision,
        recall=len(recovered) / len(wanted) if wanted else np.nan,
        atom_correlation=_matched(np.abs(r)),
        n_found=len(found),
        n_true=n_right,
        n_planted=len(wanted),
        expected_false=expected_false_share(found) if "probability" in found else np.nan,
        true_false=1 - precision,
    )


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (n_first, n_second): Pearson r of the columns; 0 with a constant one."""
    standard = []
    for columns in (first, second):
        centred = columns - columns.mean(axis=0)
        norm = np.linalg.norm(centred, axis=0)
        standard.append(np.divide(centred, norm, out=np.zeros_like(centred), where=norm > 0))
    return np.asarray(standard[0].T @ standard[1])


def _matched(similarity: NDArray[np.float64]) -> float:
    """Return the mean similarity of the best one-to-one matching of rows and columns (Hungarian algorithm)."""
    if not similarity.size:
        return np.nan
    return float(similarity[linear_sum_assignment(similarity, maximize=True)].mean())


def evaluate_links(truth: Truth, out_dir: Path) -> pd.DataFrame:
    """Compare the links in OUT_DIR with those that were planted.

    One or two rows per table of links, and as many for the group links that replicate: participant ("group",
    "replicated"), task ("all" where tasks are pooled), space, desc, links ("conditional" for tables with probabilities,
    "dice" for others), of ("reproducible" families, where the table holds ρ, and "all"), and the fields of `Recovery`.
    Only atoms or families with time courses in OUT_DIR/stimuli are compared.

    Raises FileNotFoundError when OUT_DIR holds no links of the planted model.
    """
    label = truth.options["model_label"]
    tables = [
        path
        for folder in ("sub-*/func", "group")
        for path in sorted(out_dir.glob(f"{folder}/*_model-{label}_desc-*_networks.tsv"))
        if _TABLES.search(path.name)
    ]
    if not tables:
        raise FileNotFoundError(f"{out_dir} holds no table of links (…_model-{label}_desc-…_networks.tsv).")
    return pd.DataFrame([row for path in tables for row in _rows(path, out_dir, truth)])


def _rows(path: Path, out_dir: Path, truth: Truth) -> Iterator[dict[str, object]]:
    """The rows for the links of a table, and at the group level those for the links that replicate."""
    entities = parse_name(path).entities
    stories = [entities["task"]] if "task" in entities else truth.options["stories"]
    pairs = [_same_volumes(story, entities, out_dir, truth) for story in stories]
    recovered, planted = (pd.concat(side, ignore_index=True) for side in zip(*pairs, strict=True))
    numbers = [int(name.removeprefix("atom-")) for name in planted.columns]
    links = read_table(path).rename(columns={"family": "atom"})
    who = {"linked": entities.get("sub", "group"), "replicated": "replicated"}
    where = {key: entities.get(key, "all") for key in ("task", "space", "desc")}
    where["links"] = "conditional" if "probability" in links else "dice"
    for column in [name for name in who if name in links]:
        chosen = links.assign(linked=links[column].astype(str).str.lower().eq("true"))
        for of in ("reproducible", "all") if "rho" in links else ("all",):
            recovery = compare_links(
                chosen,
                recovered.to_numpy(),
                truth.links,
                planted.to_numpy(),
                numbers,
                reproducible=of == "reproducible",
            )
            yield {"participant": who[column]} | where | {"of": of} | vars(recovery)


def _same_volumes(
    story: str, entities: Mapping[str, str], out_dir: Path, truth: Truth
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Recovered and planted time courses of one story, on the volumes that both have; z-scored, one column per atom."""
    wanted = {"model": entities["model"], "desc": entities["desc"].removesuffix("Shifted")}
    path = stimulus_path(out_dir, f"{story}_audio", wanted, "timeseries", ".tsv.gz")
    recovered, metadata = read_table(path), read_sidecar(path)
    # The start counts from the audio file's own
    start = (float(str(metadata["StartTime"])) + truth.options["audio_onset"]) / truth.options["repetition_time"]
    recovered.index = pd.Index(np.arange(len(recovered)) + round(start))
    planted = truth.courses[truth.courses["story"] == story].set_index("volume").filter(like="atom-")
    both = planted.index[planted.index.isin(recovered.index)]
    return _standard(recovered.loc[both]), _standard(planted.loc[both])


def _standard(table: pd.DataFrame) -> pd.DataFrame:
    return (table - table.mean()) / table.std(ddof=0).replace(0, 1)
