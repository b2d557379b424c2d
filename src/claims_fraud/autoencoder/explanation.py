"""Reasons in words: what the claim says, what was expected and from what, and how often comparable claims say the like.

Not for scores: it is given the parts and the expectations that the scores were made of.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.encoding import (
    TAIL_PROBABILITY,
    CategoryEncoder,
    Encoder,
    Floats,
    Ints,
    NumberEncoder,
    category_values,
    number_values,
)
from claims_fraud.autoencoder.support import ENOUGH, Support

# Share of the numbers that lie within the interval in which they are expected.
EXPECTED_SHARE = 0.8
NEXT_TO_NOTHING = 1e-9
# From here on a number is written without decimals.
WITHOUT_DECIMALS = 100
# A second category is named if the first leaves it at least this probability.
WORTH_NAMING = 0.1
MORE_LIKELY_THAN_NOT = 0.5
MISSING = "missing"
# How a value differs from what was expected, and how its like are counted in a sentence.
ABOVE, BELOW, WITHIN, PRESENT, OTHER = "above", "below", "within", "present", "other"
COUNTED = {
    ABOVE: "about as high in",
    BELOW: "about as low in",
    WITHIN: "about the same in",
    PRESENT: "a value in",
    MISSING: "missing in",
    OTHER: "seen in",
}
NONE_ALIKE = "no comparable claim"


@dataclass(frozen=True)
class Expectation:
    """What a column's model expected of n rows.

    For a number ``low`` and ``high`` are the ends of the 80 % interval, ``low_share`` is the probability that the value
    is missing, and ``high_share`` is unused; for a category they are the positions of the most likely and second most
    likely class, with the probabilities ``low_share`` and ``high_share``.
    """

    low: npt.NDArray[np.float32]
    high: npt.NDArray[np.float32]
    low_share: npt.NDArray[np.float32]
    high_share: npt.NDArray[np.float32]

    @classmethod
    def of(cls, encoder: Encoder, probabilities: Floats, levels: tuple[float, float]) -> Self:
        """Summarise predicted probabilities of shape (n, k); ``levels`` are the quantiles that end the interval."""
        if isinstance(encoder, NumberEncoder):
            ends = (encoder.quantiles(probabilities, level) for level in levels)
            low, high = (end.astype(np.float32) for end in ends)
            return cls(low, high, probabilities[:, -1].astype(np.float32), np.zeros(len(low), np.float32))
        rows = np.arange(len(probabilities))
        first = probabilities.argmax(axis=1)
        others = probabilities.copy()
        others[rows, first] = -1
        second = others.argmax(axis=1)
        shares = (probabilities[rows, position].astype(np.float32) for position in (first, second))
        return cls(first.astype(np.float32), second.astype(np.float32), *shares)

    @classmethod
    def at_large(cls, encoder: Encoder, rows: int) -> Self:
        """Return what is usual, whatever the other columns say: the range of 99 % of the numbers, or the categories."""
        if isinstance(encoder, NumberEncoder):
            fields = (*_usual_range(encoder), float(encoder.marginal[-1]), 0.0)
            return cls(*(np.full(rows, field, np.float32) for field in fields))
        tail = (1 - EXPECTED_SHARE) / 2
        return cls.of(encoder, np.tile(encoder.marginal, (rows, 1)), (tail, 1 - tail))

    def of_rows(self, rows: npt.NDArray[np.integer[Any] | np.bool_]) -> Self:
        """Return the expectations of the chosen rows (positions, or a boolean mask)."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

    @classmethod
    def together(cls, pieces: Sequence[tuple[npt.NDArray[np.integer[Any] | np.bool_], Self]], rows: int) -> Self:
        """Put the expectations of disjoint sets of rows (positions, or boolean masks) into one of ``rows`` rows."""
        arrays = {name: np.zeros(rows, np.float32) for name in cls.__dataclass_fields__}
        for chosen, piece in pieces:
            for name, array in arrays.items():
                array[chosen] = getattr(piece, name)
        return cls(**arrays)


def interval_levels(
    values: pd.Series, encoder: Encoder, predictions: Iterable[tuple[Ints, Floats]]
) -> tuple[float, float]:
    """Return the quantiles of predicted distributions between which 80 % of a column's numbers lie.

    Predictions are distributions over bins, within which numbers are not spread evenly, and no model is quite right:
    between its 10th and 90th percentile lies another share. So the levels are read off where the numbers fell in the
    distributions predicted for them by models that did not see them (the probability integral transform). Where a
    column has few different values, more than 80 % may lie within, as few more as possible.

    Parameters
    ----------
    values : Series of shape (n,)
        The column of the training rows.
    encoder : CategoryEncoder or NumberEncoder
        The column's encoder; a category has no interval.
    predictions : iterable of (int array of shape (rows,), array of shape (rows, k))
        Positions of disjoint rows and what was predicted for them.
    """
    tails = (1 - EXPECTED_SHARE) / 2, (1 + EXPECTED_SHARE) / 2
    if isinstance(encoder, CategoryEncoder):
        return tails
    numbers = number_values(values)
    below, up_to = np.full(len(numbers), np.nan), np.full(len(numbers), np.nan)
    for rows, probabilities in predictions:
        below[rows], up_to[rows] = encoder.cumulated(probabilities, numbers[rows])
    known = ~np.isnan(numbers)
    if not known.any():
        return tails
    low, high = np.quantile(up_to[known], tails[0]), np.quantile(below[known], tails[1])
    # A level where one bin ends and another begins means that bin which holds the number it was read off.
    return min(float(low) - NEXT_TO_NOTHING, 0.5), max(float(high) + NEXT_TO_NOTHING, 0.5)


