"""Which columns tell most of another one."""

from __future__ import annotations

import numpy as np
import pytest

from claims_fraud.autoencoder.associations import most_telling, mutual_information


def test_two_equal_coins_tell_one_bit_of_each_other():
    coin = np.array([0, 1] * 500)
    # Two cells occur of the four, so chance gives nothing to correct: half a degree less than independence.
    assert mutual_information(coin, coin) == pytest.approx(np.log(2) + 1 / 2000)


def test_columns_of_many_classes_that_are_independent_tell_nothing():
    rng = np.random.default_rng(0)
    one, other = rng.integers(20, size=(2, 5000))
    assert mutual_information(one, other) == pytest.approx(0, abs=0.01)


def test_it_is_symmetric_and_a_constant_tells_nothing():
    rng = np.random.default_rng(0)
    one = rng.integers(5, size=300)
    other = (one + rng.integers(2, size=300)) % 5
    assert mutual_information(one, other) == pytest.approx(mutual_information(other, one))
    assert mutual_information(one, np.zeros(300, int)) == pytest.approx(0)


class TestMostTelling:
    rng = np.random.default_rng(0)
    base = rng.integers(4, size=1000)
    columns = {  # noqa: RUF012
        "noise": rng.integers(4, size=1000),
        "base": base,
        "copy": base,
        "nearly": np.where(rng.random(1000) < 0.8, base, 0),
    }

    def test_all_others_where_they_are_few(self):
        assert most_telling(self.columns, 3)["base"] == ("noise", "copy", "nearly")

    def test_those_that_tell_most_in_the_order_of_the_columns(self):
        found = most_telling(self.columns, 2)
        assert found["base"] == ("copy", "nearly")
        assert found["nearly"] == ("base", "copy")
        assert [len(others) for others in found.values()] == [2] * 4

    def test_one_at_least(self):
        assert most_telling(self.columns, 1)["copy"] == ("base",)
