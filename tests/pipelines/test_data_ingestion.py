"""From raw claims to features, splits and rejected claims."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud.claims import Columns, IngestionParameters
from claims_fraud.pipelines.data_ingestion.nodes import (
    derive_claim_features,
    derive_new_claim_features,
    separate_rejected_claims,
    split_features,
)

COLUMNS = Columns(
    categorical=("code",),
    numeric=("claim_amount", "days_since_last_claim", "num_previous_claims", "average_claim_amount"),
    protected=[],
)
LENIENT = IngestionParameters(max_rejected_fraction=0.9)


def claims(**columns: list) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    base = {
        "claim_id": [f"c{number}" for number in range(rows)],
        "claim_date": pd.date_range("2025-01-01", periods=rows),
        "patient_id": ["p"] * rows,
        "provider_id": ["d"] * rows,
        "code": ["x"] * rows,
        "claim_amount": [float(10 * (number + 1)) for number in range(rows)],
    }
    return pd.DataFrame({**base, **columns})


class TestSeparateRejectedClaims:
    def test_every_row_is_valid_or_rejected_with_a_reason(self):
        raw = claims(claim_amount=[10.0, -1.0, 20.0], remark=["a", "b", "c"])
        before = raw.copy()
        valid, rejected = separate_rejected_claims(raw, COLUMNS, LENIENT, "2026-06-30")
        assert valid["claim_id"].tolist() == ["c0", "c2"]
        assert rejected["claim_id"].tolist() == ["c1"]
        assert rejected["rejection_reasons"].tolist() == ["claim_amount is negative"]
        assert rejected["remark"].tolist() == ["b"]
        pd.testing.assert_frame_equal(raw, before)

    def test_today_is_given(self):
        raw = claims(claim_date=pd.to_datetime(["2025-01-01", "2025-01-02"]))
        _, rejected = separate_rejected_claims(raw, COLUMNS, LENIENT, "2025-01-01")
        assert rejected["rejection_reasons"].tolist() == ["claim_date is after 2025-01-01"]


class TestDeriveClaimFeatures:
    def test_history_is_of_earlier_claims_of_the_patient(self):
        valid = claims(patient_id=["p", "q", "p"])
        before = valid.copy()
        features = derive_claim_features(valid, COLUMNS)
        assert features["num_previous_claims"].tolist() == [0.0, 0.0, 1.0]
        assert features["days_since_last_claim"].tolist()[2] == 2.0
        assert features["average_claim_amount"].tolist()[2] == 10.0
        pd.testing.assert_frame_equal(valid, before)


class TestSplitFeatures:
    def test_oldest_train_and_newest_test(self):
        features = claims(code=["x"] * 10)
        before = features.copy()
        parts = split_features(features, COLUMNS, IngestionParameters(validation_fraction=0.2, test_fraction=0.1))
        assert [part["claim_id"].tolist() for part in parts] == [[f"c{n}" for n in range(7)], ["c7", "c8"], ["c9"]]
        pd.testing.assert_frame_equal(features, before)


class TestDeriveNewClaimFeatures:
    known = derive_claim_features(claims(claim_id=["a", "b"]), COLUMNS)

    def new(self, claim_id: str, day: str, amount: float = 100.0) -> pd.DataFrame:
        return claims(claim_id=[claim_id], claim_date=[pd.Timestamp(day)], claim_amount=[amount])

    def test_what_was_learned_from_is_history(self):
        batch, merged = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS)
        assert batch["num_previous_claims"].tolist() == [2.0]
        assert batch["days_since_last_claim"].tolist() == [3.0]
        assert batch["average_claim_amount"].tolist() == [15.0]
        pd.testing.assert_frame_equal(merged, batch)

    def test_an_earlier_batch_is_history_too(self):
        _, first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS)
        batch, merged = derive_new_claim_features(self.new("n2", "2025-01-06"), self.known, first, COLUMNS)
        assert batch["num_previous_claims"].tolist() == [3.0]
        assert batch["days_since_last_claim"].tolist() == [1.0]
        assert merged["claim_id"].tolist() == ["n1", "n2"]

    def test_a_claim_that_comes_again_replaces_itself(self):
        _, first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS)
        batch, merged = derive_new_claim_features(self.new("n1", "2025-01-06", 70.0), self.known, first, COLUMNS)
        assert merged["claim_id"].tolist() == ["n1"]
        assert merged["claim_amount"].tolist() == [70.0]
        assert batch["num_previous_claims"].tolist() == [2.0]

    def test_a_new_claim_that_was_since_learned_from_counts_once(self):
        _, first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS)
        learned = derive_claim_features(pd.concat([claims(claim_id=["a", "b"]), self.new("n1", "2025-01-05")]), COLUMNS)
        batch, _ = derive_new_claim_features(self.new("n2", "2025-01-06"), learned, first, COLUMNS)
        assert batch["num_previous_claims"].tolist() == [3.0]

    def test_leaves_its_inputs_alone(self):
        _, first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS)
        inputs = (self.new("n1", "2025-01-06"), self.known, first)
        before = [frame.copy() for frame in inputs]
        derive_new_claim_features(*inputs, COLUMNS)
        for frame, earlier in zip(inputs, before, strict=True):
            pd.testing.assert_frame_equal(frame, earlier)


class TestPipeline:
    def test_features_have_a_row_a_valid_claim_and_the_roles_as_columns(self, finished):
        features = finished.table("04_feature/features.parquet")
        rejected = finished.table("02_intermediate/rejected_claims.parquet")
        raw = finished.table("01_raw/claims_train.parquet")
        assert len(features) + len(rejected) == len(raw) == 1_000
        assert features["claim_id"].tolist() == raw["claim_id"].tolist()
        columns = Columns()
        assert set(features) == {*columns.identifiers, *columns.features}
        assert list(rejected) == [*raw, "rejection_reasons"]

    def test_splits_are_all_features_in_the_order_of_time(self, finished):
        parts = [finished.table(f"04_feature/features_{part}.parquet") for part in ("train", "validation", "test")]
        assert pytest.approx([0.7, 0.15, 0.15], abs=0.01) == [len(part) / 1_000 for part in parts]
        ids = pd.concat(parts)["claim_id"]
        assert sorted(ids) == sorted(finished.table("04_feature/features.parquet")["claim_id"])
        train, validation, test = (part["claim_date"] for part in parts)
        assert train.max() < validation.min()
        assert validation.max() < test.min()

    def test_bad_rows_and_unknown_columns_are_kept_as_they_came(self, copied, write_claims):
        raw = copied.table("01_raw/claims_train.parquet").assign(remark="urgent")
        raw.loc[[3, 5], "claim_amount"] = -1.0
        path = write_claims(raw)
        assert copied.run("--pipelines=data_ingestion", params=f"raw_claims={path}") == (0, "")
        rejected = copied.table("02_intermediate/rejected_claims.parquet")
        assert rejected["claim_id"].tolist() == raw["claim_id"].iloc[[3, 5]].tolist()
        assert rejected["remark"].tolist() == ["urgent", "urgent"]
        assert "remark" not in copied.table("04_feature/features.parquet")

    def test_the_patient_decides_the_split_where_asked(self, copied):
        assert copied.run("--pipelines=data_ingestion", params="data_ingestion.split_by=patient") == (0, "")
        parts = [copied.table(f"04_feature/features_{part}.parquet") for part in ("train", "validation", "test")]
        patients = [set(part["patient_id"]) for part in parts]
        assert patients[0].isdisjoint(patients[1] | patients[2])
        assert patients[1].isdisjoint(patients[2])

    def test_csv_gives_the_features_of_parquet(self, copied, write_claims):
        path = write_claims(copied.table("01_raw/claims_train.parquet"), "claims.csv")
        before = copied.table("04_feature/features.parquet")
        assert copied.run("--pipelines=data_ingestion", params=f"raw_claims={path}") == (0, "")
        pd.testing.assert_frame_equal(copied.table("04_feature/features.parquet"), before)


def test_new_features_are_sorted_from_the_first_batch_on():
    columns = Columns(categorical=["code"], numeric=["claim_amount"], protected=[])
    batch = pd.DataFrame({"claim_id": ["b", "a"], "code": ["x", "y"], "claim_amount": [1.0, 2.0]})
    for earlier in (None, batch):
        found, kept = derive_new_claim_features(batch, batch.head(0), earlier, columns)
        assert found["claim_id"].tolist() == ["b", "a"]
        assert kept["claim_id"].tolist() == ["a", "b"]
