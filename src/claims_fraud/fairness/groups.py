"""Which group of a protected attribute each row is in: categories, numbers in bands, and ``unknown`` where missing.

Not for what becomes of a group: see ``counts``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.encoding import Floats, category_values, number_values
from claims_fraud.errors import InputError, listed
from claims_fraud.statistics.values import holds_numbers

UNKNOWN = "unknown"
# Between the two attributes of an intersection, and between their groups.
CROSS = " × "
# Numbers of so few different values are groups as they are, such as 0 and 1.
FEW_VALUES = 10
FIFTHS = (0.2, 0.4, 0.6, 0.8)

Bands = Mapping[str, Sequence[float]]


def labels(values: pd.Series, edges: Sequence[float] | None) -> npt.NDArray[np.object_]:
    """Return each row's group, shape (n,).

    Parameters
    ----------
    values : Series of shape (n,)
        A protected attribute.
    edges : sequence of float, optional
        Where bands of a number begin, ascending: 18 and 65 make ``below 18``, ``18 to below 65`` and ``65 and above``.
        None takes the values as they are.

    Raises
    ------
    InputError
        If there are edges, and the values are no numbers.
    """
    if edges is None:
        texts = category_values(values)
        return texts.where(texts.notna(), UNKNOWN).to_numpy()
    numbers = number_values(values)
    names = np.array([*band_names(edges), UNKNOWN], dtype=object)
    places = np.searchsorted(np.asarray(edges), numbers, side="right")
    named: npt.NDArray[np.object_] = names[np.where(np.isnan(numbers), len(names) - 1, places)]
    return named


def band_names(edges: Sequence[float]) -> list[str]:
    """Return the names of the bands that begin at the edges, and of the one below them."""
    texts = [f"{edge:g}" for edge in edges]
    between = [f"{low} to below {high}" for low, high in pairwise(texts)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} and above"]


def bands_for(data: pd.DataFrame, attributes: Sequence[str], given: Bands) -> dict[str, tuple[float, ...]]:
    """Return the edges of the attributes' bands: those that are given, and fifths of the rows for other numbers.

    Parameters
    ----------
    data : DataFrame of shape (n, ...)
        Rows, or a sample of them, by which bands are chosen where none are given. Numbers of at most 10 different
        values need none.
    attributes : sequence of str
        Columns; one that is not there is left out.
    given : mapping of str to sequence of float
        By attribute.
    """
    found: dict[str, tuple[float, ...]] = {}
    for name in attributes:
        if given.get(name):
            found[name] = tuple(float(edge) for edge in given[name])
        elif name in data and holds_numbers(data[name]) and data[name].nunique() > FEW_VALUES:
            found[name] = _fifths(number_values(data[name]))
    return found


def _fifths(numbers: Floats) -> tuple[float, ...]:
    """Return the edges of fifths of the rows, of which some coincide where a number is frequent."""
    least = np.nanmin(numbers)
    edges = np.unique(np.nanquantile(numbers, FIFTHS, method="higher"))
    above = edges[edges > least]
    # Mostly the least number: that one, and all others.
    return tuple(above.tolist()) if len(above) else (float(np.nanmin(numbers[numbers > least])),)


def pairs_of(attributes: Sequence[str]) -> list[tuple[str, str]]:
    """Return all pairs of attributes, in their order."""
    return list(combinations(attributes, 2))


def check_bands(bands: Bands) -> None:
    """Raise ValueError if the edges of an attribute's bands are not ascending numbers, at least one."""
    for name, edges in bands.items():
        if not edges or any(low >= high for low, high in pairwise(edges)):
            raise ValueError(f"bands of {name!r} are {list(edges)}; give at least one number, ascending")


def why_not(data: pd.DataFrame, name: str, edges: Sequence[float] | None) -> str | None:
    """Return why an attribute cannot be analysed, or None if it can."""
    if name not in data:
        return f"there is no column {name!r}; the columns are {listed(data.columns, 40)}"
    try:
        found = pd.unique(labels(data[name].drop_duplicates(), edges))
    except InputError as error:
        return str(error)
    return one_group_only(name, str(found[0])) if len(found) == 1 else None


def one_group_only(name: str, group: str) -> str:
    """Return why an attribute with a single group cannot be analysed."""
    return f"all rows have the same {name}, {group!r}: there is nothing to compare with"
