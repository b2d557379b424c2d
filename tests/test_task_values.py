"""Values that a job's conditions read. A stand-in takes the place of Databricks' runtime, which is nowhere else."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest

from claims_fraud.task_values import tell_job


@pytest.fixture
def told(monkeypatch):
    """What was set, by name."""
    values = {}
    task_values = SimpleNamespace(set=lambda key, value: values.update({key: value}))
    runtime = ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(jobs=SimpleNamespace(taskValues=task_values))
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    return values


def test_are_set_on_databricks(monkeypatch, told):
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
    tell_job({"retrain": True})
    assert told == {"retrain": True}


def test_elsewhere_nobody_is_told(monkeypatch, told):
    monkeypatch.delenv("DATABRICKS_RUNTIME_VERSION", raising=False)
    tell_job({"retrain": True})
    assert told == {}
