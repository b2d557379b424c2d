"""Fits all columns' models fold by fold, and judges every row by models that did not see it.

Not for rows that come later: the models that are kept judge those, see ``judgement``.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.column_evidence import ColumnEvidence, SeenRows, fit_column
from claims_fraud.autoencoder.contrast import draw_candidates
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.encoding import Ints, Singles
from claims_fraud.autoencoder.folds import inner_fold_numbers, smallest_fold
from claims_fraud.autoencoder.judgement import BATCH_ROWS, Evidence, said_of_batch
from claims_fraud.autoencoder.plan import Plan
from claims_fraud.autoencoder.threads import mapped

logger = logging.getLogger(__name__)

# Parts of the rows that a model may see: what a value is compared with is counted in the other parts.
INNER_FOLDS = 3
# So many times as many rows as trees learn from are counted: counts gain from more rows, trees hardly.
COUNTED = 2
# Rows of a fold in which values are put to weigh the models, and rows that tell the tail of a number.
MOST_CANDIDATES = 3_000


@dataclass(frozen=True)
class CrossFit:
    """What comes of it: the models to keep, what they compare values with, and the rows judged.

    Attributes
    ----------
    models : list of ColumnEvidence
        Of the scored columns, from the rows outside of the smallest fold, which are the most.
    world : Cooccurrence
        Counts of the rows that these saw.
    counted : int array
        Positions of those rows.
    evidence : Evidence
        Of every row, by models that did not see it.
    """

    models: list[ColumnEvidence]
    world: Cooccurrence
    counted: Ints
    evidence: Evidence


def cross_fit(plan: Plan, folds: Ints) -> CrossFit:
    """Fit the models outside of each fold, judge the fold by them, and weigh the models by all folds together.

    Parameters
    ----------
    plan : Plan
        What to fit.
    folds : int array of shape (n,)
        Fold of each row.
    """
    n_rows, kept_fold = len(folds), smallest_fold(folds)
    said: list[Singles | None] = [None for _ in plan.scored]
    innocent = np.zeros((n_rows, len(plan.scored)), dtype=bool)
    blame = np.zeros((n_rows, len(plan.scored)), dtype=np.float32)
    put_there: list[list[Singles]] = [[] for _ in plan.scored]
    kept: tuple[list[ColumnEvidence], Cooccurrence, Ints] | None = None
    n_folds = int(folds.max()) + 1
    for fold in range(n_folds):
        logger.info("Learning %d columns, fold %d of %d", len(plan.scored), fold + 1, n_folds)
        seen = _seen_rows(plan, np.flatnonzero(folds != fold), np.flatnonzero(folds == fold))
        models = _fit_columns(plan, seen, fold)
        if fold == kept_fold:
            kept = models, seen.world, seen.rows
        inside = np.flatnonzero(folds == fold)
        pieces = [inside[start : start + BATCH_ROWS] for start in range(0, len(inside), BATCH_ROWS)]

        def judged(rows: Ints, models: Any = models, world: Any = seen.world) -> Any:
            return said_of_batch(models, plan.encoders, Batch.of_rows(plan.columns, rows, world))

        for rows, (words, sides, contradictions) in zip(pieces, mapped(judged, pieces, plan.threads), strict=True):
            innocent[rows], blame[rows] = sides, contradictions
            for place, word in enumerate(words):
                if said[place] is None:
                    said[place] = np.zeros((n_rows, word.shape[1]), dtype=np.float32)
                said[place][rows] = word  # type: ignore[index]
        for place, words in enumerate(_said_of_candidates(plan, models, seen.world, inside, fold)):
            put_there[place].append(words)
    assert kept is not None  # noqa: S101 - one of the folds is the smallest
    evidence = np.zeros((n_rows, len(plan.scored)), dtype=np.float32)
    weighed = []
    for place, model in enumerate(kept[0]):
        own = said[place]
        assert own is not None  # noqa: S101 - every fold has rows
        some = plan.sample(np.arange(n_rows), 3 * MOST_CANDIDATES)
        model = model.weighed(own[some], np.concatenate(put_there[place]))  # noqa: PLW2901
        column = plan.columns[model.column]
        # A category that only the row itself has was never seen by what judges it.
        encoder = plan.encoders[model.column]
        evidence[:, place] = model.evidence(own, innocent[:, place], encoder, column.without_own())
        weighed.append(model)
    return CrossFit(weighed, kept[1], kept[2], Evidence(evidence, blame))


def _seen_rows(plan: Plan, rows: Ints, outside: Ints) -> SeenRows:
    rows = plan.sample(rows, COUNTED * plan.max_samples)
    inner = inner_fold_numbers(plan.groups[rows], INNER_FOLDS)

    def counted(chosen: Ints) -> Cooccurrence:
        return Cooccurrence.fit(plan.columns, plan.sizes, plan.partners, chosen)

    parts = [rows[inner == part] for part in range(int(inner.max()) + 1)]
    others = [rows[inner != part] for part in range(len(parts))]
    world, *worlds = mapped(counted, [rows, *others], plan.threads)
    held_out = [(Batch.of_rows(plan.columns, part, one), part) for part, one in zip(parts, worlds, strict=True)]
    most = -(-plan.max_samples // len(parts))
    some = [plan.sample(part, most) for part in parts]
    few_held_out = (
        [(Batch.of_rows(plan.columns, part, one), part) for part, one in zip(some, worlds, strict=True)]
        if any(len(part) > most for part in parts)
        else held_out
    )
    few = Batch.of_rows(plan.columns, plan.sample(outside, MOST_CANDIDATES), world)
    return SeenRows(rows, inner, held_out, few_held_out, world, few)


def _fit_columns(plan: Plan, seen: SeenRows, fold: int) -> list[ColumnEvidence]:
    def fitted(column: int) -> ColumnEvidence:
        random = np.random.default_rng((plan.settings.seed, fold, column))
        return fit_column(plan, column, seen, random)

    return mapped(fitted, plan.scored, plan.threads)


def _said_of_candidates(
    plan: Plan, models: Sequence[ColumnEvidence], world: Cooccurrence, inside: Ints, fold: int
) -> list[Singles]:
    """Return what each column's models say of values put into rows that they did not see."""
    rows = plan.sample(inside, MOST_CANDIDATES)
    batch = Batch.of_rows(plan.columns, rows, world)

    def judged(model: ColumnEvidence) -> Singles:
        random = np.random.default_rng((plan.settings.seed, fold, model.column, 1))
        own, pool = plan.columns[model.column], np.arange(len(plan.groups))
        candidate = draw_candidates(plan.encoders[model.column], own, rows, pool, random)
        return model.said(plan.encoders, batch, candidate)[0].astype(np.float32)

    return mapped(judged, models, plan.threads)
