"""What values go together in the training rows: counts of pairs of values, and numbers by the value of another column.

They are what the models compare a value with, and what reasons quote. Only counts and quantiles are kept, no rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.associations import information_of
from claims_fraud.autoencoder.encoding import IQR_OF_NORMAL, Floats, Ints, Singles
from claims_fraud.autoencoder.kinds import Encoded

# Half a row is added to what is observed and to what is expected, so that an empty cell is unlikely and not impossible.
PSEUDO_ROWS = 0.5
# Cells up to which the lifts of a pair of columns are kept for every cell; those of more are computed when asked for.
MOST_CELLS = 1_000_000
# A group's own spread is pooled with this many rows of the spread that is usual within groups. Its median is its own:
# pulled toward that of all rows, it would lose what the group says.
PRIOR_ROWS = 3.0
# Variance of a median in units of the variance of one value, for a normal distribution: pi / 2.
VARIANCE_OF_MEDIAN = 1.57
SMALLEST_SPREAD = 1e-3
# Codes that fit in 16 bits.
SMALL_CODES = 65_536
# Between the first and the last of these quantiles lies what reasons call usual.
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)


@dataclass(frozen=True)
class PairTable:
    """Counts of pairs of codes of two columns.

    Attributes
    ----------
    sizes : pair of int
        Codes of either column.
    keys : int array, increasing
        Pairs that occur, as ``left code * number of right codes + right code``.
    counts : int array
        Rows of each of these.
    """

    sizes: tuple[int, int]
    keys: Ints
    counts: Ints

    @classmethod
    def fit(cls, left: Ints, right: Ints, sizes: tuple[int, int]) -> Self:
        """Count pairs of rows' codes, both of shape (n,)."""
        keys = left.astype(np.int64) * sizes[1] + right
        if sizes[0] * sizes[1] <= MOST_CELLS:
            cells = np.bincount(keys, minlength=sizes[0] * sizes[1])
            found = np.flatnonzero(cells)
            return cls(sizes, found, cells[found])
        return cls(sizes, *np.unique(keys, return_counts=True))

    @cached_property
    def margins(self) -> tuple[Ints, Ints]:
        """Rows of each code of either column."""
        left, right = np.divmod(self.keys, self.sizes[1])
        return tuple(  # type: ignore[return-value]
            np.bincount(codes, weights=self.counts, minlength=size).astype(np.int64)
            for codes, size in zip((left, right), self.sizes, strict=True)
        )

    def lifts(self, left: Ints, right: Ints) -> Singles:
        """Return the log of how many times more rows have both codes than if the columns were independent, (n,)."""
        if self._every_lift is not None:
            lifts: Singles = self._every_lift[left * self.sizes[1] + right]
            return lifts
        rows_left, rows_right = self.margins
        return _log_lift(self.rows(left, right), rows_left[left], rows_right[right], int(rows_left.sum()))

    def rows(self, left: Ints, right: Ints) -> Ints:
        """Return how many rows have both codes, shape (n,)."""
        keys = left.astype(np.int64) * self.sizes[1] + right
        if not len(self.keys):
            return np.zeros(len(keys), dtype=np.int64)
        places = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        found: Ints = np.where(self.keys[places] == keys, self.counts[places], 0)
        return found

    def distribution(self, code: int, *, of_left: bool) -> Ints:
        """Return the rows of each code of one column among those that have a code of the other."""
        left, right = np.divmod(self.keys, self.sizes[1])
        codes, others = (left, right) if of_left else (right, left)
        chosen = others == code
        size = self.sizes[0 if of_left else 1]
        return np.bincount(codes[chosen], weights=self.counts[chosen], minlength=size).astype(np.int64)

    @cached_property
    def information(self) -> float:
        """How much either column tells of the other, in nats: see `mutual_information`."""
        return information_of(self.counts, *np.divmod(self.keys, self.sizes[1])) if len(self.keys) else 0.0

    @cached_property
    def _every_lift(self) -> Singles | None:
        if self.sizes[0] * self.sizes[1] > MOST_CELLS:
            return None
        cells = np.zeros(self.sizes[0] * self.sizes[1])
        cells[self.keys] = self.counts
        left, right = self.margins
        return _log_lift(cells.reshape(self.sizes), left[:, None], right[None, :], int(left.sum())).ravel()


