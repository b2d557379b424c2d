"""Counts of a batch by the bins of a profile: of what JSON has, and mergeable, however rows are divided into batches.

Not for what the counts say: that is ``monitor``'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from claims_fraud.drift.bins import Bins, stored_as
from claims_fraud.statistics.frames import check_frame

Counts = dict[str, Any]


def count_rows(batch: pd.DataFrame, bins: Mapping[str, Bins]) -> Counts:
    """Return the counts of a batch.

    Parameters
    ----------
    batch : DataFrame of shape (n, ...)
        Any rows.
    bins : mapping of str to Bins
        Those of the profile by column.

    Returns
    -------
    dict
        ``rows``; ``columns``, the names of all of the batch's columns; by column that has bins and is there,
        ``counts``, a list, and ``stored_as``, the kinds of values that it holds.
    """
    check_frame(batch, bins)
    there = {name: batch[name] for name in bins if name in batch}
    return {
        "rows": len(batch),
        "columns": sorted(map(str, batch.columns)),
        "counts": {name: bins[name].count(values).tolist() for name, values in there.items()},
        "stored_as": {name: [stored_as(values)] for name, values in there.items()},
    }


def combined(one: Counts, other: Counts) -> Counts:
    """Return the counts of the rows of both."""
    return {
        "rows": one["rows"] + other["rows"],
        "columns": sorted({*one["columns"], *other["columns"]}),
        "counts": _merged(one["counts"], other["counts"], lambda a, b: [x + y for x, y in zip(a, b, strict=True)]),
        "stored_as": _merged(one["stored_as"], other["stored_as"], lambda a, b: sorted({*a, *b})),
    }


def _merged(one: dict[str, Any], other: dict[str, Any], add: Any) -> dict[str, Any]:
    both = {name: add(one[name], other[name]) if name in other else one[name] for name in one}
    return {**other, **both}
