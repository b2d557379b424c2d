"""Turns a column into what trees take as input and what they predict as a class, and back into words' numbers.

Not for predicting: the boosters do that; not for scoring: see ``surprise``.

Rules, the same at fit and later:

- A category is a class of its own if it is among the most frequent of the training rows; all others share the class
  *other*, and an unseen one is the rarest of these.
- A number falls into one of some twenty quantile bins, finer towards the tails.
- Missing is a class of its own, so that a value missing where it never is surprises, and as an input it is NaN.
- An unseen category as an input is NaN too.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.errors import InputError

# The side on which a number can be suspicious at all.
Direction = Literal["high", "low"]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]

# Half a count for every class, so that what training never showed is unlikely and not impossible (Krichevsky-Trofimov).
PSEUDO_COUNT = 0.5
# Categories beyond these are all "unseen": the artefact stays small even for a column of ids.
MAX_KNOWN_CATEGORIES = 10_000
TAIL_PROBABILITY = 0.005
EDGE_PROBABILITIES = (TAIL_PROBABILITY, 0.02, *np.linspace(0.05, 0.95, 13), 0.98, 1 - TAIL_PROBABILITY)
FAR_TAIL = (0.0, 0.0005, 0.001, 0.002, 0.005, 0.01)
# Trees gain nothing measurable from finer steps, and each costs time; how rare a value is shows in the tails.
GRID_PROBABILITIES = np.unique([*FAR_TAIL, *np.linspace(0.02, 0.98, 61), *(1 - p for p in FAR_TAIL)])
# What is expected is kept as float32: a number beyond what that holds counts as its largest.
LARGEST_NUMBER = float(np.finfo(np.float32).max)
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True)
class Encoded:
    """A column of n rows as numbers.

    Attributes
    ----------
    inputs : float32 array of shape (n,)
        What the models of other columns see.
    classes : int32 array of shape (n,)
        What this column's model predicts.
    codes : int32 array of shape (n,)
        The finest steps that are told apart: a category's position, a number's place in the grid; the last two are an
        unseen category (or the largest numbers) and a missing value.
    alike : int32 array of shape (n,)
        By what rows are comparable: the code of a category, the class of a number.
    rarity : array of shape (n,)
        How rare the value is among the training rows, >= 0: of a category, or of a missing value, minus the log of its
        share over that of the most frequent; of a number, the larger of minus the log of its two-sided tail probability
        and its squared distance from the median on the asinh scale, since ranks saturate where the training rows end.
    """

    inputs: npt.NDArray[np.float32]
    classes: Ints
    codes: Ints
    alike: Ints
    rarity: Floats


def category_values(values: pd.Series) -> pd.Series:
    """Return the values as str objects, with None where they are missing."""
    objects, missing = values.astype(object), values.isna()
    texts = objects.to_numpy(copy=True)
    # Text needs no look at each value, which takes longer than all else of encoding.
    if pd.api.types.infer_dtype(objects, skipna=True) != "string":
        texts[:] = [None if absent else _category_text(value) for value, absent in zip(objects, missing, strict=True)]
    texts[missing.to_numpy()] = None
    return pd.Series(texts, index=values.index, name=values.name, dtype=object)


def number_values(values: pd.Series) -> Floats:
    """Return the values as float64, NaN where they are missing; raise InputError on text, dates and infinities."""
    if values.dtype.kind in "mMc":
        raise InputError(
            f"num_features column {values.name!r} is of type {values.dtype}, which is no number. Turn it into one, "
            "such as days since a fixed date, or leave it out."
        )
    try:
        numbers = pd.to_numeric(values).to_numpy(dtype="float64", na_value=np.nan)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"num_features column {values.name!r} holds what is no number ({error}). Name it under cat_features, or "
            "make it numeric."
        ) from error
    if np.isinf(numbers).any():
        raise InputError(f"num_features column {values.name!r} holds infinite values. Replace them by null.")
    within: Floats = np.clip(numbers, -LARGEST_NUMBER, LARGEST_NUMBER)
    return within


@dataclass(frozen=True)
class CategoryEncoder:
    """Codes of a categorical column.

    Attributes
    ----------
    categories : tuple of str
        Known ones, in alphabetical order: codes of one chapter or family are neighbours, which one split can part off.
    counts : tuple of int
        How many training rows have each.
    kept : tuple of int
        Positions in ``categories`` of those that are classes of their own.
    missing : int
        Training rows without a value.
    """

    categories: tuple[str, ...]
    counts: tuple[int, ...]
    kept: tuple[int, ...]
    missing: int

    @classmethod
    def fit(cls, values: pd.Series, max_classes: int) -> Self:
        """Learn the categories of the training rows; at most ``max_classes`` become classes of their own."""
        strings = category_values(values)
        # Ties by name, so that the order of rows has no say.
        by_name = strings.value_counts().sort_index()
        counts = by_name.sort_values(ascending=False, kind="stable").head(MAX_KNOWN_CATEGORIES).sort_index()
        by_frequency = np.lexsort((np.arange(len(counts)), -counts.to_numpy()))
        kept = np.sort(by_frequency[:max_classes])
        return cls(tuple(counts.index), tuple(counts.tolist()), tuple(kept.tolist()), int(strings.isna().sum()))

    @property
    def n_classes(self) -> int:
        """Kept categories, other, and missing."""
        return len(self.kept) + 2

    @property
    def n_codes(self) -> int:
        """Known categories, unseen, and missing."""
        return len(self.categories) + 2

    @property
    def n_alike(self) -> int:
        """As many as there are codes."""
        return self.n_codes

    @property
    def marginal(self) -> Floats:
        """Share of each class among the training rows, smoothed; sums to 1."""
        counts = np.asarray(self.counts, dtype=float)
        kept = counts[list(self.kept)]
        return _smoothed(np.concatenate([kept, [counts.sum() - kept.sum(), self.missing]]))

    def encode(self, values: pd.Series) -> Encoded:
        """Return the encoding of the values."""
        strings = category_values(values)
        codes = pd.Index(self.categories, dtype=object).get_indexer(pd.Index(strings, dtype=object))
        missing, unseen = np.asarray(strings.isna()), codes < 0
        other, absent = len(self.kept), len(self.kept) + 1
        class_of = np.full(len(self.categories) + 1, other)
        class_of[list(self.kept)] = np.arange(other)
        classes = np.where(missing, absent, class_of[codes]).astype(np.int32)
        log_share = np.append(self._log_share_of_other(), self._log_share_of_other(unseen=True))
        within = np.where(classes == other, log_share[codes], 0.0)
        inputs = np.where(unseen, np.nan, codes).astype(np.float32)
        shares = self.marginal
        # The most frequent category is a class of its own, or it is missing.
        mode = np.delete(shares, other).max()
        known = np.where(unseen, len(self.categories), codes)
        codes = np.where(missing, len(self.categories) + 1, known).astype(np.int32)
        return Encoded(inputs, classes, codes, codes, np.log(mode / shares)[classes] - within)

    def count(self, value: str) -> int:
        """Return how many training rows have the category (0 if unseen)."""
        position = bisect_left(self.categories, value)
        known = position < len(self.categories) and self.categories[position] == value
        return self.counts[position] if known else 0

    def class_names(self) -> list[str]:
        """Return what to call each class in a sentence."""
        names = [self.categories[position] for position in self.kept]
        rarer = sorted(set(self.categories) - set(names)) or ["a new value"]
        other = rarer[0] if len(rarer) == 1 else f"one of {len(rarer):,} rarer values"
        return [*names, other, "no value"]

    def _log_share_of_other(self, unseen: bool = False) -> Floats:
        """Return the log share of each category (or of an unseen one) within the class other; kept ones are unused."""
        counts = np.asarray(self.counts, dtype=float)
        rare = np.delete(counts, list(self.kept))
        total = rare.sum() + PSEUDO_COUNT * (len(rare) + 1)
        log_share: Floats = np.log((np.zeros(1) if unseen else counts) + PSEUDO_COUNT) - np.log(total)
        return log_share


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
        Median and a measure of spread: the asinh scale is ``asinh((x - center) / scale)``.
    starts, ends : tuple of float
        Smallest and largest training value in each bin.
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
    suspicious: Direction | None

    @classmethod
    def fit(cls, values: pd.Series, suspicious: Direction | None = None) -> Self:
        """Learn bins and distribution from the training rows."""
        numbers = number_values(values)
        known = numbers[~np.isnan(numbers)]
        if not len(known):
            return cls((), (), (), (0,), len(numbers), 0.0, 1.0, (0.0,), (0.0,), suspicious)
        # An observed value as edge keeps atoms (zeros, whole numbers) together; the maximum would leave a bin empty.
        edges = np.unique(np.quantile(known, EDGE_PROBABILITIES, method="higher"))
        edges = edges[edges < known.max()]
        bins = pd.Series(known).groupby(np.searchsorted(edges, known)).agg(["size", "min", "max"])
        center = float(np.median(known))
        spread = float(np.quantile(np.abs(known - center), 0.75)) or float(np.abs(known - center).mean()) or 1.0
        grid = np.unique(np.quantile(known, GRID_PROBABILITIES, method="higher"))
        at_most = np.searchsorted(np.sort(known), grid, side="right") / len(known)
        return cls(
            tuple(grid.tolist()), tuple(at_most.tolist()), tuple(edges.tolist()), tuple(bins["size"].tolist()),
            int(np.isnan(numbers).sum()), center, max(spread, SMALLEST_SCALE), tuple(bins["min"].tolist()),
            tuple(bins["max"].tolist()), suspicious,
        )  # fmt: skip

    @property
    def low(self) -> float:
        """Smallest training value."""
        return self.starts[0]

    @property
    def high(self) -> float:
        """Largest training value."""
        return self.ends[-1]

    @property
    def n_classes(self) -> int:
        """Bins and missing."""
        return len(self.counts) + 1

    @property
    def n_codes(self) -> int:
        """Steps of the grid, one beyond it, and missing."""
        return len(self.grid) + 2

    @property
    def n_alike(self) -> int:
        """As many as there are classes."""
        return self.n_classes

    @property
    def marginal(self) -> Floats:
        """Share of each class among the training rows, smoothed; sums to 1."""
        return _smoothed(np.asarray([*self.counts, self.missing], dtype=float))

    def encode(self, values: pd.Series) -> Encoded:
        """Return the encoding of the values."""
        numbers = number_values(values)
        missing = np.isnan(numbers)
        classes = np.where(missing, len(self.counts), np.searchsorted(self.edges, numbers)).astype(np.int32)
        places = np.searchsorted(self.grid, numbers)
        inputs = np.where(missing, np.nan, places).astype(np.float32)
        shares = _smoothed(np.asarray([sum(self.counts), self.missing], dtype=float))
        rarity = np.log(shares.max() / shares)[missing.astype(int)] + np.where(missing, 0.0, self._rarity(numbers))
        codes = np.where(missing, self.n_codes - 1, places).astype(np.int32)
        return Encoded(inputs, classes, codes, classes, rarity)

    def quantiles(self, probabilities: Floats, level: float) -> Floats:
        """Return the ``level`` quantile of the predicted distributions, shape (n,).

        Linear between the smallest and largest value of a bin, and whole where the training values are;
        ``probabilities`` has shape (n, n_classes), of which missing is left out.
        """
        bins = probabilities[:, :-1]
        cumulated = np.cumsum(bins, axis=1)
        target = level * cumulated[:, -1]
        bin_of = np.minimum((cumulated < target[:, None]).sum(axis=1), bins.shape[1] - 1)
        rows = np.arange(len(bins))
        inside = (target - cumulated[rows, bin_of]) / np.maximum(bins[rows, bin_of], 1e-12) + 1
        starts, ends = np.asarray(self.starts), np.asarray(self.ends)
        quantile: Floats = starts[bin_of] + np.clip(inside, 0, 1) * (ends - starts)[bin_of]
        # The sum may round beyond the end.
        quantile = np.minimum(quantile, ends[bin_of])
        whole = all(bound.is_integer() for bound in (*self.starts, *self.ends))
        return np.round(quantile) if whole else quantile

    def cumulated(self, probabilities: Floats, numbers: Floats) -> tuple[Floats, Floats]:
        """Return how much of the predicted distributions lies below the numbers, without and with them, each (n,).

        The two differ where a bin is a single value. Rows without a number are of no meaning.
        """
        bins = probabilities[:, :-1]
        upper = np.cumsum(bins, axis=1)
        rows, bin_of = np.arange(len(bins)), np.searchsorted(self.edges, np.nan_to_num(numbers))
        starts, widths = np.asarray(self.starts), np.subtract(self.ends, self.starts)
        single = widths[bin_of] == 0
        inside = np.clip(numbers - starts[bin_of], 0, widths[bin_of]) / np.where(single, 1, widths[bin_of])
        share, below = bins[rows, bin_of], upper[rows, bin_of] - bins[rows, bin_of]
        without, including = (below + share * np.where(single, end, inside) for end in (0, 1))
        return without / upper[:, -1], including / upper[:, -1]

    def innocent(self, probabilities: Floats, classes: Ints) -> npt.NDArray[np.bool_]:
        """Return which rows lie, of the predicted distribution, on the side that is not suspicious, shape (n,)."""
        rows, missing = np.arange(len(classes)), self.n_classes - 1
        if self.suspicious is None:
            return np.zeros(len(classes), dtype=bool)
        up_to = np.cumsum(probabilities[:, :-1], axis=1)
        place = np.minimum(classes, missing - 1)
        middle = up_to[rows, place] - probabilities[rows, place] / 2
        below = middle < up_to[:, -1] / 2
        side = below if self.suspicious == "high" else ~below
        innocent: npt.NDArray[np.bool_] = side & (classes != missing)
        return innocent

    def _rarity(self, numbers: Floats) -> Floats:
        """Return how rare numbers are, shape (n,), by rank and by distance; of no meaning where missing."""
        distance: Floats = np.arcsinh((numbers - self.center) / self.scale) ** 2
        if not self.grid:
            return self._on_the_suspicious_side(distance, numbers)
        shares = np.asarray(self.at_most)
        place = np.searchsorted(self.grid, numbers)
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


Encoder = CategoryEncoder | NumberEncoder


def _category_text(value: object) -> str:
    # Whole codes with a null among them arrive as floats: 99213.0 is still the code 99213.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _smoothed(counts: Floats) -> Floats:
    shares: Floats = (counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts))
    return shares
