"""Reasons in words: what the claim says, what was expected, and from what.

Not for scores: it is given the parts and the expectations that the scores were made of.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.encoding import CategoryEncoder, Encoder, Floats, NumberEncoder, category_values

# Ends of the interval that a number is expected in.
LOWER, UPPER = 0.1, 0.9
# A second category is named if the first leaves it at least this probability.
WORTH_NAMING = 0.1


@dataclass(frozen=True)
class Expectation:
    """What a column's model expected of n rows.

    For a number ``low`` and ``high`` are the ends of the 80 % interval; for a category they are the positions of the
    most likely and second most likely class, with the probabilities ``low_share`` and ``high_share``.
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
            nothing = np.zeros(len(low), np.float32)
            return cls(low, high, nothing, nothing)
        second, first = np.argsort(probabilities, axis=1)[:, -2:].T
        rows = np.arange(len(first))
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


def reason_sentences(
    values: pd.Series, encoder: Encoder, expected: Expectation, by_rarity: npt.NDArray[np.bool_], given: str, rows: Any
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
    given : array of shape (n,) of str
        What the expectation rests on, such as ``procedure_code 99213 and provider_specialty GP``.
    rows : int array
        Positions of the rows to speak of.
    """
    chosen = values.iloc[rows]
    if isinstance(encoder, NumberEncoder):
        numbers = pd.to_numeric(chosen).to_numpy(dtype=float, na_value=np.nan)
        stated = ["missing" if np.isnan(number) else number_text(number) for number in numbers]
        expectations = [
            f"{number_text(low)}–{number_text(high)} expected"
            for low, high in zip(expected.low[rows], expected.high[rows], strict=True)
        ]
        rare = [_rare_number(number, encoder) for number in numbers]
    else:
        texts = category_values(chosen)
        stated = ["missing" if text is None else text for text in texts]
        expectations = _expected_categories(encoder, expected, rows)
        rare = [_rare_category(text, encoder) for text in texts]
    return [
        f"{values.name} {value}; {seldom if rarely else f'{usual}{context}'}"
        for value, usual, seldom, rarely, context in zip(
            stated, expectations, rare, by_rarity[rows], given, strict=True
        )
    ]


def given_texts(frame: pd.DataFrame, names: list[str], rows: Any) -> list[str]:
    """Return `` given a 1 and b x`` for the chosen rows; empty if there is nothing to name."""
    if not names:
        return [""] * len(rows)
    columns = [[f"{name} {_value_text(value)}" for value in frame[name].iloc[rows]] for name in names]
    return [" given " + " and ".join(values) for values in zip(*columns, strict=True)]


def number_text(number: float) -> str:
    """Return a number as people write it: thousands separated, no more than four significant digits below 100."""
    return f"{number:,.0f}" if abs(number) >= 100 or number == round(number) else f"{number:.4g}"


def _value_text(value: Any) -> str:
    if pd.isna(value):
        return "missing"
    return number_text(float(value)) if isinstance(value, int | float | np.number) else str(value)


def _expected_categories(encoder: CategoryEncoder, expected: Expectation, rows: Any) -> list[str]:
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
    if np.isnan(number):
        return f"missing in {encoder.missing:,} of {sum(encoder.counts) + encoder.missing:,} claims"
    ends = [encoder.edges[0], encoder.edges[-1]] if encoder.edges else [encoder.low, encoder.high]
    return f"{number_text(ends[0])}–{number_text(ends[1])} in 99% of claims"
