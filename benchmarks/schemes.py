"""Plant schemes that an investigator knows in honest rows, and measure how well a detector finds them.

The module needs pandas, NumPy and scikit-learn, and nothing of this project. To use it elsewhere, copy it, describe
your rows as `Honest`, and call `measure_detector` with any function ``detect(data, groups)``. `kit` is the baseline to
compare with, and `scheme_quality` runs this project's own comparison.

A scheme is a function of honest rows, the share of them to change and a random generator. It returns all rows in their
order and the values it changed; it never modifies the honest rows. It raises `NotApplicable` where the rows lack a role
or where too few rows are suitable.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Indices = npt.NDArray[np.intp]

AMOUNT_FACTORS = (1.5, 2, 3, 6, 20)
DAYS_FACTOR = 3
# A code belongs to one sex, or to a band of ages, if it has this many rows.
FEWEST_ROWS_OF_CODE = 20
SHARE_OF_ONE_GENDER = 0.98
YEARS_OUTSIDE_BAND = 10
# A group has a usual range of amounts if it has this many rows.
FEWEST_ROWS_OF_GROUP = 30
# The next more expensive code has at least this many times the median amount.
MORE_EXPENSIVE = 1.1
FEWEST_ROWS_OF_SPECIALTY = 5
PROVIDER_FACTOR = 1.3
FEWEST_CLAIMS_OF_PROVIDER = 10
DUPLICATE_DAYS = 14
DUPLICATE_MOVE = 0.04
DEARER_PROVIDER = "dearer provider"


class NotApplicable(Exception):
    """The rows lack a role that a scheme needs, or too few of them can be changed."""


@dataclass(frozen=True)
class History:
    """Names of columns that look back on the patient's earlier claims, None for a column that does not exist.

    Billing a claim again changes them in a known way: see `plant_duplicates`.
    """

    duplicates: str | None = None
    same_code_same_day: str | None = None
    days_since_same_code: str | None = None
    claims_that_day: str | None = None
    days_since_last: str | None = None
    previous_claims: str | None = None
    average_amount: str | None = None

    @property
    def duplicate_columns(self) -> tuple[str, ...]:
        """Names of the columns that show that a claim was billed before."""
        names = (self.duplicates, self.same_code_same_day, self.days_since_same_code, self.claims_that_day)
        return tuple(name for name in names if name)


@dataclass(frozen=True)
class Roles:
    """Name the column that plays each role; a scheme that needs a missing role does not apply.

    Attributes
    ----------
    amount : str, optional
        The money claimed.
    procedure : str, optional
        The code that determines the amount most closely.
    specialty : str, optional
        The provider's specialty, which limits the procedures.
    codes : tuple of str
        Columns of codes that may belong to one sex or to a band of ages, and that may contain new codes.
    days, gender, age : str, optional
        Days or units of a service; the patient's sex (a code) and age in years.
    total, parts : str and tuple of str, optional
        A number that is the sum of other columns, and those columns.
    billed, allowed, paid : str, optional
        ``allowed`` is usually a fixed share of ``billed``, and ``paid`` a fixed share of ``allowed``.
    history : History, optional
        The columns that look back on earlier claims.
    """

    amount: str | None = None
    procedure: str | None = None
    specialty: str | None = None
    codes: tuple[str, ...] = ()
    days: str | None = None
    gender: str | None = None
    age: str | None = None
    total: str | None = None
    parts: tuple[str, ...] = ()
    billed: str | None = None
    allowed: str | None = None
    paid: str | None = None
    history: History | None = None


@dataclass(frozen=True)
class Honest:
    """Rows in which nothing is known to be wrong.

    Attributes
    ----------
    rows : DataFrame of shape (n, d)
        One row per claim, features only, with a default index. Codes are objects with None where missing; numbers have
        a numeric dtype with NaN where missing.
    roles : Roles
        The roles of the columns.
    providers : Series of shape (n,), optional
        The provider that billed each row.
    swapped : tuple of str, optional
        Columns that can receive another row's value; by default every column that varies.
    amounts : tuple of str
        Columns of money; the analyst's kit computes a robust z of each. No scheme reads them.
    """

    rows: pd.DataFrame
    roles: Roles = field(default_factory=Roles)
    providers: pd.Series | None = None
    swapped: tuple[str, ...] | None = None
    amounts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Planted:
    """Rows of which a scheme changed some.

    Attributes
    ----------
    rows : DataFrame of shape (n, d)
        The rows in the order of the honest ones.
    changed : bool array of shape (n, d)
        True for each value that the scheme changed; naming such a value as first reason is right.
    providers : Series of shape (n,), optional
        The provider that billed each row.
    whole_providers : bool, default False
        Whether all rows of a provider were changed, or none.
    """

    rows: pd.DataFrame
    changed: Bools
    providers: pd.Series | None = None
    whole_providers: bool = False

    @property
    def wanted(self) -> Bools:
        """True for each row that was changed, shape (n,)."""
        return self.changed.any(axis=1)

    @property
    def columns(self) -> list[str]:
        """Names of the columns in which a value was changed."""
        return list(self.rows.columns[self.changed.any(axis=0)])


Scheme = Callable[[Honest, float, np.random.Generator], Planted]
# Takes rows of shape (n, d) and their providers or None. Returns scores of shape (n,), or scores and what each column
# adds to them: see `measure_detector`.
Detect = Callable[[pd.DataFrame, pd.Series | None], Any]


def list_schemes(honest: Honest) -> dict[str, Scheme]:
    """Return the schemes that the roles of these rows allow, by name."""
    roles, rows = honest.roles, honest.rows
    schemes: dict[str, tuple[object, Scheme]] = {
        **{
            f"amount × {factor:g}": (roles.amount, partial(scale_column, column=roles.amount, factor=factor))
            for factor in AMOUNT_FACTORS
        },
        f"days × {DAYS_FACTOR}": (roles.days, partial(scale_column, column=roles.days, factor=DAYS_FACTOR)),
        "upcoding": (roles.amount and roles.procedure and roles.specialty, upcode),
        "amount ordinary elsewhere": (roles.amount and roles.procedure, plant_ordinary_amounts),
        "code of the other sex": (roles.gender and roles.codes, plant_codes_of_other_gender),
        "code of another age": (roles.age and roles.codes, plant_codes_of_other_age),
        "code never seen": (roles.codes, plant_unseen_codes),
        "total not the sum": (roles.total and roles.parts, break_total),
        "allowed not the usual share": (roles.billed and roles.allowed, break_allowed_share),
        "near-duplicate": (roles.amount and roles.history and roles.history.duplicates, plant_duplicates),
        DEARER_PROVIDER: (roles.amount and honest.providers is not None, raise_provider_amounts),
        **{
            f"another row's {name}": (len(rows[name].unique()) > 1, partial(swap_column, column=name))
            for name in (rows.columns if honest.swapped is None else honest.swapped)
        },
    }
    return {name: scheme for name, (applies, scheme) in schemes.items() if applies}


def plant(honest: Honest, scheme: str, share: float, seed: int) -> Planted:
    """Plant a scheme, named as in `list_schemes`, in a share of the rows; the seed chooses the rows.

    Raises
    ------
    NotApplicable
        If the rows lack a role that the scheme needs, or too few rows can be changed.

    Examples
    --------
    >>> rows = pd.DataFrame({"code": ["a", "b"] * 50, "amount": np.arange(100.0) + 1})
    >>> planted = plant(Honest(rows, Roles(amount="amount")), "amount × 3", share=0.02, seed=0)
    >>> planted.wanted.sum(), planted.columns
    (np.int64(2), ['amount'])
    """
    schemes = list_schemes(honest)
    if scheme not in schemes:
        raise NotApplicable(
            f"No scheme {scheme!r} for these rows and roles. Available: {', '.join(schemes) or 'none'}."
        )
    rng = np.random.default_rng([seed, zlib.crc32(scheme.encode())])
    return schemes[scheme](honest, share, rng)


def measure_detector(
    detect: Detect,
    honest: Honest,
    schemes: Iterable[str] | None = None,
    share: float = 0.02,
    seeds: Iterable[int] = (0,),
) -> pd.DataFrame:
    """Run a detector on each scheme and seed, and return one row of measures for each.

    Parameters
    ----------
    detect : callable
        ``detect(data, groups)``. ``data`` is a frame of shape (n, d), whose codes are objects and whose numbers are
        numeric; ``groups`` is the provider of each row, or None. Returns scores of shape (n,), higher for more
        suspicious rows; or a pair of scores and parts of shape (n, d), what each column adds to the score.
    honest : Honest
        The rows to plant schemes in.
    schemes : iterable of str, optional
        Names from `list_schemes`; by default all of them. A scheme that does not apply is left out.
    share : float, default 0.02
        Share of the rows to change.
    seeds : iterable of int, default (0,)
        Each seed chooses other rows.

    Returns
    -------
    DataFrame
        Columns ``scheme``, ``seed``, ``changed`` (number of rows) and those of `measure_scores`.
    """
    measured = []
    for name in list_schemes(honest) if schemes is None else schemes:
        for seed in seeds:
            try:
                planted = plant(honest, name, share, seed)
            except NotApplicable:
                continue
            measures = measure_scores(planted, *split_scores(detect(planted.rows, planted.providers), planted.rows))
            measured.append({"scheme": name, "seed": seed, "changed": int(planted.wanted.sum()), **measures})
    return pd.DataFrame(measured)


def split_scores(found: Any, rows: pd.DataFrame) -> tuple[Floats, Floats | None]:
    """Return scores and parts as arrays from what a detector returned: scores, or scores and parts."""
    scores, parts = found if isinstance(found, tuple) else (found, None)
    if isinstance(parts, pd.DataFrame):
        parts = parts[list(rows)]
    scores = np.asarray(scores, dtype=float)
    if scores.shape != (len(rows),) or np.isnan(scores).any():
        raise ValueError(f"A detector returns one score per row without NaN: expected {len(rows)}, got {scores.shape}.")
    return scores, None if parts is None else np.asarray(parts, dtype=float)


def measure_scores(planted: Planted, scores: Floats, parts: Floats | None = None) -> dict[str, float]:
    """Return average precision, AUROC, how often the first reason is right, and how high changed providers rank.

    The first reason of a row is the column with the largest part. It is right if the scheme changed that value. Only
    found rows count: the changed ones among as many of the highest scores as there are changed rows. ``provider_rank``
    is there if whole providers were changed.
    """
    wanted = planted.wanted
    measures = {
        "average_precision": float(average_precision_score(wanted, scores)),
        "auroc": float(roc_auc_score(wanted, scores)),
    }
    top = np.argsort(-scores, kind="stable")[: wanted.sum()]
    found = top[wanted[top]]
    if parts is not None and len(found):
        measures["first_reason"] = float(planted.changed[found, np.argmax(parts[found], axis=1)].mean())
    if planted.whole_providers:
        measures["provider_rank"] = rank_changed_providers(planted, scores)
    return measures


def rank_changed_providers(planted: Planted, scores: Floats) -> float:
    """Return the mean share of the other providers that rank above a changed one by mean score: 0 is the first place.

    The others are the providers with at least as many rows as the smallest changed one.
    """
    frame = pd.DataFrame({"score": scores, "changed": planted.wanted})
    by_provider = frame.groupby(planted.providers.to_numpy())
    table = by_provider.agg(score=("score", "mean"), changed=("changed", "any"), rows=("score", "size"))
    changed = table["changed"]
    others = np.sort(table.loc[~changed & (table["rows"] >= table.loc[changed, "rows"].min()), "score"])
    above = len(others) - np.searchsorted(others, table.loc[changed, "score"], side="right")
    return float(np.mean(above / max(len(others), 1)))


def scale_column(honest: Honest, share: float, rng: np.random.Generator, *, column: str, factor: float) -> Planted:
    """Multiply a number above 0, and round it as the column is rounded."""
    values = honest.rows[column].to_numpy(dtype=float)
    scaled = _rounded(values * factor, values)
    chosen = _choose(np.flatnonzero((values > 0) & (scaled != values)), honest, share, rng)
    return _planted(honest, {column: _replaced(values, chosen, scaled[chosen])}, chosen)


def swap_column(honest: Honest, share: float, rng: np.random.Generator, *, column: str) -> Planted:
    """Put the value of another row into a column, drawn among the rows with a different value."""
    codes = pd.factorize(honest.rows[column], use_na_sentinel=False)[0]
    chosen = _choose(np.arange(len(codes)), honest, share, rng)
    # Rows sorted by value: those with the same value are one block, which the draw skips.
    order, counts = np.argsort(codes, kind="stable"), np.bincount(codes)
    first, size = (np.cumsum(counts) - counts)[codes[chosen]], counts[codes[chosen]]
    if (size == len(codes)).any():
        raise NotApplicable(f"{column} has one value only, so no other value can be put there.")
    drawn = rng.integers(len(codes) - size)
    donors = order[np.where(drawn < first, drawn, drawn + size)]
    values = honest.rows[column].array.copy()
    values[chosen] = honest.rows[column].array[donors]
    return _planted(honest, {column: values}, chosen)


def upcode(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Bill the next more expensive procedure of the same specialty, with an amount of that procedure.

    More expensive: the median amount is at least 10 % higher. A procedure belongs to a specialty that has five rows of
    it.
    """
    roles, rows = honest.roles, honest.rows
    procedures, amounts = rows[roles.procedure].to_numpy(dtype=object), rows[roles.amount].to_numpy(dtype=float)
    specialties = rows[roles.specialty].to_numpy(dtype=object)
    by_code = rows.groupby(roles.procedure)[roles.amount]
    medians, known = by_code.median(), {code: values.dropna().to_numpy() for code, values in by_code}
    counts = rows.groupby([roles.specialty, roles.procedure]).size()
    counts = counts[counts >= FEWEST_ROWS_OF_SPECIALTY]
    by_specialty = {name: list(codes.droplevel(0).index) for name, codes in counts.groupby(level=0)}
    new_procedures, new_amounts, chosen = procedures.copy(), amounts.copy(), []
    for row in rng.permutation(len(rows)):
        own = medians.get(procedures[row], np.inf)
        others = [code for code in by_specialty.get(specialties[row], ()) if medians[code] > own]
        costlier = [code for code in others if medians[code] >= MORE_EXPENSIVE * own]
        if not costlier:
            continue
        code = min(costlier, key=lambda one: medians[one])
        amount = rng.choice(known[code])
        if amount != amounts[row]:
            new_procedures[row], new_amounts[row] = code, amount
            chosen.append(row)
        if len(chosen) == _how_many(honest, share):
            break
    _check_enough(len(chosen), honest, share)
    return _planted(honest, {roles.procedure: new_procedures, roles.amount: new_amounts}, np.array(chosen, dtype=int))


