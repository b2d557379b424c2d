"""What people open in a spreadsheet runs nothing."""

from __future__ import annotations

import io

import openpyxl
import pandas as pd
import pytest

from claims_fraud.reporting.spreadsheets import without_formulas


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("+1+1", "'+1+1"),
        ("-2+3", "'-2+3"),
        ("@SUM(A1)", "'@SUM(A1)"),
        (" =1", "' =1"),
        ("\t=1", "' =1"),
        ("-5", "-5"),
        ("+3.5e2", "+3.5e2"),
        ("a\r\nb", "a  b"),
        ("<script>", "<script>"),
        ("042", "042"),
        (None, None),
        (7, 7),
    ],
)
def test_without_formulas(value, cell):
    assert without_formulas(pd.DataFrame({"code": [value]}, dtype=object))["code"].tolist() == [cell]


def test_columns_whose_names_are_no_text_are_escaped_too():
    assert without_formulas(pd.DataFrame({0: ["=1+1"]})).to_dict("list") == {0: ["'=1+1"]}


def test_numbers_and_dates_are_as_they_are():
    table = pd.DataFrame({"amount": [-1.5], "day": pd.to_datetime(["2025-01-01"]), "flagged": [True]})
    pd.testing.assert_frame_equal(without_formulas(table), table)


def test_no_cell_of_a_workbook_is_a_formula():
    table = pd.DataFrame({"code": ["=1+1", "@x", "plain"]})
    book = io.BytesIO()
    without_formulas(table).to_excel(book, index=False)
    cells = [cell for row in openpyxl.load_workbook(book).active.iter_rows() for cell in row]
    assert {cell.data_type for cell in cells} == {"s"}
