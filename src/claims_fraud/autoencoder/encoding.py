"""Array types, and the values of a column as text or as numbers, in the one form that every library here uses.

Not for codes, bins and words of a column: see ``kinds``.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.errors import InputError
from claims_fraud.statistics.values import NOT_SINGLE, TRUTH, as_floats, value_text

# The side on which a number can be suspicious at all.
Direction = Literal["high", "low"]
Floats = npt.NDArray[np.floating[Any]]
Ints = npt.NDArray[np.integer[Any]]
Bools = npt.NDArray[np.bool_]
Singles = npt.NDArray[np.float32]
Hashes = npt.NDArray[np.uint64]

# Half a count for every class, so that what training never showed is unlikely and not impossible (Krichevsky-Trofimov).
PSEUDO_COUNT = 0.5
# Categories beyond these are all "unseen": the artefact stays small even for a column of ids.
MAX_KNOWN_CATEGORIES = 10_000
# Numbers reach the trees as float32: one beyond what that holds counts as its largest.
LARGEST_NUMBER = float(np.finfo(np.float32).max)
# Of a normal distribution, in standard deviations: interquartile range, and median absolute deviation.
IQR_OF_NORMAL, MAD_OF_NORMAL = 1.349, 0.6745
SMALLEST_SCALE = float(np.finfo(np.float32).tiny)


def category_values(values: pd.Series) -> pd.Series:
    """Return the values as str objects, with None where they are missing."""
    objects, missing = values.astype(object), values.isna()
    texts = objects.to_numpy(copy=True)
    # Text needs no look at each value, which takes longer than all else of encoding.
    if pd.api.types.infer_dtype(objects, skipna=True) != "string":
        odd = next((value for value in texts if isinstance(value, NOT_SINGLE)), None)
        if odd is not None:
            raise InputError(
                f"cat_features column {values.name!r} holds values of type {type(odd).__name__}; a category is one "
                "value, such as a text or a whole number."
            )
        texts[:] = [None if absent else value_text(value) for value, absent in zip(objects, missing, strict=True)]
    elif (capitals := objects.isin(TRUTH)).any():
        texts[capitals.to_numpy()] = [value_text(value) for value in objects[capitals]]
    texts[missing.to_numpy()] = None
    return pd.Series(texts, index=values.index, name=values.name, dtype=object)


def number_values(values: pd.Series) -> Floats:
    """Return the values as `given_numbers` does, none of them beyond `LARGEST_NUMBER`."""
    within: Floats = np.clip(given_numbers(values), -LARGEST_NUMBER, LARGEST_NUMBER)
    return within


def given_numbers(values: pd.Series) -> Floats:
    """Return the values as float64, NaN where they are missing; raise InputError on text, dates and infinities."""
    if values.dtype.kind in "mMc":
        raise InputError(
            f"num_features column {values.name!r} is of type {values.dtype}, which is no number. Turn it into one, "
            "such as days since a fixed date, or leave it out."
        )
    try:
        numbers = as_floats(values)
    except (ValueError, TypeError) as error:
        raise InputError(
            f"num_features column {values.name!r} holds what is no number ({error}). Name it under cat_features, or "
            "make it numeric."
        ) from error
    if np.isinf(numbers).any():
        raise InputError(f"num_features column {values.name!r} holds infinite values. Replace them by null.")
    return numbers


def smoothed(counts: Floats) -> Floats:
    """Return shares of counts, shape (k,), with half a count added to each; they sum to 1."""
    shares: Floats = (counts + PSEUDO_COUNT) / (counts.sum() + PSEUDO_COUNT * len(counts))
    return shares
