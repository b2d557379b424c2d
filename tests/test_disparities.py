"""The gate of the fairness analysis names the groups."""

from __future__ import annotations

import pytest

from claims_fraud.disparities import check_gate
from claims_fraud.errors import GateNotPassed

VERDICT = {
    "attributes": {
        "sex": {"verdict": "biased", "biased": ["f"], "inconclusive": ["m"], "fair": []},
        "age": {"verdict": "inconclusive", "biased": [], "inconclusive": ["below 18"], "fair": []},
        "race": {"error": "all rows have the same race"},
    },
    "intersections": {"biased": ["f × below 18"]},
    "periods": {"biased": ["sex f (2025-03)"]},
}
FAIR = {
    "attributes": {"sex": {"biased": [], "inconclusive": ["f"]}},
    "intersections": {"biased": []},
    "periods": {"biased": []},
}


def told(fail_on: str) -> str:
    with pytest.raises(GateNotPassed) as raised:
        check_gate(VERDICT, fail_on)
    return str(raised.value)


def test_never_ends_a_run_unless_asked_to():
    check_gate(VERDICT, "never")


def test_names_the_groups_that_are_biased_and_what_was_not_analysed():
    assert told("biased") == (
        "fairness.fail_on is biased, and flags fall unevenly on protected groups: sex f; both of f × below 18; within "
        "a period sex f (2025-03). not analysed: race (all rows have the same race). All is saved: look at "
        "fairness_report and bias_summary. Then change the roles of protected columns, their bands, or the threshold, "
        "or, where the difference is accounted for, the rules."
    )


def test_names_those_that_are_not_told_too_if_asked_to():
    assert "too little is known of protected groups: sex m; age below 18. not analysed" in told("inconclusive")


@pytest.mark.parametrize("fail_on", ["biased", "inconclusive"])
def test_what_could_not_be_analysed_passes_no_gate(fail_on):
    nothing = {**FAIR, "attributes": {"race": {"error": "all rows have the same race"}}}
    with pytest.raises(GateNotPassed, match=r"and not analysed: race \(all rows have the same race\)\. All"):
        check_gate(nothing, fail_on)


def test_what_is_not_biased_passes_the_first_gate_only():
    check_gate(FAIR, "biased")
    with pytest.raises(GateNotPassed, match="is inconclusive, and too little is known of protected groups: sex f"):
        check_gate(FAIR, "inconclusive")
