"""A batch beside the reference profile, a row a feature: how far it has moved, and whether that is more than chance.

Not for counting rows: see ``counting``. Not for several batches: what is said of each is put together by who monitors.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.encoding import Floats
from claims_fraud.drift.bins import Ints
from claims_fraud.drift.counting import Counts, count_rows
from claims_fraud.drift.profile import Column, ReferenceProfile
from claims_fraud.drift.psi import Compared
from claims_fraud.drift.verdicts import DRIFTED, INSUFFICIENT, Limits
from claims_fraud.errors import listed
from claims_fraud.multiple_tests import holm

FIELDS = (
    "feature", "kind", "n_reference", "n", "psi", "by_chance", "bound", "p_adjusted", "rule_verdict", "verdict",
    "missing_reference", "missing", "unseen_reference", "unseen", "moved", "note",
)  # fmt: skip
COUNTS = ("n_reference", "n")
WORDS = ("feature", "kind", "rule_verdict", "verdict", "moved", "note")
MOST_MOVED = 3
# In place of a share of few rows.
FEW = "few"
# Of a feature that a batch has no column for.
GONE, NEW = "the column is missing", "new: the reference has no such column"


class PSIMonitor:
    """Compares batches with a reference profile.

    Parameters
    ----------
    profile : ReferenceProfile
        What batches are compared with.
    limits : Limits, optional
        Where verdicts begin.
    small_cell : int, default 11
        Shares of fewer rows are told as "few" where bins are named; none and all are told.
    """

    def __init__(self, profile: ReferenceProfile, limits: Limits | None = None, small_cell: int = 11) -> None:
        self.profile = profile
        self.limits = limits or Limits()
        self.small_cell = small_cell

    def compare(self, current: pd.DataFrame) -> pd.DataFrame:
        """Return how far a batch has moved from the reference.

        Parameters
        ----------
        current : DataFrame of shape (n, ...)
            With the columns of the reference; it is not changed. A feature that is not there, or that is new, or of
            another kind, is told.

        Returns
        -------
        DataFrame
            A row a feature, the largest PSI first, and below them scores and surprises where the batch has them.
            ``kind`` (feature, score); ``n_reference``, ``n`` rows; ``psi``; ``by_chance``, what it is on average
            without drift; ``bound``, what it exceeds without drift in ``false_alarm_rate`` of batches of these sizes,
            all features together (Bonferroni); ``p_adjusted`` (Holm); ``rule_verdict`` and the corrected ``verdict``;
            shares ``missing`` and ``unseen`` (of numbers: no number), each also of the reference; ``moved``, the bins
            that add most to the PSI; ``note``, what changed in the schema.
        """
        return self.compare_counts(count_rows(current, self.profile.bins))

    def compare_counts(self, current: Counts) -> pd.DataFrame:
        """Return the same of what `count_rows` counted."""
        counts = {name: np.asarray(rows, dtype=np.int64) for name, rows in current["counts"].items()}
        gone = [name for name in self.profile.features if name not in counts]
        new = sorted(set(current["columns"]) - {*self.profile.columns, *self.profile.bins})
        table = self.compare_with({name: column.counts for name, column in self.profile.every.items()}, counts)
        columns, kinds = self.profile.every, current["stored_as"]
        rows: list[dict[Any, Any]] = [
            {**row, "note": _changed(columns[row["feature"]], kinds[row["feature"]])}
            for row in table.to_dict("records")
        ]
        absent = [_absent(name, GONE, DRIFTED) for name in gone] + [_absent(name, NEW, INSUFFICIENT) for name in new]
        return _table([*rows, *absent])

    def compare_with(self, reference: Mapping[str, Ints], current: Mapping[str, Ints]) -> pd.DataFrame:
        """Return the same of counts of any two batches by the bins of the profile, of the columns that both have."""
        pairs = {
            name: Compared.of(bins, reference[name], current[name])
            for name, bins in self.profile.bins.items()
            if name in reference and name in current
        }
        able = [name for name, pair in pairs.items() if _fewest(pair) >= self.limits.minimum_rows]
        adjusted = dict(zip(able, holm([pairs[name].p_value for name in able]), strict=True))
        level = self.limits.false_alarm_rate / max(len(able), 1)
        rows = [
            self._row(name, pair, adjusted.get(name, np.nan), level) | _shares(reference[name], current[name])
            for name, pair in pairs.items()
        ]
        return _table(rows).sort_values(["kind", "psi"], ascending=[True, False], ignore_index=True, kind="stable")

    def contributions(self, feature: str, current: Counts) -> pd.DataFrame:
        """Return the bins of a feature, shape (bins, 4): ``bin``, rows ``reference``, ``current``, ``contribution``."""
        column = self.profile.every[feature]
        pair = Compared.of(column.bins, column.counts, np.asarray(current["counts"][feature], dtype=np.int64))
        columns = {"reference": pair.reference, "current": pair.current}
        rows = {name: values.astype(np.int64) for name, values in columns.items()}
        return pd.DataFrame({"bin": pair.labels, **rows, "contribution": pair.contributions})

    def _row(self, name: str, pair: Compared, p_adjusted: float, level: float) -> dict[str, Any]:
        rows = {"n_reference": int(pair.reference.sum()), "n": int(pair.current.sum())}
        kind = "score" if name in self.profile.scores else "feature"
        if not all(rows.values()):
            return {"feature": name, "kind": kind, **rows, "rule_verdict": INSUFFICIENT, "verdict": INSUFFICIENT}
        return {
            "feature": name,
            "kind": kind,
            **rows,
            "psi": pair.psi,
            "by_chance": pair.by_chance,
            "bound": pair.bound(level),
            "p_adjusted": p_adjusted,
            "rule_verdict": self.limits.by_rule(pair.psi),
            "verdict": self.limits.corrected(pair.beyond_chance, p_adjusted, _fewest(pair)),
            "moved": self._moved(pair),
        }

    def _moved(self, pair: Compared) -> str | None:
        """Return the bins that add most to the PSI, with their shares before and now."""
        added = pair.contributions
        shares = [self._told_shares(rows) for rows in (pair.reference, pair.current)]
        moved = [place for place in np.argsort(-added, kind="stable") if added[place] > 0]
        told = (
            f"{pair.labels[place]}: {shares[0][place]} to {shares[1][place]}"
            for place in moved
            if shares[0][place] != FEW or shares[1][place] != FEW
        )
        return "; ".join(islice(told, MOST_MOVED)) or None

    def _told_shares(self, rows: Floats) -> list[str]:
        return [FEW if 0 < count < self.small_cell else f"{count / rows.sum():.1%}" for count in rows]


def _table(rows: list[dict[Any, Any]]) -> pd.DataFrame:
    """Return the rows with the types that they have whatever is in them."""
    types = {name: "int64" if name in COUNTS else "object" if name in WORDS else "float64" for name in FIELDS}
    return pd.DataFrame(rows, columns=list(FIELDS)).astype(types)


def _fewest(pair: Compared) -> int:
    return int(min(pair.reference.sum(), pair.current.sum()))


def _shares(reference: Ints, current: Ints) -> dict[str, float]:
    """Return the shares of what is missing and of what the reference does not know, of each of the two."""
    shares: dict[str, float] = {}
    for suffix, rows in (("_reference", reference), ("", current)):
        unseen, missing = rows[-2:] / rows.sum() if rows.sum() else (np.nan, np.nan)
        shares |= {f"missing{suffix}": float(missing), f"unseen{suffix}": float(unseen)}
    return shares


def _changed(column: Column, stored_as: list[str]) -> str | None:
    """Return what kind of values a column holds now, where that differs."""
    now, before = (set(kinds) - {"nothing"} for kinds in (stored_as, column.stored_as))
    return f"{listed(sorted(now))}, was {listed(sorted(before))}" if now and before and now - before else None


def _absent(name: str, note: str, verdict: str) -> dict[str, Any]:
    words = {"feature": name, "kind": "feature", "rule_verdict": verdict, "verdict": verdict, "note": note}
    return {**words, **dict.fromkeys(COUNTS, 0)}
