"""Every rule that the bundle is held to, shown to fail on files with one text changed."""

from __future__ import annotations

import shutil

import click
import pytest

from bundle.checks import cron_problems, problems, secrets_in, unknown_arguments
from bundle.given import TARGETS, WHEEL
from support import REPOSITORY

TRAINING, SCORING, STORAGE = (f"resources/{name}.yml" for name in ("model_training.job", "scoring.job", "storage"))
MAIN = "databricks.yml"


@pytest.fixture
def changed(tmp_path):
    """Copy the bundle with one text in one of its files changed, and return what is then wrong with prod."""
    shutil.copytree(REPOSITORY / "resources", tmp_path / "resources")
    shutil.copy(REPOSITORY / MAIN, tmp_path)
    for folder in ("conf", "requirements"):
        (tmp_path / folder).symlink_to(REPOSITORY / folder)

    def change(file: str, old: str, new: str, target: str = "prod") -> list[str]:
        text = (tmp_path / file).read_text(encoding="utf-8")
        assert old in text
        (tmp_path / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        return problems(tmp_path, target, TARGETS[target], WHEEL)

    return change


IN_SELECT = "          disable_auto_optimization: true\n"
CHANGES = {
    # Against the SDK
    "unknown key of a job": (
        TRAINING,
        "max_concurrent_runs",
        "max_concurrent_run",
        "jobs.model_training_job: max_concurrent_run is unknown",
    ),
    "unknown key of a task": (
        TRAINING,
        "max_retries: 0",
        "max_retry: 0",
        "jobs.model_training_job.tasks.select: max_retry is unknown",
    ),
    "unknown key of a schema": (
        STORAGE,
        "comment: Insurance",
        "commment: Insurance",
        "schemas.claims: commment is unknown",
    ),
    "unknown key of an experiment": (STORAGE, "permissions:", "permission:", "experiments.runs: permission is unknown"),
    "unknown kind of resource": (
        STORAGE,
        "  experiments:",
        "  models:\n    one:\n      name: one\n\n  experiments:",
        "databricks.yml.resources: models is unknown",
    ),
    "unknown key of databricks.yml": (
        MAIN,
        "path: .",
        "pth: .",
        "databricks.yml.artifacts.claims_fraud: pth is unknown",
    ),
    "unknown kind of volume": (
        STORAGE,
        "volume_type: MANAGED",
        "volume_type: MANGED",
        "volumes.artifacts.volume_type: 'MANGED' is not one of EXTERNAL, MANAGED",
    ),
    "unknown privilege": (
        STORAGE,
        "USE_SCHEMA, CREATE_TABLE",
        "USE_SCHEMAS, CREATE_TABLE",
        "'USE_SCHEMAS' is not one of ACCESS,",
    ),
    "privilege of something else": (
        STORAGE,
        "[EXECUTE]",
        "[USE_SCHEMA]",
        "registered_models.autoencoder: USE_SCHEMA is no privilege of registered_models",
    ),
    "unknown level of a permission": (
        SCORING,
        "CAN_MANAGE_RUN",
        "CAN_RUN",
        "jobs.scoring_job.permissions.0.level: 'CAN_RUN' is not one of CAN_MANAGE,",
    ),
    "level of something else": (
        STORAGE,
        "level: CAN_READ",
        "level: CAN_VIEW",
        "experiments.runs.permissions.0.level: 'CAN_VIEW' is not one of CAN_EDIT,",
    ),
    "permission for two": (
        SCORING,
        "level: CAN",
        "user_name: me\n          level: CAN",
        "jobs.scoring_job: a permission is for one user, group or service principal",
    ),
    "number as text": (
        TRAINING,
        "timeout_seconds: 3600",
        'timeout_seconds: "3600"',
        "tasks.ingest.timeout_seconds: '3600' is not int",
    ),
    "text as number": (
        MAIN,
        'default: "5"',
        "default: 5",
        "databricks.yml.variables.environment_version.default: 5 is not str",
    ),
    "truth as number": (SCORING, "max_retries: 1", "max_retries: true", "tasks.score_new.max_retries: True is not int"),
    "text as list": (
        SCORING,
        "on_failure:\n          - ",
        "on_failure: ",
        "email_notifications.on_failure: 'alerts@example.org' is not a list",
    ),
    "text as map": (
        MAIN,
        "schemas: {claims: {lifecycle: {prevent_destroy: true}}}",
        "schemas: {claims: {lifecycle: keep}}",
        "schemas.claims.lifecycle: 'keep' is not a map",
    ),
    "missing entry point": (
        SCORING,
        "            entry_point: claims-fraud-jobs\n",
        "",
        "tasks.score_new.python_wheel_task: entry_point is missing",
    ),
    "missing time zone": (
        SCORING,
        "        timezone_id: UTC\n",
        "",
        "jobs.scoring_job.schedule: timezone_id is missing",
    ),
    "missing catalog of a volume": (
        STORAGE,
        "      catalog_name: ${resources.schemas.claims.catalog_name}\n",
        "",
        "volumes.artifacts: catalog_name is missing",
    ),
    "missing principal": (
        STORAGE,
        "        - principal: ${var.investigators_group}\n          privileges",
        "        - privileges",
        "schemas.claims.grants.2: principal is missing",
    ),
    "missing name of a job": (SCORING, "      name: scoring_job\n", "", "jobs.scoring_job: name is missing"),
    "missing schema of a model": (
        STORAGE,
        "      schema_name: ${resources.schemas.claims.name}\n      name: claims_auto",
        "      name: claims_auto",
        "registered_models.autoencoder: schema_name is missing",
    ),
    # References
    "unknown variable": (
        STORAGE,
        "${var.engineers_group}",
        "${var.engineer_group}",
        "${var.engineer_group} cannot be resolved",
    ),
    "unknown resource": (
        SCORING,
        "resources.schemas.claims.name",
        "resources.schemas.claim.name",
        "${resources.schemas.claim.name} cannot be resolved",
    ),
    "unknown kind of reference": (
        SCORING,
        "${workspace.file_path}",
        "${workspaces.file_path}",
        "${workspaces.file_path} cannot be resolved",
    ),
    "name known after deployment only": (
        SCORING,
        "resources.schemas.claims.name",
        "resources.schemas.claims.id",
        "${resources.schemas.claims.id} cannot be resolved",
    ),
    "variable without a value": (
        MAIN,
        "      catalog: prod_fraud_detection\n",
        "      release: v1\n",
        "no value assigned to required variable catalog",
    ),
    # Order and time
    "dependence on nothing": (
        TRAINING,
        "- task_key: select\n          environment_key",
        "- task_key: choose\n          environment_key",
        "jobs.model_training_job.promote: depends on choose, which is no task",
    ),
    "tasks in a circle": (
        TRAINING,
        "- task_key: ingest\n          environment_key",
        "- task_key: ingest\n          depends_on:\n            - task_key: score\n          environment_key",
        "jobs.model_training_job: tasks wait for each other: ",
    ),
    "task without an end": (SCORING, "          timeout_seconds: 3600\n", "", "score_new: timeout_seconds is missing"),
    "job that ends too early": (
        TRAINING,
        "timeout_seconds: 21600",
        "timeout_seconds: 21599",
        "jobs.model_training_job: timeout_seconds is less than the 21600 that its tasks may take",
    ),
    "two runs at once": (
        SCORING,
        "max_concurrent_runs: 1",
        "max_concurrent_runs: 2",
        "jobs.scoring_job: max_concurrent_runs is 2, not 1",
    ),
    "gate that is tried again": (
        TRAINING,
        "max_retries: 0",
        "max_retries: 1",
        "jobs.model_training_job.select: is a gate and is tried again",
    ),
    "gate that serverless tries again": (
        TRAINING,
        IN_SELECT,
        "",
        "jobs.model_training_job.select: is a gate and is tried again",
    ),
    "retries left to the platform": (SCORING, "          max_retries: 1\n", "", "score_new: max_retries is missing"),
    "day of today": (
        SCORING,
        '"{{job.start_time.iso_date}}"',
        '"2026-01-31"',
        "jobs.scoring_job: as_of is not the day that the run began",
    ),
    "no day": (
        SCORING,
        "              - --as-of={{job.parameters.as_of}}\n",
        "",
        "score_new: --as-of is not the job's",
    ),
    "cron of five fields": (
        SCORING,
        "0 30 4 * * ?",
        "30 4 * * *",
        "jobs.scoring_job: '30 4 * * *' has 5 fields; Quartz has 6 or 7",
    ),
    "other time zone": (
        SCORING,
        "timezone_id: UTC",
        "timezone_id: Europe/Berlin",
        "jobs.scoring_job: timezone_id is Europe/Berlin, not UTC",
    ),
    "schedule that says whether it is paused": (
        SCORING,
        "timezone_id: UTC",
        "timezone_id: UTC\n        pause_status: UNPAUSED",
        "jobs.scoring_job: pause_status is set, so that development mode does not pause it",
    ),
    # Wheel and arguments
    "task without the wheel": (
        SCORING,
        "python_wheel_task:\n            package_name: claims_fraud\n            entry_point: claims-fraud-jobs",
        "spark_python_task:\n            python_file: score.py",
        "jobs.scoring_job.score_new: is no python_wheel_task",
    ),
    "other environment": (
        TRAINING,
        "- environment_key: serverless",
        "- environment_key: server",
        "jobs.model_training_job.ingest: environment_key serverless is no environment",
    ),
    "other wheel": (
        SCORING,
        "../dist/claims_fraud-*.whl",
        "../dist/claims-fraud-*.whl",
        f"jobs.scoring_job: dist/claims-fraud-*.whl is not {WHEEL}",
    ),
    "wheel of another folder": (
        SCORING,
        "../dist/",
        "./dist/",
        f"jobs.scoring_job: resources/dist/claims_fraud-*.whl is not {WHEEL}",
    ),
    "wheel without constraints": (
        SCORING,
        "              - --constraint ",
        "              # - --constraint ",
        "jobs.scoring_job: the wheel is installed without constraints",
    ),
    "constraints of no environment": (
        SCORING,
        "serverless-${var.environment_version}.txt",
        "serverless-4.txt",
        "jobs.scoring_job: requirements/databricks/serverless-4.txt is not copied",
    ),
    "other artifact": (
        MAIN,
        "source: dist/claims_fraud-*.whl",
        "source: build/claims_fraud-*.whl",
        f"artifacts: build/claims_fraud-*.whl is not {WHEEL}",
    ),
    "schema written out": (
        SCORING,
        "--schema=${resources.schemas.claims.name}",
        "--schema=claims",
        "score_new: --schema is claims, not ${resources.schemas.claims.name}",
    ),
    "experiment written out": (
        SCORING,
        "${resources.experiments.runs.name}",
        "/Shared/claims",
        "score_new: --experiment-name is /Shared/claims, not ${resources.experiments.runs.name}",
    ),
    "configuration of somewhere": (
        SCORING,
        "${workspace.file_path}/conf",
        "conf",
        "score_new: --conf-source is conf, not ${workspace.file_path}/conf",
    ),
    "nothing to fill in": (SCORING, "{{job.run_id}}", "{{job.runid}}", "score_new: {{job.runid}} is not filled in"),
    "parameter of another job": (
        SCORING,
        "job.parameters.new_claims",
        "job.parameters.raw_claims",
        "score_new: {{job.parameters.raw_claims}} is not filled in",
    ),
    # Safety
    "schema that may be destroyed": (
        MAIN,
        "schemas: {claims: {lifecycle: {prevent_destroy: true}}}",
        "schemas: {claims: {lifecycle: {prevent_destroy: false}}}",
        "schemas.claims: holds data and may be destroyed",
    ),
    "volume that may be destroyed": (
        MAIN,
        "      volumes: {artifacts: {lifecycle: {prevent_destroy: true}}}\n",
        "",
        "volumes.artifacts: holds data and may be destroyed",
    ),
    "unheard failure": (
        SCORING,
        "      email_notifications:\n        on_failure:\n          - ${var.notification_address}\n",
        "",
        "jobs.scoring_job: nobody hears of a failure",
    ),
    "job that nobody may start": (
        SCORING,
        "      permissions:\n        - group_name: ${var.engineers_group}\n          level: CAN_MANAGE_RUN\n",
        "",
        "jobs.scoring_job: has no permissions",
    ),
    "tags without the commit": (
        SCORING,
        "        git_revision: ${var.git_revision}\n",
        "",
        "jobs.scoring_job: has no tag with the git revision",
    ),
    "configuration of one's own": (MAIN, "    - conf/local/**\n", "", "sync: conf/local/catalog_01_raw.yml is copied"),
    "no configuration": (
        MAIN,
        "    - conf/local/**\n",
        "    - conf/databricks/**\n    - conf/local/**\n",
        "sync: conf/databricks is not copied",
    ),
    "address of a workspace": (
        MAIN,
        "    mode: development",
        "    mode: development # https://dbc-1.cloud.databricks.com",
        "databricks.yml: has a workspace's address: https://",
    ),
    "token": (
        STORAGE,
        "# Grants",
        "# dapi0123456789abcdef\n# Grants",
        "storage.yml: has a token: dapi0123456789abcdef",
    ),
}


class TestEveryRuleFailsWhereItShould:
    @pytest.mark.parametrize(("file", "old", "new", "message"), CHANGES.values(), ids=CHANGES)
    def test_change(self, changed, file, old, new, message):
        found = changed(file, old, new)
        assert [one for one in found if message in one], found

    def test_names_that_only_development_changes(self, changed):
        written_out = ("schema_name: ${resources.schemas.claims.name}", "schema_name: claims")
        assert changed(STORAGE, *written_out, "dev") == [
            "volumes.artifacts: is in schema claims, not dev_developer_claims"
        ]

    @pytest.mark.parametrize("target", ["staging", "prod"])
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("ls dist/claims_fraud-*.whl > /dev/null", "uv build --wheel", "builds a wheel of its own"),
            (
                "        build: >-\n          ls",
                "        type: whl\n        build: >-\n          ls",
                "dist/ is emptied before",
            ),
        ],
        ids=["own wheel", "dist emptied"],
    )
    def test_the_wheel_of_production_is_the_one_that_is_there(self, changed, target, old, new, message):
        (found,) = changed(MAIN, old, new, target)
        assert found.startswith(f"{target}: {message}")

    @pytest.mark.parametrize("target", ["staging", "prod"])
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (
                "      root_path: /Workspace/Users/${var.service_principal}/",
                "      root_path: /Workspace/Shared/",
                "workspace.root_path is /Workspace/Shared/.bundle/claims_fraud/",
            ),
            (
                "    run_as:\n      service_principal_name: ${var.service_principal}\n",
                "",
                "run_as is no service principal",
            ),
        ],
        ids=["shared folder", "no principal"],
    )
    def test_production(self, changed, target, old, new, message):
        _, mark, after = (REPOSITORY / MAIN).read_text(encoding="utf-8").partition(f"\n  {target}:\n")
        (found,) = changed(MAIN, mark + after, mark + after.replace(old, new, 1), target)
        assert found.startswith(f"{target}: {message}")


