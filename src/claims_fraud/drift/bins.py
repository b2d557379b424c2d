"""The bins of a column: learned once from the reference, then the same for every batch.

Not for comparing counts: that is ``psi``'s. Rules, the same for the reference and for what comes later:

- A number that is repeated often (zero, whole numbers of which there are few) is a bin of its own, an *atom*; all
  others fall between quantiles of the reference, with open ends: no value lies outside.
- A category is a bin of its own.
- The last two bins of each column are what the reference does not know (an *unseen* category, what is *no number*) and
  what is *missing*.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.encoding import MAX_KNOWN_CATEGORIES, Floats, category_values
from claims_fraud.statistics.values import SAME_NUMBER, as_floats, has_real_dtype, just_below, number_or_text

Ints = npt.NDArray[np.int64]
Kind = Literal["number", "category"]

QUANTILE_BINS = 10
# A column with so few different numbers has a bin for each.
MOST_SINGLE_NUMBERS = 20
NO_NUMBER, UNSEEN, MISSING = "no number", "unseen", "missing"
# What is infinite falls into an open end; JSON has no word for it.
LARGEST = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class NumberBins:
    """Bins of a numeric column.

    Attributes
    ----------
    atoms : tuple of float
        Numbers that are bins of their own, increasing.
    edges : tuple of float
        Between the bins of all other numbers, increasing; a number equal to an edge belongs to the bin below it.
    """

    atoms: tuple[float, ...]
    edges: tuple[float, ...]
    kind: Kind = "number"
    singles: int = 0

    @classmethod
    def fit(cls, values: pd.Series) -> Self:
        """Learn atoms and quantiles: an increasing transform of the values moves them along."""
        numbers, _ = _numbers(values)
        known = numbers[~np.isnan(numbers)]
        different, times = np.unique(known, return_counts=True)
        few = len(different) <= MOST_SINGLE_NUMBERS
        atoms = different if few else different[times >= len(known) / QUANTILE_BINS]
        others = known[~np.isin(known, atoms)]
        if not len(others):
            return cls(tuple(atoms.tolist()), ())
        probabilities = np.arange(1, QUANTILE_BINS) / QUANTILE_BINS
        edges = np.unique(np.quantile(others, probabilities, method="higher"))
        return cls(tuple(atoms.tolist()), tuple(edges[edges < others.max()].tolist()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins, in the order of their counts."""
        edges = [f"{edge:,.6g}" for edge in self.edges]
        between = [f"{low} to {high}" for low, high in pairwise(edges)]
        ranges = [f"up to {edges[0]}", *between, f"above {edges[-1]}"] if edges else ["any other number"]
        return (*(f"{atom:,.6g}" for atom in self.atoms), *ranges, NO_NUMBER, MISSING)

    def count(self, values: pd.Series) -> Ints:
        """Return how many of the values each bin has, shape (bins,)."""
        numbers, no_number = _numbers(values)
        missing = int(np.isnan(numbers).sum())
        # A pass for each number and edge is several times faster than to look up the bin of each value.
        single = np.array([np.count_nonzero(_equal(numbers, atom)) for atom in self.atoms], dtype=np.int64)
        within = [single[np.asarray(self.atoms) <= edge].sum() for edge in self.edges]
        below = just_below(numbers)
        up_to = [np.count_nonzero(below <= edge) - own for edge, own in zip(self.edges, within, strict=True)]
        between = np.diff([0, *up_to, len(numbers) - missing - single.sum()])
        return np.array([*single, *between, no_number, missing - no_number], dtype=np.int64)

    def as_json(self, counts: Ints) -> dict[str, Any]:
        """Return the bins with the reference's counts, for people to review."""
        rows = counts.tolist()
        atoms = len(self.atoms)
        return {
            "single_numbers": [list(pair) for pair in zip(self.atoms, rows[:atoms], strict=True)],
            "edges": list(self.edges),
            "between_edges": rows[atoms:-2],
            NO_NUMBER: rows[-2],
            MISSING: rows[-1],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> tuple[Self, Ints]:
        """Return what `as_json` was given."""
        atoms, rows = zip(*told["single_numbers"], strict=True) if told["single_numbers"] else ((), ())
        counts = [*rows, *told["between_edges"], told[NO_NUMBER], told[MISSING]]
        return cls(tuple(map(float, atoms)), tuple(map(float, told["edges"]))), np.asarray(counts, dtype=np.int64)


@dataclass(frozen=True)
class CategoryBins:
    """Bins of a categorical column.

    Attributes
    ----------
    categories : tuple of str
        The most frequent of the reference, at most 10,000, the most frequent first.
    singles : int
        How many values the reference has once: each would be unseen to the rest of it, which is how many unseen values
        are to be expected (Good 1953).
    """

    categories: tuple[str, ...]
    singles: int
    kind: Kind = "category"

    @classmethod
    def fit(cls, values: pd.Series) -> Self:
        """Learn the categories; ties by name, so that the order of rows has no say."""
        times = category_values(values).value_counts().sort_index().sort_values(ascending=False, kind="stable")
        return cls(tuple(times.index[:MAX_KNOWN_CATEGORIES]), int((times == 1).sum()))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the bins, in the order of their counts."""
        return (*self.categories, UNSEEN, MISSING)

    def count(self, values: pd.Series) -> Ints:
        """Return how many of the values each bin has, shape (bins,)."""
        # Of one type, equal values are one text, so that few are made; of several they may be two: 1 and True.
        of_several = values.dtype == object and stored_as(values) != "text"
        codes, different = pd.factorize(category_values(values) if of_several else values)
        texts = pd.Index(category_values(pd.Series(different)), dtype=object)
        places = pd.Index(self.categories, dtype=object).get_indexer(texts)
        unseen = len(self.categories)
        found = np.zeros(unseen + 2, dtype=np.int64)
        np.add.at(found, np.where(places < 0, unseen, places), np.bincount(codes[codes >= 0], minlength=len(texts)))
        found[-1] = np.count_nonzero(codes < 0)
        return found

    def as_json(self, counts: Ints) -> dict[str, Any]:
        """Return the bins with the reference's counts, for people to review."""
        rows = counts.tolist()
        return {
            "categories": dict(zip(self.categories, rows[:-2], strict=True)),
            "single_values": self.singles,
            UNSEEN: rows[-2],
            MISSING: rows[-1],
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> tuple[Self, Ints]:
        """Return what `as_json` was given."""
        counts = [*told["categories"].values(), told[UNSEEN], told[MISSING]]
        return cls(tuple(told["categories"]), int(told["single_values"])), np.asarray(counts, dtype=np.int64)


Bins = NumberBins | CategoryBins
BINS: dict[Kind, type[NumberBins] | type[CategoryBins]] = {"number": NumberBins, "category": CategoryBins}


def stored_as(values: pd.Series) -> str:
    """Return in a word what kind of values a column holds: number, text, date, boolean, mixed; nothing without any."""
    if values.isna().all():
        return "nothing"
    if values.dtype.kind in "mM" or isinstance(values.dtype, pd.DatetimeTZDtype):
        return "date"
    told = pd.api.types.infer_dtype(values, skipna=True)
    words = {"string": "text", "categorical": "text", "datetime": "date", "boolean": "boolean"}
    numbers = ("integer", "floating", "decimal", "mixed-integer-float")
    return "number" if told in numbers else words.get(told, "date" if told.startswith("date") else "mixed")


def has_no_number(values: pd.Series) -> bool:
    """Return whether a column has values, and none of them is a number."""
    numbers, no_number = _numbers(values)
    return no_number > 0 and bool(np.isnan(numbers).all())


def _equal(numbers: Floats, atom: float) -> npt.NDArray[np.bool_]:
    """Tell which numbers are this one, give or take what a float32 cannot tell apart."""
    with np.errstate(over="ignore"):
        equal: npt.NDArray[np.bool_] = np.abs(numbers - atom) <= abs(atom) * SAME_NUMBER
    return equal


def _numbers(values: pd.Series) -> tuple[Floats, int]:
    """Return the values as float64, NaN where there is none, and how many are there that are no numbers."""
    there = values.notna()
    if stored_as(values) == "date":
        return np.full(len(values), np.nan), int(there.sum())
    if not has_real_dtype(values):
        values = pd.to_numeric(values.astype(object).map(number_or_text), errors="coerce")
    numbers = as_floats(values)
    within: Floats = np.clip(numbers, -LARGEST, LARGEST)
    return within, int((np.isnan(within) & there.to_numpy()).sum())
