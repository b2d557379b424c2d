"""Reasons word by word, on claims and expectations made by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.encoding import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.explanation import Expectation, explained, interval_levels, number_text
from claims_fraud.autoencoder.support import Support

# 60 visits, 40 x-rays and 5 laboratory tests, of which the last have no amount.
CLAIMS = pd.DataFrame(
    {
        "code": ["visit"] * 60 + ["xray"] * 40 + ["lab"] * 5,
        "specialty": ["GP"] * 50 + ["surgeon"] * 10 + ["radiologist"] * 40 + ["GP"] * 5,
        "amount": [50.0] * 30 + [60.0] * 20 + [70.0] * 10 + [1300.0] * 40 + [None] * 5,
    }
)
ENCODERS = {
    "code": CategoryEncoder.fit(CLAIMS["code"], max_classes=3),
    "specialty": CategoryEncoder.fit(CLAIMS["specialty"], max_classes=2),
    "amount": NumberEncoder.fit(CLAIMS["amount"]),
}
NUMBERS = NumberEncoder.fit(pd.Series([*np.arange(1.0, 1001.0), None, None]))
CODES = CategoryEncoder.fit(pd.Series(["99213"] * 6 + ["99214"] * 3 + ["A1", None]), max_classes=2)
COLUMNS = [
    "value", "expected", "expected_low", "expected_high", "direction", "judged_from", "comparable", "such",
    "low_support", "sentence",
]  # fmt: skip


def expect(low, high, low_share=0.0, high_share=0.0, rows=1):
    return Expectation(*(np.full(rows, value, np.float32) for value in (low, high, low_share, high_share)))


def support(name, given):
    encoded = {column: encoder.encode(CLAIMS[column]) for column, encoder in ENCODERS.items()}
    return Support.fit(
        given,
        [*(encoded[other].alike for other in given), encoded[name].codes],
        [*(ENCODERS[other].n_alike for other in given), ENCODERS[name].n_codes],
    )


def explain(name, claims, expected, given=("code", "specialty"), *, by_rarity=False, counted=False):
    """Return what is said of a column of claims: (code, specialty, amount) each."""
    rows = pd.DataFrame(claims, columns=["code", "specialty", "amount"], index=[9] * len(claims))
    masks = {"by_rarity": np.full(len(rows), by_rarity), "counted": np.full(len(rows), counted)}
    return explained(name, rows, ENCODERS, expected, support(name, given), **masks)


def sentence(*arguments, **options):
    (only,) = explain(*arguments, **options)["sentence"]
    return only


def rarities(values, encoder):
    """Return what is said of values that are judged by rarity, where their column is all there is."""
    rows = pd.DataFrame({"item": values})
    alone = Support.fit((), [np.zeros(1, dtype=int)], [encoder.n_codes])
    every = np.ones(len(rows), dtype=bool)
    return explained(
        "item", rows, {"item": encoder}, expect(0, 0, rows=len(rows)), alone, by_rarity=every, counted=~every
    )


class TestContradictions:
    @pytest.mark.parametrize(
        ("amount", "said"),
        [
            (70.0, "amount 70; 55–65 expected given code visit and specialty GP; about as high in 0 of 50 such claims"),
            (
                60.0,
                "amount 60; 55–65 expected given code visit and specialty GP; about the same in 20 of 50 such claims",
            ),
            (50.0, "amount 50; 55–65 expected given code visit and specialty GP; about as low in 30 of 50 such claims"),
            (None, "amount missing; 55–65 expected given code visit and specialty GP; missing in 0 of 50 such claims"),
        ],
    )
    def test_a_number_against_its_interval(self, amount, said):
        assert sentence("amount", [("visit", "GP", amount)], expect(55, 65)) == said

    def test_a_number_where_none_was_expected(self):
        assert sentence("amount", [("visit", "GP", 60.0)], expect(0, 0, low_share=0.93)) == (
            "amount 60; no value (93%) expected given code visit and specialty GP; a value in 50 of 50 such claims"
        )

    def test_a_number_between_those_learned_counts_as_the_next_one(self):
        assert sentence("amount", [("visit", "GP", 59.0)], expect(55.5, 58.25)) == (
            "amount 59; 55.5–58.25 expected given code visit and specialty GP; about as high in 20 of 50 such claims"
        )

    def test_an_interval_of_one_number_is_said_once(self):
        assert sentence("amount", [("visit", "GP", 60.0)], expect(50, 50)).startswith("amount 60; 50 expected given")

    def test_numbers_are_as_exact_as_their_interval(self):
        end = np.float32(0.1)
        assert explain("amount", [("visit", "GP", 0.1)], expect(end, end))["direction"].tolist() == ["within"]

    def test_a_category_against_the_likely_ones(self):
        assert sentence("specialty", [("visit", "surgeon", 1.0)], expect(0, 1, 0.84, 0.12), given=["code"]) == (
            "specialty surgeon; GP (84%) or radiologist (12%) expected given code visit; seen in 10 of 60 such claims"
        )

    def test_a_category_never_seen(self):
        assert sentence("specialty", [("visit", "vet", 1.0)], expect(0, 1, 0.95, 0.04), given=["code"]) == (
            "specialty vet; GP (95%) expected given code visit; seen in 0 of 60 such claims"
        )

    def test_a_missing_category(self):
        assert sentence("specialty", [("visit", None, 1.0)], expect(0, 1, 0.95, 0.04), given=["code"]) == (
            "specialty missing; GP (95%) expected given code visit; missing in 0 of 60 such claims"
        )

    def test_pooled_categories_and_no_value_have_names(self):
        assert sentence("specialty", [("visit", "GP", 1.0)], expect(2, 3, 0.5, 0.4), given=["code"]) == (
            "specialty GP; surgeon (50%) or no value (40%) expected given code visit; seen in 50 of 60 such claims"
        )

    def test_judged_from_nothing_all_claims_are_comparable(self):
        assert sentence("specialty", [("visit", "GP", 1.0)], expect(1, 0, 0.9, 0.05), given=[]) == (
            "specialty GP; radiologist (90%) expected; seen in 55 of 105 claims"
        )

    def test_judged_from_a_missing_and_a_large_number(self):
        found = explain("code", [("visit", "GP", None), ("visit", "GP", 1300.0)], expect(0, 0, rows=2), ["amount"])
        assert found["judged_from"].tolist() == ["amount missing", "amount 1,300"]
        assert found["comparable"].tolist() == [5, 40]

    def test_few_claims_agree_in_both_columns_so_the_first_alone_counts(self):
        assert sentence("amount", [("visit", "surgeon", 70.0)], expect(55, 65)) == (
            "amount 70; 55–65 expected given code visit and specialty surgeon; "
            "about as high in 10 of 60 claims with code visit"
        )

    def test_claims_that_agree_in_a_number_are_those_of_the_range_of_its_bin(self):
        amounts = pd.Series([*np.arange(1.0, 1001.0), None, None])
        encoders = {"amount": NUMBERS, "kind": CODES, "item": CODES}
        counts = Support.fit(
            ["amount", "kind"],
            [NUMBERS.encode(amounts).alike, *np.zeros((2, len(amounts)), dtype=int)],
            [NUMBERS.n_alike, CODES.n_alike, CODES.n_codes],
        )
        rows = pd.DataFrame({"amount": [410.0], "kind": ["never seen"], "item": ["A1"]})
        nobody = np.zeros(1, dtype=bool)
        found = explained("item", rows, encoders, expect(0, 0, 0.9), counts, by_rarity=nobody, counted=nobody)
        assert found["sentence"].tolist() == [
            "item A1; 99213 (90%) expected given amount 410 and kind never seen; "
            "seen in 0 of 75 claims with amount 352–426"
        ]

    def test_too_few_to_tell(self):
        assert sentence("amount", [("lab", "GP", 60.0)], expect(0, 0, low_share=0.93)) == (
            "amount 60; no value (93%) expected given code lab and specialty GP; "
            "a value in 0 of 5 claims with code lab, too few to tell"
        )

    def test_no_comparable_claim(self):
        assert sentence("amount", [("mri", "GP", 60.0)], expect(100, 200)) == (
            "amount 60; 100–200 expected given code mri and specialty GP; no comparable claim"
        )

    def test_a_claim_that_is_counted_is_not_counted_for_itself(self):
        assert sentence("amount", [("visit", "GP", 50.0)], expect(55, 65), counted=True) == (
            "amount 50; 55–65 expected given code visit and specialty GP; about as low in 29 of 49 such claims"
        )

    def test_what_the_sentence_is_made_of(self):
        found = explain("amount", [("visit", "GP", 50.0), ("lab", "GP", None)], expect(55, 65, rows=2))
        assert list(found) == COLUMNS
        assert found.drop(columns="sentence").to_dict("records") == [
            {
                "value": "50",
                "expected": "55–65",
                "expected_low": 55.0,
                "expected_high": 65.0,
                "direction": "below",
                "judged_from": "code visit and specialty GP",
                "comparable": 50,
                "such": 30,
                "low_support": False,
            },
            {
                "value": "missing",
                "expected": "55–65",
                "expected_low": 55.0,
                "expected_high": 65.0,
                "direction": "missing",
                "judged_from": "code lab and specialty GP",
                "comparable": 5,
                "such": 5,
                "low_support": True,
            },
        ]

    def test_a_category_has_no_interval(self):
        found = explain("specialty", [("visit", "vet", 1.0), ("visit", None, 1.0)], expect(0, 1, 0.9, 0.1, rows=2))
        assert found[["expected_low", "expected_high"]].isna().all(axis=None)
        assert found["direction"].tolist() == ["other", "missing"]

    def test_no_rows(self):
        assert explain("amount", [], expect(0, 0, rows=0)).shape == (0, 10)


class TestRarities:
    def test_numbers(self):
        assert rarities([5000.0, None, 950.0, 30.0], NUMBERS)["sentence"].tolist() == [
            "item 5,000; 6–996 in 99% of claims",
            "item missing; missing in 2 of 1,002 claims",
            "item 950; as high or higher in at most 12% of claims",
            "item 30; as low or lower in at most 5% of claims",
        ]

    def test_the_usual_range_reaches_the_largest_value_where_that_is_common(self):
        encoder = NumberEncoder.fit(pd.Series([0.0] + [1.0] * 99))
        assert rarities([7.0], encoder)["sentence"].tolist() == ["item 7; 0–1 in 99% of claims"]

    def test_a_number_in_a_column_that_had_none(self):
        encoder = NumberEncoder.fit(pd.Series([None] * 4, dtype=float))
        assert rarities([7.0], encoder)["sentence"].tolist() == ["item 7; missing in 4 of 4 claims"]

    def test_a_number_in_a_column_that_mostly_had_none(self):
        encoder = NumberEncoder.fit(pd.Series([5.0, 6.0] + [None] * 8))
        found = rarities([5.0, 99.0], encoder)
        assert found["sentence"].tolist() == ["item 5; a value in 2 of 10 claims", "item 99; 5–6 in 99% of claims"]
        assert found["direction"].tolist() == ["present", "present"]

    def test_categories(self):
        assert rarities(["A1", "new", None], CODES)["sentence"].tolist() == [
            "item A1; seen in 1 of 11 claims",
            "item new; never seen in 11 claims",
            "item missing; seen in 1 of 11 claims",
        ]

    def test_what_is_expected_is_what_is_usual_at_large(self):
        found = rarities([5000.0, 30.0, 950.0, None], NUMBERS)
        assert found["expected"].tolist() == ["6–996"] * 4
        assert found["expected_low"].tolist() == [6] * 4
        assert found["expected_high"].tolist() == [996] * 4
        assert found["direction"].tolist() == ["above", "below", "above", "missing"]
        assert rarities(["A1"], CODES)["expected"].tolist() == ["99213 (50%) or 99214 (27%)"]

    def test_all_claims_are_comparable(self):
        found = explain("amount", [("visit", "GP", 1300.0)], expect(55, 65), by_rarity=True)
        assert found[["judged_from", "comparable", "such", "low_support"]].to_dict("records") == [
            {"judged_from": "", "comparable": 105, "such": 40, "low_support": False}
        ]

    def test_a_claim_that_is_counted_is_not_counted_for_itself(self):
        found = explain("amount", [("visit", "GP", 1300.0)], expect(55, 65), by_rarity=True, counted=True)
        assert (found["comparable"].item(), found["such"].item()) == (104, 39)

    def test_rows_of_both_kinds_keep_their_order(self):
        rows = pd.DataFrame({"code": ["visit"] * 3, "specialty": ["GP"] * 3, "amount": [1301.0, 70.0, 1302.0]})
        mixed, none = np.array([True, False, True]), np.zeros(3, dtype=bool)
        found = explained(
            "amount", rows, ENCODERS, expect(55, 65, rows=3), support("amount", ["code"]), by_rarity=mixed, counted=none
        )
        assert found["sentence"].tolist() == [
            "amount 1,301; 50–1,300 in 99% of claims",
            "amount 70; 55–65 expected given code visit; about as high in 10 of 60 such claims",
            "amount 1,302; 50–1,300 in 99% of claims",
        ]


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.0, "0"), (3.0, "3"), (12.3456, "12.35"), (99.5, "99.5"), (640.4, "640"), (-9800.0, "-9,800"), (1e-5, "1e-05")],
)
def test_numbers_as_people_write_them(number, text):
    assert number_text(number) == text


class TestExpectation:
    def test_of_a_number_it_is_the_interval_between_the_levels_and_the_share_of_missing(self):
        encoder = NumberEncoder.fit(pd.Series(np.arange(10_001.0)))
        found = Expectation.of(encoder, encoder.marginal[None, :], (0.2, 0.7))
        assert found.low[0] == pytest.approx(2000, abs=15)
        assert found.high[0] == pytest.approx(7000, abs=15)
        assert found.low_share[0] == pytest.approx(encoder.marginal[-1])

    def test_of_a_category_it_is_its_two_likeliest_classes(self):
        found = Expectation.of(CODES, np.array([[0.1, 0.6, 0.25, 0.05]]), (0.1, 0.9))
        assert (found.low[0], found.high[0]) == (1, 2)
        assert (found.low_share[0], found.high_share[0]) == pytest.approx((0.6, 0.25))

    def test_of_a_number_at_large_it_is_the_range_of_99_percent(self):
        found = Expectation.at_large(NUMBERS, 2)
        assert (found.low.tolist(), found.high.tolist()) == ([6, 6], [996, 996])
        assert found.low_share[0] == pytest.approx(NUMBERS.marginal[-1])

    def test_of_a_category_at_large_it_is_the_two_most_frequent(self):
        found = Expectation.at_large(CODES, 2)
        assert (found.low.tolist(), found.high.tolist()) == ([0, 0], [1, 1])
        assert found.low_share.tolist() == pytest.approx([6.5 / 13] * 2)
        assert found.high_share.tolist() == pytest.approx([3.5 / 13] * 2)

    @pytest.mark.parametrize("chosen", [np.array([2, 0]), np.array([True, False, True])])
    def test_of_chosen_rows(self, chosen):
        whole = Expectation(*(np.arange(3, dtype=np.float32) + start for start in (0, 10, 20, 30)))
        found = whole.of_rows(chosen)
        assert sorted(found.low.tolist()) == [0, 2]
        assert (found.high - found.low).tolist() == [10, 10]
        assert (found.high_share - found.low_share).tolist() == [10, 10]

    def test_those_of_disjoint_rows_are_put_together(self):
        odd = np.array([False, True, False])
        whole = Expectation.together([(odd, expect(1, 2)), (~odd, expect(3, 4, rows=2))], 3)
        assert whole.low.tolist() == [3, 1, 3]
        assert whole.high.tolist() == [4, 2, 4]


class TestIntervalLevels:
    @pytest.mark.parametrize("sureness", [0.5, 1, 2], ids=["too unsure", "right", "too sure"])
    def test_80_percent_lie_between_whatever_the_predictions(self, sureness):
        numbers = pd.Series(np.random.default_rng(0).normal(size=5000))
        encoder = NumberEncoder.fit(numbers)
        predicted = encoder.marginal[None, :] ** sureness
        predicted = np.tile(predicted / predicted.sum(), (5000, 1))
        half = np.arange(5000) < 2500
        levels = interval_levels(numbers, encoder, [(half, predicted[half]), (~half, predicted[~half])])
        low, high = (encoder.quantiles(predicted[:1], level)[0] for level in levels)
        assert numbers.between(low, high).mean() == pytest.approx(0.8, abs=0.002)
        assert (numbers < low).mean() == pytest.approx(0.1, abs=0.002)

    def test_numbers_are_below_as_often_as_above_where_the_predictions_are_right(self):
        numbers = pd.Series(np.arange(1000.0))
        encoder = NumberEncoder.fit(numbers)
        predicted = np.tile(encoder.marginal, (1000, 1))
        levels = interval_levels(numbers, encoder, [(np.ones(1000, dtype=bool), predicted)])
        assert levels == pytest.approx((0.1, 0.9), abs=0.005)

    def test_of_few_different_numbers_at_least_80_percent_lie_between(self):
        numbers = pd.Series([0.0] * 5 + [1.0] * 60 + [2.0] * 30 + [3.0] * 5)
        encoder = NumberEncoder.fit(numbers)
        predicted = np.tile(encoder.marginal, (100, 1))
        levels = interval_levels(numbers, encoder, [(np.ones(100, dtype=bool), predicted)])
        assert [encoder.quantiles(predicted[:1], level)[0] for level in levels] == [1, 2]

    def test_missing_numbers_have_no_say(self):
        numbers = pd.Series(np.arange(1000.0))
        encoder = NumberEncoder.fit(numbers)
        predicted = np.tile(encoder.marginal, (2000, 1))
        every = np.ones(2000, dtype=bool)
        found = interval_levels(pd.concat([numbers, numbers * np.nan]), encoder, [(every, predicted)])
        assert found == interval_levels(numbers, encoder, [(every[:1000], predicted[:1000])])

    @pytest.mark.parametrize(
        ("values", "encoder"),
        [(["99213", None], CODES), ([None, None], NumberEncoder.fit(pd.Series([None, None], dtype=float)))],
        ids=["category", "no number"],
    )
    def test_where_there_is_nothing_to_go_by_they_are_the_10th_and_90th_percentile(self, values, encoder):
        predicted = np.tile(encoder.marginal, (2, 1))
        found = interval_levels(pd.Series(values), encoder, [(np.ones(2, dtype=bool), predicted)])
        assert found == pytest.approx((0.1, 0.9))
