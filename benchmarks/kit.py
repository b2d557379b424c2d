"""The analyst's kit: the tools an investigator tries first, and the least that a detector has to match.

The module needs pandas and NumPy, and nothing of this project. It has three tools: the robust z of an amount among the
rows of the same code, the least likely pair of values in a row, and the larger of the two. All see the rows only.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api.types import is_numeric_dtype

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

BINS = 16
# The spread of a small group is drawn towards that of all groups by this many rows.
PSEUDO_ROWS = 5
# Interquartile range of the standard normal distribution.
IQR_OF_NORMAL = 1.35
# Variance of the median of n normal values, times n, over theirs: pi / 2.
VARIANCE_OF_MEDIAN = 1.57
SMALLEST_SPREAD = 1e-3
TOP = 0.98


def score_by_kit(data: pd.DataFrame, categorical: Sequence[str], amounts: Iterable[str]) -> Floats:
    """Return the larger of the robust z of an amount and the least likely pair, each divided by its 98th percentile.

    Parameters
    ----------
    data : DataFrame of shape (n, d)
        One row per claim; codes are objects, numbers have a numeric dtype.
    categorical, amounts : sequences of str
        Names of the columns of codes and of the columns of money. The largest z of all amounts counts.

    Returns
    -------
    array of shape (n,)
        Higher is more suspicious.
    """
    tools = [score_by_pairs(data)]
    if amounts := list(amounts):
        tools.append(np.max([score_by_group(data, name, categorical) for name in amounts], axis=0))
    scaled = [tool / max(np.quantile(tool, TOP), 1e-9) for tool in tools]
    return np.max(scaled, axis=0)


def score_by_group(data: pd.DataFrame, column: str, categorical: Sequence[str]) -> Floats:
    """Return the robust |z| of a number in its group; the groups are the codes of the tightest column.

    The tightest column of codes is the one with the smallest mean spread: see `summarize_groups`. Numbers are logged
    where `transform` does so. A missing number has a z of 0.
    """
    values = transform(data[column])
    tightest: tuple[float, Floats] = (np.inf, np.zeros(len(data)))
    for name in [name for name in categorical if name != column] or [None]:
        groups = np.zeros(len(data), dtype=np.intp) if name is None else factorize(data[name])
        median, spread, count = summarize_groups(groups, values)
        mean_spread = float(np.average(spread, weights=count))
        if mean_spread < tightest[0]:
            tightest = mean_spread, np.abs(values - median[groups]) / spread[groups]
    return np.nan_to_num(tightest[1])


def score_by_pairs(data: pd.DataFrame, columns: Iterable[str] | None = None) -> Floats:
    """Return how unlikely the least likely pair of values of each row is.

    For a pair of values, that is the log ratio of the rows expected under independence to the rows observed, with half
    a row added to each. The largest over all pairs of columns counts, or over the pairs with one of ``columns``.
    Numbers are in 16 bins of equally many rows, or in one bin per value if there are at most 32 values.
    """
    codes = {name: bin_values(data[name]) for name in data}
    counts = {name: np.bincount(values) for name, values in codes.items()}
    chosen = set(data.columns if columns is None else columns)
    scores = np.full(len(data), -np.inf)
    for one, other in itertools.combinations(codes, 2):
        if one in chosen or other in chosen:
            together = codes[one] * len(counts[other]) + codes[other]
            _, place, seen = np.unique(together, return_inverse=True, return_counts=True)
            expected = counts[one][codes[one]] * counts[other][codes[other]] / len(data)
            scores = np.maximum(scores, np.log((expected + 0.5) / (seen[place] + 0.5)))
    return scores


def transform(values: pd.Series) -> Floats:
    """Return a number standardised robustly, after its logarithm if it is never negative and skewed to the right.

    Half of the 5 % quantile of the values above zero is added before the logarithm.
    """
    numbers = values.to_numpy(dtype=float)
    known = numbers[~np.isnan(numbers)]
    if len(known) and known.min() >= 0 and pd.Series(known).skew() > 1:
        smallest = np.quantile(known[known > 0], 0.05) / 2
        numbers = np.log(numbers + smallest)
        known = np.log(known + smallest)
    if not len(known):
        return numbers
    spread = np.subtract(*np.quantile(known, (0.75, 0.25))) / IQR_OF_NORMAL or known.std() or 1.0
    return (numbers - np.median(known)) / spread


def summarize_groups(groups: Codes, values: Floats) -> tuple[Floats, Floats, Codes]:
    """Return median, spread and number of known values of each group; groups are numbered from 0.

    The spread is the interquartile range over 1.35. It is drawn towards the mean spread of all groups, since few values
    say little about it, and inflated for the error of the group's own median. The median is that of the group alone.
    """
    known = ~np.isnan(values)
    size = int(groups.max()) + 1
    count = np.bincount(groups[known], minlength=size)
    if not count.sum():
        return np.zeros(size), np.ones(size), np.ones(size, dtype=int)
    by_group = pd.Series(values[known]).groupby(groups[known])
    low, median, high = (by_group.quantile(q).reindex(range(size)).fillna(0).to_numpy() for q in (0.25, 0.5, 0.75))
    spread = (high - low) / IQR_OF_NORMAL
    pooled = np.average(spread, weights=count)
    shrunk = np.sqrt((count * spread**2 + PSEUDO_ROWS * pooled**2) / (count + PSEUDO_ROWS))
    return median, shrunk * np.sqrt(1 + VARIANCE_OF_MEDIAN / np.maximum(count, 1)) + SMALLEST_SPREAD, count


def factorize(values: pd.Series) -> Codes:
    """Return the values as codes from 0; missing values share one."""
    return pd.factorize(values, use_na_sentinel=False)[0]


def bin_values(values: pd.Series) -> Codes:
    """Return the values as codes from 0: one per bin for numbers with many values; missing values share one."""
    if not is_numeric_dtype(values) or values.nunique() <= 2 * BINS:
        return factorize(values)
    numbers = values.to_numpy(dtype=float)
    known = numbers[~np.isnan(numbers)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, BINS + 1)[1:-1], method="higher"))
    edges = edges[edges < known.max()]
    return np.where(np.isnan(numbers), len(edges) + 1, np.searchsorted(edges, numbers))
