"""Fixtures for tests that run pipelines."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

# Before MLflow is imported, which sets up its logging unless the settings tell it not to.
import claims_fraud.settings  # noqa: F401
from support import Project, make_project, working_in


# First, since pytest-xdist looks for the groups in the same hook.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, since they share fixtures, and those of Spark with its one Java process."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group(folder if folder == "databricks" else item.path.stem))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop where pytest-xdist does not keep groups together: it says nothing, and tests fail that share fixtures."""
    in_groups = session.config.getoption("loadgroup", default=False)
    if in_groups and not all("@" in item.nodeid for item in session.items):
        raise pytest.UsageError("pytest-xdist has lost the groups of tests; see pytest's version in pyproject.toml")


@pytest.fixture
def tmp_path(tmp_path: Path) -> Path:
    """Return a folder whose path no other test had: MLflow keeps connections to databases, which it knows by path."""
    return Path(tempfile.mkdtemp(dir=tmp_path))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project in which nothing has run."""
    path = tmp_path_factory.mktemp("project")
    with working_in(make_project(path).path):
        yield Project(path)


@pytest.fixture
def write_claims(tmp_path: Path) -> Callable[[pd.DataFrame, str], Path]:
    """Write a frame as parquet or CSV into the test's own folder."""

    def write(frame: pd.DataFrame, name: str = "claims.parquet") -> Path:
        path = tmp_path / name
        frame.to_parquet(path, index=False) if path.suffix == ".parquet" else frame.to_csv(path, index=False)
        return path

    return write
