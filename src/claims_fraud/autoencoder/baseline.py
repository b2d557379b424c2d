"""Where a number starts from before any tree sees it: its tightest group, or other numbers that it follows from.

What starts from a group does not end behind what an analyst finds by that group. A number that is a multiple or a sum
of others is known far better by these than by any code.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from claims_fraud.autoencoder.cooccurrence import GroupTable
from claims_fraud.autoencoder.encoding import MAD_OF_NORMAL, Floats, Ints, Singles
from claims_fraud.autoencoder.kinds import Encoded, NumberEncoder

# Groups by two columns are tried of so many columns, those that are tightest alone.
MOST_PAIRED = 4
# A more complicated start has to leave this much less than a simpler one.
WORTH_A_PAIR = 0.98
WORTH_A_COLUMN = 0.97
# A number follows from others if these leave, of nearly all rows, less than this share of what the best group leaves,
# and less than so many of the column's own deviations.
FOLLOWS, FOLLOWS_WITHIN, NEARLY_ALL = 0.5, 0.2, 0.8
# Rounding of numbers that follow from others, relative to the number: no relation is more exact.
RELATIVE_ROUNDING = 0.002
FEWEST_ROWS = 50
# In place of what a relation leaves where it says nothing.
FAR = 1e9
# A group of fewer rows says nothing of its own; the spread of the one in its place is so many times as wide.
FEWEST_IN_GROUP, WIDER = 5, 1.5
# A number is a part of a sum only if this share of the rows has it.
MOSTLY = 0.9
# Least trimmed squares: so many refits on this share of the rows, those that fit best (Rousseeuw 1984).
REFITS, FITTED_SHARE = 4, 0.8
# Rows that a relation is looked for in: it holds in nearly all of them, or it is none.
MOST_FOR_RELATION = 3_000
# Rows of a relation, in place of those of a group: it is known from all of them.
MANY_ROWS = 1000.0
RELATIONS = ("ratio", "sum")


@dataclass(frozen=True)
class Baseline:
    """A start for a number, on the standardized scale.

    Attributes
    ----------
    kind : {"group", "ratio", "sum"}
        ``group``: the median of the rows with the same codes; ``ratio``: a multiple of another number; ``sum``: a
        weighted sum of other numbers.
    columns : tuple of int
        Places of the columns it starts from; none for the median of all rows.
    weights : tuple of float
        Of the numbers; the last one of a sum is its constant.
    keys : tuple of int
        Of a group by two columns: pairs of codes that occur, increasing.
    table : GroupTable, optional
        Of a group: by code, by place in ``keys``, or with the one place of all rows; the last is of what is unknown.
    spread : float
        Of a relation: robust deviation of what it leaves.
    fallback : Baseline, optional
        Of a group: the tightest group by another column, for rows whose own group has next to no rows, as that of a new
        code.
    """

    kind: str
    columns: tuple[int, ...]
    weights: tuple[float, ...] = ()
    keys: tuple[int, ...] = ()
    table: GroupTable | None = None
    spread: float = 0.0
    fallback: Baseline | None = None

    def predict(
        self, columns: Sequence[Encoded], encoders: Sequence[Any], encoder: NumberEncoder
    ) -> tuple[Singles, Singles, Singles]:
        """Return location, spread and rows known from of each row, each of shape (n,); NaN where there is no start."""
        if self.kind == "group":
            assert self.table is not None  # noqa: S101 - of every group
            places = self._places([columns[place] for place in self.columns], len(columns[0].codes))
            own = self.table.median[places], self.table.spread[places], self.table.rows[places]
            if self.fallback is None:
                return own
            other = self.fallback.predict(columns, encoders, encoder)
            known = own[2] >= FEWEST_IN_GROUP
            # What a new code costs is known less well than what its neighbors do.
            other = other[0], other[1] * WIDER, other[2]
            median, spread, rows = (np.where(known, one, two) for one, two in zip(own, other, strict=True))
            return median, spread, rows
        numbers = predicted_numbers(self, columns, encoders)
        location = encoder.standardize(numbers)
        slope = 1 / np.hypot(numbers, encoder.unit) if encoder.unit else np.ones_like(numbers)
        rounding = RELATIVE_ROUNDING * np.abs(numbers) * slope / encoder.spread
        spread = np.maximum(self.spread, rounding)
        rows = np.full(len(numbers), MANY_ROWS)
        return location.astype(np.float32), spread.astype(np.float32), rows.astype(np.float32)

    def refitted(self, columns: Sequence[Encoded], sizes: Sequence[int], numbers: Singles, rows: Ints) -> Baseline:
        """Return the same group's medians and spreads from other rows (positions)."""
        fallback = self.fallback and self.fallback.refitted(columns, sizes, numbers, rows)
        return replace(group_baseline(self.columns, columns, sizes, numbers, rows), fallback=fallback)

    def medians(self, given: Sequence[Encoded], n_rows: int) -> Singles:
        """Return the median of each row's group, shape (n,); ``given`` are the columns of the group."""
        assert self.table is not None  # noqa: S101 - of every group
        return self.table.median[self._places(given, n_rows)]

    def _places(self, given: Sequence[Encoded], n_rows: int) -> Ints:
        """Return each row's place in the table."""
        if not given:
            return np.zeros(n_rows, dtype=np.int64)
        if len(given) == 1:
            return given[0].codes
        keys = np.asarray(self.keys)
        wanted = _pair_keys(*(one.codes for one in given))
        places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where(keys[places] == wanted, places, len(keys))


