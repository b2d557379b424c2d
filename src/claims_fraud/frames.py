"""The one seam between pipelines and the engine that holds their frames: verbs that need to know it.

Not for what a function does to a batch: that is pandas, in the libraries.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import pandas as pd

from claims_fraud.claims.hashing import stable_hash

logger = logging.getLogger(__name__)

BATCH_ROWS = 100_000


def map_batches(frame: pd.DataFrame, function: Callable[[pd.DataFrame], pd.DataFrame]) -> pd.DataFrame:
    """Apply a function that treats every row by itself to one batch of rows after the other; order is kept."""
    starts = range(0, max(len(frame), 1), BATCH_ROWS)
    results = []
    for number, start in enumerate(starts, start=1):
        if len(starts) > 1:
            logger.info("Batch %d of %d", number, len(starts))
        results.append(function(frame.iloc[start : start + BATCH_ROWS]))
    return pd.concat(results, ignore_index=True)


def sample(frame: pd.DataFrame, most: int, key: str, seed: int) -> pd.DataFrame:
    """Return at most ``most`` rows, those whose ``key`` hashes lowest, sorted by ``key``, whatever their order."""
    if len(frame) > most:
        hashes = pd.Series(stable_hash(frame[key], f"sample-{seed}-"), index=frame.index)
        frame = frame.loc[hashes.sort_values(kind="stable").index[:most]]
    return frame.sort_values(key, ignore_index=True)


def largest(frame: pd.DataFrame, most: int, by: str) -> pd.DataFrame:
    """Return the ``most`` rows with the largest values of ``by``, largest first; ties in the order of the frame."""
    return frame.sort_values(by, ascending=False, kind="stable", ignore_index=True).head(most)
