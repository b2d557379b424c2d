"""The one seam between pipelines and the engine that holds their frames, pandas or Spark: verbs that need to know it.

Not for what a function does to a batch: that is pandas, in the libraries, on both engines. On Spark a frame is never
collected; only what is bounded (`sample`, `smallest`, `distinct`, `collected`) comes back as pandas or a list. A frame
on Spark is a plan: using it twice computes it twice, so whoever needs it twice saves it as a table and reads that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd
import pyarrow as pa

from claims_fraud.frames import on_pandas

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    Frame: TypeAlias = pd.DataFrame | DataFrame
else:
    # Kedro reads the annotations of nodes to type their parameters, and Spark may not be there.
    Frame = Any

Batch = pd.DataFrame
Summary = Any


def map_batches(frame: Frame, function: Callable[[Batch], Batch], schema: pa.Schema) -> Frame:
    """Apply a function that treats every row by itself to one batch of rows after the other.

    Parameters
    ----------
    frame : Frame
        Its rows come in batches of bounded size. Dates with a time come without zone, in UTC.
    function : callable
        From batch to batch; it may drop rows. On Spark it travels to the workers, model included.
    schema : pyarrow.Schema
        Columns of the result. On Spark also their types, and their comments from the fields' metadata ``comment``.

    Returns
    -------
    Frame
        On pandas in the order of ``frame``.
    """
    return _engine(frame).map_batches(frame, function, schema)  # type: ignore[no-any-return]


def map_groups(frame: Frame, key: str, function: Callable[[Batch], Batch], schema: pa.Schema) -> Frame:
    """Apply a function to batches that hold all rows of each of their groups, those that are equal in ``key``.

    A batch has many groups, in any order; a row whose key is missing may be in any batch. See `map_batches`.
    """
    return _engine(frame).map_groups(frame, key, function, schema)  # type: ignore[no-any-return]


def reduce_batches(
    frame: Frame, summarise: Callable[[Batch], Summary], combine: Callable[[Summary, Summary], Summary]
) -> Summary:
    """Return one summary of all rows: that of each batch, combined in the order of the rows.

    Summaries are made of what JSON has; ``combine`` must not care how rows are divided into batches.
    """
    return _engine(frame).reduce_batches(frame, summarise, combine)


def sample(frame: Frame, most: int, key: str, seed: int) -> pd.DataFrame:
    """Return at most ``most`` rows, those whose ``key`` hashes lowest, sorted by ``key``, whatever their order."""
    return _engine(frame).sample(frame, most, key, seed)  # type: ignore[no-any-return]


def smallest(frame: Frame, most: int, by: str) -> pd.DataFrame:
    """Return the ``most`` rows with the smallest values of ``by``, which no two rows share, smallest first."""
    return _engine(frame).smallest(frame, most, by)  # type: ignore[no-any-return]


def ranked(frame: Frame, by: str, ties: str) -> Frame:
    """Return the rows in descending ``by``, equal ones by ascending ``ties``, with their place from 1 as ``rank``."""
    return _engine(frame).ranked(frame, by, ties)  # type: ignore[no-any-return]


def left_join(frame: Frame, other: Frame, key: str) -> Frame:
    """Return the rows with the other columns of ``other``, null where it lacks the key, which it has once at most."""
    return _engine(frame).left_join(frame, other, key)  # type: ignore[no-any-return]


def keep_where(frame: Frame, column: str) -> Frame:
    """Return the rows in which a column of true and false is true."""
    return _engine(frame).keep_where(frame, column)  # type: ignore[no-any-return]


def matching(frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
    """Return the rows that equal some row of ``other`` in these columns; null equals null."""
    return _engine(frame).matching(frame, other, list(on))  # type: ignore[no-any-return]


def without(frame: Frame, other: Frame, on: Sequence[str]) -> Frame:
    """Return the rows that equal no row of ``other`` in these columns; null equals null."""
    return _engine(frame).without(frame, other, list(on))  # type: ignore[no-any-return]


def upserted(frame: Frame, earlier: Frame | None, key: str) -> Frame:
    """Return the rows and, below them, the earlier ones that are not among them by key: what comes again replaces."""
    return frame if earlier is None else union(frame, without(earlier, frame, [key]))


def union(first: Frame, second: Frame, marker: str | None = None) -> Frame:
    """Return the rows of both, by name; a ``marker`` is a new column that is true for those of the first."""
    return _engine(first).union(first, second, marker)  # type: ignore[no-any-return]


def distinct(frame: Frame, column: str) -> list[Any]:
    """Return the different values of a column that has few of them, in any order."""
    return _engine(frame).distinct(frame, column)  # type: ignore[no-any-return]


def collected(frame: Frame) -> pd.DataFrame:
    """Return a frame as pandas; for what is known to be small, such as what a model has learned from."""
    return _engine(frame).collected(frame)  # type: ignore[no-any-return]


def like(frame: Frame, rows: pd.DataFrame, schema: pa.Schema) -> Frame:
    """Return rows that are in memory as a frame of the engine of ``frame``; the schema is as for `map_batches`."""
    return _engine(frame).like(frame, rows, schema)  # type: ignore[no-any-return]


def schema_of(frame: Frame) -> pa.Schema:
    """Return columns and types of a frame; on Spark with comments."""
    return _engine(frame).schema_of(frame)


def _engine(frame: Frame) -> ModuleType:
    if isinstance(frame, pd.DataFrame):
        return on_pandas
    # Spark is an extra, and takes a second to import.
    from claims_fraud.frames import on_spark  # noqa: PLC0415

    return on_spark
