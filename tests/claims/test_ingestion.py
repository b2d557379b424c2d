"""Tests of ingestion as a whole: no row is lost, the input stays, and the run stops when too much is wrong."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns, DataIngestion, HistoryParameters, IngestionParameters, load_train_val_test
from claims_fraud.claims.ingestion import (
    added_findings,
    check_findings,
    checked_claims,
    findings,
    rejected_claims,
    separate_rejected,
    valid_claims,
)
from claims_fraud.errors import InputError

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount", "num_previous_claims"), protected={})
BORN = COLUMNS.model_copy(update={"birth_date": "born"})
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
            "history_complete": [False, False, False],
        }
        assert features.to_dict("list") == expected
        assert rejected.empty
        assert list(rejected) == [*raw, "rejection_reasons"]

    def test_history_looks_back_as_far_as_asked(self) -> None:
        history = HistoryParameters(window_days=1)
        features, _ = DataIngestion(COLUMNS, as_of=TODAY, history=history).run(claims())
        assert features["num_previous_claims"].tolist() == [0.0, 1.0, 1.0]
        assert features["history_complete"].tolist() == [False, True, True]

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


class TestWrongKind:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            (
                {"claim_date": 20250102},
                r"'claim_date' is not a date in 3 of 3 rows, for example 20250102; .* 2025-03-31",
            ),
            ({"claim_amount": "ten"}, r"'claim_amount' is not a number in 3 of 3 rows, for example 'ten'; .*correct"),
            ({"claim_amount": pd.Timestamp("2025-01-02")}, r"'claim_amount' is not a number in 3 of 3 rows"),
            ({"born": ["1.2.1980", "", "3.4.1990"]}, r"'born' is not a date in 2 of 2 rows"),
        ],
    )
    @pytest.mark.parametrize("parameters", [LENIENT, IngestionParameters()], ids=["lenient", "strict"])
    def test_a_column_of_the_wrong_kind_stops_the_run(
        self, changes: dict[str, Any], message: str, parameters: IngestionParameters
    ) -> None:
        raw = claims(3, **{"born": "1980-05-05", **changes})
        with pytest.raises(InputError, match=message):
            separate_rejected(raw, BORN, parameters, TODAY)

    def test_half_of_the_values_may_be_unreadable(self) -> None:
        raw = claims(4, claim_amount=["x", "y", 1, 2])
        _, rejected = separate_rejected(raw, COLUMNS, LENIENT, TODAY)
        assert rejected["claim_id"].tolist() == ["C0", "C1"]

    def test_a_column_without_values_has_no_wrong_kind(self) -> None:
        valid, rejected = separate_rejected(claims(2, born=None, claim_amount=None, code=""), BORN, LENIENT, TODAY)
        assert valid[["born", "claim_amount", "code"]].isna().all(axis=None)
        assert rejected.empty


class TestColumnsFound:
    def test_a_missing_one_stops_the_run(self) -> None:
        with pytest.raises(InputError, match=r"column 'claim_amount' is not in .* Did you mean 'claim_amnt'\?"):
            separate_rejected(claims().rename(columns={"claim_amount": "claim_amnt"}), COLUMNS, LENIENT, TODAY)

    def test_a_repeated_one_stops_the_run(self) -> None:
        raw = pd.concat([claims(), claims()[["code"]]], axis=1)
        with pytest.raises(InputError, match="'code' appears more than once in the claims"):
            separate_rejected(raw, COLUMNS, LENIENT, TODAY)


class TestCheckedClaims:
    def test_rows_stay_as_they_came_and_get_their_reasons(self) -> None:
        raw = claims(3, claim_amount=["-1", "2", "x"], note=["a", "b", "c"])
        before = raw.copy()
        checked = checked_claims(raw, COLUMNS, LENIENT, TODAY)
        pd.testing.assert_frame_equal(checked.drop(columns="rejection_reasons"), before)
        pd.testing.assert_frame_equal(raw, before)
        assert checked["rejection_reasons"].tolist() == [
            "claim_amount is negative",
            None,
            "claim_amount is not a number",
        ]

    def test_of_the_rows_of_an_id_what_they_are_of_all(self) -> None:
        raw = claims(5, claim_id=["a", "b", "a", "c", "b"], claim_date="2025-01-01", code=["x", "y", "x", "z", "other"])
        whole = checked_claims(raw, COLUMNS, LENIENT, TODAY)
        of_b = checked_claims(raw[raw["claim_id"] == "b"], COLUMNS, LENIENT, TODAY)
        pd.testing.assert_frame_equal(of_b, whole[whole["claim_id"] == "b"])

    def test_are_divided_into_valid_ones_brought_to_their_kinds_and_rejected_ones_as_they_came(self) -> None:
        checked = checked_claims(claims(3, claim_amount=["-1", "2", "3"]), COLUMNS, LENIENT, TODAY)
        valid, rejected = valid_claims(checked, COLUMNS), rejected_claims(checked)
        assert valid["claim_amount"].tolist() == [2.0, 3.0]
        assert "rejection_reasons" not in valid
        assert rejected["claim_amount"].tolist() == ["-1"]
        assert rejected["rejection_reasons"].tolist() == ["claim_amount is negative"]
        assert (valid.index.tolist(), rejected.index.tolist()) == ([0, 1], [0])


class TestFindings:
    def test_by_hand(self) -> None:
        raw = claims(4, claim_id=["a", "b", " ", "d"], claim_amount=["x", None, -1, "y"], code=["c", "c", "", None])
        assert findings(checked_claims(raw, COLUMNS, LENIENT, TODAY), COLUMNS) == {
            "rows": 4,
            "rejected": 3,
            "tidied": dict.fromkeys(["claim_id", "patient_id", "provider_id", "code"], 0),
            "point_zero": dict.fromkeys(["claim_id", "patient_id", "provider_id", "code"], 0),
            "with_zone": {"claim_date": 0},
            "superseded": 0,
            "reversed": 0,
            "reasons": {
                "claim_amount is not a number": 2,
                "claim_id is missing": 1,
                "claim_amount is negative": 1,
            },
            "present": {
                "claim_id": 3,
                "claim_date": 4,
                "patient_id": 4,
                "provider_id": 4,
                "code": 2,
                "claim_amount": 3,
            },
            "wrong": {"claim_amount": "'x'"},
            "example": ["a", "claim_amount is not a number"],
        }

    @pytest.mark.parametrize(
        ("dates", "number"),
        [
            (["2025-01-01 23:30+01:00", "2025-01-01T00:00:00Z", "2025-01-01", None], 2),
            (pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03", None]).tz_localize("America/New_York"), 3),
            (pd.to_datetime(["2025-01-01", "2025-01-02", "2025-01-03", None]), 0),
        ],
    )
    def test_times_with_a_zone_are_counted(self, dates: Any, number: int) -> None:
        checked = checked_claims(claims(4).assign(claim_date=dates), COLUMNS, LENIENT, TODAY)
        assert findings(checked, COLUMNS)["with_zone"] == {"claim_date": number}

    @pytest.mark.parametrize(
        ("codes", "told"), [(["250.0", " 7.0"], True), (["250.0", "250.01"], False), ([250.0, 7.0], False)]
    )
    def test_whole_numbers_that_were_written_as_decimals_are_told_of(
        self, codes: list[Any], told: bool, caplog: pytest.LogCaptureFixture
    ) -> None:
        checked = checked_claims(claims(2, code=codes), COLUMNS, LENIENT, TODAY)
        check_findings(findings(checked, COLUMNS), COLUMNS, LENIENT)
        assert ("all values of code end in .0" in caplog.text) is told

    def test_of_no_rows(self) -> None:
        found = findings(checked_claims(claims()[:0], COLUMNS, LENIENT, TODAY), COLUMNS)
        assert (found["rows"], found["rejected"], found["reasons"]) == (0, 0, {})
        assert (found["wrong"], found["example"]) == ({}, None)
        with pytest.raises(InputError, match="the claims have no rows"):
            check_findings(found, COLUMNS, LENIENT)

    def test_together_have_the_first_example(self) -> None:
        one, other = (
            findings(
                checked_claims(claims(2, claim_id=[id_, "good"], claim_amount=[bad, 1]), COLUMNS, LENIENT, TODAY),
                COLUMNS,
            )
            for id_, bad in (("first", "x"), ("later", "y"))
        )
        together = added_findings(one, other)
        assert together["wrong"] == {"claim_amount": "'x'"}
        assert together["example"] == ["first", "claim_amount is not a number"]


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


@settings(max_examples=40, deadline=None)
@given(raw=messy_claims(), cuts=st.lists(st.integers(0, 17), max_size=4))
def test_findings_of_batches_add_up_to_those_of_the_whole(raw: pd.DataFrame, cuts: list[int]) -> None:
    checked = checked_claims(raw.reset_index(drop=True), COLUMNS, LENIENT, TODAY)
    bounds = [0, *sorted(cuts), len(checked)]
    batches = [checked.iloc[start:end] for start, end in itertools.pairwise(bounds)]
    added = reduce(added_findings, (findings(batch, COLUMNS) for batch in batches))
    assert added == findings(checked, COLUMNS)
    assert json.loads(json.dumps(added)) == added
