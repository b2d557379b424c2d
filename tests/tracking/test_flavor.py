"""The autoencoder as an MLflow model, on real stores and in processes without the project."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from importlib.metadata import distributions

import mlflow
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.errors import InputError
from claims_fraud.tracking import flavor
from support import visits_and_surgeries

RESULTS = ["fraud_score", "fraud_percentile", "flagged", "reason_1", "reason_2", "reason_3"]

# Refuses to unpickle anything, and sees the project nowhere but in the model.
WITHOUT_PROJECT = """
import json, pickle, sys
from pathlib import Path

def refuse(*arguments, **options):
    raise RuntimeError("something was unpickled")

def watch(event, arguments):
    if event == "pickle.find_class":
        refuse()

uri, rows = sys.argv[1:]
sys.path = [folder for folder in sys.path if not Path(folder, "claims_fraud").is_dir()]
import mlflow, pandas
assert "claims_fraud" not in sys.modules
pickle.load = pickle.loads = pickle.Unpickler = refuse
sys.addaudithook(watch)
found = mlflow.pyfunc.load_model(uri).predict(pandas.read_json(rows, orient="records", dtype=False))
assert sys.modules["claims_fraud"].__file__.startswith(uri)
print("found", json.dumps(found.to_dict("list")))
"""

# Loads a model before the project, of which it brings a part.
BEFORE_PROJECT = """
import sys
from importlib.metadata import distributions
import mlflow

mlflow.pyfunc.load_model(sys.argv[1])
from claims_fraud import frames
"""


@pytest.fixture(scope="module")
def claims():
    return visits_and_surgeries()


@pytest.fixture(scope="module", params=["catboost", "xgboost"])
def model(request, claims):
    model = ClaimsTreeAutoencoder(request.param, n_jobs=1)
    model.fit(claims, ["code"], ["amount", "age"])
    return model


@pytest.fixture(scope="module")
def saved(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlflow") / "model"
    flavor.save_model(model, folder)
    return folder


@pytest.fixture(scope="module")
def loaded(saved):
    return mlflow.pyfunc.load_model(str(saved))


class TestPrediction:
    def test_is_what_the_estimator_says(self, loaded, model, claims):
        found, judgement = loaded.predict(claims), model.judge(claims)
        assert list(found) == RESULTS
        assert np.array_equal(found["fraud_score"], judgement.scores)
        assert np.array_equal(found["fraud_percentile"], model.percentile(judgement.scores))
        assert found[RESULTS[3:]].equals(model.reasons(claims, judgement).fillna(""))
        assert found["flagged"].equals(found["fraud_percentile"] > 99)

    def test_keeps_the_labels_of_rows(self, loaded, claims):
        assert loaded.predict(claims.iloc[[7, 3]]).index.tolist() == [7, 3]

    def test_flags_above_another_percentile_where_that_is_asked_for(self, loaded, claims):
        found = loaded.predict(claims, params={"threshold_percentile": 50.0})
        assert found["flagged"].equals(found["fraud_percentile"] > 50)

    def test_takes_nulls_codes_as_numbers_and_other_columns(self, loaded, claims):
        odd = claims.head(3).assign(code=[1, 2, 3], age=[30.5, None, 40], amount=["100", "200", "300"], note="x")
        assert loaded.predict(odd)["fraud_score"].notna().all()

    def test_of_float32_is_that_of_float64(self, loaded, claims):
        rounded = claims.round(2)
        narrow = rounded.astype({"amount": "float32", "age": "float32"})
        assert loaded.predict(narrow).equals(loaded.predict(rounded))

    def test_of_the_threshold_given_when_it_was_saved(self, model, claims, tmp_path):
        flavor.save_model(model, tmp_path / "model", threshold_percentile=90.0)
        found = mlflow.pyfunc.load_model(str(tmp_path / "model")).predict(claims)
        assert found["flagged"].equals(found["fraud_percentile"] > 90)


class TestBadInput:
    def test_a_missing_column_is_named(self, loaded, claims):
        with pytest.raises(MlflowException, match=r"Model is missing inputs \['age'\]") as raised:
            loaded.predict(claims.drop(columns="age"))
        assert raised.value.get_http_status_code() == 400

    def test_text_in_the_place_of_a_number_is_named(self, loaded, claims):
        with pytest.raises(MlflowException, match="num_features column 'age' holds what is no number") as raised:
            loaded.predict(claims.assign(age="old"))
        assert raised.value.get_http_status_code() == 400

    @pytest.mark.parametrize("given", [101, 100, -5, float("nan"), None])
    def test_a_percentile_that_the_pipeline_refuses_is_refused(self, loaded, claims, given):
        with pytest.raises(MlflowException, match="allowed are numbers from 0 to below 100"):
            loaded.predict(claims.head(1), params={"threshold_percentile": given})


ODD = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5) | st.lists(st.none(), max_size=1)
ROWS = st.lists(
    st.fixed_dictionaries({"code": ODD | st.just("visit"), "amount": ODD, "age": ODD | st.just(5)}), max_size=3
)
NAMED = st.sampled_from(["dataframe_records", "dataframe_split", "inputs", "instances"])
BODIES = (
    st.builds(lambda rows: {"dataframe_records": rows}, ROWS)
    | st.dictionaries(NAMED, ROWS | ODD | st.dictionaries(st.sampled_from(["code", "amount", "columns"]), ODD))
    | st.builds(lambda one, given: {**one, "params": {"threshold_percentile": given}}, st.just({"inputs": []}), ODD)
)


def answer(app, body: str) -> tuple[int, str]:
    """Return status and text of what the server answers to a request for scores."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body.encode("utf-8", "surrogatepass"), "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/invocations",
        "query_string": b"", "headers": [(b"content-type", b"application/json")], "server": ("127.0.0.1", 80),
    }  # fmt: skip
    asyncio.run(app(scope, receive, send))
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent[1:]).decode()


