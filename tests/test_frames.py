"""What each verb on frames promises, on pandas."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from claims_fraud import frames

NUMBERED = pa.schema([("id", pa.string()), ("value", pa.int64())])


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("claims_fraud.frames.on_pandas.BATCH_ROWS", 4)


def numbered(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"c{number:02d}" for number in range(rows)], "value": range(rows)})


def scored(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({"id": ["d", "c", "b", "a"], "score": [2.0, 1.0, 2.0, 3.0], **columns})


class TestMapBatches:
    @pytest.mark.usefixtures("small_batches")
    def test_gives_what_the_whole_would_in_the_same_order(self):
        doubled = frames.map_batches(numbered(10), lambda batch: batch.assign(value=batch["value"] * 2), NUMBERED)
        assert doubled["id"].tolist() == numbered(10)["id"].tolist()
        assert doubled["value"].tolist() == list(range(0, 20, 2))
        assert doubled.index.tolist() == list(range(10))

    @pytest.mark.usefixtures("small_batches")
    def test_the_function_may_drop_rows(self):
        even = frames.map_batches(numbered(10), lambda batch: batch[batch["value"] % 2 == 0], NUMBERED)
        assert even["value"].tolist() == [0, 2, 4, 6, 8]
        assert even.index.tolist() == list(range(5))

    def test_columns_are_those_of_the_schema_in_its_order(self):
        schema = pa.schema([("value", pa.int64()), ("new", pa.string()), ("id", pa.string())])
        made = frames.map_batches(numbered(2), lambda batch: batch.assign(new="x", other="y"), schema)
        assert list(made) == ["value", "new", "id"]

    @pytest.mark.usefixtures("small_batches")
    def test_never_hands_out_more_than_a_batch(self):
        sizes = []
        frames.map_batches(numbered(10), lambda batch: sizes.append(len(batch)) or batch, NUMBERED)
        assert sizes == [4, 4, 2]

    def test_calls_the_function_for_an_empty_frame_too_so_that_columns_are_made(self):
        schema = NUMBERED.append(pa.field("new", pa.int64()))
        made = frames.map_batches(numbered(0), lambda batch: batch.assign(new=batch["value"]), schema)
        assert list(made) == ["id", "value", "new"]
        assert len(made) == 0

    @pytest.mark.usefixtures("small_batches")
    def test_tells_progress_only_where_there_are_several_batches(self, caplog):
        caplog.set_level(logging.INFO, logger="claims_fraud")
        frames.map_batches(numbered(4), lambda batch: batch, NUMBERED)
        assert caplog.messages == []
        frames.map_batches(numbered(5), lambda batch: batch, NUMBERED)
        assert caplog.messages == ["Batch 1 of 2", "Batch 2 of 2"]

    @pytest.mark.usefixtures("small_batches")
    def test_leaves_its_input_alone(self):
        frame = numbered(6)
        frames.map_batches(frame, lambda batch: batch.assign(value=0), NUMBERED)
        pd.testing.assert_frame_equal(frame, numbered(6))


class TestLike:
    def test_gives_the_columns_of_the_schema_in_their_order(self):
        rows = numbered(2).assign(more="x")[["more", "value", "id"]].iloc[::-1]
        made = frames.like(numbered(5), rows, NUMBERED)
        pd.testing.assert_frame_equal(made, numbered(2).iloc[::-1].reset_index(drop=True))


class TestMapGroups:
    schema = pa.schema([("group", pa.string()), ("place", pa.int64())])

    @pytest.mark.usefixtures("small_batches")
    def test_the_function_sees_all_rows_of_a_group(self):
        frame = pd.DataFrame({"group": ["a", "b", "a", None, "b", "a"]})
        placed = frames.map_groups(
            frame, "group", lambda batch: batch.assign(place=batch.groupby("group").cumcount()), self.schema
        )
        assert placed.dropna().groupby("group")["place"].apply(sorted).to_dict() == {"a": [0, 1, 2], "b": [0, 1]}
        assert placed["group"].isna().sum() == 1

    def test_columns_are_those_of_the_schema_and_the_index_counts(self):
        frame = pd.DataFrame({"group": ["a", "b"], "other": [1, 2]}, index=[5, 5])
        made = frames.map_groups(frame, "group", lambda batch: batch.assign(place=0), self.schema)
        assert list(made) == ["group", "place"]
        assert made.index.tolist() == [0, 1]

    def test_no_rows_have_columns_too(self):
        frame = pd.DataFrame({"group": []}, dtype=object)
        assert list(frames.map_groups(frame, "group", lambda batch: batch.assign(place=0), self.schema)) == [
            "group",
            "place",
        ]


class TestReduceBatches:
    @pytest.mark.usefixtures("small_batches")
    def test_is_the_summary_of_the_whole(self):
        def by_parity(batch: pd.DataFrame) -> Counter:
            return Counter((batch["value"] % 2).tolist())

        assert frames.reduce_batches(numbered(9), by_parity, lambda one, other: one + other) == {0: 5, 1: 4}

    @pytest.mark.usefixtures("small_batches")
    def test_combines_in_the_order_of_the_rows(self):
        firsts = frames.reduce_batches(
            numbered(10), lambda batch: [batch["id"].iloc[0]], lambda one, other: one + other
        )
        assert firsts == ["c00", "c04", "c08"]

    def test_no_rows_have_a_summary(self):
        assert frames.reduce_batches(numbered(0), len, lambda one, other: one + other) == 0


class TestSample:
    def test_all_rows_where_there_are_few_enough_sorted_by_key(self):
        drawn = frames.sample(numbered(5).iloc[::-1], 5, "id", seed=0)
        pd.testing.assert_frame_equal(drawn, numbered(5))

    def test_draws_the_ids_whose_hash_is_lowest(self):
        assert frames.sample(numbered(50), 4, "id", seed=0)["id"].tolist() == ["c01", "c24", "c35", "c37"]

    def test_is_the_same_whatever_the_order_of_the_rows(self):
        frame = numbered(50)
        drawn = frames.sample(frame, 7, "id", seed=0)
        pd.testing.assert_frame_equal(frames.sample(frame.sample(frac=1, random_state=3), 7, "id", seed=0), drawn)
        assert len(drawn) == 7
        assert drawn["id"].is_monotonic_increasing

    def test_grows_without_dropping_what_it_had(self):
        few, more = (set(frames.sample(numbered(50), most, "id", seed=0)["id"]) for most in (7, 20))
        assert few < more

    def test_another_seed_draws_others(self):
        one, two = (set(frames.sample(numbered(50), 7, "id", seed)["id"]) for seed in (0, 1))
        assert one != two

    def test_leaves_its_input_alone(self):
        frame = numbered(5).iloc[::-1]
        before = frame.copy()
        frames.sample(frame, 2, "id", seed=0)
        pd.testing.assert_frame_equal(frame, before)


class TestSmallest:
    def test_smallest_first_whatever_the_order_of_the_rows(self):
        frame = pd.DataFrame({"id": [*"abcd"], "rank": [3, 1, 4, 2]})
        for rows in (frame, frame.iloc[::-1]):
            assert frames.smallest(rows, 3, by="rank")["id"].tolist() == ["b", "d", "a"]

    def test_all_rows_where_there_are_fewer(self):
        assert len(frames.smallest(numbered(2), 10, by="value")) == 2


class TestRanked:
    def test_counts_from_one_largest_first_and_ties_by_what_is_asked(self):
        ranked = frames.ranked(scored(), by="score", ties="id")
        assert ranked["id"].tolist() == ["a", "b", "d", "c"]
        assert ranked["rank"].tolist() == [1, 2, 3, 4]
        assert ranked.index.tolist() == [0, 1, 2, 3]

    def test_an_earlier_rank_is_replaced(self):
        ranked = frames.ranked(scored(rank=[9, 8, 7, 6]), by="score", ties="id")
        assert list(ranked) == ["id", "score", "rank"]
        assert ranked["rank"].tolist() == [1, 2, 3, 4]

    def test_leaves_its_input_alone(self):
        frame = scored()
        frames.ranked(frame, by="score", ties="id")
        pd.testing.assert_frame_equal(frame, scored())


class TestLeftJoin:
    def test_has_every_row_and_null_where_the_other_lacks_the_key(self):
        joined = frames.left_join(
            numbered(3), pd.DataFrame({"id": ["c02", "c00", "x"], "word": ["two", "zero", "-"]}), "id"
        )
        assert joined["id"].tolist() == ["c00", "c01", "c02"]
        assert joined["value"].tolist() == [0, 1, 2]
        assert joined["word"].fillna("none").tolist() == ["zero", "none", "two"]

    def test_a_key_may_repeat_in_the_rows(self):
        frame = pd.DataFrame({"id": ["a", "a"]})
        joined = frames.left_join(frame, pd.DataFrame({"id": ["a"], "word": ["one"]}), "id")
        assert joined["word"].tolist() == ["one", "one"]


class TestKeepWhere:
    def test_has_the_rows_that_are_marked(self):
        data = scored(is_new=[True, False, True, False])
        before = data.copy()
        kept = frames.keep_where(data, "is_new")
        assert kept.to_dict("list") == {"id": ["d", "b"], "score": [2.0, 2.0], "is_new": [True, True]}
        assert kept.index.tolist() == [0, 1]
        pd.testing.assert_frame_equal(data, before)

    def test_of_no_rows_has_the_columns(self):
        assert list(frames.keep_where(scored(is_new=[True] * 4).head(0), "is_new")) == ["id", "score", "is_new"]


class TestMatchingAndWithout:
    left = pd.DataFrame({"id": ["a", "b", "a", None], "value": [1.0, 2.0, np.nan, 4.0]})

    def test_one_column(self):
        other = pd.DataFrame({"id": ["a", "a", "z"]})
        assert frames.matching(self.left, other, ["id"])["value"].fillna(-1).tolist() == [1.0, -1.0]
        assert frames.without(self.left, other, ["id"])["value"].tolist() == [2.0, 4.0]

    def test_several_columns_have_to_be_equal_together(self):
        other = pd.DataFrame({"id": ["a", "b"], "value": [1.0, 1.0], "more": ["x", "y"]})
        assert frames.matching(self.left, other, ["id", "value"])["id"].tolist() == ["a"]
        assert frames.without(self.left, other, ["id", "value"])["id"].fillna("none").tolist() == ["b", "a", "none"]

    @pytest.mark.parametrize("on", [["id"], ["id", "value"], ["value"]])
    def test_null_equals_null(self, on):
        assert len(frames.matching(self.left, self.left.copy(), on)) == 4
        assert frames.without(self.left, self.left.copy(), on).empty

    def test_columns_are_those_of_the_rows_and_the_index_counts(self):
        other = pd.DataFrame({"id": ["b"], "more": ["x"]})
        for found in (frames.matching(self.left, other, ["id"]), frames.without(self.left, other, ["id"])):
            assert list(found) == ["id", "value"]
            assert found.index.tolist() == list(range(len(found)))

    def test_of_nothing(self):
        nothing = self.left.head(0)
        assert frames.matching(self.left, nothing, ["id", "value"]).empty
        pd.testing.assert_frame_equal(frames.without(self.left, nothing, ["id", "value"]), self.left)


class TestUpserted:
    def test_what_comes_again_replaces_and_the_rest_stays_below(self):
        earlier = pd.DataFrame({"id": ["a", "b"], "value": [1, 2]})
        new = pd.DataFrame({"id": ["c", "a"], "value": [3, 4]})
        found = frames.upserted(new, earlier, "id")
        assert found.to_dict("list") == {"id": ["c", "a", "b"], "value": [3, 4, 2]}

    def test_without_earlier_rows_there_are_the_new(self):
        pd.testing.assert_frame_equal(frames.upserted(numbered(2), None, "id"), numbered(2))


class TestUnion:
    def test_has_the_rows_of_both_by_name(self):
        other = pd.DataFrame({"value": [9], "id": ["z"]})
        both = frames.union(numbered(1), other)
        assert both.to_dict("list") == {"id": ["c00", "z"], "value": [0, 9]}
        assert both.index.tolist() == [0, 1]

    def test_the_marker_is_true_for_those_of_the_first(self):
        first, second = numbered(2), numbered(1)
        both = frames.union(first, second, marker="is_first")
        assert both["is_first"].tolist() == [True, True, False]
        pd.testing.assert_frame_equal(first, numbered(2))
        pd.testing.assert_frame_equal(second, numbered(1))

    def test_a_column_that_one_lacks_is_null_there(self):
        both = frames.union(numbered(1), pd.DataFrame({"id": ["z"]}))
        assert both["value"].fillna(-1).tolist() == [0.0, -1.0]


def test_distinct_values_come_once_each():
    found = frames.distinct(pd.DataFrame({"version": ["b", "a", "b"]}), "version")
    assert isinstance(found, list)
    assert sorted(found) == ["a", "b"]


def test_collected_is_the_frame():
    pd.testing.assert_frame_equal(frames.collected(numbered(3)), numbered(3))


def test_the_schema_has_the_names_in_order():
    assert frames.schema_of(numbered(0)[["value", "id"]]).names == ["value", "id"]
