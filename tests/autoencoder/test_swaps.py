"""Values swapped between rows: which rows count as swapped, and how well a model spots them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.swaps import swap_measures, with_swaps

COLUMNS = ["code", "specialty", "amount", "days"]


def differs(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Return where two frames of the same rows have different values; missing ones are equal."""
    return ~((one == other) | (one.isna() & other.isna())).to_numpy()


class TestWithSwaps:
    def test_four_percent_of_the_rows_get_one_to_three_values_of_other_rows(self, make_claims):
        claims = make_claims(5_000, 0)
        swapped, changed = with_swaps(claims, COLUMNS, seed=0)
        values = differs(swapped[COLUMNS], claims[COLUMNS]).sum(axis=1)
        assert values.max() == 3
        assert 100 < changed.sum() <= 200
        for name in COLUMNS:
            assert set(swapped[name].dropna()) <= set(claims[name].dropna())

    def test_a_row_counts_only_if_a_value_of_it_changed(self, make_claims):
        claims = make_claims(2_000, 0)
        swapped, changed = with_swaps(claims, COLUMNS, seed=0)
        assert changed.dtype == bool
        assert changed.tolist() == differs(swapped, claims).any(axis=1).tolist()

    def test_values_that_are_all_equal_or_missing_make_no_row_swapped(self):
        claims = pd.DataFrame({"code": ["x"] * 100, "amount": [np.nan] * 100, "note": [None] * 100})
        swapped, changed = with_swaps(claims, ["code", "amount", "note"], seed=0)
        assert not changed.any()
        pd.testing.assert_frame_equal(swapped, claims)

    def test_the_same_seed_swaps_the_same_and_another_others(self, make_claims):
        claims = make_claims(500, 0)
        once, again, other = (with_swaps(claims, COLUMNS, seed) for seed in (1, 1, 2))
        pd.testing.assert_frame_equal(once[0], again[0])
        assert once[1].tolist() == again[1].tolist()
        assert once[1].tolist() != other[1].tolist()

    def test_other_columns_stay(self, make_claims):
        claims = make_claims(500, 0)
        swapped, changed = with_swaps(claims, ["amount"], seed=0)
        pd.testing.assert_frame_equal(swapped.drop(columns="amount"), claims.drop(columns="amount"))
        assert changed.sum() == 20

    def test_leaves_its_input_alone_whatever_its_index(self, make_claims):
        claims = make_claims(500, 0)
        shifted = claims.set_index(pd.Index([7] * 500))
        swapped, _ = with_swaps(shifted, COLUMNS, seed=0)
        pd.testing.assert_frame_equal(shifted, claims.set_index(pd.Index([7] * 500)))
        pd.testing.assert_frame_equal(swapped, with_swaps(claims, COLUMNS, seed=0)[0])

    @pytest.mark.parametrize(
        "convert",
        [
            lambda claims: claims.convert_dtypes(),
            lambda claims: claims.convert_dtypes(dtype_backend="pyarrow"),
            lambda claims: claims.astype(dict.fromkeys(["code", "specialty", "region"], "category")),
        ],
        ids=["nullable", "arrow", "category"],
    )
    def test_of_every_dtype_which_stays(self, make_claims, convert):
        claims = make_claims(1_000, 0)
        swapped, changed = with_swaps(convert(claims), COLUMNS, seed=0)
        expected, rows = with_swaps(claims, COLUMNS, seed=0)
        pd.testing.assert_series_equal(swapped.dtypes, convert(claims).dtypes)
        assert changed.tolist() == rows.tolist()
        assert not differs(swapped.astype(object), expected.astype(object)).any()

    @settings(max_examples=40, deadline=None)
    @given(
        codes=st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=60),
        columns=st.sampled_from([["code"], ["code", "amount"]]),
        seed=st.integers(0, 5),
    )
    def test_no_more_than_a_row_in_twenty_five_and_one_at_least_is_drawn(self, codes, columns, seed):
        claims = pd.DataFrame({"code": pd.Series(codes, dtype=object), "amount": np.arange(float(len(codes)))})
        before = claims.copy()
        swapped, changed = with_swaps(claims, columns, seed)
        assert changed.tolist() == differs(swapped, claims).any(axis=1).tolist()
        assert changed.sum() <= max(round(len(codes) / 25), 1)
        pd.testing.assert_frame_equal(claims, before)


class TestSwapMeasures:
    def test_a_fitted_model_spots_swaps_better_than_chance(self, fitted, make_claims):
        found = swap_measures(fitted, make_claims(2_000, 9), seed=0)
        assert list(found) == [
            "n",
            "n_swapped",
            "base_rate",
            "auroc",
            "average_precision",
            "precision_at_1pct",
            "recall_at_1pct",
            "precision_at_5pct",
            "recall_at_5pct",
        ]
        assert found["n"] == 2_000
        assert 40 < found["n_swapped"] <= 80
        assert found["base_rate"] == found["n_swapped"] / 2_000
        assert found["auroc"] > 0.8
        assert found["average_precision"] > 10 * found["base_rate"]

    def test_are_the_same_for_the_same_seed(self, fitted, make_claims):
        claims = make_claims(500, 9)
        assert swap_measures(fitted, claims, seed=0) == swap_measures(fitted, claims, seed=0)
        assert swap_measures(fitted, claims, seed=0) != swap_measures(fitted, claims, seed=1)

    def test_values_of_context_columns_are_not_swapped(self, fitted, make_claims, monkeypatch):
        claims = make_claims(500, 9)
        seen = []
        # Of the class: undone on the instance, which others share, it would stay there as an attribute of its own.
        monkeypatch.setattr(
            type(fitted), "compute_fraud_scores", lambda _, rows: (seen.append(rows) or np.zeros(500), None)
        )
        swap_measures(fitted, claims, seed=0)
        assert seen[0]["region"].tolist() == claims["region"].tolist()
        assert seen[0]["amount"].tolist() != claims["amount"].tolist()

    @pytest.mark.parametrize("rows", [0, 1, 49])
    def test_few_rows_have_none(self, fitted, make_claims, rows):
        assert swap_measures(fitted, make_claims(50, 9).head(rows), seed=0) is None

    def test_rows_in_which_nothing_can_change_have_none(self, fitted, claims):
        assert swap_measures(fitted, claims.iloc[[0] * 60], seed=0) is None

    def test_leaves_its_input_alone(self, fitted, make_claims):
        claims = make_claims(100, 9)
        before = claims.copy()
        swap_measures(fitted, claims, seed=0)
        pd.testing.assert_frame_equal(claims, before)
