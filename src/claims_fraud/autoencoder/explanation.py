"""Reasons in words: what the claim says, what was expected, and from what.

Not for scores: it is given the parts and the expectations that the scores were made of.
"""

from __future__ import annotations

from bisect import bisect_left
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
    NumberEncoder,
    category_values,
    number_values,
)

# Ends of the interval that a number is expected in.
LOWER, UPPER = 0.1, 0.9
# From here on a number is written without decimals.
WITHOUT_DECIMALS = 100
# A second category is named if the first leaves it at least this probability.
WORTH_NAMING = 0.1
MORE_LIKELY_THAN_NOT = 0.5
MISSING = "missing"


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
    def of(cls, encoder: Encoder, probabilities: Floats) -> Self:
        """Summarise predicted probabilities of shape (n, k)."""
        if isinstance(encoder, NumberEncoder):
            ends = (encoder.quantiles(probabilities, level) for level in (LOWER, UPPER))
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
    def together(cls, pieces: list[tuple[npt.NDArray[np.bool_], Self]], rows: int) -> Self:
        """Put the expectations of disjoint sets of rows (boolean masks) into one of ``rows`` rows."""
        arrays = {name: np.zeros(rows, np.float32) for name in cls.__dataclass_fields__}
        for mask, piece in pieces:
            for name, array in arrays.items():
                array[mask] = getattr(piece, name)
        return cls(**arrays)


def reason_sentences(  # noqa: PLR0913
    values: pd.Series,
    encoder: Encoder,
    expected: Expectation,
    by_rarity: npt.NDArray[np.bool_],
    *,
    given: list[str],
    rows: npt.NDArray[np.integer[Any]],
) -> list[str]:
    """Return a sentence for each of the chosen rows on why this column's value is suspicious.

    Parameters
    ----------
    values : Series of shape (n,)
        The column as it came.
    encoder : CategoryEncoder or NumberEncoder
        The column's encoder.
    expected : Expectation
        Of the same n rows.
    by_rarity : bool array of shape (n,)
        Whether the row is judged by rarity rather than against its other columns.
    given : list of str
        What the expectation rests on, for each of the chosen rows; see `given_texts`.
    rows : int array
        Positions of the rows to speak of.
    """
    chosen = values.iloc[rows]
    if isinstance(encoder, NumberEncoder):
        expectations = _expected_numbers(expected, rows)
        rare = [_rare_number(number, encoder) for number in number_values(chosen)]
    else:
        expectations = _expected_categories(encoder, expected, rows)
        rare = [_rare_category(text, encoder) for text in category_values(chosen)]
    return [
        f"{values.name} {value}; {seldom if rarely else f'{usual}{context}'}"
        for value, usual, seldom, rarely, context in zip(
            _stated(chosen, encoder), expectations, rare, by_rarity[rows], given, strict=True
        )
    ]


def given_texts(
    frame: pd.DataFrame, names: list[str], encoders: dict[str, Encoder], rows: npt.NDArray[np.integer[Any]]
) -> list[str]:
    """Return `` given a 1 and b x`` for the chosen rows; empty if there is nothing to name."""
    if not names:
        return [""] * len(rows)
    columns = [[f"{name} {text}" for text in _stated(frame[name].iloc[rows], encoders[name])] for name in names]
    return [" given " + " and ".join(values) for values in zip(*columns, strict=True)]


def number_text(number: float) -> str:
    """Return a number as people write it: thousands separated, no more than four significant digits below 100."""
    return f"{number:,.0f}" if abs(number) >= WITHOUT_DECIMALS or number == round(number) else f"{number:.4g}"


def _stated(values: pd.Series, encoder: Encoder) -> list[str]:
    if isinstance(encoder, NumberEncoder):
        return [MISSING if np.isnan(number) else number_text(number) for number in number_values(values)]
    return [MISSING if text is None else text for text in category_values(values)]


def _interval(low: float, high: float) -> str:
    ends = number_text(low), number_text(high)
    return ends[0] if ends[0] == ends[1] else "–".join(ends)


def _expected_numbers(expected: Expectation, rows: npt.NDArray[np.integer[Any]]) -> list[str]:
    columns = (expected.low, expected.high, expected.low_share)
    return [
        f"no value ({missing:.0%}) expected" if missing > MORE_LIKELY_THAN_NOT else f"{_interval(low, high)} expected"
        for low, high, missing in zip(*(column[rows] for column in columns), strict=True)
    ]


def _expected_categories(
    encoder: CategoryEncoder, expected: Expectation, rows: npt.NDArray[np.integer[Any]]
) -> list[str]:
    names = encoder.class_names()
    sentences = []
    columns = (expected.low, expected.low_share, expected.high, expected.high_share)
    for first, share, second, second_share in zip(*(column[rows] for column in columns), strict=True):
        also = f" or {names[int(second)]} ({second_share:.0%})" if second_share >= WORTH_NAMING else ""
        sentences.append(f"{names[int(first)]} ({share:.0%}){also} expected")
    return sentences


def _rare_category(text: str | None, encoder: CategoryEncoder) -> str:
    total = sum(encoder.counts) + encoder.missing
    count = encoder.missing if text is None else encoder.count(text)
    return f"seen in {count:,} of {total:,} claims" if count else f"never seen in {total:,} claims"


def _rare_number(number: float, encoder: NumberEncoder) -> str:
    known = sum(encoder.counts)
    if np.isnan(number) or not known:
        return f"{MISSING} in {encoder.missing:,} of {known + encoder.missing:,} claims"
    low = encoder.edges[0] if encoder.edges else encoder.low
    # Where the largest value is common, the last edge is below it and more than a tail lies beyond.
    high = encoder.edges[-1] if encoder.counts[-1] <= TAIL_PROBABILITY * known else encoder.high
    if not low <= number <= high:
        return f"{_interval(low, high)} in 99% of claims"
    position = bisect_left(encoder.edges, number)
    lower, higher = sum(encoder.counts[: position + 1]), sum(encoder.counts[position:])
    side = "low or lower" if lower < higher else "high or higher"
    # All of the number's bin is counted, hence at most.
    return f"as {side} in at most {min(lower, higher) / known:.0%} of claims"
