"""Every parameter of the project, typed: one frozen model a pipeline, and all of them together.

Not for the roles of columns and ingestion themselves: those belong to `claims_fraud.claims`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from claims_fraud.autoencoder.boosters import Device
from claims_fraud.choices import DriftLimit, ModelType, Period
from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters, ReadParameters
from claims_fraud.drift import Limits
from claims_fraud.errors import InputError, listed, nearest
from claims_fraud.fairness import Rules
from claims_fraud.fairness.groups import check_bands
from claims_fraud.providers import provider_scores_schema, summary_schema

Allowed = Literal["never", "as_champion", "always"]

# What peers have in common unless something else is named.
USUAL_PEER_COLUMNS = ("provider_specialty", "geographic_region")


class TrainingParameters(BaseModel):
    """How the tree autoencoder is fitted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model_type: ModelType = Field("catboost", description="Boosting library; in every path of what depends on it.")
    folds_by: Literal["provider", "patient", "claim"] = Field(
        "provider", description="Claims that share this id are scored by models that saw none of them."
    )
    n_folds: int = Field(3, ge=2, le=20, description="Folds of cross-fitting.")
    n_estimators: int = Field(
        12,
        ge=1,
        le=10_000,
        description="Trees per column classifier; the second model of each column has four times as many.",
    )
    max_depth: int = Field(4, ge=1, le=12, description="Depth of a tree.")
    learning_rate: float = Field(0.5, gt=0, le=1, description="Step of each tree.")
    max_classes: int = Field(24, ge=2, le=1000, description="Categories of a column told apart; rarer ones are pooled.")
    max_samples: int = Field(7_500, ge=1, description="Rows that one column's trees learn from; all are scored.")
    max_inputs: int = Field(
        64, ge=1, description="Columns that one column's model looks at: those that tell most of it, if there are more."
    )
    max_training_rows: int = Field(
        100_000, ge=1, description="Rows fitted on at most: a sample by the stable hash of the claim id."
    )
    evaluate_labels: bool = Field(
        False, description="Compare scores with `claim_labels` (or the label column) in `training_metrics`."
    )
    seed: int = Field(0, ge=0, description="Of samples and trees.")
    n_jobs: int = Field(-1, ge=-1, description="Threads; -1 takes all cores.")
    device: Device = Field("cpu", description="What trees are grown on; `gpu` needs one that CUDA can use.")

    @property
    def estimator(self) -> dict[str, Any]:
        """What the estimator takes of these."""
        return self.model_dump(exclude={"folds_by", "max_training_rows", "evaluate_labels"})


class ScoringParameters(BaseModel):
    """How scores become flags and lists."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str | int | None = Field(
        None,
        description="Registered model that scores where none is trained: an alias (`champion`, `challenger`) or the "
        "number of a version; null takes the champion, or while there is none what was trained last.",
    )
    rank_by: Literal["surprise", "excess"] = Field(
        "surprise",
        description="`excess`: the claims whose amount is furthest above what was expected come first, in money.",
    )
    threshold_percentile: float = Field(99.0, ge=0, lt=100, description="Claims strictly above it are flagged.")
    top_k: int | None = Field(None, ge=1, description="Flag this many claims instead: what people can look at.")
    top_claims: int = Field(100, ge=1, description="Claims in the list for people.")
    show_patient_id: bool = Field(False, description="Whether that list names the patient.")
    scored_at: datetime = Field(description="Stamp of this scoring, ISO 8601; kept when a run is repeated.")


class SelectionParameters(BaseModel):
    """Which of the trained models becomes the challenger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required_lift: float = Field(
        2.0,
        ge=1,
        description="Times as well as a random order that the selected model has to spot swapped values; a gate.",
    )


