"""Ids of several columns, and lines that are put together to claims."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from pydantic import ValidationError

from claims_fraud.claims import Columns, DataIngestion
from claims_fraud.claims.lines import whole_claims, with_claim_id

COLUMNS = Columns(
    claim_id=["claim", "line"],
    line="line",
    procedure=None,
    categorical=["code"],
    numeric=["claim_amount"],
    protected=[],
)


def test_the_id_is_that_of_all_columns_together() -> None:
    raw = pd.DataFrame({"claim": ["A", "A", "A/1", None], "line": [1.0, 2.0, 2.0, 3.0]})
    assert with_claim_id(raw, COLUMNS)["claim_line"].tolist() == ["A/1", "A/2", "A//1/2", None]


def test_lines_are_claims_of_their_own_until_they_are_put_together() -> None:
    raw = pd.DataFrame(
        {"claim": ["A", "A", "B"], "line": [1, 2, 1], "claim_date": "2025-01-01", "patient_id": "p", "provider_id": "d"}
    ).assign(code="x", claim_amount=[1.0, 2.0, 3.0])
    features, rejected = DataIngestion(COLUMNS, as_of=date(2025, 6, 30)).run(raw)
    assert features["claim_line"].tolist() == ["A/1", "A/2", "B/1"]
    assert features[["claim", "line"]].to_numpy().tolist() == [["A", "1"], ["A", "2"], ["B", "1"]]
    assert rejected.empty


def test_a_claim_is_its_worst_line_and_the_sum_of_all() -> None:
    scores = pd.DataFrame(
        {"claim": ["A", "A", "B"], "line": ["1", "2", "1"], "rank": [3, 1, 2], "fraud_score": [1.0, 4.0, 2.5]}
    )
    assert whole_claims(scores, COLUMNS).to_dict("list") == {
        "claim": ["A", "B"],
        "line": ["2", "1"],
        "rank": [1, 2],
        "fraud_score": [4.0, 2.5],
        "lines": [2, 1],
        "claim_score": [5.0, 2.5],
    }


def test_a_list_of_one_is_that_column() -> None:
    columns = Columns(claim_id=["number"])
    assert (columns.claim_id, columns.claim_id_columns, columns.whole_claim) == ("number", (), ())


def test_a_line_outside_the_id_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"line 'line' is not one of the columns of claim_id; give both"):
        Columns(line="line")
