"""The columns of the tables that claims go through, with types and descriptions, as Arrow schemas.

For what has to know types before it has rows: Spark, and the comments of Delta tables. pandas goes by the names alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from claims_fraud.claims.columns import HISTORY_COMPLETE, Columns
from claims_fraud.claims.history import derivable

REASONS = "rejection_reasons"
TYPES = {"number": pa.float64(), "date": pa.timestamp("us", tz="UTC"), "text": pa.string()}
DERIVED_AS = {
    "days_since_last_claim": "Days since the patient's claim before this one, within history.window_days",
    "num_previous_claims": "Claims of the patient in the history.window_days before this one",
    "average_claim_amount": "Mean amount of the patient's claims in the history.window_days before this one",
    "patient_claims_that_day": "Claims of the patient on that day before this one",
    "patient_providers_90_days": "Different providers of the patient in the 90 days up to the claim",
    "same_procedure_same_day": "Claims of the patient with this procedure on that day before this one",
    "days_since_same_procedure": (
        "Days since the patient's claim with this procedure before this one, within history.window_days"
    ),
    "possible_duplicates": (
        "Claims of the patient with this procedure in the 30 days before this one whose amount is within 5 %"
    ),
    "provider_new_patients_that_day": (
        "Patients whom the provider bills that day, up to this claim, and did not in the history.window_days before"
    ),
    "provider_claims_that_day": "Claims of the provider on that day before this one",
    "claim_duration_days": "Days from the claim's first to its last",
    "patient_age": "Age of the patient in whole years on the day of the claim",
}


def claims_schema(columns: Columns, given: Iterable[str]) -> pa.Schema:
    """Return the schema of typed claims: the roles that are among the given columns, in the order of roles."""
    found = set(given)
    return pa.schema([_field(name, columns) for name in columns.roles if name in found])


def features_schema(columns: Columns, given: Iterable[str]) -> pa.Schema:
    """Return the schema of features: the claims' columns and, after them, those that are derived."""
    claims = claims_schema(columns, given)
    derived = [name for name in derivable(columns) if name not in claims.names]
    what = "Whether the data reaches back history.window_days before the claim; never a feature of the model."
    complete = described(HISTORY_COMPLETE, pa.bool_(), what)
    return pa.schema([*claims, *(_field(name, columns) for name in derived), *links_schema(columns), complete])


def links_schema(columns: Columns) -> pa.Schema:
    """Return the schema of what names another claim."""
    what = "Earlier claim that this one may repeat: the closest that possible_duplicates counts."
    return pa.schema([described(name, TYPES["text"], what) for name in columns.links])


def rejected_schema(raw: pa.Schema) -> pa.Schema:
    """Return the schema of rejected claims: the columns as they came and why."""
    why = described(REASONS, pa.string(), "The rules that the row breaks, joined by ; ")
    # Claims that were rejected before may come with the reasons of then.
    return pa.schema([*(field for field in raw if field.name != REASONS), why])


def described(name: str, kind: pa.DataType, comment: str) -> pa.Field:
    """Return a column with its description, which becomes a comment of the table's column."""
    return pa.field(name, kind, metadata={"comment": comment})


def _field(name: str, columns: Columns) -> pa.Field:
    kind = "number" if columns.is_number(name) else "date" if name in columns.dates else "text"
    return described(name, TYPES[kind], _comment(name, columns))


def _comment(name: str, columns: Columns) -> str:
    roles = {
        getattr(columns, role): field.description
        for role, field in type(columns).model_fields.items()
        if isinstance(getattr(columns, role), str)
    }
    # The money is a feature too, and described as one. Of a role only the first sentence: others tell how to name it.
    if name in roles and name not in columns.features:
        return str(roles[name]).partition(". ")[0].removesuffix(".") + "."
    what = DERIVED_AS.get(name, "Number" if name in columns.numeric else "Code or name")
    treatment = columns.protected.get(name)
    return f"{what}. Protected ({treatment})." if treatment else f"{what}."
