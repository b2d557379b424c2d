"""Claims in lines, corrected, reversed and with sets of codes are on Spark what they are on pandas."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud import frames
from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters
from claims_fraud.errors import InputError
from claims_fraud.pipelines.data_ingestion.nodes import (
    check_claims,
    check_new_claims,
    derive_claim_features,
    derive_new_claim_features,
    separate_rejected_claims,
    separate_rejected_new_claims,
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
NEW_ROWS = [
    ("A", 2, "2025-01-01", "paid", 22.0, "A01", None, None, None),
    ("N", 1, "2025-01-09", "paid", 70.0, None, None, None, None),
    ("X", 1, "2025-01-09", "paid", -10.0, None, None, None, None),
    ("Y", 1, None, "void", 60.0, None, None, None, None),
    ("Z", 1, None, "paid", -3.0, None, None, None, None),
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
    with pytest.raises(InputError, match="'code' holds lists, structures or bytes"):
        check_claims(claims, COLUMNS, RULES, "2025-06-30")


def as_raw(rows) -> pd.DataFrame:
    names = ["claim", "line", "written", "state", "claim_amount", "dx1", "dx2", "dx3", "outcome"]
    return pd.DataFrame(rows, columns=names).assign(
        line=lambda frame: frame["line"].astype("Int64"),
        claim_date="2025-01-01",
        start="2024-12-31",
        provider_id="d",
        code="x",
    )


def in_spark(spark, raw):
    return spark.createDataFrame(raw.astype(object).where(raw.notna(), None).to_numpy().tolist(), TYPES).repartition(3)


def test_as_on_pandas(spark):
    raw = as_raw(ROWS)
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
    assert features["provider_claims_that_day"].tolist() == [0.0, 0.0, 1.0]
    assert features["outcome"].fillna(-1).tolist() == [1.0, -1.0, -1.0]

    on_spark, rejected_on_spark = ingested(in_spark(spark, raw))
    pd.testing.assert_frame_equal(on_spark, features)
    assert rejected_on_spark["rejection_reasons"].tolist() == rejected["rejection_reasons"].tolist()


def test_new_claims_beside_known_ones_as_on_pandas(spark):
    known, new = as_raw(ROWS), as_raw(NEW_ROWS)
    history = HistoryParameters()

    def new_ingested(known, new):
        valid, _ = separate_rejected_claims(check_claims(known, COLUMNS, RULES, "2025-06-30"), COLUMNS, RULES)
        features = derive_claim_features(valid, COLUMNS, history)
        checked = check_new_claims(new, features, None, COLUMNS, RULES, "2025-06-30")
        valid, rejected = separate_rejected_new_claims(checked, COLUMNS, RULES)
        batch = derive_new_claim_features(valid, features, None, COLUMNS, history, rejected)
        rejected, batch = (frames.collected(frame) for frame in (rejected, batch))
        why = dict(zip(rejected["claim_line"], rejected["rejection_reasons"], strict=True))
        return why, batch.set_index("claim_line")["provider_claims_that_day"].to_dict()

    expected = {
        "A/2": "superseded by a later row of this claim_line that came before",
        "X/1": "reverses A/1",
        "Y/1": "reverses H//1/1",
        "Z/1": "claim_amount is negative",
    }
    # Of three known claims of the provider two are reversed.
    assert new_ingested(known, new) == (expected, {"N/1": 1.0})
    assert new_ingested(in_spark(spark, known), in_spark(spark, new)) == (expected, {"N/1": 1.0})
