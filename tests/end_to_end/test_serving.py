"""A saved model serves where only its own requirements are installed, and tells what is wrong with a request."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.tracking import flavor
from end_to_end.clean import call, environment_of, variables
from support import visits_and_surgeries

pytestmark = pytest.mark.bundle

JSON = "application/json"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = ClaimsTreeAutoencoder("catboost", n_estimators=3, n_jobs=1)
    model.fit(visits_and_surgeries(), ["code"], ["amount", "age"])
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    flavor.save_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def expected(saved: Path) -> list[dict[str, Any]]:
    """What the model says of its example in this environment."""
    example = pd.read_json(saved / "input_example.json", orient="split")
    return mlflow.pyfunc.load_model(str(saved)).predict(example).to_dict("records")


@pytest.fixture(scope="module")
def programs(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the model's requirements and not this package."""
    folder = tmp_path_factory.mktemp("requirements")
    python = environment_of(folder, Path(sys.executable), saved / "requirements.txt")
    assert "No module named 'claims_fraud'" in call([python, "-c", "import claims_fraud"], folder).stderr
    return python.parent


@pytest.fixture(scope="module")
def port(saved: Path, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where a server of the model listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serve = [programs / "mlflow", "models", "serve", "--model-uri", saved, "--env-manager", "local"]
    folder = tmp_path_factory.mktemp("server")
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [*serve, "--host", "127.0.0.1", "--port", str(port)],
            cwd=folder,
            # MLflow finds the program of the server as a shell does.
            env=variables(programs),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        wait_until_it_answers(server, port, folder / "log")
        yield port
    finally:
        # With what it has started.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait(timeout=60)


def wait_until_it_answers(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + 120
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        assert server.poll() is None, log.read_text()
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.2)


def ask(port: int, body: bytes, content_type: str = JSON) -> tuple[int, dict[str, Any]]:
    """Return the status and what else the server answers."""
    with contextlib.closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
        connection.request("POST", "/invocations", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())


def test_a_server_scores_the_example(port, saved, expected):
    status, answer = ask(port, (saved / "serving_input_example.json").read_bytes())
    assert status == 200
    assert list(answer["predictions"][0]) == [
        "fraud_score",
        "fraud_percentile",
        "flagged",
        "reason_1",
        "reason_2",
        "reason_3",
    ]
    assert answer == {"predictions": expected}


def test_a_server_flags_above_the_threshold_that_it_is_given(port, saved):
    request = json.loads((saved / "serving_input_example.json").read_text())
    said = [
        ask(port, json.dumps({**request, "params": {"threshold_percentile": above}}).encode()) for above in (0.0, 99.9)
    ]
    assert [answer["predictions"][0]["flagged"] for _, answer in said] == [True, False]


@pytest.mark.parametrize(
    ("body", "content_type", "told"),
    [
        pytest.param(
            b'{"dataframe_records": [{"code": "visit", "amount": 100.0}]}',
            JSON,
            "Model is missing inputs ['age'].",
            id="a column is missing",
        ),
        pytest.param(
            b'{"dataframe_records": [{"code": "visit", "amount": 100.0, "age": "old"}]}',
            JSON,
            "num_features column 'age' holds what is no number",
            id="text where a number belongs",
        ),
        pytest.param(
            b'{"dataframe_records": [{"code": "visit", "amount": 1e999, "age": 30}]}',
            JSON,
            "num_features column 'amount' holds infinite values. Replace them by null.",
            id="a number that is none",
        ),
        pytest.param(
            b'{"dataframe_records": [{"code": "visit", ',
            JSON,
            "Ensure that input is a valid JSON formatted string.",
            id="JSON cut short",
        ),
        pytest.param(
            b"code,amount,age\nvisit,100.0,30\n",
            "text/csv",
            "Failed to get pandas types as some of the inputs types are not DataType.",
            id="CSV",
        ),
    ],
)
def test_a_server_tells_what_is_wrong_with_a_request(port, body, content_type, told):
    status, answer = ask(port, body, content_type)
    assert status == 400
    assert told in answer["message"]


def test_the_command_scores_the_example(saved, programs, expected, tmp_path):
    command = [programs / "mlflow", "models", "predict", "--model-uri", saved, "--env-manager", "local", "-t", "json"]
    said = call([*command, "--input-path", saved / "serving_input_example.json"], tmp_path)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout) == {"predictions": expected}