@dataclass(frozen=True)
class GroupTable:
    """A number by the code of another column, on the standardized scale; each array has a place for each code.

    Attributes
    ----------
    rows : float32 array of shape (codes,)
        Training rows with a value.
    median, spread : float32 array of shape (codes,)
        Of the group; of all rows where it has none.
    low, high : float32 array of shape (codes,)
        Between these lie four of five of the group's values.
    """

    rows: Singles
    median: Singles
    spread: Singles
    low: Singles
    high: Singles

    @classmethod
    def fit(cls, codes: Ints, values: Singles, n_codes: int) -> Self:
        """Summarize standardized values, NaN where missing, of n rows by their codes."""
        order = _order_of_known(values)
        (table,) = cls.of_sorted(values[order], [(codes[order], n_codes)])
        return table

    @classmethod
    def of_sorted(cls, values: Singles, groupings: Iterable[tuple[Ints, int]]) -> list[Self]:
        """Summarize values, increasing and none missing, by the codes of each of some columns, which are so many."""
        if not len(values):
            return [cls(*np.repeat([[0.0], [0.0], [1.0], [0.0], [0.0]], n, 1).astype(np.float32)) for _, n in groupings]
        overall = grouped_quantiles(np.zeros(len(values), dtype=np.int64), values, 1, QUANTILES)[1]
        at_large = float(_spread(overall)[0]) or float(values.std()) or 1.0
        return [cls._of_groups(codes, values, n_codes, overall, at_large) for codes, n_codes in groupings]

    @classmethod
    def _of_groups(cls, codes: Ints, values: Singles, n_codes: int, overall: Floats, spread_at_large: float) -> Self:
        rows, own = grouped_quantiles(codes, values, n_codes, QUANTILES)
        weights = np.maximum(rows - 1, 0)
        total = weights.sum()
        within = np.average(_spread(own) ** 2, weights=weights) if total else spread_at_large**2
        pooled = np.sqrt((weights * _spread(own) ** 2 + PRIOR_ROWS * within) / (weights + PRIOR_ROWS))
        # How well so few rows tell the median.
        pooled = pooled * np.sqrt(1 + VARIANCE_OF_MEDIAN / np.maximum(rows, 1))
        own = np.where(rows > 0, own, overall)
        spread = np.where(rows > 0, pooled, spread_at_large) + SMALLEST_SPREAD
        return cls(*(array.astype(np.float32) for array in (rows, own[2], spread, own[0], own[-1])))


