"""The wheel, the configuration archive, and clean environments that they are installed in."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from end_to_end.clean import done, environment, python_3_12
from support import REPOSITORY

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".tools", "data", "dist", "build", "mlflow.db", "mlartifacts", ".*_cache"
)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make package`` makes, of a copy of the repository that has credentials in its configuration."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(REPOSITORY, copy, ignore=NOT_COPIED)
    (copy / "conf" / "local" / "credentials.yml").write_text("warehouse: {password: secret}")
    # With the environment at hand: what it holds is for `make test-bundle` to see to.
    (copy / ".venv").symlink_to(Path(sys.prefix))
    done(["make", "--old-file=.venv/dev", "package"], copy)
    return copy / "dist"


@pytest.fixture(scope="session")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="session")
def archive(dist: Path) -> Path:
    return dist / "conf-claims_fraud.tar.gz"


@pytest.fixture(scope="session")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the locked dependencies and the wheel, without Spark."""
    return environment(tmp_path_factory.mktemp("clean"), Path(sys.executable), "run", wheel)


@pytest.fixture(scope="session")
def python_with_spark(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with Spark, where Databricks has its own: of Python 3.12, as there, where the machine has one."""
    return environment(tmp_path_factory.mktemp("spark"), python_3_12() or Path(sys.executable), "spark", wheel)
