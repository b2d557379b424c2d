"""Verdicts follow from intervals and margins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.errors import InputError
from claims_fraud.fairness import Rules
from claims_fraud.fairness.intervals import difference_interval, ratio_interval
from claims_fraud.fairness.verdicts import worst


def verdict(*given: int, p: float, rules: Rules | None = None) -> str:
    some, of, other, other_of = given
    counts = [np.array([number]) for number in (some, of, other, other_of)]
    pair = {"flagged": some, "n": of, "reference_flagged": other, "reference_n": other_of, "p_adjusted": p}
    for name, interval in (("difference", difference_interval), ("ratio", ratio_interval)):
        pair |= dict(zip((name, f"{name}_low", f"{name}_high"), (end[0] for end in interval(*counts)), strict=True))
    return str((rules or Rules()).verdicts(pd.DataFrame([pair]))[0])


class TestVerdict:
    @pytest.mark.parametrize(
        ("counts", "p", "expected"),
        [
            ((200, 2_000, 1_000, 20_000), 1e-9, "biased"),
            ((50, 2_000, 1_000, 20_000), 1e-5, "biased"),  # flagged less
            ((200, 2_000, 1_000, 20_000), 0.06, "inconclusive"),  # chance
            ((110_000, 2_000_000, 1_000_000, 20_000_000), 0.0, "fair"),  # significant, and does not matter
            ((5_000, 100_000, 10_000, 200_000), 1.0, "fair"),
            ((20, 400, 500, 10_000), 1.0, "inconclusive"),  # few
            ((20, 99, 500, 10_000), 1e-9, "insufficient"),  # fewer claims than minimum_group_size
            ((9, 200, 30, 10_000), 1e-9, "insufficient"),  # 0.8 flags to be expected
            ((40, 100_000, 20, 100_000), 0.01, "fair"),  # twice as often, and 0.02 points
        ],
    )
    def test_by_counts(self, counts, p, expected):
        assert verdict(*counts, p=p) == expected

    def test_margins_are_parameters(self):
        counts = (110, 2_000, 1_000, 20_000)
        assert verdict(*counts, p=0.001) == "inconclusive"
        assert verdict(*counts, p=0.001, rules=Rules(least_ratio=0.95)) == "biased"
        assert verdict(*counts, p=0.001, rules=Rules(least_ratio=0.95, min_difference=0.02)) == "fair"

    @pytest.mark.parametrize(
        ("found", "expected"),
        [
            (["fair", "biased", "insufficient"], "biased"),
            (["fair", "inconclusive"], "inconclusive"),
            (["insufficient", "fair"], "fair"),
            (["insufficient"], "insufficient"),
            ([], "insufficient"),
        ],
    )
    def test_the_worst_of_several(self, found, expected):
        assert worst(found) == expected

    @pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"least_ratio": 1.0}, {"minimum_group_size": 0}])
    def test_rules_out_of_range(self, wrong):
        (name,) = wrong
        with pytest.raises(InputError, match=f"{name} is .*, which is out of its range"):
            Rules(**wrong)