class Cooccurrence:
    """Pairs of values and groups of numbers in some rows.

    Parameters
    ----------
    pairs : dict of (int, int) to PairTable
        By the places of two columns, the smaller first.
    groups : dict of (int, int) to GroupTable
        By the place of a number and of the column whose codes group it.
    counts : list of int array
        Rows of each code, by column.
    """

    def __init__(
        self,
        pairs: dict[tuple[int, int], PairTable],
        groups: dict[tuple[int, int], GroupTable],
        counts: list[Ints],
    ) -> None:
        self.pairs, self.groups, self.counts = pairs, groups, counts
        self.n_rows = int(counts[0].sum())
        self.shares = [(count / max(self.n_rows, 1)).astype(np.float32) for count in counts]

    @classmethod
    def fit(
        cls, columns: Sequence[Encoded], sizes: Sequence[int], partners: Sequence[Sequence[int]], rows: Ints
    ) -> Self:
        """Count the given rows (positions); ``partners`` are the places of those each column is compared with."""
        codes = [column.codes[rows] for column in columns]
        values = [None if column.standardized is None else column.standardized[rows] for column in columns]
        wanted = {(place, other) for place, others in enumerate(partners) for other in others}
        pairs = sorted({(min(pair), max(pair)) for pair in wanted})
        groups: dict[tuple[int, int], GroupTable] = {}
        for place, others in enumerate(partners):
            numbers = values[place]
            if numbers is None:
                continue
            # Sorted once for all columns that group them.
            order = _order_of_known(numbers)
            given = sorted(set(others))
            tables = GroupTable.of_sorted(numbers[order], [(codes[other][order], sizes[other]) for other in given])
            groups |= {(place, other): table for other, table in zip(given, tables, strict=True)}
        return cls(
            {(a, b): PairTable.fit(codes[a], codes[b], (sizes[a], sizes[b])) for a, b in pairs},
            groups,
            [np.bincount(code, minlength=size) for code, size in zip(codes, sizes, strict=True)],
        )

    def lifts(self, column: int, codes: Ints, other: int, other_codes: Ints) -> Singles:
        """Return the lift of each row's codes of two columns, shape (n,); see `PairTable.lifts`."""
        if column < other:
            return self.pairs[column, other].lifts(codes, other_codes)
        return self.pairs[other, column].lifts(other_codes, codes)

    def information(self, column: int, other: int) -> float:
        """Return how much two columns tell of each other, in nats."""
        return self.pairs[min(column, other), max(column, other)].information

    def has(self, column: int, other: int) -> bool:
        """Return whether pairs of two columns are counted: of wide tables not all are."""
        return (min(column, other), max(column, other)) in self.pairs

    def both(self, column: int, codes: Ints, other: int, other_codes: Ints) -> Ints:
        """Return how many rows have both codes, shape (n,)."""
        if column < other:
            return self.pairs[column, other].rows(codes, other_codes)
        return self.pairs[other, column].rows(other_codes, codes)

    def distribution(self, column: int, other: int, other_code: int) -> Ints:
        """Return the rows of each code of a column among those that have a code of the other one."""
        first = min(column, other)
        return self.pairs[first, max(column, other)].distribution(other_code, of_left=column == first)

    def to_arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Return all that there is in three arrays, a row for each cell that is not empty."""
        cells = [
            np.column_stack([np.full((len(table.keys), 2), places), table.keys, table.counts])
            for places, table in self.pairs.items()
        ]
        groups = [
            np.column_stack(
                [np.full((len(table.rows), 2), places), *(getattr(table, name) for name in table.__dataclass_fields__)]
            )
            for places, table in self.groups.items()
        ]
        counts = [np.column_stack([np.full(len(count), place), count]) for place, count in enumerate(self.counts)]
        return {
            "pairs": np.concatenate(cells or [np.zeros((0, 4))]).astype(np.int64),
            "groups": np.concatenate(groups or [np.zeros((0, 7))]).astype(np.float64),
            "counts": np.concatenate(counts).astype(np.int64),
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> Self:
        """Restore what `to_arrays` returned."""
        counts = [rows[:, 1] for _, rows in _split(arrays["counts"], 1)]
        pairs = {
            (int(a), int(b)): PairTable((len(counts[int(a)]), len(counts[int(b)])), rows[:, 2], rows[:, 3])
            for (a, b), rows in _split(arrays["pairs"], 2)
        }
        groups = {
            (int(number), int(by)): GroupTable(*(rows[:, place].astype(np.float32) for place in range(2, 7)))
            for (number, by), rows in _split(arrays["groups"], 2)
        }
        return cls(pairs, groups, counts)


def grouped_quantiles(codes: Ints, values: Floats, n_codes: int, levels: Sequence[float]) -> tuple[Ints, Floats]:
    """Return rows, (codes,), and quantiles, (levels, codes), of increasing values by code; 0 where there are none."""
    # A stable sort keeps the values of a code in their order; of small integers it is one of buckets.
    order = np.argsort(codes.astype(np.uint16) if n_codes <= SMALL_CODES else codes, kind="stable")
    values = np.asarray(values[order], dtype=float)
    rows = np.bincount(codes, minlength=n_codes)
    starts = np.concatenate([[0], np.cumsum(rows)[:-1]])
    last = np.maximum(rows - 1, 0)
    position = np.asarray(levels)[:, None] * last
    below = np.floor(position).astype(np.int64)
    at = np.minimum(starts + below, len(values) - 1)
    above = np.minimum(starts + np.minimum(below + 1, last), len(values) - 1)
    quantiles = np.where(rows > 0, values[at] + (position - below) * (values[above] - values[at]), 0.0)
    return rows, quantiles


def _order_of_known(values: Singles) -> Ints:
    """Return the positions of the values that are not missing, by increasing value."""
    return np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]


def _spread(quantiles: Floats) -> Any:
    return (quantiles[3] - quantiles[1]) / IQR_OF_NORMAL


def _log_lift(both: Any, left: Any, right: Any, total: int) -> Singles:
    expected = left * right / max(total, 1)
    lift: Singles = np.log((both + PSEUDO_ROWS) / (expected + PSEUDO_ROWS)).astype(np.float32)
    return lift


def _split(rows: npt.NDArray[Any], width: int) -> Iterable[tuple[Any, npt.NDArray[Any]]]:
    """Yield the rows of each different beginning, which are neighbors, with that beginning."""
    if not len(rows):
        return
    begins = np.flatnonzero((np.diff(rows[:, :width], axis=0) != 0).any(axis=1)) + 1
    for piece in np.split(rows, begins):
        yield (piece[0, 0] if width == 1 else tuple(piece[0, :width])), piece
