"""Tests of the division into train, validation and test."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns, IngestionParameters
from claims_fraud.claims.splits import SPLITS, claims_by_day, claims_of_split, split_claims

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected={})
WAYS = ("time", "patient", "provider", "claim")


def claims(days: list[int]) -> pd.DataFrame:
    number = pd.Series(range(len(days)), dtype=int)
    return pd.DataFrame(
        {
            "claim_id": "C" + number.astype(str),
            "claim_date": pd.Timestamp("2025-01-01") + pd.to_timedelta(days, unit="D"),
            "patient_id": "P" + (number % 5).astype(str),
            "provider_id": "D" + (number % 3).astype(str),
        }
    )


def split_of(frame: pd.DataFrame, **settings_: Any) -> dict[str, str]:
    parts = split_claims(frame, COLUMNS, IngestionParameters(**settings_))
    return {claim: name for name, part in zip(SPLITS, parts, strict=True) for claim in part["claim_id"]}


class TestByTime:
    def test_oldest_days_train(self) -> None:
        train, validation, test = split_claims(
            claims([9, 8, 7, 6, 5, 4, 3, 2, 1, 0]),
            COLUMNS,
            IngestionParameters(validation_fraction=0.2, test_fraction=0.1),
        )
        assert train["claim_id"].tolist() == ["C3", "C4", "C5", "C6", "C7", "C8", "C9"]
        assert validation["claim_id"].tolist() == ["C1", "C2"]
        assert test["claim_id"].tolist() == ["C0"]

    def test_a_day_is_never_divided(self) -> None:
        frame = claims([0] * 6 + [1] * 4)
        frame["claim_date"] += pd.to_timedelta(range(10), unit="h")
        parts = split_claims(frame, COLUMNS, IngestionParameters())
        assert [part["claim_date"].dt.normalize().nunique() for part in parts] == [2, 0, 0]

    def test_no_test_claims_when_none_are_wanted(self) -> None:
        _, validation, test = split_claims(claims(list(range(20))), COLUMNS, IngestionParameters(test_fraction=0))
        assert (len(validation), len(test)) == (3, 0)


class TestByHash:
    @pytest.mark.parametrize(("way", "key"), [("patient", "patient_id"), ("provider", "provider_id")])
    def test_an_id_stays_in_one_split(self, way: str, key: str) -> None:
        parts = split_claims(claims([0] * 40), COLUMNS, IngestionParameters(split_by=way, test_fraction=0.4))
        owners = [set(part[key]) for part in parts]
        assert sum(map(len, owners)) == len(set().union(*owners))

    @settings(max_examples=30, deadline=None)
    @given(size=st.integers(1, 60), seed=st.integers(0, 5))
    def test_split_does_not_depend_on_other_rows(self, size: int, seed: int) -> None:
        every = split_of(claims([0] * 60), split_by="claim", seed=seed)
        some = split_of(claims([0] * 60).sample(size, random_state=seed), split_by="claim", seed=seed)
        assert some.items() <= every.items()

    def test_another_seed_is_another_split(self) -> None:
        frame = claims([0] * 60)
        assert split_of(frame, split_by="claim", seed=0) != split_of(frame, split_by="claim", seed=1)

    def test_shares_are_met_in_large_numbers(self) -> None:
        parts = split_claims(claims([0] * 4000), COLUMNS, IngestionParameters(split_by="claim"))
        assert [len(part) / 4000 for part in parts] == pytest.approx([0.7, 0.15, 0.15], abs=0.02)


@settings(max_examples=50, deadline=None)
@given(
    days=st.lists(st.integers(0, 9), max_size=30),
    way=st.sampled_from(WAYS),
    validation=st.floats(0, 0.49),
    test=st.floats(0, 0.49),
)
def test_every_claim_is_in_exactly_one_split(days: list[int], way: str, validation: float, test: float) -> None:
    frame = claims(days)
    before = frame.copy()
    parameters = IngestionParameters(split_by=way, validation_fraction=validation, test_fraction=test)
    parts = split_claims(frame, COLUMNS, parameters)
    assert sorted(pd.concat(parts)["claim_id"]) == sorted(frame["claim_id"])
    assert all(part.index.equals(pd.RangeIndex(len(part))) for part in parts)
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=30, deadline=None)
@given(days=st.lists(st.integers(0, 9), min_size=1, max_size=30))
def test_by_time_no_train_claim_is_later_than_a_test_claim(days: list[int]) -> None:
    train, validation, test = split_claims(claims(days), COLUMNS, IngestionParameters())
    for earlier, later in ((train, validation), (train, test), (validation, test)):
        assert earlier.empty or later.empty or earlier["claim_date"].max() < later["claim_date"].min()
    assert len(train)


def test_claims_are_counted_by_day_whatever_their_time() -> None:
    frame = claims([1, 0, 1])
    frame["claim_date"] += pd.to_timedelta([5, 0, 23], unit="h")
    assert claims_by_day(frame, COLUMNS) == {"2025-01-02": 2, "2025-01-01": 1}


@settings(max_examples=50, deadline=None)
@given(
    days=st.lists(st.integers(0, 9), min_size=1, max_size=30),
    cuts=st.lists(st.integers(0, 30), max_size=3),
    way=st.sampled_from(WAYS),
)
def test_batches_are_split_as_the_whole(days: list[int], cuts: list[int], way: str) -> None:
    frame, parameters = claims(days), IngestionParameters(split_by=way)
    by_day = claims_by_day(frame, COLUMNS)
    bounds = [0, *sorted(min(cut, len(frame)) for cut in cuts), len(frame)]
    batches = [frame.iloc[start:end] for start, end in itertools.pairwise(bounds)]
    for split, expected in zip(SPLITS, split_claims(frame, COLUMNS, parameters), strict=True):
        parts = [claims_of_split(batch, split, by_day, COLUMNS, parameters) for batch in batches]
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), expected)
