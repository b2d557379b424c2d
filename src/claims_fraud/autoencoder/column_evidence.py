"""All that judges one column: its models, how much each of them counts, and what they make of a value together.

Two heads are trees, one that predicts the column's classes and one that compares the value with the rest of its row; a
plain table of pairs speaks beside them, since trees smooth what a table says exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from claims_fraud.autoencoder.baseline import Baseline, fit_baseline
from claims_fraud.autoencoder.batch import Batch, stacked
from claims_fraud.autoencoder.boosters import Matrix
from claims_fraud.autoencoder.column_model import ColumnModel
from claims_fraud.autoencoder.contrast import ContrastModel, draw_candidates, fit_contrast
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.encoding import PSEUDO_COUNT, Bools, Floats, Ints, Singles
from claims_fraud.autoencoder.evidence import (
    CLASSES,
    CLASSES_OF_NUMBER,
    CONTRAST,
    LOCATION,
    NOTHING,
    OF_AMOUNT,
    OF_DERIVED,
    PAIR,
    SMALLEST,
    Stack,
)
from claims_fraud.autoencoder.kinds import CategoryEncoder, Encoded, NumberEncoder
from claims_fraud.autoencoder.kinds.category import UNSEEN_INPUT
from claims_fraud.autoencoder.location import LocationModel, fit_location
from claims_fraud.autoencoder.plan import Plan
from claims_fraud.autoencoder.totals import is_all_of_part

# Share of each column's codes that are hidden from classifiers during training: new codes come every year.
HIDDEN_SHARE = 0.03
# Most that can be said of a category which no row has, in nats: a yearly update of codes is no fraud.
MOST_OF_UNSEEN = 2.5


@dataclass(frozen=True)
class ColumnEvidence:
    """The models of one column.

    Attributes
    ----------
    column : int
        Its place.
    inputs, partners : tuple of int
        Columns that the classifier sees, and those that the value is compared with one by one.
    classes : ColumnModel
        Predicts the column's classes.
    second : ContrastModel, LocationModel or None
        Compares the value with the rest of its row; None where there is nothing to learn.
    stack : Stack
        How much each counts.
    part : int, optional
        Of a total, the place of its part: see `find_parts`.
    """

    column: int
    inputs: tuple[int, ...]
    partners: tuple[int, ...]
    classes: ColumnModel
    second: ContrastModel | LocationModel | None
    stack: Stack
    part: int | None = None

    def said(self, encoders: Sequence[Any], batch: Batch, target: Encoded | None = None) -> tuple[Floats, Bools]:
        """Return what each model says of values, shape (n, models), and which numbers are innocent, (n,).

        Innocent is a number on the side that is not suspicious, and a total that is all of its part.

        Parameters
        ----------
        encoders : sequence
            Of all columns.
        batch : Batch
            The rows.
        target : Encoded, optional
            Values to judge instead of the rows' own.
        """
        encoder, own = encoders[self.column], batch.columns[self.column] if target is None else target
        marginal = encoder.marginal
        probabilities = self.classes.predict(batch.inputs(self.inputs), marginal)
        if encoder.counts_events:
            return _event_evidence(probabilities, own, encoder.n_rows)[:, None], np.zeros(batch.n_rows, dtype=bool)
        at_large = np.log(marginal[own.classes])
        given = np.log(probabilities[np.arange(batch.n_rows), own.classes])
        # A class that the model was never shown is one that it says nothing of.
        shown = np.isin(own.classes, self.classes.observed) & (self.classes.booster is not None)
        models: list[Any] = [np.where(shown, at_large - given, 0.0)]
        innocent = np.zeros(batch.n_rows, dtype=bool)
        suspicious = encoder.suspicious if isinstance(encoder, NumberEncoder) else None
        above = None if suspicious is None else _above_median(probabilities, own.classes)
        if isinstance(self.second, LocationModel):
            factor, apart = self.second.log_bayes_factor(self.column, encoders, batch, target)
            models.append(factor)
            above = apart if suspicious else None
        else:
            lifts = batch.lifts(self.column, self.partners, None if target is None else own.codes)
            odds = self.second.log_odds(self.column, batch, target) if self.second else np.zeros(batch.n_rows)
            models += [odds, -lifts.min(axis=1, initial=0.0)]
        if above is not None:
            innocent = above <= 0 if suspicious == "high" else above >= 0
            innocent &= ~np.isnan(own.numbers)
        if self.part is not None and target is None:
            innocent |= is_all_of_part(self.column, self.part, batch.columns, encoders)
        return np.column_stack(models), innocent

    def evidence(self, said: Floats, innocent: Bools, encoder: Any, own: Encoded) -> Singles:
        """Return the log Bayes factor of each row's value, shape (n,)."""
        evidence = self.stack.evidence(said)
        if isinstance(encoder, CategoryEncoder) and own.seen is not None:
            evidence = np.where(own.seen == 0, unseen_evidence(encoder), evidence)
        spoken: Singles = np.where(innocent | own.absent | self.is_mute, NOTHING, evidence)
        return spoken.astype(np.float32)

    @property
    def is_mute(self) -> bool:
        """Whether there was nothing to learn: neither the column nor any other varies."""
        return self.classes.booster is None and self.second is None

    def weighed(self, real: Floats, put_there: Floats) -> ColumnEvidence:
        """Return the column with its models weighed by what they say of real values and of values put there.

        A single model, that of an event, is not weighed: it already is a log Bayes factor.
        """
        return self if len(self.stack.weights) == 1 else replace(self, stack=Stack.fit(real, put_there, self.stack))


