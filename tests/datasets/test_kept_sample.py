"""Samples that are kept for good."""

from __future__ import annotations

import os

import pandas as pd
import pytest
from kedro.io import DatasetError

from claims_fraud.datasets import KeptSampleDataset

ONE = pd.DataFrame({"claim_id": ["a", "b"], "amount": [1.5, None]})
TWO = ONE.assign(amount=2.0)


@pytest.fixture
def dataset(tmp_path):
    return KeptSampleDataset(filepath=str(tmp_path / "samples"), made_by="training")


def test_nothing_there_says_what_makes_it(dataset):
    assert not dataset.exists()
    assert dataset.data_version() is None
    with pytest.raises(DatasetError, match=r"holds no sample yet\. Make one with `kedro run --pipelines=training`"):
        dataset.load()


def test_each_content_is_kept_in_a_file_named_by_its_hash(dataset, tmp_path):
    versions = []
    for frame in (ONE, TWO, ONE):
        dataset.save(frame)
        versions.append(dataset.data_version())
    assert versions[0] == versions[2] != versions[1]
    names = sorted(file.name for file in (tmp_path / "samples").iterdir())
    assert names == sorted({f"{version.removeprefix('sha256:')}.parquet" for version in versions})


def test_another_process_loads_the_one_saved_last(dataset, tmp_path):
    dataset.save(ONE)
    first = tmp_path / "samples" / f"{dataset.data_version().removeprefix('sha256:')}.parquet"
    os.utime(first, ns=(1, 1))
    dataset.save(TWO)
    other = KeptSampleDataset(filepath=str(tmp_path / "samples"), made_by="training")
    pd.testing.assert_frame_equal(other.load(), TWO)
    assert dataset.load() is TWO


def test_a_save_that_fails_leaves_nothing(dataset, tmp_path):
    with pytest.raises(DatasetError, match="Duplicate column names"):
        dataset.save(pd.concat([ONE, ONE], axis=1))
    assert list((tmp_path / "samples").iterdir()) == []
