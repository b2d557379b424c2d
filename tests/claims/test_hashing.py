"""Tests of the stable hash against its definition."""

from __future__ import annotations

import hashlib
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import fingerprint, row_hashes, stable_fraction, stable_hash

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


class TestRowHashes:
    """By the values of a claim: those a score is made from, and no other."""

    columns = Columns(
        procedure=None,
        categorical=("code", "race"),
        numeric=("claim_amount",),
        protected=[{"race": "none"}],
        label="is_fraud",
    )

    def claims(self, **changes) -> pd.DataFrame:
        base = {
            "claim_id": ["c1", "c2"],
            "claim_date": pd.to_datetime(["2025-01-01", "2025-01-02"]),
            "patient_id": ["p", None],
            "provider_id": "d",
            "code": ["x", ""],
            "race": "1",
            "claim_amount": [12.5, 0.0],
            "is_fraud": 0.0,
        }
        return pd.DataFrame({**base, **changes})

    def hashes(self, **changes) -> list[str]:
        return row_hashes(self.claims(**changes), self.columns).tolist()

    def test_known_values(self):
        assert self.hashes() == ["5163c3d21927e9ab", "ea8cd222d682115c"]

    @pytest.mark.parametrize(
        "changes",
        [
            {"claim_amount": pd.Series([12.5, -0.0], dtype="float32")},
            {"claim_amount": pd.Series([12.5, 0], dtype="Float64")},
            {"claim_amount": pd.Series([Decimal("12.50"), Decimal(0)], dtype=object)},
            {"claim_date": pd.to_datetime(["2025-01-01", "2025-01-02"]).tz_localize("UTC")},
            {"claim_date": pd.to_datetime(["2025-01-01", "2025-01-02"]).as_unit("s")},
            {"code": pd.Series(["x", ""], dtype="category")},
            {"code": pd.Series(["x", ""], dtype="string[pyarrow]")},
            {"patient_id": pd.Series(["p", np.nan], dtype=object)},
            {"race": "2", "is_fraud": 1.0},
        ],
        ids=["float32", "nullable", "decimal", "zone", "unit", "category", "string", "NaN", "not judged"],
    )
    def test_are_the_same_for_the_same_values(self, changes):
        assert self.hashes(**changes) == self.hashes()

    @pytest.mark.parametrize(
        "changes",
        [
            {"claim_id": ["c3", "c2"]},
            {"claim_date": pd.to_datetime(["2025-01-03", "2025-01-02"])},
            {"patient_id": ["", None]},
            {"code": [None, ""]},
            {"code": ["", ""]},
            {"claim_amount": [12.51, 0.0]},
            {"claim_amount": [np.nan, 0.0]},
        ],
        ids=str,
    )
    def test_differ_where_a_value_does(self, changes):
        first, second = self.hashes(**changes)
        assert first != self.hashes()[0]
        assert second == self.hashes()[1]

    def test_values_that_changed_places_are_others(self):
        columns = Columns(procedure=None, claim_amount=None, categorical=("one", "two"), numeric=(), protected=[])
        claims = self.claims(one="a", two="b")
        swapped = self.claims(one="b", two="a")
        assert row_hashes(claims, columns)[0] != row_hashes(swapped, columns)[0]