@dataclass(frozen=True)
class SeenRows:
    """The rows that the models of one fold learn from.

    Attributes
    ----------
    rows : int array of shape (m,)
        Their positions.
    inner : int array of shape (m,)
        The part of each: what rows are compared with is counted in the other parts.
    held_out : sequence of (Batch, int array)
        Each part's rows beside the counts of the others, and their positions.
    few_held_out : sequence of (Batch, int array)
        Those of them that trees of codes learn from.
    world : Cooccurrence
        Counts of all of the rows.
    outside : Batch
        Rows of the fold that the models do not see, beside these counts.
    """

    rows: Ints
    inner: Ints
    held_out: Sequence[tuple[Batch, Ints]]
    few_held_out: Sequence[tuple[Batch, Ints]]
    world: Cooccurrence
    outside: Batch


def fit_column(plan: Plan, column: int, seen: SeenRows, random: np.random.Generator) -> ColumnEvidence:
    """Fit all models of a column on the rows that may be seen; they are not weighed yet.

    Parameters
    ----------
    plan : Plan
        What the fit goes by.
    column : int
        Place of the column.
    seen : SeenRows
        The rows to learn from.
    random : numpy.random.Generator
        Draws candidates, and the codes that trees do not get to see.
    """
    encoder, own = plan.encoders[column], plan.columns[column]
    inputs, partners = plan.inputs[column], plan.partners[column]
    if encoder.counts_events:
        # What else is derived from the other claims would take the event for granted.
        inputs, partners = (
            tuple(place for place in places if not plan.derived[place]) for places in (inputs, partners)
        )
    prior = (OF_AMOUNT if _is_amount(encoder) else 0.0) + (OF_DERIVED if plan.derived[column] else 0.0)
    few = np.concatenate([part for _, part in seen.few_held_out])
    matrix = _with_hidden_codes([plan.columns[place].take(few) for place in inputs], len(few), random)
    classes = ColumnModel.fit(plan.model_type, matrix, own.classes[few], plan.settings)
    second: ContrastModel | LocationModel | None = None
    stack = Stack((CLASSES, CONTRAST, PAIR), prior=prior)
    if encoder.counts_events:
        stack = Stack((1.0,), prior=prior)
    elif plan.follows[column] or (isinstance(encoder, NumberEncoder) and encoder.continuous and partners):
        second = fit_location(plan, column, *_starts(plan, column, seen), seen.outside, random)
        stack = Stack((CLASSES_OF_NUMBER, LOCATION), prior=prior)
    elif partners and len(np.unique(own.codes[seen.rows])) > 1:
        held_out = [
            (batch, draw_candidates(encoder, own, part, seen.rows, random)) for batch, part in seen.few_held_out
        ]
        second = fit_contrast(column, held_out, partners, plan.model_type, plan.settings)
    return ColumnEvidence(column, inputs, partners, classes, second, stack, plan.parts[column])


