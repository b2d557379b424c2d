"""Tests of the roles of columns: what a valid block is, and what is derived from it."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from claims_fraud.claims import Columns

SMALL: dict[str, Any] = {"procedure": None, "categorical": ["code"], "numeric": ["claim_amount"], "protected": []}


def columns(**changes: Any) -> Columns:
    return Columns(**{**SMALL, **changes})


class TestDefaults:
    def test_are_the_reference_schema(self) -> None:
        reference = Columns()
        assert reference.identifiers == ("claim_id", "claim_date", "patient_id", "provider_id")
        assert len(reference.features) == 19
        assert reference.context_features == ("patient_gender", "patient_age", "geographic_region")
        assert len(reference.scored_features) == 16

    def test_are_frozen(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            Columns().claim_id = "other"  # type: ignore[misc]


class TestRoles:
    def test_optional_dates_label_and_incumbent_are_identifiers(self) -> None:
        roles = columns(claim_end_date="end", birth_date="born", label="fraud", incumbent="old_flag")
        expected = ("claim_id", "claim_date", "end", "born", "patient_id", "provider_id", "fraud", "old_flag")
        assert roles.identifiers == expected
        assert roles.dates == ("claim_date", "end", "born")

    def test_treatments_divide_the_features(self) -> None:
        roles = columns(
            categorical=["code", "race", "region", "sex"],
            protected={"race": "none", "region": "context", "sex": "scored"},
        )
        assert roles.model_categorical == ("code", "region", "sex")
        assert roles.context_features == ("region",)
        assert roles.scored_features == ("code", "sex", "claim_amount")

    def test_protected_as_list_mixes_names_and_treatments(self) -> None:
        roles = columns(categorical=["code", "race", "sex"], protected=["sex", {"race": "none"}])
        assert roles.protected == {"sex": "context", "race": "none"}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"categorical": [], "numeric": [], "claim_amount": None}, "fewer than two features"),
        ({"categorical": [], "numeric": ["claim_amount"]}, "fewer than two features"),
        ({"categorical": ["code", "race"], "numeric": ["claim_amount", "code"]}, "column 'code' has 2 roles"),
        ({"numeric": ["claim_amount", "claim_id"]}, "column 'claim_id' has 2 roles"),
        ({"label": "claim_amount"}, "column 'claim_amount' has 2 roles"),
        ({"claim_end_date": "claim_date"}, "column 'claim_date' has 2 roles"),
        ({"numeric": ["claim_amount", "rank"]}, "column 'rank' has the name of an output column"),
        (
            {"categorical": ["code", "possible_duplicate_of"]},
            "'possible_duplicate_of' has the name of an output column",
        ),
        ({"categorical": ["surprise_code"]}, "column 'surprise_code' has the name of an output column"),
        ({"protected": ["sex"]}, "protected column 'sex' is not among categorical or numeric"),
        ({"numeric": ["cost"]}, "claim_amount 'claim_amount' is not among numeric"),
        (
            {"procedure": "cpt"},
            r"procedure 'cpt' is not among categorical \(code\); name one of these, add it there, or",
        ),
        ({"procedure": "claim_amount"}, "procedure 'claim_amount' is not among categorical"),
        ({"protected": ["code", "claim_amount"]}, "every feature is protected as context or none"),
        ({"protected": {"code": "hidden"}}, "'context', 'scored' or 'none'"),
        ({"catgorical": ["code"]}, "catgorical"),
    ],
)
def test_invalid_roles_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        columns(**changes)


class TestSuspiciousDirection:
    def test_the_claim_amount_and_repeats_are_suspicious_when_high_if_nothing_is_said(self) -> None:
        assert Columns().directions == {
            "claim_amount": "high",
            "same_procedure_same_day": "high",
            "possible_duplicates": "high",
        }
        assert Columns(suspicious_direction=[]).directions == {}
        assert Columns(suspicious_direction=[{"claim_duration_days": "low"}]).directions == {
            "claim_duration_days": "low"
        }

    def test_a_column_that_is_not_scored_has_none(self) -> None:
        columns = Columns(protected=["claim_amount"], suspicious_direction=[{"claim_amount": "high"}])
        assert columns.directions == {}

    def test_a_column_that_is_no_number_is_named(self) -> None:
        with pytest.raises(ValueError, match="suspicious_direction names 'claim_type', which is not among numeric"):
            Columns(suspicious_direction=[{"claim_type": "high"}])
