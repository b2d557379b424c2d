"""The schemas of the tables that claims go through: names, types and descriptions."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from claims_fraud.claims import Columns
from claims_fraud.claims.history import derive_features
from claims_fraud.claims.tables import claims_schema, described, features_schema, rejected_schema

COLUMNS = Columns(
    birth_date="born",
    claim_amount="amount",
    procedure="code",
    categorical=("code", "sex"),
    numeric=("amount", "score", "patient_age", "num_previous_claims"),
    protected={"sex": "none", "patient_age": "context"},
    label="is_fraud",
    incumbent="flag",
)
RAW = ["note", "sex", "code", "amount", "score", "born", "claim_id", "claim_date", "patient_id", "provider_id"]


def types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def comments(schema: pa.Schema) -> dict[str, str]:
    return {field.name: field.metadata[b"comment"].decode() for field in schema}


def test_claims_have_the_given_roles_in_their_order_and_kinds() -> None:
    schema = claims_schema(COLUMNS, [*RAW, "is_fraud", "flag"])
    assert list(types(schema).items()) == [
        ("claim_id", "string"),
        ("claim_date", "timestamp[us, tz=UTC]"),
        ("born", "timestamp[us, tz=UTC]"),
        ("patient_id", "string"),
        ("provider_id", "string"),
        ("is_fraud", "double"),
        ("flag", "string"),
        ("code", "string"),
        ("sex", "string"),
        ("amount", "double"),
        ("score", "double"),
    ]


def test_features_have_what_is_derived_after_the_claims_columns() -> None:
    claims, features = claims_schema(COLUMNS, RAW), features_schema(COLUMNS, RAW)
    assert features.names == [
        *claims.names,
        "patient_age",
        "num_previous_claims",
        "possible_duplicate_of",
        "history_complete",
    ]
    assert types(features)["patient_age"] == "double"
    assert types(features)["history_complete"] == "bool"


def test_a_derivable_column_that_is_given_keeps_its_place() -> None:
    given = features_schema(COLUMNS, [*RAW, "patient_age"])
    assert given.names[-4:] == ["patient_age", "num_previous_claims", "possible_duplicate_of", "history_complete"]
    assert given.names == features_schema(COLUMNS, given.names).names


def test_features_are_what_is_derived() -> None:
    claims = pd.DataFrame(
        {
            "claim_id": ["a"],
            "claim_date": [pd.Timestamp("2025-01-02")],
            "born": [pd.Timestamp("1980-05-05")],
            "patient_id": ["p"],
            "provider_id": ["d"],
            "is_fraud": [0.0],
            "flag": ["no"],
            "code": ["x"],
            "sex": ["f"],
            "amount": [1.0],
            "score": [2.0],
        }
    )
    derived = derive_features(claims, COLUMNS)
    assert sorted(features_schema(COLUMNS, claims.columns).names) == sorted(derived)
    assert pa.Table.from_pandas(derived, features_schema(COLUMNS, claims.columns)).num_rows == 1


def test_comments_say_what_a_column_is_and_how_it_is_protected() -> None:
    found = comments(features_schema(COLUMNS, [*RAW, "is_fraud", "flag"]))
    assert found == {
        "claim_id": "Identifies a claim; unique and never empty.",
        "claim_date": "Day the claim or service began.",
        "born": "The party's date of birth; gives `patient_age`.",
        "patient_id": "Whose claim it is: patient, member or insured; history is computed for each.",
        "provider_id": "Who bills or repairs; cross-fitting keeps a provider in one fold.",
        "is_fraud": "Known outcome (1 or yes fraud, 0 or no not); never a feature.",
        "flag": "Flag or score of the system in place; never a feature.",
        "code": "Code or name.",
        "sex": "Code or name. Protected (none).",
        "amount": "Number.",
        "score": "Number.",
        "patient_age": "Age of the patient in whole years on the day of the claim. Protected (context).",
        "num_previous_claims": "Claims of the patient in the history.window_days before this one.",
        "possible_duplicate_of": "Earlier claim that this one may repeat: the closest that possible_duplicates counts.",
        "history_complete": (
            "Whether the data reaches back history.window_days before the claim; never a feature of the model."
        ),
    }


def test_rejected_claims_have_their_columns_as_they_came_and_why() -> None:
    raw = pa.schema([pa.field("note", pa.int64()), described("claim_id", pa.string(), "An id")])
    rejected = rejected_schema(raw)
    assert types(rejected) == {"note": "int64", "claim_id": "string", "rejection_reasons": "string"}
    assert rejected.field("claim_id").metadata == {b"comment": b"An id"}
    assert (
        "rules that the row breaks" in comments(pa.schema([rejected.field("rejection_reasons")]))["rejection_reasons"]
    )


def test_claims_that_were_rejected_before_have_their_reasons_once() -> None:
    raw = pa.schema([pa.field("rejection_reasons", pa.string()), pa.field("claim_id", pa.string())])
    assert rejected_schema(raw).names == ["claim_id", "rejection_reasons"]