def explained(  # noqa: PLR0913
    name: str,
    rows: pd.DataFrame,
    encoders: Mapping[str, Encoder],
    expected: Expectation,
    support: Support,
    *,
    by_rarity: npt.NDArray[np.bool_],
    counted: npt.NDArray[np.bool_],
) -> pd.DataFrame:
    """Return what there is to say of a column's values in n rows.

    Parameters
    ----------
    name : str
        The column.
    rows : DataFrame of shape (n, ...)
        As they came.
    encoders : mapping of str to encoder
        Of all columns.
    expected : Expectation
        Of the column, in these rows.
    support : Support
        Of the column.
    by_rarity : bool array of shape (n,)
        Whether a row is judged by rarity rather than against its other columns.
    counted : bool array of shape (n,)
        Whether a row is among those that ``support`` counts; no row supports itself.

    Returns
    -------
    DataFrame of shape (n, 10)
        ``value, expected, expected_low, expected_high, direction, judged_from, comparable, such, low_support,
        sentence``: see `ClaimsTreeAutoencoder.explain`.
    """
    values, encoder = rows[name], encoders[name]
    usual = Expectation.at_large(encoder, int(by_rarity.sum()))
    expected = Expectation.together([(~by_rarity, expected.of_rows(~by_rarity)), (by_rarity, usual)], len(rows))
    directions = _directions(values, encoder, expected, by_rarity)
    lowest, highest = _such(values, directions, encoder)
    alike = [encoders[other].encode(rows[other]).alike for other in support.given]
    at_large = support.occurrences([], lowest, highest, counted)
    found = at_large.where(by_rarity, support.occurrences(alike, lowest, highest, counted))
    # What other columns say is of no account for a row that is judged by rarity.
    rest = ~by_rarity
    given = [[f"{other} {text}" for text in stated(rows.loc[rest, other], encoders[other])] for other in support.given]
    first = _alike(support.given[0], rows[rest], encoders) if given else [""] * int(rest.sum())
    judged_from = np.full(len(rows), "", dtype=object)
    if given:
        judged_from[rest] = [" and ".join(texts) for texts in zip(*given, strict=True)]
    numeric, nothing = isinstance(encoder, NumberEncoder), np.full(len(rows), np.nan, np.float32)
    table = pd.DataFrame(
        {
            "value": np.array(stated(values, encoder), dtype=object),
            "expected": np.array(_expected(encoder, expected), dtype=object),
            "expected_low": expected.low if numeric else nothing,
            "expected_high": expected.high if numeric else nothing,
            "direction": directions,
            "judged_from": judged_from,
            "comparable": found.comparable,
            "such": found.such,
            "low_support": found.comparable < ENOUGH,
        }
    )
    which = [
        _comparable_claims(agreeing, len(given), text)
        for agreeing, text in zip(found.agreeing[rest], first, strict=True)
    ]
    said = np.empty(len(rows), dtype=object)
    said[by_rarity] = _rarities(values[by_rarity], encoder)
    said[rest] = [_contradiction(*each) for each in zip(table[rest].itertuples(), which, strict=True)]
    return table.assign(sentence=name + " " + table["value"] + "; " + said)


def stated(values: pd.Series, encoder: Encoder) -> list[str]:
    """Return what to call each value in a sentence."""
    if isinstance(encoder, NumberEncoder):
        return [MISSING if np.isnan(number) else number_text(number) for number in number_values(values)]
    return [MISSING if text is None else text for text in category_values(values)]


def number_text(number: float) -> str:
    """Return a number as people write it: thousands separated, no more than four significant digits below 100."""
    return f"{number:,.0f}" if abs(number) >= WITHOUT_DECIMALS or number.is_integer() else f"{number:.4g}"


def _interval(low: float, high: float) -> str:
    ends = number_text(low), number_text(high)
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def _alike(name: str, rows: pd.DataFrame, encoders: Mapping[str, Encoder]) -> list[str]:
    """Return the column and what claims that agree in it have there: its value, or the range of a number's bin."""
    encoder, texts = encoders[name], stated(rows[name], encoders[name])
    if isinstance(encoder, NumberEncoder):
        bins = np.searchsorted(encoder.edges, number_values(rows[name]))
        ranges = [_interval(low, high) for low, high in zip(encoder.starts, encoder.ends, strict=True)]
        texts = [text if text == MISSING else ranges[place] for text, place in zip(texts, bins, strict=True)]
    return [f"{name} {text}" for text in texts]


