"""The verbs of `claims_fraud.frames` on Spark, classic or Connect; what they promise stands there.

Nothing here needs more than Spark Connect has, which is what serverless compute offers: no RDD, no broadcast, no cache.
Functions travel to the workers in the plan, and a model in them as its own artefact (see
`claims_fraud.autoencoder.tree_autoencoder`).
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator
from functools import reduce
from typing import Any

import pandas as pd
import pyarrow as pa
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import StructType

from claims_fraud.errors import InputError
from claims_fraud.frames.on_pandas import sample_salt

# A message of Spark Connect holds 128 MB; the rest of the plan is small.
MOST_BYTES_TO_WORKERS = 120_000_000
# Rows that a worker holds at a time where groups have to be whole, and that one task sorts for `ranked`: some hundred
# MB of the 1 GB that a worker has on serverless compute.
GROUPED_ROWS = 50_000

Batch = pd.DataFrame
BatchFunction = Callable[[Batch], Batch]


def map_batches(frame: DataFrame, function: BatchFunction, schema: pa.Schema) -> DataFrame:
    types = _without_comments(schema)

    def apply(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            yield from to_arrow(function(to_pandas(pa.Table.from_batches([batch]))), types).to_batches()

    _check_size(apply)
    return _commented(frame.mapInArrow(apply, from_arrow_schema(types)), schema)


def map_groups(frame: DataFrame, key: str, function: BatchFunction, schema: pa.Schema) -> DataFrame:
    types = _without_comments(schema)
    # Few buckets of many groups: a call to Python for each of millions of groups would take hours.
    buckets = math.ceil(frame.count() / GROUPED_ROWS) + 1
    bucket = F.when(F.col(quoted(key)).isNull(), F.monotonically_increasing_id()).otherwise(F.xxhash64(quoted(key)))

    def apply(table: pa.Table) -> pa.Table:
        return to_arrow(function(to_pandas(table)), types)

    _check_size(apply)
    grouped = frame.groupBy(F.pmod(bucket, F.lit(buckets)))
    return _commented(grouped.applyInArrow(apply, from_arrow_schema(types)), schema)


def reduce_batches(frame: DataFrame, summarise: Callable[[Batch], Any], combine: Callable[[Any, Any], Any]) -> Any:
    def summaries(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        found = [summarise(to_pandas(pa.Table.from_batches([batch]))) for batch in batches]
        if found:
            yield pa.RecordBatch.from_pydict({"summary": [json.dumps(reduce(combine, found))]})

    rows = frame.mapInArrow(summaries, "summary string").collect()
    # As Python reads the JSON everywhere: where there are no rows, the summary of none.
    found = [json.loads(row["summary"]) for row in rows]
    return reduce(combine, found) if found else summarise(collected(frame.limit(0)))


def sample(frame: DataFrame, most: int, key: str, seed: int) -> pd.DataFrame:
    # Hexadecimal digits sort as the numbers do that `stable_hash` makes of the first 8 bytes.
    salted = F.concat(F.lit(sample_salt(seed)), F.coalesce(F.col(quoted(key)), F.lit("")))
    digest = F.substring(F.sha2(salted, 256), 1, 16)
    return collected(frame.orderBy(digest, quoted(key)).limit(most)).sort_values(key, ignore_index=True)


def smallest(frame: DataFrame, most: int, by: str) -> pd.DataFrame:
    return collected(frame.orderBy(quoted(by)).limit(most))


def ranked(frame: DataFrame, by: str, ties: str) -> DataFrame:
    # Ranked bucket by bucket, since a window over all rows would bring them to one task. Where the edges lie decides
    # how large the buckets are, never the ranks.
    steps = frame.count() // GROUPED_ROWS
    edges = frame.approxQuantile(by, [step / (steps + 1) for step in range(1, steps + 1)], 0.001) if steps else []
    higher = reduce(lambda total, edge: total + (F.col(quoted(by)) < edge).cast("int"), edges, F.lit(0))
    divided = frame.withColumn("rank", higher)
    sizes = {row["rank"]: row["count"] for row in divided.groupBy("rank").count().collect()}
    before = [sum(size for bucket, size in sizes.items() if bucket < number) for number in range(len(edges) + 1)]
    place = F.row_number().over(Window.partitionBy("rank").orderBy(*_descending(by, ties)))
    offset = F.element_at(F.array(*[F.lit(rows) for rows in before]), F.col("rank") + 1)
    return divided.withColumn("rank", (offset + place).cast("bigint")).orderBy("rank")


def left_join(frame: DataFrame, other: DataFrame, key: str) -> DataFrame:
    return frame.join(other, on=key, how="left")


def keep_where(frame: DataFrame, column: str) -> DataFrame:
    return frame.where(F.col(quoted(column)))


def matching(frame: DataFrame, other: DataFrame, on: list[str]) -> DataFrame:
    return _joined(frame, other, on, "left_semi")


def without(frame: DataFrame, other: DataFrame, on: list[str]) -> DataFrame:
    return _joined(frame, other, on, "left_anti")


def union(first: DataFrame, second: DataFrame, marker: str | None) -> DataFrame:
    if marker:
        first, second = first.withColumn(marker, F.lit(True)), second.withColumn(marker, F.lit(False))
    return first.unionByName(second, allowMissingColumns=True)


def distinct(frame: DataFrame, column: str) -> list[Any]:
    return [row[0] for row in frame.select(quoted(column)).distinct().collect()]


def collected(frame: DataFrame) -> pd.DataFrame:
    return to_pandas(frame.toArrow())


def like(frame: DataFrame, rows: pd.DataFrame, schema: pa.Schema) -> DataFrame:
    return as_spark(frame.sparkSession, to_arrow(rows, schema))


def schema_of(frame: DataFrame) -> pa.Schema:
    comments = {field.name: field.metadata.get("comment") for field in frame.schema}
    # Asked of Spark itself, since the function that converts types takes other arguments in each version.
    fields = frame.limit(0).toArrow().schema
    return pa.schema([f.with_metadata({"comment": comments[f.name]}) if comments[f.name] else f for f in fields])


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return Arrow's rows as the libraries expect them: times without a zone in UTC, whole numbers whole."""
    fields = [
        field.with_type(pa.timestamp("us")) if pa.types.is_timestamp(field.type) else field for field in table.schema
    ]
    frame: pd.DataFrame = table.cast(pa.schema(fields)).to_pandas(integer_object_nulls=True)
    return frame


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return a frame's columns of the schema in its types; NaN becomes null, times without a zone are UTC."""
    return pa.Table.from_pandas(frame, schema=schema, preserve_index=False)


