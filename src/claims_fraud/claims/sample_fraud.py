"""Plants the eight kinds of labelled fraud among synthetic honest claims.

For: `claims_fraud.claims.sample`, which makes the honest claims and hands them over as index-coded rows, before
prices, history and identifiers exist. Each kind is written from how the scheme works in health-care billing, so
that whatever it changes (price, history, patient mix) follows from its rows.
Not for: detecting fraud or tuning a detector; no number in here comes from one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

HONEST = -1
ANY_SEX = -1
DAYS_PER_YEAR = 365.25

# Whole per cent, so that the quotas are exact; collusion takes what the other kinds leave over.
FRAUD_PERCENT: dict[str, int] = {
    "upcoding": 18,
    "unbundling": 14,
    "duplicate_billing": 14,
    "phantom_patient": 12,
    "impossible_demographics": 8,
    "specialty_mismatch": 8,
    "overcharging_provider": 14,
    "collusion_kickback": 12,
}
FRAUD_KINDS: tuple[str, ...] = tuple(FRAUD_PERCENT)

OVERCHARGE_FACTORS = (1.4, 1.9)
TWO_LEVEL_UPCODING = 0.35
SAME_DAY_DUPLICATE = 0.4
EXACT_DUPLICATE = 0.5
DUPLICATE_TWEAK = 0.015
CLAIMS_PER_PHANTOM_DAY = 6
CLAIMS_PER_PHANTOM_PROVIDER = 24
IMPOSSIBLE_BY_YEARS = 8
CANDIDATES_PER_CLAIM = 24


@dataclass(frozen=True)
class Limits:
    """Sex (1 female, 0 male, -1 any) and the inclusive age range in years of each code, by code index."""

    sex: IntArray
    low: IntArray
    high: IntArray

    def permit(self, code: IntArray, female: IntArray, age: IntArray, *, slack: int = 0) -> BoolArray:
        """Whether a patient of this sex and age, give or take `slack` years, may have the code.

        Parameters
        ----------
        code, female, age
            Code indices, 0/1 and whole years; any shapes that broadcast together.
        slack
            Years by which the age range is widened at both ends.

        Returns
        -------
        Booleans in the broadcast shape.
        """
        sex_fits = (self.sex[code] == ANY_SEX) | (self.sex[code] == female)
        return np.asarray(sex_fits & (age >= self.low[code] - slack) & (age <= self.high[code] + slack))


@dataclass(frozen=True)
class CodingRules:
    """What honest coding obeys, by index of procedure (P), diagnosis (D) and specialty (S).

    `next_level` (P) is the next higher procedure of the same family or -1, `severity` (D) runs from 0 to 2,
    `components` (P, 4) are the separate procedures a bundled one covers or -1, `performed` (S, P) says what each
    specialty does, `general` (P) what any specialty could bill: visits and laboratory tests.
    """

    procedure_limits: Limits
    diagnosis_limits: Limits
    next_level: IntArray
    severity: IntArray
    components: IntArray
    performed: BoolArray
    general: BoolArray


@dataclass(frozen=True)
class Market:
    """The patients, providers, rules and calendar in which claims arise.

    `population` has birth (day number), female (0/1) and region a row, `providers` specialty and region; day
    numbers count from the first day of the period, a Monday, to `last_day`.
    """

    population: pd.DataFrame
    providers: pd.DataFrame
    rules: CodingRules
    n_regions: int
    last_day: int


class Scheme(NamedTuple):
    """Rows a scheme altered or relies on (keeping their index), rows it adds and patients it invents."""

    changed: pd.DataFrame
    added: pd.DataFrame
    newcomers: pd.DataFrame


def patient_age(population: pd.DataFrame, patient: IntArray, day: IntArray) -> IntArray:
    """Age in whole years of each patient on each day number.

    Parameters
    ----------
    population
        One row a patient, with `birth` as a day number.
    patient, day
        Patient indices and day numbers of one shape, or of shapes that broadcast.

    Returns
    -------
    Whole years >= 0 in the broadcast shape.
    """
    birth = population["birth"].to_numpy()[patient]
    return np.asarray(np.floor((day - birth) / DAYS_PER_YEAR), dtype=np.int64)


def next_working_day(day: IntArray) -> IntArray:
    """Move Saturdays and Sundays to the Monday after; day number 0 is a Monday.

    Parameters
    ----------
    day
        Day numbers of any shape.

    Returns
    -------
    Day numbers of the same shape, at most two greater.
    """
    weekday = day % 7
    return np.where(weekday >= 5, day + 7 - weekday, day)


def plant_fraud(
    rows: pd.DataFrame, market: Market, n_fraud: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Turn exactly `n_fraud` of the claims into fraud of the eight kinds, keeping the number of claims.

    Parameters
    ----------
    rows
        Honest claims as index-coded rows with a 0..n-1 index and `kind` equal to -1.
    market
        Patients, providers and rules the rows refer to.
    n_fraud
        Number of fraudulent claims wanted, at most a fifth of the rows.
    rng
        Source of all randomness.

    Returns
    -------
    The rows (as many as before, a new index, `kind` the index into `FRAUD_KINDS`) and the population, which has
    grown by the invented patients.
    """
    rows, free, parts, people = rows.copy(), np.ones(len(rows), dtype=np.bool_), [], [market.population]
    for kind, scheme_of in _SCHEMES.items():
        scheme = scheme_of(rows[free], market, n_fraud * FRAUD_PERCENT[kind] // 100, rng)
        rows.loc[scheme.changed.index] = scheme.changed
        free[scheme.changed.index] = False
        parts.append(scheme.added)
        people.append(scheme.newcomers)
    added = pd.concat(parts, ignore_index=True)
    spare = rng.permutation(np.flatnonzero(free))
    missing = n_fraud - int((rows["kind"] != HONEST).sum()) - len(added)
    rows.loc[spare[:missing], "kind"] = FRAUD_KINDS.index("collusion_kickback")
    # The added claims take the place of as many honest ones, so that the total stays as asked.
    kept = rows.drop(index=rows.index[spare[missing : missing + len(added)]])
    return pd.concat([kept, added], ignore_index=True), pd.concat(people, ignore_index=True)


def _pick(frame: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    return frame.iloc[rng.permutation(len(frame))[:count]]


def _pick_evenly(frame: pd.DataFrame, count: int, rng: np.random.Generator) -> pd.DataFrame:
    """Pick claims of each procedure in turn: cheap panels are frequent, but unbundling does not prefer them."""
    shuffled = frame.iloc[rng.permutation(len(frame))]
    turn = shuffled.groupby("procedure").cumcount().to_numpy()
    return shuffled.iloc[np.argsort(turn, kind="stable")[:count]]


def _scheme(
    market: Market,
    changed: pd.DataFrame,
    added: pd.DataFrame | None = None,
    newcomers: pd.DataFrame | None = None,
) -> Scheme:
    return Scheme(
        changed,
        changed.iloc[:0] if added is None else added,
        market.population.iloc[:0] if newcomers is None else newcomers,
    )


def _ints(frame: pd.DataFrame, column: str) -> IntArray:
    return np.asarray(frame[column].to_numpy(), dtype=np.int64)


def _overcharging_provider(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    count = np.bincount(_ints(honest, "provider"), minlength=len(market.providers))
    fitting = (count >= max(1, min(8, quota // 4))) & (count <= quota // 3)
    chosen, left = [], quota
    for provider in rng.permutation(np.flatnonzero(fitting)):
        if count[provider] <= left:
            chosen.append(provider)
            left -= count[provider]
    claims = honest[honest["provider"].isin(chosen)]
    factor = rng.uniform(*OVERCHARGE_FACTORS, size=len(market.providers))
    kind = FRAUD_KINDS.index("overcharging_provider")
    return _scheme(market, claims.assign(markup=factor[_ints(claims, "provider")], kind=kind))


def _upcoding(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    rules = market.rules
    higher = rules.next_level[_ints(honest, "procedure")]
    unwarranted = rules.severity[_ints(honest, "diagnosis")] < 2
    billable = (higher >= 0) & rules.performed[_ints(honest, "specialty"), higher]
    hosts = _pick(honest[unwarranted & billable], quota, rng)
    one = rules.next_level[_ints(hosts, "procedure")]
    two = rules.next_level[one]
    bold = (two >= 0) & rules.performed[_ints(hosts, "specialty"), two] & (rng.random(len(hosts)) < TWO_LEVEL_UPCODING)
    return _scheme(market, hosts.assign(procedure=np.where(bold, two, one), kind=FRAUD_KINDS.index("upcoding")))


def _group_sizes(total: int) -> IntArray:
    """Sizes from 2 to 4, three on average, that sum to `total` (to slightly less where it is below 6)."""
    sizes = np.full(total // 3, 3, dtype=np.int64)
    rest = total % 3
    sizes[:rest] += 1
    third = max(0, len(sizes) - rest) // 3
    sizes[rest : rest + third] -= 1
    sizes[rest + third : rest + 2 * third] += 1
    return sizes


def _unbundling(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    components = market.rules.components
    bundled = components[_ints(honest, "procedure"), 0] >= 0
    sizes = _group_sizes(quota)
    hosts = _pick_evenly(honest[bundled], len(sizes), rng)
    sizes = sizes[: len(hosts)]
    owner = np.repeat(np.arange(len(hosts)), sizes)
    slot = np.arange(len(owner)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    claims = hosts.iloc[owner].assign(
        procedure=components[_ints(hosts, "procedure")[owner], slot],
        duration=1,
        noise=rng.standard_normal(len(owner)),
        kind=FRAUD_KINDS.index("unbundling"),
    )
    return _scheme(market, claims[slot == 0], claims[slot > 0])


def _duplicate_billing(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    originals = _pick(honest, quota, rng)
    n, day = len(originals), _ints(originals, "day")
    later = next_working_day(day + rng.integers(1, 4, size=n))
    same_day = (rng.random(n) < SAME_DAY_DUPLICATE) | (later > market.last_day)
    tweak = np.where(rng.random(n) < EXACT_DUPLICATE, 1.0, rng.uniform(1 - DUPLICATE_TWEAK, 1 + DUPLICATE_TWEAK, n))
    kind = FRAUD_KINDS.index("duplicate_billing")
    return _scheme(market, originals, originals.assign(day=np.where(same_day, day, later), markup=tweak, kind=kind))


def _same_specialty(honest: pd.DataFrame, specialty: IntArray, rng: np.random.Generator) -> pd.DataFrame:
    """One random honest claim of each wanted specialty; every one of them must occur in `honest`."""
    order = np.argsort(_ints(honest, "specialty"), kind="stable")
    count = np.bincount(_ints(honest, "specialty"))
    start = np.cumsum(count) - count
    offset = np.floor(rng.random(len(specialty)) * count[specialty]).astype(np.int64)
    claims: pd.DataFrame = honest.iloc[order[start[specialty] + offset]]
    return claims


def _phantom_population(
    donors: pd.DataFrame, day: IntArray, home: IntArray, market: Market, rng: np.random.Generator
) -> pd.DataFrame:
    """One new patient a claim, of the donor's sex and age on the billed day, from a region two or more away."""
    patient = _ints(donors, "patient")
    age = patient_age(market.population, patient, _ints(donors, "day"))
    age_in_days = np.ceil(age * DAYS_PER_YEAR).astype(np.int64) + rng.integers(0, 364, size=len(donors))
    away = rng.integers(2, market.n_regions - 1, size=len(donors))
    copies = market.population.iloc[patient]
    return copies.assign(birth=day - age_in_days, region=(home + away) % market.n_regions)


def _phantom_patient(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    billers = _pick(honest, max(1, quota // CLAIMS_PER_PHANTOM_PROVIDER), rng)["provider"]
    visits = honest[honest["provider"].isin(billers)]
    n_days = max(1, quota // CLAIMS_PER_PHANTOM_DAY)
    busy_days = visits.iloc[rng.integers(len(visits), size=n_days)]
    billed = busy_days.iloc[rng.integers(n_days, size=quota)]
    donors = _same_specialty(honest, _ints(billed, "specialty"), rng)
    day, provider = _ints(billed, "day"), _ints(billed, "provider")
    home = _ints(market.providers, "region")[provider]
    claims = donors.assign(
        patient=len(market.population) + np.arange(quota),
        provider=provider,
        day=day,
        noise=rng.standard_normal(quota),
        channel=rng.random(quota),
        kind=FRAUD_KINDS.index("phantom_patient"),
    )
    return _scheme(market, honest.iloc[:0], claims, _phantom_population(donors, day, home, market, rng))


def _first_fitting(fits: BoolArray, candidate: IntArray) -> tuple[BoolArray, IntArray]:
    """Which rows have a fitting candidate, and the first one of each row."""
    first = np.argmax(fits, axis=1)[:, None]
    return np.asarray(fits.any(axis=1)), np.take_along_axis(candidate, first, axis=1)[:, 0]


def _impossible_demographics(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    limits, people = market.rules.procedure_limits, market.population
    limited = (limits.sex != ANY_SEX) | (limits.low > 0) | (limits.high < 120)
    hosts = _pick(honest[limited[_ints(honest, "procedure")]], 3 * quota, rng)
    drawn = rng.integers(len(honest), size=(len(hosts), CANDIDATES_PER_CLAIM))
    other = _ints(honest, "patient")[drawn]
    age = patient_age(people, other, _ints(hosts, "day")[:, None])
    procedure = _ints(hosts, "procedure")[:, None]
    impossible = ~limits.permit(procedure, _ints(people, "female")[other], age, slack=IMPOSSIBLE_BY_YEARS)
    region = _ints(people, "region")
    # The borrowed identity comes from the same region: only the demographics are to contradict the claim.
    nearby = region[other] == region[_ints(hosts, "patient")][:, None]
    found, swapped = _first_fitting(impossible & nearby, other)
    kind = FRAUD_KINDS.index("impossible_demographics")
    return _scheme(market, hosts.assign(patient=swapped, kind=kind)[found].iloc[:quota])


def _specialty_mismatch(honest: pd.DataFrame, market: Market, quota: int, rng: np.random.Generator) -> Scheme:
    rules, people = market.rules, market.population
    hosts = _pick(honest, 3 * quota, rng)
    patient = _ints(hosts, "patient")
    female = _ints(people, "female")[patient][:, None]
    age = patient_age(people, patient, _ints(hosts, "day"))[:, None]
    donor = rng.integers(len(honest), size=(len(hosts), CANDIDATES_PER_CLAIM))
    procedure, diagnosis = _ints(honest, "procedure")[donor], _ints(honest, "diagnosis")[donor]
    foreign = ~rules.performed[_ints(hosts, "specialty")[:, None], procedure] & ~rules.general[procedure]
    plausible = rules.procedure_limits.permit(procedure, female, age)
    plausible &= rules.diagnosis_limits.permit(diagnosis, female, age)
    found, chosen = _first_fitting(foreign & plausible, donor)
    borrowed = {name: _ints(honest, name)[chosen] for name in ("procedure", "diagnosis", "duration")}
    claims = hosts.assign(**borrowed, kind=FRAUD_KINDS.index("specialty_mismatch"))
    return _scheme(market, claims[found].iloc[:quota])


# Overcharging comes first: it takes whole providers, whose claims no other scheme may touch.
_SCHEMES: dict[str, Callable[[pd.DataFrame, Market, int, np.random.Generator], Scheme]] = {
    "overcharging_provider": _overcharging_provider,
    "unbundling": _unbundling,
    "upcoding": _upcoding,
    "duplicate_billing": _duplicate_billing,
    "phantom_patient": _phantom_patient,
    "impossible_demographics": _impossible_demographics,
    "specialty_mismatch": _specialty_mismatch,
}
