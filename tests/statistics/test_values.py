"""The same value is the same value, in whatever it is stored: as text, as a number, in models, drift and fairness."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claims_fraud.autoencoder import ClaimsOutlierDetector, ClaimsTreeAutoencoder
from claims_fraud.claims.rows import numbers, texts
from claims_fraud.drift import PSIMonitor, ReferenceProfile
from claims_fraud.fairness import FairnessAnalyzer
from claims_fraud.statistics.values import as_floats, exact_number, holds_numbers, just_below, value_text

PRICES = np.array([0.1, 18.24, 19.99, 35.7, 120.35, 1234.56])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (2901, "2901"),
        (np.int32(2901), "2901"),
        (2901.0, "2901"),
        (np.float32(2901), "2901"),
        (Decimal("2901.0000000000"), "2901"),
        (Decimal("0E-10"), "0"),
        (Decimal("1E+3"), "1000"),
        (Decimal("250.10"), "250.1"),
        (np.float32(0.1), "0.1"),
        (250.1, "250.1"),
        (True, "true"),
        (np.bool_(False), "false"),
        ("True", "true"),
        ("FALSE", "false"),
        ("250.0", "250.0"),
        ("042", "042"),
        ("nan", "nan"),
        (float("inf"), "inf"),
        (Decimal("NaN"), "NaN"),
    ],
)
def test_value_text(value, text):
    assert value_text(value) == text


@given(st.integers(-(10**15), 10**15))
def test_value_text_of_a_whole_number_is_the_same_in_any_storage(number):
    assert {value_text(stored) for stored in (number, np.int64(number), float(number), Decimal(number))} == {
        str(number)
    }


@given(st.lists(st.decimals(-99999, 99999, places=2), min_size=1))
def test_as_floats_is_the_same_in_any_storage(decimals):
    plain = np.array([float(value) for value in decimals])
    for stored in (
        pd.Series(decimals),
        pd.Series(plain),
        pd.Series(plain, dtype=object),
        pd.Series(plain, dtype="Float64"),
        pd.Series([str(value) for value in decimals]),
    ):
        np.testing.assert_array_equal(as_floats(stored), plain)


def test_as_floats_of_float32_is_its_shortest_decimal():
    assert as_floats(pd.Series([0.1, np.nan, 19.99], dtype="float32")).tolist()[::2] == [0.1, 19.99]
    assert as_floats(pd.Series([0.1, None], dtype="Float32"))[0] == 0.1
    assert as_floats(pd.Series([np.float32(0.1), None], dtype=object))[0] == 0.1


@pytest.mark.parametrize("kind", ["float32", "Float32", "float64", "object", "decimal", "text"])
def test_ingestion_reads_the_same_number(kind):
    stored = {
        "decimal": pd.Series([Decimal(str(price)) for price in PRICES]),
        "text": pd.Series([str(price) for price in PRICES]),
        "object": pd.Series(list(PRICES), dtype=object),
    }.get(kind, pd.Series(PRICES))
    if kind.lower().startswith("float"):
        stored = stored.astype(kind)
    assert numbers(stored).tolist() == PRICES.tolist()


def test_ingestion_reads_the_same_id():
    for stored in ([2901, 0], [2901.0, 0.0], [Decimal("2901.0000000000"), Decimal("0E-10")], ["2901", "0"]):
        assert texts(pd.Series(stored, dtype=object)).tolist() == ["2901", "0"]


def test_ingestion_takes_a_signalling_nan_for_no_number():
    assert numbers(pd.Series([Decimal("sNaN"), Decimal("1.5")])).isna().tolist() == [True, False]


def test_holds_numbers():
    assert holds_numbers(pd.Series([Decimal(1), None]))
    assert holds_numbers(pd.Series([1, 2.5], dtype=object))
    assert not holds_numbers(pd.Series([True, False]))
    assert not holds_numbers(pd.Series([True, None], dtype=object))
    assert not holds_numbers(pd.Series(["1"]))


@given(st.floats(-1e30, 1e30).filter(lambda number: abs(number) > 1e-30))
def test_just_below_is_not_above_what_float32_makes_of_a_number(number):
    assert just_below(np.array([float(np.float32(number))]))[0] <= number


@pytest.fixture(scope="module")
def price_list() -> pd.DataFrame:
    """Claims by a list of prices, which repeat, and codes."""
    random = np.random.default_rng(0)
    place = random.integers(len(PRICES), size=600)
    return pd.DataFrame(
        {
            "code": 99210 + place,
            "amount": PRICES[place],
            "days": random.integers(0, 5, 600),
            "urgent": random.random(600) < 0.3,
        }
    )


STORED = {
    "float32": lambda claims: claims.assign(amount=claims["amount"].astype("float32")),
    "decimal": lambda claims: claims.assign(
        amount=[Decimal(str(value)) for value in claims["amount"]],
        code=[Decimal(int(value)).scaleb(0).quantize(Decimal("0.0000000001")) for value in claims["code"]],
    ),
    "objects": lambda claims: claims.astype(object),
    "codes as floats": lambda claims: claims.assign(code=claims["code"].astype(float)),
    "truth as text": lambda claims: claims.assign(urgent=claims["urgent"].map({True: "TRUE", False: "FALSE"})),
    "moved by a billionth": lambda claims: claims.assign(amount=claims["amount"] * (1 + 1e-9)),
}


@pytest.mark.parametrize("how", STORED)
def test_a_model_scores_the_same_claims_alike(price_list, how):
    model = ClaimsTreeAutoencoder(n_estimators=3, max_depth=3, n_jobs=1, n_folds=2)
    model.fit(price_list, ["code", "urgent"], ["amount", "days"])
    np.testing.assert_allclose(
        model.judge(STORED[how](price_list)).scores, model.judge(price_list).scores, rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("how", STORED)
def test_the_same_claims_do_not_drift(price_list, how):
    profile = ReferenceProfile.fit(price_list, ["code", "urgent"], ["amount", "days"])
    found = PSIMonitor(profile).compare(STORED[how](price_list))
    assert found["psi"].max() == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("how", ["decimal", "objects"])
def test_fairness_bands_are_those_of_the_numbers(price_list, how):
    ages = price_list.assign(age=np.arange(600) % 80)
    scores = np.linspace(0, 1, 600)
    stored = ages.assign(
        age=[Decimal(int(age)) for age in ages["age"]] if how == "decimal" else ages["age"].astype(object)
    )
    plain, other = (FairnessAnalyzer(data, scores, ["age"]).get_bias_summary() for data in (ages, stored))
    assert sorted(other["group"]) == sorted(plain["group"])


def test_an_outlier_detector_takes_decimals_for_numbers(price_list):
    data = price_list[["amount", "days"]]
    detector = ClaimsOutlierDetector(ClaimsTreeAutoencoder(n_estimators=3, n_jobs=1, n_folds=2))
    plain = detector.fit(data).score_samples(data)
    stored = data.assign(amount=[Decimal(str(value)) for value in data["amount"]])
    np.testing.assert_allclose(detector.fit(stored).score_samples(stored), plain)


@given(st.lists(st.decimals(-8_000, 8_000, places=2).map(float), min_size=1))
def test_as_floats_of_widened_float32_are_the_decimals_that_they_stand_for(numbers):
    narrow = pd.Series(numbers).astype("float32")
    assert as_floats(narrow.astype("float64")).tolist() == as_floats(narrow).tolist()


@given(st.lists(st.decimals(-(10**9), 10**9, places=4).map(float), min_size=1))
@example([2097152.25, 131071.0625, 123456792.0, 0.0001])
def test_as_floats_of_amounts_are_the_amounts(numbers):
    assert as_floats(pd.Series(numbers)).tolist() == numbers


def test_a_whole_number_beyond_float64_is_infinite():
    assert [exact_number(value) for value in (10**400, -(10**400), 10**15)] == [np.inf, -np.inf, 1e15]
