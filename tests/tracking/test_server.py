"""What becomes of a run where MLflow cannot be reached: on a port where nobody listens, and on real databases."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import time

import mlflow
import pytest

from claims_fraud.errors import InputError
from claims_fraud.tracking.server import checked


@pytest.fixture
def nobody():
    """Return an address at which nobody answers."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    return f"http://me:pass@127.0.0.1:{port}"


def settings(uri):
    return {"server": {"mlflow_tracking_uri": uri}, "tracking": {"experiment": {"name": "one"}, "run": {"name": None}}}


def test_settings_stay_where_the_store_can_be_reached(tmp_path):
    given = settings(f"sqlite:///{tmp_path}/mlflow.db")
    assert checked(given, required=True) == given


def test_runs_that_begin_at_once_on_a_new_database_do_not_disturb_each_other(tmp_path):
    given = settings(f"sqlite:///{tmp_path}/mlflow.db")
    given["tracking"]["experiment"]["create_experiment_kwargs"] = {"artifact_location": str(tmp_path / "artifacts")}
    code = f"from claims_fraud.tracking.server import checked; checked({given!r}, required=True)"
    both = [subprocess.Popen([sys.executable, "-c", code], stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate()[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], told
    experiment = mlflow.MlflowClient(f"sqlite:///{tmp_path}/mlflow.db").get_experiment_by_name("one")
    assert experiment.artifact_location == (tmp_path / "artifacts").as_uri()


def test_a_server_that_is_down_ends_the_run_at_once(nobody):
    began = time.monotonic()
    with pytest.raises(InputError, match=r"cannot be recorded at http://me:\*\*\*@127\.0\.0\.1:\d+ \(") as raised:
        checked(settings(nobody), required=True)
    assert "tracking.required: false" in str(raised.value)
    assert "pass@" not in str(raised.value)
    assert time.monotonic() - began < 30


def test_or_is_passed_over_where_that_is_asked_for(nobody, caplog):
    with caplog.at_level(logging.WARNING):
        found = checked(settings(nobody), required=False)
    assert found["server"]["mlflow_tracking_uri"].startswith("sqlite:///")
    assert found["tracking"]["experiment"]["name"] == "one"
    assert found["tracking"]["run"] == {"name": None}
    assert caplog.messages[-1].endswith("and tracking.required is false: this run is not recorded")
    assert checked(found, required=True) == found


def test_a_run_that_somebody_else_began_is_theirs(nobody, tmp_path):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        with mlflow.start_run(experiment_id="0"):
            assert checked(settings(nobody), required=True) == settings(nobody)
    finally:
        mlflow.set_tracking_uri(before)
