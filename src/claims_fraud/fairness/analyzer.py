"""Fairness of scores between protected groups, on any pandas frame.

Not for data that no machine holds: the pipeline ``fairness`` adds up the same counts batch by batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.evaluation import ranks
from claims_fraud.claims.columns import OUTPUT_PREFIX, PERIOD
from claims_fraud.errors import InputError, listed, nearest
from claims_fraud.fairness.counts import Counting, summarise
from claims_fraud.fairness.findings import Findings, find
from claims_fraud.fairness.grid import percentiles_of
from claims_fraud.fairness.groups import Bands, bands_for, check_bands, why_not
from claims_fraud.fairness.verdicts import Rules
from claims_fraud.statistics.frames import check_frame
from claims_fraud.statistics.values import as_floats, value_text

OUTCOME = "outcome"
# What rows are counted by; see `FairnessAnalyzer._rows`.
RESERVED = ("flagged", "rank", "fraud_score", "fraud_percentile", OUTCOME, PERIOD)


class FairnessAnalyzer:
    """Measures whether flags and scores fall more on one group of a protected attribute than on another.

    Parameters
    ----------
    data : DataFrame of shape (n, ...)
        Rows with the protected attributes; never changed.
    fraud_scores : array of shape (n,)
        Higher is more suspicious; finite.
    protected_attributes : sequence of str
        Columns of ``data``. Missing values are a group, ``unknown``.
    threshold_percentile : float, default 95
        In [0, 100): rows whose score is strictly above this percentile of the scores are flagged.
    outcomes : array of shape (n,), optional
        Known outcomes, 1 fraud and 0 not, missing where nobody knows. Rates among them say something of the rows that
        somebody chose to look at, and nothing of the others.
    surprises : DataFrame of shape (n, ...), optional
        What each column adds to the score, as `ClaimsTreeAutoencoder` returns it: says what drives a group's scores.
    top_k : int, default 100
        Rows that rank first, of which each group has a share.
    bands : mapping of str to sequence of float, optional
        Where bands of a number begin; by default fifths of the rows.
    references : mapping of str to str, optional
        By attribute the group that others are compared with, in place of the one with the highest flag rate.
    intersections : bool, default False
        Whether `get_bias_summary` has the groups of two attributes at once too.
    periods : array of shape (n,), optional
        Period of each row, such as its month: groups are compared within each too, in `get_bias_summary`.
    rules : Rules, optional
        What difference matters, and how many rows are enough to judge.

    Raises
    ------
    InputError
        If lengths differ, a score is missing or infinite, an outcome is neither 0 nor 1, or a parameter will not do.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> rng = np.random.default_rng(0)
    >>> data = pd.DataFrame({"sex": rng.choice(["f", "m"], 4_000)})
    >>> scores = rng.normal(size=4_000) + (data["sex"] == "f")
    >>> analyzer = FairnessAnalyzer(data, scores, ["sex", "race"])
    >>> found = analyzer.analyze_all_attributes()
    >>> found["sex"]["overall_metrics"]["verdict"]
    'biased'
    >>> found["race"]["error"]
    "there is no column 'race'; the columns are sex"
    """

    def __init__(  # noqa: PLR0913
        self,
        data: pd.DataFrame,
        fraud_scores: npt.ArrayLike,
        protected_attributes: Sequence[str],
        threshold_percentile: float = 95.0,
        *,
        outcomes: npt.ArrayLike | None = None,
        surprises: pd.DataFrame | None = None,
        top_k: int = 100,
        bands: Bands | None = None,
        references: Mapping[str, str] | None = None,
        intersections: bool = False,
        periods: npt.ArrayLike | None = None,
        rules: Rules | None = None,
    ) -> None:
        self._attributes = _distinct(protected_attributes)
        check_frame(data, self._attributes)
        if not len(data):
            raise InputError("the data has no rows; there is nothing to compare.")
        self._data = data
        self._scores = _checked_scores(fraud_scores, len(data))
        if not 0 <= threshold_percentile < 100:
            raise InputError(f"threshold_percentile is {threshold_percentile!r}; give 0 to below 100.")
        self._threshold = threshold_percentile
        self._outcomes = None if outcomes is None else _checked_outcomes(outcomes, len(data))
        if surprises is not None:
            check_frame(surprises, surprises.columns if isinstance(surprises, pd.DataFrame) else (), "surprises")
        self._surprises, self._top_k = pd.DataFrame(index=data.index) if surprises is None else surprises, top_k
        self._bands = _checked_bands(data, self._attributes, bands or {})
        self._references = _checked_references(references or {}, self._attributes)
        self._pairs, self._rules = intersections, rules or Rules()
        self._periods = None if periods is None else _one_a_row(periods, len(data))

    def analyze_all_attributes(self) -> dict[str, dict[str, Any]]:
        """Return what is found, by attribute.

        Returns
        -------
        dict
            Of each attribute ``overall_metrics``, with ``verdict`` and ``is_fair`` (False exactly if some group is
            biased); ``group_metrics``, by group; and ``comparisons``, a list, the worst first. Or ``error``: why it
            cannot be analysed.
        """
        return {name: self._findings.attributes[name] for name in self._attributes}

    def get_bias_summary(self) -> pd.DataFrame:
        """Return a row a comparison, the worst first: each group with all others, and with the highest flag rate."""
        return self._findings.table.copy()

    @cached_property
    def _findings(self) -> Findings:
        why = {name: why_not(self._data, name, self._bands.get(name)) for name in self._attributes}
        errors = {name: text for name, text in why.items() if text}
        counting = Counting(
            tuple(name for name in self._attributes if name not in errors),
            self._bands,
            top_k=self._top_k,
            outcome=None if self._outcomes is None else OUTCOME,
            surprises=tuple(f"{OUTPUT_PREFIX}{name}" for name in self._surprises),
            pairs=self._pairs,
            periods=self._periods is not None,
        )
        return find(summarise(self._rows(counting), counting), counting, self._rules, self._references, errors)

    def _rows(self, counting: Counting) -> pd.DataFrame:
        """Return what is counted, under the names of `fraud_scores`."""
        scores = self._scores
        threshold = np.percentile(scores, self._threshold) if len(scores) else np.inf
        rows = self._data[list(counting.attributes)].reset_index(drop=True)
        rows = rows.assign(
            flagged=scores > threshold,
            rank=ranks(scores),
            fraud_score=scores,
            fraud_percentile=percentiles_of(scores),
        )
        if self._outcomes is not None:
            rows[OUTCOME] = self._outcomes
        if self._periods is not None:
            rows[PERIOD] = self._periods
        parts = self._surprises.set_axis(list(counting.surprises), axis="columns").reset_index(drop=True)
        return pd.concat([rows, parts], axis="columns")


def _distinct(names: Sequence[str]) -> tuple[str, ...]:
    if isinstance(names, str):
        raise InputError(f"protected_attributes is the text {names!r}; give a list of names.")
    taken = [name for name in names if name in RESERVED or str(name).startswith(OUTPUT_PREFIX)]
    if taken:
        raise InputError(
            f"protected_attributes names {listed(map(repr, taken))}, under which the analysis itself counts "
            f"({listed(RESERVED)}, {OUTPUT_PREFIX}…). Rename the column."
        )
    return tuple(dict.fromkeys(names))


def _checked_references(references: Mapping[str, Any], attributes: Sequence[str]) -> dict[str, str]:
    """Return the groups to compare with as text; raise InputError for one of what is no attribute."""
    if not isinstance(references, Mapping):
        raise InputError(f"references is of type {type(references).__name__}; give a mapping of attribute to group.")
    for name in references:
        if name not in attributes:
            raise InputError(
                f"references names {name!r}, which is none of protected_attributes ({listed(attributes)})."
                f"{nearest(str(name), map(str, attributes))}"
            )
    return {name: value_text(group) for name, group in references.items()}


def _checked_scores(fraud_scores: npt.ArrayLike, rows: int) -> npt.NDArray[np.float64]:
    try:
        scores = np.asarray(fraud_scores, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError("fraud_scores has values that are no numbers; give a number a row.") from error
    if scores.shape != (rows,):
        raise InputError(f"fraud_scores has the shape {scores.shape} for {rows:,} rows; give one a row.")
    if not np.isfinite(scores).all():
        raise InputError(
            f"{int((~np.isfinite(scores)).sum()):,} fraud_scores are missing or infinite; drop those rows."
        )
    return scores


def _checked_outcomes(outcomes: npt.ArrayLike, rows: int) -> npt.NDArray[np.float64]:
    try:
        found = as_floats(pd.Series(outcomes))
    except (TypeError, ValueError) as error:
        raise InputError("outcomes has values that are no numbers; give 1, 0, or nothing where not known.") from error
    if len(found) != rows:
        raise InputError(f"{len(found):,} outcomes came with {rows:,} rows; give one a row, missing where not known.")
    odd = found[~np.isnan(found) & ~np.isin(found, (0, 1))]
    if len(odd):
        raise InputError(f"{len(odd):,} outcomes are neither 0 nor 1 nor missing, such as {odd[0]:g}. Correct them.")
    return found


def _one_a_row(periods: npt.ArrayLike, rows: int) -> pd.Series:
    found = pd.Series(periods).reset_index(drop=True)
    if len(found) != rows:
        raise InputError(f"{len(found):,} periods came with {rows:,} rows; give one a row.")
    return found


def _checked_bands(data: pd.DataFrame, attributes: Sequence[str], bands: Bands) -> dict[str, tuple[float, ...]]:
    try:
        check_bands(bands)
    except ValueError as error:
        raise InputError(f"{error}.") from error
    return bands_for(data, attributes, bands)
