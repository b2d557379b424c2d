"""The rules of ``databricks bundle`` that the other tests of the bundle build on, on bundles of a few lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from bundle.resolver import COMMIT, BundleError, arguments, resolve, synced_files

PLAIN = """
bundle: {name: shop}
include: [resources/*.yml]
variables:
  size: {description: How much, default: small}
targets:
  dev: {mode: development}
  prod: {mode: production, variables: {size: large}}
"""
JOB = """
resources:
  jobs:
    count:
      name: count
      schedule: {quartz_cron_expression: "0 0 1 * * ?", timezone_id: UTC}
      tags: {team: stock}
      tasks:
        - task_key: one
          python_wheel_task: {parameters: ["--size=${var.size}"]}
  schemas:
    goods: {catalog_name: main, name: goods}
  volumes:
    files: {catalog_name: main, schema_name: "${resources.schemas.goods.name}", name: files}
  experiments:
    runs: {name: /Users/me/runs}
"""


@pytest.fixture
def bundle(tmp_path):
    """Write a bundle of two files, either of which a test may give."""

    def write(main: str = PLAIN, included: str = JOB) -> Path:
        (tmp_path / "resources").mkdir(exist_ok=True)
        (tmp_path / "databricks.yml").write_text(main, encoding="utf-8")
        (tmp_path / "resources" / "all.yml").write_text(included, encoding="utf-8")
        return tmp_path

    return write


def with_target(target: str) -> str:
    """Return the plain bundle with a target `test`, given as YAML."""
    return yaml.safe_dump({**yaml.safe_load(PLAIN), "targets": {"test": yaml.safe_load(target)}})


class TestMerging:
    def test_maps_of_the_target_are_merged_into_the_rest(self, bundle):
        target = "{resources: {jobs: {count: {description: All of it, tags: {place: north}}}}}"
        job = resolve(bundle(with_target(target)), "test")["resources"]["jobs"]["count"]
        assert (job["name"], job["description"]) == ("count", "All of it")
        assert job["tags"] == {"team": "stock", "place": "north"}

    def test_lists_of_the_target_come_after_the_others(self, bundle):
        main = with_target("{sync: {exclude: [b]}}").replace("bundle:", "sync: {exclude: [a]}\nbundle:")
        assert resolve(bundle(main), "test")["sync"]["exclude"] == ["a", "b"]

    def test_tasks_with_the_same_key_are_one(self, bundle):
        target = "{resources: {jobs: {count: {tasks: [{task_key: two}, {task_key: one, max_retries: 3}]}}}}"
        tasks = resolve(bundle(with_target(target)), "test")["resources"]["jobs"]["count"]["tasks"]
        assert [(task["task_key"], task.get("max_retries")) for task in tasks] == [("one", 3), ("two", None)]

    def test_run_as_of_the_target_replaces_the_other(self, bundle):
        main = with_target("{run_as: {service_principal_name: robot}}")
        config = resolve(bundle(main.replace("bundle:", "run_as: {user_name: me}\nbundle:")), "test")
        assert config["resources"]["jobs"]["count"]["run_as"] == {"service_principal_name": "robot"}

    def test_paths_of_an_included_file_start_at_its_folder(self, bundle):
        job = "{environments: [{spec: {dependencies: [../dist/shop-*.whl, pandas]}}], name: count}"
        config = resolve(bundle(included=f"resources: {{jobs: {{count: {job}}}}}"), "prod")
        (environment,) = config["resources"]["jobs"]["count"]["environments"]
        assert environment["spec"]["dependencies"] == ["dist/shop-*.whl", "pandas"]


class TestReferences:
    @pytest.mark.parametrize(
        ("target", "given", "size"),
        [("dev", {}, "small"), ("prod", {}, "large"), ("prod", {"size": "huge"}, "huge")],
        ids=["default", "target", "command line"],
    )
    def test_the_nearest_value_of_a_variable_counts(self, bundle, target, given, size):
        (task,) = resolve(bundle(), target, given)["resources"]["jobs"]["count"]["tasks"]
        assert task["python_wheel_task"]["parameters"] == [f"--size={size}"]

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("${bundle.name}-${bundle.target}", "shop-prod"),
            ("${bundle.git.commit}", COMMIT),
            ("${workspace.file_path}", "/Workspace/Users/developer@example.org/.bundle/shop/prod/files"),
            ("${workspace.current_user.short_name}", "developer"),
            ("${resources.volumes.files.schema_name}", "goods"),
            ("{{job.run_id}}", "{{job.run_id}}"),
        ],
    )
    def test_are_replaced(self, bundle, text, value):
        job = resolve(bundle(included=JOB.replace("name: count", f"name: '{text}'")), "prod")["resources"]["jobs"][
            "count"
        ]
        assert job["name"] == value

    def test_a_text_that_is_one_reference_keeps_the_type(self, bundle):
        included = JOB.replace("name: count", "name: count\n      max_concurrent_runs: ${var.size}")
        job = resolve(bundle(PLAIN.replace("default: small", "default: 2"), included), "dev")["resources"]["jobs"][
            "count"
        ]
        assert job["max_concurrent_runs"] == 2

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("${var.size}", "${var.sise}", "${var.sise} cannot be resolved"),
            ("${var.size}", "${vars.size}", "${vars.size} cannot be resolved"),
            ("${var.size}", "${bundle.size}", "${bundle.size} cannot be resolved"),
            ("schemas.goods.name", "schemas.bads.name", "${resources.schemas.bads.name} cannot be resolved"),
            ("schemas.goods.name", "jobs.counts.id", "${resources.jobs.counts} cannot be resolved"),
            ("schemas.goods.name", "volumes.files.schema_name", "${resources.volumes.files.schema_name} leads back"),
        ],
    )
    def test_that_lead_nowhere_are_refused(self, bundle, old, new, message):
        with pytest.raises(BundleError) as raised:
            resolve(bundle(included=JOB.replace(old, new)), "dev")
        assert str(raised.value).startswith(message)


class TestRefused:
    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            (", default: small", "", "no value assigned to required variable size"),
            ("mode: development", "variables: {sise: large}", "variable sise is not defined but is assigned"),
            ("resources/*.yml", "resource/*.yml", "include 'resource/*.yml' matches no file"),
            ("bundle: {name: shop}", "bundle: {name: shop, name: stop}", "name is given twice"),
            ("targets:", "tragets:", "databricks.yml: tragets is unknown"),
            ("mode: development", "mod: development", "target dev: mod is unknown"),
            ("  dev:", "  test:", "target 'dev' is unknown; there are test, prod"),
        ],
    )
    def test_main_file(self, bundle, old, new, message):
        with pytest.raises(BundleError) as raised:
            resolve(bundle(PLAIN.replace(old, new)), "dev")
        assert str(raised.value).startswith(message)

    def test_a_resource_of_the_same_name_in_two_files(self, bundle):
        root = bundle()
        (root / "resources" / "more.yml").write_text("resources: {schemas: {count: {name: a}}}", encoding="utf-8")
        with pytest.raises(BundleError, match="resource count is defined twice"):
            resolve(root, "dev")

    def test_a_variable_that_there_is_not(self, bundle):
        with pytest.raises(BundleError, match="variable sise has not been defined"):
            resolve(bundle(), "dev", {"sise": "large"})


class TestModes:
    def test_development_puts_the_user_before_names(self, bundle):
        found = resolve(bundle(), "dev")["resources"]
        assert found["jobs"]["count"]["name"] == "[dev developer] count"
        assert found["schemas"]["goods"]["name"] == "dev_developer_goods"
        assert found["volumes"]["files"]["name"] == "files"
        assert found["volumes"]["files"]["schema_name"] == "dev_developer_goods"
        assert found["experiments"]["runs"]["name"] == "/Users/me/[dev developer] runs"

    def test_production_leaves_names(self, bundle):
        found = resolve(bundle(), "prod")["resources"]
        assert [found["jobs"]["count"]["name"], found["schemas"]["goods"]["name"]] == ["count", "goods"]

    @pytest.mark.parametrize(("target", "status"), [("dev", "PAUSED"), ("prod", "UNPAUSED")])
    def test_development_pauses_schedules(self, bundle, target, status):
        assert resolve(bundle(), target)["resources"]["jobs"]["count"]["schedule"]["pause_status"] == status

    def test_development_does_not_pause_a_schedule_that_says_otherwise(self, bundle):
        included = JOB.replace("timezone_id: UTC", "timezone_id: UTC, pause_status: UNPAUSED")
        job = resolve(bundle(included=included), "dev")["resources"]["jobs"]["count"]
        assert job["schedule"]["pause_status"] == "UNPAUSED"

    @pytest.mark.parametrize(("target", "runs"), [("dev", 4), ("prod", 1)])
    def test_development_lets_a_silent_job_run_four_times_at_once(self, bundle, target, runs):
        assert resolve(bundle(), target)["resources"]["jobs"]["count"]["max_concurrent_runs"] == runs

    def test_tags_of_a_job_go_before_those_of_all(self, bundle):
        main = PLAIN.replace("bundle:", "presets: {tags: {team: all, cost: sales}}\nbundle:")
        tags = resolve(bundle(main), "dev")["resources"]["jobs"]["count"]["tags"]
        assert tags == {"team": "stock", "cost": "sales", "dev": "developer"}


def test_arguments_are_filled_in_with_the_run_and_the_defaults_of_the_job():
    job = {"parameters": [{"name": "day", "default": "{{job.start_time.iso_date}}"}]}
    given = ["count", "--run={{task.name}}_{{job.run_id}}", "--day={{job.parameters.day}}"]
    task = {"task_key": "one", "python_wheel_task": {"parameters": given}}
    assert arguments(job, task, "17", "2026-01-31") == ["count", "--run=one_17", "--day=2026-01-31"]


def test_synced_files_are_those_of_the_paths_that_no_pattern_excludes(tmp_path):
    for name in ("a.txt", "conf/b.yml", "conf/local/c.yml", "conf/x/credentials.yml", "conf/my_credentials_2.yml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    sync = {"paths": ["conf"], "exclude": ["conf/local/**", "conf/**/*credentials*"]}
    assert synced_files({"sync": sync}, tmp_path) == {"conf/b.yml"}
