"""The roles of columns: which column is the id, which are features, which are protected.

Not for values: what a valid value is stands in ``rows``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from claims_fraud.errors import listed

Treatment = Literal["context", "scored", "none"]
Direction = Literal["high", "low"]

POSSIBLE_DUPLICATE_OF = "possible_duplicate_of"
HISTORY_COMPLETE = "history_complete"
ROW_HASH = "row_hash"
# Counts of what ought not to be there at all: they are suspicious where they are high only.
REPEATS = ("same_procedure_same_day", "possible_duplicates")
OUTPUT_COLUMNS = (
    POSSIBLE_DUPLICATE_OF,
    HISTORY_COMPLETE,
    "rank",
    "fraud_score",
    "fraud_percentile",
    "excess_amount",
    "flagged",
    "reason_1",
    "reason_2",
    "reason_3",
    "model_type",
    "model_version",
    "scored_at",
    ROW_HASH,
    "rejection_reasons",
)
OUTPUT_PREFIX = "surprise_"
# Columns that the fairness analysis adds to claims: the known outcome, and the month.
OUTCOME, PERIOD = "is_fraud", "claim period"
COUNTED_AS = (OUTCOME, PERIOD)
DAYS_SINCE = "days_since_"
# What roles were called before, when all claims were of patients.
ALIASES = {"patient_id": "party", "provider_id": "provider"}
# Each column is predicted from the others.
FEWEST_FEATURES = 2


class Columns(BaseModel):
    """Which column of the claims plays which role; the defaults are the reference schema.

    Every name is a column of the raw claims, except those numeric columns that ingestion derives
    (see `claims_fraud.claims.history`). A column without a role is not read.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim_id: str = Field(
        "claim_id",
        description="Identifies a claim; unique and never empty. A list of columns identifies it together, under their "
        "names joined by `_`.",
    )
    claim_id_columns: tuple[str, ...] = Field((), description="What `claim_id` is made of, where it was a list.")
    line: str | None = Field(
        None,
        description="Column of `claim_id` that numbers the lines of a claim; `top_claims` then lists whole claims.",
    )
    updated_at: str | None = Field(
        None, description="When a row was written or corrected: of rows that share a claim id the newest counts."
    )
    status: str | None = Field(None, description="State of the claim, never a feature; see `reversal`.")
    reversal: tuple[str, ...] = Field(
        (), description="Values of `status` of rows that take another back, where their amount is not below 0."
    )
    claim_date: str = Field("claim_date", description="Day the claim or service began.")
    claim_end_date: str | None = Field(None, description="Day it ended; gives `claim_duration_days`.")
    birth_date: str | None = Field(None, description="The party's date of birth; gives `patient_age`.")
    party: str | None = Field(
        "patient_id",
        description="Whose claim it is: patient, member or insured; history is computed for each. Also: `patient_id`.",
    )
    provider: str | None = Field(
        "provider_id",
        description="Who bills or repairs; cross-fitting keeps a provider in one fold. Also: `provider_id`.",
    )
    other_dates: tuple[str, ...] = Field(
        (),
        description="Further dates, such as the start of the policy; each gives the feature `days_since_…`, its days "
        "before the claim (below 0: after it).",
    )
    claim_amount: str | None = Field(
        "claim_amount", description="The money claimed; `average_claim_amount` is its mean over earlier claims."
    )
    procedure: str | None = Field(
        "procedure_code", description="Code of what was done, one of categorical; shows what is billed again."
    )
    categorical: tuple[str, ...] = Field(
        (
            "claim_type",
            "provider_specialty",
            "diagnosis_code",
            "procedure_code",
            "patient_gender",
            "geographic_region",
        ),
        description="Features that are codes or names.",
    )
    numeric: tuple[str, ...] = Field(
        (
            "claim_amount",
            "patient_age",
            "provider_experience_years",
            "days_since_last_claim",
            "num_previous_claims",
            "average_claim_amount",
            "claim_duration_days",
            "patient_claims_that_day",
            "patient_providers_90_days",
            "same_procedure_same_day",
            "days_since_same_procedure",
            "possible_duplicates",
            "provider_new_patients_that_day",
        ),
        description="Features that are numbers.",
    )
    protected: dict[str, Treatment] = Field(
        {"patient_gender": "context", "patient_age": "context", "geographic_region": "context"},
        description="Protected features: a list of names, or of `name: context | scored | none`. `context` (the "
        "default): others are judged in its light, itself it is never scored; `none`: not in the model at all.",
    )
    context: tuple[str, ...] = Field(
        (),
        description="More features that others are judged by and that are never scored themselves: what is known of a "
        "patient or a provider rather than billed.",
    )
    suspicious_direction: dict[str, Direction] | None = Field(
        None,
        description="Numeric columns that are suspicious on one side only, a list of `name: high | low`; by default "
        "the claim amount and counts of repeated bills, `high`. `[]`: none.",
    )
    code_sets: tuple[tuple[str, ...], ...] = Field(
        (),
        description="Lists of categorical columns that hold one set, such as twelve diagnoses: which of them a code "
        "stands in tells nothing.",
    )
    label: str | None = Field(None, description="Known outcome (1 or yes fraud, 0 or no not); never a feature.")
    label_value: str | None = Field(None, description="What stands for fraud in `label`, where it is another word.")
    incumbent: str | None = Field(None, description="Flag or score of the system in place; never a feature.")

    @model_validator(mode="before")
    @classmethod
    def _by_any_name(cls, given: Any) -> Any:
        """Accept the names that roles had before: `patient_id` for `party`, `provider_id` for `provider`."""
        if not isinstance(given, dict):
            return given
        named = {name: value for name, value in given.items() if name not in ALIASES}
        for alias, role in ALIASES.items():
            if alias not in given:
                continue
            # An environment that names it so has base's name of the role beside it.
            usual = cls.model_fields[role].default
            if named.get(role, usual) not in (usual, given[alias]):
                raise ValueError(
                    f"{role} is {named[role]!r} and {alias}, its other name, {given[alias]!r}; keep one of them"
                )
            named[role] = given[alias]
        return named

    @model_validator(mode="before")
    @classmethod
    def _with_id_of_several(cls, given: Any) -> Any:
        """Accept a list of columns for `claim_id`."""
        if not isinstance(given, dict) or not isinstance(given.get("claim_id"), list | tuple):
            return given
        parts = list(given["claim_id"])
        if not parts:
            raise ValueError("claim_id is an empty list; name the columns that identify a claim")
        if len(parts) == 1:
            return {**given, "claim_id": parts[0]}
        return {**given, "claim_id": "_".join(map(str, parts)), "claim_id_columns": parts}

    @model_validator(mode="before")
    @classmethod
    def _with_code_sets(cls, given: Any) -> Any:
        """Add to the codes those that `code_sets` names."""
        if not isinstance(given, dict) or not isinstance(given.get("code_sets"), list | tuple):
            return given
        categorical = given.get("categorical", cls.model_fields["categorical"].default)
        if not isinstance(categorical, list | tuple):
            return given
        named = [name for one in given["code_sets"] if isinstance(one, list | tuple) for name in one]
        return {**given, "categorical": [*categorical, *(name for name in named if name not in categorical)]}

    @model_validator(mode="before")
    @classmethod
    def _with_days_since(cls, given: Any) -> Any:
        """Add to the numbers what each of `other_dates` gives."""
        if not isinstance(given, dict) or not isinstance(given.get("other_dates"), list | tuple):
            return given
        numeric = given.get("numeric", cls.model_fields["numeric"].default)
        if not isinstance(numeric, list | tuple):
            return given
        days = [f"{DAYS_SINCE}{name}" for name in given["other_dates"]]
        return {**given, "numeric": [*numeric, *(name for name in days if name not in numeric)]}

    @field_validator("protected", mode="before")
    @classmethod
    def _names_are_context(cls, value: Any) -> Any:
        """Accept ``[a, {b: none}]`` for ``{a: context, b: none}``: a list replaces base's, a mapping would merge."""
        if not isinstance(value, list | tuple):
            return value
        merged: dict[str, Any] = {}
        for entry in value:
            merged.update(entry if isinstance(entry, dict) else {entry: "context"})
        return merged

    @field_validator("suspicious_direction", mode="before")
    @classmethod
    def _as_mapping(cls, value: Any) -> Any:
        """Accept ``[{a: high}, {b: low}]``, as for `protected`."""
        if isinstance(value, list | tuple) and all(isinstance(entry, dict) for entry in value):
            return {name: side for entry in value for name, side in entry.items()}
        return value

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if len(self.model_categorical + self.model_numeric) < FEWEST_FEATURES:
            raise ValueError("fewer than two features: name at least two columns under categorical or numeric")
        for name, times in Counter(self.roles).items():
            if times > 1:
                raise ValueError(f"column {name!r} has {times} roles; give each column one role")
            counted = name in COUNTED_AS and name in self.features
            if name in OUTPUT_COLUMNS or name.startswith(OUTPUT_PREFIX) or counted:
                raise ValueError(
                    f"column {name!r} has the name of an output column; rename it in the raw claims "
                    f"(reserved: {', '.join((*OUTPUT_COLUMNS, *COUNTED_AS))}, {OUTPUT_PREFIX}…)"
                )
        for name in self.protected:
            if name not in self.features:
                raise ValueError(f"protected column {name!r} is not among categorical or numeric; add it there")
        if self.claim_amount is not None and self.claim_amount not in self.numeric:
            raise ValueError(f"claim_amount {self.claim_amount!r} is not among numeric; add it there, or set null")
        if self.procedure is not None and self.procedure not in self.categorical:
            raise ValueError(
                f"procedure {self.procedure!r} is not among categorical ({listed(self.categorical, 40)}); name one of "
                "these, add it there, or set null"
            )
        for name in self.suspicious_direction or {}:
            if name not in self.numeric:
                raise ValueError(f"suspicious_direction names {name!r}, which is not among numeric; add it there")
        if not self.scored_features:
            raise ValueError("every feature is context, or protected as none; leave at least one to be scored")
        return self

    @model_validator(mode="after")
    def _check_context(self) -> Self:
        for name in self.context:
            if name not in self.features:
                raise ValueError(f"context column {name!r} is not among categorical or numeric; add it there")
            if name in self.protected:
                raise ValueError(f"column {name!r} is in context and in protected, which says it too; keep it in one")
        return self

    @model_validator(mode="after")
    def _check_what_roles_need(self) -> Self:
        if self.line is not None and self.line not in self.claim_id_columns:
            raise ValueError(
                f"line {self.line!r} is not one of the columns of claim_id; give both as claim_id, such as "
                f"`claim_id: [{self.claim_id}, {self.line}]`"
            )
        if self.reversal and self.status is None:
            raise ValueError("reversal names values of `status`, which is null; name its column")
        if self.label_value is not None and self.label is None:
            raise ValueError("label_value names a value of `label`, which is null; name its column")
        return self

    @property
    def dates(self) -> tuple[str, ...]:
        """Columns that hold a date."""
        optional = (name for name in (self.claim_end_date, self.birth_date, self.updated_at) if name)
        return (self.claim_date, *optional, *self.other_dates)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """Columns that are no features: ids, dates, label and incumbent."""
        optional = (self.party, self.provider, self.status, self.label, self.incumbent)
        named = (self.claim_id, *self.dates, *(name for name in optional if name))
        # A part of the id may be something else besides: the claim's date, say.
        parts = (name for name in self.claim_id_columns if name not in named and name not in self.features)
        return (*named, *parts)

    @property
    def whole_claim(self) -> tuple[str, ...]:
        """Columns that identify a claim of which each row is a line; empty where rows are claims."""
        return tuple(name for name in self.claim_id_columns if name != self.line) if self.line else ()

    @property
    def roles(self) -> tuple[str, ...]:
        """All columns with a role, each once."""
        return self.identifiers + self.features

    @property
    def judged(self) -> tuple[str, ...]:
        """Columns that a score depends on: those with a role but outcome, state, stamp and what no model must see."""
        hidden = (name for name, treatment in self.protected.items() if treatment == "none")
        unseen = {self.label, self.incumbent, self.status, self.updated_at, *hidden}
        return (*(name for name in self.roles if name not in unseen), *self.links)

    @property
    def links(self) -> tuple[str, ...]:
        """Columns that ingestion adds and that name another claim."""
        return (POSSIBLE_DUPLICATE_OF,) if self.party and self.procedure and self.claim_amount else ()

    def id_of(self, unit: Literal["patient", "provider", "claim"]) -> str:
        """Return the column that identifies a party, a provider or a claim; where there is none, that of the claim."""
        return {"patient": self.party, "provider": self.provider, "claim": None}[unit] or self.claim_id

    def is_number(self, name: str) -> bool:
        """Return whether the column with this role holds numbers."""
        return name in self.numeric or name == self.label

    @property
    def features(self) -> tuple[str, ...]:
        """Categorical and numeric columns, protected ones included."""
        return self.categorical + self.numeric

    @property
    def model_categorical(self) -> tuple[str, ...]:
        """Categorical columns that the model sees."""
        return tuple(name for name in self.categorical if self.protected.get(name) != "none")

    @property
    def model_numeric(self) -> tuple[str, ...]:
        """Numeric columns that the model sees."""
        return tuple(name for name in self.numeric if self.protected.get(name) != "none")

    @property
    def directions(self) -> dict[str, Direction]:
        """The side on which numeric columns that the model scores are suspicious, where it is one only."""
        default: dict[str, Direction] = {self.claim_amount: "high"} if self.claim_amount else {}
        default |= dict.fromkeys(REPEATS, "high")
        chosen = default if self.suspicious_direction is None else self.suspicious_direction
        return {name: side for name, side in chosen.items() if name in self.scored_features}

    @property
    def context_features(self) -> tuple[str, ...]:
        """Columns that others are judged by and that are never scored themselves."""
        return (*(name for name, treatment in self.protected.items() if treatment == "context"), *self.context)

    @property
    def scored_features(self) -> tuple[str, ...]:
        """Columns that add to the score."""
        seen = self.model_categorical + self.model_numeric
        return tuple(name for name in seen if name not in self.context_features)

    @property
    def scored_categorical(self) -> list[str]:
        """Categorical ones of these."""
        return [name for name in self.categorical if name in self.scored_features]

    @property
    def scored_numeric(self) -> list[str]:
        """Numeric ones of these."""
        return [name for name in self.numeric if name in self.scored_features]

    @property
    def surprises(self) -> tuple[str, ...]:
        """Columns of `fraud_scores` that say what each scored feature adds."""
        return tuple(f"{OUTPUT_PREFIX}{name}" for name in self.scored_features)
