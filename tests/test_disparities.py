"""The gate of the fairness analysis names the groups."""

from __future__ import annotations

import pytest

from claims_fraud.disparities import check_gate
from claims_fraud.errors import GateNotPassed

VERDICT = {
    "attributes": {
        "sex": {"verdict": "biased", "is_fair": False, "biased": ["f"], "inconclusive": ["m"], "fair": []},
        "age": {"verdict": "inconclusive", "is_fair": True, "biased": [], "inconclusive": ["below 18"], "fair": []},
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


def test_names_the_groups_that_are_biased():
    assert told("biased") == (
        "flags fall unevenly on protected groups, and fairness.fail_on is biased. biased: sex f; biased: both of "
        "f × below 18; biased: within a period sex f (2025-03). All is saved: look at fairness_report and "
        "bias_summary. Then change the roles of protected columns, or the threshold, or, where the difference is "
        "accounted for, the rules."
    )


def test_names_those_that_are_not_told_too_if_asked_to():
    assert "inconclusive: sex m; inconclusive: age below 18." in told("inconclusive")


def test_what_is_not_biased_passes_the_first_gate_only():
    check_gate(FAIR, "biased")
    with pytest.raises(GateNotPassed):
        check_gate(FAIR, "inconclusive")
