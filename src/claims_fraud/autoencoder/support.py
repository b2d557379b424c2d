"""How many comparable training rows had such a value: what a reason can be checked against.

Not for scores: these are made of predicted probabilities, which also speak where no row is comparable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Ints

# Comparable rows from which on a count says something; with fewer, rows need to agree in one column only.
ENOUGH = 30


class Occurrences(NamedTuple):
    """Of n rows: how many training rows are comparable, how many of these have such a value, what they agree in.

    ``agreeing`` is how many of the columns of ``Support.given`` comparable rows have in common.
    """

    comparable: Ints
    such: Ints
    agreeing: Ints

    def where(self, chosen: npt.NDArray[np.bool_], other: Occurrences) -> Occurrences:
        """Return these of the chosen rows, and ``other`` of the rest."""
        return Occurrences(*(np.where(chosen, one, two) for one, two in zip(self, other, strict=True)))


@dataclass(frozen=True)
class Support:
    """How often the values of a column occur among comparable training rows.

    Attributes
    ----------
    given : tuple of str
        The columns, at most two, in which rows agree that are comparable: in the category, or in the bin of a number.
    sizes : tuple of int
        Codes of each column of ``given``, and of the column itself.
    keys : tuple of int
        Those codes as one number, increasing.
    counts : tuple of int
        Training rows of each key.
    """

    given: tuple[str, ...]
    sizes: tuple[int, ...]
    keys: tuple[int, ...]
    counts: tuple[int, ...]

    @classmethod
    def fit(cls, given: Sequence[str], codes: Sequence[Ints], sizes: Sequence[int]) -> Self:
        """Count training rows; ``codes`` are those of each column of ``given``, then of the column itself."""
        keys, counts = np.unique(_keys(codes, sizes), return_counts=True)
        return cls(tuple(given), tuple(sizes), tuple(keys.tolist()), tuple(counts.tolist()))

    def occurrences(
        self, given: Sequence[Ints], lowest: Ints, highest: Ints, counted: npt.NDArray[np.bool_]
    ) -> Occurrences:
        """Return how many comparable training rows have a code of the column from ``lowest`` to ``highest``.

        Parameters
        ----------
        given : sequence of int arrays of shape (n,)
            The rows' codes of the columns of ``self.given``, or none: then all training rows are comparable.
        lowest, highest : int arrays of shape (n,)
            Both ends count.
        counted : bool array of shape (n,)
            Whether a row, with a code in that range, is itself among the training rows; it is not counted for itself.
        """
        found = self._among(given, lowest, highest, counted)
        if len(given) > 1:
            found = found.where(found.comparable >= ENOUGH, self._among(given[:1], lowest, highest, counted))
        return found

    def _among(self, given: Sequence[Ints], lowest: Ints, highest: Ints, counted: npt.NDArray[np.bool_]) -> Occurrences:
        """Count the training rows that agree in the first columns of ``self.given``, as many as ``given`` has."""
        own = self.sizes[-1]
        keys: Ints = np.asarray(self.keys, dtype=np.int64)
        counts: Ints = np.asarray(self.counts, dtype=np.int64)
        passed_over = int(np.prod(self.sizes[len(given) : -1], dtype=np.int64))
        keys, counts = _summed(keys // (own * passed_over) * own + keys % own, counts)
        up_to = np.append(0, np.cumsum(counts))
        first = _keys([*given, np.zeros_like(lowest)], [*self.sizes[: len(given)], own])

        def between(low: Ints, high: Ints) -> Ints:
            rows: Ints = up_to[np.searchsorted(keys, first + high, "right")] - up_to[np.searchsorted(keys, first + low)]
            return rows - counted

        whole = between(np.zeros_like(lowest), np.full_like(highest, own - 1))
        return Occurrences(whole, between(lowest, highest), np.full(len(lowest), len(given)))


def _keys(codes: Sequence[Ints], sizes: Sequence[int]) -> Ints:
    """Return codes of several columns as one number: digits, each of the column's own base."""
    keys: Ints = np.zeros(len(codes[0]), dtype=np.int64)
    for code, size in zip(codes, sizes, strict=True):
        keys = keys * size + code
    return keys


def _summed(keys: Ints, counts: Ints) -> tuple[Ints, Ints]:
    """Return the different keys, increasing, and the sum of each one's counts."""
    distinct, place = np.unique(keys, return_inverse=True)
    return distinct, np.bincount(place, weights=counts).astype(np.int64)
