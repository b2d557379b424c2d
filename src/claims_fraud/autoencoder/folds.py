"""Folds of cross-fitting: which rows are scored by models that did not see them.

Not for train, validation and test: see `claims_fraud.claims.splits`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.encoding import Hashes, Ints, category_values, number_values
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


def group_hashes(groups: pd.Series | None, rows: int) -> Hashes:
    """Return a hash of each row's group name, shape (n,); a row without a group is a group of its own.

    Where there are no groups each row is its own; rows that hold the same, neighbors in `row_order`, are then apart.
    """
    if groups is None:
        return np.arange(rows, dtype=np.uint64) * np.uint64(MULTIPLIER)
    _check_groups(groups, rows)
    names = category_values(pd.Series(groups))
    # Not by categories, which take a null character for the end of the text.
    hashes: Hashes = pd.util.hash_array(names.fillna("").to_numpy(), categorize=False)
    alone = names.isna().to_numpy()
    return np.where(alone, pd.util.hash_array(np.cumsum(alone)), hashes)


def _check_groups(groups: pd.Series | None, rows: int) -> None:
    if groups is not None and len(groups) != rows:
        raise InputError(f"groups has {len(groups):,} values for {rows:,} rows; give one a row, in the rows' order.")


def fold_numbers(groups: Hashes, n_folds: int) -> Ints:
    """Return each row's fold, in 0 … n_folds - 1, shape (n,); rows of a group, see `group_hashes`, share it.

    Folds are stretches of the groups in the order of their hashes, so that with a few more groups few go to another
    fold: other models would judge their rows, whose scores would change though nothing that is known of them did.
    """
    distinct, ranks = np.unique(groups, return_inverse=True)
    if len(distinct) < n_folds:
        raise InputError(
            f"{n_folds} folds need at least {n_folds} rows and groups, found {len(groups):,} rows in {len(distinct):,} "
            "groups. Give more claims, lower n_folds, or choose smaller groups (folds_by: claim)."
        )
    folds: Ints = ranks * n_folds // len(distinct)
    return folds


def inner_fold_numbers(groups: Hashes, n_folds: int) -> Ints:
    """Return each row's part of the rows outside of a fold: as `fold_numbers`, and independent of it.

    Each row is a group of its own where groups are too few, and there are fewer parts where rows are.
    """
    if len(np.unique(groups)) < n_folds:
        groups = np.arange(len(groups), dtype=np.uint64)
    return fold_numbers(groups * np.uint64(MULTIPLIER), min(n_folds, len(groups)))


def smallest_fold(folds: Ints) -> int:
    """Return the fold of the fewest rows, of equal ones the first."""
    return int(np.bincount(folds).argmin())
