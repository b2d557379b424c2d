"""The verbs of `claims_fraud.frames` on pandas; what they promise stands there."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any

import pandas as pd
import pyarrow as pa

from claims_fraud.claims.hashing import stable_hash

logger = logging.getLogger(__name__)

BATCH_ROWS = 100_000


def map_batches(
    frame: pd.DataFrame, function: Callable[[pd.DataFrame], pd.DataFrame], schema: pa.Schema
) -> pd.DataFrame:
    result: pd.DataFrame = pd.concat([function(batch) for batch in _batches(frame)], ignore_index=True)[schema.names]
    return result


def map_groups(
    frame: pd.DataFrame, key: str, function: Callable[[pd.DataFrame], pd.DataFrame], schema: pa.Schema
) -> pd.DataFrame:
    # One batch: in memory it is already.
    result: pd.DataFrame = function(frame).reset_index(drop=True)[schema.names]
    return result


def reduce_batches(
    frame: pd.DataFrame, summarise: Callable[[pd.DataFrame], Any], combine: Callable[[Any, Any], Any]
) -> Any:
    return reduce(combine, map(summarise, _batches(frame)))


def sample(frame: pd.DataFrame, most: int, key: str, seed: int) -> pd.DataFrame:
    if len(frame) > most:
        hashes = pd.Series(stable_hash(frame[key], sample_salt(seed)), index=frame.index)
        frame = frame.loc[hashes.sort_values(kind="stable").index[:most]]
    return frame.sort_values(key, ignore_index=True)


def sample_salt(seed: int) -> str:
    """Return what the ids of a sample are hashed with, on both engines."""
    return f"sample-{seed}-"


def smallest(frame: pd.DataFrame, most: int, by: str) -> pd.DataFrame:
    return frame.sort_values(by, ignore_index=True).head(most)


def ranked(frame: pd.DataFrame, by: str, ties: str) -> pd.DataFrame:
    return _descending(frame, by, ties).assign(rank=range(1, len(frame) + 1))


def left_join(frame: pd.DataFrame, other: pd.DataFrame, key: str) -> pd.DataFrame:
    return frame.merge(other, on=key, how="left", validate="many_to_one")


def keep_where(frame: pd.DataFrame, column: str) -> pd.DataFrame:
    return frame[frame[column]].reset_index(drop=True)


def matching(frame: pd.DataFrame, other: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    return frame[_is_matched(frame, other, on)].reset_index(drop=True)


def without(frame: pd.DataFrame, other: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    return frame[~_is_matched(frame, other, on)].reset_index(drop=True)


def union(first: pd.DataFrame, second: pd.DataFrame, marker: str | None) -> pd.DataFrame:
    if marker:
        first, second = first.assign(**{marker: True}), second.assign(**{marker: False})
    return pd.concat([first, second], ignore_index=True)


def distinct(frame: pd.DataFrame, column: str) -> list[Any]:
    return list(frame[column].unique())


def collected(frame: pd.DataFrame) -> pd.DataFrame:
    return frame


def like(frame: pd.DataFrame, rows: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    result: pd.DataFrame = rows[schema.names].reset_index(drop=True)
    return result


def schema_of(frame: pd.DataFrame) -> pa.Schema:
    # The names are what pandas goes by; types it has of its own.
    return pa.schema([pa.field(str(name), pa.null()) for name in frame.columns])


def _batches(frame: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Yield at least one batch, so that an empty frame has its columns made too."""
    starts = range(0, max(len(frame), 1), BATCH_ROWS)
    for number, start in enumerate(starts, start=1):
        if len(starts) > 1:
            logger.info("Batch %d of %d", number, len(starts))
        yield frame.iloc[start : start + BATCH_ROWS]


def _descending(frame: pd.DataFrame, by: str, ties: str) -> pd.DataFrame:
    return frame.sort_values([by, ties], ascending=[False, True], ignore_index=True)


def _is_matched(frame: pd.DataFrame, other: pd.DataFrame, on: list[str]) -> pd.Series:
    if len(on) == 1:
        return frame[on[0]].isin(other[on[0]])
    merged = frame[on].merge(other[on].drop_duplicates(), on=on, how="left", indicator=True)
    return (merged["_merge"] == "both").set_axis(frame.index)
