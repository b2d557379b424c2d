"""Comparable training rows are counted as one would count them by hand."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.support import ENOUGH, Support

SIZES = (3, 4, 5)
codes = st.tuples(*(st.integers(0, size - 1) for size in SIZES))
ranges = st.tuples(st.integers(0, SIZES[2] - 1), st.integers(0, SIZES[2] - 1)).map(sorted)

# Rows of (code, specialty, amount): 40 and 10 that share the code 0, and 29 of another.
ROWS = [(0, 0, 1)] * 25 + [(0, 0, 2)] * 15 + [(0, 1, 2)] * 10 + [(1, 1, 0)] * 29


def learned(rows, how_many=2):
    """Return the support of the last code of each row, given the first ones."""
    table = np.array(rows)
    chosen = [*range(how_many), 2]
    names = ("code", "specialty")[:how_many]
    return Support.fit(names, [table[:, place] for place in chosen], [SIZES[place] for place in chosen])


def occurrences(support, asked, given_columns=2, counted=False):
    """Return [comparable, such, agreeing] of each (code, specialty, lowest, highest)."""
    table = np.array(asked)
    given_codes = [table[:, place] for place in range(given_columns)]
    found = support.occurrences(given_codes, table[:, 2], table[:, 3], np.full(len(table), counted))
    return np.column_stack(found).tolist()


def test_rows_that_agree_in_both_columns():
    asked = [(0, 0, 1, 1), (0, 0, 2, 2), (0, 0, 1, 4), (0, 0, 0, 0), (0, 0, 3, 4)]
    assert occurrences(learned(ROWS), asked) == [[40, 25, 2], [40, 15, 2], [40, 40, 2], [40, 0, 2], [40, 0, 2]]


def test_where_few_agree_in_both_those_that_agree_in_the_first_count():
    assert occurrences(learned(ROWS), [(0, 1, 2, 2), (1, 1, 0, 0), (1, 0, 0, 0)]) == [
        [50, 25, 1],
        [29, 29, 1],
        [29, 29, 1],
    ]


def test_codes_that_training_did_not_have():
    assert occurrences(learned(ROWS), [(2, 3, 0, 4), (0, 3, 4, 4)]) == [[0, 0, 1], [50, 0, 1]]


def test_given_nothing_all_rows_are_comparable():
    assert occurrences(learned(ROWS), [(0, 0, 1, 2)], given_columns=0) == [[79, 50, 0]]
    assert occurrences(learned(ROWS, how_many=0), [(0, 0, 1, 2)], given_columns=0) == [[79, 50, 0]]


def test_given_one_column():
    support = learned(ROWS, how_many=1)
    assert occurrences(support, [(0, 0, 1, 1), (1, 0, 1, 4)], given_columns=1) == [[50, 25, 1], [29, 0, 1]]


def test_a_row_is_not_its_own_support():
    assert occurrences(learned(ROWS), [(0, 0, 1, 1)], counted=True) == [[39, 24, 2]]
    assert occurrences(learned([(0, 0, 1)]), [(0, 0, 1, 1)], counted=True) == [[0, 0, 1]]


def test_as_few_others_as_for_a_row_that_was_not_learned_from():
    rows = [(0, 0, 1)] * ENOUGH + [(0, 1, 1)]
    assert occurrences(learned(rows), [(0, 0, 1, 1)]) == [[30, 30, 2]]
    assert occurrences(learned(rows), [(0, 0, 1, 1)], counted=True) == [[30, 30, 1]]


def test_no_rows_are_asked_for():
    nothing = np.zeros(0, dtype=int)
    assert np.column_stack(learned(ROWS).occurrences([nothing] * 2, nothing, nothing, nothing == 1)).shape == (0, 3)


def test_it_holds_as_many_keys_as_there_are_different_rows():
    assert asdict(learned(ROWS)) == {
        "given": ("code", "specialty"),
        "sizes": (3, 4, 5),
        "keys": (1, 2, 7, 25),
        "counts": (25, 15, 10, 29),
    }


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(codes, st.integers(1, 40)), min_size=1, max_size=12),
    st.lists(st.tuples(codes, ranges), min_size=1, max_size=12),
)
def test_counts_are_those_of_pandas(different, asked):
    rows = [row for row, times in different for _ in range(times)]
    table = pd.DataFrame(rows, columns=["code", "specialty", "amount"])
    expected = []
    for (code, specialty, _), (lowest, highest) in asked:
        alike, agreeing = table[(table["code"] == code) & (table["specialty"] == specialty)], 2
        if len(alike) < ENOUGH:
            alike, agreeing = table[table["code"] == code], 1
        expected.append([len(alike), int(alike["amount"].between(lowest, highest).sum()), agreeing])
    rows_asked = [(code, specialty, *ends) for (code, specialty, _), ends in asked]
    assert occurrences(learned(rows), rows_asked) == expected
