"""Whether runs can be recorded where they are to be, found out before anything is computed.

The database and the experiment are made here, one process after the other, so that first runs may begin at once.
"""

from __future__ import annotations

import atexit
import hashlib
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow
from mlflow.utils.file_utils import ExclusiveFileLock

from claims_fraud.errors import InputError, without_password

logger = logging.getLogger(__name__)

# A server that is there answers at the first try; MLflow by itself would try for minutes.
IMPATIENT = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "10"}


def checked(settings: dict[str, Any], required: bool) -> dict[str, Any]:
    """Return the settings of ``mlflow.yml``, if what they name can be reached.

    Where it cannot and need not be, runs go to a store that is thrown away when the process ends.

    Parameters
    ----------
    settings : dict
        What kedro-mlflow reads.
    required : bool
        Whether a run that is not recorded is no run.

    Raises
    ------
    InputError
        If the server cannot be reached and is required.
    """
    uri = settings["server"]["mlflow_tracking_uri"]
    problem = None if mlflow.active_run() else _problem(uri, settings["tracking"]["experiment"])
    if problem is None:
        return settings
    told = f"runs cannot be recorded at {without_password(uri)} ({problem})"
    if required:
        raise InputError(
            f"{told}. Start the server, name another with `--params=tracking_uri=…`, or set tracking.required: false "
            "to run without a record."
        )
    logger.warning("%s, and tracking.required is false: this run is not recorded", told)
    scratch = tempfile.mkdtemp(prefix="not-recorded-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    experiment = {**settings["tracking"]["experiment"], "create_experiment_kwargs": {"artifact_location": scratch}}
    return {
        **settings,
        "server": {"mlflow_tracking_uri": f"sqlite:///{scratch}/mlflow.db"},
        "tracking": {**settings["tracking"], "experiment": experiment},
    }


def _problem(uri: str, experiment: dict[str, Any]) -> str | None:
    """Return why the experiment, made where it is not there, cannot be reached; None if it can."""
    try:
        with _environment(IMPATIENT), _alone(uri):
            client = mlflow.MlflowClient(uri)
            if client.get_experiment_by_name(experiment["name"]) is None:
                place = experiment.get("create_experiment_kwargs", {}).get("artifact_location")
                client.create_experiment(experiment["name"], Path(place).absolute().as_uri() if place else None)
    except Exception as error:  # of whatever is in between: addresses, databases, credentials
        return without_password(f"{type(error).__name__}: {str(error).splitlines()[0]}")
    return None


@contextmanager
def _alone(uri: str) -> Iterator[None]:
    """Wait until no other process is here with the same local database: two that make it at once break each other."""
    if not uri.startswith("sqlite:") or os.name == "nt":
        yield
        return
    name = hashlib.sha256(uri.encode()).hexdigest()[:16]
    with ExclusiveFileLock(f"{tempfile.gettempdir()}/claims_fraud_{name}.lock"):
        yield


@contextmanager
def _environment(given: dict[str, str]) -> Iterator[None]:
    """Set variables that are not set, for a while."""
    ours = {name: value for name, value in given.items() if name not in os.environ}
    os.environ.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del os.environ[name]
