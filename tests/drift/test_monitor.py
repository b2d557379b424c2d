"""What drifts is found and named, what does not is left alone, and nothing that changed is passed over."""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.drift import Limits, PSIMonitor, ReferenceProfile, combined, count_rows

CODES, NUMBERS = ("region", "code"), ("amount", "height", "age", "visits", "gaps")
ALARMS = ("drifting", "drifted")


@pytest.fixture(scope="module")
def monitor(draw) -> PSIMonitor:
    return PSIMonitor(ReferenceProfile.fit(draw(14_000), CODES, NUMBERS))


def alarms(table: pd.DataFrame) -> set[str]:
    return set(table.loc[table["verdict"].isin(ALARMS), "feature"])


def row(table: pd.DataFrame, feature: str) -> pd.Series:
    return table.set_index("feature").loc[feature]


class TestCompare:
    @pytest.mark.parametrize("rows", [200, 1_000, 20_000])
    def test_no_drift_is_stable(self, monitor, draw, rows):
        assert alarms(monitor.compare(draw(rows, seed=1))) == set()

    def test_the_reference_itself_has_no_psi(self, monitor, draw):
        table = monitor.compare(draw(14_000))
        assert (table["psi"] == 0).all()
        assert set(table["verdict"]) == {"stable"}

    def test_changes_nothing(self, monitor, draw):
        batch = draw(300, seed=2)
        before = batch.copy(deep=True)
        monitor.compare(batch)
        pd.testing.assert_frame_equal(batch, before)

    def test_a_mean_moved_by_a_quarter_of_its_deviation_is_found_and_the_rule_misses_it(self, monitor, draw):
        batch = draw(5_000, seed=3)
        table = monitor.compare(batch.assign(height=batch["height"] + 0.25))
        assert alarms(table) == {"height"}
        found = row(table, "height")
        # Of the limit without bins: the square of the shift.
        assert found["psi"] - found["by_chance"] == pytest.approx(0.25**2, abs=0.01)
        assert (found["rule_verdict"], found["verdict"]) == ("stable", "drifting")
        assert found["psi"] > found["bound"]

    def test_more_zeros_are_found_and_named(self, monitor, draw):
        batch = draw(5_000, seed=4)
        more = np.random.default_rng(0).random(5_000) < 0.3
        table = monitor.compare(batch.assign(amount=batch["amount"].mask(more, 0.0)))
        assert alarms(table) == {"amount"}
        assert row(table, "amount")["moved"].startswith("0: 39.6% to 58.2%; ")

    def test_unseen_codes_are_found_and_those_of_a_long_tail_are_not(self, monitor, draw):
        batch = draw(5_000, seed=5)
        assert row(monitor.compare(batch), "code")["unseen"] > 0.01
        assert row(monitor.compare(batch), "code")["verdict"] == "stable"
        new = np.random.default_rng(0).random(5_000) < 0.05
        table = monitor.compare(batch.assign(region=batch["region"].mask(new, "east")))
        assert alarms(table) == {"region"}
        found = row(table, "region")
        assert found["unseen"] == new.mean()
        assert found["unseen_reference"] == 0
        assert found["moved"].startswith("unseen: 0.0% to 5.")

    def test_gaps_are_found_even_in_a_thousand_rows(self, monitor, draw):
        batch = draw(1_000, seed=6)
        table = monitor.compare(batch.assign(height=batch["height"].mask(np.arange(1_000) % 20 == 0)))
        assert alarms(table) == {"height"}
        assert row(table, "height")["missing"] == 0.05

    def test_a_change_that_is_too_small_to_matter_is_none(self, monitor, draw):
        batch = draw(100_000, seed=7)
        table = monitor.compare(batch.assign(height=batch["height"] + 0.05))
        found = row(table, "height")
        assert found["p_adjusted"] < 1e-3
        assert found["verdict"] == "stable"

    def test_few_rows_are_insufficient(self, monitor, draw):
        table = monitor.compare(draw(199, seed=8).assign(height=9.0))
        assert set(table["verdict"]) == {"insufficient"}
        assert row(table, "height")["rule_verdict"] == "drifted"
        assert set(monitor.compare(draw(0))["verdict"]) == {"insufficient"}

    def test_limits_are_those_given(self, monitor, draw):
        strict = PSIMonitor(monitor.profile, Limits(minimum_rows=100, least_psi=0.2))
        batch = draw(5_000, seed=3)
        assert alarms(strict.compare(batch.assign(height=batch["height"] + 0.25))) == set()
        assert set(strict.compare(batch.head(150))["verdict"]) == {"stable"}

    def test_small_cells_are_not_told(self, monitor, draw):
        batch = draw(400, seed=9)
        table = monitor.compare(batch.assign(region=["east"] * 10 + ["north"] * 390))
        assert row(table, "region")["moved"] == "west: 33.4% to 0.0%; south: 33.0% to 0.0%; north: 33.6% to 97.5%"

    def test_what_each_bin_adds(self, monitor, draw):
        batch = draw(400, seed=9).assign(region=["east"] * 10 + ["north"] * 390)
        bins = monitor.contributions("region", count_rows(batch, monitor.profile.bins))
        assert dict(zip(bins["bin"], bins["current"], strict=True)) == {
            "south": 0,
            "west": 0,
            "north": 390,
            "unseen": 10,
        }
        assert bins["contribution"].sum() == pytest.approx(row(monitor.compare(batch), "region")["psi"])


