"""What each role of a protected column changes: in how well contradictions are found, and in the groups' flag rates.

Models are fitted anew for it, on a sample, with CatBoost whatever model is in use: the figures compare roles with each
other, and are not those of the model that scores.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, get_args

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.encoding import Floats
from claims_fraud.autoencoder.swaps import with_swaps
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import Treatment
from claims_fraud.fairness.grid import STEPS, distances, percentiles_of, steps
from claims_fraud.fairness.groups import Bands, labels

logger = logging.getLogger(__name__)

ROLES: tuple[Treatment, ...] = get_args(Treatment)
# Few rows are scored, so that more of them have to be flagged than usually are.
FLAGGED_PERCENT = 5.0
# Rows too few to learn from and to score.
FEWEST_ROWS = 200
# Rows of a group whose distance is told: of a handful any is large.
FEWEST_OF_A_GROUP = 100
N_FOLDS = 2
# Draws of swapped values that are averaged: one alone tells little.
SWAPS = 5


def compare_roles(
    claims: pd.DataFrame, columns: Columns, attributes: Sequence[str], bands: Bands, estimator: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return what each role of each attribute changes, the others in the roles that they have.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        A sample: half of it is learned from, the other half scored; with fewer than 200 rows there is no result.
    columns : Columns
        Roles as they are.
    attributes : sequence of str
        Protected columns.
    bands : mapping of str to sequence of float
        Of those that are numbers.
    estimator : mapping
        Parameters of `ClaimsTreeAutoencoder`; its model type and folds are passed over.

    Returns
    -------
    list of dict
        Of each attribute and role ``attribute``, ``role``, whether it is the ``configured`` one;
        ``average_precision``, how well claims are found in which values of other columns were swapped, the mean of
        five draws (None where there are no columns to swap), and ``base_rate``, that of a random order; ``groups``, by
        name rows (``n``) and those ``flagged``, the highest 5 % of all; and ``largest_ks``, the largest distance of a
        group's scores from those of all others.
    """
    if len(claims) < FEWEST_ROWS:
        return []
    trial = _Trial.of(claims, columns, attributes, estimator)
    rows = []
    for attribute in attributes:
        groups = labels(trial.scored[attribute], bands.get(attribute))
        for role in ROLES:
            variant = columns.model_copy(update={"protected": {**columns.protected, attribute: role}})
            if variant.scored_features:
                logger.info("Trying %s as %s", attribute, role)
                configured = columns.protected[attribute] == role
                what = {"attribute": attribute, "role": role, "configured": configured}
                rows.append({**what, **trial.outcome(variant, groups)})
    return rows


@dataclass(frozen=True)
class _Trial:
    """Rows to learn from and rows to score, the same for all roles, and the results of those tried so far."""

    learned: pd.DataFrame
    scored: pd.DataFrame
    swaps: tuple[tuple[pd.DataFrame, npt.NDArray[np.bool_]], ...]
    estimator: Mapping[str, Any]
    results: dict[str, tuple[Floats, dict[str, float | None]]] = field(default_factory=dict)

    @classmethod
    def of(
        cls, claims: pd.DataFrame, columns: Columns, attributes: Sequence[str], estimator: Mapping[str, Any]
    ) -> Self:
        seed = int(estimator["seed"])
        order = np.random.default_rng(seed).permutation(len(claims))
        learned, scored = (claims.iloc[np.sort(half)].reset_index(drop=True) for half in np.array_split(order, 2))
        # Only columns that are scored in every role, so that all have the same to find.
        common = [name for name in columns.scored_features if name not in attributes]
        seeds = range(seed, seed + SWAPS) if common else ()
        return cls(learned, scored, tuple(with_swaps(scored, common, each) for each in seeds), estimator)

    def outcome(self, variant: Columns, groups: npt.NDArray[np.object_]) -> dict[str, Any]:
        """Return how well a variant finds swapped values, and how it flags the groups."""
        # The roles as they are come once an attribute.
        key = str(sorted(variant.protected.items()))
        if key not in self.results:
            self.results[key] = self._tried(variant)
        scores, found = self.results[key]
        return {**found, **_by_group(scores, groups)}

    def _tried(self, variant: Columns) -> tuple[Floats, dict[str, float | None]]:
        model = ClaimsTreeAutoencoder(
            **{**self.estimator, "model_type": "catboost", "n_folds": N_FOLDS},
            context_features=variant.context_features,
            suspicious_direction=variant.directions,
        )
        providers = self.learned[variant.id_of("provider")]
        model.fit(self.learned, variant.model_categorical, variant.model_numeric, groups=providers)
        scores, _ = model.compute_fraud_scores(self.scored)
        tried = [(model.compute_fraud_scores(swapped)[0], changed) for swapped, changed in self.swaps if changed.any()]
        return scores, {
            "average_precision": _mean([float(average_precision_score(found, by)) for by, found in tried]),
            "base_rate": _mean([float(changed.mean()) for _, changed in tried]),
        }


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None


def _by_group(scores: Floats, groups: npt.NDArray[np.object_]) -> dict[str, Any]:
    codes, names = pd.factorize(groups, sort=True)
    flagged = scores > np.percentile(scores, 100 - FLAGGED_PERCENT)
    sizes, some = np.bincount(codes), np.bincount(codes, weights=flagged).astype(int)
    places = np.bincount(codes * STEPS + steps(percentiles_of(scores)), minlength=len(names) * STEPS)
    ks, _ = distances(places.reshape(len(names), STEPS).astype(float))
    large = sizes >= FEWEST_OF_A_GROUP
    return {
        "groups": {str(name): {"n": int(n), "flagged": int(k)} for name, n, k in zip(names, sizes, some, strict=True)},
        "largest_ks": float(ks[large].max()) if large.any() and len(names) > 1 else None,
    }
