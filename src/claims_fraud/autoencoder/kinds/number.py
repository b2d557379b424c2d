"""Columns of quantities: amounts, counts, days, ages."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.encoding import (
    IQR_OF_NORMAL,
    PSEUDO_COUNT,
    SMALLEST_SCALE,
    Direction,
    Floats,
    given_numbers,
    number_values,
    smoothed,
)
from claims_fraud.autoencoder.kinds.encoded import Encoded
from claims_fraud.autoencoder.words import MISSING, number_text, range_text
from claims_fraud.statistics.values import just_below

# A column of no more different values than this has a bin for each; any other has half as many bins, of equal size.
MOST_SINGLE_VALUES = 32
N_BINS = 16
FAR_TAIL = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01)
# Trees gain nothing measurable from finer steps, and each costs time; how rare a value is shows in the tails.
GRID_PROBABILITIES = np.unique([*FAR_TAIL, *np.linspace(0.02, 0.98, 61), *(1 - p for p in FAR_TAIL)])
# A column is skewed if its upper tail reaches more than this many times as far from the median as its lower one: normal
# 1, exponential 5.8; and the tails that are compared, the next where one is the whole column.
SKEWED = 2.0
SKEW_TAILS = (0.01, 0.001, 0.0)
# A column is continuous if it has this share of different values among its rows, and discrete otherwise: ties carry
# what a density does not know.
CONTINUOUS_SHARE = 0.2
# A rounding step is the largest of which nearly all values are multiples.
STEPS = (1e4, 1e3, 1e2, 10.0, 5.0, 1.0, 0.5, 0.1, 0.05, 0.01)
MULTIPLES = 0.98
# Deviations beyond which a number is no farther: their squares still fit in the float32 that they are kept as.
FARTHEST = 1e12
MORE_THAN_HALF = 0.5
# Having a value at all is rare where so few rows have one.
SELDOM = 0.05


@dataclass(frozen=True)
class NumberEncoder:
    """Bins and distribution of a numeric column.

    Attributes
    ----------
    grid : tuple of float
        Finer edges, by which a number becomes an input: as fine as trees split it, and no wild value is too large.
    at_most : tuple of float
        Share of the training rows with a value that are not above each of ``grid``.
    edges : tuple of float
        Upper ends of all bins but the last, increasing; a value equal to an edge belongs to the bin below it.
    counts : tuple of int
        Training rows in each bin.
    missing : int
        Training rows without a value.
    center, scale : float
        Median and a measure of spread, by which rarity is measured on the scale ``asinh((x - center) / scale)``.
    starts, ends : tuple of float
        Smallest and largest training value in each bin.
    unit : float
        Where it is above 0 the column is skewed, and its values are spread evenly on ``asinh(x / unit)``, which is
        logarithmic far from 0; where it is 0 they are spread evenly as they are.
    middle, spread : float
        Median and robust standard deviation on that scale: what a number is standardized by.
    step : float
        Rounding: nearly all values are multiples of it; 0 where there is none.
    continuous : bool
        Whether values seldom recur.
    usually_zero : bool
        Whether more than half of the training rows with a value have 0: its absence is what is usual.
    suspicious : {"high", "low"}, optional
        The only side on which a number is suspicious; both where it is None.
    """

    grid: tuple[float, ...]
    at_most: tuple[float, ...]
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    missing: int
    center: float
    scale: float
    starts: tuple[float, ...]
    ends: tuple[float, ...]
    unit: float
    middle: float
    spread: float
    step: float
    continuous: bool
    usually_zero: bool
    suspicious: Direction | None

    @classmethod
    def fit(cls, values: pd.Series, suspicious: Direction | None = None) -> Self:
        """Learn bins and distribution from the training rows."""
        numbers = number_values(values)
        known = np.sort(numbers[~np.isnan(numbers)])
        if not len(known):
            return cls(
                (), (), (), (0,), len(numbers), 0.0, 1.0, (0.0,), (0.0,), 0.0, 0.0, 1.0, 0.0, False, False, suspicious
            )  # fmt: skip
        distinct = np.unique(known)
        edges = _bin_edges(known, distinct)
        bins = pd.Series(known).groupby(np.searchsorted(edges, known)).agg(["size", "min", "max"])
        center = float(np.median(known))
        distance = np.abs(known - center)
        scale = float(np.quantile(distance, 0.75)) or float(distance.mean()) or 1.0
        grid = np.unique(np.quantile(known, GRID_PROBABILITIES, method="higher"))
        at_most = np.searchsorted(known, grid, side="right") / len(known)
        unit = _unit(known)
        even = _spread_evenly(known, unit)
        low, middle, high = np.quantile(even, (0.25, 0.5, 0.75))
        return cls(
            grid=tuple(grid.tolist()),
            at_most=tuple(at_most.tolist()),
            edges=tuple(edges.tolist()),
            counts=tuple(bins["size"].tolist()),
            missing=len(numbers) - len(known),
            center=center,
            scale=max(scale, SMALLEST_SCALE),
            starts=tuple(bins["min"].tolist()),
            ends=tuple(bins["max"].tolist()),
            unit=unit,
            middle=float(middle),
            spread=max(float(high - low) / IQR_OF_NORMAL or float(even.std()) or 1.0, SMALLEST_SCALE),
            step=_rounding_step(known),
            continuous=len(distinct) > CONTINUOUS_SHARE * len(numbers),
            usually_zero=bool((known == 0).mean() > MORE_THAN_HALF),
            suspicious=suspicious,
        )

    @property
    def is_size(self) -> bool:
        """Whether no training value is below 0, so that its multiples make sense."""
        return self.starts[0] >= 0

    @property
    def counts_events(self) -> bool:
        """Whether a value above 0 is an event to look into: rows usually have none, and only high is suspicious."""
        return self.suspicious == "high" and self.usually_zero and self.is_size

    @property
    def n_rows(self) -> int:
        """Training rows."""
        return sum(self.counts) + self.missing

    @property
    def n_classes(self) -> int:
        """Bins and missing."""
        return len(self.counts) + 1

    @property
    def n_codes(self) -> int:
        """As many as there are classes."""
        return self.n_classes

    @property
    def n_pooled(self) -> int:
        """Codes that stand for no value of its own, the last one: missing."""
        return 1

    @property
    def marginal(self) -> Floats:
        """Share of each class among the training rows, smoothed; sums to 1."""
        return smoothed(np.asarray([*self.counts, self.missing], dtype=float))

    def encode(self, values: pd.Series) -> Encoded:
        """Return the encoding of the values."""
        numbers = number_values(values)
        missing = np.isnan(numbers)
        below = just_below(numbers)
        classes = np.where(missing, len(self.counts), np.searchsorted(self.edges, below)).astype(np.int32)
        inputs = np.where(missing, np.nan, np.searchsorted(self.grid, below)).astype(np.float32)
        shares = smoothed(np.asarray([sum(self.counts), self.missing], dtype=float))
        rarity = np.log(shares.max() / shares)[missing.astype(int)] + np.where(missing, 0.0, self._rarity(numbers))
        return Encoded(
            inputs=inputs,
            classes=classes,
            codes=classes,
            rarity=rarity.astype(np.float32),
            absent=(missing & (self.missing > MORE_THAN_HALF * self.n_rows)) | ((numbers == 0) & self.usually_zero),
            standardized=np.clip(self.standardize(numbers), -FARTHEST, FARTHEST).astype(np.float32),
            resolution=np.minimum(self.resolution(numbers), FARTHEST).astype(np.float32),
        )

    def standardize(self, numbers: Floats) -> Floats:
        """Return numbers on the scale on which the column is spread evenly, by median and robust deviation."""
        standardized: Floats = (_spread_evenly(numbers, self.unit) - self.middle) / self.spread
        return standardized

    def unrounded(self, standardized: Floats) -> Floats:
        """Return the numbers that `standardize` made these of, as exactly as these tell them."""
        even = standardized * self.spread + self.middle
        numbers: Floats = np.sinh(np.clip(even, -80, 80)) * self.unit if self.unit else even
        return numbers

    def restore(self, standardized: Floats) -> Floats:
        """Return the numbers that `standardize` made these of, rounded as nearly all of the column are."""
        numbers = self.unrounded(standardized)
        # Without the sign of zero.
        return np.round(numbers / self.step) * self.step + 0.0 if self.step else numbers

    def resolution(self, numbers: Floats) -> Floats:
        """Return the rounding step on the standardized scale, shape (n,)."""
        slope = 1 / np.hypot(numbers, self.unit) if self.unit else np.ones_like(numbers)
        resolution: Floats = self.step * slope / self.spread
        return resolution

    def texts(self, values: pd.Series) -> list[str]:
        """Return what to call each value in a sentence."""
        return [MISSING if np.isnan(number) else number_text(number) for number in given_numbers(values)]

    def code_texts(self) -> list[str]:
        """Return what to call each code in a sentence: the range of its bin."""
        return [*(range_text(*ends) for ends in zip(self.starts, self.ends, strict=True)), MISSING]

    def rank_text(self, number: float) -> str:
        """Return how extreme a number is among the training rows, whatever the rest of its row says."""
        known = sum(self.counts)
        if np.isnan(number) or not known:
            return f"{MISSING} in {self.missing:,} of {self.n_rows:,} claims"
        if known < SELDOM * self.n_rows:
            return f"a value in {known:,} of {self.n_rows:,} claims"
        if number > self.ends[-1] or number < self.starts[0]:
            return f"{range_text(self.starts[0], self.ends[-1])} in all of {known:,} claims"
        low, high = self.usual_range
        if not low <= number <= high:
            return f"{range_text(low, high)} in 98% of claims"
        position = bisect_left(self.edges, number)
        lower, higher = sum(self.counts[: position + 1]), sum(self.counts[position:])
        side = "low or lower" if lower < higher else "high or higher"
        # All of the number's bin is counted, hence at most.
        return f"as {side} in at most {min(lower, higher) / known:.0%} of claims"

    @property
    def usual_range(self) -> tuple[float, float]:
        """Range of 98 % of the training values, or of a little more."""
        low, high = (np.interp(p, (0.0, *self.at_most), (self.grid[0], *self.grid)) for p in (0.01, 0.99))
        return self._held(low, upwards=False), self._held(high, upwards=True)

    def _held(self, number: float, *, upwards: bool) -> float:
        """Return the nearest number of the grid, outwards: one that some claim has."""
        place = int(np.searchsorted(self.grid, number, side="left" if upwards else "right")) - (not upwards)
        return self.grid[int(np.clip(place, 0, len(self.grid) - 1))]

    def _rarity(self, numbers: Floats) -> Floats:
        """Return how rare numbers are, shape (n,): the larger of rank and distance; of no meaning where missing.

        Minus the log of the two-sided tail probability, and the squared distance from the median on the asinh scale,
        since ranks saturate where the training rows end.
        """
        distance: Floats = np.arcsinh((numbers - self.center) / self.scale) ** 2
        if not self.grid:
            return self._on_the_suspicious_side(distance, numbers)
        shares = np.asarray(self.at_most)
        place = np.searchsorted(self.grid, just_below(numbers))
        # Both tails hold the whole step of the grid in which the number lies.
        lower = np.where(numbers < self.grid[0], 0.0, np.append(shares, 1.0)[place])
        upper = 1 - np.append(0.0, shares)[place]
        tail = np.clip(2 * np.minimum(lower, upper), PSEUDO_COUNT / (sum(self.counts) + PSEUDO_COUNT), 1)
        rarity: Floats = np.maximum(-np.log(tail), distance)
        return self._on_the_suspicious_side(rarity, numbers)

    def _on_the_suspicious_side(self, rarity: Floats, numbers: Floats) -> Floats:
        if self.suspicious is None:
            return rarity
        beyond = numbers > self.center if self.suspicious == "high" else numbers < self.center
        one_sided: Floats = np.where(beyond, rarity, 0.0)
        return one_sided


def _bin_edges(known: Floats, distinct: Floats) -> Floats:
    """Return the upper ends of all bins but the last."""
    if len(distinct) <= MOST_SINGLE_VALUES:
        return distinct[:-1]
    # An observed value as edge keeps atoms (zeros, whole numbers) together; the maximum would leave a bin empty.
    edges = np.unique(np.quantile(known, np.linspace(0, 1, N_BINS + 1)[1:-1], method="higher"))
    below: Floats = edges[edges < known[-1]]
    return below


def _unit(known: Floats) -> float:
    """Return below which size a skewed column's values are as good as 0; 0 for a column that is not skewed."""
    for tail in SKEW_TAILS:
        low, middle, high = np.quantile(known, (tail, 0.5, 1 - tail))
        # Where nearly all values are one, those beyond say what side they are on.
        if low < high:
            break
    if high - middle <= SKEWED * (middle - low):
        return 0.0
    sizes = np.abs(known[known != 0])
    return max(float(np.quantile(sizes, 0.05)) / 2, SMALLEST_SCALE) if len(sizes) else 0.0


def _spread_evenly(numbers: Floats, unit: float) -> Floats:
    even: Floats = np.arcsinh(numbers / unit) if unit else np.asarray(numbers, dtype=float)
    return even


def _rounding_step(known: Floats) -> float:
    # Every step has 0 as a multiple.
    other = known[known != 0]
    for step in STEPS if len(other) else ():
        multiples = other / step
        if (np.abs(multiples - np.round(multiples)) < 1e-6).mean() > MULTIPLES:
            return step
    return 0.0