def as_spark(session: SparkSession, table: pa.Table) -> DataFrame:
    """Return a table as a frame with its comments, times in UTC and columns without a type as text.

    Spark is given the schema, because Connect infers none from an empty table.
    """
    schema = pa.schema([field.with_type(_known_to_spark(field.type)) for field in table.schema])
    return _commented(session.createDataFrame(table.cast(schema), spark_schema(schema)), schema)


def spark_schema(schema: pa.Schema) -> StructType:
    """Return Spark's schema of Arrow's, with comments."""
    fields = from_arrow_schema(_without_comments(schema))
    for field, arrow in zip(fields, schema, strict=True):
        field.metadata = _comment(arrow)
    return fields


def _comment(field: pa.Field) -> dict[str, str]:
    return {key.decode(): value.decode() for key, value in (field.metadata or {}).items() if key == b"comment"}


def _without_comments(schema: pa.Schema) -> pa.Schema:
    return pa.schema([field.remove_metadata() for field in schema])


def _known_to_spark(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_timestamp(kind):
        return pa.timestamp("us", tz="UTC")
    # A column in which nothing is known, such as a third reason that no claim has.
    return pa.string() if pa.types.is_null(kind) else kind


def _commented(frame: DataFrame, schema: pa.Schema) -> DataFrame:
    """Return the frame with the comments of the schema, which a table that is made of it takes over."""
    return frame.select(*[F.col(quoted(field.name)).alias(field.name, metadata=_comment(field)) for field in schema])


def _check_size(function: Callable[..., Any]) -> None:
    size = len(cloudpickle.dumps(function))  # type: ignore[no-untyped-call]
    if size > MOST_BYTES_TO_WORKERS:
        raise InputError(
            f"what Spark's workers need, the model above all, is {size / 1e6:,.0f} MB, and a message to them holds "
            f"{MOST_BYTES_TO_WORKERS / 1e6:,.0f} MB. Train a smaller one: fewer training.n_estimators, a lower "
            "training.max_depth or training.max_classes."
        )


def _joined(frame: DataFrame, other: DataFrame, on: list[str], how: str) -> DataFrame:
    left, right = frame.alias("left"), other.select(*map(quoted, on)).alias("right")
    equal = [F.col(f"left.{quoted(name)}").eqNullSafe(F.col(f"right.{quoted(name)}")) for name in on]
    return left.join(right, on=reduce(lambda one, two: one & two, equal), how=how)


def _descending(by: str, ties: str) -> list[Any]:
    return [F.col(quoted(by)).desc(), F.col(quoted(ties)).asc()]


def quoted(name: str) -> str:
    """Return a column's name as Spark takes it, whatever stands in it."""
    return "`" + name.replace("`", "``") + "`"