COMMANDS = click.Group(
    "jobs",
    commands=[
        click.Command("ingest", params=[click.Option(["--raw-claims"], required=True), click.Option(["--seed"])]),
        click.Command(
            "train",
            params=[
                click.Option(["--model-type"], type=click.Choice(["catboost", "xgboost"])),
                click.Option(["--conf-source"], type=click.Path(exists=True)),
            ],
        ),
    ],
)


class TestArguments:
    @pytest.mark.parametrize(
        ("given", "found"),
        [
            (["ingest", "--raw-claims=a.b.c"], []),
            (["train", "--model-type=catboost", "--conf-source=/nowhere"], []),
            (["digest", "--raw-claims=a.b.c"], ["jobs has no subcommand digest"]),
            (["ingest", "--raw-claim=a"], ["ingest has no option --raw-claim", "ingest needs --raw-claims"]),
            (["train", "--model-type=catbost"], ["train --model-type: 'catbost' is not one of 'catboost', 'xgboost'."]),
        ],
    )
    def test_are_held_to_the_commands(self, given, found):
        task = {"task_key": "one", "python_wheel_task": {"parameters": given}}
        config = {"resources": {"jobs": {"job": {"tasks": [task]}}}}
        assert unknown_arguments(config, COMMANDS) == [f"jobs.job.one: {one}" for one in found]


