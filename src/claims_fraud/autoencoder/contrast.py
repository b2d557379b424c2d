"""Whether a value is its row's own or another row's: for codes, counts, and other columns whose values recur.

A binary model sees how often the value goes with each other value of the row (the log lift of every pair), for a number
also how far it lies from what is usual with each of them, and learns from values that were put into other rows. Its log
odds are a log Bayes factor, since it saw as many values of either sort (Gutmann and Hyvärinen 2010). Not for numbers
that seldom recur: see ``location``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.boosters import BOOSTERS, Booster, BoosterSettings, Matrix
from claims_fraud.autoencoder.encoding import Floats, Ints
from claims_fraud.autoencoder.kinds import CategoryEncoder, Encoded, Encoder, NumberEncoder
from claims_fraud.choices import ModelType

# Four times as many trees as the column's classifier, with a smaller step: each input is a weak measure.
MORE_TREES, SMALLER_STEP = 4, 0.4
# Of the numbers put into other rows, this share is another multiple of the row's own instead of another row's number:
# inflated bills need not be bills that somebody else has.
SCALED_SHARE = 0.35
# Standard deviation of the log of those multiples, and the share of them that are above 1.
SCALED_BY, SCALED_UP = 1.2, 0.8
# Robust deviations by which a number that may be negative is moved instead.
MOVED_BY = 3.0


@dataclass(frozen=True)
class ContrastModel:
    """A column's binary model, and the places of the columns that its value is compared with."""

    booster: Booster
    partners: tuple[int, ...]

    def log_odds(self, column: int, batch: Batch, target: Encoded | None = None) -> Floats:
        """Return the log odds that values are not their rows' own, shape (n,); ``target`` as in `contrast_inputs`."""
        return self.booster.margin(contrast_inputs(column, batch, self.partners, target))


def fit_contrast(
    column: int,
    held_out: Sequence[tuple[Batch, Encoded]],
    partners: Sequence[int],
    model_type: ModelType,
    settings: BoosterSettings,
) -> ContrastModel:
    """Fit the model on batches of rows and the values put into them, each beside counts that saw none of its rows.

    A row counted among those that it is compared with would give itself away: one more than expected is real.
    """
    inputs, target = [], []
    for batch, candidate in held_out:
        for values, put_there in ((None, 0.0), (candidate, 1.0)):
            inputs.append(contrast_inputs(column, batch, partners, values))
            target.append(np.full(batch.n_rows, put_there, dtype=np.float32))
    trees = replace(
        settings, n_estimators=MORE_TREES * settings.n_estimators, learning_rate=SMALLER_STEP * settings.learning_rate
    )
    fitted = BOOSTERS[model_type].fit(np.concatenate(inputs), np.concatenate(target), trees, "contrast")
    return ContrastModel(fitted, tuple(partners))


def contrast_inputs(column: int, batch: Batch, partners: Sequence[int], target: Encoded | None = None) -> Matrix:
    """Return what the model sees of each row, shape (n, inputs).

    Parameters
    ----------
    column : int
        Place of the column whose values are judged.
    batch : Batch
        The rows.
    partners : sequence of int
        Columns to compare with.
    target : Encoded, optional
        Values to judge instead of the rows' own.
    """
    own = batch.columns[column] if target is None else target
    shares = batch.world.shares
    lifts = batch.lifts(column, partners, None if target is None else target.codes)
    parts: list[Any] = [lifts, lifts.min(axis=1), lifts.sum(axis=1), shares[column][own.codes]]
    for other in partners:
        seen = batch.columns[other]
        parts.append(shares[other][seen.codes] if seen.standardized is None else seen.inputs)
    if own.standardized is not None:
        groups = [batch.world.groups[column, other] for other in partners]
        codes = [batch.columns[other].codes for other in partners]
        median = np.column_stack([group.median[code] for group, code in zip(groups, codes, strict=True)])
        spread = np.column_stack([group.spread[code] for group, code in zip(groups, codes, strict=True)])
        distance = own.standardized[:, None] - median
        weights = spread**-2
        apart = distance / spread
        tightest = np.take_along_axis(apart, spread.argmin(axis=1)[:, None], axis=1)
        parts += [apart, (distance * weights).sum(axis=1) / weights.sum(axis=1), tightest, own.standardized]
    return np.column_stack(parts).astype(np.float32, copy=False)


def draw_candidates(encoder: Encoder, encoded: Encoded, rows: Ints, pool: Ints, random: np.random.Generator) -> Encoded:
    """Return values put into rows: those of other rows, and of numbers some other multiples of the rows' own.

    Parameters
    ----------
    encoder : CategoryEncoder or NumberEncoder
        Of the column.
    encoded : Encoded
        The column.
    rows, pool : int array
        Positions of the rows that values are put into, and of those they are drawn from.
    random : numpy.random.Generator
        Draws them.
    """
    drawn = encoded.take(pool[random.integers(len(pool), size=len(rows))])
    if isinstance(encoder, CategoryEncoder):
        return drawn
    scaled = _scaled(encoder, encoded.take(rows), random)
    chosen = (random.random(len(rows)) < SCALED_SHARE) & ~np.isnan(scaled.numbers)
    return scaled.where(chosen, drawn)


def _scaled(encoder: NumberEncoder, own: Encoded, random: np.random.Generator) -> Encoded:
    n = len(own.codes)
    numbers = encoder.restore(own.numbers.astype(float))
    if encoder.is_size:
        up = np.where(random.random(n) < SCALED_UP, 1, -1)
        numbers = numbers * np.exp(np.abs(random.normal(0, SCALED_BY, n)) * up)
    else:
        numbers = numbers + encoder.spread * MOVED_BY * random.standard_t(2, n)
    if encoder.step:
        numbers = np.round(numbers / encoder.step) * encoder.step
    return encoder.encode(pd.Series(numbers))