class TestServed:
    def test_junk_is_refused_and_never_an_error_of_the_server(self, loaded):
        app = scoring_server.init(loaded)

        @settings(max_examples=100, deadline=None)
        @given(BODIES)
        def try_one(body):
            status, text = answer(app, json.dumps(body))
            assert status in {200, 400}
            if status == 200:
                assert all(np.isfinite(row["fraud_score"]) for row in json.loads(text)["predictions"])

        try_one()


class TestArtefact:
    def test_pins_what_it_needs(self, saved):
        names = [line.split("==")[0] for line in (saved / "requirements.txt").read_text().splitlines()]
        booster = "xgboost-cpu" if next(distributions(name="xgboost-cpu"), None) else "xgboost"
        assert names == ["mlflow", "catboost", booster, "numpy", "pandas", "scikit-learn", "scipy"]

    def test_its_example_is_nobodys_claim_and_can_be_scored(self, saved, loaded, claims, model):
        example = pd.read_json(saved / "input_example.json", orient="split")
        assert example.iloc[0].to_dict() == {
            "code": claims["code"].mode()[0],
            "amount": pytest.approx(claims["amount"].median()),
            "age": claims["age"].median(),
        }
        assert len(loaded.predict(example)) == 1

    def test_gives_the_estimator_back(self, saved, model, claims):
        again = flavor.load_model(str(saved))
        assert again.model_version_ == model.model_version_
        assert again.explain(claims.head(5)).equals(model.explain(claims.head(5)))

    def test_of_another_flavour_is_none_of_ours(self, tmp_path):
        (tmp_path / "loader.py").write_text("", encoding="utf-8")
        mlflow.pyfunc.save_model(tmp_path / "model", loader_module="loader", data_path=str(tmp_path / "loader.py"))
        with pytest.raises(InputError, match="has the flavours python_function and not claims_fraud"):
            flavor.load_model(str(tmp_path / "model"))

    def test_scores_without_the_project_and_without_unpickling(self, saved, claims, loaded, tmp_path):
        rows = claims.head(4)
        (tmp_path / "rows.json").write_text(json.dumps(rows.to_dict("records")), encoding="utf-8")
        done = run(tmp_path, WITHOUT_PROJECT, saved, tmp_path / "rows.json")
        assert done.returncode == 0, done.stderr
        found = json.loads(done.stdout.rpartition("found ")[2])
        assert found["fraud_score"] == loaded.predict(rows)["fraud_score"].tolist()

    def test_leaves_an_installed_project_as_it_is(self, saved, tmp_path):
        done = run(tmp_path, BEFORE_PROJECT, saved)
        assert done.returncode == 0, done.stderr


def run(folder, code, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )


def test_logged_and_registered_it_is_loaded_by_its_alias(model, claims, tmp_path):
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        mlflow.create_experiment("one", artifact_location=(tmp_path / "artifacts").as_uri())
        mlflow.set_experiment("one")
        with mlflow.start_run():
            info = flavor.log_model(model, registered_model_name="claims_fraud")
        mlflow.MlflowClient().set_registered_model_alias("claims_fraud", "champion", info.registered_model_version)
        again = flavor.load_model("models:/claims_fraud@champion")
        assert again.model_version_ == model.model_version_
        scored = mlflow.pyfunc.load_model("models:/claims_fraud@champion").predict(claims.head(2))
        assert np.array_equal(scored["fraud_score"], model.judge(claims.head(2)).scores)
    finally:
        mlflow.set_tracking_uri(before)
