"""The challenger is chosen by a stated rule, and a useless model is not let through."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from mlflow import MlflowClient

from claims_fraud.claims import Columns
from claims_fraud.claims.hashing import fingerprint
from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.parameters import SelectionParameters
from claims_fraud.pipelines.model_selection.nodes import select_model

CLAIMS = pd.DataFrame({"claim_id": ["a", "b", "c"]})
OTHER = pd.DataFrame({"claim_id": ["a", "b", "d"]})


def metrics(precision: float, base_rate: float = 0.04, claims: pd.DataFrame = CLAIMS) -> dict:
    return {
        "model_version": f"version of {precision}",
        "learned_from": fingerprint(claims["claim_id"]),
        "swapped": {"average_precision": precision, "base_rate": base_rate},
    }


def select(catboost: dict | None, xgboost: dict | None) -> tuple[str, dict]:
    return select_model(catboost, xgboost, CLAIMS, Columns(), SelectionParameters())


class TestSelectModel:
    def test_the_highest_average_precision_on_swapped_values(self):
        assert select(metrics(0.2), metrics(0.3)) == (
            "version of 0.3",
            {
                "model_type": "xgboost",
                "model_version": "version of 0.3",
                "average_precision": {"catboost": 0.2, "xgboost": 0.3},
                "lift": pytest.approx(7.5),
            },
        )

    def test_of_equal_ones_the_first(self):
        assert select(metrics(0.2), metrics(0.2))[1]["model_type"] == "catboost"

    def test_the_only_one_that_was_trained(self):
        assert select(None, metrics(0.2))[1]["model_type"] == "xgboost"

    def test_one_that_learned_from_other_claims_is_passed_over(self, caplog):
        caplog.set_level("INFO")
        assert select(metrics(0.3, claims=OTHER), metrics(0.2))[1]["average_precision"] == {"xgboost": 0.2}
        assert "catboost learned from other claims than were learned from last, and is passed over" in caplog.text

    def test_no_model_at_all(self):
        with pytest.raises(InputError, match="no model can be selected: no model was trained"):
            select(None, None)

    def test_one_that_could_not_be_measured(self):
        unmeasured = {name: value for name, value in metrics(0.3).items() if name != "swapped"}
        with pytest.raises(InputError, match="the training_metrics of catboost have no `swapped`"):
            select(unmeasured, metrics(0.2))

    def test_the_gate_is_at_the_lift(self):
        assert select(metrics(0.08), None)[1]["lift"] == pytest.approx(2.0)
        with pytest.raises(GateNotPassed) as raised:
            select(metrics(0.079), metrics(0.05))
        assert str(raised.value) == (
            "the best model, catboost, spots swapped values 1.98 times as well as a random order, and "
            "model_selection.required_lift is 2 (catboost 0.079, xgboost 0.050). What was selected before stays. Look "
            "at the claims and the `columns:` block, or lower the gate."
        )


class TestRun:
    def test_writes_the_model_and_why_and_names_the_challenger(self, copied):
        assert copied.run("--pipelines=model_selection", params="model_selection.required_lift=1") == (0, "")
        selected = json.loads((copied.data / "08_reporting/selected_model.json").read_text())
        assert selected["model_type"] == "catboost"
        assert selected["average_precision"].keys() == {"catboost"}
        client = MlflowClient(f"sqlite:///{copied.path}/mlflow.db")
        challenger = client.get_model_version_by_alias("claims_autoencoder", "challenger")
        assert challenger.tags == {"model_version": selected["model_version"], "model_type": "catboost"}

    def test_a_gate_not_passed_ends_with_3_and_keeps_what_was_selected(self, copied):
        path = copied.data / "08_reporting/selected_model.json"
        path.write_text('{"model_type": "xgboost"}')
        status, told = copied.run("--pipelines=model_selection", params="model_selection.required_lift=1000")
        assert status == 3
        assert told.startswith("Error: the best model, catboost, spots swapped values")
        assert json.loads(path.read_text()) == {"model_type": "xgboost"}
