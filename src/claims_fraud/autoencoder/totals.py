"""Which numbers are totals of others, as a year's bills are of one bill: a total that is all of its part is no oddity.

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


def find_part(column: int, columns: Sequence[Encoded], encoders: Sequence[Any], rows: Ints) -> int | None:
    """Return the place of the number that a column is a total of, the one it most often equals; None where none is.

    Parameters
    ----------
    column : int
        Place of the column.
    columns, encoders : sequence
        All columns of all rows, and their encoders.
    rows : int array of shape (m,)
        Positions of the rows to look at.
    """
    if columns[column].standardized is None:
        return None
    total, best, most = _numbers(column, columns, encoders, rows), None, MANY
    for other, one in enumerate(columns):
        if other == column or one.standardized is None:
            continue
        part = _numbers(other, columns, encoders, rows)
        both = (total > 0) & (part > 0)
        if both.sum() < FEWEST_ROWS:
            continue
        whole, piece = total[both], part[both]
        same = _same(whole, piece)
        share, by_chance = same.mean(), _same(whole, np.random.default_rng(0).permutation(piece)).mean()
        below = ((total < part) & ~_same(total, part)).sum() / both.sum()
        if share > most and share > BEYOND_CHANCE * by_chance and below <= HARDLY_ANY:
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
