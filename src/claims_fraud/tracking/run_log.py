"""Parameters and metrics of a run, flattened to the names under which MLflow shows them.

kedro-mlflow opens and closes the run of a pipeline; this only adds to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import numpy.typing as npt
from mlflow.entities import RunStatus
from mlflow.exceptions import MlflowException
from mlflow.utils.git_utils import get_git_commit
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT
from mlflow.utils.validation import MAX_ENTITY_KEY_LENGTH, MAX_PARAM_VAL_LENGTH

from claims_fraud import __version__
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import score_summary
from claims_fraud.tracking.flavor import log_model


def log_parameters(parameters: Mapping[str, Any]) -> None:
    """Log nested parameters as ``training.n_folds`` and so on, to the active run; without one, nowhere."""
    if active_run_id():
        named = {_key(name): str(value)[:MAX_PARAM_VAL_LENGTH] for name, value in flattened(parameters)}
        mlflow.log_params(named)


def log_origin(project: Path, environment: str, data_versions: Mapping[str, str]) -> None:
    """Tag the active run with the environment, the project's git revision, and versions of data; without one, nowhere.

    The revision is that of the last commit: what was changed since is not in it. Without a repository there is none.
    """
    if active_run_id():
        revision = {MLFLOW_GIT_COMMIT: get_git_commit(str(project))}
        tags = {"environment": environment, "claims_fraud_version": __version__, **revision}
        mlflow.set_tags({name: value for name, value in tags.items() if value})
        log_data_versions(data_versions)


def log_data_versions(versions: Mapping[str, str]) -> None:
    """Tag the active run with the versions of datasets, by name; without one, nowhere."""
    if active_run_id():
        mlflow.set_tags({_key(f"data_version.{name}"): version for name, version in versions.items()})


def log_model_version(version: str) -> None:
    """Tag the active run with the version of the model that it trained or scored with; without one, nowhere."""
    if active_run_id():
        mlflow.set_tag("model_version", version)


def log_metrics(metrics: Mapping[str, Any], name: str, prefix: str = "") -> None:
    """Log nested metrics to the active run, each number by itself and all as an artefact; without a run, nowhere.

    What is called ``verdict`` is a word, and becomes a tag.

    Parameters
    ----------
    metrics : mapping
        Whose numbers are logged as ``labelled.auroc`` and so on.
    name : str
        Of the artefact, a JSON file.
    prefix : str
        What the names of the numbers begin with.
    """
    if active_run_id():
        leaves = flattened(metrics, prefix)
        numbers = {_key(name): float(value) for name, value in leaves if isinstance(value, int | float)}
        mlflow.log_metrics(numbers)
        if isinstance(metrics.get("verdict"), str):
            mlflow.set_tag(f"{prefix}verdict", metrics["verdict"])
        mlflow.log_dict(dict(metrics), f"{name}.json")


def log_page(html: str, name: str) -> None:
    """Log a page that people read to the active run, as the artefact ``{name}.html``; without one, nowhere."""
    if active_run_id():
        mlflow.log_text(html, f"{name}.html")


def log_sizes(model_type: str, n_samples: int, n_features: int) -> None:
    """Log what was trained on how much, to the active run; without one, nowhere."""
    log_parameters({"model_type": model_type, "n_samples": n_samples, "n_features": n_features})


def active_run_id() -> str | None:
    """Return the id of the run that is being recorded, if any."""
    run = mlflow.active_run()
    return run.info.run_id if run else None


def mark_as_killed(run_id: str) -> bool:
    """Have a run that is said to be going on be one that was killed; return whether it was said to be."""
    client = mlflow.MlflowClient()
    try:
        status = client.get_run(run_id).info.status
    except MlflowException:  # of another server, or deleted
        return False
    going_on: bool = status == RunStatus.to_string(RunStatus.RUNNING)
    if going_on:
        client.set_terminated(run_id, RunStatus.to_string(RunStatus.KILLED))
    return going_on


def log_fit(model: ClaimsTreeAutoencoder, fraud_scores: npt.NDArray[np.floating[Any]], run_name: str | None) -> None:
    """Log a model fitted outside a pipeline, its parameters and the summary of its scores, in a run of its own."""
    with mlflow.start_run(run_name=run_name, nested=mlflow.active_run() is not None):
        log_parameters(model.get_params())
        log_sizes(model.model_type, len(fraud_scores), len(model.features_))
        log_metrics(score_summary(fraud_scores), "training_metrics")
        log_model_version(model.model_version_)
        log_model(model)


def flattened(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield leaves of nested mappings with their keys joined by dots."""
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _key(name: str) -> str:
    """Return a name that MLflow takes: columns and kinds of fraud are named by users."""
    return re.sub(r"[^\w.\- ]", "_", name)[:MAX_ENTITY_KEY_LENGTH]
