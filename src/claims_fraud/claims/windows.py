"""How far history looks back: which earlier rows lie within the window of each, and for which rows it lies in the data.

Not for what is counted in a window: that is `across_claims`'s and `history`'s.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Window:
    """The days that history looks back over, and where the data begins.

    Attributes
    ----------
    days : int
        An earlier claim counts if it is at most so many days old.
    first_date : Timestamp
        Date of the earliest claim; NaT where there is none.
    """

    days: int
    first_date: pd.Timestamp

    @property
    def complete_from(self) -> np.datetime64:
        """The first day whose whole window lies in the data."""
        first_day: np.datetime64 = self.first_date.to_datetime64().astype("datetime64[D]")
        return first_day + np.timedelta64(self.days, "D")

    def is_complete(self, dates: pd.Series) -> npt.NDArray[np.bool_]:
        """Return for each date whether its whole window lies in the data."""
        return np.asarray(dates.to_numpy().astype("datetime64[D]") >= self.complete_from)


def whole_days(dates: pd.Series) -> Ints:
    """Return the days of dates as numbers; times of day do not count."""
    return dates.to_numpy().astype("datetime64[D]").astype(np.int64)


def window_starts(group: Ints, day: Ints, days: int) -> Ints:
    """Return for each row the position of the first row of its group that is at most so many days older.

    Parameters
    ----------
    group, day : array of shape (n,)
        Codes and day numbers of rows that are sorted by both.
    days : int
        Length of the window.

    Returns
    -------
    array of shape (n,)
        At most the row's own position, which it is where there is no earlier row.
    """
    if not len(day):
        return np.zeros(0, dtype=np.int64)
    # Groups end to end on one axis of days, with more than a window between them: one search for all rows.
    place = day - day.min() + days
    axis = group * (place.max() + 1) + place
    starts: Ints = np.searchsorted(axis, axis - days).astype(np.int64)
    return starts


def means_before(values: Floats, starts: Ints) -> Floats:
    """Return for each row the mean of the values from its start to the row before it; NaN where there is none.

    Each mean is summed by itself, rather than as a difference of running sums: neither the row's own value nor one
    from before the window enters by rounding.
    """
    if not len(values):
        return np.zeros(0)
    known = ~np.isnan(values)
    ends = np.arange(len(values))
    counted = np.concatenate([[0], np.cumsum(known)])
    counts = counted[ends] - counted[starts]
    # `reduceat` sums from each index to the next: every second sum, from a start to its end, is wanted.
    sums = np.add.reduceat(np.where(known, values, 0.0), np.column_stack([starts, ends]).ravel())[::2]
    means: Floats = np.divide(sums, counts, out=np.full(len(values), np.nan), where=counts > 0)
    return means
