"""The model type that scores is chosen by a stated rule, and a useless model is not let through."""

from __future__ import annotations

import json

import pytest

from claims_fraud.errors import GateNotPassed, InputError
from claims_fraud.parameters import SelectionParameters
from claims_fraud.pipelines.model_selection.nodes import select_model_type

GATE = SelectionParameters()


def metrics(precision: float, base_rate: float = 0.04) -> dict:
    return {"n": 100, "swapped": {"average_precision": precision, "base_rate": base_rate}}


class TestSelectModelType:
    def test_the_highest_average_precision_on_swapped_values(self):
        assert select_model_type(metrics(0.2), metrics(0.3), GATE) == {
            "model_type": "xgboost",
            "average_precision": {"catboost": 0.2, "xgboost": 0.3},
            "lift": pytest.approx(7.5),
        }

    def test_of_equal_ones_the_first(self):
        assert select_model_type(metrics(0.2), metrics(0.2), GATE)["model_type"] == "catboost"

    def test_the_only_one_that_was_trained(self):
        assert select_model_type(None, metrics(0.2), GATE)["model_type"] == "xgboost"

    def test_no_model_at_all(self):
        with pytest.raises(InputError, match="no model type can be selected: no model was trained"):
            select_model_type(None, None, GATE)

    def test_one_that_could_not_be_measured(self):
        with pytest.raises(InputError, match="the training_metrics of catboost have no `swapped`"):
            select_model_type({"n": 100}, metrics(0.2), GATE)

    def test_the_gate_is_at_the_lift(self):
        assert select_model_type(metrics(0.08), None, GATE)["lift"] == pytest.approx(2.0)
        with pytest.raises(GateNotPassed) as raised:
            select_model_type(metrics(0.079), metrics(0.05), GATE)
        assert str(raised.value) == (
            "the best model type, catboost, spots swapped values 1.98 times as well as a random order, and "
            "model_selection.required_lift is 2 (catboost 0.079, xgboost 0.050). What was selected before stays. Look "
            "at the claims and the `columns:` block, or lower the gate."
        )


class TestRun:
    def test_writes_the_type_and_why(self, copied):
        assert copied.run("--pipelines=model_selection", params="model_selection.required_lift=1") == (0, "")
        selected = json.loads((copied.data / "08_reporting/selected_model.json").read_text())
        assert selected["model_type"] == "catboost"
        assert selected["average_precision"].keys() == {"catboost"}

    def test_a_gate_not_passed_ends_with_3_and_keeps_what_was_selected(self, copied):
        path = copied.data / "08_reporting/selected_model.json"
        path.write_text('{"model_type": "xgboost"}')
        status, told = copied.run("--pipelines=model_selection", params="model_selection.required_lift=1000")
        assert status == 3
        assert told.startswith("Error: the best model type, catboost, spots swapped values")
        assert json.loads(path.read_text()) == {"model_type": "xgboost"}
