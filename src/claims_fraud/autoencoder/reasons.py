"""Reasons in words: what the claim has, what comparable claims have, and how many these are.

A reason quotes the training rows that agree with the claim in one other column: one that contradicts it strongly, and
of those one that tells much of the column. It is given only where at least 30 rows are comparable and at most a quarter
of them have the very value; what cannot be shown so is not a reason. Not for scores: which columns have reasons is
decided by the parts that the scores are made of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.autoencoder.baseline import RELATIONS, RELATIVE_ROUNDING, Baseline, predicted_numbers
from claims_fraud.autoencoder.column_evidence import ColumnEvidence
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.encoding import Bools, Floats, Ints, number_values
from claims_fraud.autoencoder.kinds import CategoryEncoder, Encoded, NumberEncoder
from claims_fraud.autoencoder.location import LocationModel
from claims_fraud.autoencoder.totals import is_below_part
from claims_fraud.autoencoder.words import MISSING, number_text, range_text

Objects = npt.NDArray[np.object_]
# Comparable rows from which on a count says something, and the share of them that may have such a value.
ENOUGH, MOST_ALIKE = 30, 0.25
# A category that a larger share of all rows has is not rare. In a row that is judged by rarity less is enough: a
# category that is ten times less frequent than the most frequent one, or a number of which one row in twenty lies as
# far out.
RARE_SHARE, RARE_ENOUGH = 0.02, 2.3
# A number is extreme if one row in fifty lies as far out, on either side, or if it is as far from the others.
EXTREME = 3.2
# We prefer to quote the column that shares the most information with the explained one. Another one has to contradict
# the value this many times as strongly: a specialty explains a diagnosis better than the provider's years of practice.
WORTH_A_STRANGER = 1.6
# How a value differs from what is usual.
ABOVE, BELOW, WITHIN, OTHER = "above", "below", "within", "other"
ALL_ROWS = -1
# A weight that is written as 1.
AS_GOOD_AS_ONE = 0.005


@dataclass(frozen=True)
class Comparison:
    """What n values of one column are compared with.

    Attributes
    ----------
    partner : int array of shape (n,)
        Place of the column in which comparable rows agree; -1 where all rows are comparable.
    comparable, such : int array of shape (n,)
        Training rows that agree, and those of them that have the value, or a number about as far off.
    low, high : array of shape (n,)
        Between these lie four of five numbers of the comparable rows; NaN for categories.
    holds : bool array of shape (n,)
        Whether this is a reason.
    """

    partner: Ints
    comparable: Ints
    such: Ints
    low: Floats
    high: Floats
    holds: Bools

    def where(self, chosen: Bools, other: Comparison) -> Comparison:
        """Return these comparisons of the chosen rows, and the other ones of the rest."""
        pairs = ((getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__)
        return Comparison(*(np.where(chosen, one, two) for one, two in pairs))


class Explainer:
    """Explains values of claims by the training rows that they were compared with.

    Parameters
    ----------
    features : sequence of str
        All columns.
    encoders : sequence
        Of all columns.
    models : sequence of ColumnEvidence
        Of the scored columns.
    world : Cooccurrence
        Counts of the rows that the models learned from.
    derived : iterable of int
        Places of the columns that are computed from others.
    others : mapping of int to sequence of int, optional
        By place of a column of a set of codes, the places of the set's other columns.
    """

    def __init__(  # noqa: PLR0913, PLR0917
        self,
        features: Sequence[str],
        encoders: Sequence[Any],
        models: Sequence[ColumnEvidence],
        world: Cooccurrence,
        derived: Iterable[int] = (),
        others: Mapping[int, Sequence[int]] | None = None,
    ) -> None:
        self._others = others or {}
        self._derived = frozenset(derived)
        self._features, self._encoders, self._world = features, encoders, world
        self._models = {model.column: model for model in models}
        self._usual_category = cache(self._most_frequent)

    def explained(
        self, column: int, values: pd.Series, columns: Sequence[Encoded], *, by_rarity: Bools, counted: Bools
    ) -> pd.DataFrame:
        """Return what there is to say of a column's values in n rows.

        Parameters
        ----------
        column : int
            Its place.
        values : Series of shape (n,)
            As they came.
        columns : sequence of Encoded
            All columns of these rows.
        by_rarity : bool array of shape (n,)
            Whether a row is judged by rarity rather than against its other columns.
        counted : bool array of shape (n,)
            Whether a row is among those that the models learned from; no row supports itself.

        Returns
        -------
        DataFrame of shape (n, 10)
            ``value, expected, expected_low, expected_high, direction, judged_from, comparable, such, low_support,
            sentence``: see `ClaimsTreeAutoencoder.explain`. The sentence is None where there is no reason.
        """
        own, texts = columns[column], np.asarray(self._encoders[column].texts(values), dtype=object)
        compared = self._compared(column, columns, counted)
        given = self._given(columns, compared.partner)
        usual = self._usual(column, columns, compared)
        said = self._said_of_pairs(column, own, texts, compared, given, usual)
        rare = by_rarity | ~compared.holds
        said[rare] = self._rarities(column, own, values, texts, by_rarity)[rare]
        relation = self._relation(column)
        if relation is not None:
            makes = predicted_numbers(relation, columns, self._encoders)
            broken = self._broken(relation, number_values(values), makes, texts)
            said = np.where(pd.isna(broken), said, broken)
        part = self._models[column].part
        if part is not None:
            below = self._below_part(column, part, columns)
            said = np.where(pd.isna(below), said, below)
        said[own.absent] = None
        told = ~pd.isna(said)
        said[told] = self._features[column] + " " + texts[told] + "; " + said[told]
        return pd.DataFrame(
            {
                "value": texts,
                "expected": usual,
                "expected_low": compared.low.astype(np.float32),
                "expected_high": compared.high.astype(np.float32),
                "direction": self._directions(column, values, texts, compared),
                "judged_from": given,
                "comparable": compared.comparable,
                "such": compared.such,
                "low_support": compared.comparable < ENOUGH,
                "sentence": said,
            }
        )

    def last_resort(self, column: int, values: pd.Series, columns: Sequence[Encoded], *, counted: Bools) -> Objects:
        """Return what to say of values that no comparison with enough rows speaks against, shape (n,).

        It names the value of the row that speaks against them most among those that few rows have, and how few; None
        where there is none. See `explained` for the parameters.
        """
        own, texts = columns[column], self._encoders[column].texts(values)
        said, strength = np.full(len(texts), None, dtype=object), np.zeros(len(texts))
        for partner in self._quotable(column):
            codes = columns[partner].codes
            rows = self._world.counts[partner][codes] - counted
            against = self._against(column, own, partner, codes)
            few = (rows > 0) & (rows < ENOUGH) & ~self._is_pooled(partner, codes) & ~own.absent
            for row in np.flatnonzero(few & (against > strength)).tolist():
                strength[row] = against[row]
                given = self._code_texts[partner][codes[row]]
                only = f"which only {rows[row]:,} other claim{'s have' if rows[row] > 1 else ' has'}"
                said[row] = f"{self._features[column]} {texts[row]}; unusual for {given}, {only}"
        return said

    def usual_range(self, column: int, columns: Sequence[Encoded]) -> tuple[Floats, Floats]:
        """Return between which numbers four of five comparable rows lie, each (n,): those of the tightest group.

        Of all rows where no group has at least 30.
        """
        encoder, n_rows = self._encoders[column], len(columns[column].codes)
        low, high = (np.full(n_rows, value) for value in encoder.standardize(np.asarray(encoder.usual_range)))
        width = np.full(n_rows, np.inf)
        for partner in self._quotable(column):
            table, codes = self._world.groups[column, partner], columns[partner].codes
            apart = table.high[codes] - table.low[codes]
            tighter = (table.rows[codes] >= ENOUGH) & (apart < width) & ~self._is_pooled(partner, codes)
            width = np.where(tighter, apart, width)
            low, high = np.where(tighter, table.low[codes], low), np.where(tighter, table.high[codes], high)
        return encoder.restore(low.astype(float)), encoder.restore(high.astype(float))

    def _compared(self, column: int, columns: Sequence[Encoded], counted: Bools) -> Comparison:
        """Return the comparison to quote of each value."""
        encoder, own, world = self._encoders[column], columns[column], self._world
        n_rows, numeric = len(own.codes), isinstance(encoder, NumberEncoder)
        nothing = np.full(n_rows, np.nan)
        best = Comparison(
            partner=np.full(n_rows, ALL_ROWS),
            comparable=world.n_rows - counted,
            such=world.counts[column][own.codes] - counted,
            low=np.full(n_rows, encoder.usual_range[0]) if numeric else nothing,
            high=np.full(n_rows, encoder.usual_range[1]) if numeric else nothing,
            holds=np.zeros(n_rows, dtype=bool),
        )
        strength = np.zeros(n_rows)
        missing = own.codes == encoder.n_codes - 1
        pooled = self._is_pooled(column, own.codes) & ~missing
        for partner in sorted(self._quotable(column), key=lambda other: -world.information(column, other)):
            # Of a set, whichever of its columns has the code.
            having = [column, *(other for other in self._others.get(column, ()) if other != partner)]
            if not all(world.has(place, partner) for place in having):
                continue
            codes = columns[partner].codes
            comparable = world.counts[partner][codes] - counted
            # That another value is missing, or rare, is nothing that claims have in common.
            comparable = np.where(self._is_pooled(partner, codes), 0, comparable)
            against = self._against(column, own, partner, codes)
            stronger = (comparable >= ENOUGH) & (against > WORTH_A_STRANGER * strength) & ~pooled & ~own.absent
            if not stronger.any():
                continue
            such = np.sum([world.both(place, own.codes, partner, codes) for place in having], axis=0)
            low = high = nothing
            if numeric:
                table = world.groups[column, partner]
                low, high = table.low[codes], table.high[codes]
                above = own.numbers > table.median[codes]
                such = np.where(missing, such, self._as_far(column, own, partner, codes, above))
            such = such - counted
            stronger &= such <= MOST_ALIKE * comparable
            strength = np.where(stronger, against, strength)
            fresh = Comparison(np.full(n_rows, partner), comparable, such, low, high, stronger)
            best = fresh.where(stronger, best)
        if not numeric:
            return best
        paired = best.partner != ALL_ROWS
        low, high = (np.where(paired, encoder.restore(end.astype(float)), end) for end in (best.low, best.high))
        return replace(best, low=low, high=high)

    def _against(self, column: int, own: Encoded, partner: int, codes: Ints) -> Floats:
        """Return how much the partner's values speak against those of the column, shape (n,); 0 where not at all.

        Of a category, or of a missing value, the negative lift; of a number that lies outside of what four of five rows
        have, how many spreads it is away.
        """
        against: Floats = np.maximum(-self._world.lifts(column, own.codes, partner, codes), 0.0)
        if own.standardized is None:
            return against
        table = self._world.groups[column, partner]
        # Beyond what the range is rounded to, else the sentence would refute itself.
        half = own.rounding / 2
        outside = (own.numbers < table.low[codes] - half) | (own.numbers > table.high[codes] + half)
        far = np.abs(own.numbers - table.median[codes]) / table.spread[codes]
        return np.where(np.isnan(own.numbers), against, np.where(outside, far, 0.0))

    def _quotable(self, column: int) -> tuple[int, ...]:
        """Return the columns in which claims may be called comparable: of a claim's own, none that history makes."""
        partners = self._models[column].partners
        if column in self._derived:
            return partners
        return tuple(partner for partner in partners if partner not in self._derived)

    def _is_pooled(self, column: int, codes: Ints) -> Bools:
        """Return whether a code stands for no value of its own: missing, or a category that is rare."""
        encoder = self._encoders[column]
        is_pooled: Bools = codes >= encoder.n_codes - encoder.n_pooled
        return is_pooled

    def _as_far(self, column: int, own: Encoded, partner: int, codes: Ints, above: Bools) -> Ints:
        """Return how many comparable rows are in the number's bin or farther out on its side, shape (n,)."""
        low, high = self._cumulated(column, partner)
        place = np.minimum(own.codes, low.shape[1] - 1)
        as_far: Ints = np.where(above, high[codes, place], low[codes, place])
        return as_far

    def _cumulated(self, column: int, partner: int) -> tuple[Ints, Ints]:
        """Return of each code of the partner the rows in each bin of a number and below it, and above it."""
        known = self._cumulated_known
        if (column, partner) not in known:
            n_bins = self._encoders[column].n_codes - 1
            rows = np.vstack(
                [
                    self._world.distribution(column, partner, code)[:n_bins]
                    for code in range(self._encoders[partner].n_codes)
                ]
            )
            up_to = np.cumsum(rows, axis=1)
            known[column, partner] = up_to, up_to[:, -1:] - up_to + rows
        return known[column, partner]

    @cached_property
    def _cumulated_known(self) -> dict[tuple[int, int], tuple[Ints, Ints]]:
        return {}

    @cached_property
    def _code_texts(self) -> list[Objects]:
        return [
            np.asarray([f"{name} {text}" for text in encoder.code_texts()], dtype=object)
            for name, encoder in zip(self._features, self._encoders, strict=True)
        ]

    def _given(self, columns: Sequence[Encoded], partner: Ints) -> Objects:
        """Return what comparable rows agree in: a column and its value, or the bin of a number."""
        given = np.full(len(partner), "", dtype=object)
        for place in np.unique(partner[partner != ALL_ROWS]):
            rows = partner == place
            given[rows] = self._code_texts[place][columns[place].codes[rows]]
        return given

    def _usual(self, column: int, columns: Sequence[Encoded], compared: Comparison) -> Objects:
        """Return what comparable rows have: the range of four of five numbers, or the most frequent category."""
        usual = np.full(len(compared.partner), "", dtype=object)
        if isinstance(self._encoders[column], NumberEncoder):
            usual[:] = [range_text(*ends) for ends in zip(compared.low.tolist(), compared.high.tolist(), strict=True)]
            return usual
        for place in np.unique(compared.partner):
            rows = np.flatnonzero(compared.partner == place)
            codes = np.zeros(len(rows), dtype=np.int64) if place == ALL_ROWS else columns[place].codes[rows]
            distinct, where = np.unique(codes, return_inverse=True)
            texts = [self._usual_category(column, int(place), int(code)) for code in distinct]
            usual[rows] = np.asarray(texts, dtype=object)[where]
        return usual

    def _most_frequent(self, column: int, partner: int, code: int) -> str:
        """Return the most frequent category of the rows with a code, and its share."""
        rows = self._world.counts[column]
        if partner != ALL_ROWS:
            rows = self._world.distribution(column, partner, code)
        # Rare values are many, none of which is the most frequent.
        encoder = self._encoders[column]
        named = np.delete(np.arange(encoder.n_codes), np.s_[-encoder.n_pooled : -1])
        first = int(named[rows[named].argmax()])
        return f"{encoder.code_texts()[first]} ({rows[first] / max(int(rows.sum()), 1):.0%})"

    def _said_of_pairs(  # noqa: PLR0913, PLR0917
        self, column: int, own: Encoded, texts: Objects, compared: Comparison, given: Objects, usual: Objects
    ) -> Objects:
        """Return what comparable rows say against each value, None where nothing does."""
        said = np.full(len(texts), None, dtype=object)
        rows = np.flatnonzero(compared.holds)
        counts = zip(compared.comparable[rows].tolist(), compared.such[rows].tolist(), strict=True)
        numeric = isinstance(self._encoders[column], NumberEncoder)
        for row, (comparable, such) in zip(rows.tolist(), counts, strict=True):
            if texts[row] == MISSING:
                said[row] = f"it is missing in {_count(such, comparable)} claims with {given[row]}"
            elif numeric:
                said[row] = f"such claims have {usual[row]} ({given[row]}, {comparable:,} claims)"
            else:
                said[row] = (
                    f"{_count(such, comparable)} claims with {given[row]} have it, most often it is {usual[row]}"
                )
        return said

    def _rarities(self, column: int, own: Encoded, values: pd.Series, texts: Objects, by_rarity: Bools) -> Objects:
        """Return how rare each value is, None where it is not; less is enough in rows that are judged by rarity."""
        encoder = self._encoders[column]
        said = np.full(len(texts), None, dtype=object)
        rare = by_rarity & (own.rarity >= RARE_ENOUGH)
        if isinstance(encoder, CategoryEncoder):
            seen = np.asarray(own.seen)
            for row in np.flatnonzero(rare | (seen <= RARE_SHARE * encoder.n_rows)).tolist():
                total, count = encoder.n_rows, int(seen[row])
                what = "missing" if texts[row] == MISSING else "seen"
                said[row] = f"{what} in {count:,} of {total:,} claims" if count else f"never {what} in {total:,} claims"
            return said
        numbers = number_values(values)
        # Where most rows have something, that one has nothing is no reason either.
        for row in np.flatnonzero((rare | (own.rarity >= EXTREME)) & (numbers != 0)).tolist():
            said[row] = encoder.rank_text(float(numbers[row]))
        return said

    def _relation(self, column: int) -> Baseline | None:
        """Return the relation to other numbers that a number follows, if any."""
        second = self._models[column].second
        if isinstance(second, LocationModel) and second.baseline.kind in RELATIONS:
            return second.baseline
        return None

    def _broken(self, relation: Baseline, numbers: Floats, makes: Floats, texts: Objects) -> Objects:
        """Return what the other numbers make of each one, None where one of them is missing or they make just that."""
        words = relation_text(relation, self._features)
        said = np.full(len(texts), None, dtype=object)
        # Not of what is missing: no comparison with it is true.
        for row in np.flatnonzero(np.abs(numbers - makes) > RELATIVE_ROUNDING * np.abs(makes)).tolist():
            digits = 0 if float(numbers[row]).is_integer() else 2
            said[row] = f"{words} is {number_text(round(float(makes[row]), digits))}"
        return said

    def _below_part(self, column: int, part: int, columns: Sequence[Encoded]) -> Objects:
        """Return what to say of totals that are less than their part, None of others."""
        said = np.full(len(columns[column].codes), None, dtype=object)
        rows = np.flatnonzero(is_below_part(column, part, columns, self._encoders))
        numbers = self._encoders[part].unrounded(columns[part].numbers[rows].astype(float))
        for row, number in zip(rows.tolist(), numbers.tolist(), strict=True):
            said[row] = f"less than {self._features[part]}, which is {number_text(round(number, 2))}"
        return said

    def _directions(self, column: int, values: pd.Series, texts: Objects, compared: Comparison) -> Objects:
        if not isinstance(self._encoders[column], NumberEncoder):
            return np.where(texts == MISSING, MISSING, OTHER).astype(object)
        numbers = number_values(values)
        cases = [np.isnan(numbers), numbers > compared.high, numbers < compared.low]
        directions: Objects = np.select(cases, [MISSING, ABOVE, BELOW], WITHIN).astype(object)
        return directions


def relation_text(relation: Baseline, features: Sequence[str]) -> str:
    """Return a ratio or a sum in words: "0.9 × billed", "injury + property + vehicle"."""
    terms = []
    for weight, place in zip(relation.weights, relation.columns, strict=False):
        sign, name = "-" if weight < 0 else "", features[place]
        times = "" if abs(abs(weight) - 1) < AS_GOOD_AS_ONE else f"{abs(weight):.3g} × "
        terms.append(f"{sign}{times}{name}")
    if relation.kind == "sum" and relation.weights[-1]:
        terms.append(number_text(float(f"{relation.weights[-1]:.4g}")))
    return " + ".join(terms).replace("+ -", "− ")


def _count(such: int, comparable: int) -> str:
    return f"{such:,} of {comparable:,}" if such else f"none of {comparable:,}"
