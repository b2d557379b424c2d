"""Where a number should lie in its row, how widely, and how surprising it is there: for numbers that seldom recur.

A location starts from the baseline and is corrected by shallow trees; spread and tail are those that rows outside of
the fit show. Not for counts and other numbers that recur, whose ties a density does not know: see ``contrast``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import lgamma, log, pi
from typing import Any

import numpy as np
from scipy import stats

from claims_fraud.autoencoder.baseline import RELATIONS, Baseline
from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.boosters import BOOSTERS, Booster, Matrix
from claims_fraud.autoencoder.encoding import Floats, Singles
from claims_fraud.autoencoder.kinds import Encoded
from claims_fraud.autoencoder.plan import Plan

# Trees of the correction and their step, relative to the column's classifier.
MORE_TREES, SMALLER_STEP = 4, 0.2
# Deviations beyond which the target of a tree does not grow, so that a hundredfold bill moves none.
FARTHEST = 4.0
# Degrees of freedom of Student's t that are tried, and the share of absolute residuals that tells them.
DEGREES = (2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0, 20.0, 50.0)
TAIL_SHARE = 0.9
# A number that was put there may be another row's, or the row's own times something: a t so many times as wide.
TIMES_AS_WIDE, WIDE_DEGREES = 5.0, 2.0
# Rows are exceptions if they are so many widths away, but for a share that may be wrong.
EXCEPTIONAL, TRIMMED = 10.0, 0.03
# Points at which the log density of all rows is kept, beyond both ends by so many deviations, and its bandwidth.
N_POINTS, BEYOND, BANDWIDTH = 256, 3.0, 0.15
MOST_FOR_DENSITY = 2000
LEAST_DENSITY = 1e-9
SMALLEST = 1e-6


@dataclass(frozen=True)
class LocationModel:
    """Location, spread and tail of a number, given the other columns of its row.

    Attributes
    ----------
    baseline : Baseline
        Where it starts.
    booster : Booster, optional
        What corrects the start, in units of its spread; None where the number follows from others.
    partners : tuple of int
        Columns that the booster sees.
    width : float
        Factor from the start's spread to that of Student's t.
    degrees : float
        Of freedom.
    exceptions : float
        Share of honest rows that do not follow at all, as payments below a deductible.
    points, log_density : tuple of float
        Log density of the column at large at equal steps between the first and the last of ``points``.
    """

    baseline: Baseline
    booster: Booster | None
    partners: tuple[int, ...]
    width: float
    degrees: float
    exceptions: float
    points: tuple[float, float]
    log_density: tuple[float, ...]

    def locate(
        self, column: int, encoders: Sequence[Any], batch: Batch, baseline: Baseline | None = None
    ) -> tuple[Singles, Singles]:
        """Return location and spread of each row, shape (n,), before the width; NaN where there is no start."""
        start, spread, rows = (baseline or self.baseline).predict(batch.columns, encoders, encoders[column])
        if self.booster is None:
            return start, spread
        inputs = location_inputs(column, batch, self.partners, (start, spread, rows))
        return start + spread * self.booster.margin(inputs), spread

    def log_bayes_factor(
        self, column: int, encoders: Sequence[Any], batch: Batch, target: Encoded | None = None
    ) -> tuple[Floats, Floats]:
        """Return the evidence that numbers were put there, and by how much they are above their location, each (n,).

        The first is 0, and the second NaN, where there is no number or no location.
        """
        own = batch.columns[column] if target is None else target
        location, spread = self.locate(column, encoders, batch)
        width = np.hypot(spread * self.width, own.rounding / 2)
        distance = own.numbers - location
        known = ~np.isnan(distance)
        # Where nothing is known nothing is said; the numbers that stand in for it are of no meaning.
        apart, width, numbers = np.where(known, distance, 0.0), np.where(known, width, 1.0), np.nan_to_num(own.numbers)
        belongs = _log_t(apart / width, self.degrees) - np.log(width)
        wide = TIMES_AS_WIDE * width
        scaled = _log_t(apart / wide, WIDE_DEGREES) - np.log(wide)
        grid = np.linspace(*self.points, len(self.log_density))
        at_large = np.interp(numbers, grid, self.log_density)
        elsewhere = np.logaddexp(at_large, scaled) - log(2)
        if self.exceptions:
            belongs = np.logaddexp(log(1 - self.exceptions) + belongs, log(self.exceptions) + elsewhere)
        evidence: Floats = elsewhere - belongs
        return np.where(known, evidence, 0.0), distance


def fit_location(  # noqa: PLR0913, PLR0917
    plan: Plan,
    column: int,
    baseline: Baseline,
    held_out: Sequence[tuple[Batch, Baseline]],
    outside: Batch,
    random: np.random.Generator,
) -> LocationModel:
    """Fit the model of a number.

    Parameters
    ----------
    plan : Plan
        What the fit goes by.
    column : int
        Place of the number.
    baseline : Baseline
        From all rows that may be seen.
    held_out : sequence of (Batch, Baseline)
        These rows in parts, each beside counts and a start that saw none of the part.
    outside : Batch
        Rows that may not be seen, beside counts of all that may: they tell spread and tail.
    random : numpy.random.Generator
        Draws the rows of the density.
    """
    partners = plan.partners[column]
    numbers = np.concatenate([batch.columns[column].numbers for batch, _ in held_out])
    points, log_density = _density(numbers[~np.isnan(numbers)], random)
    booster = None
    if baseline.kind not in RELATIONS:
        booster = _fit_correction(plan, column, held_out)
    model = LocationModel(baseline, booster, partners, 1.0, DEGREES[-1], 0.0, points, log_density)
    location, spread = model.locate(column, plan.encoders, outside)
    own = outside.columns[column]
    residuals = np.abs((own.numbers - location) / np.hypot(spread, own.rounding / 2))
    residuals = residuals[~np.isnan(residuals)]
    width, degrees = _width_and_degrees(residuals)
    apart = float((residuals > EXCEPTIONAL * width).mean()) if len(residuals) else 0.0
    return replace(model, width=width, degrees=degrees, exceptions=max(apart - TRIMMED, 0.0))


def location_inputs(
    column: int, batch: Batch, partners: Sequence[int], start: tuple[Singles, Singles, Singles]
) -> Matrix:
    """Return what the trees see of each row, shape (n, inputs): numbers, and of codes what is usual with them."""
    parts: list[Any] = []
    for other in partners:
        seen = batch.columns[other]
        if seen.standardized is not None:
            parts.append(seen.inputs)
        else:
            group = batch.world.groups[column, other]
            parts += [group.median[seen.codes], group.spread[seen.codes], group.rows[seen.codes]]
    return np.column_stack([*parts, *start]).astype(np.float32, copy=False)


def _fit_correction(plan: Plan, column: int, held_out: Sequence[tuple[Batch, Baseline]]) -> Booster | None:
    """Fit the trees that correct the start; None where there is nothing to learn."""
    inputs, target = [], []
    for batch, baseline in held_out:
        start = baseline.predict(batch.columns, plan.encoders, plan.encoders[column])
        apart = (batch.columns[column].numbers - start[0]) / start[1]
        known = ~np.isnan(apart)
        inputs.append(location_inputs(column, batch, plan.partners[column], start)[known])
        target.append(np.clip(apart[known], -FARTHEST, FARTHEST))
    everything, apart = np.concatenate(inputs), np.concatenate(target)
    # CatBoost refuses to fit where the target or every input is constant.
    if not len(apart) or not np.ptp(apart) > 0 or not (np.ptp(np.nan_to_num(everything), axis=0) > 0).any():
        return None
    settings = plan.settings
    trees = replace(
        settings, n_estimators=MORE_TREES * settings.n_estimators, learning_rate=SMALLER_STEP * settings.learning_rate
    )
    return BOOSTERS[plan.model_type].fit(everything, apart, trees, "location")


def _width_and_degrees(residuals: Floats) -> tuple[float, float]:
    """Return the factor to the spread of Student's t, and its degrees of freedom, from absolute residuals, (n,).

    By their median and 90th percentile, which a few per cent of wrong numbers hardly move.
    """
    if not len(residuals):
        return 1.0, DEGREES[-1]
    median, far = np.quantile(residuals, (0.5, TAIL_SHARE))
    median = max(float(median), SMALLEST)
    ratios = [stats.t.ppf((1 + TAIL_SHARE) / 2, nu) / stats.t.ppf(0.75, nu) for nu in DEGREES]
    degrees = DEGREES[int(np.argmin(np.abs(np.asarray(ratios) - far / median)))]
    return median / float(stats.t.ppf(0.75, degrees)), degrees


def _density(numbers: Floats, random: np.random.Generator) -> tuple[tuple[float, float], tuple[float, ...]]:
    """Return the ends of a grid and the log density of the column at large on it."""
    if len(numbers) < 2 or not np.ptp(numbers) > 0:
        return (-BEYOND, BEYOND), (log(1 / (2 * BEYOND)),) * N_POINTS
    drawn = np.asarray(numbers[random.integers(len(numbers), size=min(len(numbers), MOST_FOR_DENSITY))], dtype=float)
    if not np.ptp(drawn) > 0:
        drawn = np.asarray(numbers, dtype=float)
    ends = float(drawn.min()) - BEYOND, float(drawn.max()) + BEYOND
    density = stats.gaussian_kde(drawn, bw_method=BANDWIDTH)(np.linspace(*ends, N_POINTS))
    return ends, tuple(np.log(density + LEAST_DENSITY).tolist())


def _log_t(values: Floats, degrees: float) -> Floats:
    """Return the log density of Student's t."""
    constant = lgamma((degrees + 1) / 2) - lgamma(degrees / 2) - log(degrees * pi) / 2
    density: Floats = constant - (degrees + 1) / 2 * np.log1p(values**2 / degrees)
    return density
