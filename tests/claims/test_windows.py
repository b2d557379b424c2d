"""The window of history: literal cases, and a naive recomputation, a row at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims.windows import Window, means_before, window_starts

NAN = math.nan


def ints(*values: int) -> Any:
    return np.array(values, dtype=np.int64)


class TestWindow:
    @pytest.mark.parametrize(
        ("date", "complete"),
        [("2024-12-30 23:59", False), ("2024-12-31", True), ("2024-12-31 00:01", True), ("2026-01-01", True)],
    )
    def test_is_complete_where_all_its_days_lie_in_the_data(self, date: str, complete: bool) -> None:
        window = Window(365, pd.Timestamp("2024-01-01 18:00"))
        assert window.is_complete(pd.Series(pd.to_datetime([date]))).tolist() == [complete]

    def test_says_from_when_on(self) -> None:
        assert str(Window(30, pd.Timestamp("2025-01-31")).complete_from) == "2025-03-02"

    def test_of_no_claims_is_complete_for_none(self) -> None:
        dates = pd.Series(pd.to_datetime(["2025-01-01"]))
        assert Window(1, pd.NaT).is_complete(dates).tolist() == [False]  # type: ignore[arg-type]
        assert Window(1, pd.NaT).is_complete(dates.head(0)).tolist() == []  # type: ignore[arg-type]

    def test_may_be_longer_than_dates_reach(self) -> None:
        window = Window(36_500, pd.Timestamp("2261-12-31"))
        assert window.is_complete(pd.Series(pd.to_datetime(["2261-12-31"]))).tolist() == [False]


class TestWindowStarts:
    def test_are_the_first_rows_within_the_days(self) -> None:
        group, day = ints(0, 0, 0, 0, 1, 1), ints(1, 5, 5, 9, 2, 99)
        assert window_starts(group, day, 4).tolist() == [0, 0, 0, 1, 4, 5]
        assert window_starts(group, day, 3).tolist() == [0, 1, 1, 3, 4, 5]
        assert window_starts(group, day, 1_000).tolist() == [0, 0, 0, 0, 4, 4]

    def test_of_no_rows(self) -> None:
        assert window_starts(ints(), ints(), 5).tolist() == []


class TestMeansBefore:
    def test_are_of_the_rows_from_the_start_to_the_one_before(self) -> None:
        values, starts = np.array([1.0, 2.0, NAN, 6.0, 5.0]), ints(0, 0, 0, 1, 2)
        np.testing.assert_array_equal(means_before(values, starts), [NAN, 1.0, 1.5, 2.0, 6.0])

    def test_neither_the_rows_own_value_nor_one_from_before_enters_by_rounding(self) -> None:
        values, starts = np.array([1e17, 0.1, 1e17]), ints(0, 1, 1)
        np.testing.assert_array_equal(means_before(values, starts), [NAN, NAN, 0.1])

    def test_of_no_rows(self) -> None:
        assert means_before(np.zeros(0), ints()).tolist() == []


@settings(max_examples=50, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(-1, 2), st.integers(-400, 400), st.just(NAN) | st.integers(-9, 9))),
    days=st.sampled_from([1, 7, 365]),
)
def test_equals_a_naive_recomputation(rows: list[tuple[int, int, float]], days: int) -> None:
    rows = sorted(rows, key=lambda row: row[:2])
    starts, means = [], []
    for place, (group, day, _) in enumerate(rows):
        within = [at for at in range(place) if rows[at][0] == group and day - rows[at][1] <= days]
        values = [rows[at][2] for at in within if not math.isnan(rows[at][2])]
        starts.append(min(within, default=place))
        means.append(sum(values) / len(values) if values else NAN)
    group, day = (np.array([row[n] for row in rows], dtype=np.int64) for n in (0, 1))
    found = window_starts(group, day, days)
    assert found.tolist() == starts
    np.testing.assert_allclose(means_before(np.array([float(row[2]) for row in rows]), found), means, rtol=1e-12)
