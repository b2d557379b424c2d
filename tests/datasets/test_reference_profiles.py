"""Profiles lie in files named by their model's version, whole or not at all."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud.datasets import ReferenceProfilesDataset
from claims_fraud.drift import ReferenceProfile, count_rows, learn_bins
from claims_fraud.errors import InputError


@pytest.fixture
def dataset(tmp_path) -> ReferenceProfilesDataset:
    return ReferenceProfilesDataset(filepath=str(tmp_path / "profiles"), made_by="training")


def profile(version: str, values: list[float]) -> ReferenceProfile:
    frame = pd.DataFrame({"x": values})
    bins = learn_bins(frame, [], ["x"])
    return ReferenceProfile.of(bins, count_rows(frame, bins), {}, count_rows(frame, {}), version)


def test_each_version_has_its_own(dataset, tmp_path):
    assert not dataset.exists()
    dataset.save(profile("0123456789ab", [1.0, 2.0]))
    dataset.save(profile("ba9876543210", [3.0]))
    assert dataset.exists()
    assert {file.name for file in (tmp_path / "profiles").iterdir()} == {"0123456789ab.json", "ba9876543210.json"}
    assert dataset.load()("0123456789ab").features["x"].rows == 2
    assert dataset.load()("ba9876543210").model_version == "ba9876543210"


def test_one_that_is_not_there_is_told(dataset):
    with pytest.raises(InputError, match="has no profile of model abc: it was trained elsewhere"):
        dataset.load()("abc")


def test_a_save_that_fails_leaves_the_file(dataset, monkeypatch):
    dataset.save(profile("0123456789ab", [1.0, 2.0]))

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(ReferenceProfile, "save", fail)
    with pytest.raises(Exception, match="disk full"):
        dataset.save(profile("0123456789ab", [3.0]))
    monkeypatch.undo()
    assert dataset.load()("0123456789ab").features["x"].rows == 2
