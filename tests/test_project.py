"""The project as users of Kedro expect it: catalogs, options of ``kedro run``, MLflow, kedro-viz and kedro ipython."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner
from kedro.framework.cli.registry import registry_cli
from kedro.framework.project import pipelines, settings
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from claims_fraud import __version__
from claims_fraud.config_loader import ConfigLoader
from claims_fraud.coordination import coordination_impl
from claims_fraud.datasets.data_version import content_version
from claims_fraud.hooks import ProjectHooks, _only_looks
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import (
    QUICK,
    REPOSITORY,
    Project,
    make_project,
    named_by_a_run,
    working_in,
)

if TYPE_CHECKING:
    from mlflow.entities import Run

CONTRACT = {
    "raw_claims",
    "rejected_claims",
    "features",
    "features_train",
    "features_validation",
    "features_test",
    "autoencoder",
    "training_scores",
    "training_metrics",
    "reference_profile",
    "drift_report",
    "drift_history",
    "monitoring_verdict",
    "fraud_scores",
    "top_claims",
    "bias_summary",
    "fairness_verdict",
    "claim_labels",
}
LAYERS = ["raw", "intermediate", "feature", "model input", "models", "model output", "reporting"]


def catalog(env: str) -> dict[str, Any]:
    return dict(ConfigLoader(str(REPOSITORY / "conf"), env=env, **CONFIG_LOADER_ARGS)["catalog"])


def call(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command of this environment in the working directory."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "KEDRO_DISABLE_TELEMETRY": "1", "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A project in which ``kedro run`` ran once, in a process of its own; what it said is in ``said.txt``."""
    project = make_project(tmp_path_factory.mktemp("project"))
    with working_in(project.path):
        ran = call(sys.executable, "-m", "kedro", "run", f"--params={QUICK},training.evaluate_labels=true")
        assert ran.returncode == 0, ran.stdout + ran.stderr
        Path("said.txt").write_text(ran.stdout + ran.stderr)
        yield project


def written(project: Project, *options: str, params: str = "") -> set[str]:
    """Run, and return the files under data that were written, but for those in `NAMED_BY_RUNS`."""
    before = stamps(project.data)
    assert project.run(*options, params=params) == (0, "")
    changed = {name for name, stamp in stamps(project.data).items() if before.get(name) != stamp}
    return {name for name in changed if not named_by_a_run(name)}


