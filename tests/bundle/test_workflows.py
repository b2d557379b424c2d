"""The workflows of CI and deployment: they parse, hold no secret, and deploy one wheel in the right order."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from bundle.checks import secrets_in
from bundle.given import GIVEN
from bundle.resolver import load
from support import REPOSITORY

WORKFLOWS = sorted((REPOSITORY / ".github" / "workflows").glob("*.yml"))
DEPLOY = yaml.safe_load((REPOSITORY / ".github" / "workflows" / "deploy.yml").read_text(encoding="utf-8"))
JOBS = DEPLOY["jobs"]


def commands(job: str) -> list[str]:
    return [step["run"] for step in JOBS[job]["steps"] if "run" in step]


def actions(job: str) -> dict[str, dict[str, str]]:
    """Return what a job's actions are given, by their name without the version."""
    return {step["uses"].partition("@")[0]: step.get("with", {}) for step in JOBS[job]["steps"] if "uses" in step}


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.name)
class TestEveryWorkflow:
    def test_has_jobs_that_end(self, workflow: Path):
        jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
        assert [name for name, job in jobs.items() if not 0 < job["timeout-minutes"] <= 360] == []

    def test_names_secrets_and_holds_none(self, workflow: Path):
        text = workflow.read_text(encoding="utf-8")
        assert list(secrets_in(text)) == []
        assert len(re.findall(r"secrets\.", text)) == len(re.findall(r"\$\{\{ secrets\.[A-Z_]+ \}\}", text))

    def test_uses_actions_of_one_version(self, workflow: Path):
        used = re.findall(r"uses: (\S+)", workflow.read_text(encoding="utf-8"))
        assert used
        assert [one for one in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+\.\d+\.\d+", one)] == []

    def test_may_read_by_default(self, workflow: Path):
        permissions = yaml.safe_load(workflow.read_text(encoding="utf-8"))["permissions"]
        assert permissions in ({}, {"contents": "read"})


class TestDeployment:
    def test_is_of_main_after_ci_and_of_version_tags(self):
        # YAML takes `on` for true.
        assert DEPLOY[True] == {
            "workflow_run": {"workflows": ["CI"], "types": ["completed"], "branches": ["main"]},
            "push": {"tags": ["v*"]},
        }
        assert "conclusion == 'success'" in JOBS["dev"]["if"]
        # CI runs on pull requests too, and a fork may call its branch main.
        assert "workflow_run.event == 'push'" in JOBS["dev"]["if"]

    def test_goes_from_the_wheel_to_staging_and_from_there_to_prod(self):
        assert {name: job.get("needs") for name, job in JOBS.items()} == {
            "dev": None,
            "wheel": None,
            "staging": "wheel",
            "prod": ["wheel", "staging"],
        }

    def test_every_target_is_an_environment_of_its_own(self):
        assert {name: job.get("environment") for name, job in JOBS.items()} == {
            "dev": "dev",
            "wheel": None,
            "staging": "staging",
            "prod": "prod",
        }

    @pytest.mark.parametrize("target", ["dev", "staging", "prod"])
    def test_calls_the_command_with_its_target(self, target):
        called = [one for one in commands(target) if one.startswith("databricks")]
        assert called[:2] == [
            f"databricks bundle validate --target {target}",
            f"databricks bundle deploy --target {target}",
        ]
        assert {one.split("--target ")[1].split()[0] for one in called} == {target}

    def test_staging_trains_before_prod_is_asked_for(self):
        assert commands("staging")[-1] == "databricks bundle run --target staging model_training_job"

    @pytest.mark.parametrize("target", ["staging", "prod"])
    def test_takes_the_wheel_that_was_built_once(self, target):
        assert [name for name in JOBS if "uv build --wheel" in commands(name)] == ["wheel"]
        assert actions("wheel")["actions/upload-artifact"]["name"] == "wheel"
        assert actions(target)["actions/download-artifact"] == {"name": "wheel", "path": "dist"}
        assert "sha256sum --check SHA256SUMS" in commands(target)

    @pytest.mark.parametrize("target", ["staging", "prod"])
    def test_gives_the_variables_that_have_no_default(self, target):
        given = {name.removeprefix("BUNDLE_VAR_") for name in JOBS[target]["env"] if name.startswith("BUNDLE_VAR_")}
        assert {*GIVEN, "release"} == given
        assert given <= load(REPOSITORY)["variables"].keys()

    def test_may_do_no_more_than_it_has_to(self):
        assert {name: job["permissions"] for name, job in JOBS.items()} == {
            "dev": {"contents": "read", "id-token": "write"},
            "wheel": {"actions": "read", "contents": "read"},
            "staging": {"contents": "read", "id-token": "write"},
            "prod": {"contents": "read", "id-token": "write"},
        }
