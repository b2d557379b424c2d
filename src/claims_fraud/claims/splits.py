"""Divides claims into train, validation and test, by time or by a stable hash.

Not for cross-fitting folds: those belong to the autoencoder.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.hashing import stable_fraction
from claims_fraud.claims.parameters import IngestionParameters

SPLITS = ("train", "validation", "test")


def split_claims(
    claims: pd.DataFrame, columns: Columns, parameters: IngestionParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return the train, validation and test claims; every claim is in exactly one of them.

    With ``split_by="time"`` whole days are kept together, oldest in train, so shares are met to within a day. With
    patient, provider or claim the stable hash of that id decides, so that an id stays where it is as data grows.
    """
    if parameters.split_by == "time":
        position = _position_in_time(claims[columns.claim_date])
    else:
        key = columns.id_of(parameters.split_by)
        position = stable_fraction(claims[key], f"split-{parameters.seed}-")
    train_end = 1 - parameters.validation_fraction - parameters.test_fraction
    # Rounded, since 1 - 0.2 - 0.1 is a little more than the 0.7 of the seventh of ten days.
    bounds = np.round([train_end, 1 - parameters.test_fraction], 12)
    part = np.searchsorted(bounds, position, side="right")
    train, validation, test = (claims[part == number].reset_index(drop=True) for number in range(len(SPLITS)))
    return train, validation, test


def _position_in_time(dates: pd.Series) -> npt.NDArray[np.float64]:
    """Return for each claim the share of claims on earlier days, in [0, 1): equal for claims of one day."""
    days = dates.dt.normalize()
    return np.asarray((days.rank(method="min") - 1) / max(len(days), 1), dtype=float)