def fit_baseline(  # noqa: PLR0913, PLR0917
    column: int,
    columns: Sequence[Encoded],
    encoders: Sequence[Any],
    sizes: Sequence[int],
    rows: Ints,
    inner: Ints,
    *,
    follows: bool,
) -> Baseline:
    """Return the start that leaves the least of a number, in rows that it was not computed from.

    Parameters
    ----------
    column : int
        Place of the number.
    columns, encoders, sizes : sequence
        All columns of all rows, their encoders and numbers of codes.
    rows : int array of shape (m,)
        Positions of the rows to learn from.
    inner : int array of shape (m,)
        Part of each of these rows.
    follows : bool
        Whether to start from other numbers: see `follows_others`.
    """
    relation = _relation(column, columns, encoders, rows) if follows else None
    if relation is not None:
        return relation
    best, other = _best_groups(column, columns, sizes, rows, inner)
    numbers = columns[column].numbers
    fallback = None if other is None else group_baseline((other,), columns, sizes, numbers, rows)
    return replace(group_baseline(best, columns, sizes, numbers, rows), fallback=fallback)


def follows_others(
    column: int, columns: Sequence[Encoded], encoders: Sequence[Any], sizes: Sequence[int], rows: Ints
) -> bool:
    """Return whether other numbers leave much less of a number than the tightest group does."""
    numbers = columns[column].standardized
    if numbers is None:
        return False
    known = ~np.isnan(numbers[rows])
    relation = _relation(column, columns, encoders, rows)
    if relation is None or known.sum() < FEWEST_ROWS:
        return False

    def left_by(predicted: Floats) -> float:
        left = np.abs(numbers[rows] - predicted)
        # Nearly all rows have to follow: most counts are 0 or 1, which any sum explains in the middle.
        return float(np.quantile(np.where(np.isnan(left), FAR, left)[known], NEARLY_ALL))

    some = [one.take(rows) for one in columns]
    by_relation = left_by(relation.predict(some, encoders, encoders[column])[0])
    # Groups are slower to find, and rarely needed.
    if by_relation >= FOLLOWS_WITHIN:
        return False
    best, _ = _best_groups(column, columns, sizes, rows, np.arange(len(rows)) % 2)
    start = group_baseline(best, columns, sizes, numbers, rows)
    by_group = left_by(start.medians([some[place] for place in start.columns], len(rows)))
    return by_relation < FOLLOWS * by_group


def _best_groups(
    column: int, columns: Sequence[Encoded], sizes: Sequence[int], rows: Ints, inner: Ints
) -> tuple[tuple[int, ...], int | None]:
    """Return the places of the columns, none to two, by whose codes the medians leave least, and of the next best."""
    numbers = columns[column].numbers
    given = [place for place, size in enumerate(sizes) if place != column and columns[place].standardized is None]

    def left_by(candidate: tuple[int, ...]) -> float:
        left: list[Floats] = []
        for fold in range(int(inner.max()) + 1):
            start = group_baseline(candidate, columns, sizes, numbers, rows[inner != fold])
            held_out = rows[inner == fold]
            codes = [columns[place].take(held_out) for place in candidate]
            left.append(np.abs(numbers[held_out] - start.medians(codes, len(held_out))))
        return float(np.nanmean(np.concatenate(left)))

    best: tuple[int, ...] = ()
    least = left_by(best) * WORTH_A_COLUMN
    alone = sorted((left_by((place,)), place) for place in given)
    if alone and alone[0][0] < least:
        least, best = alone[0][0], (alone[0][1],)
        for pair in combinations([place for _, place in alone[:MOST_PAIRED]], 2):
            left = left_by(pair)
            if left < WORTH_A_PAIR * least:
                least, best = left, pair
    others = [place for _, place in alone if place not in best]
    return best, others[0] if best and others else None


def predicted_numbers(baseline: Baseline, columns: Sequence[Encoded], encoders: Sequence[Any]) -> Floats:
    """Return what the other numbers of each row make of the number, shape (n,), in the column's own unit."""
    numbers = {place: encoders[place].restore(columns[place].numbers.astype(float)) for place in baseline.columns}
    return _follow(baseline, numbers)


