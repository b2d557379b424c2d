"""Parameters are typed, and a mistake in them is named with what is allowed."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from kedro.config import OmegaConfigLoader
from pydantic import ValidationError

from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters
from claims_fraud.errors import InputError
from claims_fraud.parameters import (
    FairnessParameters,
    OutcomeParameters,
    Parameters,
    ProviderParameters,
    ReportingParameters,
    ScoringParameters,
    TrainingParameters,
    check_parameters,
)
from claims_fraud.settings import CONFIG_LOADER_ARGS
from support import REPOSITORY

RUN_SETTINGS = ("model_type", "raw_claims")
LEAST = {
    "as_of": "2026-06-30",
    "columns": {},
    "data_ingestion": {},
    "history": {},
    "training": {},
    "scoring": {"scored_at": "2026-06-30"},
    "model_selection": {},
    "promotion": {},
    "monitoring": {},
    "reporting": {},
    "provider_scores": {},
    "outcomes": {},
    "fairness": {},
    "coordination": {},
    "tracking": {"registered_model": "claims_autoencoder"},
}


def given(**changes: Any) -> dict[str, Any]:
    return {**LEAST, **changes}


def message(**changes: Any) -> str:
    with pytest.raises(InputError) as raised:
        check_parameters(given(**changes), RUN_SETTINGS)
    return str(raised.value)


class TestValidParameters:
    def test_are_brought_to_their_types(self):
        parameters = check_parameters(given(scoring={"scored_at": "2026-06-30T12:30:00", "top_k": 5}), RUN_SETTINGS)
        assert parameters.as_of == date(2026, 6, 30)
        assert parameters.scoring.scored_at == datetime(2026, 6, 30, 12, 30)
        assert parameters.scoring.top_k == 5
        assert parameters.columns == Columns()

    def test_settings_of_a_run_are_not_parameters(self):
        parameters = check_parameters(given(raw_claims="claims.csv", model_type="xgboost"), RUN_SETTINGS)
        assert parameters.training.model_type == "catboost"

    @pytest.mark.parametrize(
        ("named", "shared"),
        [(None, ("provider_specialty", "geographic_region")), (["claim_type"], ("claim_type",)), ([], ())],
    )
    def test_peers_share_what_is_named_or_usual(self, named, shared):
        parameters = check_parameters(given(provider_scores={"peer_columns": named}), RUN_SETTINGS)
        assert parameters.provider_scores.shared(parameters.columns) == shared

    def test_peers_of_other_claims_share_the_usual_that_are_there(self):
        columns = Columns(procedure=None, categorical=("code", "geographic_region"), protected=[])
        assert ProviderParameters().shared(columns) == ("geographic_region",)

    def test_cannot_be_changed(self):
        parameters = check_parameters(LEAST, RUN_SETTINGS)
        with pytest.raises(ValidationError, match="frozen"):
            parameters.training.n_folds = 7

    def test_defaults_are_those_of_the_configuration(self):
        loader = OmegaConfigLoader(
            str(REPOSITORY / "conf"), env="local", runtime_params={"as_of": "2026-06-30"}, **CONFIG_LOADER_ARGS
        )
        configured = Parameters.model_validate(loader["parameters"])
        assert configured.columns == Columns()
        assert configured.data_ingestion == IngestionParameters()
        assert configured.history == HistoryParameters()
        assert configured.training == TrainingParameters()
        assert configured.scoring == ScoringParameters(scored_at=datetime(2026, 6, 30))
        assert configured.provider_scores == ProviderParameters()
        assert configured.outcomes == OutcomeParameters()
        assert configured.fairness == FairnessParameters()
        assert configured.reporting == ReportingParameters()

    def test_every_field_says_what_it_is(self):
        models = (
            Columns,
            IngestionParameters,
            HistoryParameters,
            TrainingParameters,
            ScoringParameters,
            ProviderParameters,
            OutcomeParameters,
            FairnessParameters,
            ReportingParameters,
        )
        silent = [name for model in models for name, field in model.model_fields.items() if not field.description]
        assert silent == []


class TestMistakes:
    def test_a_misspelt_key_names_the_nearest(self):
        assert message(training={"n_estimatrs": 10}).startswith(
            "Parameter 'training.n_estimatrs' is unknown; allowed here are "
        )
        assert "Did you mean 'training.n_estimators'?" in message(training={"n_estimatrs": 10})

    def test_a_misspelt_top_level_key_names_settings_of_the_run_too(self):
        assert message(raw_claim="claims.csv") == (
            "Parameter 'raw_claim' is unknown; allowed here are as_of, columns, read, data_ingestion, history, "
            "training, scoring, model_selection, promotion, provider_scores, outcomes, monitoring, fairness, "
            "reporting, coordination, tracking, model_type, raw_claims. Did you mean 'raw_claims'? Correct "
            "conf/*/parameters*.yml or --params (docs/reference/parameters.md lists all)."
        )

    def test_a_key_like_no_other_gets_no_suggestion(self):
        assert "Did you mean" not in message(training={"zzz": 1})

    @pytest.mark.parametrize(
        ("key", "value", "told"),
        [
            ("encoding", "rot13", "'rot13' is not a text encoding"),
            ("date_format", "%", "'%' is not a date format"),
            ("date_format", {"born": "%Q"}, "'%Q' is not a date format"),
            ("separator", "é", "'é' cannot be used; give one ASCII character"),
            ("quote", "\n", "cannot be used; give one ASCII character"),
            ("separator", '"', "separator and quote are both '\"'"),
        ],
    )
    def test_a_way_of_writing_that_nothing_is_written_in(self, key, value, told):
        assert told in message(read={key: value})

    @pytest.mark.parametrize(
        "block", [{"numeric": None, "other_dates": ["start"]}, {"categorical": 1, "code_sets": [["a", "b"]]}]
    )
    def test_columns_that_are_no_list(self, block):
        assert "columns." in message(columns=block)

    def test_a_missing_key(self):
        assert message(scoring={}).startswith("Parameter 'scoring.scored_at' is not set.")

    @pytest.mark.parametrize(
        ("pipeline", "key", "value", "allowed"),
        [
            ("training", "n_folds", 1, "input should be greater than or equal to 2"),
            ("training", "max_depth", "deep", "input should be a valid integer"),
            ("training", "learning_rate", 1.5, "input should be less than or equal to 1"),
            ("training", "model_type", "lightgbm", "input should be 'catboost' or 'xgboost'"),
            ("scoring", "threshold_percentile", 100, "input should be less than 100"),
            ("scoring", "top_k", 0, "input should be greater than or equal to 1"),
            ("history", "window_days", 0, "input should be greater than or equal to 1"),
            ("history", "window_days", 36_501, "input should be less than or equal to 36500"),
            ("history", "window_days", 30.5, "input should be a valid integer"),
            ("data_ingestion", "split_by", "day", "input should be 'time', 'patient', 'provider' or 'claim'"),
        ],
    )
    def test_a_wrong_value_is_named_with_what_is_allowed(self, pipeline, key, value, allowed):
        told = message(**{pipeline: {**LEAST[pipeline], key: value}})
        assert f"Parameter '{pipeline}.{key}' is {value!r}: {allowed}" in told

    def test_all_mistakes_are_named_at_once(self):
        told = message(as_of="yesterday", training={"n_folds": 1, "depth": 3})
        assert "'as_of' is 'yesterday'" in told
        assert "'training.n_folds' is 1" in told
        assert "'training.depth' is unknown" in told

    def test_roles_that_contradict_each_other(self):
        assert message(columns={"patient_id": "provider_id"}).startswith(
            "Parameter 'columns': column 'provider_id' has 2 roles; give each column one role."
        )

    @pytest.mark.parametrize(
        ("peers", "columns", "told"),
        [
            (
                ["provider_speciality"],
                {},
                "Parameters: provider_scores.peer_columns names 'provider_speciality'; allowed are the categorical "
                "columns that the model sees: claim_type, provider_specialty, diagnosis_code, procedure_code, "
                "patient_gender, geographic_region. Did you mean 'provider_specialty'? Name some of these, or set []. ",
            ),
            (["claim_amount"], {}, "Parameters: provider_scores.peer_columns names 'claim_amount'; allowed are"),
            (
                ["geographic_region"],
                {"protected": [{"geographic_region": "none"}]},
                "Parameters: provider_scores.peer_columns names 'geographic_region'; allowed are",
            ),
            (["claim_type", "claim_type"], {}, "column 'claim_type', which provider_scores would have twice"),
            ([], {"provider_id": "peers"}, "column 'peers', which provider_scores would have twice: provider_id and"),
        ],
        ids=["misspelt", "a number", "not in the model", "twice", "the name of an output"],
    )
    def test_peer_columns_that_cannot_be(self, peers, columns, told):
        assert told in message(provider_scores={"peer_columns": peers}, columns=columns)

    @pytest.mark.parametrize("names", ["patient_age;patient_gender", ["patient_age", "patient_gender"]])
    def test_attributes_of_the_fairness_analysis_may_be_a_text(self, names):
        parameters = check_parameters(given(fairness={"attributes": names}), RUN_SETTINGS)
        assert parameters.fairness.analysed(parameters.columns) == ("patient_age", "patient_gender")

    @pytest.mark.parametrize(
        ("fairness", "told"),
        [
            (
                {"attributes": ["patient_gendr"]},
                "Parameters: fairness.attributes names 'patient_gendr'; allowed are the protected columns: "
                "patient_gender, patient_age, geographic_region. Did you mean 'patient_gender'? Name some of these, "
                "or add it to columns.protected. ",
            ),
            (
                {"references": {"claim_type": "inpatient"}},
                "Parameters: fairness.references names 'claim_type'; allowed",
            ),
            ({"bands": {"claim_amount": [10]}}, "Parameters: fairness.bands names 'claim_amount'; allowed are"),
            (
                {"bands": {"patient_gender": [1]}},
                "Parameters: fairness.bands names 'patient_gender', which is no number",
            ),
            ({"bands": {"patient_age": [65, 18]}}, "bands of 'patient_age' are [65.0, 18.0]; give at least one number"),
            ({"fail_on": "unfair"}, "Parameter 'fairness.fail_on' is 'unfair': input should be 'never', 'biased' or"),
        ],
        ids=["attribute", "reference", "band", "band of a code", "order of bands", "gate"],
    )
    def test_of_the_fairness_analysis(self, fairness, told):
        assert told in message(fairness=fairness)

    def test_an_unknown_treatment_of_a_protected_column(self):
        told = message(columns={"protected": [{"patient_gender": "ignored"}]})
        assert "Parameter 'columns.protected.patient_gender' is 'ignored'" in told
        assert "'context', 'scored' or 'none'" in told
