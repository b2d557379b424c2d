"""The settings of ingestion and of history, with units and ranges."""

from __future__ import annotations

from typing import Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# What init-columns writes where a person has to decide; no parameter accepts it.
CHOOSE = "choose"


class ReadParameters(BaseModel):
    """How the claims are written: the file, and in text the numbers, dates and missing values."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    separator: str | None = Field(
        None, min_length=1, max_length=1, description="Delimiter of a CSV; null: that of `csv_separator`."
    )
    quote: str = Field('"', min_length=1, max_length=1, description="What encloses values that hold the separator.")
    encoding: str | None = Field(
        None, description="Of a CSV, such as windows-1252; null: what its byte order mark says, or else UTF-8."
    )
    sheet: str | None = Field(None, description="Of an XLSX file; null: the first.")
    decimal: Literal[".", ","] = Field(".", description="Decimal sign of numbers that are text.")
    thousands: Literal["", ",", ".", " ", "'"] = Field(
        "", description="What groups their digits by three, if anything; a blank stands for any kind of it."
    )
    currency: str = Field("", description="What stands before or after amounts, such as $ or EUR.")
    date_format: str | dict[str, str] | None = Field(
        None,
        description="Of dates that are text, for all columns or by column, such as %d.%m.%Y; null: ISO 8601 "
        "(2025-03-31).",
    )
    missing_values: tuple[str, ...] | dict[str, tuple[str, ...]] | None = Field(
        None,
        description="Texts that stand for a missing value, a list for all columns or one by column; an empty cell "
        "always does.",
    )

    time_zone: str | None = Field(
        None,
        description="Whose day it is where times have a zone, such as Europe/Berlin; null: that of their own zone.",
    )

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                ZoneInfo(value)
            except (ZoneInfoNotFoundError, ValueError):
                raise ValueError(f"{value!r} is no time zone; some are UTC, Europe/Berlin, America/New_York") from None
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                # Some of Python's codecs, such as rot13, do not encode text.
                "".encode(value)
            except LookupError:
                raise ValueError(
                    f"{value!r} is not a text encoding; examples are utf-8, utf-16, latin-1 and windows-1252"
                ) from None
        return value

    @field_validator("currency")
    @classmethod
    def _chosen(cls, value: str) -> str:
        if value == CHOOSE:
            raise ValueError(f"{value!r} is not a currency; name the one to read, such as $ or EUR")
        return value

    @field_validator("date_format")
    @classmethod
    def _known_directives(cls, value: str | dict[str, str] | None) -> str | dict[str, str] | None:
        example = "write how dates stand in the file, for example %d.%m.%Y or %m/%d/%Y"
        for written in value.values() if isinstance(value, dict) else (value,):
            if written is None:
                continue
            if "%" not in written:
                raise ValueError(f"{written!r} is not a date format; {example}")
            try:
                pd.to_datetime(pd.Series(["-"]), format=written, errors="coerce")
            except ValueError as error:
                raise ValueError(f"{written!r} is not a date format ({error}); {example}") from None
        return value

    @field_validator("separator", "quote")
    @classmethod
    def _plain_character(cls, value: str | None) -> str | None:
        if value is not None and (not value.isascii() or value in "\r\n\0"):
            raise ValueError(f"{value!r} cannot be used; give one ASCII character that does not end a line")
        return value

    @model_validator(mode="after")
    def _signs_differ(self) -> Self:
        if self.separator == self.quote:
            raise ValueError(f"separator and quote are both {self.quote!r}; make them differ")
        if self.decimal == self.thousands:
            raise ValueError(f"decimal and thousands are both {self.decimal!r}; make them differ")
        return self

    @property
    def plain_numbers(self) -> bool:
        """Whether numbers are written as Python writes them."""
        return (self.decimal, self.thousands, self.currency) == (".", "", "")

    def date_format_of(self, name: str) -> str | None:
        """Return the format of a column's dates; None for ISO 8601."""
        return self.date_format.get(name) if isinstance(self.date_format, dict) else self.date_format

    def missing_values_of(self, name: str) -> tuple[str, ...]:
        """Return the texts that stand for a missing value in a column."""
        given = self.missing_values or ()
        return given.get(name, ()) if isinstance(given, dict) else given


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