class PromotionParameters(BaseModel):
    """When the challenger may take the champion's place: on the same validation claims."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_swapped_ratio: float = Field(
        0.95, ge=0, description="Share of the champion's average precision on swapped values that it has at least."
    )
    min_labelled_ratio: float = Field(
        0.9,
        ge=0,
        description="The same of labelled fraud; looked at where `training.evaluate_labels` is set.",
    )
    min_rank_correlation: float = Field(
        0.5, ge=-1, le=1, description="Rank correlation (Spearman's) of its scores with the champion's."
    )
    min_top_overlap: float = Field(
        0.2, ge=0, le=1, description="Share of the highest-scored 1 % that both models name."
    )
    allow_biased: Allowed = Field(
        "as_champion",
        description="Whether flags may be biased on a protected group; `as_champion`: where the champion's are too.",
    )
    allow_drifted: Allowed = Field(
        "as_champion",
        description="Whether a feature of these claims, or the score, may have drifted from what it learned from; "
        "`as_champion`: where it has from what the champion learned from too.",
    )


class ProviderParameters(BaseModel):
    """How claims are rolled up by provider, and providers compared."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    peer_columns: tuple[str, ...] | None = Field(
        None,
        description="Categorical columns that a provider's peers share, from what matters most to what matters least; "
        "null takes `provider_specialty` and `geographic_region` where they are among categorical, `[]` compares with "
        "all.",
    )
    min_peers: int = Field(
        10, ge=1, description="Other providers that a group of peers has; with fewer, one column less has to be shared."
    )
    min_claims: int = Field(5, ge=1, description="Claims of a provider whose aggregates are judged.")
    min_providers: int = Field(
        50, ge=20, description="Providers of so many claims; with fewer, no provider's aggregates are judged."
    )

    def shared(self, columns: Columns) -> tuple[str, ...]:
        """Return the columns that peers share."""
        usual = tuple(name for name in USUAL_PEER_COLUMNS if name in columns.model_categorical)
        return usual if self.peer_columns is None else self.peer_columns


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


