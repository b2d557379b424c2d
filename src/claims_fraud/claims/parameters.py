"""The settings of ingestion and of history, with units and ranges."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class IngestionParameters(BaseModel):
    """How raw claims become features, and how those are split."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_rejected_fraction: float = Field(
        0.05, ge=0, le=1, description="Share of rows (0 to 1) that may be rejected before the run stops."
    )
    signed_columns: tuple[str, ...] = Field(
        (), description="Numeric columns that may be negative; a negative value anywhere else rejects the row."
    )
    split_by: Literal["time", "patient", "provider", "claim"] = Field(
        "time", description="`time`: oldest claims train; otherwise a stable hash of that id decides."
    )
    validation_fraction: float = Field(0.15, ge=0, lt=1, description="Share of claims in the validation split.")
    test_fraction: float = Field(0.15, ge=0, lt=1, description="Share of claims in the test split.")
    seed: int = Field(0, ge=0, description="Salts the hash that splits; another seed, another split.")

    @model_validator(mode="after")
    def _leave_some_to_train(self) -> Self:
        if self.validation_fraction + self.test_fraction >= 1:
            raise ValueError(
                f"validation_fraction {self.validation_fraction} and test_fraction {self.test_fraction} leave nothing "
                "to train on; make their sum less than 1"
            )
        return self


class HistoryParameters(BaseModel):
    """Which earlier claims the derived history columns count."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    window_days: int = Field(
        365,
        ge=1,
        le=36_500,
        description="Days that history looks back over, so that it does not grow with the age of the data; claims of "
        "the first so many days are marked as having an incomplete history.",
    )