def group_baseline(
    given: tuple[int, ...], columns: Sequence[Encoded], sizes: Sequence[int], numbers: Singles, rows: Ints
) -> Baseline:
    """Return the medians of some rows' numbers by the codes of none, one or two columns."""
    if len(given) < 2:
        codes = columns[given[0]].codes[rows] if given else np.zeros(len(rows), dtype=np.int64)
        return Baseline("group", given, table=GroupTable.fit(codes, numbers[rows], sizes[given[0]] if given else 1))
    keys, places = np.unique(_pair_keys(*(columns[place].codes[rows] for place in given)), return_inverse=True)
    table = GroupTable.fit(places, numbers[rows], len(keys) + 1)
    return Baseline("group", given, keys=tuple(keys.tolist()), table=table)


def _pair_keys(one: Ints, other: Ints) -> Ints:
    # No column has as many codes.
    keys: Ints = one.astype(np.int64) * 1_000_000 + other
    return keys


def _relation(column: int, columns: Sequence[Encoded], encoders: Sequence[Any], rows: Ints) -> Baseline | None:
    """Return the ratio or the sum that leaves the least of a number, or None if there is none to be learned."""
    encoder: NumberEncoder = encoders[column]
    rows = rows[:: -(-len(rows) // MOST_FOR_RELATION)]
    others = [place for place, one in enumerate(columns) if place != column and one.standardized is not None]
    numbers = {
        place: encoders[place].restore(columns[place].numbers[rows].astype(float)) for place in (column, *others)
    }
    candidates = [*_ratios(column, others, numbers), *_sums(column, others, numbers)]
    best = None
    for candidate in candidates:
        left = encoder.standardize(numbers[column]) - encoder.standardize(_follow(candidate, numbers))
        if np.sum(~np.isnan(left)) < max(FEWEST_ROWS, len(rows) / 2):
            continue
        spread = float(np.nanmedian(np.abs(left)) / MAD_OF_NORMAL)
        # Of two that are as good, the simpler.
        if best is None or spread < WORTH_A_PAIR * best.spread - 1e-9:
            best = Baseline(candidate.kind, candidate.columns, candidate.weights, spread=spread)
    return best


def _follow(relation: Baseline, numbers: dict[int, Floats]) -> Floats:
    """Return what a relation makes of other numbers, which are given by their columns' places."""
    if relation.kind == "ratio":
        ratio: Floats = numbers[relation.columns[0]] * relation.weights[0]
        return ratio
    *weights, constant = relation.weights
    total: Floats = np.column_stack([numbers[place] for place in relation.columns]) @ np.asarray(weights) + constant
    return total


def _ratios(column: int, others: Iterable[int], numbers: dict[int, Floats]) -> Iterable[Baseline]:
    own = numbers[column]
    for other in others:
        both = (own > 0) & (numbers[other] > 0)
        if both.sum() >= max(FEWEST_ROWS, len(own) / 2):
            ratio = float(np.exp(np.median(np.log(own[both] / numbers[other][both]))))
            yield Baseline("ratio", (other,), (ratio,))


def _sums(column: int, others: Sequence[int], numbers: dict[int, Floats]) -> Iterable[Baseline]:
    """Yield the sum of other numbers by least trimmed squares, without those that hardly weigh."""
    known = [place for place in others if _varies(numbers[place])]
    if not known:
        return
    matrix = np.column_stack([*(numbers[place] for place in known), np.ones(len(numbers[column]))])
    complete = ~np.isnan(matrix).any(axis=1) & ~np.isnan(numbers[column])
    if complete.sum() < max(FEWEST_ROWS, 2 * matrix.shape[1]):
        return
    matrix, own = matrix[complete], numbers[column][complete]
    # Columns of one size, so that amounts do not drown counts.
    sizes = np.maximum(np.abs(matrix).mean(axis=0), 1e-12)
    fitted = np.ones(len(own), dtype=bool)
    weights = np.zeros(matrix.shape[1])
    for _ in range(REFITS):
        weights = np.linalg.lstsq((matrix / sizes)[fitted], own[fitted], rcond=None)[0] / sizes
        left = np.abs(own - matrix @ weights)
        fitted = left <= np.quantile(left, FITTED_SHARE)
    # What adds less than a rounding to the sum is no part of it.
    share = np.abs(weights * sizes) / max(np.abs(own).mean(), 1e-12)
    kept = [place for place in range(len(known)) if share[place] > RELATIVE_ROUNDING]
    if kept:
        constant = float(weights[-1]) if share[-1] > RELATIVE_ROUNDING else 0.0
        yield Baseline(
            "sum", tuple(known[place] for place in kept), (*(float(weights[place]) for place in kept), constant)
        )


def _varies(numbers: Floats) -> bool:
    """Return whether most rows have a number, and not all the same."""
    known = numbers[~np.isnan(numbers)]
    return len(known) > MOSTLY * len(numbers) and bool(np.ptp(known) > 0)
