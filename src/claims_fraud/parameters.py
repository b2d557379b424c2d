"""Every parameter of the project, typed: one frozen model a pipeline, and all of them together.

Not for the roles of columns and ingestion themselves: those belong to `claims_fraud.claims`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from claims_fraud.autoencoder.boosters import ModelType
from claims_fraud.claims import Columns, IngestionParameters
from claims_fraud.errors import InputError, listed, nearest


class TrainingParameters(BaseModel):
    """How the tree autoencoder is fitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_type: ModelType = Field("catboost", description="Boosting library; in every path of what depends on it.")
    folds_by: Literal["provider", "patient", "claim"] = Field(
        "provider", description="Claims that share this id are scored by models that saw none of them."
    )
    n_folds: int = Field(3, ge=2, le=20, description="Folds of cross-fitting.")
    n_estimators: int = Field(20, ge=1, le=10_000, description="Trees a column.")
    max_depth: int = Field(4, ge=1, le=12, description="Depth of a tree.")
    learning_rate: float = Field(0.5, gt=0, le=1, description="Step of each tree.")
    max_classes: int = Field(24, ge=2, le=1000, description="Categories of a column told apart; rarer ones are pooled.")
    max_samples: int = Field(15_000, ge=1, description="Rows that one column's model learns from; all are scored.")
    max_training_rows: int = Field(
        100_000, ge=1, description="Rows fitted on at most: a sample by the stable hash of the claim id."
    )
    evaluate_labels: bool = Field(
        False, description="Compare scores with `claim_labels` (or the label column) in `training_metrics`."
    )
    seed: int = Field(0, ge=0, description="Of folds, sample and trees.")
    n_jobs: int = Field(-1, ge=-1, description="Threads; -1 takes all cores.")


class ScoringParameters(BaseModel):
    """How scores become flags and lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold_percentile: float = Field(99.0, ge=0, lt=100, description="Claims strictly above it are flagged.")
    top_k: int | None = Field(None, ge=1, description="Flag this many claims instead: what people can look at.")
    top_claims: int = Field(100, ge=1, description="Claims in the list for people.")
    show_patient_id: bool = Field(False, description="Whether that list names the patient.")
    scored_at: datetime = Field(description="Stamp of this scoring, ISO 8601; kept when a run is repeated.")


class SelectionParameters(BaseModel):
    """Which trained model type scores."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required_lift: float = Field(
        2.0,
        ge=1,
        description="Times as well as a random order that the selected model has to spot swapped values; a gate.",
    )


class OutcomeParameters(BaseModel):
    """How the second stage learns from investigators' outcomes (`columns.label`); it runs only when asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    evaluation_fraction: float = Field(
        0.3, gt=0, lt=1, description="Share of the claims with an outcome, the latest, that is not learned from."
    )
    max_outcomes: int = Field(
        100_000, ge=1, description="Claims with an outcome at most: a sample by the stable hash of the claim id."
    )
    n_estimators: int = Field(55, ge=1, le=10_000, description="Trees of each classifier that is averaged.")
    max_depth: int = Field(6, ge=1, le=12, description="Depth of a tree.")
    learning_rate: float = Field(0.05, gt=0, le=1, description="Step of each tree.")
    seed: int = Field(0, ge=0, description="Of sample and trees.")
    n_jobs: int = Field(-1, ge=-1, description="Threads; -1 takes all cores.")


class Parameters(BaseModel):
    """All parameters: what `conf` and ``--params`` may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date = Field(description="Today, ISO 8601: a claim dated later is rejected.")
    columns: Columns
    data_ingestion: IngestionParameters
    training: TrainingParameters
    scoring: ScoringParameters
    model_selection: SelectionParameters
    outcomes: OutcomeParameters


def check_parameters(given: Mapping[str, Any], run_settings: Iterable[str]) -> Parameters:
    """Return the parameters, typed.

    Parameters
    ----------
    given : mapping
        What configuration and command line say.
    run_settings : iterable of str
        Further names that the command line may set: those of ``globals.yml``, read by the catalog.

    Raises
    ------
    InputError
        Naming every key at fault, its value, what is allowed, and the nearest valid name.
    """
    settings = set(run_settings)
    try:
        return Parameters.model_validate({key: value for key, value in given.items() if key not in settings})
    except ValidationError as error:
        problems = [_problem(detail, settings) for detail in error.errors()]
        raise InputError(
            f"{' '.join(problems)} Correct conf/*/parameters*.yml or --params (docs/reference/parameters.md lists all)."
        ) from error


def _problem(detail: Any, settings: set[str]) -> str:
    path = [str(step) for step in detail["loc"]]
    key, value = ".".join(path), detail["input"]
    if detail["type"] == "extra_forbidden":
        allowed = list(_model_at(path[:-1]).model_fields) + (sorted(settings) if len(path) == 1 else [])
        prefix = ".".join([*path[:-1], ""])
        hint = nearest(path[-1], allowed).replace("'", f"'{prefix}", 1)
        return f"Parameter {key!r} is unknown; allowed here are {listed(allowed, 40)}.{hint}"
    if detail["type"] == "missing":
        return f"Parameter {key!r} is not set."
    if detail["type"] == "value_error":
        return f"Parameter {key!r}: {detail['ctx']['error']}."
    return f"Parameter {key!r} is {value!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."


def _model_at(path: list[str]) -> type[BaseModel]:
    """Return the model of the parameters under a key."""
    model: type[BaseModel] = Parameters
    for step in path:
        annotation = model.model_fields[step].annotation
        candidates = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in candidates if issubclass(kind, BaseModel))
    return model
