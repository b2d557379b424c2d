"""The honest rows of this project's benchmark of schemes, with the roles of their columns: see `schemes`.

Each set has the same rows in every run; a seed of the benchmark chooses the rows that a scheme changes. Labels serve
only to leave out the sample's planted frauds. All rows of the public sets count as honest.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from cases import CLASSIC, SAMPLE, Case, problem_of
from schemes import History, Honest, Roles

DRAW_SEED = 0
SAMPLE_ROWS = 8_000
PUBLIC_ROWS = 5_000
GENERATED_ROWS = 5_000
SAMPLE_CLAIMS = "sample_claims"
MEDICARE = "medicare_inpatient_provider_fraud"
ADULT = "adult_income"
MOTOR = "motor_claims"
PROFESSIONAL = "professional_claims"
SETS = (SAMPLE_CLAIMS, MEDICARE, ADULT, MOTOR, PROFESSIONAL)
# The columns of money of each set: the kit computes a robust z of each.
AMOUNTS: dict[str, tuple[str, ...]] = {
    SAMPLE_CLAIMS: ("claim_amount",),
    MEDICARE: ("InscClaimAmtReimbursed",),
    ADULT: (),
    MOTOR: ("injury_claim", "property_claim", "vehicle_claim", "total_claim"),
    PROFESSIONAL: ("billed_amount", "allowed_amount", "paid_amount"),
}
ROLES = {
    SAMPLE_CLAIMS: Roles(
        amount="claim_amount",
        procedure="procedure_code",
        specialty="provider_specialty",
        codes=("procedure_code", "diagnosis_code"),
        days="claim_duration_days",
        gender="patient_gender",
        age="patient_age",
        history=History(
            duplicates="possible_duplicates",
            same_code_same_day="same_procedure_same_day",
            days_since_same_code="days_since_same_procedure",
            claims_that_day="patient_claims_that_day",
            days_since_last="days_since_last_claim",
            previous_claims="num_previous_claims",
            average_amount="average_claim_amount",
        ),
    ),
    MEDICARE: Roles(
        amount="InscClaimAmtReimbursed",
        procedure="DiagnosisGroupCode",
        codes=("DiagnosisGroupCode", "ClmDiagnosisCode_1", "ClmProcedureCode_1"),
        gender="Gender",
    ),
    ADULT: Roles(days="hours-per-week", gender="sex", age="age", codes=("relationship", "marital-status")),
    MOTOR: Roles(total="total_claim", parts=("injury_claim", "property_claim", "vehicle_claim")),
    PROFESSIONAL: Roles(days="units", billed="billed_amount", allowed="allowed_amount", paid="paid_amount"),
}
# The columns that can receive another row's value; by default all that vary. Medicare has 42 columns, many of which
# repeat one another (ten diagnoses, eleven chronic conditions); the generated sets serve few schemes.
SWAPPED: dict[str, tuple[str, ...]] = {
    MEDICARE: (
        *("InscClaimAmtReimbursed", "ClmAdmitDiagnosisCode", "DiagnosisGroupCode", "ClmDiagnosisCode_1"),
        *("ClmDiagnosisCode_2", "ClmProcedureCode_1", "Gender", "RenalDiseaseIndicator", "State", "County"),
        *("ChronicCond_Diabetes", "IPAnnualReimbursementAmt"),
    ),
    MOTOR: (),
    PROFESSIONAL: (),
}


@cache
def load_honest(name: str, folder: Path, most_rows: int | None = None) -> Honest:
    """Return the honest rows of a set, from the folder of the public sets, the repository's sample or a generator.

    ``most_rows`` limits their number, for a quick run.
    """
    swapped, amounts = SWAPPED.get(name), AMOUNTS[name]
    if name in (MOTOR, PROFESSIONAL):
        generate = generate_motor_claims if name == MOTOR else generate_professional_claims
        return Honest(generate(most_rows or GENERATED_ROWS), ROLES[name], None, swapped, amounts)
    if name == SAMPLE_CLAIMS:
        problem = problem_of(Case(SAMPLE, SAMPLE_CLAIMS, 0), folder)
        kept = np.flatnonzero(~problem.wanted)
        drawn = np.random.default_rng(DRAW_SEED).permutation(kept)[: most_rows or SAMPLE_ROWS]
    else:
        problem = problem_of(Case(CLASSIC, name, 0), folder, PUBLIC_ROWS)
        drawn = np.arange(len(problem.data))[:most_rows]
    rows = problem.data.iloc[drawn].reset_index(drop=True)
    providers = None if problem.groups is None else problem.groups.iloc[drawn].reset_index(drop=True)
    return Honest(rows, ROLES[name], providers, swapped, amounts)


def generate_motor_claims(n: int) -> pd.DataFrame:
    """Return motor claims whose total is the sum of three amounts, which depend on incident, severity and vehicle."""
    rng = np.random.default_rng(DRAW_SEED)
    incident = rng.choice(["single vehicle", "multi vehicle", "parked", "theft"], n, p=[0.4, 0.42, 0.1, 0.08])
    severity = rng.choice(["minor", "major", "total loss"], n, p=[0.55, 0.3, 0.15])
    vehicle = rng.choice(["compact", "sedan", "suv", "pickup", "sports"], n, p=[0.3, 0.3, 0.2, 0.12, 0.08])
    worth = pd.Series(vehicle).map({"compact": 14e3, "sedan": 19e3, "suv": 27e3, "pickup": 24e3, "sports": 38e3})
    damage = pd.Series(severity).map({"minor": 0.08, "major": 0.3, "total loss": 0.85})
    moving = np.isin(incident, ["single vehicle", "multi vehicle"])
    injured = np.where(moving, rng.poisson(0.5, n), 0)
    vehicle_claim = worth * damage * rng.lognormal(0, 0.25, n)
    injury_claim = injured * rng.lognormal(8.3, 0.5, n)
    others = np.where(incident == "multi vehicle", rng.lognormal(8.2, 0.5, n), rng.lognormal(6, 0.6, n))
    property_claim = np.where(moving, others, 0)
    parts = [np.round(part, -1) for part in (injury_claim, property_claim, vehicle_claim)]
    return pd.DataFrame(
        {
            "incident_type": incident.astype(object),
            "severity": severity.astype(object),
            "vehicle_class": vehicle.astype(object),
            "state": rng.choice([f"S{number}" for number in range(8)], n).astype(object),
            "driver_age": np.clip(rng.normal(42, 14, n).round(), 17, 90),
            "persons_injured": injured.astype(float),
            "injury_claim": np.asarray(parts[0], dtype=float),
            "property_claim": np.asarray(parts[1], dtype=float),
            "vehicle_claim": np.asarray(parts[2], dtype=float),
            "total_claim": np.asarray(sum(parts), dtype=float),
        }
    )


def generate_professional_claims(n: int) -> pd.DataFrame:
    """Return professional claims whose billed amount depends on the procedure.

    The allowed amount is 90 % of the billed one (75 % in 4 % of the rows); the paid one is 80 % of that, or 0.
    """
    rng = np.random.default_rng(DRAW_SEED)
    procedures = 40
    specialty_by_procedure = rng.integers(8, size=procedures)
    price_of = rng.lognormal(5, 0.9, procedures)
    popularity = rng.dirichlet(np.full(procedures, 0.8))
    procedure = rng.choice(procedures, n, p=popularity)
    specialty = pd.Series(specialty_by_procedure[procedure])
    units = 1.0 + rng.poisson(0.3, n)
    billed = np.round(price_of[procedure] * units * rng.lognormal(0, 0.2, n), 2)
    contract = rng.random(n) < 0.04
    allowed = np.round(billed * np.where(contract, 0.75, 0.9), 2)
    denied = rng.random(n) < 0.1
    return pd.DataFrame(
        {
            "procedure_code": pd.Series(procedure).map("P{:03d}".format).astype(object),
            "provider_specialty": specialty.map("specialty {}".format).astype(object),
            "place_of_service": rng.choice(["office", "hospital", "telehealth"], n, p=[0.7, 0.2, 0.1]).astype(object),
            "patient_age": np.clip(rng.normal(48, 20, n).round(), 0, 95),
            "units": units,
            "billed_amount": billed,
            "allowed_amount": allowed,
            "paid_amount": np.where(denied, 0, np.round(0.8 * allowed, 2)),
        }
    )
