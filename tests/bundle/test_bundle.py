"""The bundle of this repository, without a workspace: every target resolved, then held to the SDK and to our own rules.

What a workspace says is for the last test, where there is one. That each rule can fail is shown in ``test_rules``.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib

import pytest
import yaml
from databricks.sdk.service.jobs import JobSettings

from bundle.checks import problems, unknown_arguments
from bundle.given import GIVEN, PRINCIPAL, TARGETS, WHEEL
from bundle.resolver import COMMIT, load, resolve, synced_files, wheel_tasks
from bundle.schema import KINDS, resource_problems
from claims_fraud.cli import jobs as command_line
from support import REPOSITORY

DEPLOY_PAGE = REPOSITORY / "docs" / "how-to" / "deploy.md"


# Packages that some environment pins to an earlier version than run.lock.
EARLIER = {
    *("flask", "greenlet", "gunicorn", "huey", "mlflow-tracing", "prettytable", "sqlalchemy", "typeguard"),
    *("types-python-dateutil", "typing-inspection"),
}


def versions(name: str) -> dict[str, str]:
    """Return what a file of requirements pins."""
    text = (REPOSITORY / "requirements" / name).read_text(encoding="utf-8")
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;\n]+)", text, re.MULTILINE))


def resolved(target: str) -> dict:
    return resolve(REPOSITORY, target, TARGETS[target])


def calls(target: str, job: str) -> dict[str, list[str]]:
    """Return what each task of a job is called with, by its key."""
    tasks = resolved(target)["resources"]["jobs"][job]["tasks"]
    return {task["task_key"]: task["python_wheel_task"]["parameters"] for task in tasks if "python_wheel_task" in task}


@pytest.mark.parametrize("target", TARGETS)
class TestEveryTarget:
    def test_has_no_problems(self, target):
        assert problems(REPOSITORY, target, TARGETS[target], WHEEL) == []

    def test_jobs_pass_through_the_sdk_unchanged(self, target):
        for job in resolved(target)["resources"]["jobs"].values():
            known = {key: value for key, value in job.items() if key not in KINDS["jobs"][1]}
            assert JobSettings.from_dict(known).as_dict() == known

    def test_tasks_call_the_command_line_as_it_is(self, target):
        assert unknown_arguments(resolved(target), command_line) == []


def test_targets():
    targets = load(REPOSITORY)["targets"]
    assert {name: target["mode"] for name, target in targets.items()} == {
        "dev": "development",
        "staging": "production",
        "prod": "production",
    }
    assert [name for name, target in targets.items() if target.get("default")] == ["dev"]


class TestJobs:
    def test_training_is_two_types_side_by_side_and_then_a_choice(self):
        tasks = resolved("prod")["resources"]["jobs"]["model_training_job"]["tasks"]
        assert {task["task_key"]: [one["task_key"] for one in task.get("depends_on", ())] for task in tasks} == {
            "ingest": [],
            "train_catboost": ["ingest"],
            "train_xgboost": ["ingest"],
            "select": ["train_catboost", "train_xgboost"],
            "promote": ["select"],
            "score": ["select", "promote"],
            "providers": ["score"],
            "fairness": ["score"],
        }

    def test_drift_that_is_confirmed_trains_again(self):
        tasks = resolved("prod")["resources"]["jobs"]["monitoring_job"]["tasks"]
        (monitor, drifted, again) = tasks
        assert monitor["task_key"] == "monitor"
        assert drifted["condition_task"] == {
            "op": "EQUAL_TO",
            "left": "{{tasks.monitor.values.retrain}}",
            "right": "true",
        }
        assert again["depends_on"] == [{"task_key": "drifted", "outcome": "true"}]
        assert again["run_job_task"]["job_id"] == 1

    def test_a_challenger_that_is_refused_is_heard_of_and_the_champion_scores(self):
        tasks = resolved("prod")["resources"]["jobs"]["model_training_job"]["tasks"]
        promote, score = (task for key in ("promote", "score") for task in tasks if task["task_key"] == key)
        assert promote["email_notifications"] == {"on_failure": ["alerts@example.org"]}
        # One of select and promote: the model was selected, whether or not it was promoted.
        assert score["run_if"] == "AT_LEAST_ONE_SUCCESS"

    @pytest.mark.parametrize(
        ("job", "task", "own"),
        [
            ("model_training_job", "ingest", ["ingest", "--raw-claims={{job.parameters.raw_claims}}"]),
            ("model_training_job", "train_catboost", ["train", "--model-type=catboost"]),
            ("model_training_job", "train_xgboost", ["train", "--model-type=xgboost"]),
            ("model_training_job", "select", ["select"]),
            ("model_training_job", "promote", ["promote"]),
            (
                "model_training_job",
                "score",
                ["score", "--model=champion", "--threshold-percentile=99", "--output-table=fraud_scores"],
            ),
            ("model_training_job", "providers", ["providers", "--output-table=fraud_scores"]),
            ("model_training_job", "fairness", ["fairness-validate", "--output-table=bias_summary"]),
            ("scoring_job", "providers", ["providers", "--output-table=fraud_scores"]),
            ("monitoring_job", "monitor", ["monitor", "--new", "--period=none", "--output-table=fraud_scores"]),
            (
                "scoring_job",
                "score_new",
                [
                    *("score", "--model=champion", "--threshold-percentile=99", "--output-table=fraud_scores"),
                    "--new-claims={{job.parameters.new_claims}}",
                ],
            ),
        ],
        ids=lambda one: one if isinstance(one, str) else "",
    )
    def test_arguments(self, job, task, own):
        assert calls("prod", job)[task] == [
            *own,
            f"--conf-source=/Workspace/Users/{PRINCIPAL}/.bundle/claims_fraud/prod/files/conf",
            "--catalog=prod_fraud_detection",
            "--schema=claims",
            "--artifact-root=/Volumes/prod_fraud_detection/claims/artifacts",
            "--registered-model=claims_autoencoder",
            f"--experiment-name=/Users/{PRINCIPAL}/claims_fraud_prod",
            "--run-name={{task.name}}_{{job.run_id}}",
            "--as-of={{job.parameters.as_of}}",
            "--param=create_schema=false",
        ]

    def test_claims_are_looked_for_in_the_catalog_of_the_target(self):
        jobs = resolved("staging")["resources"]["jobs"].values()
        defaults = {one["name"]: one["default"] for job in jobs for one in job["parameters"]}
        assert defaults == {
            "as_of": "{{job.start_time.iso_date}}",
            "raw_claims": "staging_fraud_detection.landing.raw_claims",
            "new_claims": "staging_fraud_detection.landing.new_claims",
        }

    @pytest.mark.parametrize(("target", "status"), [("dev", "PAUSED"), ("staging", "UNPAUSED"), ("prod", "UNPAUSED")])
    def test_scoring_has_a_schedule_that_dev_pauses(self, target, status):
        schedule = resolved(target)["resources"]["jobs"]["scoring_job"]["schedule"]
        assert schedule == {"quartz_cron_expression": "0 30 4 * * ?", "timezone_id": "UTC", "pause_status": status}

    def test_only_the_choices_of_a_model_are_not_tried_again(self):
        tasks = [task for job in resolved("prod")["resources"]["jobs"].values() for task in job["tasks"]]
        assert {task["task_key"]: task["max_retries"] for task in tasks} == {
            "ingest": 1,
            "train_catboost": 1,
            "train_xgboost": 1,
            "select": 0,
            "promote": 0,
            "fairness": 0,
            "monitor": 0,
            "drifted": 0,
            "train_again": 0,
            "score": 1,
            "score_new": 1,
            "providers": 1,
        }

    def test_run_as_the_service_principal_and_tell_what_they_are(self):
        job = resolve(REPOSITORY, "prod", {**GIVEN, "release": "v1.2.3"})["resources"]["jobs"]["scoring_job"]
        assert job["run_as"] == {"service_principal_name": PRINCIPAL}
        assert job["email_notifications"] == {"on_failure": ["alerts@example.org"]}
        assert job["permissions"] == [{"group_name": "claims-fraud-engineers", "level": "CAN_MANAGE_RUN"}]
        assert job["tags"] == {
            "project": "claims_fraud",
            "target": "prod",
            "git_revision": COMMIT,
            "release": "v1.2.3",
            "job": "scoring_job",
        }

    def test_call_the_entry_point_of_the_package(self):
        project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
        called = {tuple(task["python_wheel_task"].values())[:2] for _, task in wheel_tasks(resolved("prod"))}
        assert called == {("claims_fraud", "claims-fraud-jobs")}
        assert "claims-fraud-jobs" in project["project"]["scripts"]
        assert project["project"]["name"].replace("-", "_") == "claims_fraud"


class TestDevelopment:
    def test_everything_a_job_touches_is_the_developers_own(self):
        found = resolved("dev")["resources"]
        assert found["schemas"]["claims"]["name"] == "dev_developer_claims"
        assert found["volumes"]["artifacts"]["schema_name"] == "dev_developer_claims"
        assert found["registered_models"]["autoencoder"]["schema_name"] == "dev_developer_claims"
        for given in (*calls("dev", "model_training_job").values(), *calls("dev", "scoring_job").values()):
            assert "--schema=dev_developer_claims" in given
            assert "--artifact-root=/Volumes/dev_fraud_detection/dev_developer_claims/artifacts" in given
            assert "--experiment-name=/Users/developer@example.org/[dev developer] claims_fraud_dev" in given

    def test_runs_as_whoever_deploys(self):
        assert "run_as" not in resolved("dev")["resources"]["jobs"]["scoring_job"]


class TestWheel:
    def test_is_built_for_dev_only(self):
        builds = {target: resolved(target)["artifacts"]["claims_fraud"]["build"] for target in TARGETS}
        assert builds["dev"] == "uv build --wheel"
        assert builds["staging"] == builds["prod"]
        assert {target for target in TARGETS if "type" in resolved(target)["artifacts"]["claims_fraud"]} == {"dev"}

    def test_staging_and_prod_say_what_to_build_where_there_is_none(self, tmp_path):
        look = ["bash", "-c", resolved("prod")["artifacts"]["claims_fraud"]["build"]]
        said = subprocess.run(look, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert said.returncode == 1
        assert said.stdout.startswith("dist/ has no wheel, and this target builds none. Put the wheel that was tested")
        (tmp_path / "dist").mkdir()
        (tmp_path / WHEEL).touch()
        said = subprocess.run(look, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (said.returncode, said.stdout) == (0, "")
        assert (tmp_path / WHEEL).exists()

    def test_is_installed_with_the_constraints_of_the_environment(self):
        files = f"/Workspace/Users/{PRINCIPAL}/.bundle/claims_fraud/prod/files"
        for job in resolved("prod")["resources"]["jobs"].values():
            (environment,) = job["environments"]
            assert environment["spec"] == {
                "environment_version": "5",
                "dependencies": [
                    f"--constraint {files}/requirements/databricks/serverless-5.txt",
                    "dist/claims_fraud-*.whl",
                ],
            }

    def test_constraints_are_copied_for_each_environment_there_is(self):
        assert {name for name in synced_files(resolved("prod"), REPOSITORY) if name.startswith("requirements/")} == {
            f"requirements/databricks/{name}.txt" for name in ("dbr-17.3", "serverless-5", "serverless-6")
        }

    def test_an_environment_without_constraints_is_refused(self):
        (wrong, *_) = problems(REPOSITORY, "prod", {**GIVEN, "environment_version": "4"}, WHEEL)
        assert wrong == "jobs.model_training_job: requirements/databricks/serverless-4.txt is not copied"

    def test_constraints_that_are_not_of_the_environment_are_those_of_the_lock(self):
        lock = versions("run.lock")
        for path in sorted((REPOSITORY / "requirements" / "databricks").glob("*.txt")):
            own = {name for name, version in versions(f"databricks/{path.name}").items() if lock.get(name) != version}
            # Later ones do not fit what the environment has installed.
            assert own <= EARLIER, path.name


def test_the_experiment_has_only_tags_that_stay():
    assert resolved("prod")["resources"]["experiments"]["runs"]["tags"] == [
        {"key": "project", "value": "claims_fraud"},
        {"key": "target", "value": "prod"},
    ]


def test_configuration_is_copied_without_what_is_ones_own(tmp_path):
    shutil.copytree(REPOSITORY / "conf", tmp_path / "conf")
    (tmp_path / "conf" / "databricks" / "credentials.yml").touch()
    shutil.copy(REPOSITORY / ".gitignore", tmp_path)
    names = synced_files(resolved("prod"), tmp_path)
    assert {"conf/logging.yml", "conf/base/parameters.yml", "conf/databricks/globals.yml"} <= names
    assert not [name for name in names if re.search("local|medicare|credentials", name)]


def test_grants_are_the_least_that_is_needed():
    found = resolved("prod")["resources"]
    granted = {
        (kind, grant["principal"]): set(grant["privileges"])
        for kind in ("schemas", "volumes", "registered_models")
        for resource in found[kind].values()
        for grant in resource["grants"]
    }
    assert granted == {
        ("schemas", PRINCIPAL): {"USE_SCHEMA", "CREATE_TABLE", "SELECT", "MODIFY"},
        ("schemas", "claims-fraud-engineers"): {"USE_SCHEMA"},
        ("schemas", "claims-fraud-investigators"): {"USE_SCHEMA"},
        ("volumes", PRINCIPAL): {"READ_VOLUME", "WRITE_VOLUME"},
        ("registered_models", PRINCIPAL): {"EXECUTE"},
    }


class TestDocumentation:
    page = DEPLOY_PAGE.read_text(encoding="utf-8")

    def test_jobs_and_targets_of_commands_exist(self):
        commands = re.findall(r"databricks bundle (?:run|deploy|validate|summary|destroy)\b[^\n`]*", self.page)
        jobs, targets = set(resolved("dev")["resources"]["jobs"]), set(TARGETS)
        assert {name for one in commands for name in re.findall(r"\b\w+_job\b", one)} == jobs
        assert {name for one in commands for name in re.findall(r"--target (\w+)", one)} == targets

    def test_tries_and_time_of_tasks_are_those_of_the_jobs(self):
        shown = {}
        for names, tries, time, unit in re.findall(
            r"^\|[^|]*\| (`.*?) \|.*\| (\d) \| (\d+) (h|min) \|$", self.page, re.M
        ):
            seconds = int(time) * {"h": 3600, "min": 60}[unit]
            shown |= {name: (int(tries), seconds) for name in re.findall(r"`(\w+)`", names)}
        tasks = [task for job in resolved("prod")["resources"]["jobs"].values() for task in job["tasks"]]
        assert shown == {task["task_key"]: (task["max_retries"] + 1, task["timeout_seconds"]) for task in tasks}

    def test_variables_exist(self):
        shown = set(re.findall(r"BUNDLE_VAR_(\w+)", self.page))
        assert shown
        assert shown <= load(REPOSITORY)["variables"].keys()

    def test_job_cluster_is_one_that_the_sdk_knows(self):
        (block,) = [one for one in re.findall(r"```yaml\n(.*?)```", self.page, re.DOTALL) if "job_clusters" in one]
        variant = yaml.safe_load(block)
        assert list(resource_problems("jobs", {"name": "variant", **variant}, "variant")) == []
        (cluster,), (task,) = variant["job_clusters"], variant["tasks"]
        assert task["job_cluster_key"] == cluster["job_cluster_key"]
        assert task["libraries"] == [{"whl": "../dist/claims_fraud-*.whl"}]


@pytest.mark.parametrize("target", TARGETS)
def test_the_command_itself_finds_the_bundle_valid(target):
    if not shutil.which("databricks"):
        pytest.skip("the Databricks command line is not on the PATH")
    if not os.environ.get("DATABRICKS_HOST"):
        pytest.skip("DATABRICKS_HOST does not name a workspace")
    given = {f"BUNDLE_VAR_{name}": value for name, value in TARGETS[target].items()}
    called = subprocess.run(
        ["databricks", "bundle", "validate", "--strict", "--target", target],
        cwd=REPOSITORY,
        env={**given, **os.environ},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert called.returncode == 0, called.stdout + called.stderr
