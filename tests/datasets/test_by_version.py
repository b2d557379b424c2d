"""Rows of many models, a file for each."""

from __future__ import annotations

import pandas as pd
import pytest
from kedro.io import DatasetError

from claims_fraud.datasets import ByVersionDataset
from claims_fraud.errors import InputError

ONE = pd.DataFrame({"claim_id": ["a", "b"], "fraud_score": [1.0, 2.0], "model_version": "0123456789ab"})
OTHER = pd.DataFrame({"claim_id": ["a"], "fraud_score": [3.0], "model_version": "ba9876543210"})


@pytest.fixture
def dataset(tmp_path):
    return ByVersionDataset(filepath=str(tmp_path / "scores"), by="model_version", made_by="training")


def test_loads_the_rows_of_the_version_asked_for(dataset):
    assert not dataset.exists()
    dataset.save(ONE)
    dataset.save(OTHER)
    assert dataset.exists()
    rows_of = dataset.load()
    pd.testing.assert_frame_equal(rows_of("0123456789ab"), ONE)
    pd.testing.assert_frame_equal(rows_of("ba9876543210"), OTHER)


def test_saving_a_version_again_replaces_its_rows(dataset, tmp_path):
    dataset.save(ONE)
    dataset.save(ONE.head(1))
    assert len(dataset.load()("0123456789ab")) == 1
    assert [file.name for file in (tmp_path / "scores").iterdir()] == ["0123456789ab.parquet"]


def test_a_version_without_rows_says_what_makes_them(dataset, tmp_path):
    with pytest.raises(InputError) as raised:
        dataset.load()("ba9876543210")
    assert str(raised.value) == (
        f"{tmp_path / 'scores'} has no rows of model_version ba9876543210: it was trained elsewhere, or they were "
        "removed. Train again (`kedro run --pipelines=training`, same --env), or use another model."
    )


@pytest.mark.parametrize("rows", [pd.concat([ONE, OTHER]), ONE.head(0), ONE.assign(model_version="../elsewhere")])
def test_rows_of_several_versions_or_of_none_are_refused(dataset, rows):
    with pytest.raises(DatasetError, match="takes the rows of one model_version, a word, at a time"):
        dataset.save(rows)
    assert not dataset.exists()
