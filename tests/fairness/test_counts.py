"""Counts add up to the same, however rows are divided into batches."""

from __future__ import annotations

import json
from functools import reduce

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.fairness.counts import PERIOD, Counting, combine, summarise, tables

COUNTING = Counting(
    ("sex", "age"), {"age": (18, 65)}, top_k=2, outcome="found", surprises=("surprise_code",), pairs=True, periods=True
)


def rows(number: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    score = rng.exponential(size=number)
    return pd.DataFrame(
        {
            "sex": rng.choice(np.array(["f", "m", None], dtype=object), number),
            "age": np.where(rng.random(number) < 0.1, np.nan, rng.integers(0, 100, number)),
            "flagged": rng.random(number) < 0.2,
            "rank": rng.permutation(number) + 1,
            "fraud_score": score,
            "fraud_percentile": 99.9 * rng.random(number),
            "found": rng.choice([0.0, 1.0, np.nan], number),
            "surprise_code": score / 2,
            PERIOD: rng.choice(["2025-01", "2025-02"], number),
        }
    )


SIX = pd.DataFrame(
    {
        "sex": ["f", "f", "m", "m", None, "f"],
        "age": [10, 70, 30, np.nan, 64, 65],
        "flagged": [True, False, True, False, False, False],
        "rank": [1, 2, 3, 4, 5, 6],
        "fraud_score": [6.0, 5.0, 4.0, 3.0, 2.0, 1.0],
        "fraud_percentile": [99.5, 90.0, 80.0, 50.0, 20.0, 0.0],
        "found": [1, 0, 1, np.nan, np.nan, 1],
        "surprise_code": [1.0, 0.0, 0.0, 2.0, 0.0, 0.5],
        PERIOD: ["2025-01", "2025-01", "2025-01", "2025-02", "2025-02", "2025-02"],
    }
)


class TestSummarise:
    def test_counts_each_group(self):
        found = tables(summarise(SIX, COUNTING), "attributes", COUNTING.surprises)["sex"]
        assert found.table.to_dict(orient="index") == {
            "f": {"n": 3, "flagged": 1, "top": 2, "known": 3, "fraud": 2, "known_flagged": 1, "fraud_flagged": 1,
                  "score": 12.0, "surprise_code": 1.5},
            "m": {"n": 2, "flagged": 1, "top": 0, "known": 1, "fraud": 1, "known_flagged": 1, "fraud_flagged": 1,
                  "score": 7.0, "surprise_code": 2.0},
            "unknown": {"n": 1, "flagged": 0, "top": 0, "known": 0, "fraud": 0, "known_flagged": 0, "fraud_flagged": 0,
                        "score": 2.0, "surprise_code": 0.0},
        }  # fmt: skip
        assert found.steps.sum(axis=1).tolist() == [3, 2, 1]

    def test_counts_both_attributes_at_once(self):
        found = tables(summarise(SIX, COUNTING), "pairs")["sex × age"]
        assert found.table["n"].to_dict() == {
            "f × 65 and above": 2,
            "f × below 18": 1,
            "m × 18 to below 65": 1,
            "m × unknown": 1,
            "unknown × 18 to below 65": 1,
        }

    def test_counts_an_attribute_in_each_period(self):
        found = tables(summarise(SIX, COUNTING), "periods")["claim period × sex"].table
        assert found["n"].to_dict() == {
            "2025-01 × f": 2,
            "2025-01 × m": 1,
            "2025-02 × f": 1,
            "2025-02 × m": 1,
            "2025-02 × unknown": 1,
        }
        assert found.loc["2025-01 × f", "flagged"] == 1

    def test_a_threshold_goes_before_the_flags(self):
        counting = Counting(("sex",), threshold=50.0)
        found = tables(summarise(SIX, counting), "attributes")["sex"].table["flagged"]
        assert found.to_dict() == {"f": 2, "m": 1, "unknown": 0}

    def test_says_what_json_has(self):
        summary = summarise(SIX, COUNTING)
        assert json.loads(json.dumps(summary)) == summary

    def test_changes_nothing(self):
        before = SIX.copy(deep=True)
        summarise(SIX, COUNTING)
        pd.testing.assert_frame_equal(SIX, before)

    def test_of_no_rows_is_of_no_groups(self):
        none = summarise(SIX.head(0), COUNTING)
        assert tables(none, "attributes", COUNTING.surprises)["sex"].table.empty
        assert combine(none, summarise(SIX, COUNTING)) == combine(summarise(SIX, COUNTING), none)


@pytest.mark.parametrize("batches", [1, 7, 1_000])
def test_any_number_of_batches_gives_the_same(batches):
    data = rows(3_000)
    whole = summarise(data, COUNTING)
    pieces = [data.iloc[part] for part in np.array_split(np.arange(len(data)), batches)]
    assert_same(reduce(combine, (summarise(piece, COUNTING) for piece in pieces)), whole)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 60), st.integers(0, 1_000), st.lists(st.integers(0, 60), max_size=5))
def test_any_split_in_any_order_gives_the_same_and_adds_up_to_the_whole(number, seed, cuts):
    data = rows(number, seed)
    pieces = np.split(np.random.default_rng(seed).permutation(number), sorted(cut for cut in cuts if cut <= number))
    found = reduce(combine, (summarise(data.iloc[piece], COUNTING) for piece in pieces))
    assert_same(found, summarise(data, COUNTING))
    for kind in ("attributes", "pairs", "periods"):
        for counts in tables(found, kind, COUNTING.surprises).values():
            total = counts.table.sum()
            assert total["n"] == number
            assert total["flagged"] == data["flagged"].sum()
            assert total["top"] == min(number, 2)
            assert total["fraud_flagged"] == (data["flagged"] & (data["found"] == 1)).sum()


def assert_same(one, other) -> None:
    assert one["n"] == other["n"]
    np.testing.assert_allclose(one["score_sums"], other["score_sums"], rtol=1e-12)
    for kind in ("attributes", "pairs"):
        left, right = (tables(summary, kind, COUNTING.surprises) for summary in (one, other))
        assert left.keys() == right.keys()
        for name, counts in left.items():
            pd.testing.assert_frame_equal(counts.table, right[name].table, rtol=1e-12)
            np.testing.assert_array_equal(counts.steps, right[name].steps)
