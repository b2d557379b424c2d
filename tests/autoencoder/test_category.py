"""Columns of codes: each with enough rows has a code of its own, rare ones share one, unseen is not missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.encoding import category_values
from claims_fraud.autoencoder.kinds import CategoryEncoder
from claims_fraud.autoencoder.kinds.category import FEWEST_ROWS, RARE_INPUT, UNSEEN_INPUT

MISSING = st.sampled_from([None, np.nan, pd.NA, pd.NaT])
CATEGORIES = st.one_of(
    st.text(max_size=8), st.sampled_from(["", " ", "nan", "é", "診断", "a\0"]), st.integers(), st.booleans(), MISSING
)
category_columns = st.lists(CATEGORIES, max_size=40).map(lambda values: pd.Series(values, dtype=object, name="code"))
quick = settings(max_examples=60, deadline=None)

# Six rows of a, five of c, four of b, one of d, two missing.
CODES = pd.Series([*"aaaaaa", *"ccccc", *"bbbb", "d", None, None])
ENCODER = CategoryEncoder.fit(CODES, max_classes=2)


@quick
@given(category_columns, category_columns, st.integers(2, 50))
def test_any_values_are_encoded(train, new, max_classes):
    encoder = CategoryEncoder.fit(train, max_classes)
    assert encoder.marginal.sum() == pytest.approx(1)
    assert len(encoder.marginal) == encoder.n_classes
    assert len(encoder.code_texts()) == encoder.n_codes
    for values in (train, new):
        encoded = encoder.encode(values)
        for array, size in ((encoded.classes, encoder.n_classes), (encoded.codes, encoder.n_codes)):
            assert array.shape == (len(values),)
            assert ((array >= 0) & (array < size)).all()
        assert np.isfinite(encoded.rarity).all()
        assert (encoded.rarity >= 0).all()
        assert np.isnan(encoded.inputs).tolist() == values.isna().tolist()
        assert encoded.inputs.dtype == np.float32
        assert len(encoder.texts(values)) == len(values)


@quick
@given(category_columns)
def test_counts_are_those_of_the_training_rows(train):
    encoder, texts = CategoryEncoder.fit(train, 3), category_values(train)
    counts = texts.value_counts()
    for value, count in counts.items():
        assert encoder.count(value) == count
    assert encoder.count("never seen at all") == 0
    assert encoder.missing == texts.isna().sum()
    assert encoder.n_rows == len(train)
    assert encoder.n_once == (counts == 1).sum()
    expected = texts.map(counts).where(texts.notna(), encoder.missing).tolist()
    assert encoder.encode(train).seen.tolist() == expected


@quick
@given(category_columns, st.integers(2, 6))
def test_no_known_category_is_rarer_than_an_unseen_one(train, max_classes):
    encoder = CategoryEncoder.fit(train, max_classes)
    unseen = encoder.encode(pd.Series(["never seen at all"])).rarity[0]
    assert unseen >= encoder.encode(train[train.notna()]).rarity.max(initial=-np.inf)


def test_a_code_of_a_set_counts_in_whichever_column_it_stands():
    first, second = pd.Series(["a", "b", None, "a"]), pd.Series(["b", "c", None, None])
    one, other = CategoryEncoder.fit(first, 3, [second]), CategoryEncoder.fit(second, 3, [first])
    assert one.categories == other.categories == ("a", "b", "c")
    assert one.counts == other.counts == (2, 2, 1)
    assert (one.missing, other.missing, one.n_rows, other.n_rows) == (1, 2, 4, 4)
    assert one.encode(pd.Series(["c", "b", "d", None])).seen.tolist() == [1, 2, 0, 1]
    # Three of the four rows have a code in the first column: two fifths of these codes are a, two b, one c.
    assert one.marginal.tolist() == pytest.approx([1.7 / 6.5, 1.7 / 6.5, 1.1 / 6.5, 0.5 / 6.5, 1.5 / 6.5])


def test_categories_by_hand():
    assert (
        CategoryEncoder(categories=("a", "b", "c", "d"), counts=(6, 4, 5, 1), kept=(0, 2), missing=2, n_rows=18)
        == ENCODER
    )
    assert (ENCODER.n_rows, ENCODER.n_once, ENCODER.n_classes, ENCODER.n_codes) == (18, 1, 4, 5)
    assert ENCODER.supported.tolist() == [0, 2]
    # Classes: a, c, all others, missing; half a row is added to each.
    assert ENCODER.marginal.tolist() == pytest.approx([6.5 / 20, 5.5 / 20, 5.5 / 20, 2.5 / 20])
    encoded = ENCODER.encode(pd.Series(["a", "b", "c", "d", "never seen", None]))
    assert encoded.classes.tolist() == [0, 2, 1, 2, 2, 3]
    assert encoded.codes.tolist() == [0, 2, 1, 2, 3, 4]
    assert encoded.seen.tolist() == [6, 4, 5, 1, 0, 2]
    assert ENCODER.code_texts() == ["a", "c", "a rare value", "a new value", "missing"]
    assert ENCODER.texts(pd.Series(["a", None])) == ["a", "missing"]


def test_an_unseen_category_is_an_input_of_its_own_and_not_missing():
    seen, rare, unseen, missing = ENCODER.encode(pd.Series(["c", "d", "never seen", None])).inputs
    # c has place 2 among the categories.
    assert seen == 2
    assert (rare, unseen) == (RARE_INPUT, UNSEEN_INPUT) == (-1, -2)
    assert np.isnan(missing)


@pytest.mark.parametrize(("rows", "own"), [(FEWEST_ROWS - 1, False), (FEWEST_ROWS, True)])
def test_a_category_has_a_code_of_its_own_from_five_rows_on(rows, own):
    encoder = CategoryEncoder.fit(pd.Series(["a"] * 20 + ["b"] * rows), max_classes=9)
    known, unseen = encoder.encode(pd.Series(["b", "never seen"])).codes
    # Those with too few rows share the code before that of unseen ones.
    assert (known != unseen - 1) == own


def test_a_new_code_is_as_rare_as_one_with_five_rows_and_no_rarer():
    counted, rare, unseen, missing = ENCODER.encode(pd.Series(["c", "d", "never seen", None])).rarity
    assert counted == rare == unseen == pytest.approx(np.log(6.5 / 5.5))
    assert missing == pytest.approx(np.log(6.5 / 2.5))


def test_a_missing_value_is_absence_where_most_rows_have_none():
    seldom = CategoryEncoder.fit(pd.Series(["a"] * 2 + [None] * 3), 3)
    assert seldom.encode(pd.Series(["a", None])).absent.tolist() == [False, True]
    assert ENCODER.encode(pd.Series(["a", None])).absent.tolist() == [False, False]


def test_a_training_row_is_not_among_the_rows_that_have_its_category():
    encoded = ENCODER.encode(CODES)
    assert encoded.without_own().seen.tolist() == [5] * 6 + [4] * 5 + [3] * 4 + [0] + [1] * 2
    assert replace(encoded.without_own(), seen=encoded.seen).codes.tolist() == encoded.codes.tolist()


def test_ties_between_categories_are_broken_by_name_and_not_by_the_order_of_rows():
    values = pd.Series(["d", "c", "b", "a"])
    assert CategoryEncoder.fit(values, 2) == CategoryEncoder.fit(values[::-1], 2)
    assert CategoryEncoder.fit(values, 2).kept == (0, 1)


def test_known_categories_are_cut_by_frequency_then_name(monkeypatch):
    monkeypatch.setattr("claims_fraud.autoencoder.kinds.category.MAX_KNOWN_CATEGORIES", 2)
    assert CategoryEncoder.fit(pd.Series(["d", "c", "b", "b"]), 2).categories == ("b", "c")


def test_no_rows_and_no_values():
    for values in (pd.Series([], dtype=object), pd.Series([None, None])):
        encoder = CategoryEncoder.fit(values, 3)
        assert encoder.encode(pd.Series(["a", None])).codes.tolist() == [1, 2]


def test_numbers_are_asked_of_numbers_only():
    encoded = ENCODER.encode(CODES)
    for name in ("numbers", "rounding"):
        with pytest.raises(TypeError, match="categories have no"):
            getattr(encoded, name)
