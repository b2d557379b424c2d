"""Tests of the stable hash against its definition."""

from __future__ import annotations

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claims_fraud.claims.hashing import fingerprint, stable_fraction, stable_hash

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def by_definition(value: str, salt: str) -> int:
    return int.from_bytes(hashlib.sha256((salt + value).encode("utf-8")).digest()[:8], "big")


def test_known_values() -> None:
    ids = pd.Series(["C1", "Ångström", "患者", "C1"])
    expected = [12905835314129129801, 2465911724038897138, 16308824342608140032, 12905835314129129801]
    assert stable_hash(ids, "salt-").tolist() == expected


@given(ids=st.lists(TEXT, max_size=12), salt=TEXT)
@example(ids=["", "\x00", "a", "a\x00b"], salt="")
def test_is_the_first_eight_bytes_of_sha256(ids: list[str], salt: str) -> None:
    hashes = stable_hash(pd.Series(ids, dtype=object), salt)
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [by_definition(value, salt) for value in ids]


@given(ids=st.lists(TEXT, max_size=12))
def test_fraction_is_in_the_unit_interval_in_order_of_the_hash(ids: list[str]) -> None:
    series = pd.Series(ids, dtype=object)
    fractions = stable_fraction(series, "s")
    assert ((fractions >= 0) & (fractions < 1)).all()
    assert np.allclose(fractions, stable_hash(series, "s") / 2.0**64)


@pytest.mark.parametrize("dtype", [object, "string[python]", "string[pyarrow]", "category"])
def test_missing_id_hashes_as_empty_text_whatever_the_dtype(dtype: str) -> None:
    ids = pd.Series(["a", None], dtype=dtype, index=[7, 7])
    assert stable_hash(ids, "s").tolist() == [by_definition("a", "s"), by_definition("", "s")]


def test_another_salt_is_an_independent_draw() -> None:
    ids = pd.Series([f"C{number}" for number in range(2000)])
    first, second = stable_fraction(ids, "a"), stable_fraction(ids, "b")
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.1
    assert (first < 0.3).mean() == pytest.approx(0.3, abs=0.04)


class TestFingerprint:
    def test_is_of_the_set_of_ids(self):
        assert fingerprint(pd.Series(["a", "b"])) == fingerprint(pd.Series(["b", "a"])) == "facdde7abf1e"

    @pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"], ["ab"], ["a", "c"]])
    def test_differs_for_other_ids(self, ids):
        assert fingerprint(pd.Series(ids)) != fingerprint(pd.Series(["a", "b"]))

    def test_ids_do_not_run_together(self):
        assert fingerprint(pd.Series(["a", "11:b"])) != fingerprint(pd.Series(["a1", "1:b"]))
