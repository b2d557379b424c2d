"""From intervals to a verdict, by rules that say how large a difference matters.

A difference that is only significant is none that matters among millions of rows, and one that is only large is chance
among few: so it takes both. Not for computing either: see ``intervals``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.errors import InputError

BIASED, INCONCLUSIVE, FAIR, INSUFFICIENT = "biased", "inconclusive", "fair", "insufficient"
# What an attribute is, if one of its groups is: the first of these that occurs.
WORST_FIRST = (BIASED, INCONCLUSIVE, FAIR, INSUFFICIENT)


@dataclass(frozen=True)
class Rules:
    """When groups differ by so much that it matters, and when there is too little to tell.

    Attributes
    ----------
    minimum_group_size : int
        Rows of a group that is judged, at least 1.
    minimum_expected_flags : float
        Flags that each of two groups would have if all were flagged alike; with fewer they are not judged.
    alpha : float
        Chance, in (0, 1), that any group at all is found biased where all are flagged alike.
    least_ratio : float
        In (0, 1): rates that differ by this factor or less do not matter; 0.8 is the four-fifths rule.
    min_difference : float
        In [0, 1): rates that differ by this or less do not matter.
    """

    minimum_group_size: int = 100
    minimum_expected_flags: float = 5.0
    alpha: float = 0.05
    least_ratio: float = 0.8
    min_difference: float = 0.001

    def __post_init__(self) -> None:
        ranges = {
            "minimum_group_size": self.minimum_group_size >= 1,
            "minimum_expected_flags": self.minimum_expected_flags >= 0,
            "alpha": 0 < self.alpha < 1,
            "least_ratio": 0 < self.least_ratio < 1,
            "min_difference": 0 <= self.min_difference < 1,
        }
        for name, within in ranges.items():
            if not within:
                raise InputError(f"{name} is {getattr(self, name)!r}, which is out of its range; see Rules.")

    def enough(self, pairs: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Return which pairs can be judged, from ``n``, ``flagged``, ``reference_n``, ``reference_flagged``."""
        smaller = pairs[["n", "reference_n"]].min(axis=1)
        rate = (pairs["flagged"] + pairs["reference_flagged"]) / (pairs["n"] + pairs["reference_n"])
        expected = smaller * rate
        enough = (smaller >= self.minimum_group_size) & (expected >= self.minimum_expected_flags)
        return enough.to_numpy(dtype=bool)

    def verdicts(self, pairs: pd.DataFrame) -> npt.NDArray[np.object_]:
        """Return the verdict of each pair, shape (n,).

        - *biased*: the difference is significant after Holm's correction, and both the ratio and the difference are
          beyond what matters;
        - *fair*: the interval of the ratio, or that of the difference, lies within what does not matter;
        - *insufficient*: there is too little to judge;
        - *inconclusive*: none of these.

        Parameters
        ----------
        pairs : DataFrame of shape (n, ...)
            With counts, ``difference``, ``ratio``, the ends of both, and ``p_adjusted``.
        """
        most_ratio = 1 / self.least_ratio
        ratio_matters = (pairs["ratio"] < self.least_ratio) | (pairs["ratio"] > most_ratio)
        difference_matters = pairs["difference"].abs() > self.min_difference
        biased = (pairs["p_adjusted"] < self.alpha) & ratio_matters & difference_matters
        alike = (pairs["ratio_low"] >= self.least_ratio) & (pairs["ratio_high"] <= most_ratio)
        close = pairs[["difference_low", "difference_high"]].abs().max(axis=1) <= self.min_difference
        found = np.full(len(pairs), INCONCLUSIVE, dtype=object)
        # What comes later goes before what comes first.
        found[alike | close], found[biased], found[~self.enough(pairs)] = FAIR, BIASED, INSUFFICIENT
        return found


def worst(verdicts: Iterable[str]) -> str:
    """Return what several verdicts come to: biased if one is, then inconclusive, then fair; insufficient if all are."""
    found = set(verdicts)
    return next((verdict for verdict in WORST_FIRST if verdict in found), INSUFFICIENT)
