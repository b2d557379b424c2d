"""Tests of derived columns: literal cases and a naive recomputation, a claim at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns, HistoryParameters, derived_sources
from claims_fraud.claims.history import (
    DERIVED,
    DERIVED_FROM,
    LAST_CLAIMS,
    derivable,
    derive_features,
    is_enough_to_learn_from,
)

COLUMNS = Columns(procedure=None, categorical=("code",), numeric=("claim_amount", *LAST_CLAIMS), protected={})
DATED = Columns(
    procedure=None,
    claim_end_date="end",
    birth_date="born",
    categorical=("code",),
    numeric=("claim_amount", "claim_duration_days", "patient_age"),
    protected={},
)
NAN = math.nan


def claims(rows: list[tuple[str, str, str | None, float]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["claim_id", "claim_date", "patient_id", "claim_amount"]).assign(provider_id="d")
    kinds: dict[str, Any] = {"claim_id": object, "patient_id": object, "claim_amount": float}
    return frame.astype({**kinds, "claim_date": "datetime64[ns]"})


def history_of(frame: pd.DataFrame, earlier: pd.DataFrame | None = None) -> dict[Any, Any]:
    return derive_features(frame, COLUMNS, earlier)[list(LAST_CLAIMS)].to_dict("list")


def same(found: dict[Any, Any], expected: dict[str, list[float]]) -> bool:
    return all(np.allclose(found[name], expected[name], rtol=1e-12, atol=0, equal_nan=True) for name in expected)


class TestDerivable:
    def test_needs_the_role_it_is_derived_from(self) -> None:
        assert derivable(Columns()) == (
            "days_since_last_claim",
            "num_previous_claims",
            "average_claim_amount",
            "patient_claims_that_day",
            "patient_providers_90_days",
            "same_procedure_same_day",
            "days_since_same_procedure",
            "possible_duplicates",
            "provider_new_patients_that_day",
        )
        assert derivable(DATED) == ("claim_duration_days", "patient_age")

    def test_average_needs_an_amount(self) -> None:
        columns = Columns(claim_amount=None, procedure=None, categorical=("code",), numeric=LAST_CLAIMS, protected={})
        assert derivable(columns) == ("days_since_last_claim", "num_previous_claims")

    @pytest.mark.parametrize(
        ("roles", "lacking"),
        [
            ({"procedure": None}, {"same_procedure_same_day", "days_since_same_procedure", "possible_duplicates"}),
            ({"claim_amount": None}, {"average_claim_amount", "possible_duplicates"}),
        ],
    )
    def test_a_possible_duplicate_needs_procedure_and_amount(self, roles: dict[str, None], lacking: set[str]) -> None:
        assert set(derivable(Columns())) - set(derivable(Columns(**roles))) == lacking
        assert Columns().links == ("possible_duplicate_of",)
        assert Columns(**roles).links == ()


class TestDerivedSources:
    def test_are_named_as_the_claims_name_them(self) -> None:
        columns = Columns(patient_id="member", claim_amount="paid", numeric=("paid", *DERIVED), protected=[])
        assert derived_sources(columns) == {
            "days_since_last_claim": ("member",),
            "num_previous_claims": ("member",),
            "average_claim_amount": ("member", "days_since_last_claim"),
            "patient_claims_that_day": ("member",),
            "patient_providers_90_days": ("member",),
            "same_procedure_same_day": ("member", "procedure_code"),
            "days_since_same_procedure": ("member", "procedure_code", "days_since_last_claim"),
            "possible_duplicates": ("member", "procedure_code", "paid"),
            "provider_new_patients_that_day": ("provider_id",),
            "provider_claims_that_day": ("provider_id",),
        }

    def test_are_of_columns_that_the_model_sees(self) -> None:
        columns = DATED.model_copy(update={"protected": {"patient_age": "none"}})
        assert set(derived_sources(columns)) == {"claim_duration_days"}

    def test_are_known_of_every_derived_column(self) -> None:
        assert set(DERIVED_FROM) == set(DERIVED)
        assert derived_sources(DATED) == {
            "claim_duration_days": ("claim_date", "end"),
            "patient_age": ("claim_date", "born"),
        }

    def test_where_one_is_empty_the_derived_column_is(self) -> None:
        columns = Columns(birth_date="born", claim_end_date="end", numeric=("claim_amount", *DERIVED), protected=[])
        whole = claims([(f"c{n}", "2025-01-01", "p", 1.0) for n in range(9)])
        whole = whole.assign(procedure_code="x", born=whole["claim_date"], end=whole["claim_date"])
        for name, sources in derived_sources(columns).items():
            for source in (one for one in sources if one in whole and one != "claim_date"):
                derived = derive_features(whole.assign(**{source: whole[source].mask(whole.index == 8)}), columns)
                assert derived[name].isna().tolist()[1:] == [False] * 7 + [True], (name, source)
        alone = derive_features(whole.head(1), columns)
        assert alone[["average_claim_amount", "days_since_same_procedure"]].isna().all(axis=None)


class TestEnoughToLearnFrom:
    @pytest.mark.parametrize(
        ("complete", "claims", "enough"),
        [
            (0, 700, False),
            (349, 700, False),
            (350, 700, True),
            (1_999, 10_000, False),
            (2_000, 10_000, True),
            (2_000, 1_000_000, True),
        ],
    )
    def test_half_of_the_claims_or_two_thousand(self, complete: int, claims: int, enough: bool) -> None:
        assert is_enough_to_learn_from(complete, claims) == enough


class TestWindow:
    def history(self, days: int, *dates: str) -> dict[Any, Any]:
        frame = claims([(f"c{n}", date, "p", 10.0 * (n + 1)) for n, date in enumerate(dates)])
        derived = derive_features(frame, COLUMNS, history=HistoryParameters(window_days=days))
        return derived[[*LAST_CLAIMS, "history_complete"]].to_dict("list")

    def test_a_claim_on_its_last_day_counts_and_one_before_does_not(self) -> None:
        found = self.history(30, "2025-01-01", "2025-01-31", "2025-03-02", "2025-04-02")
        expected = {
            "days_since_last_claim": [NAN, 30.0, 30.0, NAN],
            "num_previous_claims": [0.0, 1.0, 1.0, 0.0],
            "average_claim_amount": [NAN, 10.0, 20.0, NAN],
        }
        assert same(found, expected)
        assert found["history_complete"] == [False, True, True, True]

    def test_is_of_whole_days(self) -> None:
        found = self.history(1, "2025-01-01 08:00", "2025-01-02 20:00", "2025-01-04 01:00")
        assert same(found, {"num_previous_claims": [0.0, 1.0, 0.0]})
        assert found["history_complete"] == [False, True, True]

    def test_is_a_year_by_default(self) -> None:
        frame = claims([(f"c{n}", day, "p", 1.0) for n, day in enumerate(("2024-01-01", "2024-12-31", "2025-12-31"))])
        derived = derive_features(frame, COLUMNS)
        assert derived["num_previous_claims"].tolist() == [0.0, 1.0, 1.0]
        assert derived["history_complete"].tolist() == [False, True, True]

    def test_begins_with_the_earlier_claims_where_there_are_any(self) -> None:
        earlier, frame = claims([("a", "2024-01-01", "q", 1.0)]), claims([("b", "2024-12-31", "p", 1.0)])
        assert derive_features(frame, COLUMNS, earlier)["history_complete"].tolist() == [True]
        assert derive_features(frame, COLUMNS, earlier.head(0))["history_complete"].tolist() == [False]

    def test_without_a_derived_history_none_is_incomplete(self) -> None:
        frame = claims([("a", "2025-01-01", "p", 1.0)])
        given = frame.assign(days_since_last_claim=1.0, num_previous_claims=1.0, average_claim_amount=1.0)
        assert derive_features(given, COLUMNS)["history_complete"].tolist() == [True]
        dated = frame.assign(end=frame["claim_date"], born=frame["claim_date"])
        assert derive_features(dated, DATED)["history_complete"].tolist() == [True]


class TestHistory:
    def test_counts_the_patients_earlier_claims_only(self) -> None:
        frame = claims(
            [
                ("c", "2025-01-11", "p", 40.0),
                ("a", "2025-01-01", "p", 10.0),
                ("x", "2025-01-05", "q", 99.0),
                ("b", "2025-01-04", "p", 20.0),
            ]
        )
        expected = {
            "days_since_last_claim": [7.0, NAN, NAN, 3.0],
            "num_previous_claims": [2.0, 0.0, 0.0, 1.0],
            "average_claim_amount": [15.0, NAN, NAN, 10.0],
        }
        assert same(history_of(frame), expected)

    def test_ties_go_by_date_then_id(self) -> None:
        frame = claims([("b", "2025-01-01", "p", 2.0), ("a", "2025-01-01", "p", 1.0)])
        expected = {
            "days_since_last_claim": [0.0, NAN],
            "num_previous_claims": [1.0, 0.0],
            "average_claim_amount": [1.0, NAN],
        }
        assert same(history_of(frame), expected)

    def test_time_of_day_orders_but_does_not_count_as_a_day(self) -> None:
        frame = claims([("a", "2025-01-02 01:00", "p", 2.0), ("b", "2025-01-01 23:00", "p", 1.0)])
        expected = {"days_since_last_claim": [1.0, NAN], "num_previous_claims": [1.0, 0.0]}
        assert same(history_of(frame), expected)

    def test_without_patient_there_is_none(self) -> None:
        frame = claims([("a", "2025-01-01", None, 1.0), ("b", "2025-01-02", None, 1.0)])
        assert same(history_of(frame), {name: [NAN, NAN] for name in LAST_CLAIMS})

    def test_missing_amounts_do_not_enter_the_average(self) -> None:
        frame = claims(
            [("a", "2025-01-01", "p", NAN), ("b", "2025-01-02", "p", 6.0), ("c", "2025-01-03", "p", 1.0)],
        )
        assert same(history_of(frame), {"average_claim_amount": [NAN, NAN, 6.0]})

    def test_own_amount_does_not_enter_even_by_rounding(self) -> None:
        frame = claims([("a", "2025-01-01", "p", 0.1), ("b", "2025-01-02", "p", 1e17)])
        assert history_of(frame)["average_claim_amount"][1] == 0.1

    def test_columns_the_data_has_are_kept(self) -> None:
        frame = claims([("a", "2025-01-01", "p", 1.0)]).assign(num_previous_claims=7.0)
        derived = derive_features(frame, COLUMNS)
        assert derived["num_previous_claims"].tolist() == [7.0]
        assert set(LAST_CLAIMS) <= set(derived.columns)

    def test_works_on_a_selection_with_any_index(self) -> None:
        frame = claims([("a", "2025-01-01", "p", 1.0), ("b", "2025-01-03", "p", 1.0)]).set_axis([5, 5])
        derived = derive_features(frame, COLUMNS)
        assert derived.index.tolist() == [5, 5]
        assert same(derived.to_dict("list"), {"days_since_last_claim": [NAN, 2.0]})

    def test_works_on_no_claims(self) -> None:
        empty = claims([])
        for earlier in (None, empty, claims([("a", "2025-01-01", "p", 1.0)])):
            derived = derive_features(empty, COLUMNS, earlier)
            assert derived.shape == (0, 9)
            assert set(derived.dtypes[list(LAST_CLAIMS)]) == {np.dtype(float)}


class TestEarlierClaims:
    def test_count_as_history(self) -> None:
        earlier = claims([("a", "2025-01-01", "p", 10.0), ("z", "2025-02-01", "p", 10.0)])
        frame = claims([("b", "2025-01-04", "p", 1.0)])
        expected = {"days_since_last_claim": [3.0], "num_previous_claims": [1.0], "average_claim_amount": [10.0]}
        assert same(history_of(frame, earlier), expected)

    def test_a_claim_that_comes_again_replaces_itself(self) -> None:
        earlier = claims([("a", "2025-01-01", "p", 10.0), ("b", "2025-01-02", "p", 10.0)])
        frame = claims([("b", "2025-01-04", "p", 1.0)])
        assert same(history_of(frame, earlier), {"days_since_last_claim": [3.0], "num_previous_claims": [1.0]})


class TestOtherDates:
    def test_days_count_up_to_the_claim_and_below_0_after_it(self) -> None:
        columns = Columns(
            party=None, provider=None, procedure=None, categorical=["code"], numeric=["claim_amount"], protected=[],
            other_dates=["start", "reported"],
        )  # fmt: skip
        dated = pd.DataFrame(
            {
                "claim_id": ["a", "b"],
                "claim_date": pd.to_datetime(["2025-03-10", "2025-03-10"]),
                "start": pd.to_datetime(["2025-03-01", None]),
                "reported": pd.to_datetime(["2025-03-12T08:00", "2025-03-10T00:00"]),
                "code": "x",
                "claim_amount": 1.0,
            }
        )
        derived = derive_features(dated, columns)
        assert derived["days_since_start"].tolist()[0] == 9
        assert math.isnan(derived["days_since_start"][1])
        assert derived["days_since_reported"].tolist() == [-2.0, 0.0]
        assert derived["history_complete"].all()


class TestAbsentRoles:
    def test_what_needs_one_cannot_be_derived(self) -> None:
        assert derivable(Columns(party=None)) == ()
        without_provider = set(DERIVED) - set(derivable(Columns(provider=None, numeric=("claim_amount", *DERIVED))))
        assert without_provider == {
            "claim_duration_days",
            "patient_age",
            "patient_providers_90_days",
            "provider_claims_that_day",
            "provider_new_patients_that_day",
        }

    def test_the_providers_claims_need_no_party(self) -> None:
        columns = Columns(
            party=None, procedure=None, categorical=["code"], numeric=["provider_claims_that_day"], claim_amount=None,
            protected=[],
        )  # fmt: skip
        raw = claims([("a", "2025-01-01", "p", 1.0), ("b", "2025-01-01", "q", 1.0)]).drop(columns="patient_id")
        assert derive_features(raw, columns)["provider_claims_that_day"].tolist() == [0.0, 1.0]


class TestDates:
    @pytest.mark.parametrize(
        ("born", "start", "age"),
        [
            ("2001-01-01", "2002-01-01", 1.0),
            ("2001-01-02", "2002-01-01", 0.0),
            ("2000-02-29", "2001-02-28", 0.0),
            ("2000-02-29", "2001-03-01", 1.0),
            ("1943-06-15", "2009-04-12 23:59", 65.0),
            (None, "2009-04-12", NAN),
        ],
    )
    def test_age_is_the_number_of_birthdays(self, born: str, start: str, age: float) -> None:
        frame = claims([("a", start, "p", 1.0)])
        frame = frame.assign(born=pd.to_datetime([born]), end=frame["claim_date"])
        assert same(derive_features(frame, DATED).to_dict("list"), {"patient_age": [age]})

    def test_duration_is_in_whole_days(self) -> None:
        frame = claims([("a", "2025-01-01 22:00", "p", 1.0), ("b", "2025-01-01", "p", 1.0)])
        frame = frame.assign(end=pd.to_datetime(["2025-01-03 01:00", "NaT"]), born=frame["claim_date"])
        assert same(derive_features(frame, DATED).to_dict("list"), {"claim_duration_days": [2.0, NAN]})


def naive(frame: pd.DataFrame, window_days: int) -> dict[str, list[float]]:
    rows: list[Any] = list(frame.itertuples())
    result: dict[str, list[float]] = {name: [] for name in LAST_CLAIMS}
    for row in rows:
        key = (row.claim_date, row.claim_id)
        mine = [other for other in rows if other.patient_id == row.patient_id is not None]
        mine = [other for other in mine if (row.claim_date - other.claim_date).days <= window_days]
        before = sorted((o for o in mine if (o.claim_date, o.claim_id) < key), key=lambda o: (o.claim_date, o.claim_id))
        amounts = [other.claim_amount for other in before if not math.isnan(other.claim_amount)]
        result["days_since_last_claim"].append((row.claim_date - before[-1].claim_date).days if before else NAN)
        result["num_previous_claims"].append(len(before) if row.patient_id is not None else NAN)
        result["average_claim_amount"].append(sum(amounts) / len(amounts) if amounts else NAN)
    return result


@st.composite
def claim_frames(draw: st.DrawFn) -> pd.DataFrame:
    ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=12))
    row = st.tuples(
        st.integers(1, 6), st.sampled_from(["p", "q", "é", None]), st.one_of(st.just(NAN), st.integers(0, 500))
    )
    rows = [(f"C{number}", draw(row)) for number in ids]
    return claims([(claim, f"2025-01-0{day}", patient, float(amount)) for claim, (day, patient, amount) in rows])


@settings(max_examples=30, deadline=None)
@given(frame=claim_frames(), days=st.sampled_from([1, 2, 3, 365]))
def test_equals_a_naive_recomputation_and_leaves_the_input(frame: pd.DataFrame, days: int) -> None:
    before = frame.copy()
    derived = derive_features(frame, COLUMNS, history=HistoryParameters(window_days=days))
    assert same(derived.to_dict("list"), naive(frame, days))
    first = frame["claim_date"].min()
    assert derived["history_complete"].tolist() == [(day - first).days >= days for day in frame["claim_date"]]
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=20, deadline=None)
@given(frame=claim_frames(), seed=st.integers(0, 3))
def test_does_not_depend_on_the_order_of_rows(frame: pd.DataFrame, seed: int) -> None:
    shuffled = frame.sample(frac=1, random_state=seed)
    again = derive_features(shuffled, COLUMNS).sort_index()
    pd.testing.assert_frame_equal(again, derive_features(frame, COLUMNS))


@settings(max_examples=20, deadline=None)
@given(frame=claim_frames(), split=st.integers(1, 6))
def test_a_later_claim_never_changes_the_history_of_an_earlier_one(frame: pd.DataFrame, split: int) -> None:
    late = frame["claim_date"] > pd.Timestamp(2025, 1, split)
    changed = frame.assign(claim_amount=frame["claim_amount"].mask(late, 1e12))
    expected = derive_features(frame[~late], COLUMNS)
    pd.testing.assert_frame_equal(derive_features(changed, COLUMNS)[~late], expected)


@settings(max_examples=20, deadline=None)
@given(frame=claim_frames(), split=st.integers(1, 6))
def test_batch_by_batch_is_the_same_as_at_once(frame: pd.DataFrame, split: int) -> None:
    late = frame["claim_date"] > pd.Timestamp(2025, 1, split)
    at_once = derive_features(frame, COLUMNS)[late]
    pd.testing.assert_frame_equal(derive_features(frame[late], COLUMNS, earlier=frame[~late]), at_once)
