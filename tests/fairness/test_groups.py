"""Each row is in one group of a protected attribute."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.errors import InputError
from claims_fraud.fairness.groups import band_names, bands_for, check_bands, labels, why_not


class TestLabels:
    def test_of_categories_are_their_values_and_unknown(self):
        values = pd.Series(["f", None, "m", np.nan, pd.NA], dtype=object)
        assert labels(values, None).tolist() == ["f", "unknown", "m", "unknown", "unknown"]

    def test_of_whole_numbers_that_came_as_floats_have_no_decimals(self):
        assert labels(pd.Series([1.0, np.nan, 2.0]), None).tolist() == ["1", "unknown", "2"]

    def test_of_numbers_are_bands_that_begin_at_the_edges(self):
        ages = pd.Series([0, 17.9, 18, 64, 65, 101, np.nan])
        assert labels(ages, (18, 65)).tolist() == [
            "below 18",
            "below 18",
            "18 to below 65",
            "18 to below 65",
            "65 and above",
            "65 and above",
            "unknown",
        ]

    def test_bands_of_text_are_refused(self):
        with pytest.raises(InputError, match="'sex' holds what is no number"):
            labels(pd.Series(["f"], name="sex"), (1,))

    def test_one_edge_makes_two_bands(self):
        assert band_names((0.5,)) == ["below 0.5", "0.5 and above"]


class TestBands:
    data = pd.DataFrame({"age": np.arange(100), "flag": np.arange(100) % 2, "sex": ["f", "m"] * 50})

    def test_are_fifths_where_none_are_given(self):
        assert bands_for(self.data, ["age", "flag", "sex", "not there"], {}) == {"age": (20.0, 40.0, 60.0, 80.0)}

    def test_are_those_that_are_given(self):
        assert bands_for(self.data, ["age"], {"age": [18, 65], "height": [150]}) == {"age": (18.0, 65.0)}

    @pytest.mark.parametrize("edges", [[], [3, 3], [4, 3]])
    def test_have_to_ascend(self, edges):
        with pytest.raises(ValueError, match="give at least one number, ascending"):
            check_bands({"age": edges})


class TestWhyNot:
    data = pd.DataFrame({"sex": ["f", "f"], "race": ["a", None], "age": ["x", "y"]})

    def test_names_what_is_in_the_way(self):
        assert why_not(self.data, "gender", None) == "there is no column 'gender'; the columns are sex, race, age"
        assert why_not(self.data, "sex", None) == "all rows have the same sex, 'f': there is nothing to compare with"
        assert "holds what is no number" in str(why_not(self.data, "age", (3,)))

    def test_missing_is_a_group_to_compare_with(self):
        assert why_not(self.data, "race", None) is None
