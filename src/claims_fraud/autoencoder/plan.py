"""What a fit goes by: the columns, how they are compared, and the size of their models. Not for what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.autoencoder.encoding import Hashes, Ints
from claims_fraud.autoencoder.folds import sample_rows
from claims_fraud.autoencoder.kinds import Encoded
from claims_fraud.choices import ModelType


@dataclass(frozen=True)
class Plan:
    """What a fit goes by, the same in every fold.

    Attributes
    ----------
    encoders : sequence
        Of all columns.
    columns : sequence of Encoded
        All columns of all rows.
    scored : sequence of int
        Places of the columns that are judged.
    inputs, partners : sequence of tuple of int
        By place: see `ColumnEvidence`.
    follows : sequence of bool
        By place: whether the column is a number that follows from others.
    parts : sequence of int or None
        By place: of a column that is a total, the place of its part.
    derived : sequence of bool
        By place: whether the column is computed from other columns or claims.
    groups : uint64 array of shape (n,)
        Rows of one group are in one part.
    max_samples : int
        Rows that trees learn from at most.
    model_type, settings
        Of the trees.
    threads : int
        How many columns are fitted at once.
    """

    encoders: Sequence[Any]
    columns: Sequence[Encoded]
    scored: Sequence[int]
    inputs: Sequence[tuple[int, ...]]
    partners: Sequence[tuple[int, ...]]
    follows: Sequence[bool]
    parts: Sequence[int | None]
    derived: Sequence[bool]
    groups: Hashes
    max_samples: int
    model_type: ModelType
    settings: BoosterSettings
    threads: int

    @property
    def sizes(self) -> list[int]:
        """Codes of each column."""
        return [encoder.n_codes for encoder in self.encoders]

    def sample(self, rows: Ints, most: int) -> Ints:
        """Return as many of the rows (positions) as may be used, in order."""
        return sample_rows(rows, most, self.settings.seed)
