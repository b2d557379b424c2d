"""Tests of the proposed `columns:` block: small frames, public data, and names that YAML misreads."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns
from claims_fraud.claims.proposal import propose_columns
from claims_fraud.claims.reading import read_claims

DATA = Path(__file__).parents[2].parent / "shared" / "data"
ROWS = 12


def block(frame: pd.DataFrame) -> dict[str, Any]:
    proposed: dict[str, Any] = yaml.safe_load(propose_columns(frame))["columns"]
    return proposed


def comment(frame: pd.DataFrame, name: str) -> str:
    """Return the comment at the end on a column that was left out."""
    ends = [line.split(f"#   {name}: ")[1] for line in propose_columns(frame).splitlines() if f"#   {name}: " in line]
    return ends[0] if ends else ""


def claims(**changes: Any) -> pd.DataFrame:
    first = {
        "ClaimID": [f"CLM{number}" for number in range(ROWS)],
        "ClaimStartDt": [f"2025-01-{1 + number:02}" for number in range(ROWS)],
        "ClaimEndDt": [f"2025-02-{1 + number:02}" for number in range(ROWS)],
        "DOB": [date(1950 + number, 1, 1) for number in range(ROWS)],
        "BeneID": [f"B{number % 5}" for number in range(ROWS)],
        "Provider": [f"P{number % 3}" for number in range(ROWS)],
        "ClaimAmtReimbursed": [100.0 + number for number in range(ROWS)],
        "DiagnosisCode": [["0250", "4019"][number % 2] for number in range(ROWS)],
        "Gender": [1 + number % 2 for number in range(ROWS)],
        "Race": ["a", "b", "c"] * (ROWS // 3),
        "PotentialFraud": [number % 2 for number in range(ROWS)],
    }
    return pd.DataFrame({**first, **changes})


class TestRoles:
    def test_of_claims_with_names_of_their_own(self) -> None:
        frame = claims()
        before = frame.copy()
        expected = {
            "claim_id": "ClaimID",
            "claim_date": "ClaimStartDt",
            "claim_end_date": "ClaimEndDt",
            "birth_date": "DOB",
            "party": "BeneID",
            "provider": "Provider",
            "claim_amount": "ClaimAmtReimbursed",
            "label": "PotentialFraud",
            "incumbent": None,
            "categorical": ["DiagnosisCode", "Gender", "Race"],
            "procedure": None,
            "numeric": [
                "ClaimAmtReimbursed",
                "days_since_last_claim",
                "num_previous_claims",
                "average_claim_amount",
                "patient_claims_that_day",
                "patient_providers_90_days",
                "provider_new_patients_that_day",
                "claim_duration_days",
                "patient_age",
            ],
            "protected": ["Gender", {"Race": "none"}, "patient_age"],
        }
        assert block(frame) == expected
        assert Columns(**expected).protected == {"Gender": "context", "Race": "none", "patient_age": "context"}
        pd.testing.assert_frame_equal(frame, before)

    @pytest.mark.parametrize(
        ("role", "name", "values"),
        [
            ("claim_id", "CLM_ID", None),
            ("claim_id", "claimid", None),
            ("claim_id", "invoice_number", None),
            ("claim_date", "CLM_FROM_DT", None),
            ("claim_date", "service_date", None),
            ("claim_date", "admission", None),
            ("claim_end_date", "CLM_THRU_DT", None),
            ("claim_end_date", "discharge_date", None),
            ("birth_date", "BENE_BIRTH_DT", None),
            ("birth_date", "dateOfBirth", ["19500101"] * ROWS),
            ("party", "member_number", None),
            ("party", "subscriberid", None),
            ("provider", "physician id", None),
            ("provider", "NPI", None),
            ("claim_amount", "CLM_PMT_AMT", None),
            ("claim_amount", "total_charges", [str(number) for number in range(ROWS)]),
            ("label", "is_fraudulent", None),
        ],
    )
    def test_names_in_use(self, role: str, name: str, values: list[Any] | None) -> None:
        standard = block(claims())[role]
        frame = claims().rename(columns={standard: name})
        frame[name] = frame[name] if values is None else values
        assert block(frame)[role] == name

    @pytest.mark.parametrize("name", ["CptCode", "ClmProcedureCode_1", "HCPCS_CD", "procedure", "service code"])
    def test_a_procedure_stays_a_feature_and_shows_what_is_billed_again(self, name: str) -> None:
        frame = claims(**{name: ["99213", "G0105", "80053"] * (ROWS // 3)})
        proposed = block(frame)
        assert proposed["procedure"] == name
        assert proposed["categorical"] == ["DiagnosisCode", "Gender", "Race", name]
        again = ["same_procedure_same_day", "days_since_same_procedure", "possible_duplicates"]
        assert [column for column in again if column in proposed["numeric"]] == again
        assert Columns(**proposed).links == ("possible_duplicate_of",)

    @pytest.mark.parametrize("values", [["x"] * ROWS, [f"text {number}" for number in range(ROWS)]])
    def test_what_is_no_feature_is_no_procedure(self, values: list[str]) -> None:
        assert block(claims(ProcedureCode=values))["procedure"] is None

    @pytest.mark.parametrize(("name", "role"), [("BeneID", "party"), ("Provider", "provider")])
    def test_claims_may_have_no_party_and_no_provider(self, name: str, role: str) -> None:
        frame = claims().drop(columns=name)
        assert block(frame)[role] is None
        assert Columns(**block(frame)).identifiers.count(name) == 0

    @pytest.mark.parametrize("name", ["ClaimID", "ClaimStartDt"])
    def test_required_role_that_nothing_fits_is_to_be_chosen(self, name: str) -> None:
        frame = claims().drop(columns=name).drop(columns=["ClaimEndDt", "DOB"])
        role = {value: key for key, value in block(claims()).items() if isinstance(value, str)}[name]
        assert block(frame)[role] is None
        assert f"  {role}: null  # choose: no column" in propose_columns(frame)

    def test_further_dates_become_days(self) -> None:
        frame = claims(paid_on=pd.date_range("2025-03-01", periods=ROWS), policy_start="2020-01-01")
        assert block(frame)["other_dates"] == ["paid_on"]
        assert comment(frame, "policy_start") == "constant (1 distinct value)"

    def test_lines_are_told_apart_by_two_columns(self) -> None:
        frame = claims(ClaimID=[f"C{number // 3}" for number in range(ROWS)], LineNo=[1, 2, 3] * (ROWS // 3))
        proposed = block(frame)
        assert (proposed["claim_id"], proposed["line"]) == (["ClaimID", "LineNo"], "LineNo")
        assert Columns(**proposed).whole_claim == ("ClaimID",)

    def test_versions_by_when_they_were_written(self) -> None:
        frame = claims(
            ClaimID=[f"C{number // 2}" for number in range(ROWS)], Updated=pd.date_range("2025-03-01", periods=ROWS)
        )
        proposed = block(frame)
        assert (proposed["claim_id"], proposed["updated_at"]) == ("ClaimID", "Updated")
        assert "rows that share an id are versions, and the newest counts" in propose_columns(frame)

    def test_a_status_with_what_takes_back(self) -> None:
        proposed = block(claims(Status=["paid", "reversal", "voided"] * (ROWS // 3)))
        assert (proposed["status"], proposed["reversal"]) == ("Status", ["reversal", "voided"])
        assert "Status" not in proposed["categorical"]

    def test_a_marital_status_is_a_feature(self) -> None:
        assert "MaritalStatus" in block(claims(MaritalStatus=["single", "married"] * (ROWS // 2)))["categorical"]

    def test_numbered_codes_that_share_their_values_are_a_set(self) -> None:
        codes = {f"Dx{place}": [f"E{(number + place) % 5}" for number in range(ROWS)] for place in (1, 2, 3)}
        proposed = block(claims(**codes))
        assert proposed["code_sets"] == [["Dx1", "Dx2", "Dx3"]]
        assert not set(codes) & set(proposed["categorical"])

    def test_numbered_codes_of_different_things_are_not(self) -> None:
        codes = {f"Part{place}": [f"{place}{number % 5}x" for number in range(ROWS)] for place in (1, 2, 3)}
        assert "code_sets" not in block(claims(**codes))

    def test_a_label_of_two_words(self) -> None:
        frame = claims(FraudStatus=["confirmed fraud", "no fraud"] * (ROWS // 2)).drop(columns="PotentialFraud")
        proposed = block(frame)
        assert (proposed["label"], proposed["label_value"]) == ("FraudStatus", "confirmed fraud")

    def test_numbers_below_0_are_allowed_but_for_the_amount(self) -> None:
        frame = claims(balance=[-1.0, *range(1, ROWS)])
        frame.loc[0, "ClaimAmtReimbursed"] = -5
        assert yaml.safe_load(propose_columns(frame))["data_ingestion"] == {"signed_columns": ["balance"]}

    def test_guesses_are_marked(self) -> None:
        text = propose_columns(claims().rename(columns={"ClaimStartDt": "when", "ClaimID": "key"}))
        assert "  claim_date: when  # check: the best guess" in text
        assert "  claim_id: key  # check: the best guess" in text
        assert "  provider: Provider\n" in text

    def test_claim_id_that_repeats_is_marked(self) -> None:
        frame = pd.concat([claims(ClaimID=[f"{part}-{n}" for n in range(ROWS)]) for part in range(3)])
        frame = pd.concat([frame, frame[:1]])
        assert "claim_id: ClaimID  # check: 36 distinct values in 37 rows" in propose_columns(frame)

    def test_history_needs_a_patient_and_columns_present_are_not_derived(self) -> None:
        assert block(claims().drop(columns="BeneID"))["numeric"] == [
            "ClaimAmtReimbursed",
            "claim_duration_days",
            "patient_age",
        ]
        assert block(claims(patient_age=range(ROWS)))["numeric"].count("patient_age") == 1


class TestFeatures:
    @pytest.mark.parametrize(
        ("name", "values", "kind"),
        [
            ("visits", list(range(ROWS)), "numeric"),
            ("visits", [str(number) for number in range(ROWS)], "numeric"),
            ("zip_code", [number % 4 for number in range(ROWS)], "categorical"),
            ("unit", [f"0{number % 4}" for number in range(ROWS)], "categorical"),
            ("emergency", [True, False] * (ROWS // 2), "categorical"),
            ("chronic", [0, 1] * (ROWS // 2), "categorical"),
            ("ward", pd.Categorical(["a", "b"] * (ROWS // 2)), "categorical"),
        ],
    )
    def test_numbers_and_codes(self, name: str, values: Any, kind: str) -> None:
        assert name in block(claims(**{name: values}))[kind]

    @pytest.mark.parametrize(
        ("name", "values", "reason"),
        [
            ("ward", ["a"] * ROWS, "constant (1 distinct value)"),
            ("ward", [None] * ROWS, "no values"),
            ("ward", [" "] * ROWS, "no values"),
            (
                "note",
                [f"text {number}" for number in range(ROWS)],
                "nearly unique text (12 distinct values in 12 rows)",
            ),
            ("row_id", list(range(ROWS)), "another id (12 distinct values)"),
            ("paid_on", ["03/31/2025"] * ROWS, "constant (1 distinct value)"),
            ("paid_date", list(range(20250101, 20250101 + ROWS)), "dates not written as 2025-03-31; rewrite them"),
            ("codes", [[1, 2], [3]] * (ROWS // 2), "lists or structures"),
            ("fraud_kind", ["x", "y"] * (ROWS // 2), "may tell the outcome"),
            ("rank", list(range(ROWS)), "it has the name of an output column"),
            (7, list(range(ROWS)), "its name is no text"),
        ],
    )
    def test_left_out_with_the_reason(self, name: Any, values: Any, reason: str) -> None:
        frame = claims()
        frame[name] = values
        assert comment(frame, yaml.safe_dump([str(name)])[2:-1]).startswith(reason)
        assert name not in [*block(frame)["categorical"], *block(frame)["numeric"]]

    def test_mostly_empty_and_nearly_unique_in_large_frames(self) -> None:
        rows = 3000
        frame = pd.DataFrame(
            {
                "claim_id": [f"C{number}" for number in range(rows)],
                "note": [f"text {number // 2 if number > 2000 else number}" for number in range(rows)],
                "OtherPhysician": [f"D{number // 2}" for number in range(rows)],
                "DiagnosisCode": [f"{number % 1400}" for number in range(rows)],
                "implant": ["a", "b", *[None] * (rows - 2)],
            }
        )
        frame["provider_id"] = "P" + (frame.index % 3).astype(str)
        assert block(frame)["categorical"] == ["DiagnosisCode"]
        assert comment(frame, "note").startswith("nearly unique text")
        assert comment(frame, "OtherPhysician") == "another id (1,500 distinct values)"
        assert comment(frame, "implant") == "99.9% empty"

    def test_few_numbers_are_marked(self) -> None:
        frame = pd.concat([claims(grade=[1, 2, 3, 4] * 3), claims(grade=[1, 2, 3, 4] * 3)])
        assert "    - grade  # check: 4 distinct values; categorical if they are codes" in propose_columns(frame)

    @pytest.mark.parametrize(
        ("name", "treatment"),
        [
            ("age", "context"),
            ("AgeOfPolicyHolder", "context"),
            ("patient_sex", "context"),
            ("State", "context"),
            ("ethnicity", "none"),
            ("Religion", "none"),
            ("native-country", "none"),
            ("AgeOfVehicle", None),
            ("percentage", None),
            ("statement", None),
        ],
    )
    def test_protected_by_name(self, name: str, treatment: str | None) -> None:
        proposed = block(claims(**{name: [number % 5 for number in range(ROWS)]}))
        assert Columns(**proposed).protected.get(name) == treatment


AWKWARD = ["null", "true", "1", "1.5", "a: b", "- a", "#", "a #b", "'", '"', "[", "{a}", "&x", "*", "!", "%", "@", "`"]


@settings(max_examples=25, deadline=None)
@example(names=AWKWARD)
@example(names=["", " ", "a\nb", "\u2028", "\x85", "\x00", "\ufeff", "~", "2025-01-01", "=", "race: none\n", "é" * 200])
@given(names=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=10), unique=True, max_size=6))
def test_is_yaml_that_mentions_every_column_whatever_the_names(names: list[str]) -> None:
    added = [name for name in names if name not in claims()]
    frame = claims(**{name: [number % 3 for number in range(ROWS)] for name in added})
    text = propose_columns(frame)
    proposed = yaml.safe_load(text)["columns"]
    mentioned = [*proposed["categorical"], *proposed["numeric"], *proposed.values()]
    assert {name for name in added if name not in mentioned} == left_out(text) & set(added)
    Columns(**proposed)


def left_out(text: str) -> set[str]:
    lines = [line[4:] for line in text.splitlines() if line.startswith("#   ")]
    return {str(key) for line in lines for key in [next(iter(yaml.safe_load("{" + line.rsplit(": ", 1)[0] + ": 1}")))]}


def test_works_on_no_rows_and_repeated_names() -> None:
    assert block(claims()[:0])["categorical"] == []
    frame = pd.concat([claims(), claims()[["Race"]]], axis=1)
    assert comment(frame, "Race") == "2 columns have this name; rename them"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "medicare_inpatient_provider_fraud",
            {
                "claim_id": "ClaimID",
                "claim_date": "ClaimStartDt",
                "claim_end_date": "ClaimEndDt",
                "birth_date": "DOB",
                "party": "BeneID",
                "provider": "Provider",
                "claim_amount": "InscClaimAmtReimbursed",
                "label": "label",
                "protected": ["Gender", {"Race": "none"}, "State", "County", "patient_age"],
            },
        ),
        (
            "vehicle_fraud_oracle",
            {
                "claim_id": "PolicyNumber",
                "claim_date": "_time",
                "party": None,
                "claim_amount": None,
                "protected": ["Sex", "MaritalStatus", "Age", "AgeOfPolicyHolder"],
            },
        ),
        (
            "adult_income",
            {
                "claim_id": None,
                "claim_date": None,
                "label": "label",
                "protected": ["age", "marital-status", {"race": "none"}, "sex", {"native-country": "none"}],
            },
        ),
    ],
)
def test_public_data(name: str, expected: dict[str, Any]) -> None:
    path = DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not in the shared data")
    frame = read_claims(path)
    text = propose_columns(frame)
    proposed = yaml.safe_load(text)["columns"]
    assert {role: proposed[role] for role in expected} == expected
    roles = {value for value in proposed.values() if isinstance(value, str)}
    named = {*proposed["categorical"], *proposed["numeric"], *proposed.get("other_dates", ())}
    together = {column for names in proposed.get("code_sets", ()) for column in names}
    assert roles | named | together | left_out(text) >= set(frame.columns)
    filled = {role: f"_{role}" for role in ("claim_id", "claim_date", "party", "provider")}
    Columns(**{role: value or filled.get(role, value) for role, value in proposed.items()})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([45_000 + number for number in range(ROWS)], "left out"),
        ([1_700_000_000 + number for number in range(ROWS)], "left out"),
        ([f"2024/01/{number + 1:02}" for number in range(ROWS)], "date"),
    ],
)
def test_dates_as_numbers_are_left_out_and_dates_with_slashes_are_dates(values, kind) -> None:
    frame = claims(ClaimStartDt=values)
    dates = [value for name, value in block(frame).items() if name in ("claim_date", "other_dates")]
    assert ("ClaimStartDt" in dates) == (kind == "date")
    told = "dates not written as 2025-03-31; rewrite them to give them a role"
    assert comment(frame, "ClaimStartDt") == (told if kind == "left out" else "")


@pytest.mark.parametrize(
    ("name", "role"), [("cardholder_id", "party"), ("Claim Ref", "claim_id"), ("claim_reference", "claim_id")]
)
def test_names_of_other_lines_of_business(name, role) -> None:
    wanted = {"party": "BeneID", "claim_id": "ClaimID"}[role]
    assert block(claims().rename(columns={wanted: name}))[role] == name
