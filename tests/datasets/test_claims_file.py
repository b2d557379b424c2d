"""Claims from outside: read when needed, never written."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DatasetError

from claims_fraud.datasets import ClaimsFileDataset
from claims_fraud.errors import InputError

CLAIMS = pd.DataFrame({"claim_id": ["001", "002"], "code": ["0042", "x"]})


def test_reads_parquet(write_claims):
    path = write_claims(CLAIMS, "claims.parquet")
    pd.testing.assert_frame_equal(ClaimsFileDataset(filepath=str(path), name="raw_claims").load(), CLAIMS)


def test_reads_csv_with_its_separator_and_keeps_leading_zeros(tmp_path):
    CLAIMS.to_csv(tmp_path / "claims.csv", sep=";", index=False)
    dataset = ClaimsFileDataset(filepath=str(tmp_path / "claims.csv"), name="raw_claims", separator=";")
    pd.testing.assert_frame_equal(dataset.load(), CLAIMS)


def test_reads_a_folder(write_claims, tmp_path):
    write_claims(CLAIMS.head(1), "january.parquet")
    write_claims(CLAIMS.tail(1), "february.parquet")
    assert sorted(ClaimsFileDataset(filepath=str(tmp_path), name="raw_claims").load()["claim_id"]) == ["001", "002"]


def test_an_error_names_the_parameter_that_gives_another_path(tmp_path):
    dataset = ClaimsFileDataset(filepath=str(tmp_path / "missing.csv"), name="new_claims")
    with pytest.raises(DatasetError) as raised:
        dataset.load()
    assert isinstance(raised.value.__cause__, InputError)
    assert "--params=new_claims=PATH" in str(raised.value.__cause__)


class TestLazy:
    def test_loads_a_function_that_reads(self, write_claims):
        dataset = ClaimsFileDataset(filepath=str(write_claims(CLAIMS)), name="claim_labels", lazy=True)
        pd.testing.assert_frame_equal(dataset.load()(), CLAIMS)

    def test_a_missing_file_matters_only_when_it_is_read(self, tmp_path):
        dataset = ClaimsFileDataset(filepath=str(tmp_path / "missing.parquet"), name="claim_labels", lazy=True)
        read = dataset.load()
        with pytest.raises(InputError, match=r"claim_labels: .* does not exist"):
            read()


def test_is_read_only(write_claims):
    path = write_claims(CLAIMS)
    before = path.read_bytes()
    with pytest.raises(DatasetError, match="raw_claims is read only"):
        ClaimsFileDataset(filepath=str(path), name="raw_claims").save(CLAIMS)
    assert path.read_bytes() == before


def test_exists(write_claims, tmp_path):
    assert ClaimsFileDataset(filepath=str(write_claims(CLAIMS)), name="raw_claims").exists()
    assert not ClaimsFileDataset(filepath=str(tmp_path / "missing.csv"), name="raw_claims").exists()
