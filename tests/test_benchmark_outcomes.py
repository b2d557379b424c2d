"""The benchmark of learning from outcomes: its page is made from its results, and it goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import outcomes
from environment import README, RESULTS


def never() -> dict:
    raise AssertionError("measured again")


def test_what_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "results.jsonl"
    row = outcomes.Results(path).of(lambda: {"average_precision": 0.123456}, step="tuning", settings={"a": None})
    assert row["average_precision"] == 0.1235
    assert outcomes.Results(path).of(never, step="tuning", settings={"a": None}) == row


def test_the_tables_are_those_of_the_results() -> None:
    page = README.read_text(encoding="utf-8")
    made = outcomes.report(Path("nowhere"), outcomes.Results(RESULTS / "outcomes.jsonl"))
    assert page.split("<!-- outcomes -->\n")[1].split("<!-- /outcomes -->")[0] == f"\n{made}\n"
