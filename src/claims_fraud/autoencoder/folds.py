"""Folds of cross-fitting: which rows are scored by models that did not see them.

Not for train, validation and test: see `claims_fraud.claims.splits`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.encoding import Ints, category_values, number_values
from claims_fraud.errors import InputError

# Odd and large, so that hashes of several columns do not cancel out.
MULTIPLIER = 0x9E3779B97F4A7C15


def row_order(
    data: pd.DataFrame, cat_features: Sequence[str], num_features: Sequence[str], groups: pd.Series | None
) -> Ints:
    """Return the positions of rows in an order that depends on what they hold, and not on how they come.

    Rows that hold the same, and are of one group, stay in the order in which they come, which nothing can tell.
    """
    _check_groups(groups, len(data))
    texts = [data[name] for name in cat_features] + ([] if groups is None else [pd.Series(groups)])
    hashes = [pd.util.hash_array(category_values(text).fillna("").to_numpy(), categorize=True) for text in texts]
    hashes += [pd.util.hash_array(number_values(data[name])) for name in num_features]
    combined = np.zeros(len(data), dtype=np.uint64)
    for one in hashes:
        combined = combined * np.uint64(MULTIPLIER) + one
    return np.argsort(combined, kind="stable")


def sample_rows(rows: Ints, most: int, seed: int) -> Ints:
    """Return the rows (positions), or as many of them, drawn at random, as may be used; in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def group_codes(groups: pd.Series | None, rows: int) -> Ints:
    """Return each row's group as a number from 0, in the groups' order by name; a missing group is a group a row."""
    if groups is None:
        return np.arange(rows)
    _check_groups(groups, rows)
    codes, unique = pd.factorize(category_values(pd.Series(groups)), sort=True, use_na_sentinel=True)
    return np.unique(np.where(codes < 0, len(unique) + np.arange(rows), codes), return_inverse=True)[1]


def _check_groups(groups: pd.Series | None, rows: int) -> None:
    if groups is not None and len(groups) != rows:
        raise InputError(f"groups has {len(groups):,} values for {rows:,} rows; give one a row, in the rows' order.")


def fold_numbers(groups: pd.Series | None, rows: int, n_folds: int, seed: int) -> Ints:
    """Return each row's fold, in 0 … n_folds - 1; rows of a group share it."""
    codes = group_codes(groups, rows)
    n_groups = int(codes.max()) + 1 if rows else 0
    if n_groups < n_folds:
        raise InputError(
            f"{n_folds} folds need at least {n_folds} rows and groups, found {rows:,} rows in {n_groups:,} groups. "
            "Give more claims, lower n_folds, or choose smaller groups (folds_by: claim)."
        )
    return (np.random.default_rng(seed).permutation(n_groups) % n_folds)[codes]


def smallest_fold(folds: Ints) -> int:
    """Return the fold of the fewest rows, of equal ones the first."""
    return int(np.bincount(folds).argmin())
