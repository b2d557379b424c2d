"""What earlier claims show of a claim: literal cases, and a naive recomputation, a claim at a time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.claims import Columns, HistoryParameters
from claims_fraud.claims.across_claims import PATIENT_COLUMNS, PROVIDER_COLUMNS, patient_history, provider_history
from claims_fraud.claims.history import LAST_CLAIMS, derive_features

NAN = math.nan
OF = "possible_duplicate_of"
COLUMNS = Columns(
    procedure="code",
    categorical=("code",),
    numeric=("claim_amount", *PATIENT_COLUMNS, *PROVIDER_COLUMNS),
    protected={},
)
DERIVED = [*PATIENT_COLUMNS, *PROVIDER_COLUMNS, OF]
YEAR = 365
FIELDS = ["claim_id", "claim_date", "patient_id", "provider_id", "code", "claim_amount"]

Row = tuple[str, str, str | None, str | None, str | None, float]


def claims(rows: list[Row]) -> pd.DataFrame:
    kinds: dict[str, Any] = {**dict.fromkeys(FIELDS, object), "claim_date": "datetime64[ns]", "claim_amount": float}
    return pd.DataFrame(rows, columns=FIELDS).astype(kinds)


def billed(
    *days: str, amounts: tuple[float, ...] = (), codes: tuple[str | None, ...] = (), patient: str | None = "p"
) -> pd.DataFrame:
    """Return claims a, b, c, … of one patient and provider on these days, of one procedure and 100 unless said."""
    amount, code = amounts or (100.0,) * len(days), codes or ("x",) * len(days)
    return claims([(chr(ord("a") + n), day, patient, "d", code[n], amount[n]) for n, day in enumerate(days)])


def of_patient(frame: pd.DataFrame, name: str, days: int = YEAR) -> list[Any]:
    found: list[Any] = patient_history(frame, COLUMNS, days)[name].tolist()
    return found


def of_provider(frame: pd.DataFrame, name: str, days: int = YEAR) -> list[Any]:
    found: list[Any] = provider_history(frame, COLUMNS, days)[name].tolist()
    return found


def same(found: list[Any], expected: list[Any]) -> bool:
    """Tell whether values are equal, None and NaN being so too."""
    pairs = zip(found, expected, strict=True)
    return all((pd.isna(one) and pd.isna(other)) or one == other for one, other in pairs)


class TestPatientClaimsThatDay:
    def test_counts_the_earlier_ones_of_the_day_by_id(self) -> None:
        frame = billed("2025-01-02", "2025-01-01", "2025-01-02", "2025-01-02")
        assert of_patient(frame, "patient_claims_that_day") == [0.0, 0.0, 1.0, 2.0]

    def test_a_time_orders_the_day(self) -> None:
        frame = billed("2025-01-01 18:00", "2025-01-01 09:00", "2025-01-02 00:00")
        assert of_patient(frame, "patient_claims_that_day") == [1.0, 0.0, 0.0]

    def test_other_patients_do_not_count(self) -> None:
        frame = claims([(c, "2025-01-01", p, "d", "x", 1.0) for c, p in [("a", "p"), ("b", "q"), ("c", "p")]])
        assert of_patient(frame, "patient_claims_that_day") == [0.0, 0.0, 1.0]


class TestPatientProviders90Days:
    def visits(self, *of: tuple[str, str | None]) -> list[Any]:
        rows: list[Row] = [(f"c{n}", day, "p", provider, "x", 1.0) for n, (day, provider) in enumerate(of)]
        return of_patient(claims(rows), "patient_providers_90_days")

    def test_counts_different_ones_with_that_of_the_claim(self) -> None:
        days = ("2025-01-01", "2025-01-02", "2025-01-03", "2025-01-03")
        assert self.visits(*zip(days, "dede", strict=True)) == [1.0, 2.0, 2.0, 2.0]

    @pytest.mark.parametrize(("day", "number"), [("2025-04-01", 2.0), ("2025-04-02", 1.0)])
    def test_one_counts_for_90_days(self, day: str, number: float) -> None:
        assert self.visits(("2025-01-01", "d"), (day, "e")) == [1.0, number]

    def test_one_seen_again_counts_on_and_one_that_comes_back_counts_once(self) -> None:
        seen = [("2025-01-01", "d"), ("2025-03-01", "d"), ("2025-05-20", "e"), ("2025-12-01", "d"), ("2025-12-02", "d")]
        assert self.visits(*seen) == [1.0, 1.0, 2.0, 1.0, 1.0]

    def test_an_unknown_one_does_not_count(self) -> None:
        assert self.visits(("2025-01-01", None), ("2025-01-02", "d"), ("2025-01-03", None)) == [0.0, 1.0, 1.0]


class TestWindow:
    frame = billed("2025-01-01", "2025-01-11", "2025-01-22")

    def test_leaves_out_what_is_older(self) -> None:
        assert same(of_patient(self.frame, "days_since_same_procedure", 10), [NAN, 10.0, NAN])
        assert of_provider(self.frame, "provider_new_patients_that_day", 10) == [1.0, 0.0, 1.0]
        assert of_provider(self.frame, "provider_new_patients_that_day", 11) == [1.0, 0.0, 0.0]

    def test_shortens_the_days_of_a_column_and_does_not_lengthen_them(self) -> None:
        assert of_patient(self.frame, "possible_duplicates", 10) == [0.0, 1.0, 0.0]
        assert same(of_patient(self.frame, OF, 10), [None, "a", None])
        assert of_patient(self.frame, "possible_duplicates") == [0.0, 1.0, 2.0]
        providers = self.frame.assign(provider_id=["d", "e", "f"])
        assert of_patient(providers, "patient_providers_90_days", 10) == [1.0, 2.0, 1.0]
        assert of_patient(providers, "patient_providers_90_days") == [1.0, 2.0, 3.0]


class TestSameProcedure:
    def test_counts_those_of_the_day_and_days_since_the_last(self) -> None:
        frame = billed("2025-01-01", "2025-01-04", "2025-01-04", "2025-01-04", codes=("x", "x", "y", "x"))
        assert of_patient(frame, "same_procedure_same_day") == [0.0, 0.0, 0.0, 1.0]
        assert same(of_patient(frame, "days_since_same_procedure"), [NAN, 3.0, NAN, 0.0])

    def test_an_unknown_one_is_like_no_other(self) -> None:
        frame = billed("2025-01-01", "2025-01-01", "2025-01-02", codes=(None, None, "x"))
        for name in ("same_procedure_same_day", "possible_duplicates"):
            assert same(of_patient(frame, name), [NAN, NAN, 0.0])
        assert same(of_patient(frame, "days_since_same_procedure"), [NAN, NAN, NAN])
        assert of_patient(frame, "patient_claims_that_day") == [0.0, 1.0, 0.0]


class TestPossibleDuplicates:
    @pytest.mark.parametrize(
        ("days", "amounts", "is_one"),
        [
            (("2025-01-01", "2025-01-01"), (100.0, 100.0), True),
            (("2025-01-01", "2025-01-31"), (100.0, 100.0), True),
            (("2025-01-01", "2025-02-01"), (100.0, 100.0), False),
            (("2025-01-01 23:00", "2025-01-31 01:00"), (100.0, 100.0), True),
            (("2025-01-01", "2025-01-04"), (100.0, 101.5), True),
            (("2025-01-01", "2025-01-04"), (100.0, 95.0), True),
            (("2025-01-01", "2025-01-04"), (95.0, 100.0), True),
            (("2025-01-01", "2025-01-04"), (100.0, 94.0), False),
            (("2025-01-01", "2025-01-04"), (0.0, 0.0), True),
            (("2025-01-01", "2025-01-04"), (-100.0, 100.0), False),
        ],
    )
    def test_are_within_30_days_and_5_percent(
        self, days: tuple[str, str], amounts: tuple[float, float], is_one: bool
    ) -> None:
        frame = billed(*days, amounts=amounts)
        assert of_patient(frame, "possible_duplicates") == [0.0, float(is_one)]
        assert same(of_patient(frame, OF), [None, "a" if is_one else None])

    def test_are_of_the_patient_and_the_procedure(self) -> None:
        frame = billed("2025-01-01", "2025-01-01", codes=("x", "y"))
        other = billed("2025-01-01", "2025-01-01", patient="q").assign(claim_id=["c", "d"], code=["x", "y"])
        assert of_patient(pd.concat([frame, other], ignore_index=True), "possible_duplicates") == [0.0] * 4

    def test_may_be_of_another_provider(self) -> None:
        frame = billed("2025-01-01", "2025-01-03").assign(provider_id=["d", "e"])
        assert same(of_patient(frame, OF), [None, "a"])

    def test_without_an_amount_there_is_no_telling(self) -> None:
        frame = billed("2025-01-01", "2025-01-02", "2025-01-03", amounts=(NAN, 100.0, 100.0))
        assert same(of_patient(frame, "possible_duplicates"), [NAN, 0.0, 1.0])
        assert same(of_patient(frame, OF), [None, None, "b"])

    @pytest.mark.parametrize(
        ("days", "amounts", "closest"),
        [
            (("2025-01-01", "2025-01-09", "2025-01-10"), (100.0, 99.0, 100.0), "a"),
            (("2025-01-01", "2025-01-09", "2025-01-10"), (100.0, 100.0, 100.0), "b"),
            (("2025-01-09", "2025-01-01", "2025-01-10"), (101.0, 99.0, 100.0), "a"),
            (("2025-01-09", "2025-01-09", "2025-01-10"), (101.0, 99.0, 100.0), "a"),
        ],
        ids=["in amount", "then in days", "whichever is dearer", "then the earliest"],
    )
    def test_the_closest_is_named(self, days: tuple[str, ...], amounts: tuple[float, ...], closest: str) -> None:
        frame = billed(*days, amounts=amounts)
        assert of_patient(frame, "possible_duplicates")[2] == 2.0
        assert of_patient(frame, OF)[2] == closest

    @pytest.mark.parametrize("role", ["procedure", "claim_amount"])
    def test_need_procedure_and_amount(self, role: str) -> None:
        columns = COLUMNS.model_copy(update={role: None})
        expected = {"patient_claims_that_day", "patient_providers_90_days"}
        if role == "claim_amount":
            expected |= {"same_procedure_same_day", "days_since_same_procedure"}
        frame = billed("2025-01-01")
        assert set(patient_history(frame, columns, YEAR)) == expected
        assert OF not in derive_features(frame, columns)


class TestProviderHistory:
    def days(self, *of: tuple[str, str | None]) -> pd.DataFrame:
        return claims([(f"c{n}", day, patient, "d", "x", 1.0) for n, (day, patient) in enumerate(of)])

    def test_new_patients_of_the_day_so_far(self) -> None:
        first, second = "2025-01-01", "2025-01-02"
        frame = self.days((first, "p"), (first, "p"), (first, "q"), (second, "q"), (second, "r"), (second, "p"))
        assert of_provider(frame, "provider_new_patients_that_day") == [1.0, 1.0, 2.0, 0.0, 1.0, 1.0]
        assert of_provider(frame, "provider_claims_that_day") == [0.0, 1.0, 2.0, 0.0, 1.0, 2.0]

    def test_are_new_to_the_provider_not_to_all(self) -> None:
        frame = billed("2025-01-01", "2025-01-02").assign(provider_id=["d", "e"])
        assert of_provider(frame, "provider_new_patients_that_day") == [1.0, 1.0]

    def test_an_unknown_patient_is_not_new(self) -> None:
        frame = self.days(("2025-01-01", None), ("2025-01-01", "p"), ("2025-01-01", None))
        assert of_provider(frame, "provider_new_patients_that_day") == [0.0, 1.0, 1.0]


class TestWithout:
    def test_a_patient_there_is_no_history_of_it(self) -> None:
        history = patient_history(billed("2025-01-01", "2025-01-01", patient=None), COLUMNS, YEAR)
        assert history.isna().all(axis=None)
        assert set(history.dtypes[list(PATIENT_COLUMNS)]) == {np.dtype(float)}

    def test_a_provider_there_is_no_history_of_it(self) -> None:
        history = provider_history(billed("2025-01-01", "2025-01-01").assign(provider_id=None), COLUMNS, YEAR)
        assert history.isna().all(axis=None)

    def test_claims_there_are_the_columns(self) -> None:
        derived = derive_features(claims([]), COLUMNS)
        assert list(derived) == [*FIELDS, *PATIENT_COLUMNS, OF, "history_complete", *PROVIDER_COLUMNS]


def test_columns_that_the_data_has_are_kept() -> None:
    given = {"possible_duplicates": 7.0, "provider_claims_that_day": 8.0}
    derived = derive_features(billed("2025-01-01", "2025-01-01").assign(**given), COLUMNS)
    assert derived["possible_duplicates"].tolist() == [7.0, 7.0]
    assert derived["provider_claims_that_day"].tolist() == [8.0, 8.0]
    assert derived["same_procedure_same_day"].tolist() == [0.0, 1.0]


def naive(frame: pd.DataFrame, window_days: int) -> dict[str, list[Any]]:
    rows: list[Any] = list(frame.itertuples())
    result: dict[str, list[Any]] = {name: [] for name in DERIVED}
    for row in rows:
        before = [o for o in rows if (o.claim_date, o.claim_id) < (row.claim_date, row.claim_id)]
        before = [o for o in before if days_between(row, o) <= window_days]
        for name, value in {**naive_of_patient(row, before), **naive_of_provider(row, before)}.items():
            result[name].append(value)
    return result


def days_between(row: Any, other: Any) -> int:
    return int((row.claim_date.normalize() - other.claim_date.normalize()).days)


def naive_of_patient(row: Any, before: list[Any]) -> dict[str, Any]:
    if row.patient_id is None:
        return dict.fromkeys((*PATIENT_COLUMNS, OF), NAN)
    mine = [o for o in before if o.patient_id == row.patient_id]
    recent = {o.provider_id for o in [*mine, row] if days_between(row, o) <= 90} - {None}
    alike = [o for o in mine if o.code == row.code]
    doubles = [
        (abs(o.claim_amount - row.claim_amount), days_between(row, o), o.claim_date, o.claim_id)
        for o in alike
        if days_between(row, o) <= 30
        and abs(o.claim_amount - row.claim_amount) <= 0.05 * max(abs(o.claim_amount), abs(row.claim_amount))
    ]
    has_code = row.code is not None
    return {
        "patient_claims_that_day": sum(days_between(row, o) == 0 for o in mine),
        "patient_providers_90_days": len(recent),
        "same_procedure_same_day": sum(days_between(row, o) == 0 for o in alike) if has_code else NAN,
        "days_since_same_procedure": min((days_between(row, o) for o in alike), default=NAN) if has_code else NAN,
        "possible_duplicates": len(doubles) if has_code and not math.isnan(row.claim_amount) else NAN,
        OF: min(doubles)[3] if has_code and doubles else None,
    }


def naive_of_provider(row: Any, before: list[Any]) -> dict[str, Any]:
    if row.provider_id is None:
        return dict.fromkeys(PROVIDER_COLUMNS, NAN)
    theirs = [o for o in before if o.provider_id == row.provider_id]
    today = [o for o in theirs if days_between(row, o) == 0]
    known = {o.patient_id for o in theirs if o not in today}
    return {
        "provider_new_patients_that_day": len({o.patient_id for o in [*today, row]} - known - {None}),
        "provider_claims_that_day": len(today),
    }


@st.composite
def claim_frames(draw: st.DrawFn) -> pd.DataFrame:
    ids = draw(st.lists(st.integers(0, 99), unique=True, max_size=14))
    row = st.tuples(
        st.sampled_from(["2025-01-01", "2025-01-01 12:00", "2025-01-02", "2025-01-31", "2025-04-01", "2025-04-02"]),
        st.sampled_from(["p", "p", "q", None]),
        st.sampled_from(["d", "e", "é", None]),
        st.sampled_from(["x", "x", "y", None]),
        st.sampled_from([100.0, 100.0, 101.5, 95.0, 0.0, -100.0, NAN]),
    )
    return claims([(f"C{number}", *draw(row)) for number in ids])


@settings(max_examples=60, deadline=None)
@given(frame=claim_frames(), days=st.sampled_from([1, 29, 60, 89, 365]))
def test_equals_a_naive_recomputation_and_leaves_the_input(frame: pd.DataFrame, days: int) -> None:
    before = frame.copy()
    found = derive_features(frame, COLUMNS, history=HistoryParameters(window_days=days))
    expected = naive(frame, days)
    assert [name for name in DERIVED if not same(found[name].tolist(), expected[name])] == []
    pd.testing.assert_frame_equal(frame, before)


@settings(max_examples=20, deadline=None)
@given(frame=claim_frames(), seed=st.integers(0, 3))
def test_does_not_depend_on_the_order_of_rows(frame: pd.DataFrame, seed: int) -> None:
    again = derive_features(frame.sample(frac=1, random_state=seed), COLUMNS).sort_index()
    pd.testing.assert_frame_equal(again, derive_features(frame, COLUMNS))


@settings(max_examples=30, deadline=None)
@given(frame=claim_frames(), split=st.sampled_from(["2025-01-01", "2025-01-01 12:00", "2025-01-31", "2025-04-01"]))
def test_a_later_claim_never_changes_an_earlier_one(frame: pd.DataFrame, split: str) -> None:
    late = frame["claim_date"] > pd.Timestamp(split)
    expected = derive_features(frame[~late], COLUMNS)
    pd.testing.assert_frame_equal(derive_features(frame, COLUMNS)[~late], expected)


@settings(max_examples=30, deadline=None)
@given(frame=claim_frames(), split=st.sampled_from(["2025-01-01", "2025-01-01 12:00", "2025-01-31", "2025-04-01"]))
def test_increments_give_what_one_load_does(frame: pd.DataFrame, split: str) -> None:
    late = frame["claim_date"] > pd.Timestamp(split)
    at_once = derive_features(frame, COLUMNS)[late]
    pd.testing.assert_frame_equal(derive_features(frame[late], COLUMNS, earlier=frame[~late]), at_once)


def test_lines_of_one_claim_are_one() -> None:
    columns = Columns(
        claim_id=["claim", "line"],
        line="line",
        procedure="code",
        categorical=("code",),
        numeric=("claim_amount", *LAST_CLAIMS, *PATIENT_COLUMNS, *PROVIDER_COLUMNS),
        protected={},
    )
    rows = [
        ("A", 1, "2025-01-01", "x", 10.0),
        ("A", 2, "2025-01-01", "x", 10.0),
        ("A", 3, "2025-01-01", "y", 20.0),
        ("B", 1, "2025-01-04", "x", 10.0),
        ("B", 2, "2025-01-04", "z", 5.0),
        ("C", 1, "2025-01-04", "x", 10.0),
        ("C", 2, "2025-01-04", "x", 10.2),
    ]
    frame = pd.DataFrame(rows, columns=["claim", "line", "claim_date", "code", "claim_amount"]).assign(
        claim_line=[f"{claim}/{line}" for claim, line, *_ in rows],
        claim_date=lambda made: pd.to_datetime(made["claim_date"]),
        patient_id="p",
        provider_id="d",
    )
    found = derive_features(frame, columns)
    assert found["num_previous_claims"].tolist() == [0, 0, 0, 1, 1, 2, 2]
    assert found["days_since_last_claim"].fillna(-1).tolist() == [-1, -1, -1, 3, 3, 0, 0]
    # The first claim is of 40, the second of 15.
    assert found["average_claim_amount"].fillna(-1).tolist() == [-1, -1, -1, 40, 40, 27.5, 27.5]
    assert found["patient_claims_that_day"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found["provider_claims_that_day"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found["same_procedure_same_day"].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert found["days_since_same_procedure"].fillna(-1).tolist() == [-1, -1, -1, 3, -1, 0, 0]
    assert found[OF].tolist() == [None, None, None, "A/1", None, "B/1", "B/1"]
    shuffled = derive_features(frame.sample(frac=1, random_state=0), columns).sort_index()
    pd.testing.assert_frame_equal(shuffled, found)
