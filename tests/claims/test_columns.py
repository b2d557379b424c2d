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
        ({"categorical": ["code", "claim period"]}, "column 'claim period' has the name of an output column"),
        ({"categorical": ["code", "is_fraud"]}, "column 'is_fraud' has the name of an output column"),
        ({"protected": ["sex"]}, "protected column 'sex' is not among categorical or numeric"),
        ({"context": ["ward"]}, "context column 'ward' is not among categorical or numeric"),
        ({"context": ["code"], "protected": ["code"]}, "column 'code' is in context and in protected"),
        ({"context": ["code", "claim_amount"]}, "every feature is context, or protected as none"),
        ({"numeric": ["cost"]}, "claim_amount 'claim_amount' is not among numeric"),
        (
            {"procedure": "cpt"},
            r"procedure 'cpt' is not among categorical \(code\); name one of these, add it there, or",
        ),
        ({"procedure": "claim_amount"}, "procedure 'claim_amount' is not among categorical"),
        ({"protected": ["code", "claim_amount"]}, "every feature is context, or protected as none"),
        ({"protected": {"code": "hidden"}}, "'context', 'scored' or 'none'"),
        ({"catgorical": ["code"]}, "catgorical"),
    ],
)
def test_invalid_roles_are_named(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        columns(**changes)


def test_a_label_may_have_the_usual_name() -> None:
    assert columns(label="is_fraud").label == "is_fraud"


def test_context_is_judged_by_and_never_scored() -> None:
    roles = columns(categorical=["code", "ward"], context=["ward"])
    assert roles.context_features == ("ward",)
    assert roles.model_categorical == ("code", "ward")
    assert roles.scored_features == ("code", "claim_amount")


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


class TestOtherNames:
    def test_of_party_and_provider_are_those_they_had(self) -> None:
        roles = columns(patient_id="member", provider_id="npi")
        assert (roles.party, roles.provider) == ("member", "npi")

    def test_stand_beside_base_s_names(self) -> None:
        assert columns(party="patient_id", patient_id="member").party == "member"

    def test_that_say_something_else_are_refused(self) -> None:
        with pytest.raises(ValidationError, match=r"party is 'insured' and patient_id, its other name, 'member'"):
            columns(party="insured", patient_id="member")


class TestAbsentRoles:
    def test_are_no_identifiers_and_link_nothing(self) -> None:
        roles = Columns(party=None, provider=None)
        assert roles.identifiers == ("claim_id", "claim_date")
        assert roles.links == ()
        assert [roles.id_of(unit) for unit in ("patient", "provider", "claim")] == ["claim_id"] * 3  # type: ignore[arg-type]


class TestFurtherDates:
    def test_each_gives_a_number(self) -> None:
        roles = columns(other_dates=["policy_start", "reported"])
        assert roles.numeric == ("claim_amount", "days_since_policy_start", "days_since_reported")
        assert roles.dates == ("claim_date", "policy_start", "reported")
        assert Columns(**roles.model_dump()) == roles


class TestCodeSets:
    def test_are_codes(self) -> None:
        roles = columns(code_sets=[["dx1", "dx2"]])
        assert roles.categorical == ("code", "dx1", "dx2")


class TestJudged:
    def test_is_neither_outcome_nor_state_nor_stamp(self) -> None:
        roles = columns(label="fraud", incumbent="flag", status="state", updated_at="written")
        assert roles.judged == ("claim_id", "claim_date", "patient_id", "provider_id", "code", "claim_amount")
