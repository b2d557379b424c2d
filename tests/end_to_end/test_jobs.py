"""The bundle's jobs as it would run them: its wheel, its arguments, its configuration, task after task, on local Delta.

Level 3 of what can be proved without a workspace. What stands for one: folders in the place of its files and Volumes,
sqlite in that of its MLflow, and open-source Spark.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bundle.resolver import arguments, resolve, synced_files
from claims_fraud.claims.sample import generate_claims
from end_to_end.clean import call, done, find_uv
from support import REPOSITORY

pytestmark = pytest.mark.bundle

SMALL = ["training.n_estimators=3", "training.max_depth=3", "training.n_jobs=1", "model_selection.required_lift=1"]
# As a wheel task does: the entry point's function is called and has to return.
TASK = """
import sys
from importlib.metadata import entry_points
(entry,) = entry_points(group="console_scripts", name="claims-fraud-jobs")
sys.argv = ["claims-fraud-jobs", *sys.argv[1:]]
entry.load()()
print("returned")
"""
# A session like that of the tasks, to prepare and to look at tables.
LOOK = """
import sys, yaml
from claims_fraud.datasets.session import start_session
conf, artifacts, catalog, code = sys.argv[1:]
text = open(f"{conf}/databricks/spark.yml").read()
settings = yaml.safe_load(text.replace("${runtime_params:artifact_root,${globals:artifact_root}}", artifacts))
spark = start_session(settings, catalog)
exec(code)
"""


@dataclass(frozen=True)
class Workspace:
    """Folders in the place of a workspace, and how its jobs run there."""

    root: Path
    python: Path
    config: dict[str, Any]

    @property
    def schema(self) -> str:
        schema = self.config["resources"]["schemas"]["claims"]
        return f"{schema['catalog_name']}.{schema['name']}"

    @property
    def registered_model(self) -> str:
        return f"{self.schema}.{self.config['resources']['registered_models']['autoencoder']['name']}"

    @property
    def artifacts(self) -> Path:
        """The folder in the place of the Volume."""
        return (
            self.root
            / "Volumes"
            / self.schema.replace(".", "/")
            / self.config["resources"]["volumes"]["artifacts"]["name"]
        )

    def job(self, name: str) -> dict[str, Any]:
        return self.config["resources"]["jobs"][name]

    def task(self, job: str, key: str, *more: str) -> subprocess.CompletedProcess[str]:
        """Run a task with the bundle's arguments."""
        return self.call(self.arguments(job, key), *more)

    def arguments(self, job: str, key: str) -> list[str]:
        """Return the bundle's arguments of a task; what is here for a workspace is put in their place."""
        (task,) = [task for task in self.job(job)["tasks"] if task["task_key"] == key]
        files = self.config["workspace"]["file_path"]
        return [
            argument.replace(files, str(self.root / "files")).replace("=/Volumes", f"={self.root}/Volumes")
            for argument in arguments(self.job(job), task, run_id="101", started="2026-06-30")
        ]

    def call(self, given: Sequence[str], *more: str) -> subprocess.CompletedProcess[str]:
        here = [f"--tracking-uri=sqlite:///{self.root}/runs.db", *(f"--param={setting}" for setting in SMALL)]
        return call([self.python, "-c", TASK, *given, *here, *more], self.working_folder, self.variables)

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of the tasks."""
        return {}

    @property
    def working_folder(self) -> Path:
        """A folder that has nothing to do with the project and cannot be written to, not even by root."""
        return Path("/proc") if Path("/proc").is_dir() else self.root / "read_only"

    def look(self, code: str) -> str:
        """Run code with a Spark session on the tables; return what it prints."""
        catalog = self.schema.partition(".")[0]
        looked = call([self.python, "-c", LOOK, self.root / "files" / "conf", self.artifacts, catalog, code], self.root)
        assert looked.returncode == 0, looked.stderr[-3_000:]
        return looked.stdout


def in_order(job: dict[str, Any]) -> Iterator[str]:
    """Yield the keys of a job's tasks, each after those that it depends on."""
    before = {task["task_key"]: [other["task_key"] for other in task.get("depends_on", ())] for task in job["tasks"]}
    return TopologicalSorter(before).static_order()


