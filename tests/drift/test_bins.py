"""Bins hold every value there may be, the common ones by themselves."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_fraud.drift.bins import CategoryBins, NumberBins, stored_as


def counted(bins, values) -> dict[str, int]:
    return {label: n for label, n in zip(bins.labels, bins.count(pd.Series(values)).tolist(), strict=True) if n}


class TestNumbers:
    def test_of_few_different_ones_each_is_a_bin(self):
        bins = NumberBins.fit(pd.Series([1, 2, 2, 3]))
        assert bins.labels == ("1", "2", "3", "any other number", "no number", "missing")
        assert counted(bins, [2, 2.5, 7, None]) == {"2": 1, "any other number": 2, "missing": 1}

    def test_zero_is_a_bin_of_its_own_among_many(self):
        values = pd.Series([*[0.0] * 60, *range(1, 41)])
        bins = NumberBins.fit(values)
        assert bins.atoms == (0.0,)
        assert counted(bins, values) == {
            "0": 60, "up to 5": 5, "5 to 9": 4, "9 to 13": 4, "13 to 17": 4, "17 to 21": 4, "21 to 25": 4,
            "25 to 29": 4, "29 to 33": 4, "33 to 37": 4, "above 37": 3,
        }  # fmt: skip

    def test_ends_are_open(self):
        bins = NumberBins.fit(pd.Series(np.arange(100.0)))
        assert counted(bins, [-1e9, 1e9, np.inf, -np.inf]) == {"up to 10": 2, "above 90": 2}

    @pytest.mark.parametrize("values", [[None, None], [], [np.nan]], ids=["nothing", "no rows", "gaps"])
    def test_without_values_there_is_one_for_any(self, values):
        bins = NumberBins.fit(pd.Series(values, dtype=float))
        assert bins.labels == ("any other number", "no number", "missing")
        assert counted(bins, [1.0, np.nan]) == {"any other number": 1, "missing": 1}

    def test_what_is_no_number_is_counted_apart(self):
        bins = NumberBins.fit(pd.Series([1.0, 2.0]))
        assert counted(bins, ["1", "two", None, Decimal(2)]) == {"1": 1, "2": 1, "no number": 1, "missing": 1}
        assert counted(bins, pd.to_datetime(["2025-01-01", None])) == {"no number": 1, "missing": 1}


class TestCategories:
    def test_are_bins_of_their_own_and_the_rest_is_unseen(self):
        bins = CategoryBins.fit(pd.Series(["b", "a", "b", None, "c"]))
        assert (bins.categories, bins.singles) == (("b", "a", "c"), 2)
        assert counted(bins, ["a", "z", None, "y"]) == {"a": 1, "unseen": 2, "missing": 1}

    def test_whole_codes_with_a_gap_are_the_same_codes(self):
        bins = CategoryBins.fit(pd.Series([99213, 99214]))
        assert counted(bins, pd.Series([99213.0, np.nan])) == {"99213": 1, "missing": 1}

    @pytest.mark.parametrize("kind", [object, "string", "category"])
    def test_however_text_is_stored_it_counts_alike(self, kind):
        bins = CategoryBins.fit(pd.Series(["b", "a", "b"]))
        assert counted(bins, pd.Series(["a", None, "z", "b", "a"]).astype(kind)) == {
            "a": 2,
            "b": 1,
            "unseen": 1,
            "missing": 1,
        }

    def test_equal_values_of_two_types_are_two_texts(self):
        bins = CategoryBins.fit(pd.Series(["1", "True"]))
        assert counted(bins, [1, True, 1, "1"]) == {"1": 3, "true": 1}


# Further apart than what float32 cannot tell apart.
spaced = st.floats(allow_infinity=False).map(lambda number: float(f"{number:.5g}")).filter(lambda x: not np.isinf(x))
numbers = st.lists(st.one_of(st.integers(-3, 3).map(float), spaced), min_size=1, max_size=60)


@given(numbers, numbers)
def test_each_number_is_in_the_bin_that_its_edges_say(reference, current):
    bins = NumberBins.fit(pd.Series(reference))
    known = [number for number in current if not np.isnan(number)]
    by_hand = [known.count(atom) for atom in bins.atoms]
    others = [number for number in known if number not in bins.atoms]
    for low, high in pairwise([-np.inf, *bins.edges, np.inf]):
        by_hand.append(sum(low < number <= high for number in others))
    assert bins.count(pd.Series(current)).tolist() == [*by_hand, 0, len(current) - len(known)]


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([1, 2], "number"),
        ([1, None], "number"),
        ([None, 1], "number"),
        (["a", None], "text"),
        ([True, False], "boolean"),
        ([None, None], "nothing"),
        ([Decimal(1)], "number"),
        (["a", 1], "mixed"),
        (pd.to_datetime(["2025-01-01"], utc=True), "date"),
    ],
)
def test_the_kind_of_values_in_a_word(values, told):
    assert stored_as(pd.Series(values)) == told
    assert stored_as(pd.Series(values).astype(object)) == told
