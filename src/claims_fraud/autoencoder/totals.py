"""Finds numbers that are totals of another number, as a year's payments include each payment.

A total that equals its part is not suspicious, and one below its part is.

Not for sums of several numbers that make up nearly all rows, which are relations: see ``baseline``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from claims_fraud.autoencoder.baseline import FEWEST_ROWS, RELATIVE_ROUNDING
from claims_fraud.autoencoder.encoding import Bools, Floats, Ints
from claims_fraud.autoencoder.kinds import Encoded

# A total is below its part in hardly any row, and is all of it in more than this share of the rows: so many others are
# as the value is that it is no contradiction.
HARDLY_ANY, MANY = 0.01, 0.25
# Equal numbers are no coincidence if they are so many times as frequent as in rows paired at random.
BEYOND_CHANCE = 10


def find_parts(columns: Sequence[Encoded], encoders: Sequence[Any], rows: Ints) -> list[int | None]:
    """Return for each column the place of the number that it is a total of, the one it most often equals, or None.

    Parameters
    ----------
    columns, encoders : sequence
        All columns of all rows, and their encoders.
    rows : int array of shape (m,)
        Positions of the rows to look at.
    """
    numbers = {
        place: _numbers(place, columns, encoders, rows)
        for place, column in enumerate(columns)
        if column.standardized is not None
    }
    return [_part_of(place, numbers) for place in range(len(columns))]


def _part_of(column: int, numbers: dict[int, Floats]) -> int | None:
    best, most = None, MANY
    for other, part in numbers.items() if column in numbers else ():
        total = numbers[column]
        both = (total > 0) & (part > 0)
        if other == column or both.sum() < FEWEST_ROWS:
            continue
        same = _same(total, part)
        share, below = same[both].mean(), ((total < part) & ~same).sum() / both.sum()
        if share <= most or below > HARDLY_ANY:
            continue
        by_chance = _same(total[both], np.random.default_rng(0).permutation(part[both])).mean()
        if share > BEYOND_CHANCE * by_chance:
            best, most = other, share
    return best


def is_all_of_part(column: int, part: int, columns: Sequence[Encoded], encoders: Sequence[Any]) -> Bools:
    """Return in which rows a total is nothing but its part, shape (n,)."""
    total, piece = (_numbers(place, columns, encoders, slice(None)) for place in (column, part))
    return (total > 0) & _same(total, piece)


def is_below_part(column: int, part: int, columns: Sequence[Encoded], encoders: Sequence[Any]) -> Bools:
    """Return in which rows a total is less than its part, shape (n,)."""
    total, piece = (_numbers(place, columns, encoders, slice(None)) for place in (column, part))
    return (total < piece) & ~_same(total, piece)


def _numbers(place: int, columns: Sequence[Encoded], encoders: Sequence[Any], rows: Ints | slice) -> Floats:
    numbers: Floats = encoders[place].unrounded(columns[place].numbers[rows].astype(float))
    return numbers


def _same(total: Floats, part: Floats) -> Bools:
    """Return where two numbers are the same but for rounding; nowhere where one is missing."""
    same: Bools = np.abs(total - part) <= RELATIVE_ROUNDING * np.abs(part)
    return same
