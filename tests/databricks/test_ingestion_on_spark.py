"""Claims in lines, corrected, reversed and with sets of codes are on Spark what they are on pandas."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud import frames
from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters
from claims_fraud.errors import InputError
from claims_fraud.pipelines.data_ingestion.nodes import (
    check_claims,
    derive_claim_features,
    separate_rejected_claims,
)

COLUMNS = Columns(
    claim_id=["claim", "line"],
    line="line",
    updated_at="written",
    status="state",
    reversal=["void"],
    party=None,
    procedure=None,
    other_dates=["start"],
    categorical=["code"],
    code_sets=[["dx1", "dx2", "dx3"]],
    numeric=["claim_amount", "provider_claims_that_day"],
    protected=[],
    label="outcome",
    label_value="confirmed",
)
RULES = IngestionParameters(max_rejected_fraction=0.5)
ROWS = [
    # claim, line, written, state, amount, dx1, dx2, dx3, outcome
    ("A", 1, "2025-01-02", "paid", 10.0, "E11", "A01", None, "confirmed"),
    ("A", 2, "2025-01-02", "paid", 20.0, "A01", None, "E11", "none"),
    ("A", 2, "2025-01-03", "paid", 21.0, "A01", "A01", None, None),
    ("B", 1, "2025-01-02", "paid", 30.0, None, None, None, None),
    ("C", 1, "2025-01-05", "paid", -30.0, None, None, None, None),
    ("D", 1, None, "paid", 40.0, "B02", None, "A01", "none"),
    ("E", 1, None, "void", 40.0, "B02", None, None, None),
    ("F", 1, None, "paid", -7.0, "B02", None, None, None),
    ("G", None, None, "paid", 50.0, None, "B02", None, None),
    ("H/1 ", 1, None, "paid", 60.0, None, " B02", "E11", None),
]
TYPES = (
    "claim string, line long, written string, state string, claim_amount double, dx1 string, dx2 string, dx3 string, "
    "outcome string, claim_date string, start string, provider_id string, code string"
)


def ingested(raw) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return features and rejected rows, in the order of their ids."""
    checked = check_claims(raw, COLUMNS, RULES, "2025-06-30")
    valid, rejected = separate_rejected_claims(checked, COLUMNS, RULES)
    features = derive_claim_features(valid, COLUMNS, HistoryParameters())
    features, rejected = (frames.collected(frame) for frame in (features, rejected))
    rejected = rejected.sort_values(["claim", "written"], ignore_index=True)
    features = features.sort_values("claim_line", ignore_index=True)
    return features.astype(dict.fromkeys(COLUMNS.dates, "datetime64[ns]")), rejected


def test_a_list_in_a_role_is_refused(spark):
    claims = spark.createDataFrame([], TYPES.replace("code string", "code array<string>"))
    with pytest.raises(InputError, match="'code' holds lists or structures"):
        check_claims(claims, COLUMNS, RULES, "2025-06-30")


def test_as_on_pandas(spark):
    names = ["claim", "line", "written", "state", "claim_amount", "dx1", "dx2", "dx3", "outcome"]
    raw = pd.DataFrame(ROWS, columns=names).assign(
        line=lambda frame: frame["line"].astype("Int64"),
        claim_date="2025-01-01",
        start="2024-12-31",
        provider_id="d",
        code="x",
    )
    features, rejected = ingested(raw)
    assert dict(zip(rejected["claim"], rejected["rejection_reasons"], strict=True)) == {
        "A": "superseded by a later row of this claim_line",
        "B": "reversed by C/1",
        "C": "reverses B/1",
        "D": "reversed by E/1",
        "E": "reverses D/1",
        "F": "claim_amount is negative",
        "G": "claim_line is missing",
    }
    assert features["claim_line"].tolist() == ["A/1", "A/2", "H//1/1"]
    assert features[["dx1", "dx2", "dx3"]].to_numpy().tolist() == [
        ["A01", "E11", None],
        ["A01", None, None],
        ["B02", "E11", None],
    ]
    assert features["days_since_start"].tolist() == [1.0, 1.0, 1.0]
    assert features["provider_claims_that_day"].tolist() == [0.0, 1.0, 2.0]
    assert features["outcome"].fillna(-1).tolist() == [1.0, -1.0, -1.0]

    rows = raw.astype(object).where(raw.notna(), None).to_numpy().tolist()
    on_spark, rejected_on_spark = ingested(spark.createDataFrame(rows, TYPES).repartition(3))
    pd.testing.assert_frame_equal(on_spark, features)
    assert rejected_on_spark["rejection_reasons"].tolist() == rejected["rejection_reasons"].tolist()
