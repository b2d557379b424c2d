"""Which rows are judged by which models: by group, evenly, and the same whatever else there is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_fraud.autoencoder.folds import fold_numbers, group_hashes, inner_fold_numbers
from claims_fraud.errors import InputError

NAMES = st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=8, max_size=60)


class TestFoldNumbers:
    @given(NAMES)
    def test_rows_of_a_group_share_a_fold_and_a_missing_group_is_a_group_a_row(self, names):
        groups = pd.Series(names, dtype=object)
        hashes = group_hashes(groups, len(groups))
        n_groups = groups.nunique() + int(groups.isna().sum())
        assert len(np.unique(hashes)) == n_groups
        if n_groups >= 3:
            folds = fold_numbers(hashes, 3)
            assert pd.Series(folds).groupby(groups).nunique().eq(1).all()
            # As many groups in each, but for one.
            sizes = pd.Series(folds).groupby(hashes).first().value_counts()
            assert len(sizes) == 3
            assert sizes.max() - sizes.min() <= 1

    def test_the_order_of_rows_has_no_say(self):
        groups = pd.Series([f"P{number}" for number in range(40)] * 3)
        order = np.random.default_rng(0).permutation(len(groups))
        folds = fold_numbers(group_hashes(groups, 120), 3)
        assert np.array_equal(fold_numbers(group_hashes(groups.iloc[order], 120), 3), folds[order])

    def test_few_groups_change_fold_when_some_are_added(self):
        groups = pd.Series([f"P{number}" for number in range(1_030)])
        before = fold_numbers(group_hashes(groups.head(1_000), 1_000), 3)
        after = fold_numbers(group_hashes(groups, 1_030), 3)
        assert (after[:1_000] != before).mean() < 0.03

    def test_without_groups_each_row_is_its_own(self):
        folds = fold_numbers(group_hashes(None, 900), 3)
        assert np.bincount(folds).tolist() == [300, 300, 300]
        # Neighbors may hold the same: of any thirty some are in each fold.
        assert all(len(np.unique(folds[start : start + 30])) == 3 for start in range(0, 900, 30))

    def test_too_few_groups(self):
        with pytest.raises(InputError, match="3 folds need at least 3 rows and groups, found 4 rows in 2 groups"):
            fold_numbers(group_hashes(pd.Series(["a", "a", "b", "b"]), 4), 3)


class TestInnerFoldNumbers:
    def test_parts_are_spread_over_folds(self):
        hashes = group_hashes(pd.Series([f"P{number}" for number in range(900)]), 900)
        table = pd.crosstab(fold_numbers(hashes, 3), inner_fold_numbers(hashes, 3))
        assert table.to_numpy().min() > 70

    def test_rows_of_a_group_share_a_part(self):
        groups = pd.Series(list("abcdef") * 5)
        parts = pd.Series(inner_fold_numbers(group_hashes(groups, 30), 3))
        assert parts.groupby(groups).nunique().tolist() == [1] * 6
        assert sorted(parts.unique()) == [0, 1, 2]

    @pytest.mark.parametrize(("rows", "parts"), [(1, 1), (2, 2), (9, 3)])
    def test_rows_are_parted_where_there_are_too_few_groups(self, rows, parts):
        hashes = group_hashes(pd.Series(["one"] * rows), rows)
        assert len(np.unique(inner_fold_numbers(hashes, 3))) == parts