class TestColumnsWithoutContent:
    def test_one_value_or_none(self):
        reference = pd.DataFrame(
            {"same": [3.0] * 300, "none": [np.nan] * 300, "word": ["x"] * 300, "empty": [None] * 300}
        )
        monitor = PSIMonitor(ReferenceProfile.fit(reference, ["word", "empty"], ["same", "none"]))
        assert alarms(monitor.compare(reference)) == set()
        other = pd.DataFrame({"same": [4.0] * 300, "none": [1.0] * 300, "word": ["y"] * 300, "empty": ["z"] * 300})
        assert alarms(monitor.compare(other)) == set(reference)


class TestSchema:
    def test_a_missing_column_has_drifted(self, monitor, draw):
        found = row(monitor.compare(draw(300, seed=1).drop(columns="age")), "age")
        assert (found["verdict"], found["note"], found["n"]) == ("drifted", "the column is missing", 0)

    def test_a_new_one_is_told(self, monitor, draw):
        found = row(monitor.compare(draw(300, seed=1).assign(extra=1)), "extra")
        assert (found["verdict"], found["note"]) == ("insufficient", "new: the reference has no such column")

    def test_ids_and_dates_that_were_there_are_not_new(self, draw):
        frame = draw(400).assign(id=1, date=pd.Timestamp("2025-01-01"))
        monitor = PSIMonitor(ReferenceProfile.fit(frame, CODES, NUMBERS))
        assert set(monitor.compare(frame)["feature"]) == {*CODES, *NUMBERS}

    def test_another_kind_is_told_and_counted(self, monitor, draw):
        found = row(monitor.compare(draw(300, seed=1).assign(age="old")), "age")
        assert (found["verdict"], found["note"], found["unseen"]) == ("drifted", "text, was number", 1.0)

    def test_numbers_as_text_are_told_and_are_the_same_numbers(self, monitor, draw):
        batch = draw(300, seed=1)
        found = row(monitor.compare(batch.assign(age=batch["age"].astype(str))), "age")
        assert (found["verdict"], found["note"]) == ("stable", "text, was number")

    def test_scores_are_compared_where_they_are_there(self, draw):
        frame = draw(500).assign(fraud_score=np.arange(500.0))
        monitor = PSIMonitor(ReferenceProfile.fit(frame, CODES, NUMBERS, ["fraud_score"]))
        assert row(monitor.compare(frame), "fraud_score")["kind"] == "score"
        assert "fraud_score" not in set(monitor.compare(frame.drop(columns="fraud_score"))["feature"])


class TestBatches:
    def test_however_divided_the_counts_are_the_same(self, monitor, draw):
        frame, bins = draw(1_000, seed=1), monitor.profile.bins
        whole = count_rows(frame, bins)
        one_by_one = reduce(combined, (count_rows(frame.iloc[[place]], bins) for place in range(1_000)))
        assert one_by_one | {"stored_as": None} == whole | {"stored_as": None}
        assert {name: set(kinds) - {"nothing"} for name, kinds in one_by_one["stored_as"].items()} == {
            name: set(kinds) for name, kinds in whole["stored_as"].items()
        }
        pd.testing.assert_frame_equal(monitor.compare_counts(one_by_one), monitor.compare_counts(whole))

    @given(st.lists(st.integers(0, 600), max_size=5))
    @settings(max_examples=20, deadline=None)
    def test_at_any_boundaries(self, monitor, draw, cuts):
        frame, bins = draw(600, seed=2), monitor.profile.bins
        ends = sorted({0, 600, *cuts})
        parts = [count_rows(frame.iloc[a:b], bins) for a, b in pairwise(ends)]
        assert reduce(combined, parts) == count_rows(frame, bins)


numbers = st.lists(st.integers(-1_000, 1_000), min_size=1, max_size=80)


@given(numbers, numbers)
@settings(deadline=None)
def test_an_increasing_transform_changes_nothing(reference, current):
    def psi(change) -> float:
        before, now = (
            pd.DataFrame({"x": [change(float(value)) for value in values]}) for values in (reference, current)
        )
        return float(PSIMonitor(ReferenceProfile.fit(before, [], ["x"])).compare(now)["psi"].iloc[0])

    plain = psi(lambda value: value)
    assert plain == psi(lambda value: value**3) == psi(lambda value: 2 * value + 7)
    assert plain >= 0
