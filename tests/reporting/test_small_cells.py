"""No small cell is shown, nor follows from the others and the total."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claims_fraud.reporting.small_cells import hidden_rows


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        ([50, 60, 70], []),
        # The one small cell is the total less the others: the next smallest goes with it.
        ([5, 60, 70], [0, 1]),
        ([5, 70, 60, 90], [0, 2]),
        # Two that are 7 together are a small cell themselves.
        ([5, 2, 70, 60], [0, 1, 3]),
        ([5, 8, 70, 60], [0, 1]),
        ([0, 60, 70], [0, 1]),
        ([5, 60], [0, 1]),
        ([5, 4], [0, 1]),
        ([11, 11], []),
    ],
)
def test_literal(counts, hidden):
    assert np.flatnonzero(hidden_rows(np.array(counts)[:, None], 11)).tolist() == hidden


def test_rows_hidden_for_another_reason_count():
    found = hidden_rows(np.array([[50], [60], [70]]), 11, np.array([False, False, True]))
    assert found.tolist() == [True, False, True]


def test_every_column_is_kept_safe():
    # Flagged and not flagged: the second column has the small cell.
    assert hidden_rows(np.array([[50, 3], [60, 40], [90, 200]]), 11).tolist() == [True, True, False]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=1, max_size=12), st.integers(0, 20))
def test_what_is_left_out_is_never_one_cell_nor_a_small_sum(cells, least):
    table = np.array(cells)
    hidden = hidden_rows(table, least)
    assert (table[~hidden] >= least).all()
    if hidden.any() and not hidden.all():
        assert hidden.sum() >= 2
        assert (table[hidden].sum(axis=0) >= least).all()
