"""Reasons word by word, on expectations made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.encoding import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.explanation import Expectation, given_texts, number_text, reason_sentences

AMOUNTS = NumberEncoder.fit(pd.Series([*np.arange(1.0, 1001.0), None, None]))
CODES = CategoryEncoder.fit(pd.Series(["99213"] * 6 + ["99214"] * 3 + ["A1", None]), max_classes=2)
EVERY = np.arange(3)


def expect(low, high, low_share=0.0, high_share=0.0, rows=3):
    return Expectation(*(np.full(rows, value, np.float32) for value in (low, high, low_share, high_share)))


def sentences(values, encoder, expected, by_rarity=False, given=" given x"):
    values = pd.Series(values, name="item", index=[9] * len(values))
    rows = np.arange(len(values))
    rarely = np.full(len(values), by_rarity)
    return reason_sentences(values, encoder, expected, rarely, given=[given] * len(values), rows=rows)


def test_numbers_against_their_interval():
    assert sentences([9800.0, 0.12344, None], AMOUNTS, expect(120, 640.4)) == [
        "item 9,800; 120–640 expected given x",
        "item 0.1234; 120–640 expected given x",
        "item missing; 120–640 expected given x",
    ]


def test_an_interval_of_one_number_is_said_once():
    assert sentences([5.0] * 3, AMOUNTS, expect(0, 0))[0] == "item 5; 0 expected given x"


def test_a_number_where_none_was_expected():
    assert sentences([5.0] * 3, AMOUNTS, expect(0, 0, low_share=0.93))[0] == "item 5; no value (93%) expected given x"


def test_numbers_by_rarity():
    assert sentences([5000.0, None, 950.0], AMOUNTS, expect(0, 0), by_rarity=True) == [
        "item 5,000; 6–996 in 99% of claims",
        "item missing; missing in 2 of 1,002 claims",
        "item 950; as high or higher in at most 12% of claims",
    ]


def test_a_low_number_by_rarity():
    assert sentences([30.0] * 3, AMOUNTS, expect(0, 0), by_rarity=True)[0] == (
        "item 30; as low or lower in at most 5% of claims"
    )


def test_the_usual_range_reaches_the_largest_value_where_that_is_common():
    encoder = NumberEncoder.fit(pd.Series([0.0] + [1.0] * 99))
    assert sentences([7.0] * 3, encoder, expect(0, 0), by_rarity=True)[0] == "item 7; 0–1 in 99% of claims"


def test_a_number_in_a_column_that_had_none():
    encoder = NumberEncoder.fit(pd.Series([None] * 4, dtype=float))
    assert sentences([7.0] * 3, encoder, expect(0, 0), by_rarity=True)[0] == "item 7; missing in 4 of 4 claims"


def test_categories_against_the_likely_ones():
    assert sentences(["99214", "new", None], CODES, expect(0, 1, 0.84, 0.12)) == [
        "item 99214; 99213 (84%) or 99214 (12%) expected given x",
        "item new; 99213 (84%) or 99214 (12%) expected given x",
        "item missing; 99213 (84%) or 99214 (12%) expected given x",
    ]


def test_an_unlikely_second_category_is_left_out():
    assert sentences(["99214"] * 3, CODES, expect(0, 1, 0.95, 0.04), given="")[0] == "item 99214; 99213 (95%) expected"


def test_pooled_categories_and_no_value_have_names():
    assert sentences(["99214"] * 3, CODES, expect(2, 3, 0.5, 0.4), given="")[0] == (
        "item 99214; a rarer value (50%) or no value (40%) expected"
    )


def test_categories_by_rarity():
    assert sentences(["A1", "new", None], CODES, expect(0, 1), by_rarity=True) == [
        "item A1; seen in 1 of 11 claims",
        "item new; never seen in 11 claims",
        "item missing; seen in 1 of 11 claims",
    ]


def test_only_the_chosen_rows_are_spoken_of():
    values = pd.Series(["99213", "99214", "A1"], name="code")
    rarely = np.array([False, False, True])
    found = reason_sentences(values, CODES, expect(0, 1), rarely, given=[""], rows=np.array([2]))
    assert found == ["code A1; seen in 1 of 11 claims"]


def test_what_is_given():
    frame = pd.DataFrame({"code": [99213, None, 7], "amount": [1234.5, 1.0, None]})
    encoders = {"code": CODES, "amount": AMOUNTS}
    assert given_texts(frame, ["code", "amount"], encoders, EVERY) == [
        " given code 99213 and amount 1,234",
        " given code missing and amount 1",
        " given code 7 and amount missing",
    ]
    assert given_texts(frame, [], encoders, EVERY) == ["", "", ""]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (3.0, "3"), (12.3456, "12.35"), (99.5, "99.5"), (640.4, "640"), (-9800.0, "-9,800"), (1e-5, "1e-05")],
)
def test_numbers_as_people_write_them(number, text):
    assert number_text(number) == text


def test_expectation_of_a_number_is_its_middle_80_percent_and_the_share_of_missing():
    encoder = NumberEncoder.fit(pd.Series(np.arange(10_001.0)))
    found = Expectation.of(encoder, encoder.marginal[None, :])
    assert found.low[0] == pytest.approx(1000, abs=15)
    assert found.high[0] == pytest.approx(9000, abs=15)
    assert found.low_share[0] == pytest.approx(encoder.marginal[-1])


def test_expectation_of_a_category_is_its_two_likeliest_classes():
    found = Expectation.of(CODES, np.array([[0.1, 0.6, 0.25, 0.05]]))
    assert (found.low[0], found.high[0]) == (1, 2)
    assert (found.low_share[0], found.high_share[0]) == pytest.approx((0.6, 0.25))


def test_expectations_of_disjoint_rows_are_put_together():
    odd = np.array([False, True, False])
    whole = Expectation.together([(odd, expect(1, 2, rows=1)), (~odd, expect(3, 4, rows=2))], 3)
    assert whole.low.tolist() == [3, 1, 3]
    assert whole.high.tolist() == [4, 2, 4]
