"""The fairness report says what was measured, the verdict, and no small cell."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from claims_fraud.disparities import results_of
from claims_fraud.fairness import Rules
from claims_fraud.fairness.counts import PERIOD, Counting, summarise
from claims_fraud.fairness.findings import find
from claims_fraud.parameters import FairnessParameters
from claims_fraud.reporting.fairness_page import fairness_page, flag_rate_figure

SIZES = {"big": (5_000, 400), "large": (4_000, 200), "small": (900, 60), "tiny": (700, 7), "rare": (6, 1)}


def results(sizes=SIZES, outcomes: bool = False, months: int = 2) -> dict:
    """Return results of groups of these sizes and flags, and of a sex that has nothing to do with them."""
    groups = np.repeat(list(sizes), [n for n, _ in sizes.values()])
    flagged = np.concatenate([np.arange(n) < some for n, some in sizes.values()])
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "group": groups,
            "sex": rng.choice(["f", "m"], len(groups)),
            "flagged": flagged,
            "fraud_score": flagged + rng.random(len(groups)),
            "fraud_percentile": np.where(flagged, 99.5, 50.0),
            "outcome": np.where(rng.random(len(groups)) < 0.3, 1.0, 0.0),
            PERIOD: rng.choice([f"2025-{month:02d}" for month in range(1, months + 1)], len(groups)),
        }
    )
    rows["rank"] = rows["fraud_score"].rank(ascending=False, method="first")
    counting = Counting(("group", "sex"), outcome="outcome" if outcomes else None, periods=True)
    summary = summarise(rows, counting)
    found = results_of(find(summary, counting, Rules(), {}, {}), summary, counting, FairnessParameters())
    return {**found, "proxies": {"group": None}, "roles": []}


def row_of(page: str, heading: str, group: str) -> list[str]:
    section = page.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    (row,) = re.findall(rf"<tr><td>{group}</td>(.*?)</tr>", section)
    return re.findall(r"<td[^>]*>(.*?)</td>", row)


def page_of(found, small_cell):
    return fairness_page(found, flag_rate_figure(found, small_cell), small_cell)


class TestPage:
    page = page_of(results(), 11)

    def test_begins_with_what_was_measured_and_the_verdict(self):
        lead = self.page.partition('<div class="lead">')[2].partition("</div>")[0]
        assert "was measured on 10,606 claims; 668 of them are flagged" in lead
        assert "group: biased (tiny, big, large)" in lead
        assert "sex: " in lead

    def test_shows_large_cells_as_they_are(self):
        assert row_of(self.page, "group", "big")[:4] == ["biased", "5000", "400", "8.00 (7.28 to 8.78)"]

    def test_leaves_out_small_ones_and_those_that_give_them_away(self):
        # 6 claims: not shown, nor the next smallest; 7 flags and 1: their sum is 8, so that another goes too.
        assert row_of(self.page, "group", "rare")[1:] == ["–", "–", "–", "–", "–"]
        assert row_of(self.page, "group", "tiny")[1:] == ["–", "–", "–", "–", "–"]
        assert row_of(self.page, "group", "small")[1:] == ["900", "–", "–", "–", "–"]

    def test_shows_everything_where_that_is_asked_for(self):
        page = page_of(results(), 0)
        assert row_of(page, "group", "rare")[1:3] == ["6", "1"]

    def test_two_attributes_at_once_have_no_counts(self):
        section = self.page.partition("<h2>Two attributes at once</h2>")[2].partition("</section>")[0]
        assert re.findall(r'<th scope="col">(.*?)</th>', section) == ["attributes", "group", "verdict", "to all others"]

    def test_over_time_has_ratios_of_what_can_be_told_and_no_counts(self):
        assert row_of(self.page, "Over time", "group: big") == ["2.08, biased", "1.34"]
        assert "group: rare" not in self.page.partition("<h2>Over time</h2>")[2]
        section = self.page.partition("<h2>Over time</h2>")[2].partition("</section>")[0]
        assert re.findall(r'<th scope="col">(.*?)</th>', section) == ["group", "2025-01", "2025-02"]

    def test_over_time_hides_both_of_two_groups_where_one_is_small(self):
        section = page_of(results({"a": (1_000, 60), "b": (1_000, 9)}, months=1), 11).partition("<h2>Over time</h2>")[2]
        assert "group: " not in section.partition("</section>")[0]
        shown = page_of(results({"a": (1_000, 60), "b": (1_000, 9)}, months=1), 0)
        assert row_of(shown, "Over time", "group: a") == ["6.67, biased"]

    def test_over_time_says_so_where_nothing_can_be_told(self):
        section = page_of(results({"a": (90, 20), "b": (80, 20)}), 11).partition("<h2>Over time</h2>")[2]
        assert "to tell, which is so in all of them." in section.partition("</section>")[0]
        assert "<table" not in section.partition("</section>")[0]

    def test_over_time_has_the_last_twelve_periods(self):
        section = page_of(results(months=14), 11).partition("<h2>Over time</h2>")[2].partition("</section>")[0]
        assert re.findall(r'<th scope="col">2025-(.*?)</th>', section) == [f"{month:02d}" for month in range(3, 15)]

    def test_says_what_four_fifths_and_outcomes_are_worth(self):
        assert "a screening line, made for hiring" in self.page
        assert "Only claims that somebody looked at have an outcome" in page_of(results(outcomes=True), 11)


def test_the_figure_has_no_group_that_is_left_out():
    shown = [label for trace in flag_rate_figure(results(), 11).data for label in trace.y]
    assert sorted(shown) == ["group: big", "group: large", "sex: f", "sex: m"]
    assert "rare" not in json.dumps(flag_rate_figure(results(), 11).to_plotly_json(), default=str)


@pytest.mark.parametrize("small_cell", [0, 11])
def test_attributes_that_could_not_be_analysed_are_told(small_cell):
    found = {**results(), "flagged": None, "attributes": {"race": {"error": "there is no such column"}}}
    found["intersections"], found["periods"] = {"verdicts": {}, "worst": []}, {"verdicts": {}, "rows": []}
    page = page_of({**found, "proxies": {}}, small_cell)
    assert "race: not analysed: there is no such column." in page


def test_thousands_of_groups_stay_readable():
    many = {f"g{number:04d}": (300, 20 + number % 9) for number in range(1_000)}
    page = page_of(results(many), 11)
    assert "The worst 40 of 1,000 groups." in page
    assert len(page) < 6_000_000
