"""Verbs on frames: batches, samples by hash, the largest rows."""

from __future__ import annotations

import logging

import pandas as pd
import pytest

from claims_fraud import frames


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr(frames, "BATCH_ROWS", 4)


def numbered(rows: int) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"c{number:02d}" for number in range(rows)], "value": range(rows)})


class TestMapBatches:
    @pytest.mark.usefixtures("small_batches")
    def test_gives_what_the_whole_would_in_the_same_order(self):
        doubled = frames.map_batches(numbered(10), lambda batch: batch.assign(value=batch["value"] * 2))
        assert doubled["id"].tolist() == numbered(10)["id"].tolist()
        assert doubled["value"].tolist() == list(range(0, 20, 2))
        assert doubled.index.tolist() == list(range(10))

    @pytest.mark.usefixtures("small_batches")
    def test_never_hands_out_more_than_a_batch(self):
        sizes = []
        frames.map_batches(numbered(10), lambda batch: sizes.append(len(batch)) or batch)
        assert sizes == [4, 4, 2]

    def test_calls_the_function_for_an_empty_frame_too_so_that_columns_are_made(self):
        made = frames.map_batches(numbered(0), lambda batch: batch.assign(new=batch["value"]))
        assert list(made) == ["id", "value", "new"]
        assert len(made) == 0

    @pytest.mark.usefixtures("small_batches")
    def test_tells_progress_only_where_there_are_several_batches(self, caplog):
        caplog.set_level(logging.INFO, logger="claims_fraud")
        frames.map_batches(numbered(4), lambda batch: batch)
        assert caplog.messages == []
        frames.map_batches(numbered(5), lambda batch: batch)
        assert caplog.messages == ["Batch 1 of 2", "Batch 2 of 2"]

    @pytest.mark.usefixtures("small_batches")
    def test_leaves_its_input_alone(self):
        frame = numbered(6)
        frames.map_batches(frame, lambda batch: batch.assign(value=0))
        pd.testing.assert_frame_equal(frame, numbered(6))


class TestSample:
    def test_all_rows_where_there_are_few_enough_sorted_by_key(self):
        drawn = frames.sample(numbered(5).iloc[::-1], 5, "id", seed=0)
        pd.testing.assert_frame_equal(drawn, numbered(5))

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


class TestLargest:
    def test_largest_first_and_ties_as_they_stood(self):
        frame = pd.DataFrame({"id": ["a", "b", "c", "d"], "score": [1.0, 3.0, 3.0, 2.0]})
        assert frames.largest(frame, 3, "score")["id"].tolist() == ["b", "c", "d"]

    def test_all_rows_where_there_are_fewer(self):
        assert len(frames.largest(numbered(2), 10, "value")) == 2
