"""Divides claims into train, validation and test, by time or by a stable hash.

Not for cross-fitting folds: those belong to the autoencoder.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.hashing import stable_fraction
from claims_fraud.claims.parameters import IngestionParameters

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


def split_claims(
    claims: pd.DataFrame, columns: Columns, parameters: IngestionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the train, validation and test claims; every claim is in exactly one of them.

    With ``split_by="time"`` whole days are kept together, oldest in train, so shares are met to within a day. With
    patient, provider or claim the stable hash of that id decides, so that an id stays where it is as data grows.
    """
    days = claims_by_day(claims, columns)
    train, validation, test = (claims_of_split(claims, split, days, columns, parameters) for split in SPLITS)
    return train, validation, test


def claims_by_day(claims: pd.DataFrame, columns: Columns) -> dict[str, int]:
    """Return the number of claims of each day, in ISO 8601; a split by time needs those of all claims."""
    return {str(day): int(rows) for day, rows in _days(claims, columns).value_counts().items()}


def claims_of_split(
    claims: pd.DataFrame, split: Split, days: dict[str, int], columns: Columns, parameters: IngestionParameters
) -> pd.DataFrame:
    """Return those of the claims, some or all, that belong to a split; ``days`` counts all claims."""
    if parameters.split_by == "time":
        position = _days(claims, columns).map(_position_in_time(days)).to_numpy(float)
    else:
        position = stable_fraction(claims[columns.id_of(parameters.split_by)], f"split-{parameters.seed}-")
    train_end = 1 - parameters.validation_fraction - parameters.test_fraction
    # Rounded, since 1 - 0.2 - 0.1 is a little more than the 0.7 of the seventh of ten days.
    bounds = np.round([train_end, 1 - parameters.test_fraction], 12)
    part = np.searchsorted(bounds, position, side="right")
    chosen: pd.DataFrame = claims[part == SPLITS.index(split)].reset_index(drop=True)
    return chosen


def _days(claims: pd.DataFrame, columns: Columns) -> pd.Series:
    days: pd.Series = claims[columns.claim_date].dt.strftime("%Y-%m-%d")
    return days


def _position_in_time(days: dict[str, int]) -> dict[str, float]:
    """Return for each day the share of claims on earlier days, in [0, 1)."""
    in_order = sorted(days)
    before = np.cumsum([0, *(days[day] for day in in_order)])
    return {day: earlier / before[-1] for day, earlier in zip(in_order, before[:-1], strict=True)}
