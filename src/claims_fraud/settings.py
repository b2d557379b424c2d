"""Project settings that Kedro reads: hooks and how configuration is loaded."""

import os
from datetime import UTC, datetime
from pathlib import Path

from kedro.utils import find_kedro_project

from claims_fraud.config_loader import ConfigLoader
from claims_fraud.hooks import Hooks, ProjectHooks
from claims_fraud.secrets import secret

# MLflow, imported after this, would give its loggers handlers of their own past conf/logging.yml.
os.environ.setdefault("MLFLOW_CONFIGURE_LOGGING", "false")

HOOKS = Hooks(ProjectHooks())


def artifacts_of(tracking_uri: str) -> str | None:
    """Return where the artefacts of runs in a local database belong: beside it. Any server knows its own place."""
    database = tracking_uri.removeprefix("sqlite:///")
    return None if database == tracking_uri else str(Path(database).parent / "mlartifacts")


CONFIG_LOADER_CLASS = ConfigLoader
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An environment that sets one key of `training:` keeps the others.
    "config_patterns": {"spark": ["spark*", "spark*/**"], "mlflow": ["mlflow*", "mlflow*/**"]},
    "merge_strategy": {"parameters": "soft"},
    "custom_resolvers": {
        # `${column:claim_id}` is the column with that role; a hook puts in those that parameters name.
        "column": lambda role: role,
        # `${parameter:scoring.model}` is a parameter; the same hook puts them in. kedro-viz does without hooks.
        "parameter": lambda path: None,
        # `${secret:SCOPE/KEY}`: an environment variable locally, a secret scope on Databricks.
        "secret": secret,
        "artifacts_of": artifacts_of,
        "today": lambda: datetime.now(UTC).date().isoformat(),
        # A notebook runs in its own folder and still has to find the project's files.
        "project_root": lambda: str(find_kedro_project(Path.cwd()) or Path.cwd()),
    },
}

# Usage is reported to nobody, wherever the package runs; of kedro-mlflow's hook there is a version above.
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry", "kedro_mlflow")