class TestCron:
    @pytest.mark.parametrize(
        "expression",
        ["0 30 4 * * ?", "0 0/15 8-18 ? * MON-FRI", "0 0 0 1 JAN,JUL ?", "0 0 12 ? * 2 2026", "0 0 6 1,15 * ?"],
    )
    def test_valid(self, expression):
        assert list(cron_problems(expression)) == []

    @pytest.mark.parametrize(
        ("expression", "problem"),
        [
            ("30 4 * * *", "has 5 fields; Quartz has 6 or 7"),
            ("0 30 4 * * *", "needs ? as day of month or as day of week, and not as both"),
            ("0 30 4 ? * ?", "needs ? as day of month or as day of week, and not as both"),
            ("0 60 4 * * ?", "'60' is no minutes"),
            ("0 30 24 * * ?", "'24' is no hours"),
            ("0 30 4 0 * ?", "'0' is no day of month"),
            ("0 30 4 ? * MO", "'MO' is no day of week"),
            ("0 30 4 ? * 1-8", "'1-8' is no day of week"),
            ("0 30 4 * 13 ?", "'13' is no month"),
            ("0 */ 4 * * ?", "'*/' is no minutes"),
        ],
    )
    def test_invalid(self, expression, problem):
        assert [one for one in cron_problems(expression) if problem in one]


@pytest.mark.parametrize(
    "text",
    [
        "workspace:\n  host: https://adb-1.2.azuredatabricks.net",
        "  host: my-workspace",
        "  profile: mine",
        "# see dbc-1234.cloud.databricks.com",
        "      - token: abc",
        "client_secret: abc",
        "PASSWORD: abc",
        "key: dapi0123456789ab",
    ],
)
def test_secrets_are_found(text):
    assert list(secrets_in(text))
