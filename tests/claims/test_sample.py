"""Tests of the synthetic claims: the committed files, the honest claims' rules and each kind of fraud."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from claims_fraud.claims import Columns
from claims_fraud.claims.history import LAST_CLAIMS, derive_features
from claims_fraud.claims.sample import (
    AGE_BAND_EDGES,
    BUNDLES,
    DIAGNOSES,
    LEVEL_FAMILIES,
    NEW_CODE,
    PROCEDURES,
    SPECIALTIES,
    generate_chunks,
    generate_claims,
    write_sample,
)
from claims_fraud.claims.sample_fraud import FRAUD_KINDS

RAW = Path(__file__).parents[2] / "data" / "01_raw"
COLUMNS = [
    "claim_id",
    "claim_date",
    "patient_id",
    "provider_id",
    "claim_type",
    "provider_specialty",
    "diagnosis_code",
    "procedure_code",
    "patient_gender",
    "geographic_region",
    "claim_amount",
    "patient_age",
    "provider_experience_years",
    "days_since_last_claim",
    "num_previous_claims",
    "average_claim_amount",
    "claim_duration_days",
]
Frames = tuple[pd.DataFrame, pd.DataFrame]


@pytest.fixture(scope="module")
def frames() -> Frames:
    return generate_claims()


@pytest.fixture(scope="module")
def labelled(frames: Frames) -> pd.DataFrame:
    claims, labels = frames
    return claims.merge(labels, on="claim_id", validate="one_to_one")


def of_kind(labelled: pd.DataFrame, kind: str) -> pd.DataFrame:
    return labelled[labelled["fraud_kind"] == kind]


def obeys_limits(claims: pd.DataFrame) -> pd.Series:
    rule = pd.DataFrame(PROCEDURES).set_index("code").loc[claims["procedure_code"]].set_axis(claims.index)
    right_sex = (rule["sex"] == "") | (rule["sex"] == claims["patient_gender"])
    return right_sex & claims["patient_age"].between(rule["low"], rule["high"])


def performed_codes(specialty: str) -> set[str]:
    words = next(item.procedures for item in SPECIALTIES if item.name == specialty)
    listed = {word.split(":")[0] for word in words.split()}
    return listed | {part for code in listed for part in BUNDLES.get(code, ())}


def test_committed_files_are_what_the_generator_makes(frames: Frames) -> None:
    claims, labels = frames
    pd.testing.assert_frame_equal(pd.read_parquet(RAW / "claims_train.parquet"), claims)
    pd.testing.assert_frame_equal(pd.read_parquet(RAW / "claim_labels.parquet"), labels)


def test_committed_claims_are_small() -> None:
    assert (RAW / "claims_train.parquet").stat().st_size < 2_000_000


def test_columns_types_and_order(frames: Frames) -> None:
    claims, labels = frames
    assert list(claims.columns) == COLUMNS
    assert claims["claim_date"].dtype == "datetime64[ns]"
    assert labels.dtypes.astype(str).to_dict() == {"claim_id": "object", "is_fraud": "int8", "fraud_kind": "object"}
    assert claims["claim_date"].between("2024-01-01", "2025-12-31").all()
    assert (claims["claim_date"] == claims["claim_date"].dt.normalize()).all()
    ordered = claims.sort_values(["claim_date", "claim_id"], ignore_index=True)
    pd.testing.assert_frame_equal(ordered, claims)


def test_ids_are_unique_and_labels_match(frames: Frames) -> None:
    claims, labels = frames
    assert len(claims) == 20_000
    assert claims["claim_id"].is_unique
    assert claims["claim_id"].equals(labels["claim_id"])
    assert labels["fraud_kind"].notna().equals(labels["is_fraud"] == 1)


def test_fraud_share_is_exact_and_all_kinds_occur(frames: Frames) -> None:
    _, labels = frames
    assert labels["is_fraud"].sum() == 600
    counts = labels["fraud_kind"].value_counts()
    assert set(counts.index) == set(FRAUD_KINDS)
    assert counts.min() >= 40


@pytest.mark.parametrize("n_claims", [1_000, 1_001, 2_500])
@pytest.mark.parametrize("fraud_rate", [0.0, 0.001, 0.0105, 0.05, 0.2])
def test_fraud_count_is_exact_at_any_rate(n_claims: int, fraud_rate: float) -> None:
    claims, labels = generate_claims(n_claims, seed=5, fraud_rate=fraud_rate)
    assert len(claims) == len(labels) == n_claims
    assert labels["is_fraud"].sum() == round(fraud_rate * n_claims)


def test_history_is_what_ingestion_derives_by_default(frames: Frames) -> None:
    claims, _ = frames
    columns = Columns(numeric=("claim_amount", *LAST_CLAIMS), protected=[])
    derived = derive_features(claims.drop(columns=list(LAST_CLAIMS)), columns)
    np.testing.assert_array_equal(claims["num_previous_claims"], derived["num_previous_claims"])
    np.testing.assert_array_equal(claims["days_since_last_claim"], derived["days_since_last_claim"])
    np.testing.assert_allclose(claims["average_claim_amount"], derived["average_claim_amount"], atol=0.00501)


def test_amounts_are_positive_whole_cents(frames: Frames) -> None:
    amount = frames[0]["claim_amount"]
    assert (amount > 0).all()
    np.testing.assert_array_equal(amount, amount.round(2))


def test_missing_values_are_few_and_not_a_sign_of_fraud(labelled: pd.DataFrame) -> None:
    columns = ["diagnosis_code", "geographic_region", "provider_experience_years", "claim_duration_days"]
    share = labelled[columns].isna().mean()
    assert share.between(0.005, 0.04).all()
    fraud_share = labelled.loc[labelled["is_fraud"] == 1, columns].isna().mean()
    assert ((fraud_share - share).abs() < 0.02).all()


def test_row_order_and_ids_do_not_tell_fraud(labelled: pd.DataFrame) -> None:
    within_day = labelled.groupby("claim_date").cumcount() / labelled.groupby("claim_date")["claim_id"].transform(
        "size"
    )
    patient_number = labelled["patient_id"].str[1:].astype(int).rank(pct=True)
    fraud = labelled["is_fraud"] == 1
    assert abs(within_day[fraud].mean() - within_day[~fraud].mean()) < 0.05
    assert abs(patient_number[fraud].mean() - patient_number[~fraud].mean()) < 0.05


def test_days_follow_the_week(frames: Frames) -> None:
    per_weekday = frames[0]["claim_date"].dt.weekday.value_counts()
    assert per_weekday[[5, 6]].max() < 0.4 * per_weekday[[0, 1, 2, 3, 4]].min()


def test_tables_are_consistent() -> None:
    codes = [item.code for item in PROCEDURES]
    assert len(set(codes)) == len(codes)
    assert len({item.code for item in DIAGNOSES}) == len(DIAGNOSES)
    assert {code for family in LEVEL_FAMILIES for code in family} <= set(codes)
    edges = {*AGE_BAND_EDGES}
    for item in (*PROCEDURES, *DIAGNOSES):
        assert item.low in edges
        assert item.high + 1 in edges


def test_every_level_costs_more_than_the_one_below() -> None:
    price = {item.code: item.price for item in PROCEDURES}
    for family in LEVEL_FAMILIES:
        assert [price[code] for code in family] == sorted(price[code] for code in family)


def test_parts_of_a_bundle_cost_more_than_the_bundle() -> None:
    price = {item.code: item.price for item in PROCEDURES}
    for bundle in ("80061", "45385", "29881", "11402", "93306"):
        assert sum(price[part] for part in BUNDLES[bundle]) > price[bundle]


def test_codes_depend_on_the_specialty(labelled: pd.DataFrame) -> None:
    honest = labelled[labelled["is_fraud"] == 0]
    assert honest["provider_specialty"].nunique() == len(SPECIALTIES) >= 12
    assert honest.groupby("provider_id")["provider_specialty"].nunique().max() == 1
    for specialty, billed in honest.groupby("provider_specialty")["procedure_code"]:
        assert set(billed) <= performed_codes(str(specialty))


def test_honest_claims_obey_sex_and_age_limits(labelled: pd.DataFrame) -> None:
    honest = labelled[labelled["is_fraud"] == 0]
    assert obeys_limits(honest).all()
    obstetric = honest[honest["procedure_code"].isin(["76805", "76815", "59400", "59510"])]
    assert len(obstetric) > 20
    assert (obstetric["patient_gender"] == "F").all()
    assert obstetric["patient_age"].between(16, 50).all()


def test_patients_keep_sex_and_region_and_age_with_time(frames: Frames) -> None:
    by_patient = frames[0].groupby("patient_id")
    assert by_patient["patient_gender"].nunique().max() == 1
    assert by_patient["geographic_region"].nunique().max() == 1
    assert (by_patient["patient_age"].diff().dropna() >= 0).all()
    assert (by_patient["patient_age"].max() - by_patient["patient_age"].min()).max() <= 2


def test_upcoded_claims_bill_a_higher_level(labelled: pd.DataFrame) -> None:
    higher = {code for family in LEVEL_FAMILIES for code in family[1:]}
    assert set(of_kind(labelled, "upcoding")["procedure_code"]) <= higher


def test_unbundled_groups_share_patient_provider_and_day(labelled: pd.DataFrame) -> None:
    groups = of_kind(labelled, "unbundling").groupby(["patient_id", "provider_id", "claim_date"])["procedure_code"]
    assert groups.size().between(2, 4).all()
    assert (groups.nunique() == groups.size()).all()
    assert all(any(set(codes) <= set(parts) for parts in BUNDLES.values()) for _, codes in groups)


def test_duplicates_repeat_an_honest_claim_within_days(labelled: pd.DataFrame) -> None:
    keys = ["patient_id", "provider_id", "procedure_code"]
    copies = of_kind(labelled, "duplicate_billing")
    pairs = copies.merge(labelled[labelled["is_fraud"] == 0], on=keys, suffixes=("", "_first"))
    near = (pairs["claim_date"] - pairs["claim_date_first"]).dt.days.between(0, 5)
    alike = (pairs["claim_amount"] / pairs["claim_amount_first"]).between(0.98, 1.02)
    assert set(pairs.loc[near & alike, "claim_id"]) == set(copies["claim_id"])


def test_phantom_patients_have_no_history_and_come_in_bursts(labelled: pd.DataFrame) -> None:
    phantoms = of_kind(labelled, "phantom_patient")
    assert (phantoms["num_previous_claims"] == 0).all()
    assert phantoms.groupby(["provider_id", "claim_date"]).size().mean() > 3


def test_impossible_demographics_break_the_limits(labelled: pd.DataFrame) -> None:
    assert not obeys_limits(of_kind(labelled, "impossible_demographics")).any()


def test_mismatched_procedures_are_foreign_to_the_specialty(labelled: pd.DataFrame) -> None:
    visits = {code for family in LEVEL_FAMILIES for code in family if code.startswith("992")}
    for claim in of_kind(labelled, "specialty_mismatch").itertuples():
        assert claim.procedure_code not in performed_codes(str(claim.provider_specialty)) | visits


def test_every_claim_of_an_overcharging_provider_is_labelled(labelled: pd.DataFrame) -> None:
    providers = of_kind(labelled, "overcharging_provider")["provider_id"].unique()
    kinds = labelled.loc[labelled["provider_id"].isin(providers), "fraud_kind"]
    assert 2 <= len(providers) <= 12
    assert (kinds == "overcharging_provider").all()


def test_overcharging_providers_price_above_the_norm(labelled: pd.DataFrame) -> None:
    honest = labelled[labelled["is_fraud"] == 0]
    norm = honest.groupby("procedure_code")["claim_amount"].median()
    claims = of_kind(labelled, "overcharging_provider")
    assert (claims["claim_amount"] / claims["procedure_code"].map(norm)).median() > 1.3


def test_collusion_breaks_no_rule(labelled: pd.DataFrame) -> None:
    claims = of_kind(labelled, "collusion_kickback")
    assert obeys_limits(claims).all()
    for claim in claims.itertuples():
        assert claim.procedure_code in performed_codes(str(claim.provider_specialty))


def test_drift_shifts_the_second_half_only() -> None:
    claims, _ = generate_claims(10_000, seed=3, drift=1.0)
    second = claims["claim_date"] >= "2025-01-01"
    visits = claims[(claims["procedure_code"] == "99213") & (claims["claim_type"] == "professional")]
    amount = visits.groupby(visits["claim_date"] >= "2025-01-01")["claim_amount"].median()
    telehealth = (claims["claim_type"] == "telehealth").groupby(second).mean()
    age = claims.groupby(second)["patient_age"].mean()
    assert amount[True] > 1.1 * amount[False]
    assert telehealth[True] > 2 * telehealth[False]
    assert age[True] > age[False] + 3
    assert set(second[claims["procedure_code"] == NEW_CODE]) == {True}


def test_no_drift_leaves_the_halves_alike(frames: Frames) -> None:
    claims, _ = frames
    visits = claims[claims["procedure_code"] == "99213"]
    amount = visits.groupby(visits["claim_date"] >= "2025-01-01")["claim_amount"].median()
    assert amount[True] == pytest.approx(amount[False], rel=0.03)
    assert NEW_CODE not in set(claims["procedure_code"])


def test_same_seed_same_frames_other_seed_others() -> None:
    first, again, other = (generate_claims(1_500, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[1], again[1])
    assert not first[0].equals(other[0])


def test_chunks_have_their_own_claims_patients_and_providers() -> None:
    chunks = list(generate_chunks(7_001, chunk_size=3_000, seed=1, drift=0.5, fraud_rate=0.03))
    claims = pd.concat([chunk for chunk, _ in chunks])
    labels = pd.concat([label for _, label in chunks])
    assert len(chunks) == 3
    assert len(claims) == len(labels) == 7_001
    assert claims["claim_id"].is_unique
    assert labels["is_fraud"].sum() == 210
    for column in ("patient_id", "provider_id"):
        assert claims[column].nunique() == sum(chunk[column].nunique() for chunk, _ in chunks)


def test_a_single_chunk_equals_the_frames_in_memory() -> None:
    ((claims, labels),) = generate_chunks(1_200, seed=4)
    expected_claims, expected_labels = generate_claims(1_200, seed=4)
    pd.testing.assert_frame_equal(claims, expected_claims)
    pd.testing.assert_frame_equal(labels, expected_labels)


def test_write_sample_writes_all_chunks_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("claims_fraud.claims.sample.generate_chunks", in_small_chunks)
    claims_path, labels_path = write_sample(tmp_path / "raw", 5_000, seed=9, fraud_rate=0.0)
    expected = list(in_small_chunks(5_000, seed=9, fraud_rate=0.0))
    pd.testing.assert_frame_equal(
        pd.read_parquet(claims_path), pd.concat([claims for claims, _ in expected], ignore_index=True)
    )
    pd.testing.assert_frame_equal(
        pd.read_parquet(labels_path), pd.concat([labels for _, labels in expected], ignore_index=True)
    )
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == [
        "claim_labels.parquet",
        "claims_train.parquet",
    ]


def in_small_chunks(n_claims: int, *, seed: int, drift: float = 0.0, fraud_rate: float) -> list[Frames]:
    return list(generate_chunks(n_claims, chunk_size=2_000, seed=seed, drift=drift, fraud_rate=fraud_rate))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: generate_claims(999), "n_claims is 999, but must be at least 1000"),
        (lambda: generate_claims(seed=-1), "seed is -1, but must be 0 or more"),
        (lambda: generate_claims(fraud_rate=0.21), "fraud_rate is 0.21, but must lie in"),
        (lambda: generate_claims(fraud_rate=-0.01), "fraud_rate is -0.01, but must lie in"),
        (lambda: generate_claims(drift=1.01), "drift is 1.01, but must lie in"),
        (lambda: generate_claims(drift=float("nan")), "drift is nan, but must lie in"),
        (lambda: generate_chunks(5_000, chunk_size=1_999), "chunk_size is 1999, but must be at least 2000"),
        (lambda: generate_chunks(10), "n_claims is 10, but must be at least 1000"),
    ],
)
def test_arguments_out_of_range_are_refused(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
