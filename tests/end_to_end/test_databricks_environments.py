"""The wheel in the environments of Databricks: what installing it replaces, and all jobs by their own client.

A workspace has its libraries installed before the wheel comes. Here a clean environment has those of the constraints,
in the versions that Databricks publishes, and its own `databricks-connect`; a Spark Connect server stands for compute.
"""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from bundle.resolver import resolve, synced_files
from claims_fraud.claims.sample import generate_claims
from end_to_end.clean import call, done, find_uv, python_3_12
from end_to_end.test_jobs import Workspace, in_order
from support import REPOSITORY

pytestmark = pytest.mark.bundle

CONSTRAINTS = REPOSITORY / "requirements" / "databricks"
# What each environment has besides, or None where Spark is in the same process.
CLIENTS = {"serverless-5": "databricks-connect~=18.0", "serverless-6": "databricks-connect~=19.1.0", "dbr-17.3": None}
# A session by the client of the environment, to prepare and to look at tables.
LOOK = """
import sys
from databricks.connect import DatabricksSession
spark = DatabricksSession.builder.getOrCreate()
exec(sys.argv[1])
"""
# Claims that came in since, in the table that was empty.
NEW_CLAIMS = """
new = spark.table("spark_catalog.landing.raw_claims").limit(30)
new = new.selectExpr("concat('N', claim_id) AS claim_id", *[name for name in new.columns if name != "claim_id"])
new.write.format("delta").mode("append").saveAsTable("spark_catalog.landing.new_claims")
"""
# Tables that hold nothing in these runs, each for a reason that is usual in practice.
EMPTY = {
    "promotion_changes": "there was no champion to compare with",
    "rejected_claims": "every claim was in order",
    "provider_scores": "no column holds a provider",
    "bias_summary": "no column is protected",
}


@dataclass(frozen=True)
class ConnectWorkspace(Workspace):
    """Folders in the place of a workspace, whose jobs reach Spark by the client of their environment."""

    server: str

    @property
    def variables(self) -> dict[str, str]:
        return {"SPARK_REMOTE": self.server}

    @property
    def working_folder(self) -> Path:
        """A folder that may be written: MLflow 3.8 makes one for its database on this machine."""
        return self.root

    def look(self, code: str) -> str:
        looked = call([self.python, "-c", LOOK, code], self.root, self.variables)
        assert looked.returncode == 0, looked.stderr[-3_000:]
        return looked.stdout


def installed(environment: str) -> list[str]:
    """Return what an environment has installed, pinned to what Databricks publishes."""
    text = (CONSTRAINTS / f"{environment}.txt").read_text(encoding="utf-8")
    pins = dict(re.findall(r"^([a-z0-9-]+)~=(.+)$", text, re.MULTILINE))
    # It has the smaller part of MLflow only.
    del pins["mlflow"]
    pins |= dict(re.findall(r"^# (click) is the exception: ([\d.]+) is installed", text, re.MULTILINE))
    return [f"{name}=={version}" for name, version in pins.items()]


def base_python() -> Path:
    found = python_3_12()
    if not found:
        pytest.skip("Databricks runs Python 3.12, and this machine has none")
    return found


def make_environment(folder: Path, environment: str) -> Path:
    """Make an environment as Databricks has it before the wheel is installed; return its Python."""
    done([base_python(), "-m", "venv", folder / "environment"], folder)
    python, uv = folder / "environment" / "bin" / "python", find_uv()
    install = [uv, "pip", "install", "--python", python] if uv else [python, "-m", "pip", "install", "--quiet"]
    client = CLIENTS[environment]
    done([*install, *installed(environment), *([client] if client else [])], folder)
    return python


def versions(python: Path, folder: Path) -> dict[str, str]:
    listed = call([python, "-m", "pip", "list", "--format=json"], folder)
    return {one["name"].lower().replace("_", "-"): one["version"] for one in json.loads(listed.stdout)}


def replaced_by(wheel: Path, python: Path, folder: Path, environment: str, *more: str) -> tuple[set[str], set[str]]:
    """Install the wheel as a job does, by pip; return the names of what was replaced and of what was added."""
    before = versions(python, folder)
    constraint = CONSTRAINTS / f"{environment}.txt"
    report = folder / "report.json"
    command = [python, "-m", "pip", "install", "--quiet", "--report", report, "--constraint", constraint, *more, wheel]
    done(command, folder)
    after = {
        one["metadata"]["name"].lower().replace("_", "-"): one["metadata"]["version"]
        for one in json.loads(report.read_text())["install"]
    }
    return {name for name in after if name in before}, after.keys() - before.keys()


@pytest.fixture(scope="module")
def serverless_5(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("serverless_5"), "serverless-5")


