"""Every verb gives on Spark what it gives on pandas, empty partitions and odd types included."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from claims_fraud import frames
from claims_fraud.errors import InputError
from claims_fraud.frames import on_spark

COUNTED = pa.schema([("id", pa.string()), ("value", pa.int64())])


def numbered(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"c{number:02d}" for number in range(rows)], "value": range(rows)})


@pytest.fixture
def ten(spark):
    # More partitions than rows, so that some are empty.
    return spark.createDataFrame(pa.Table.from_pandas(numbered(10))).repartition(16)


def rows_of(frame) -> pd.DataFrame:
    collected = frames.collected(frame)
    return collected.sort_values(next(iter(collected)), ignore_index=True)


def doubled(batch: pd.DataFrame) -> pd.DataFrame:
    return batch.assign(value=batch["value"] * 2)


def odd_only(batch: pd.DataFrame) -> pd.DataFrame:
    return batch[batch["value"] % 2 == 1]


class TestMapBatches:
    def test_gives_what_pandas_gives(self, ten):
        pd.testing.assert_frame_equal(
            rows_of(frames.map_batches(ten, doubled, COUNTED)), frames.map_batches(numbered(10), doubled, COUNTED)
        )

    def test_may_drop_rows(self, ten):
        assert rows_of(frames.map_batches(ten, odd_only, COUNTED))["value"].tolist() == [1, 3, 5, 7, 9]

    def test_of_no_rows_makes_the_columns(self, ten):
        made = frames.map_batches(ten.limit(0), doubled, COUNTED)
        assert made.columns == ["id", "value"]
        assert made.count() == 0

    def test_carries_the_comments_of_the_schema(self, ten):
        schema = pa.schema([COUNTED.field("id"), pa.field("value", pa.int64(), metadata={"comment": "How many"})])
        made = frames.map_batches(ten, doubled, schema)
        assert made.schema["value"].metadata == {"comment": "How many"}
        assert frames.schema_of(made).field("value").metadata == {b"comment": b"How many"}

    def test_refuses_what_does_not_fit_into_a_message(self, ten):
        heavy = bytes(on_spark.MOST_BYTES_TO_WORKERS + 1)

        def with_weight(batch: pd.DataFrame) -> pd.DataFrame:
            return batch.assign(value=len(heavy))

        with pytest.raises(InputError, match=r"120 MB, and a message to them holds 120 MB\. Train a smaller one"):
            frames.map_batches(ten, with_weight, COUNTED)


class TestLike:
    schema = pa.schema(
        [COUNTED.field("id"), COUNTED.field("value"), pa.field("share", pa.float64(), metadata={"comment": "How much"})]
    )

    def test_gives_the_rows_as_a_spark_frame_with_types_and_comments(self, ten):
        made = frames.like(ten, numbered(3).assign(share=None, more="x"), self.schema)
        assert [(field.name, field.dataType.simpleString()) for field in made.schema] == [
            ("id", "string"),
            ("value", "bigint"),
            ("share", "double"),
        ]
        assert made.schema["share"].metadata == {"comment": "How much"}
        pd.testing.assert_frame_equal(rows_of(made)[["id", "value"]], numbered(3))


class TestTypes:
    def test_values_arrive_as_pandas_reads_them_from_parquet(self, spark):
        table = pa.table(
            {
                "amount": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
                "day": pa.array([date(2025, 3, 1), None], pa.date32()),
                "time": pa.array([datetime(2025, 3, 1, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
                "count": pa.array([9_007_199_254_740_993, None], pa.int64()),
                "share": pa.array([0.1, None], pa.float64()),
                "known": pa.array([True, None], pa.bool_()),
                "codes": pa.array([["a", "b"], None], pa.list_(pa.string())),
            }
        )
        seen = frames.collected(spark.createDataFrame(table)).to_dict("records")
        first, second = seen
        assert first["amount"] == Decimal("1.50")
        assert first["day"] == date(2025, 3, 1)
        assert first["time"] == pd.Timestamp("2025-03-01 12:00")
        assert (first["count"], first["share"], first["known"]) == (9_007_199_254_740_993, 0.1, True)
        assert list(first["codes"]) == ["a", "b"]
        assert all(pd.isna(value) for value in second.values())

    def test_they_come_back_as_they_went(self, spark):
        table = pa.table(
            {
                "amount": pa.array([Decimal("1.50"), None], pa.decimal128(9, 2)),
                "day": pa.array([date(2025, 3, 1), None], pa.date32()),
                "time": pa.array([datetime(2025, 3, 1, 12, tzinfo=UTC), None], pa.timestamp("us", tz="UTC")),
                "count": pa.array([9_007_199_254_740_993, None], pa.int64()),
                "codes": pa.array([["a", "b"], None], pa.list_(pa.string())),
            }
        )
        frame = spark.createDataFrame(table)
        again = frames.map_batches(frame, lambda batch: batch, frames.schema_of(frame))
        assert again.schema == frame.schema
        assert again.collect() == frame.collect()


class TestMapGroups:
    def test_every_group_is_whole_and_no_row_without_a_key_is_lost(self, spark, monkeypatch):
        monkeypatch.setattr(on_spark, "GROUPED_ROWS", 3)
        data = pd.DataFrame({"key": [*"aabbbcccc", None, None], "value": range(11)})
        schema = pa.schema([("key", pa.string()), ("value", pa.int64()), ("size", pa.int64())])

        def with_size(batch: pd.DataFrame) -> pd.DataFrame:
            return batch.assign(size=batch.groupby("key")["value"].transform("size").fillna(0))

        frame = spark.createDataFrame(pa.Table.from_pandas(data)).repartition(7)
        expected = frames.map_groups(data, "key", with_size, schema).sort_values("value", ignore_index=True)
        found = frames.collected(frames.map_groups(frame, "key", with_size, schema))
        pd.testing.assert_frame_equal(found.sort_values("value", ignore_index=True), expected, check_dtype=False)
        assert found["size"].tolist().count(4) == 4


class TestReduceBatches:
    def test_combines_the_summaries_of_all_batches(self, ten):
        total = frames.reduce_batches(ten, lambda batch: {"sum": int(batch["value"].sum())}, added)
        assert total == {"sum": 45}

    def test_of_no_rows_is_the_summary_of_none(self, ten):
        total = frames.reduce_batches(ten.limit(0), lambda batch: {"sum": int(batch["value"].sum())}, added)
        assert total == {"sum": 0}


def added(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    return {"sum": one["sum"] + other["sum"]}


class TestSampleAndSmallest:
    @pytest.mark.parametrize("most", [3, 10, 20])
    def test_the_sample_is_that_of_pandas(self, ten, most):
        pd.testing.assert_frame_equal(
            frames.sample(ten, most, "id", seed=4), frames.sample(numbered(10), most, "id", seed=4)
        )

    def test_the_smallest_are_those_of_pandas(self, spark):
        data = pd.DataFrame({"id": [*"dcba"], "rank": [3, 1, 4, 2]})
        frame = spark.createDataFrame(pa.Table.from_pandas(data)).repartition(3)
        assert frames.smallest(frame, 3, "rank")["id"].tolist() == ["c", "a", "d"]
        pd.testing.assert_frame_equal(frames.smallest(frame, 9, "rank"), frames.smallest(data, 9, "rank"))


class TestRanked:
    @pytest.mark.parametrize("grouped_rows", [2, 7, 100_000])
    def test_ranks_as_pandas_does_however_many_buckets(self, spark, monkeypatch, grouped_rows):
        monkeypatch.setattr(on_spark, "GROUPED_ROWS", grouped_rows)
        data = pd.DataFrame({"id": [f"c{n:02d}" for n in range(20)], "score": [float(n % 6) for n in range(20)]})
        ranked = frames.ranked(spark.createDataFrame(pa.Table.from_pandas(data)).repartition(5), "score", "id")
        pd.testing.assert_frame_equal(frames.collected(ranked), frames.ranked(data, "score", "id"))


class TestKeepWhere:
    def test_the_rows_are_those_of_pandas(self, spark):
        data = pd.DataFrame({"id": [*"abcd"], "is `new`": [True, False, True, False]})
        frame = spark.createDataFrame(pa.Table.from_pandas(data)).repartition(3)
        kept = rows_of(frames.keep_where(frame, "is `new`"))
        pd.testing.assert_frame_equal(kept, frames.keep_where(data, "is `new`"))


class TestJoins:
    @pytest.fixture
    def data(self):
        left = pd.DataFrame({"id": ["a", "b", "c", None], "x": [1.0, None, 3.0, 4.0]})
        right = pd.DataFrame({"id": ["b", "c", None], "x": [None, 9.0, 4.0]})
        return left, right

    @pytest.fixture
    def on_both(self, spark, data):
        return [spark.createDataFrame(pa.Table.from_pandas(frame)) for frame in data]

    @pytest.mark.parametrize("verb", [frames.matching, frames.without])
    @pytest.mark.parametrize("on", [["id"], ["id", "x"]])
    def test_null_equals_null(self, data, on_both, verb, on):
        expected = verb(*data, on=on).sort_values("id", ignore_index=True)
        pd.testing.assert_frame_equal(rows_of(verb(*on_both, on=on)), expected)

    def test_left_join_keeps_every_row(self, spark):
        data = pd.DataFrame({"id": ["a", "b"], "x": [1.0, 2.0]}), pd.DataFrame({"id": ["b"], "y": [5.0]})
        both = [spark.createDataFrame(pa.Table.from_pandas(frame)) for frame in data]
        pd.testing.assert_frame_equal(rows_of(frames.left_join(*both, "id")), frames.left_join(*data, "id"))

    def test_what_comes_again_replaces(self, on_both):
        new, earlier = on_both
        assert sorted(map(str, rows_of(frames.upserted(new, earlier, "id"))["id"])) == ["None", "a", "b", "c"]
        assert frames.upserted(new, None, "id") is new

    def test_union_marks_the_first(self, on_both):
        marked = frames.collected(frames.union(*on_both, marker="first"))
        assert marked["first"].tolist() == [True] * 4 + [False] * 3

    def test_distinct(self, on_both):
        assert sorted(frames.distinct(on_both[0], "id"), key=str) == [None, "a", "b", "c"]