def plant_ordinary_amounts(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Bill an amount from the middle half of all amounts that lies outside the central 99 % of its procedure's.

    Only procedures with at least 30 rows have a usual range.
    """
    roles, rows = honest.roles, honest.rows
    procedures = rows[roles.procedure].to_numpy(dtype=object)
    amounts = rows[roles.amount].to_numpy(dtype=float).copy()
    low, high = np.nanquantile(amounts, (0.25, 0.75))
    pool = amounts[(amounts >= low) & (amounts <= high)]
    groups = rows.groupby(roles.procedure)[roles.amount]
    usual = pd.DataFrame({"low": groups.quantile(0.005), "high": groups.quantile(0.995)})
    usual = usual[groups.size() >= FEWEST_ROWS_OF_GROUP]
    unusual = {code: pool[(pool < least) | (pool > most)] for code, least, most in usual.itertuples()}
    suitable = [row for row, code in enumerate(procedures) if len(unusual.get(code, ())) and amounts[row] > 0]
    chosen = []
    for row in _choose(np.array(suitable, dtype=int), honest, share, rng):
        others = unusual[procedures[row]]
        amounts[row] = rng.choice(others[others != amounts[row]])
        chosen.append(row)
    return _planted(honest, {roles.amount: amounts}, chosen)


def plant_codes_of_other_gender(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Give a row a code whose rows are to at least 98 % of the other sex."""
    rows, gender = honest.rows, honest.roles.gender
    options = []
    for column in honest.roles.codes:
        shares = pd.crosstab(rows[column], rows[gender], normalize="index")
        frequent = rows[column].value_counts() >= FEWEST_ROWS_OF_CODE
        for code, by_gender in shares[frequent.reindex(shares.index)].iterrows():
            if by_gender.max() >= SHARE_OF_ONE_GENDER:
                others = rows[gender].notna() & (rows[gender] != by_gender.idxmax())
                options.append((column, code, np.flatnonzero(others)))
    return _plant_codes(honest, options, share, rng)


def plant_codes_of_other_age(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Give a row a code of another age: the patient is 10 years outside the central 98 % of the code's ages."""
    rows, ages = honest.rows, honest.rows[honest.roles.age].to_numpy(dtype=float)
    options = []
    for column in honest.roles.codes:
        for code, known in rows.groupby(column)[honest.roles.age]:
            if known.count() < FEWEST_ROWS_OF_CODE:
                continue
            low, high = known.quantile([0.01, 0.99])
            outside = (ages < low - YEARS_OUTSIDE_BAND) | (ages > high + YEARS_OUTSIDE_BAND)
            if outside.any():
                options.append((column, code, np.flatnonzero(outside)))
    return _plant_codes(honest, options, share, rng)


def plant_unseen_codes(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Give each chosen row a code that no other row has, in one of the columns of codes."""
    chosen = _choose(np.arange(len(honest.rows)), honest, share, rng)
    columns = rng.choice(list(honest.roles.codes), size=len(chosen))
    values = {name: honest.rows[name].to_numpy(dtype=object).copy() for name in honest.roles.codes}
    changed = np.zeros(honest.rows.shape, dtype=bool)
    for number, (row, column) in enumerate(zip(chosen, columns, strict=True)):
        values[column][row] = f"unseen-{number}"
        changed[row, honest.rows.columns.get_loc(column)] = True
    return Planted(honest.rows.assign(**values), changed, honest.providers)


def break_total(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Raise a total by 15 to 60 %, so that it is no longer the sum of its parts."""
    total = honest.roles.total
    values = honest.rows[total].to_numpy(dtype=float)
    raised = _rounded(values * rng.uniform(1.15, 1.6, size=len(values)), values)
    chosen = _choose(np.flatnonzero((values > 0) & (raised != values)), honest, share, rng)
    return _planted(honest, {total: _replaced(values, chosen, raised[chosen])}, chosen)


def break_allowed_share(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Allow all that was billed (half of the rows) or 30 to 80 % of it; the paid amount keeps its share of the allowed.

    Changed are the allowed amount and, where something was paid, the paid amount.
    """
    roles = honest.roles
    billed, allowed = (honest.rows[name].to_numpy(dtype=float) for name in (roles.billed, roles.allowed))
    shares = np.where(rng.random(len(billed)) < 0.5, 1.0, rng.uniform(0.3, 0.8, size=len(billed)))
    new = _rounded(billed * shares, allowed)
    suitable = (billed > 0) & (allowed > 0) & (allowed < billed) & (new != allowed)
    chosen = _choose(np.flatnonzero(suitable), honest, share, rng)
    values = {roles.allowed: _replaced(allowed, chosen, new[chosen])}
    if roles.paid:
        paid = honest.rows[roles.paid].to_numpy(dtype=float)
        values[roles.paid] = _replaced(paid, chosen, _rounded(paid[chosen] * new[chosen] / allowed[chosen], paid))
    return _planted(honest, values, chosen)


def plant_duplicates(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Bill a claim again with its amount moved by up to 4 %: half of the time on the same day, else 1 to 14 days later.

    The copy is the row to find. It replaces another row, so that the number of rows stays. Its history columns have the
    values that deriving them would give if the patient had no claim between the two. Right first reasons are the
    history columns that show the first claim.
    """
    roles, rows = honest.roles, honest.rows
    history, amounts = roles.history, rows[roles.amount].to_numpy(dtype=float)
    order = rng.permutation(len(rows))
    copies = order[: _how_many(honest, share)]
    originals = order[len(copies) :]
    originals = originals[amounts[originals] > 0][: len(copies)]
    if len(originals) < len(copies):
        raise NotApplicable(f"{len(copies)} rows are to be copied, and only {len(originals)} can be.")
    new = rows.iloc[originals].copy()
    same_day = rng.random(len(copies)) < 0.5
    later = np.where(same_day, 0, rng.integers(1, DUPLICATE_DAYS, size=len(copies), endpoint=True))
    moved = amounts[originals] * (1 + rng.uniform(-DUPLICATE_MOVE, DUPLICATE_MOVE, size=len(copies)))
    new[roles.amount] = _rounded(moved, amounts)
    if history.average_amount and history.previous_claims:
        before = new[history.previous_claims].fillna(0)
        known = (new[history.average_amount].fillna(0) * before + amounts[originals]) / (before + 1)
        new[history.average_amount] = known
    if history.previous_claims:
        new[history.previous_claims] += 1
    if history.duplicates:
        new[history.duplicates] += 1
    for name in (history.same_code_same_day, history.claims_that_day):
        if name:
            new[name] = np.where(same_day, new[name] + 1, 0)
    for name in (history.days_since_same_code, history.days_since_last):
        if name:
            new[name] = later
    planted, changed = rows.copy(), np.zeros(rows.shape, dtype=bool)
    for name in rows:
        values = rows[name].array.copy()
        values[copies] = new[name].to_numpy()
        planted[name] = values
    before = rows.iloc[originals]
    for name in history.duplicate_columns:
        differs = (new[name].to_numpy() != before[name].to_numpy()) & (new[name].to_numpy() >= 0)
        changed[copies, rows.columns.get_loc(name)] = differs
    providers = honest.providers
    if providers is not None:
        billed_by = providers.array.copy()
        billed_by[copies] = providers.array[originals]
        providers = pd.Series(billed_by, index=providers.index, name=providers.name)
    return Planted(planted, changed, providers)


def raise_provider_amounts(honest: Honest, share: float, rng: np.random.Generator) -> Planted:
    """Raise all amounts of some providers by 30 %.

    Providers with at least ten rows are drawn at random as long as the changed rows stay within the share, so somewhat
    fewer rows than the share are changed.
    """
    amount, providers = honest.roles.amount, honest.providers
    values = honest.rows[amount].to_numpy(dtype=float).copy()
    counts = providers[values > 0].value_counts()
    large = np.sort(counts.index[counts >= FEWEST_CLAIMS_OF_PROVIDER].to_numpy(dtype=object))
    if not len(large):
        raise NotApplicable(f"No provider has {FEWEST_CLAIMS_OF_PROVIDER} rows.")
    most, drawn = _how_many(honest, share), []
    for name in rng.permutation(large):
        if counts[[*drawn, name]].sum() <= most:
            drawn.append(name)
    if not drawn:
        raise NotApplicable(f"{most} rows are to be changed, and each provider with enough rows has more.")
    chosen = np.flatnonzero(providers.isin(drawn).to_numpy() & (values > 0))
    values[chosen] = _rounded(values[chosen] * PROVIDER_FACTOR, values)
    return replace(_planted(honest, {amount: values}, chosen), whole_providers=True)


def _plant_codes(
    honest: Honest, options: Sequence[tuple[str, object, Indices]], share: float, rng: np.random.Generator
) -> Planted:
    """Put codes into rows that they do not fit; an option is a column, a code and the rows that it does not fit."""
    if not options:
        raise NotApplicable("No code belongs to one sex or one band of ages.")
    columns = sorted({column for column, _, _ in options})
    values = {name: honest.rows[name].to_numpy(dtype=object).copy() for name in columns}
    changed, chosen = np.zeros(honest.rows.shape, dtype=bool), set()
    suitable = np.unique(np.concatenate([rows for _, _, rows in options]))
    for row in rng.permutation(suitable):
        fitting = [
            (column, code) for column, code, rows in options if rows[np.searchsorted(rows, row) % len(rows)] == row
        ]
        column, code = fitting[rng.integers(len(fitting))]
        if values[column][row] != code:
            values[column][row] = code
            changed[row, honest.rows.columns.get_loc(column)] = True
            chosen.add(row)
        if len(chosen) == _how_many(honest, share):
            break
    _check_enough(len(chosen), honest, share)
    return Planted(honest.rows.assign(**values), changed, honest.providers)


def _planted(honest: Honest, values: dict[str, Any], chosen: Indices) -> Planted:
    """Return the rows with new values, and mark those of the chosen rows that differ now."""
    rows = honest.rows.assign(**values)
    changed = np.zeros(rows.shape, dtype=bool)
    for name in values:
        before, after = honest.rows[name].iloc[chosen], rows[name].iloc[chosen]
        same = (before == after) | (before.isna() & after.isna())
        changed[chosen, rows.columns.get_loc(name)] = ~same.to_numpy(dtype=bool)
    return Planted(rows, changed, honest.providers)


def _how_many(honest: Honest, share: float) -> int:
    return max(round(share * len(honest.rows)), 1)


def _choose(suitable: Indices, honest: Honest, share: float, rng: np.random.Generator) -> Indices:
    """Draw the share of all rows from the suitable ones."""
    _check_enough(len(suitable), honest, share)
    return rng.permutation(suitable)[: _how_many(honest, share)]


def _check_enough(found: int, honest: Honest, share: float) -> None:
    if found < (needed := _how_many(honest, share)):
        raise NotApplicable(f"{needed} rows are to be changed, and only {found} can be.")


def _replaced(values: Floats, places: Indices, new: Floats) -> Floats:
    """Return a copy with new values at these places."""
    replaced = values.copy()
    replaced[places] = new
    return replaced


def _rounded(values: Floats, like: Floats) -> Floats:
    """Round numbers to whole ones or to cents if all others are, so that the decimals do not give them away."""
    known = like[~np.isnan(like)]
    for decimals in (0, 2):
        if np.allclose(known, known.round(decimals), rtol=0, atol=1e-9):
            return values.round(decimals)
    return values