@pytest.fixture(scope="module")
def changes(serverless_5: Path, wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """What installing the wheel into serverless environment 5 replaced and added."""
    return replaced_by(wheel, serverless_5, tmp_path_factory.mktemp("installed"), "serverless-5")


@pytest.fixture(scope="module")
def server(serverless_5: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Spark Connect server, whose functions run in the environment of the jobs."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = tmp_path_factory.mktemp("server")
    command = [sys.executable, "-m", "end_to_end.connect_server", root, str(port), serverless_5]
    with (
        (root / "server.log").open("w") as log,
        subprocess.Popen(
            list(map(str, command)),
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY / "tests"), str(REPOSITORY / "src")])},
            cwd=root,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        assert process.stdout
        if "ready\n" not in iter(process.stdout.readline, ""):
            pytest.fail((root / "server.log").read_text()[-3_000:])
        yield f"sc://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def workspace(
    serverless_5: Path, changes: tuple[set[str], set[str]], server: str, tmp_path_factory: pytest.TempPathFactory
) -> ConnectWorkspace:
    """A workspace with claims that are all in order, and no new ones."""
    root = tmp_path_factory.mktemp("workspace")
    # Connect hides what would give a session catalogs of other names.
    config = resolve(REPOSITORY, "dev", {"catalog": "spark_catalog"})
    workspace = ConnectWorkspace(root, serverless_5, config, server)
    for name in synced_files(config, REPOSITORY):
        target = root / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((REPOSITORY / name).read_bytes())
    parameters = root / "files" / "conf" / "base" / "parameters.yml"
    settings = yaml.safe_load(parameters.read_text(encoding="utf-8"))
    columns = settings["columns"]
    columns |= {"provider": None, "protected": []}
    derived = {"patient_providers_90_days", "provider_new_patients_that_day"}
    columns["numeric"] = [name for name in columns["numeric"] if name not in derived]
    parameters.write_text(yaml.safe_dump(settings), encoding="utf-8")
    claims, _ = generate_claims(1_000, seed=5)
    claims.head(600).astype({"claim_date": "datetime64[us]"}).to_parquet(root / "raw.parquet", index=False)
    workspace.look(
        f"spark.sql('CREATE SCHEMA {workspace.schema}')\n"
        "spark.sql('CREATE SCHEMA spark_catalog.landing')\n"
        f"claims = spark.read.parquet('{root}/raw.parquet')\n"
        "claims.write.format('delta').saveAsTable('spark_catalog.landing.raw_claims')\n"
        "claims.limit(0).write.format('delta').saveAsTable('spark_catalog.landing.new_claims')"
    )
    return workspace


class TestInstallation:
    def test_only_click_is_replaced_for_which_kedro_asks(self, changes):
        replaced, _ = changes
        assert replaced == {"click"}

    def test_no_library_of_gpus_comes_along(self, changes):
        _, added = changes
        assert {"claims-fraud", "catboost", "kedro", "mlflow", "xgboost-cpu"} <= added
        assert not [name for name in added if name.startswith("nvidia") or "spark" in name]

    def test_what_is_installed_fits_together(self, serverless_5, changes, tmp_path):
        done([serverless_5, "-m", "pip", "check"], tmp_path)

    @pytest.mark.parametrize(("environment", "replaced"), [("serverless-6", set()), ("dbr-17.3", {"click"})])
    def test_the_others_keep_what_they_have(self, environment, replaced, wheel, tmp_path):
        python = make_environment(tmp_path, environment)
        assert replaced_by(wheel, python, tmp_path, environment, "--dry-run")[0] == replaced


def test_every_task_of_all_jobs_runs_with_nothing_in_its_tables(workspace):
    for job in ("model_training_job", "scoring_job", "monitoring_job"):
        tasks = {task["task_key"]: task for task in workspace.job(job)["tasks"]}
        for key in in_order(workspace.job(job)):
            if key == "score_new":
                said = workspace.task(job, key)
                assert said.returncode == 1
                assert said.stderr.splitlines()[-1].startswith("Error: the claims have no rows, only columns.")
                workspace.look(NEW_CLAIMS)
            if "python_wheel_task" in tasks[key]:
                said = workspace.task(job, key)
                assert said.returncode == 0, f"{job}.{key}: {said.stdout[-1_000:]}{said.stderr[-4_000:]}"
                assert said.stdout.splitlines()[-1] == "returned"
    told = workspace.look(
        f"for table in {sorted(EMPTY)}:\n    print(table, spark.table('{workspace.schema}.' + table).count())"
    )
    assert dict(line.split() for line in told.splitlines()) == dict.fromkeys(EMPTY, "0")
