"""How claims are written, as `init-columns` proposes it: found by all values, and asked where two readings fit."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml
from pydantic import ValidationError

from claims_fraud.claims import ReadParameters
from claims_fraud.claims.format_proposal import Proposal, as_read, examples, propose_file, propose_values
from claims_fraud.claims.proposal import propose


def proposed(**columns: list) -> Proposal:
    return propose_values(pd.DataFrame(columns), Proposal())


class TestDates:
    @pytest.mark.parametrize(
        ("texts", "written"),
        [
            (["01/02/2024", "01/22/2024"], "%m/%d/%Y"),
            (["01/02/2024", "22/01/2024"], "%d/%m/%Y"),
            (["31.12.2024", "01.02.2024"], "%d.%m.%Y"),
            (["31.12.24", "01.02.24"], "%d.%m.%y"),
            (["12/31/2024 10:30", "1/2/2024 9:05"], "%m/%d/%Y %H:%M"),
            (["31-Dec-2024", "01-Feb-2024"], "%d-%b-%Y"),
        ],
    )
    def test_a_day_above_12_tells_the_order(self, texts, written):
        found = proposed(day=texts)
        assert found.read == {"date_format": {"day": written}}
        assert found.questions == {}

    def test_what_fits_two_orders_is_asked(self):
        found = proposed(day=["01/02/2024", "03/04/2024"])
        assert found.questions["date_format"] == (
            "choose: day may be %d/%m/%Y or %m/%d/%Y, which fit all of its values"
        )
        assert found.undecided == {"date_format": {"day": "choose"}}

    @pytest.mark.parametrize("nothing", ["00/00/0000", "00/00/0000 00:00:00"])
    def test_a_day_of_zeros_is_no_date_wherever_it_stands(self, nothing):
        for texts in (["01/22/2024", nothing], [nothing, "01/22/2024"]):
            found = proposed(day=texts)
            assert found.read == {"date_format": {"day": "%m/%d/%Y"}, "missing_values": {"day": [nothing]}}
            assert found.questions["missing_values"].startswith(f"check: day has {nothing} in 1 rows")

    @pytest.mark.parametrize("texts", [["2024-12-31", "2024-01-02"], ["20241231"], ["1.5", "2.5"], ["a", "b"]])
    def test_nothing_is_said_of_what_needs_none(self, texts):
        assert proposed(day=texts).read == {}


class TestNumbers:
    @pytest.mark.parametrize(
        ("texts", "read"),
        [
            (["1.234,56", "7,5"], {"decimal": ",", "thousands": "."}),
            (["1,234.56", "7.5"], {"thousands": ","}),
            (["$1,234.50", "$7.00"], {"thousands": ",", "currency": "$"}),
            (["12,50 EUR", "7,25 EUR"], {"decimal": ",", "currency": "EUR"}),
            (["1 234,5", "7,5"], {"decimal": ",", "thousands": " "}),
            (["1'234.50", "7.50"], {"thousands": "'"}),
        ],
    )
    def test_signs_and_currency_are_found(self, texts, read):
        found = proposed(amount=texts)
        assert {name: value for name, value in found.read.items() if name != "thousands"} == {
            name: value for name, value in read.items() if name != "thousands"
        }
        # What no value shows may be either.
        assert found.read.get("thousands", "") in (read.get("thousands", ""), "", ".")
        assert found.questions == {}

    def test_what_fits_two_readings_is_asked(self):
        found = proposed(amount=["1,234", "5,678"])
        assert "choose: decimal" in found.questions["decimal"]
        assert "thousands ','" in found.questions["decimal"]
        assert found.undecided == {"decimal": "choose", "thousands": "choose"}

    def test_of_two_currencies_one_has_to_be_chosen(self):
        found = proposed(amount=[*(f"${number}.50" for number in range(60)), "€2.50", "€3.50"])
        assert found.read == {"currency": "$"}
        assert found.undecided == {"currency": "choose"}
        assert found.questions["currency"] == "choose: $ or €; amounts in another one are rejected"

    def test_two_currencies_in_equal_parts_are_not_one_column(self):
        found = proposed(amount=["$1.50", "€2.50"])
        assert (found.read, found.undecided) == ({}, {})

    @pytest.mark.parametrize("texts", [["1.5", "2"], ["042", "17"], ["A1,B2", "C3"], ["x", "y"]])
    def test_nothing_is_said_of_what_needs_none(self, texts):
        assert proposed(amount=texts).read == {}


class TestMissingValues:
    def test_a_text_that_is_no_value_is_proposed(self):
        assert proposed(kind=["?", "rear"]).read == {"missing_values": {"kind": ["?"]}}

    def test_among_numbers_na_is_no_value(self):
        assert proposed(amount=["NA", "1", "2", "3"]).read == {"missing_values": {"amount": ["NA"]}}

    def test_among_codes_na_may_be_one_and_is_counted(self):
        found = proposed(region=["NA", "NA", "EU"])
        assert found.read == {}
        assert found.remarks == ["region has 'NA' in 2 rows: values, unless missing_values names them for region"]

    def test_sentinel_dates_are_proposed_and_counted(self):
        found = proposed(day=["9999-12-31", "2024-01-01", "9999-12-31"])
        assert found.read == {"missing_values": {"day": ["9999-12-31"]}}
        assert found.questions["missing_values"] == "check: day has 9999-12-31 in 2 rows; remove what is a date"


def test_examples_show_values_and_what_they_become():
    frame = pd.DataFrame({"day": ["31.12.2024", "?"], "amount": ["1.234,5", "7"], "code": ["x", "y"]})
    read = ReadParameters(decimal=",", thousands=".", date_format={"day": "%d.%m.%Y"}, missing_values={"day": ("?",)})
    assert examples(frame, as_read(frame, read)) == [
        "day: '?' is missing, '31.12.2024' is 2024-12-31",
        "amount: '1.234,5' is 1234.5, '7' is 7",
    ]
    assert as_read(frame, read)["code"].tolist() == ["x", "y"]


@pytest.mark.parametrize(
    ("content", "read"),
    [
        (b"a,b\n1,2\n", {}),
        (b"a;b\n1;2\n", {"separator": ";"}),
        (b"'a','b'\n'1','2'\n", {"quote": "'"}),
        ("a\tb\nö\t2\n".encode("utf-16"), {"separator": "\t"}),
        ("a;b\nMüller;2\n".encode("windows-1252"), {"encoding": "windows-1252", "separator": ";"}),
    ],
)
def test_separator_and_encoding_are_those_of_the_file(tmp_path, content, read):
    (tmp_path / "claims.csv").write_bytes(content)
    assert propose_file(tmp_path / "claims.csv", "FILE").read == read


def test_what_is_proposed_reads_the_file_that_it_was_proposed_for(tmp_path: Path):
    rows = [f"A{n:03d};{n % 28 + 1:02d}.01.2024;P{n % 9};D{n % 7};{n},5;x{n % 3}" for n in range(60)]
    path = tmp_path / "claims.csv"
    path.write_text("\n".join(["ClaimID;ServiceDate;PatientID;ProviderID;Amount;Kind", *rows]), encoding="utf-8-sig")
    text = propose(path)
    told = yaml.safe_load(text)
    assert told["read"]["separator"] == ";"
    assert told["read"]["date_format"] == {"ServiceDate": "%d.%m.%Y"}
    assert told["columns"]["claim_date"] == "ServiceDate"
    assert told["columns"]["claim_amount"] == "Amount"
    assert "#   Amount: '0,5' is 0.5, '1,5' is 1.5, '2,5' is 2.5" in text
    ReadParameters.model_validate(told["read"])


def test_what_fits_two_readings_is_refused_until_somebody_chooses(tmp_path: Path):
    rows = [f"A{n:03d},{n % 12 + 1:02d}/{n % 9 + 1:02d}/2024,P{n % 9},{n}.5" for n in range(60)]
    path = tmp_path / "claims.csv"
    path.write_text("\n".join(["ClaimID,ServiceDate,PatientID,Amount", *rows]), encoding="utf-8")
    told = yaml.safe_load(propose(path))
    assert told["columns"]["claim_date"] == "ServiceDate"
    with pytest.raises(ValidationError, match="'choose' is not a date format; write how dates stand in the file"):
        ReadParameters.model_validate(told["read"])
