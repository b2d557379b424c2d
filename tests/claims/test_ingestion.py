"""Tests of ingestion as a whole: no row is lost, the input stays, and the run stops when too much is wrong."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns, DataIngestion, IngestionParameters, load_train_val_test
from claims_fraud.claims.ingestion import separate_rejected
from claims_fraud.errors import InputError

COLUMNS = Columns(categorical=("code",), numeric=("claim_amount", "num_previous_claims"), protected={})
LENIENT = IngestionParameters(max_rejected_fraction=1)
TODAY = date(2025, 6, 30)


def claims(rows: int = 3, **changes: Any) -> pd.DataFrame:
    first = {
        "claim_id": [f"C{number}" for number in range(rows)],
        "claim_date": [f"2025-01-{1 + number % 28:02}" for number in range(rows)],
        "patient_id": "P1",
        "provider_id": "D1",
        "code": "0250",
        "claim_amount": 10.0,
    }
    return pd.DataFrame({**first, **changes})


class TestRun:
    def test_features_are_typed_and_derived(self) -> None:
        raw = claims(claim_amount=[Decimal("1.50"), "2", 3], code=[250.0, None, " "])
        features, rejected = DataIngestion(COLUMNS, as_of=TODAY).run(raw)
        expected = {
            "claim_id": ["C0", "C1", "C2"],
            "claim_date": [pd.Timestamp(2025, 1, day) for day in (1, 2, 3)],
            "patient_id": ["P1"] * 3,
            "provider_id": ["D1"] * 3,
            "code": ["250", None, None],
            "claim_amount": [1.5, 2.0, 3.0],
            "num_previous_claims": [0.0, 1.0, 2.0],
        }
        assert features.to_dict("list") == expected
        assert rejected.empty
        assert list(rejected) == [*raw, "rejection_reasons"]

    def test_rejected_rows_keep_all_columns_as_they_came(self) -> None:
        raw = claims(claim_amount=["-1", "2", "x"], note=[[1], {"a": 2}, None]).set_axis([4, 4, 4])
        features, rejected = DataIngestion(COLUMNS, LENIENT, TODAY).run(raw)
        expected = {
            "claim_id": ["C0", "C2"],
            "claim_date": ["2025-01-01", "2025-01-03"],
            "patient_id": ["P1", "P1"],
            "provider_id": ["D1", "D1"],
            "code": ["0250", "0250"],
            "claim_amount": ["-1", "x"],
            "note": [[1], None],
            "rejection_reasons": ["claim_amount is negative", "claim_amount is not a number"],
        }
        assert rejected.to_dict("list") == expected
        assert features["claim_id"].tolist() == ["C1"]

    def test_ids_are_compared_as_text(self) -> None:
        raw = claims(claim_id=[7, "7", 8.0])
        features, rejected = DataIngestion(COLUMNS, LENIENT, TODAY).run(raw.assign(claim_date="2025-01-01"))
        assert rejected["rejection_reasons"].tolist() == ["duplicate row"]
        assert features["claim_id"].tolist() == ["7", "8"]

    def test_today_is_the_default_for_as_of(self) -> None:
        tomorrow = datetime.now(UTC).date() + timedelta(days=2)
        raw = claims(claim_date=["2025-01-01", "2025-01-01", tomorrow])
        _, rejected = DataIngestion(COLUMNS, LENIENT).run(raw)
        assert rejected["claim_id"].tolist() == ["C2"]


class TestTooManyRejected:
    def test_counts_reasons_and_one_example_are_given(self) -> None:
        raw = claims(10, claim_amount=[1, -1, 2, -3, *[4] * 6], patient_id="secret")
        message = (
            r"^2 of 10 claims are rejected, and 5 % may be \(data_ingestion.max_rejected_fraction\): claim_amount is "
            r"negative \(2\)\. For example claim_id 'C1': claim_amount is negative\. Correct .*, or allow more\.$"
        )
        with pytest.raises(InputError, match=message) as raised:
            DataIngestion(COLUMNS, as_of=TODAY).run(raw)
        assert "C3" not in str(raised.value)
        assert "secret" not in str(raised.value)

    def test_as_many_as_allowed_go_on(self) -> None:
        raw = claims(20, claim_amount=[-1, *[1] * 19])
        features, rejected = DataIngestion(COLUMNS, as_of=TODAY).run(raw)
        assert (len(features), len(rejected)) == (19, 1)

    def test_none_left_stops_whatever_is_allowed(self) -> None:
        with pytest.raises(InputError, match=r"3 of 3 claims are rejected, and 100 % may be .*with none left"):
            DataIngestion(COLUMNS, LENIENT, TODAY).run(claims(claim_amount=-1))

    def test_no_rows(self) -> None:
        with pytest.raises(InputError, match=r"the claims have no rows, only columns\. Check"):
            separate_rejected(claims()[:0], COLUMNS, LENIENT, TODAY)


class TestLoadTrainValTest:
    def test_csv_and_parquet_give_the_same(self, tmp_path: Path) -> None:
        raw = claims(20)
        raw.to_csv(tmp_path / "claims.csv", index=False)
        raw.to_parquet(tmp_path / "claims.parquet")
        from_csv = load_train_val_test(tmp_path / "claims.csv", COLUMNS)
        from_parquet = DataIngestion(COLUMNS).load_train_val_test(tmp_path / "claims.parquet")
        assert [len(part) for part in from_csv] == [14, 3, 3]
        for one, other in zip(from_csv, from_parquet, strict=True):
            pd.testing.assert_frame_equal(one, other)

    def test_missing_columns_of_the_reference_schema(self, tmp_path: Path) -> None:
        claims().to_csv(tmp_path / "claims.csv", index=False)
        with pytest.raises(InputError, match="column 'claim_type', 'provider_specialty'"):
            load_train_val_test(tmp_path / "claims.csv")


MESSY: dict[str, st.SearchStrategy[Any]] = {
    "claim_id": st.sampled_from(["a", "b", "c", "é", "", None, 7, 7.0, np.nan]),
    "claim_date": st.sampled_from(["2025-01-01", "2025-01-02", None, "", "x", date(2025, 1, 3), "2026-01-01"]),
    "patient_id": st.sampled_from(["p", "q", None]),
    "provider_id": st.just("d"),
    "code": st.sampled_from(["x", "", None, 250.0, True, "\U0001f600"]),
    "claim_amount": st.sampled_from([1, "2.5", -1, np.inf, None, "", "x", Decimal(3), np.nan]),
    "extra": st.sampled_from([None, "x", [1, 2], {"k": 1}]),
}


@st.composite
def messy_claims(draw: st.DrawFn) -> pd.DataFrame:
    rows = draw(st.lists(st.fixed_dictionaries(MESSY), min_size=1, max_size=8))
    good = claims(9, claim_id=[f"G{number}" for number in range(9)], extra=None).to_dict("records")
    frame = pd.DataFrame([*rows, *good]).astype(object)
    return frame.sample(frac=1, random_state=draw(st.integers(0, 3)))


@settings(max_examples=40, deadline=None)
@given(raw=messy_claims())
def test_no_row_is_lost_and_the_input_stays(raw: pd.DataFrame) -> None:
    before = raw.copy(deep=True)
    features, rejected = DataIngestion(COLUMNS, LENIENT, TODAY).run(raw)
    assert len(features) + len(rejected) == len(raw)
    assert features["claim_id"].is_unique
    assert features[["claim_id", "claim_date"]].notna().all(axis=None)
    assert rejected["rejection_reasons"].str.len().gt(0).all()
    pd.testing.assert_frame_equal(raw, before)


@settings(max_examples=20, deadline=None)
@given(raw=messy_claims(), seed=st.integers(0, 3))
def test_which_claims_are_valid_does_not_depend_on_the_order(raw: pd.DataFrame, seed: int) -> None:
    once, _ = DataIngestion(COLUMNS, LENIENT, TODAY).run(raw)
    again, _ = DataIngestion(COLUMNS, LENIENT, TODAY).run(raw.sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(
        once.sort_values("claim_id", ignore_index=True), again.sort_values("claim_id", ignore_index=True)
    )
