"""The wheel and the configuration archive run together in a clean environment, away from the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pytest
import yaml

from claims_fraud.claims.sample import generate_claims
from support import QUICK, REPOSITORY

pytestmark = pytest.mark.bundle

OF_THIS_ENVIRONMENT = ("PYTHON", "VIRTUAL_ENV", "KEDRO", "MLFLOW", "MAKE")

NOT_COPIED = shutil.ignore_patterns(
    ".git", ".venv", ".tools", "data", "dist", "build", "mlflow.db", "mlartifacts", ".*_cache"
)


def call(command: Sequence[str | Path], folder: Path) -> subprocess.CompletedProcess[str]:
    # Nothing of this environment reaches the clean one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OF_THIS_ENVIRONMENT)}
    return subprocess.run(
        list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True, timeout=1_800, check=False
    )


def done(command: Sequence[str | Path], folder: Path) -> None:
    called = call(command, folder)
    assert called.returncode == 0, called.stdout[-5_000:] + called.stderr[-5_000:]


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``make package`` makes, of a copy of the repository that has credentials in its configuration."""
    copy = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(REPOSITORY, copy, ignore=NOT_COPIED)
    (copy / "conf" / "local" / "credentials.yml").write_text("warehouse: {password: secret}")
    # With the environment at hand: what it holds is for `make test-bundle` to see to.
    (copy / ".venv").symlink_to(Path(sys.prefix))
    done(["make", "--old-file=.venv/dev", "package"], copy)
    return copy / "dist"


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def archive(dist: Path) -> Path:
    return dist / "conf-claims_fraud.tar.gz"


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that has the locked dependencies and the wheel."""
    folder = tmp_path_factory.mktemp("clean")
    python = folder / "environment" / "bin" / "python"
    lock = REPOSITORY / "requirements" / "run.lock"
    uv = shutil.which("uv") or shutil.which("uv", path=REPOSITORY / ".tools" / "bin")
    venv.create(folder / "environment", with_pip=uv is None, symlinks=True)
    if uv:
        done([uv, "pip", "sync", "--python", python, "--require-hashes", lock], folder)
        done([uv, "pip", "install", "--python", python, "--no-deps", wheel], folder)
    else:
        # The lock is complete: what it leaves out on purpose pip would ask for.
        done(
            [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", lock], folder
        )
        done([python, "-m", "pip", "install", "--quiet", "--no-deps", wheel], folder)
    return python


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """An empty working directory."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    return folder


@pytest.fixture
def claims(tmp_path: Path) -> Path:
    claims, _ = generate_claims(1_000, seed=5)
    claims.to_parquet(tmp_path / "claims.parquet", index=False)
    return tmp_path / "claims.parquet"


def names(archive: Path) -> set[str]:
    with tarfile.open(archive) as opened:
        return set(opened.getnames())


def test_the_wheel_has_the_package_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as opened:
        tops = {name.split("/")[0] for name in opened.namelist()}
        (metadata,) = [name for name in opened.namelist() if name.endswith(".dist-info/METADATA")]
        assert "\nLicense-Expression: Apache-2.0\n" in opened.read(metadata).decode()
    assert tops == {"claims_fraud", metadata.split("/")[0]}


def test_the_archive_has_every_environment_and_no_credentials(archive):
    assert {"conf/logging.yml", "conf/base/parameters.yml", "conf/base/mlflow.yml"} <= names(archive)
    assert {"conf/local/catalog_01_raw.yml", "conf/local/globals.yml", "conf/medicare/globals.yml"} <= names(archive)
    assert not [name for name in names(archive) if "credentials" in name]


def test_they_run_together_anywhere(python, archive, elsewhere, claims, tmp_path):
    data = tmp_path / "results"
    params = f"{QUICK},raw_claims={claims},data_root={data},tracking_uri=sqlite:///{tmp_path}/runs.db"
    ran = call([python, "-m", "claims_fraud", f"--conf-source={archive}", f"--params={params}"], elsewhere)
    said = ran.stdout + ran.stderr
    assert ran.returncode == 0, said
    assert "warning" not in said.lower()
    assert len(pd.read_parquet(data / "07_model_output" / "fraud_scores.parquet")) == 1_000
    assert len(pd.read_csv(data / "08_reporting" / "top_claims.csv")) == 100
    assert (data / "06_models" / "autoencoder_catboost" / "model.json").exists()
    assert (tmp_path / "runs.db").exists()
    assert list(elsewhere.iterdir()) == []


def test_a_failing_run_fails_in_one_paragraph(python, archive, elsewhere, tmp_path):
    params = f"{QUICK},raw_claims=missing.parquet,tracking_uri=sqlite:///{tmp_path}/runs.db"
    ran = call([python, "-m", "claims_fraud", f"--conf-source={archive}", f"--params={params}"], elsewhere)
    assert ran.returncode == 1
    assert "Traceback" not in ran.stdout + ran.stderr
    last = ran.stderr.splitlines()[-1]
    assert last.startswith("Error: raw_claims: ")
    assert "missing.parquet does not exist. Give an existing parquet or CSV file" in last


def test_wrong_use_says_so(python, archive, elsewhere):
    ran = call([python, "-m", "claims_fraud", f"--conf-source={archive}", "--pipelines=trainin"], elsewhere)
    assert ran.returncode == 2
    assert "Did you mean 'training'?" in ran.stderr


def test_the_console_script_proposes_columns(python, elsewhere, claims):
    ran = call([python.parent / "claims-fraud-jobs", "init-columns", claims], elsewhere)
    assert ran.returncode == 0, ran.stderr
    assert yaml.safe_load(ran.stdout)["columns"]["claim_id"] == "claim_id"
