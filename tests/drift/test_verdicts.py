"""Words follow from figures."""

from __future__ import annotations

import numpy as np
import pytest

from claims_fraud.drift.verdicts import Limits, confirmed, worst
from claims_fraud.multiple_tests import holm


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 0.09, 0.09, 0.5])
    assert holm([0.6, 0.7]).tolist() == [1.0, 1.0]
    assert len(holm([])) == 0


@pytest.mark.parametrize(("psi", "verdict"), [(0.099, "stable"), (0.1, "drifting"), (0.25, "drifted")])
def test_rule_of_thumb(psi, verdict):
    assert Limits().by_rule(psi) == verdict


@pytest.mark.parametrize(
    ("beyond_chance", "p_adjusted", "rows", "verdict"),
    [
        (0.5, 0.01, 5_000, "stable"),
        (0.019, 1e-9, 5_000, "stable"),
        (0.02, 1e-9, 5_000, "drifting"),
        (0.25, 1e-9, 5_000, "drifted"),
        (0.25, 1e-9, 199, "insufficient"),
        (0.25, np.nan, 0, "insufficient"),
    ],
)
def test_corrected(beyond_chance, p_adjusted, rows, verdict):
    assert Limits().corrected(beyond_chance, p_adjusted, rows) == verdict


@pytest.mark.parametrize(
    ("verdicts", "agreeing", "verdict"),
    [
        (["drifted", "stable", "drifted"], 2, "drifted"),
        (["drifted", "stable", "drifting"], 2, "drifting"),
        (["drifted", "stable", "stable"], 2, "stable"),
        (["drifted"], 2, "insufficient"),
        (["drifted", "insufficient"], 2, "insufficient"),
        (["drifted"], 1, "drifted"),
    ],
)
def test_only_what_batches_agree_on_is_confirmed(verdicts, agreeing, verdict):
    assert confirmed(verdicts, agreeing) == verdict


def test_the_gravest_counts():
    assert worst(["stable", "drifting", "insufficient"]) == "drifting"
    assert worst(["insufficient", "stable"]) == "stable"
    assert worst([]) == "insufficient"
