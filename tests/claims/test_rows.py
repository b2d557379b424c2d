"""Tests of the row rules and of the kinds that values are brought to."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claims_fraud.claims import Columns, ReadParameters
from claims_fraud.claims.rows import (
    broken_rules,
    check_columns,
    dates,
    duplicate_rules,
    kinds,
    not_of_kind,
    numbers,
    reasons_by_row,
    required_columns,
    texts,
    tidied,
    truths,
    typed_claims,
)
from claims_fraud.errors import InputError

COLUMNS = Columns(
    claim_end_date="end",
    birth_date="born",
    procedure=None,
    categorical=("code",),
    numeric=("claim_amount",),
    protected={},
)
TODAY = date(2025, 6, 30)
STRINGS = [object, "string[python]", "string[pyarrow]", "category", pd.ArrowDtype(pa.string())]


def claims(rows: int = 1, **changes: Any) -> pd.DataFrame:
    first = {
        "claim_id": [f"C{number}" for number in range(rows)],
        "claim_date": "2025-01-02",
        "end": "2025-01-03",
        "born": "1980-05-05",
        "patient_id": "P1",
        "provider_id": "D1",
        "code": "0250",
        "claim_amount": 10.0,
    }
    return pd.DataFrame({**first, **changes})


def reasons_of(raw: pd.DataFrame, signed: tuple[str, ...] = ()) -> list[str | None]:
    before = raw.copy()
    typed, unreadable = typed_claims(raw, COLUMNS)
    rules = {**unreadable, **broken_rules(typed, COLUMNS, signed, TODAY)}
    pd.testing.assert_frame_equal(raw, before)
    return reasons_by_row(rules, raw.index).tolist()


def listed(values: pd.Series) -> list[Any]:
    return [None if pd.isna(value) else value for value in values]


class TestNumbers:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (pd.Series([Decimal("1.50"), None, Decimal("NaN"), 2]), [1.5, None, None, 2.0]),
            (pd.Series([1, None], dtype="Int64"), [1.0, None]),
            (pd.Series([1, None], dtype=pd.ArrowDtype(pa.int64())), [1.0, None]),
            (pd.Series([Decimal("1.50"), None], dtype=pd.ArrowDtype(pa.decimal128(5, 2))), [1.5, None]),
            (pd.Series([1, 2, None], dtype="category"), [1.0, 2.0, None]),
            (pd.Series([True, False]), [1.0, 0.0]),
            (pd.Series([True, None], dtype="boolean"), [1.0, None]),
            (pd.Series([[1], {"a": 1}, date(2025, 1, 1)]), [None, None, None]),
            (pd.Series(pd.to_datetime(["2025-01-01"])), [None]),
            (pd.Series(pd.to_timedelta([1], unit="D")), [None]),
            (pd.Series([10**30, "x"]), [1e30, None]),
            (pd.Series([], dtype=object), []),
        ],
    )
    def test_of_every_dtype(self, values: pd.Series, expected: list[float | None]) -> None:
        result = numbers(values)
        assert result.dtype == np.float64
        assert listed(result) == expected

    @pytest.mark.parametrize("dtype", STRINGS)
    def test_as_text(self, dtype: Any) -> None:
        values = pd.Series([" 1.50 ", "-2", "1e3", "inf", "1,5", "", None], dtype=dtype)
        assert listed(numbers(values)) == [1.5, -2.0, 1000.0, np.inf, None, None, None]


class TestNumbersAsWritten:
    @pytest.mark.parametrize(
        ("read", "texts", "expected"),
        [
            ({}, ["1,5", "(5)", "( 2.50 )"], [None, -5.0, -2.5]),
            ({"decimal": ","}, ["1,5", "-1,5", "1.5", "1.234,5"], [1.5, -1.5, None, None]),
            (
                {"decimal": ",", "thousands": "."},
                ["1.234,56", "12.345.678", "1234,5", "1.23,4", "12.34"],
                [1234.56, 12345678.0, 1234.5, None, None],
            ),
            ({"thousands": ","}, ["1,234.50", "(1,234.50)", "1,23", ",123"], [1234.5, -1234.5, None, None]),
            ({"thousands": " "}, ["1 234", "1\N{NO-BREAK SPACE}234.5", "1  234"], [1234.0, 1234.5, None]),
            ({"thousands": "'"}, ["1'234.50", "1'23"], [1234.5, None]),
            (
                {"currency": "$", "thousands": ","},
                ["$1,234.50", "-$5", "$-5", "$ 5", "($7.25)", "$(7.25)", "7", "€7", "$$7", "$"],
                [1234.5, -5.0, -5.0, 5.0, -7.25, -7.25, 7.0, None, None, None],
            ),
            ({"currency": "EUR", "decimal": ","}, ["12,50 EUR", "EUR 3"], [12.5, 3.0]),
        ],
    )
    def test_text_is_read_as_it_is_said_to_be_written(self, read, texts, expected) -> None:
        assert listed(numbers(pd.Series(texts), ReadParameters(**read))) == expected

    def test_numbers_that_are_none_of_text_are_as_they_are(self) -> None:
        read = ReadParameters(decimal=",", thousands=".")
        assert listed(numbers(pd.Series([1.5, 2, None], dtype=object), read)) == [1.5, 2.0, None]
        assert listed(numbers(pd.Series([1.5, None]), read)) == [1.5, None]

    def test_missing_values_are_by_column(self) -> None:
        read = ReadParameters(missing_values={"claim_amount": ("?", "-")})
        raw = pd.DataFrame(
            {
                **dict.fromkeys(required_columns(COLUMNS), "1"),
                **dict.fromkeys(COLUMNS.dates, "2025-01-01"),
                "claim_amount": ["?", " - "],
                "code": ["?", "x"],
            }
        )
        typed, unreadable = typed_claims(raw, COLUMNS, read)
        assert typed["claim_amount"].isna().all()
        assert not unreadable["claim_amount is not a number"].any()
        assert typed["code"].tolist() == ["?", "x"]


class TestTruths:
    def test_words_are_one_and_nothing(self) -> None:
        values = pd.Series(["Y", "no", " TRUE ", "False", "1", "0", "", None, "maybe", "2"])
        assert listed(truths(values)) == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, None, None, None, 2.0]

    def test_of_other_kinds(self) -> None:
        assert listed(truths(pd.Series([True, False]))) == [1.0, 0.0]
        assert listed(truths(pd.Series([True, None], dtype=object))) == [1.0, None]
        assert listed(truths(pd.Series([1, 0]))) == [1.0, 0.0]

    def test_may_be_told_by_a_word_of_their_own(self) -> None:
        values = pd.Series(["confirmed", "closed", " ", None])
        assert listed(truths(values, "confirmed")) == [1.0, 0.0, None, None]


class TestCodeSets:
    def test_hold_each_code_once_in_one_order(self) -> None:
        columns = Columns(
            procedure=None, categorical=["dx1", "dx2", "dx3"], protected=[], code_sets=[["dx1", "dx2", "dx3"]]
        )
        raw = pd.DataFrame({"dx1": ["B", None, "A"], "dx2": ["A", "C", "B"], "dx3": ["B", " ", None]})
        typed, _ = typed_claims(raw, columns)
        assert typed[["dx1", "dx2", "dx3"]].to_numpy().tolist() == [
            ["A", "B", None],
            ["C", None, None],
            ["A", "B", None],
        ]


class TestDatesAsWritten:
    def test_in_a_format(self) -> None:
        values = pd.Series(["31.12.2024", "1.2.2024", "12/31/2024", "2024-12-31", None, 20241231])
        assert listed(dates(values, "%d.%m.%Y")) == [
            pd.Timestamp("2024-12-31"), pd.Timestamp("2024-02-01"), None, None, None, None,
        ]  # fmt: skip

    def test_dates_that_are_none_of_text_need_no_format(self) -> None:
        values = pd.Series([datetime(2024, 12, 31), date(2024, 12, 30)], dtype=object)
        assert listed(dates(values, "%d.%m.%Y")) == [pd.Timestamp("2024-12-31"), pd.Timestamp("2024-12-30")]

    @pytest.mark.parametrize("zone", [None, "Europe/Berlin", "UTC"])
    def test_the_day_is_that_of_a_clock(self, zone) -> None:
        expected = {None: "2025-01-01", "Europe/Berlin": "2025-01-01", "UTC": "2024-12-31 23:00"}[zone]
        moment = pd.Timestamp("2025-01-01", tz="Europe/Berlin")
        for values in (
            pd.Series([moment]),
            pd.Series([moment], dtype=object),
            pd.Series(["2025-01-01T00:00:00+01:00"]),
            pd.Series(["2025-01-01 00:00+0100"]),
        ):
            assert listed(dates(values, None, zone)) == [pd.Timestamp(expected)]
        assert listed(dates(pd.Series(["2025-01-01", "2025-01-01 10:00"]), None, zone))[0] == pd.Timestamp("2025-01-01")


class TestDates:
    @pytest.mark.parametrize("dtype", STRINGS)
    def test_as_text_in_iso_8601(self, dtype: Any) -> None:
        values = pd.Series(["2025-03-31", "2025-03-31T22:30:00-05:00", "20250331", "31.03.2025", "03/31/2025", ""])
        # The day is that of the clock: half past ten in the evening is no next day.
        expected = ["2025-03-31", "2025-03-31 22:30", "2025-03-31", None, None, None]
        result = dates(values.astype(dtype))
        assert result.dtype == "datetime64[ns]"
        assert listed(result) == [value and pd.Timestamp(value) for value in expected]

    @pytest.mark.parametrize(
        "values",
        [
            pd.Series([date(2025, 3, 31), None]),
            pd.Series([datetime(2025, 3, 31), None]),
            pd.Series(pd.to_datetime(["2025-03-31", "NaT"])),
            pd.Series(pd.to_datetime(["2025-03-31", "NaT"])).astype("datetime64[us]"),
            pd.Series(pd.to_datetime(["2025-03-31", "NaT"])).astype("category"),
            pd.Series([date(2025, 3, 31), None], dtype=pd.ArrowDtype(pa.date32())),
            pd.Series([datetime(2025, 3, 31), None], dtype=pd.ArrowDtype(pa.timestamp("us"))),
            pd.Series(pd.to_datetime(["2025-03-31", "NaT"])).dt.tz_localize("Etc/GMT+4"),
            pd.Series([datetime(2025, 3, 31, tzinfo=timezone(timedelta(hours=-4))), None]),
        ],
    )
    def test_of_every_dtype(self, values: pd.Series) -> None:
        result = dates(values)
        assert result.dtype == "datetime64[ns]"
        assert listed(result) == [pd.Timestamp("2025-03-31"), None]

    @pytest.mark.parametrize("value", [20250331, 1.5, True, "now", "today", [1], pd.Timedelta(days=1)])
    def test_numbers_and_the_moment_of_the_run_are_none(self, value: Any) -> None:
        for values in (pd.Series([value]), pd.Series([value, "2025-03-31"], dtype=object)):
            assert dates(values).isna().tolist() == [True, False][: len(values)]

    def test_years_that_nanoseconds_cannot_hold_are_none(self) -> None:
        for unit in ("us", "s"):
            values = pd.Series(np.array(["9999-12-31", "0001-01-01", "2025-03-31"], dtype=f"datetime64[{unit}]"))
            assert listed(dates(values)) == [None, None, pd.Timestamp("2025-03-31")]
        assert listed(dates(pd.Series([date(9999, 12, 31), "9999-12-31"]))) == [None, None]


class TestTexts:
    @pytest.mark.parametrize(
        ("values", "expected"),
        [
            (pd.Series([250.0, None]), ["250", None]),
            (pd.Series([250.0, 250.5, np.inf, 1e30]), ["250", "250.5", "inf", "1000000000000000019884624838656"]),
            (pd.Series([250.0, None], dtype="Float64"), ["250", None]),
            (pd.Series([250.0, None], dtype=pd.ArrowDtype(pa.float64())), ["250", None]),
            (pd.Series([250.0, "E11", None], dtype=object), ["250", "E11", None]),
            (pd.Series([250, None], dtype="Int64"), ["250", None]),
            (pd.Series([True, False]), ["true", "false"]),
            (pd.Series([None, None], dtype=float), [None, None]),
            (pd.Series([], dtype=float), []),
        ],
    )
    def test_of_numbers(self, values: pd.Series, expected: list[str | None]) -> None:
        assert texts(values).dtype == object
        assert texts(values).tolist() == expected

    def test_blanks_around_are_no_part_and_letters_are_composed(self) -> None:
        values = pd.Series(["A1 ", "\tA1", "A\u030angstro\u0308m", "a b", " ", 7])
        assert texts(values).tolist() == ["A1", "A1", "Ångström", "a b", None, "7"]
        assert tidied(values) == 3

    @pytest.mark.parametrize("dtype", STRINGS)
    def test_of_text_with_blank_as_missing(self, dtype: Any) -> None:
        values = pd.Series(["0250", "", "  ", None, "Ångström", "nan"], dtype=dtype)
        assert texts(values).tolist() == ["0250", None, None, None, "Ångström", "nan"]

    def test_a_code_does_not_depend_on_its_batch(self) -> None:
        values = pd.Series([250.0, 250.5])
        assert texts(values)[:1].tolist() == texts(values[:1]).tolist()


class TestNested:
    @pytest.mark.parametrize("value", [["x"], {"a": 1}, ("x",), np.array(["x"])])
    def test_a_role_takes_single_values(self, value: Any) -> None:
        names = dict.fromkeys(required_columns(COLUMNS), "1")
        raw = pd.DataFrame([names, names])
        raw["code"] = pd.Series([None, value], dtype=object)
        with pytest.raises(InputError, match="'code' holds lists, structures or bytes, and a role takes single"):
            typed_claims(raw, COLUMNS)


class TestColumnsFound:
    def test_required_are_all_but_the_derivable(self) -> None:
        assert "num_previous_claims" not in required_columns(Columns())
        assert required_columns(COLUMNS) == (*COLUMNS.identifiers, "code", "claim_amount")

    def test_missing_column_is_named_with_the_nearest(self) -> None:
        raw = claims().rename(columns={"claim_amount": "claim_amnt"})
        with pytest.raises(
            InputError, match=r"column 'claim_amount' is not in .* Did you mean 'claim_amnt'\?.*Correct"
        ):
            check_columns(raw.columns, COLUMNS)

    def test_names_that_are_numbers_are_no_text(self) -> None:
        with pytest.raises(InputError, match="column 'claim_id', 'claim_date'"):
            check_columns([0, 1, 2], COLUMNS)

    def test_repeated_column(self) -> None:
        raw = pd.concat([claims(), claims()[["code"]]], axis=1)
        with pytest.raises(InputError, match=r"'code' appears more than once in the claims. Rename or drop"):
            check_columns(raw.columns, COLUMNS)

    def test_a_column_without_values_is_missing_whatever_its_kind(self) -> None:
        typed, unreadable = typed_claims(claims(2, born=None, claim_amount=None, code=""), COLUMNS)
        assert typed.isna().sum().to_dict() == {**dict.fromkeys(typed, 0), "born": 2, "claim_amount": 2, "code": 2}
        assert not np.any(list(unreadable.values()))

    def test_each_given_column_with_a_role_has_a_kind(self) -> None:
        columns = COLUMNS.model_copy(update={"label": "is_fraud"})
        assert kinds(columns, ["note", "is_fraud", "claim_amount", "code", "claim_id", "born"]) == {
            "claim_id": "text",
            "born": "a date",
            "is_fraud": "1 or 0, yes or no, true or false",
            "code": "text",
            "claim_amount": "a number",
        }
        assert not_of_kind("born", "a date") == "born is not a date"

    def test_columns_without_a_role_are_left_out(self) -> None:
        typed, _ = typed_claims(claims(note="x"), COLUMNS)
        assert list(typed) == [*COLUMNS.identifiers, "code", "claim_amount"]

    def test_works_on_no_rows(self) -> None:
        typed, unreadable = typed_claims(claims(3)[:0], COLUMNS)
        rules = {**unreadable, **broken_rules(typed, COLUMNS, (), TODAY), **duplicate_rules(claims()[:0], "claim_id")}
        assert len(typed) == 0
        assert typed.dtypes.astype(str).to_dict()["claim_date"] == "datetime64[ns]"
        assert reasons_by_row(rules, typed.index).tolist() == []

    def test_an_optional_role_may_be_null_where_there_is_no_such_column(self) -> None:
        names = [name for name in required_columns(COLUMNS) if name != "provider_id"]
        with pytest.raises(InputError, match=r"Where claims have no such column: set provider: null\."):
            check_columns(names, COLUMNS)

    def test_what_a_derived_column_takes_is_named(self) -> None:
        columns = Columns(party=None, procedure=None, categorical=["code"], protected=[])
        names = [name for name in required_columns(columns) if name != "num_previous_claims"]
        with pytest.raises(InputError, match="To derive num_previous_claims takes the role party; name it, or leave"):
            check_columns(names, columns)


class TestRules:
    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("claim_id", None, "claim_id is missing"),
            ("claim_id", "  ", "claim_id is missing"),
            ("claim_date", None, "claim_date is missing"),
            ("claim_date", "soon", "claim_date is not a date"),
            ("claim_date", "2025-07-01", "claim_date is after 2025-06-30; end is before claim_date"),
            ("end", "2025-01-01", "end is before claim_date"),
            ("born", "2025-01-03", "born is after claim_date"),
            ("born", "?", "born is not a date"),
            ("claim_amount", "abc", "claim_amount is not a number"),
            ("claim_amount", -0.01, "claim_amount is negative"),
            ("claim_amount", np.inf, "claim_amount is infinite"),
            ("claim_amount", "-inf", "claim_amount is infinite; claim_amount is negative"),
        ],
    )
    def test_a_bad_value_rejects_its_row_alone(self, name: str, value: Any, reason: str) -> None:
        raw = claims(3).astype({name: object})
        raw.loc[1, name] = value
        assert reasons_of(raw) == [None, reason, None]

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("claim_date", "2025-01-02T23:59:00"),
            ("end", None),
            ("end", "2025-01-02"),
            ("born", "2025-01-02T10:00:00"),
            ("claim_amount", None),
            ("claim_amount", "0"),
            ("patient_id", None),
            ("code", "\U0001f600"),
        ],
    )
    def test_what_is_unusual_but_possible_stays(self, name: str, value: Any) -> None:
        raw = claims(2).astype({name: object})
        raw.loc[1, name] = value
        assert reasons_of(raw) == [None, None]

    def test_days_are_compared_whatever_the_time_of_day(self) -> None:
        raw = claims(claim_date="2025-06-30T14:00:00", end="2025-06-30", born="2025-06-30T20:00:00")
        assert reasons_of(raw) == [None]

    def test_signed_columns_may_be_negative(self) -> None:
        assert reasons_of(claims(claim_amount=-5), signed=("claim_amount",)) == [None]

    def test_reasons_have_the_rows_index(self) -> None:
        reasons = reasons_by_row({"odd": np.array([False, True])}, pd.Index([7, 9]))
        assert reasons.to_dict() == {7: None, 9: "odd"}

    def test_reasons_are_joined(self) -> None:
        raw = claims(3, claim_id=["a", None, "c"], born=["x", "1980-01-01", "1980-01-01"], claim_amount=[-1, 1, 1])
        assert reasons_of(raw) == ["born is not a date; claim_amount is negative", "claim_id is missing", None]


class TestDuplicates:
    @staticmethod
    def reasons(raw: pd.DataFrame) -> list[str | None]:
        before = raw.copy()
        reasons = reasons_by_row(duplicate_rules(raw, "claim_id"), raw.index).tolist()
        pd.testing.assert_frame_equal(raw, before)
        return reasons

    def test_of_identical_rows_the_first_stays(self) -> None:
        raw = pd.DataFrame({"claim_id": ["a", "b", "a", "a"], "x": [1, 1, 1, 1]})
        assert self.reasons(raw) == [None, None, "duplicate row", "duplicate row"]

    def test_different_rows_under_one_id_are_all_bad(self) -> None:
        raw = pd.DataFrame({"claim_id": ["a", "b", "a", "a"], "x": [1, 1, 2, 1]})
        different = "different rows share this claim_id"
        assert self.reasons(raw) == [different, None, different, different]

    def test_missing_ids_are_no_duplicates(self) -> None:
        raw = pd.DataFrame({"claim_id": [None, None, ""], "x": [1, 1, 1]})
        assert self.reasons(raw) == [None, None, None]

    def test_lists_from_parquet_are_compared_in_full(self, tmp_path: Path) -> None:
        long = list(range(2000))
        codes = [[1.000000001], [1.000000001], [1.000000001], [1.000000002], long, [*long[:1000], -1, *long[1001:]]]
        pq.write_table(pa.table({"claim_id": list("aabbcc"), "codes": codes}), tmp_path / "claims.parquet")
        different = "different rows share this claim_id"
        expected = [None, "duplicate row", different, different, different, different]
        assert self.reasons(pd.read_parquet(tmp_path / "claims.parquet")) == expected

    @pytest.mark.parametrize("dtype", STRINGS)
    def test_missing_values_are_equal(self, dtype: Any) -> None:
        raw = pd.DataFrame({"claim_id": ["a", "a"], "x": pd.Series([None, None], dtype=dtype)})
        assert self.reasons(raw) == [None, "duplicate row"]
