"""What models that are kept say of rows: evidence column by column, then scores and the parts they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.column_evidence import ColumnEvidence
from claims_fraud.autoencoder.encoding import Bools, Floats, Ints, Singles
from claims_fraud.autoencoder.evidence import ScoreScale

# Rows judged at a time: what is computed for them stays in the processor's cache.
BATCH_ROWS = 20_000


@dataclass(frozen=True)
class Evidence:
    """Of n rows and the scored columns.

    Attributes
    ----------
    evidence : float32 array of shape (n, columns)
        Log Bayes factor of "this value was put there".
    blame : float32 array of shape (n, columns)
        Sum of the value's contradictions with each value it is compared with.
    """

    evidence: Singles
    blame: Singles


@dataclass(frozen=True)
class Judgement:
    """What the model says of n rows.

    Attributes
    ----------
    scores : array of shape (n,)
        Sum of each row's parts.
    parts : DataFrame of shape (n, columns)
        What each column adds, >= 0.
    by_rarity : bool array of shape (n,)
        Rows judged by how rare their values are, rather than by how they contradict each other.
    counted : bool array of shape (n,)
        Rows that are among the comparable ones which reasons count.
    """

    scores: Floats
    parts: pd.DataFrame
    by_rarity: Bools
    counted: Bools

    def take(self, rows: Ints) -> Judgement:
        """Return what is said of the chosen rows (positions)."""
        parts = self.parts.iloc[rows].reset_index(drop=True)
        return Judgement(self.scores[rows], parts, self.by_rarity[rows], self.counted[rows])


def judge_batch(models: Sequence[ColumnEvidence], encoders: Sequence[Any], batch: Batch) -> Evidence:
    """Return the evidence of some rows that the models did not see."""
    words, sides, blame = said_of_batch(models, encoders, batch)
    evidence = [
        model.evidence(word, sides[:, place], encoders[model.column], batch.columns[model.column])
        for place, (model, word) in enumerate(zip(models, words, strict=True))
    ]
    return Evidence(np.column_stack(evidence), blame)


def said_of_batch(
    models: Sequence[ColumnEvidence], encoders: Sequence[Any], batch: Batch
) -> tuple[list[Floats], Bools, Singles]:
    """Return what each column's models say, each (n, models), innocent sides and blame, both (n, columns)."""
    words, sides, blame = [], [], []
    for model in models:
        word, innocent = model.said(encoders, batch)
        words.append(word)
        sides.append(innocent)
        blame.append(np.maximum(-batch.lifts(model.column, model.partners), 0).sum(axis=1))
    return words, np.column_stack(sides), np.column_stack(blame)


def combined(  # noqa: PLR0913
    evidence: Evidence,
    rarities: Singles,
    scale: ScoreScale,
    *,
    features: Sequence[str],
    scored: Sequence[int],
    counted: Bools,
) -> Judgement:
    """Return scores and parts of rows; columns that are not scored add 0."""
    n_rows = len(rarities)
    parts, by_rarity = np.zeros((n_rows, len(features))), np.zeros(n_rows, dtype=bool)
    for start in range(0, n_rows, BATCH_ROWS):
        rows = slice(start, start + BATCH_ROWS)
        parts[rows, scored], by_rarity[rows] = scale.combine(
            evidence.evidence[rows], rarities[rows], evidence.blame[rows]
        )
    return Judgement(parts.sum(axis=1), pd.DataFrame(parts, columns=list(features)), by_rarity, counted)