def _comparable_claims(agreeing: int, given: int, first: str) -> str:
    """Return what to call claims that agree in as many of the given columns; ``first`` names the first of them."""
    if not agreeing:
        return "claims"
    return "such claims" if agreeing == given else f"claims with {first}"


def _contradiction(row: Any, claims: str) -> str:
    """Return what was expected, given what, and how many comparable claims have the like."""
    given = f" given {row.judged_from}" if row.judged_from else ""
    support = f"{COUNTED[row.direction]} {row.such:,} of {row.comparable:,} {claims}" if row.comparable else NONE_ALIKE
    doubt = ", too few to tell" if row.low_support and row.comparable else ""
    return f"{row.expected} expected{given}; {support}{doubt}"


def _directions(
    values: pd.Series, encoder: Encoder, expected: Expectation, by_rarity: npt.NDArray[np.bool_]
) -> npt.NDArray[np.object_]:
    """Return how each value differs from what was expected; see `ClaimsTreeAutoencoder.explain`."""
    if isinstance(encoder, CategoryEncoder):
        return np.where(category_values(values).isna(), MISSING, OTHER).astype(object)
    # As exact as the interval is kept.
    numbers = number_values(values).astype(np.float32)
    unexpected = expected.low_share > MORE_LIKELY_THAN_NOT
    cases = [np.isnan(numbers), unexpected, numbers > expected.high, numbers < expected.low]
    # What is usual holds nearly all numbers: there, a rare one is on one of its sides.
    within = np.where(by_rarity, np.where(numbers > encoder.center, ABOVE, BELOW), WITHIN)
    return np.select(cases, [MISSING, PRESENT, ABOVE, BELOW], default=within).astype(object)


def _such(values: pd.Series, directions: npt.NDArray[np.object_], encoder: Encoder) -> tuple[Ints, Ints]:
    """Return the lowest and the highest code of what counts as such a value."""
    codes, missing = encoder.encode(values).codes, encoder.n_codes - 1
    lowest = np.where(np.isin(directions, (BELOW, PRESENT)), 0, codes)
    highest = np.where(np.isin(directions, (ABOVE, PRESENT)), missing - 1, codes)
    return lowest, highest


def _expected(encoder: Encoder, expected: Expectation) -> list[str]:
    if isinstance(encoder, CategoryEncoder):
        return _expected_categories(encoder, expected)
    return [
        f"no value ({missing:.0%})" if missing > MORE_LIKELY_THAN_NOT else _interval(low, high)
        for low, high, missing in zip(expected.low, expected.high, expected.low_share, strict=True)
    ]


def _expected_categories(encoder: CategoryEncoder, expected: Expectation) -> list[str]:
    names = encoder.class_names()
    texts = []
    columns = (expected.low, expected.low_share, expected.high, expected.high_share)
    for first, share, second, second_share in zip(*columns, strict=True):
        also = f" or {names[int(second)]} ({second_share:.0%})" if second_share >= WORTH_NAMING else ""
        texts.append(f"{names[int(first)]} ({share:.0%}){also}")
    return texts


def _rarities(values: pd.Series, encoder: Encoder) -> list[str]:
    """Return how rare each value is, whatever the rest of its row says."""
    if isinstance(encoder, NumberEncoder):
        return [_rare_number(number, encoder) for number in number_values(values)]
    return [_rare_category(text, encoder) for text in category_values(values)]


def _rare_category(text: str | None, encoder: CategoryEncoder) -> str:
    total = sum(encoder.counts) + encoder.missing
    count = encoder.missing if text is None else encoder.count(text)
    return f"seen in {count:,} of {total:,} claims" if count else f"never seen in {total:,} claims"


def _usual_range(encoder: NumberEncoder) -> tuple[float, float]:
    """Return the range of 99 % of the numbers."""
    low = encoder.edges[0] if encoder.edges else encoder.low
    # Where the largest value is common, the last edge is below it and more than a tail lies beyond.
    common = encoder.counts[-1] > TAIL_PROBABILITY * sum(encoder.counts)
    return low, encoder.high if common or not encoder.edges else encoder.edges[-1]


def _rare_number(number: float, encoder: NumberEncoder) -> str:
    known = sum(encoder.counts)
    if np.isnan(number) or not known:
        return f"{MISSING} in {encoder.missing:,} of {known + encoder.missing:,} claims"
    low, high = _usual_range(encoder)
    if not low <= number <= high:
        return f"{_interval(low, high)} in 99% of claims"
    if known < encoder.missing:
        return f"a value in {known:,} of {known + encoder.missing:,} claims"
    position = bisect_left(encoder.edges, number)
    lower, higher = sum(encoder.counts[: position + 1]), sum(encoder.counts[position:])
    side = "low or lower" if lower < higher else "high or higher"
    # All of the number's bin is counted, hence at most.
    return f"as {side} in at most {min(lower, higher) / known:.0%} of claims"
