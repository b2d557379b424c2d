"""Rows that others take back: the newest version counts, reversals net their claim, and all rows are kept."""

from __future__ import annotations

from datetime import date
from typing import Any

import pandas as pd
import pytest

from claims_fraud.claims import Columns, DataIngestion, IngestionParameters
from claims_fraud.errors import InputError

SMALL: dict[str, Any] = {"procedure": "code", "categorical": ["code"], "numeric": ["claim_amount"], "protected": []}
TODAY = date(2025, 6, 30)


def ingested(rows: list[dict[str, Any]], **roles: Any) -> tuple[list[str], dict[str, str]]:
    """Return the ids of the claims that count, and by id why others do not."""
    usual = {"claim_date": "2025-01-01", "patient_id": "p", "provider_id": "d", "code": "x", "claim_amount": 10}
    raw = pd.DataFrame([{**usual, **row} for row in rows])
    features, rejected = DataIngestion(
        Columns(**{**SMALL, **roles}), IngestionParameters(max_rejected_fraction=0.9), as_of=TODAY
    ).run(raw)
    assert len(features) + len(rejected) == len(raw)
    return features["claim_id"].tolist(), dict(zip(rejected["claim_id"], rejected["rejection_reasons"], strict=True))


class TestReversals:
    def test_take_back_the_claim_of_the_same_amount(self) -> None:
        kept, aside = ingested(
            [
                {"claim_id": "a"},
                {"claim_id": "b", "claim_amount": 20},
                {"claim_id": "a-r", "claim_amount": -10},
            ]
        )
        assert kept == ["b"]
        assert aside == {"a": "reversed by a-r", "a-r": "reverses a"}

    @pytest.mark.parametrize(
        "other", [{"patient_id": "q"}, {"provider_id": "e"}, {"code": "y"}, {"claim_date": "2025-01-02"}]
    )
    def test_not_that_of_another_party_provider_procedure_or_day(self, other: dict[str, str]) -> None:
        kept, aside = ingested([{"claim_id": "a"}, {"claim_id": "r", "claim_amount": -10, **other}])
        assert kept == ["a"]
        assert aside == {"r": "claim_amount is negative"}

    def test_each_takes_back_one(self) -> None:
        kept, aside = ingested(
            [{"claim_id": one, "claim_amount": amount} for one, amount in {"a": 10, "b": 10, "r": -10}.items()]
        )
        assert kept == ["b"]
        assert aside == {"a": "reversed by r", "r": "reverses a"}

    def test_may_be_told_by_the_status_alone(self) -> None:
        rows = [{"claim_id": "a", "state": "paid"}, {"claim_id": "v", "state": "void"}, {"claim_id": "b", "code": "y"}]
        kept, aside = ingested(rows, status="state", reversal=["void"])
        assert kept == ["b"]
        assert aside == {"a": "reversed by v", "v": "reverses a"}

    def test_may_have_the_id_of_the_claim_which_a_third_row_replaces(self) -> None:
        rows = [{"claim_id": "a"}, {"claim_id": "a", "claim_amount": -10}, {"claim_id": "a", "claim_amount": 12}]
        usual = {"claim_date": "2025-01-01", "patient_id": "p", "provider_id": "d", "code": "x", "claim_amount": 10}
        raw = pd.DataFrame([{**usual, **row} for row in rows])
        features, rejected = DataIngestion(Columns(**SMALL), as_of=TODAY).run(raw)
        assert features["claim_amount"].tolist() == [12]
        assert rejected["rejection_reasons"].tolist() == ["reversed by a", "reverses a"]

    def test_are_what_they_are_where_amounts_may_be_negative(self) -> None:
        raw = pd.DataFrame(
            {"claim_id": ["a", "r"], "claim_date": "2025-01-01", "patient_id": "p", "provider_id": "d", "code": "x"}
        ).assign(claim_amount=[10, -10])
        allowed = IngestionParameters(signed_columns=("claim_amount",))
        features, _ = DataIngestion(Columns(**SMALL), allowed, as_of=TODAY).run(raw)
        assert features["claim_id"].tolist() == ["a", "r"]

    def test_do_not_count_as_rejected(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level("INFO")
        raw = pd.DataFrame(
            {"claim_id": ["a", "r", "b"], "claim_date": "2025-01-01", "patient_id": "p", "provider_id": "d"}
        ).assign(code=["x", "x", "y"], claim_amount=[10, -10, 30])
        DataIngestion(Columns(**SMALL), IngestionParameters(max_rejected_fraction=0), as_of=TODAY).run(raw)
        assert "3 claims read: 1 valid, 0 rejected" in caplog.text
        assert "2 reversals or reversed by one: kept with the rejected" in caplog.text


class TestLaterVersions:
    def test_supersede_earlier_ones(self) -> None:
        rows = [
            {"claim_id": "a", "claim_amount": 10, "written": "2025-01-02"},
            {"claim_id": "a", "claim_amount": 15, "written": "2025-01-04"},
            {"claim_id": "a", "claim_amount": 12, "written": "2025-01-03"},
            {"claim_id": "b", "claim_amount": 30, "written": None},
        ]
        kept, aside = ingested(rows, updated_at="written")
        assert kept == ["a", "b"]
        assert aside == {"a": "superseded by a later row of this claim_id"}

    def test_of_one_moment_say_nothing_of_which_is_right(self) -> None:
        rows = [{"claim_id": "a", "claim_amount": amount, "written": "2025-01-02"} for amount in (10, 11)]
        kept, aside = ingested([*rows, {"claim_id": "b", "written": "2025-01-02"}], updated_at="written")
        assert kept == ["b"]
        assert aside == {"a": "different rows share this claim_id"}

    def test_an_earlier_one_that_is_wrong_is_superseded_all_the_same(self) -> None:
        rows = [
            {"claim_id": "a", "claim_amount": "unknown", "written": "2025-01-02"},
            {"claim_id": "a", "claim_amount": 11, "written": "2025-01-03"},
        ]
        assert ingested(rows, updated_at="written") == (["a"], {"a": "superseded by a later row of this claim_id"})


def test_where_all_are_taken_back_there_is_nothing_to_score() -> None:
    with pytest.raises(InputError, match="all 2 claims are superseded or reversed"):
        ingested([{"claim_id": "a"}, {"claim_id": "r", "claim_amount": -10}])