class MonitoringParameters(BaseModel):
    """When claims are said to have drifted from those that the model learned from, and what follows."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    period: Period = Field("month", description="Claims of a month, of a week, or all that are at hand are a batch.")
    minimum_rows: int = Field(
        200, ge=100, description="Claims of a batch and of the reference; fewer are insufficient."
    )
    false_alarm_rate: float = Field(
        0.01,
        gt=0,
        le=0.2,
        description="Share of batches without drift in which some feature is said to drift, all features together.",
    )
    least_psi: float = Field(
        0.02, ge=0, description="PSI beyond chance from which what chance does not explain counts as drift."
    )
    drifting_psi: float = Field(0.1, gt=0, description="PSI that the rule of thumb calls drifting.")
    drifted_psi: float = Field(
        0.25, gt=0, description="PSI that the rule of thumb calls drifted; beyond chance, the corrected verdict too."
    )
    agreeing: int = Field(2, ge=1, description="Batches, of the last `of_last`, that have to agree on a verdict.")
    of_last: int = Field(3, ge=1, description="Last batches that are looked at, of the same model and `period`.")
    fail_on: DriftLimit = Field(
        "never", description="Confirmed verdict from which a run ends with status 3, after everything is saved."
    )
    retrain_on: DriftLimit = Field(
        "drifted", description="Confirmed verdict from which `monitoring_verdict` says `retrain: true`."
    )

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        """Raise ValueError if more batches have to agree than are looked at, or the limits are in the wrong order."""
        if self.agreeing > self.of_last:
            raise ValueError(
                f"agreeing is {self.agreeing} and of_last {self.of_last}: no more can agree than there are"
            )
        if self.drifting_psi > self.drifted_psi:
            raise ValueError(f"drifting_psi is {self.drifting_psi}, above drifted_psi, {self.drifted_psi}")
        return self

    @property
    def limits(self) -> Limits:
        """Where verdicts begin."""
        return Limits(self.minimum_rows, self.false_alarm_rate, self.least_psi, self.drifting_psi, self.drifted_psi)


class FairnessParameters(BaseModel):
    """How flags and scores are compared between protected groups."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    attributes: tuple[str, ...] | None = Field(
        None,
        description="Protected columns to analyse, a list, or a text in which `;` separates them; null takes all of "
        "`columns.protected`.",
    )
    threshold_percentile: float | None = Field(
        None,
        ge=0,
        lt=100,
        description="Claims whose `fraud_percentile` is strictly above it count as flagged; null takes `flagged` as it "
        "is.",
    )
    top_k: int = Field(100, ge=1, description="Claims that rank first, of which each group has a share.")
    bands: dict[str, tuple[float, ...]] = Field(
        {"patient_age": (18, 30, 45, 65, 80)},
        description="Where bands of a protected number begin, ascending; of one that is not named they are fifths.",
    )
    references: dict[str, str] = Field(
        {},
        description="By protected column the group that others are compared with, in place of the one with the highest "
        "flag rate.",
    )
    intersections: bool = Field(True, description="Whether groups of two protected columns at once are compared too.")
    period: Period = Field(
        "month", description="Groups are compared within each month, or week, of the claims too; none leaves that out."
    )
    minimum_group_size: int = Field(100, ge=1, description="Claims of a group that is judged.")
    minimum_expected_flags: float = Field(
        5,
        ge=0,
        description="Flags that each of two groups would have if all were flagged alike; with fewer none is judged.",
    )
    alpha: float = Field(
        0.05, gt=0, lt=1, description="Chance that any group at all is found biased where all are flagged alike."
    )
    least_ratio: float = Field(
        0.8,
        gt=0,
        lt=1,
        description="Flag rates that differ by this factor or less do not matter; 0.8 is the four-fifths rule.",
    )
    min_difference: float = Field(
        0.001, ge=0, lt=1, description="Flag rates that differ by this or less do not matter: one claim in a thousand."
    )
    max_sample_rows: int = Field(
        10_000, ge=1, description="Claims at most from which it is told how well protected columns can be guessed."
    )
    role_rows: int = Field(
        6_000, ge=0, description="Claims at most on which the roles of protected columns are tried; 0 tries none."
    )
    fail_on: Literal["never", "biased", "inconclusive"] = Field(
        "never", description="Verdict that ends the run with status 3, after all is saved; `inconclusive`: either."
    )

    @field_validator("attributes", mode="before")
    @classmethod
    def _names_in_a_text(cls, value: Any) -> Any:
        """Accept ``a;b`` for ``[a, b]``: a comma separates the parameters of the command line."""
        return [name.strip() for name in value.split(";") if name.strip()] if isinstance(value, str) else value

    @field_validator("bands")
    @classmethod
    def _bands_ascend(cls, value: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        check_bands(value)
        return value

    @property
    def rules(self) -> Rules:
        """What matters and what is enough, of these."""
        return Rules(**self.model_dump(include=set(Rules.__dataclass_fields__)))

    def analysed(self, columns: Columns) -> tuple[str, ...]:
        """Return the protected columns that are analysed."""
        return tuple(columns.protected) if self.attributes is None else self.attributes


class ReportingParameters(BaseModel):
    """What reports that are shared show."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    small_cell: int = Field(
        11,
        ge=0,
        description="Counts of fewer claims are not shown in reports, nor counts that give them away.",
    )


class TrackingParameters(BaseModel):
    """What is recorded of a run, and where its model is registered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    required: bool = Field(
        True, description="Whether a run ends before it begins where MLflow cannot be reached; else it is not recorded."
    )

    registered_model: str = Field(
        pattern=r"^[\w-]+(\.[\w-]+\.[\w-]+)?$",
        description="Name under which trained models are registered; on Databricks with its catalog and schema.",
    )
    column_models: Literal["none", "log", "register"] = Field(
        "none",
        description="Whether each column's model is also logged by itself, as `model_<column>`, and registered, as "
        "`fraud_detector_<column>`.",
    )


class CoordinationParameters(BaseModel):
    """What is told of a run beside MLflow (see `claims_fraud.coordination`), and how it gets on with others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    event_folder: str | None = Field(
        None, description="Folder of the log of events, a file of JSON lines a run; null writes none."
    )
    fatal: bool = Field(False, description="Whether a coordination hook that fails ends the run.")
    wait_minutes: float = Field(
        60.0, ge=0, description="How long to wait for another run that writes the same data folder; 0 refuses at once."
    )


class Parameters(BaseModel):
    """All parameters: what `conf` and ``--params`` may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date = Field(description="Today, ISO 8601: a claim dated later is rejected.")
    columns: Columns
    read: ReadParameters = ReadParameters()
    data_ingestion: IngestionParameters
    history: HistoryParameters
    training: TrainingParameters
    scoring: ScoringParameters
    model_selection: SelectionParameters
    promotion: PromotionParameters
    provider_scores: ProviderParameters
    outcomes: OutcomeParameters
    monitoring: MonitoringParameters
    fairness: FairnessParameters
    reporting: ReportingParameters
    coordination: CoordinationParameters
    tracking: TrackingParameters

    @model_validator(mode="after")
    def _check_peer_columns(self) -> Self:
        """Raise ValueError if a peer column is no code that the model sees, or its name is taken."""
        shared, known = self.provider_scores.shared(self.columns), self.columns.model_categorical
        unknown = [name for name in shared if name not in known]
        if unknown:
            raise ValueError(
                f"provider_scores.peer_columns names {unknown[0]!r}; allowed are the categorical columns that the "
                f"model sees: {listed(known, 40) or 'none'}.{nearest(unknown[0], known)} Name some of these, or set []"
            )
        for schema in (summary_schema(self.columns, shared), provider_scores_schema(self.columns, shared)):
            twice = [name for name, times in Counter(schema.names).items() if times > 1]
            if twice:
                raise ValueError(
                    f"column {twice[0]!r}, which provider_scores would have twice: provider_id and "
                    "provider_scores.peer_columns must not have the name of one of its own columns "
                    "(docs/reference/outputs.md), nor be named twice; rename it in the raw claims"
                )
        return self

    @model_validator(mode="after")
    def _check_protected(self) -> Self:
        """Raise ValueError if the fairness analysis names a column that is not protected."""
        known = list(self.columns.protected)
        named = {
            "attributes": self.fairness.attributes or (),
            "references": self.fairness.references,
            # The default bands of an age do no harm where there is none.
            "bands": self.fairness.bands.keys() - FairnessParameters().bands.keys(),
        }
        for key, names in named.items():
            unknown = [name for name in names if name not in known]
            if unknown:
                raise ValueError(
                    f"fairness.{key} names {unknown[0]!r}; allowed are the protected columns: "
                    f"{listed(known, 40) or 'none'}.{nearest(unknown[0], known)} Name some of these, or add it to "
                    "columns.protected"
                )
        codes = [name for name in self.fairness.bands if name in self.columns.categorical]
        if codes:
            raise ValueError(f"fairness.bands names {codes[0]!r}, which is no number; leave it out")
        return self


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
        # What is about several groups of parameters names them itself.
        return f"{f'Parameter {key!r}' if key else 'Parameters'}: {detail['ctx']['error']}."
    return f"Parameter {key!r} is {value!r}: {detail['msg'][0].lower()}{detail['msg'][1:]}."


def _model_at(path: list[str]) -> type[BaseModel]:
    """Return the model of the parameters under a key."""
    model: type[BaseModel] = Parameters
    for step in path:
        annotation = model.model_fields[step].annotation
        candidates = [kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type)]
        model = next(kind for kind in candidates if issubclass(kind, BaseModel))
    return model