@pytest.fixture(scope="module")
def workspace(python_with_spark: Path, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A workspace into which the dev target is deployed, schema included, with claims in tables as its defaults say."""
    root = tmp_path_factory.mktemp("workspace")
    workspace = Workspace(root, python_with_spark, resolve(REPOSITORY, "dev"))
    for name in synced_files(workspace.config, REPOSITORY):
        target = root / "files" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY / name, target)
    (root / "read_only").mkdir(mode=0o555)
    claims, _ = generate_claims(1_000, seed=5)
    claims.astype({"claim_date": "datetime64[us]"}).to_parquet(root / "raw.parquet", index=False)
    later = claims.tail(30).assign(claim_id=lambda new: "N" + new["claim_id"]).astype({"claim_date": "datetime64[us]"})
    later.to_parquet(root / "new.parquet", index=False)
    workspace.look(
        f"spark.sql('CREATE SCHEMA {workspace.schema}')\n"
        "spark.sql('CREATE SCHEMA dev_fraud_detection.landing')\n"
        "for name in ('raw', 'new'):\n"
        f"    frame = spark.read.parquet(f'{root}/{{name}}.parquet')\n"
        "    frame.write.format('delta').saveAsTable(f'dev_fraud_detection.landing.{name}_claims')"
    )
    return workspace


@pytest.fixture(scope="module")
def trained(workspace: Workspace) -> dict[str, subprocess.CompletedProcess[str]]:
    """What each task of the training job said, in the order of what they depend on."""
    said = {}
    for key in in_order(workspace.job("model_training_job")):
        said[key] = workspace.task("model_training_job", key)
        assert said[key].returncode == 0, said[key].stdout[-3_000:] + said[key].stderr[-6_000:]
    return said


class TestBuild:
    def test_the_bundles_own_command_builds_the_wheel_that_the_jobs_name(self, tmp_path, python):
        uv = find_uv()
        if uv is None:
            pytest.skip("the bundle builds its wheel with uv, which is neither on the PATH nor in .tools")
        (artifact,) = resolve(REPOSITORY, "dev")["artifacts"].values()
        copy = tmp_path / "repository"
        copy.mkdir()
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(REPOSITORY / name, copy)
        shutil.copytree(REPOSITORY / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__"))
        done([uv, *artifact["build"].split()[1:]], copy)
        (wheel,) = copy.glob(artifact["files"][0]["source"])
        assert wheel.name.endswith("-py3-none-any.whl")


class TestTraining:
    def test_every_task_returns_as_the_platform_wants_it(self, trained):
        assert list(trained) == [
            "ingest",
            "train_catboost",
            "train_xgboost",
            "select",
            "promote",
            "score",
            "providers",
            "fairness",
        ]
        assert all(said.stdout.splitlines()[-1] == "returned" for said in trained.values())
        assert not [key for key, said in trained.items() if "Traceback" in said.stderr or "SystemExit" in said.stderr]

    def test_configuration_is_what_the_bundle_copies(self, workspace):
        files = {
            path.relative_to(workspace.root / "files").parts[1] for path in (workspace.root / "files").rglob("*.yml")
        }
        assert files == {"base", "databricks", "logging.yml"}

    def test_tables_models_and_the_choice_are_there(self, workspace, trained):
        told = workspace.look(
            "tables = 'features', 'rejected_claims', 'fraud_scores', 'training_scores', 'provider_scores'\n"
            "for name in tables:\n"
            f"    t = '{workspace.schema}.' + name\n"
            "    print(name, spark.table(t).count() if spark.catalog.tableExists(t) else 'missing')\n"
            f"print(spark.table('{workspace.schema}.fraud_scores').select('model_type').distinct().collect()[0][0])"
        )
        selected = json.loads((workspace.artifacts / "reporting" / "selected_model.json").read_text())
        lines = dict(line.split() for line in told.splitlines()[:-1])
        assert lines["features"] == lines["fraud_scores"] == "1000"
        assert lines["rejected_claims"] == "0"
        assert int(lines["training_scores"]) > 2 * 500
        assert int(lines["provider_scores"]) == 102
        assert told.splitlines()[-1] == selected["model_type"]
        assert set(selected["average_precision"]) == {"catboost", "xgboost"}
        for kind in ("catboost", "xgboost"):
            assert (workspace.artifacts / "models" / f"autoencoder_{kind}" / "model.json").exists()
        assert len(pd.read_csv(workspace.artifacts / "reporting" / "top_claims.csv")) == 100

    def test_runs_are_in_the_experiment_under_their_names(self, workspace, trained):
        from mlflow import MlflowClient

        client = MlflowClient(f"sqlite:///{workspace.root}/runs.db")
        name = workspace.config["resources"]["experiments"]["runs"]["name"]
        experiment = client.get_experiment_by_name(name)
        found = client.search_runs([experiment.experiment_id])
        runs = {run.info.run_name: run.info.status for run in found}
        (scoring,) = (run for run in found if run.info.run_name == "score_101")
        assert scoring.data.tags["data_version.features"] == "Delta version 0"
        selected = json.loads((workspace.artifacts / "reporting" / "selected_model.json").read_text())
        champion = client.get_model_version_by_alias(workspace.registered_model, "champion")
        assert champion.tags["model_version"] == selected["model_version"]
        assert {
            "ingest_101",
            "train_catboost_101",
            "select_101",
            "promote_101",
            "score_101",
            "providers_101",
        } <= runs.keys()
        assert set(runs.values()) == {"FINISHED"}


class TestScoring:
    def test_new_claims_are_merged_and_a_retry_changes_nothing(self, workspace, trained):
        for _ in range(2):
            said = workspace.task("scoring_job", "score_new")
            assert said.returncode == 0, said.stderr[-3_000:]
            assert said.stdout.splitlines()[-1] == "returned"
        table = f"{workspace.schema}.fraud_scores"
        told = workspace.look(
            f"print(spark.table('{table}').count(), spark.table('{table}').select('claim_id').distinct().count())"
        )
        assert told.split() == ["1030", "1030"]


class TestMonitoring:
    def test_new_claims_are_compared_with_what_the_champion_learned_from(self, workspace, trained):
        assert workspace.task("scoring_job", "score_new").returncode == 0
        said = workspace.task("monitoring_job", "monitor")
        assert said.returncode == 0, said.stderr[-3_000:]
        verdict = json.loads((workspace.artifacts / "reporting" / "monitoring_verdict.json").read_text())
        # Thirty claims are too few to tell.
        assert (verdict["verdict"], verdict["retrain"]) == ("insufficient", False)
        assert (workspace.artifacts / "reporting" / "drift_page.html").exists()
        assert (workspace.artifacts / "reporting" / "fairness_report.html").exists()


class TestFailure:
    def test_a_failing_node_fails_its_task_in_one_paragraph(self, workspace, trained):
        said = workspace.task("model_training_job", "ingest", "--raw-claims=dev_fraud_detection.landing.gone")
        assert said.returncode == 1
        assert "returned" not in said.stdout
        assert "Traceback" not in said.stderr
        last = said.stderr.splitlines()[-1]
        assert last.startswith(
            "Error: raw_claims: table dev_fraud_detection.landing.gone does not exist, or may not be"
        )

    def test_a_gate_not_passed_is_3(self, workspace, trained):
        said = workspace.task("model_training_job", "select", "--param=model_selection.required_lift=1000")
        assert said.returncode == 3
        assert "spots swapped values" in said.stderr.splitlines()[-1]

    def test_wrong_use_is_2(self, workspace):
        said = workspace.call(["train", "--model-type=forest"])
        assert said.returncode == 2
        assert "'forest' is not one of 'catboost', 'xgboost'" in said.stderr


class TestRollback:
    def test_a_refused_challenger_changes_nothing_and_the_champion_is_rolled_back(self, workspace, trained):
        for task in ("train_catboost", "train_xgboost"):
            assert workspace.task("model_training_job", task, "--param=training.n_estimators=4").returncode == 0
        assert workspace.task("model_training_job", "select").returncode == 0
        said = workspace.task("model_training_job", "promote", "--param=promotion.min_rank_correlation=1")
        assert said.returncode == 3
        assert "the rank correlation with the champion is 0." in said.stderr.splitlines()[-1]
        lenient = [f"--param=promotion.min_{rule}=0" for rule in ("swapped_ratio", "top_overlap")]
        assert workspace.task("model_training_job", "promote", *lenient).returncode == 0
        # As somebody would by hand, with what the task has.
        _, *options = workspace.arguments("model_training_job", "promote")
        said = workspace.call(["rollback", *options])
        assert said.returncode == 0, said.stderr[-3_000:]
        assert f"{workspace.registered_model}: the champion is version " in said.stdout
        assert workspace.task("model_training_job", "score").returncode == 0
