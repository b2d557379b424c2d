"""Columns of codes: diagnoses, procedures, regions, and whatever else is a name and not a quantity."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.encoding import (
    MAX_KNOWN_CATEGORIES,
    PSEUDO_COUNT,
    Floats,
    Ints,
    category_values,
    smoothed,
)
from claims_fraud.autoencoder.kinds.encoded import Encoded
from claims_fraud.autoencoder.words import MISSING

# Rows of a category from which on its pairs with other values are counted; rarer ones share one code.
FEWEST_ROWS = 5
# What trees see of a category that is rare, and of one that no training row has: no code of its own, and yet a value.
RARE_INPUT, UNSEEN_INPUT = -1.0, -2.0
MORE_THAN_HALF = 0.5


@dataclass(frozen=True)
class CategoryEncoder:
    """Codes of a categorical column.

    A category is a class of its own if it is among the most frequent; all others share the class *other*. It is a code
    of its own if it has enough rows; rare ones share a code, and unseen ones another. Missing is a class and a code of
    its own.

    Attributes
    ----------
    categories : tuple of str
        Known ones in alphabetical order: codes of one chapter or family are neighbors, which one split separates.
    counts : tuple of int
        Training rows of each; of a set of codes those that have it in any of the set's columns.
    kept : tuple of int
        Positions in ``categories`` of those that are classes of their own.
    missing : int
        Training rows without a value.
    n_rows : int
        Training rows.
    """

    categories: tuple[str, ...]
    counts: tuple[int, ...]
    kept: tuple[int, ...]
    missing: int
    n_rows: int

    @classmethod
    def fit(cls, values: pd.Series, max_classes: int, others: Sequence[pd.Series] = ()) -> Self:
        """Learn the categories of the training rows; at most ``max_classes`` become classes of their own.

        ``others`` are the other columns of a set of codes, in whichever of which a row has a code, it has it once.
        """
        strings = category_values(values)
        whole = pd.concat([strings, *map(category_values, others)]) if others else strings
        # Ties by name, so that the order of rows has no say.
        by_name = whole.value_counts().sort_index()
        counts = by_name.sort_values(ascending=False, kind="stable").head(MAX_KNOWN_CATEGORIES).sort_index()
        by_frequency = np.lexsort((np.arange(len(counts)), -counts.to_numpy()))
        kept = np.sort(by_frequency[:max_classes])
        missing = int(strings.isna().sum())
        return cls(tuple(counts.index), tuple(counts.tolist()), tuple(kept.tolist()), missing, len(strings))

    @property
    def counts_events(self) -> bool:
        """False: a category counts nothing."""
        return False

    @property
    def n_classes(self) -> int:
        """Kept categories, other, and missing."""
        return len(self.kept) + 2

    @property
    def n_codes(self) -> int:
        """Categories with enough rows, rare, unseen, and missing."""
        return len(self.supported) + 3

    @property
    def n_pooled(self) -> int:
        """Codes that stand for no value of its own, the last ones: rare, unseen, missing."""
        return 3

    @cached_property
    def supported(self) -> Ints:
        """Positions in ``categories`` of those that have a code of their own."""
        return np.flatnonzero(np.asarray(self.counts, dtype=np.int64) >= FEWEST_ROWS)

    @property
    def n_once(self) -> int:
        """Training rows whose category no other row has: their share is how often a new one is to be expected."""
        return self.counts.count(1)

    @cached_property
    def marginal(self) -> Floats:
        """Share of each class among the training rows, smoothed; sums to 1. Of a set its codes are shared alike."""
        counts = np.asarray(self.counts, dtype=float)
        counts *= (self.n_rows - self.missing) / max(counts.sum(), 1)
        kept = counts[list(self.kept)]
        return smoothed(np.concatenate([kept, [counts.sum() - kept.sum(), self.missing]]))

    def encode(self, values: pd.Series) -> Encoded:
        """Return the encoding of the values."""
        strings = category_values(values)
        positions = pd.Index(self.categories, dtype=object).get_indexer(pd.Index(strings, dtype=object))
        missing = np.asarray(strings.isna())
        # The last entry of each table below is that of an unseen category, to which position -1 refers.
        known = len(self.categories)
        class_of = np.full(known + 1, len(self.kept), dtype=np.int32)
        class_of[list(self.kept)] = np.arange(len(self.kept))
        code_of = np.full(known + 1, len(self.supported), dtype=np.int32)
        # No row has it: its pairs say nothing, neither for nor against another value.
        code_of[-1] = len(self.supported) + 1
        code_of[self.supported] = np.arange(len(self.supported))
        input_of = np.full(known + 1, RARE_INPUT, dtype=np.float32)
        input_of[-1] = UNSEEN_INPUT
        input_of[self.supported] = self.supported
        return Encoded(
            inputs=np.where(missing, np.float32(np.nan), input_of[positions]),
            classes=np.where(missing, np.int32(self.n_classes - 1), class_of[positions]),
            codes=np.where(missing, np.int32(self.n_codes - 1), code_of[positions]),
            rarity=np.where(missing, self._rarity(self.missing), self._rarities[positions]).astype(np.float32),
            absent=missing & (self.missing > MORE_THAN_HALF * self.n_rows),
            seen=np.where(missing, self.missing, np.append(self.counts, 0)[positions]).astype(np.int32),
        )

    @cached_property
    def _rarities(self) -> Floats:
        # An unseen category is as rare as one that has too few rows to be counted, so that new codes, which come
        # every year, do not fill the list.
        counts = np.maximum(np.append(np.asarray(self.counts, dtype=float), 0), FEWEST_ROWS)
        return np.asarray(self._rarity(counts))

    def _rarity(self, counts: Floats | int) -> Floats:
        """Return minus the log of how frequent a value with so many rows is, relative to the most frequent one."""
        most = max((*self.counts, self.missing), default=0)
        rarity: Floats = np.log((most + PSEUDO_COUNT) / (counts + PSEUDO_COUNT))
        return np.maximum(rarity, 0.0)

    def count(self, value: str) -> int:
        """Return how many training rows have the category (0 if unseen)."""
        position = bisect_left(self.categories, value)
        known = position < len(self.categories) and self.categories[position] == value
        return self.counts[position] if known else 0

    def texts(self, values: pd.Series) -> list[str]:
        """Return what to call each value in a sentence."""
        return [MISSING if text is None else text for text in category_values(values)]

    def code_texts(self) -> list[str]:
        """Return what to call each code in a sentence."""
        return [*(self.categories[position] for position in self.supported), "a rare value", "a new value", MISSING]
