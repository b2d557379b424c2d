"""Secrets come from the environment or a secret scope. The scope is a stand-in: a workspace cannot be had here."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import pytest
from kedro.config import OmegaConfigLoader

from claims_fraud.errors import InputError
from claims_fraud.secrets import secret
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import make_project, working_in


@pytest.fixture
def on_databricks(monkeypatch):
    """A runtime whose secret scope `siu` holds `token` alone."""

    def get(scope: str, key: str) -> str:
        return {("siu", "token"): "from the scope"}[scope, key]

    runtime = ModuleType("databricks.sdk.runtime")
    runtime.dbutils = SimpleNamespace(secrets=SimpleNamespace(get=get))
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", runtime)
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")


def test_locally_from_the_environment(monkeypatch):
    monkeypatch.setenv("SIU_WAREHOUSE_TOKEN", "from the environment")
    assert secret("siu/warehouse-token") == "from the environment"


def test_locally_a_missing_one_names_the_variable():
    with pytest.raises(
        InputError, match="secret 'siu/token' is not known here: set the environment variable SIU_TOKEN"
    ):
        secret("siu/token")


def test_there_from_the_scope(on_databricks):
    assert secret("siu/token") == "from the scope"


def test_there_a_missing_one_says_how_to_put_it(on_databricks):
    with pytest.raises(InputError, match="Put it there with `databricks secrets put-secret siu other`"):
        secret("siu/other")


def test_a_name_without_scope_is_none():
    with pytest.raises(InputError, match="give its scope and key"):
        secret("token")


def test_configuration_resolves_them(monkeypatch, tmp_path):
    monkeypatch.setenv("SIU_TOKEN", "s3cret")
    for env in ("base", "local"):
        (tmp_path / env).mkdir()
    (tmp_path / "local" / "credentials.yml").write_text("warehouse: {token: '${secret:siu/token}'}")
    loader = OmegaConfigLoader(str(tmp_path), **CONFIG_LOADER_ARGS)
    assert loader["credentials"] == {"warehouse": {"token": "s3cret"}}


def test_a_run_that_misses_one_is_told_which(tmp_path):
    project = make_project(tmp_path)
    (tmp_path / "conf/local/parameters.yml").write_text("scoring: {top_k: '${secret:siu/token}'}")
    with working_in(tmp_path):
        status, told = project.run()
    assert (status, told.startswith("Error: secret 'siu/token' is not known here: set the environment")) == (1, True)
