"""The benchmark of drift: its page is made from its results, and these keep what is promised."""

from __future__ import annotations

import json

import drift_alarms as benchmark
import pytest
from environment import RESULTS

ROWS = json.loads((RESULTS / "drift_alarms.json").read_text(encoding="utf-8"))["rows"]


def test_the_tables_are_those_of_the_results() -> None:
    page = benchmark.PAGE.read_text(encoding="utf-8")
    told = page.split("<!-- drift_alarms -->\n")[1].split("<!-- /drift_alarms -->")[0]
    assert told == f"\n{benchmark.report(ROWS)}\n"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['data']} {row['rows']}")
def test_fewer_than_one_batch_in_twenty_alarms_without_drift(row) -> None:
    assert row["alarms"] / row["batches"] < 0.05


def test_a_shift_of_a_quarter_deviation_is_found_in_five_thousand_rows_and_not_by_the_rule() -> None:
    (row,) = (row for row in ROWS if row["data"] == "normal" and row["rows"] == 5_000)
    assert row["found"] == row["batches"]
    assert row["found_by_rule"] < 0.05 * row["batches"]


def test_measures_what_it_says() -> None:
    rows = benchmark.measured(benchmark.Normal(), repeats=1)
    assert [(row["rows"], row["batches"], row["features"]) for row in rows] == [(n, 1, 13) for n in benchmark.SIZES]