def unseen_evidence(encoder: CategoryEncoder) -> float:
    """Return the evidence of a category that no training row has: the log of how seldom there is a new one.

    The chance of a new category is the share of rows whose category no other has (Good 1953).
    """
    return float(min(np.log((encoder.n_rows + 1) / (encoder.n_once + 1)), MOST_OF_UNSEEN))


def _with_hidden_codes(columns: Sequence[Encoded], n_rows: int, random: np.random.Generator) -> Matrix:
    """Return inputs in which some codes look as if they were new, so that trees learn what to do without them."""
    hidden = [
        column.inputs
        if column.standardized is not None
        else np.where(random.random(n_rows) < HIDDEN_SHARE, np.float32(UNSEEN_INPUT), column.inputs)
        for column in columns
    ]
    return stacked(hidden, n_rows)


def _event_evidence(probabilities: Floats, own: Encoded, n_learned: int) -> Floats:
    """Return minus the log probability that such a row has any event, shape (n,); meaningless where there is none.

    Someone who puts an event there does so with probability 1, which makes this the log Bayes factor. How many events
    there are matters less than that there is one.
    """
    known = probabilities[:, :-1]
    # Rows usually have no event, so that the first class is that of 0.
    some = 1 - known[:, 0] / known.sum(axis=1)
    if known.shape[1] == 1:
        # No row learned from has an event: half of one in as many rows (Krichevsky-Trofimov).
        some = np.full(len(known), PSEUDO_COUNT / (n_learned + 1))
    evidence: Floats = np.where(own.classes == known.shape[1], 0.0, -np.log(np.maximum(some, SMALLEST)))
    return evidence


def _is_amount(encoder: Any) -> bool:
    """Return whether a column is a size by which somebody may gain."""
    if not isinstance(encoder, NumberEncoder) or encoder.counts_events:
        return False
    return encoder.suspicious is not None or (encoder.continuous and encoder.is_size)


def _starts(plan: Plan, column: int, seen: SeenRows) -> tuple[Baseline, list[tuple[Batch, Baseline]]]:
    """Return where a number starts, and each part's rows with the start that the other parts give."""
    columns, sizes = plan.columns, plan.sizes
    baseline = fit_baseline(column, columns, plan.encoders, sizes, seen.rows, seen.inner, follows=plan.follows[column])
    if baseline.kind != "group":
        return baseline, [(batch, baseline) for batch, _ in seen.held_out]
    numbers = columns[column].numbers
    return baseline, [
        (batch, baseline.refitted(columns, sizes, numbers, seen.rows[seen.inner != part]))
        for part, (batch, _) in enumerate(seen.held_out)
    ]


def _above_median(probabilities: Floats, classes: Ints) -> Floats:
    """Return by how much of the predicted distribution the middle of each number's bin is above its median, (n,)."""
    rows, missing = np.arange(len(classes)), probabilities.shape[1] - 1
    up_to = np.cumsum(probabilities[:, :-1], axis=1)
    place = np.minimum(classes, missing - 1)
    above: Floats = up_to[rows, place] - probabilities[rows, place] / 2 - up_to[:, -1] / 2
    return above
