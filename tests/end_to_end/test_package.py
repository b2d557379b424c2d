"""The wheel and the configuration archive run together in a clean environment, away from the repository."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import yaml

from claims_fraud.claims.sample import generate_claims
from end_to_end.clean import call
from support import QUICK

pytestmark = pytest.mark.bundle


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


def test_the_wheel_asks_for_no_spark_and_has_the_command_of_the_jobs(wheel):
    with zipfile.ZipFile(wheel) as opened:
        text = {
            name.rpartition("/")[2]: opened.read(name).decode() for name in opened.namelist() if "dist-info" in name
        }
    needed = [
        line for line in text["METADATA"].splitlines() if line.startswith("Requires-Dist:") and "extra ==" not in line
    ]
    assert len(needed) > 10
    assert not [line for line in needed if "spark" in line]
    assert "claims-fraud-jobs = claims_fraud.__main__:jobs" in text["entry_points.txt"]


def test_without_spark_the_databricks_environment_says_what_to_install(python, archive, elsewhere, claims):
    ran = call(
        [python, "-m", "claims_fraud", "--env=databricks", f"--conf-source={archive}", "--pipelines=data_ingestion"],
        elsewhere,
    )
    assert ran.returncode == 1
    last = ran.stderr.splitlines()[-1]
    assert last.startswith(
        "Error: this environment runs on Spark, which is not installed. Install it with `pip install "
    )
    assert "Java 17 or 21" in last


def test_the_archive_has_every_environment_and_no_credentials(archive):
    assert {"conf/logging.yml", "conf/base/parameters.yml", "conf/base/mlflow.yml"} <= names(archive)
    assert {"conf/local/catalog_01_raw.yml", "conf/local/globals.yml", "conf/medicare.yml"} <= names(archive)
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
    assert "missing.parquet does not exist. Give an existing parquet, CSV or XLSX file" in last


def test_wrong_use_says_so(python, archive, elsewhere):
    ran = call([python, "-m", "claims_fraud", f"--conf-source={archive}", "--pipelines=trainin"], elsewhere)
    assert ran.returncode == 2
    assert "Did you mean 'training'?" in ran.stderr


def test_the_console_script_proposes_columns(python, elsewhere, claims):
    ran = call([python.parent / "claims-fraud-jobs", "init-columns", claims], elsewhere)
    assert ran.returncode == 0, ran.stderr
    assert yaml.safe_load(ran.stdout)["columns"]["claim_id"] == "claim_id"