def stamps(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


# What no node reads or writes.
OF_HOOKS = {"lineage", "run_lock"}


class TestCatalogs:
    def test_every_dataset_is_in_the_catalog_and_used(self, project):
        used = {
            name for pipeline in pipelines.values() for name in pipeline.datasets() if not name.startswith("params:")
        }
        assert used | OF_HOOKS == set(catalog("local"))

    def test_the_names_of_the_contract_are_there(self):
        assert set(catalog("local")) >= CONTRACT

    def test_each_dataset_has_a_layer(self):
        layers = {
            name: entry["metadata"]["kedro-viz"]["layer"]
            for name, entry in catalog("local").items()
            if name not in OF_HOOKS
        }
        assert set(layers.values()) == set(LAYERS)

    def test_what_depends_on_the_model_type_has_it_in_its_path(self):
        of_a_type = {name for name, entry in catalog("local").items() if "catboost" in entry.get("filepath", "")}
        assert of_a_type == {
            "autoencoder",
            "training_metrics",
            "catboost_metrics",
        }

    @pytest.mark.parametrize(("given", "claim_id"), [({"settings": "conf/medicare.yml"}, "ClaimID"), ({}, "claim_id")])
    def test_new_features_are_kept_by_the_claim_id_under_its_name(self, project, given, claim_id):
        with KedroSession.create(project.path, runtime_params=given) as session:
            found = session.load_context().config_loader["catalog"]["new_features"]
        assert found["upsert_by"] == claim_id

    @pytest.mark.parametrize("setting", ["training.model_type", "model_type"])
    def test_the_model_type_is_set_once(self, setting):
        key, _, inner = setting.partition(".")
        given = {key: {inner: "xgboost"}} if inner else {key: "xgboost"}
        loader = ConfigLoader(str(REPOSITORY / "conf"), env="local", runtime_params=given, **CONFIG_LOADER_ARGS)
        assert loader["catalog"]["autoencoder"]["filepath"] == "data/06_models/autoencoder_xgboost"
        assert loader["parameters"]["training"]["model_type"] == "xgboost"


class TestRegistry:
    def test_kedro_registry_list(self, project):
        listed = CliRunner().invoke(registry_cli, ["registry", "list"], obj=bootstrap_project(project.path))
        assert yaml.safe_load(listed.output) == [
            "__default__",
            "data_ingestion",
            "fairness",
            "model_selection",
            "monitor_new",
            "monitoring",
            "outcomes",
            "promotion",
            "provider_scores",
            "score_new",
            "scoring",
            "training",
        ]

    def test_the_default_is_all_but_the_scoring_of_new_claims(self, project):
        names = {node.name for name in DEFAULT for node in pipelines[name].nodes}
        assert {node.name for node in pipelines["__default__"].nodes} == names

    def test_nodes_have_the_names_of_what_they_do(self, project):
        names = [node.name for pipeline in pipelines.values() for node in pipeline.nodes]
        assert all(name.replace("_", "").isalpha() and name.islower() for name in names)


DEFAULT = ("data_ingestion", "training", "scoring", "provider_scores", "monitoring", "fairness")
PROVIDERS = {"07_model_output/provider_scores.parquet", "08_reporting/provider_metrics.json"}
MONITORED = {
    "07_model_output/drift_report.parquet",
    "07_model_output/drift_history.parquet",
    "08_reporting/monitoring_verdict.json",
    "08_reporting/drift_page.html",
    "08_reporting/drift_figure.json",
}
FAIRNESS = {
    "07_model_output/bias_summary.parquet",
    "08_reporting/fairness_results.json",
    "08_reporting/fairness_metrics.json",
    "08_reporting/fairness_verdict.json",
    "08_reporting/fairness_report.html",
    "08_reporting/fairness_figure.json",
}
INGESTED = {
    "02_intermediate/rejected_claims.parquet",
    "04_feature/features.parquet",
    "04_feature/features_train.parquet",
    "04_feature/features_validation.parquet",
    "04_feature/features_test.parquet",
}
REPORTED = {"08_reporting/top_claims.csv", "08_reporting/scoring_metrics.json"}
SCORED = {
    "07_model_output/fraud_scores.parquet",
    *REPORTED,
}


@pytest.mark.parametrize(
    ("group", "command", "looks"), [("catalog", "describe-datasets", True), ("kedro", "run", False)]
)
def test_only_looks_at_commands_that_run_nothing(group, command, looks):
    parent = click.Context(click.Group(group), info_name=group)
    with click.Context(click.Command(command), info_name=command, parent=parent):
        assert _only_looks() is looks
    assert not _only_looks()


class TestRunOptions:
    @pytest.mark.parametrize(
        ("option", "files"),
        [
            ("--pipelines=data_ingestion", INGESTED),
            ("--pipelines=data_ingestion,scoring", INGESTED | SCORED),
            ("--tags=scoring", SCORED),
            ("--nodes=list_top_claims", {"08_reporting/top_claims.csv"}),
            ("--from-nodes=score_features", SCORED | PROVIDERS | MONITORED | FAIRNESS),
            ("--pipelines=provider_scores", PROVIDERS),
            ("--pipelines=monitoring", MONITORED),
            ("--pipelines=fairness", FAIRNESS),
            ("--to-nodes=split_features", INGESTED),
            ("--from-inputs=fraud_scores", REPORTED | PROVIDERS | MONITORED | FAIRNESS),
            ("--to-outputs=features", {"02_intermediate/rejected_claims.parquet", "04_feature/features.parquet"}),
        ],
    )
    def test_choose_what_runs(self, project, option, files):
        assert written(project, option) == files

    def test_params(self, project):
        assert written(project, "--nodes=list_top_claims", params="scoring.top_claims=3") == {
            "08_reporting/top_claims.csv"
        }
        assert len(pd.read_csv(project.data / "08_reporting/top_claims.csv")) == 3

    def test_env(self, project):
        shutil.copytree("conf/local", "conf/mine")
        Path("conf/mine/parameters.yml").write_text("scoring: {top_claims: 4}")
        assert written(project, "--env=mine", "--nodes=list_top_claims") == {"08_reporting/top_claims.csv"}
        assert len(pd.read_csv(project.data / "08_reporting/top_claims.csv")) == 4

    @pytest.mark.parametrize("form", ["folder", "archive"])
    def test_conf_source(self, project, tmp_path, form):
        source = Path(shutil.copytree("conf", tmp_path / "conf"))
        (source / "local" / "parameters.yml").write_text("scoring: {top_claims: 6}")
        if form == "archive":
            with tarfile.open(tmp_path / "conf.tar.gz", "w:gz") as archive:
                archive.add(source, "conf")
            source = tmp_path / "conf.tar.gz"
        assert written(project, f"--conf-source={source}", "--nodes=list_top_claims") == {"08_reporting/top_claims.csv"}
        assert len(pd.read_csv(project.data / "08_reporting/top_claims.csv")) == 6

    @pytest.mark.parametrize("env", ["local", "databricks"])
    def test_a_settings_file_keeps_the_parameters_it_does_not_set(self, project, env):
        given = {"settings": "conf/medicare.yml", "raw_claims": "other.parquet"}
        loader = ConfigLoader("conf", env, given, **CONFIG_LOADER_ARGS)
        assert loader["parameters"]["data_ingestion"]["split_by"] == "time"
        assert loader["catalog"]["raw_claims"]["filepath" if env == "local" else "source"] == "other.parquet"
        assert loader["parameters"]["columns"]["claim_id"] == "ClaimID"
        assert loader["parameters"]["columns"]["protected"] == ["Gender", "patient_age", {"Race": "none"}]


def recorded(project: Project) -> list[Run]:
    """Return the runs in MLflow's database, latest first."""
    # Not before the settings, which tell MLflow not to set up logging.
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{project.path}/mlflow.db")
    experiment = client.get_experiment_by_name("claims_fraud")
    return client.search_runs([experiment.experiment_id], order_by=["attributes.start_time DESC"])


class TestMlflow:
    @pytest.fixture
    def first(self, project: Project) -> Run:
        return recorded(project)[-1]

    def test_has_every_parameter_by_its_name(self, first):
        params = first.data.params
        assert params["training.n_folds"] == "2"
        assert params["training.n_estimators"] == "3"
        assert params["as_of"] == "2026-06-30"
        assert params["columns.protected.patient_age"] == "context"
        assert params["scoring.top_k"] == "None"

    def test_has_no_object_as_the_text_that_python_prints(self, first):
        whole = {name for name in first.data.params if "." not in name}
        assert whole == {"as_of", "model_type", "n_samples", "n_features"}
        assert not [value for value in first.data.tags.values() if " object at " in value]

    def test_has_what_was_trained_on_how_much(self, first, project):
        metrics = json.loads((project.data / "08_reporting/training_metrics_catboost.json").read_text())
        params = first.data.params
        assert (params["model_type"], params["n_features"]) == ("catboost", "19")
        assert params["n_samples"] == str(metrics["n"])

    def test_has_where_it_comes_from(self, first, project):
        tags = first.data.tags
        assert (tags["environment"], tags["claims_fraud_version"]) == ("local", __version__)
        assert tags["data_version.raw_claims"] == content_version(project.data / "01_raw/claims_train.parquet")

    def test_names_the_kept_sample_that_was_learned_from(self, first, project):
        digest = first.data.tags["data_version.training_claims"].removeprefix("sha256:")
        sample = project.table(f"05_model_input/training_claims/{digest}.parquet")
        scores = project.training_scores("catboost")
        assert set(sample["claim_id"]) == set(scores["claim_id"])

    def test_has_the_metrics_of_training(self, first, project):
        metrics = json.loads((project.data / "08_reporting/training_metrics_catboost.json").read_text())
        assert first.data.metrics["mean_fraud_score"] == metrics["mean_fraud_score"]
        assert first.data.metrics["n"] == metrics["n"]
        assert first.data.metrics["labelled.auroc"] == metrics["labelled"]["auroc"]
        assert "labelled.by_kind.upcoding.auroc" in first.data.metrics

    def test_has_the_metrics_whole_and_the_pages_as_artefacts_beside_the_database(self, first, project):
        folder = project.path / "mlartifacts" / first.info.run_id / "artifacts"
        assert {file.name for file in folder.iterdir()} == {
            "monitoring_verdict.json",
            "fairness_metrics.json",
            "provider_metrics.json",
            "scoring_metrics.json",
            "training_metrics.json",
            "drift_page.html",
            "fairness_report.html",
        }
        assert (folder / "fairness_report.html").read_text().startswith("<!doctype html>")

    def test_has_the_metrics_of_scoring(self, first, project):
        metrics = json.loads((project.data / "08_reporting/scoring_metrics.json").read_text())
        assert first.data.metrics["scoring.flagged"] == metrics["flagged"]
        assert first.data.metrics["scoring.excess_amount_flagged"] == metrics["excess_amount_flagged"]

    def test_has_the_figures_of_the_providers(self, first, project):
        metrics = json.loads((project.data / "08_reporting/provider_metrics.json").read_text())
        assert first.data.metrics["providers.n"] == metrics["n"]
        assert first.data.metrics["providers.aggregates.scored"] == metrics["aggregates"]["scored"]

    def test_has_the_figures_of_the_fairness_analysis_and_no_group(self, first, project):
        metrics = json.loads((project.data / "08_reporting/fairness_metrics.json").read_text())
        assert first.data.tags["fairness.verdict"] == metrics["verdict"]
        assert first.data.metrics["fairness.patient_age.biased"] == metrics["patient_age"]["biased"]
        told = json.dumps([first.data.metrics, metrics])
        groups = project.table("07_model_output/bias_summary.parquet")["group"]
        assert not [group for group in groups.unique() if f'"{group}' in told or f".{group}" in told]

    def test_is_finished_and_named_after_the_pipeline(self, first):
        assert (first.info.status, first.info.run_name) == ("FINISHED", "__default__")

    def test_no_value_of_a_claim_is_recorded(self, first, project):
        # Words of their own: digits of a metric may happen to be those of a code.
        told = set(re.findall(r"[\w.-]+", json.dumps([first.data.params, first.data.metrics, first.data.tags])))
        raw = project.table("01_raw/claims_train.parquet")
        for name in ("claim_id", "patient_id", "provider_id", "diagnosis_code", "procedure_code"):
            assert not [value for value in raw[name].dropna().unique() if value in told], name

    def test_two_runs_of_a_process_are_two_that_are_finished(self, project):
        before = len(recorded(project))
        assert project.run("--pipelines=data_ingestion") == (0, "")
        assert project.run("--pipelines=scoring") == (0, "")
        later = recorded(project)
        assert len(later) == before + 2
        assert [(run.info.run_name, run.info.status) for run in later[:2]] == [
            ("scoring", "FINISHED"),
            ("data_ingestion", "FINISHED"),
        ]

    def test_a_run_that_is_open_takes_what_pipelines_log_and_stays_open(self, project):
        import mlflow

        before = len(recorded(project))
        mlflow.set_tracking_uri(f"sqlite:///{project.path}/mlflow.db")
        with mlflow.start_run(experiment_id=recorded(project)[0].info.experiment_id) as outer:
            for _ in range(2):
                assert project.run("--pipelines=scoring") == (0, "")
                assert mlflow.active_run().info.run_id == outer.info.run_id
        assert mlflow.active_run() is None
        assert len(recorded(project)) == before + 1
        assert "scoring.flagged" in mlflow.get_run(outer.info.run_id).data.metrics

    def test_threads_log_to_the_run_that_was_opened(self, project):
        before = len(recorded(project))
        assert project.run("--pipelines=scoring", "--runner=ThreadRunner") == (0, "")
        later = recorded(project)
        assert (len(later), later[0].info.status) == (before + 1, "FINISHED")
        assert "scoring.flagged" in later[0].data.metrics

    def test_a_run_that_fails_is_marked_and_the_next_begins_anew(self, project):
        status, told = project.run(
            "--pipelines=training", params="training.folds_by=claim,training.max_training_rows=1"
        )
        assert (status, "need as many of them" in told) == (1, True)
        assert project.run("--nodes=list_top_claims") == (0, "")
        assert [run.info.status for run in recorded(project)[:2]] == ["FINISHED", "FAILED"]


class TestEvents:
    def test_of_a_run_are_in_a_file_of_its_own(self, project):
        first = min((project.data / "08_reporting/events").iterdir())
        events = [json.loads(line) for line in first.read_text(encoding="utf-8").splitlines()]
        names = [event["event"] for event in events]
        # What comes after the ranking has no order of its own.
        assert names[:3] == ["pre_model_training", "post_model_training", "pre_scoring"]
        assert sorted(names[3:]) == [
            "post_fairness_analysis",
            "post_monitoring",
            "post_scoring",
            "pre_fairness_analysis",
            "pre_monitoring",
        ]
        told = {event["event"]: event for event in events}
        verdict = json.loads((project.data / "08_reporting/fairness_verdict.json").read_text())
        assert told["pre_fairness_analysis"]["protected_attributes"] == [
            "patient_gender",
            "patient_age",
            "geographic_region",
        ]
        assert told["post_fairness_analysis"]["results"] == verdict
        metrics = json.loads((project.data / "08_reporting/training_metrics_catboost.json").read_text())
        assert events[1]["metrics"]["mean_fraud_score"] == metrics["mean_fraud_score"]

    def test_a_plugin_that_fails_is_logged_and_loses_nothing(self, project, monkeypatch, caplog):
        class Failing:
            @coordination_impl
            def post_scoring(self):
                raise ZeroDivisionError

        (hooks,) = (hook for hook in settings.HOOKS if isinstance(hook, ProjectHooks))
        monkeypatch.setattr(hooks, "plugins", (Failing(),))
        assert "07_model_output/fraud_scores.parquet" in written(project, "--pipelines=scoring")
        status, told = project.run("--pipelines=scoring", params="coordination.fatal=true")
        assert status == 1
        assert "failed (ZeroDivisionError: ), and coordination.fatal is true" in told


class TestQuietAndPrivate:
    def test_a_run_warns_of_nothing(self, project):
        said = Path("said.txt").read_text()
        assert "Pipeline execution completed successfully" in said
        assert "warning" not in said.lower()
        assert "km.random_name" not in said

    def test_a_run_says_where_the_results_are_and_of_no_claim(self, project):
        said = Path("said.txt").read_text()
        assert "fraud_scores: data/07_model_output/fraud_scores.parquet" in said
        raw = project.table("01_raw/claims_train.parquet")
        assert not [value for value in (*raw["claim_id"], *raw["patient_id"], *raw["provider_id"]) if value in said]

    def test_nothing_is_reported_to_kedro(self, project):
        with KedroSession.create(project.path) as session:
            plugins = [name for name, _ in session._hook_manager.list_name_plugin()]
        assert not [name for name in plugins if "telemetry" in str(name)]
        assert yaml.safe_load((REPOSITORY / ".telemetry").read_text()) == {"consent": False}


class TestTools:
    def test_kedro_viz_build_shows_layers_and_readable_names(self, project):
        built = call("kedro", "viz", "build")
        assert built.returncode == 0, built.stdout + built.stderr
        picture = json.loads((project.path / "build/api/main").read_text())
        assert picture["layers"] == LAYERS
        nodes = {node["name"] for node in picture["nodes"] if node["type"] == "task"}
        assert nodes == {node.name for node in pipelines["__default__"].nodes}
        assert {pipeline["id"] for pipeline in picture["pipelines"]} == set(pipelines)

    def test_kedro_ipython_has_the_catalog(self, project):
        # What `kedro ipython` runs, without starting Kedro a second time.
        shown = call("ipython", "--ext=kedro.ipython", "-c", "print('rows', len(catalog.load('fraud_scores')))")
        assert "rows 1000" in shown.stdout, shown.stdout + shown.stderr
