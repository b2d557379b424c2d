"""History over a short window is on Spark what it is on pandas, for claims to learn from and for new ones."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from claims_fraud import frames
from claims_fraud.claims import Columns, HistoryParameters
from claims_fraud.claims.history import LAST_CLAIMS
from claims_fraud.claims.rows import typed_claims
from claims_fraud.claims.sample import generate_claims
from claims_fraud.claims.tables import claims_schema, features_schema
from claims_fraud.frames import on_spark
from claims_fraud.parameters import TrainingParameters
from claims_fraud.pipelines.data_ingestion.nodes import derive_claim_features, derive_new_claim_features
from claims_fraud.pipelines.training.nodes import sample_training_claims

COLUMNS = Columns(numeric=(*Columns().numeric, "provider_claims_that_day"))
WINDOW = HistoryParameters(window_days=60)


@pytest.fixture(scope="module")
def claims() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Claims to learn from, and new ones, in the order of their ids."""
    raw, _ = generate_claims(1_000, seed=5)
    typed, _ = typed_claims(raw.drop(columns=list(LAST_CLAIMS)), COLUMNS)
    typed = typed.sort_values("claim_id", ignore_index=True)
    late = typed["claim_date"] >= "2025-10-01"
    return typed[~late].reset_index(drop=True), typed[late].reset_index(drop=True)


def in_spark(spark, frame: pd.DataFrame, schema: pa.Schema):
    return spark.createDataFrame(on_spark.to_arrow(frame, schema)).repartition(5)


def in_order(frame) -> pd.DataFrame:
    plain = frames.collected(frame).sort_values("claim_id", ignore_index=True)
    return plain.assign(claim_date=plain["claim_date"].astype("datetime64[ns]"))


def test_features_and_what_is_learned_from_are_those_of_pandas(spark, claims, monkeypatch):
    monkeypatch.setattr(on_spark, "GROUPED_ROWS", 200)
    known, new = claims
    on_pandas = derive_claim_features(known, COLUMNS, WINDOW)
    schema = claims_schema(COLUMNS, known.columns)
    features = derive_claim_features(in_spark(spark, known, schema), COLUMNS, WINDOW)
    pd.testing.assert_frame_equal(in_order(features), on_pandas)
    first = known["claim_date"].min()
    assert on_pandas["history_complete"].tolist() == [(day - first).days >= 60 for day in known["claim_date"]]
    assert on_pandas["days_since_last_claim"].max() <= 60

    training = TrainingParameters(max_training_rows=300)
    marked = in_spark(spark, on_pandas, features_schema(COLUMNS, known.columns))
    sampled = sample_training_claims(marked, COLUMNS, training)
    expected = sample_training_claims(on_pandas, COLUMNS, training)
    assert sampled["claim_id"].tolist() == expected["claim_id"].tolist()
    assert expected["history_complete"].all()

    batch = derive_new_claim_features(in_spark(spark, new, schema), marked, None, COLUMNS, WINDOW)
    expected = derive_new_claim_features(new, on_pandas, None, COLUMNS, WINDOW)
    pd.testing.assert_frame_equal(in_order(batch), expected)
    assert expected["history_complete"].all()
