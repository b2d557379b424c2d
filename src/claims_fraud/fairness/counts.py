"""Rows to counts by group, which can be added up: what a batch, or a machine, has to say of its rows.

A summary is made of what JSON has. Counts are exact, and sums equal to rounding, whatever the batches. Not for what
counts mean: see ``comparisons``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.claims.columns import PERIOD
from claims_fraud.fairness.grid import STEPS, steps
from claims_fraud.fairness.groups import CROSS, labels, pairs_of

Summary = dict[str, Any]

# What is counted of each group, intersections included. ``known`` rows have an outcome.
COUNTS = ("n", "flagged", "top", "known", "fraud", "known_flagged", "fraud_flagged")
SCORE = "score"
# The column of the periods, and what stands for them where they are crossed with an attribute.


@dataclass(frozen=True)
class Counting:
    """What to count in rows with ``flagged``, ``rank``, ``fraud_score`` and ``fraud_percentile``.

    Attributes
    ----------
    attributes : tuple of str
        Protected columns.
    bands : mapping of str to tuple of float
        Where bands begin, of those that are numbers; see `claims_fraud.fairness.groups.labels`.
    top_k : int
        Rows that rank first, whose share is counted.
    threshold : float, optional
        Rows whose percentile is strictly above it count as flagged; None takes the column ``flagged``.
    outcome : str, optional
        Column of known outcomes: 1 fraud, 0 not, missing where nobody knows.
    surprises : tuple of str
        Columns to add up by group: what each column adds to the score.
    pairs : bool
        Whether intersections of two attributes are counted too.
    periods : bool
        Whether each attribute is counted by the column `PERIOD`, such as the month, too.
    """

    attributes: tuple[str, ...]
    bands: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    top_k: int = 100
    threshold: float | None = None
    outcome: str | None = None
    surprises: tuple[str, ...] = ()
    pairs: bool = True
    periods: bool = False


@dataclass(frozen=True)
class GroupCounts:
    """Counts of the groups of an attribute, or of an intersection.

    Attributes
    ----------
    table : DataFrame of shape (groups, ...)
        By group: ``n`` rows, ``flagged`` ones, those of the ``top`` k, those of ``known`` outcome, ``fraud`` among
        these, flagged ones among both; of an attribute also ``score`` and the surprises, summed.
    steps : array of shape (groups, STEPS)
        Rows in each step of the grid; without columns for an intersection.
    """

    table: pd.DataFrame
    steps: Floats


def summarise(batch: pd.DataFrame, counting: Counting) -> Summary:
    """Return the summary of some rows."""
    values, places = _values(batch, counting), steps(batch["fraud_percentile"].to_numpy(dtype=float))
    coded = {name: _codes(batch[name], counting.bands.get(name)) for name in counting.attributes}
    wide = np.column_stack([*values.values(), *(batch[name].to_numpy(dtype=float) for name in counting.surprises)])
    scores = batch["fraud_score"].to_numpy(dtype=float)
    period = _codes(batch[PERIOD], None) if counting.periods else None
    return {
        "n": len(batch),
        "score_sums": np.bincount(places, weights=scores, minlength=STEPS).tolist(),
        "attributes": {name: _counted(*groups, wide, places) for name, groups in coded.items()},
        "pairs": {
            CROSS.join(pair): _counted(*_crossed(*(coded[name] for name in pair)), wide[:, : len(COUNTS)])
            for pair in (pairs_of(counting.attributes) if counting.pairs else [])
        },
        "periods": {
            CROSS.join((PERIOD, name)): _counted(*_crossed(period, groups), wide[:, : len(COUNTS)])
            for name, groups in coded.items()
            if period
        },
    }


def combine(one: Summary, other: Summary) -> Summary:
    """Return the summary of the rows of both."""
    return {
        "n": one["n"] + other["n"],
        "score_sums": np.add(one["score_sums"], other["score_sums"]).tolist(),
        **{
            kind: {name: _added(one[kind][name], other[kind][name]) for name in one[kind]}
            for kind in ("attributes", "pairs", "periods")
        },
    }


def tables(summary: Summary, kind: str, surprises: Sequence[str] = ()) -> dict[str, GroupCounts]:
    """Return the counts of every attribute (``attributes``), intersection (``pairs``) or of it by ``periods``."""
    names = [*COUNTS, *([SCORE, *surprises] if kind == "attributes" else [])]
    return {name: _group_counts(found, names) for name, found in summary[kind].items()}


def _group_counts(found: Mapping[str, list[Any]], names: list[str]) -> GroupCounts:
    groups = found["groups"]
    sums = pd.DataFrame(np.reshape(found["sums"], (len(groups), len(names))), index=groups, columns=names)
    steps_of = np.reshape(found["steps"], (len(groups), STEPS)) if "steps" in found else np.empty((len(groups), 0))
    return GroupCounts(sums.astype(dict.fromkeys(COUNTS, "int64")), steps_of.astype(float))


def _values(batch: pd.DataFrame, counting: Counting) -> dict[str, Floats]:
    """Return what is added up of each row, by name, the scores last."""
    above = batch["fraud_percentile"] > (counting.threshold or 0.0)
    flagged = (batch["flagged"] if counting.threshold is None else above).to_numpy(dtype=bool)
    outcome = batch[counting.outcome] if counting.outcome else pd.Series(np.nan, batch.index)
    known, fraud = outcome.notna().to_numpy(), (outcome == 1).to_numpy(dtype=bool, na_value=False)
    top = (batch["rank"] <= counting.top_k).to_numpy(dtype=bool)
    every = (np.ones(len(batch)), flagged, top, known, fraud, known & flagged, fraud & flagged)
    counts = {name: one.astype(float) for name, one in zip(COUNTS, every, strict=True)}
    return counts | {SCORE: batch["fraud_score"].to_numpy(dtype=float)}


def _codes(values: pd.Series, edges: Sequence[float] | None) -> tuple[Ints, npt.NDArray[np.object_]]:
    codes, groups = pd.factorize(labels(values, edges), sort=True)
    return codes, np.asarray(groups, dtype=object)


def _crossed(
    one: tuple[Ints, npt.NDArray[np.object_]], other: tuple[Ints, npt.NDArray[np.object_]]
) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Return codes and names of the combinations of two attributes' groups that occur."""
    width = max(len(other[1]), 1)
    found, codes = np.unique(one[0] * width + other[0], return_inverse=True)
    names = [f"{one[1][place // width]}{CROSS}{other[1][place % width]}" for place in found]
    return codes, np.array(names, dtype=object)


def _counted(
    codes: Ints, groups: npt.NDArray[np.object_], values: Floats, places: Ints | None = None
) -> dict[str, list[Any]]:
    number = len(groups)
    sums = [np.bincount(codes, weights=column, minlength=number) for column in values.T]
    found = {"groups": groups.tolist(), "sums": np.column_stack(sums).tolist()}
    if places is not None:
        counts = np.bincount(codes * STEPS + places, minlength=number * STEPS)
        found["steps"] = counts.reshape(number, STEPS).tolist()
    return found


def _added(one: dict[str, list[Any]], other: dict[str, list[Any]]) -> dict[str, list[Any]]:
    groups = sorted({*one["groups"], *other["groups"]})
    place = {group: number for number, group in enumerate(groups)}
    total: dict[str, list[Any]] = {"groups": groups}
    for name in one.keys() - {"groups"}:
        filled = [table for table in (one, other) if table["groups"]]
        width = len(filled[0][name][0]) if filled else 0
        # Whole numbers stay whole.
        added = np.zeros((len(groups), width), dtype=np.int64 if name == "steps" else float)
        for table in filled:
            added[[place[group] for group in table["groups"]]] += np.asarray(table[name])
        total[name] = added.tolist()
    return total
