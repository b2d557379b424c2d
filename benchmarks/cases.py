"""What detection is judged on: rows without labels, which of them are to be found, and, where it is known, why.

Not for the detectors: a case gives all of them the same rows and keeps the labels for the judge.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from environment import AS_OF, REPOSITORY
from pandas.api.types import is_numeric_dtype

from claims_fraud.claims import Columns, DataIngestion

Bools = npt.NDArray[np.bool_]

MOST_ROWS = 5_000
MOST_VALUES = 3
# Rows are drawn once and for all; a case's own seed is for the corruption and for the detectors.
DRAW_SEED = 0
HELPERS = ("_time", "label")
# By set, what is no feature: row ids, ids of people, dates.
LEFT_OUT: dict[str, tuple[str, ...]] = {
    "medicare_inpatient_provider_fraud": (
        *("BeneID", "ClaimID", "Provider", "AttendingPhysician", "OperatingPhysician", "OtherPhysician"),
        *("ClaimStartDt", "ClaimEndDt", "AdmissionDt", "DischargeDt", "DOB", "DOD"),
    ),
    "medicare_provider_aggregates": ("Provider",),
    "vehicle_fraud_oracle": ("PolicyNumber",),
}
# By set, who bills a row.
PROVIDERS = {"medicare_inpatient_provider_fraud": "Provider"}
RULES, CLASSIC, ORDINARY, SAMPLE = "rules", "classic", "ordinary", "sample"
SUITES: dict[str, tuple[str, ...]] = {
    RULES: (
        "vehicle_fraud_oracle",
        "medicare_inpatient_provider_fraud",
        "adult_income",
        "bank_marketing_nominal",
        "sick_thyroid_72",
    ),
    CLASSIC: (
        "adbench_2_annthyroid",
        "adbench_5_campaign",
        "adbench_6_cardio",
        "adbench_23_mammography",
        "adbench_27_PageBlocks",
        "adbench_28_pendigits",
        "adbench_38_thyroid",
        "mushroom_p_221",
        "bank_marketing_nominal",
        "sick_thyroid_72",
        "medicare_provider_aggregates",
    ),
    ORDINARY: ("vehicle_fraud_oracle",),
    SAMPLE: ("sample_claims",),
}
ANY_KIND = "any"


@dataclass(frozen=True)
class Case:
    """A set of rows to find something in.

    Attributes
    ----------
    suite, data_set : str
        See `SUITES`.
    seed : int
        Of the corruption, where there is one, and of the detectors.
    rate : float
        Share of the rows that are corrupted; 0 where labels came with the data.
    """

    suite: str
    data_set: str
    seed: int
    rate: float = 0.0


@dataclass(frozen=True)
class Problem:
    """What a case holds.

    Attributes
    ----------
    data : DataFrame of shape (n, d)
        The features; text is a category, numbers are numbers.
    wanted : bool array of shape (n,)
        The rows to be found, which no detector is shown.
    kinds : Series of shape (n,), optional
        What kind of fraud a wanted row is.
    changed : bool array of shape (n, d), optional
        The values that were corrupted.
    groups : Series of shape (n,), optional
        Who billed a row: one who does is in one fold.
    context : tuple of str
        Columns that others are judged by and that are not to be scored.
    """

    data: pd.DataFrame
    wanted: Bools
    kinds: pd.Series | None = None
    changed: Bools | None = None
    groups: pd.Series | None = None
    context: tuple[str, ...] = ()

    @property
    def categorical(self) -> list[str]:
        """Names of the columns of text."""
        return [name for name in self.data if not is_numeric_dtype(self.data[name])]

    @property
    def numeric(self) -> list[str]:
        """Names of the columns of numbers."""
        return [name for name in self.data if is_numeric_dtype(self.data[name])]

    @cached_property
    def fingerprint(self) -> str:
        """Return the same text for the same rows and the same wanted ones."""
        rows = pd.util.hash_pandas_object(self.data.assign(wanted=self.wanted), index=False).to_numpy()
        return hashlib.sha256(rows.tobytes() + repr(list(self.data)).encode()).hexdigest()[:12]


def cases(
    suites: Iterable[str], sets: Iterable[str] | None, seeds: Iterable[int], rates: Iterable[float]
) -> list[Case]:
    """Return the cases of these suites and sets (by default all), the first seed of all rates and suites first."""
    chosen = set(sets) if sets else None
    return [
        Case(suite, name, seed, rate)
        for seed in seeds
        for suite in suites
        for rate in (rates if suite == RULES else (0.0,))
        for name in SUITES[suite]
        if chosen is None or name in chosen
    ]


# Detectors are run case by case.
@lru_cache(maxsize=1)
def problem_of(case: Case, folder: Path, most_rows: int = MOST_ROWS) -> Problem:
    """Return what a case holds, from the folder of the public sets or from the sample claims of the repository."""
    if case.suite == SAMPLE:
        return _sample_claims(most_rows if most_rows < MOST_ROWS else None)
    data, labels, providers = _public_set(folder, case.data_set, most_rows)
    if case.suite != RULES:
        return Problem(data, labels, groups=providers)
    corrupted, changed = corrupt(data, case.rate, case.seed)
    return Problem(corrupted, changed.any(axis=1), changed=changed, groups=providers)


def corrupt(data: pd.DataFrame, rate: float, seed: int) -> tuple[pd.DataFrame, Bools]:
    """Replace one to three values in a share of the rows by those of other rows, and return which values changed.

    Every column keeps about its distribution, and exactly the share of the rows is changed, as long as there are rows
    enough that a value of another row changes.

    Parameters
    ----------
    data : DataFrame of shape (n, d)
        Never changed.
    rate : float
        Share of the rows.
    seed : int
        Another seed, other rows and values.

    Returns
    -------
    corrupted : DataFrame of shape (n, d)
        In the order of ``data``.
    changed : bool array of shape (n, d)
        Values that are others now.
    """
    rng = np.random.default_rng(seed)
    rows, columns = data.shape
    wanted = max(round(rate * rows), 1)
    # As codes, in which missing values are equal.
    codes = np.column_stack([pd.factorize(data[name])[0] for name in data])
    sources = np.tile(np.arange(rows)[:, None], columns)
    for row in rng.permutation(rows):
        how_many = rng.integers(1, min(MOST_VALUES, columns), endpoint=True)
        places = rng.choice(columns, size=how_many, replace=False)
        donors = rng.integers(rows, size=how_many)
        # A row into which the same values came is as it was: another one takes its turn.
        if np.any(codes[donors, places] != codes[row, places]):
            sources[row, places] = donors
            wanted -= 1
        if not wanted:
            break
    corrupted = pd.DataFrame({name: data[name].array[sources[:, i]] for i, name in enumerate(data)}, index=data.index)
    return corrupted, codes[sources, np.arange(columns)] != codes


@cache
def _public_set(folder: Path, name: str, most_rows: int) -> tuple[pd.DataFrame, Bools, pd.Series | None]:
    rows = pd.read_parquet(folder / f"{name}.parquet")
    if len(rows) > most_rows:
        rows = rows.sample(most_rows, random_state=DRAW_SEED)
    rows = rows.reset_index(drop=True)
    data = rows.drop(columns=[*HELPERS, *LEFT_OUT.get(name, ())], errors="ignore")
    providers = rows[PROVIDERS[name]] if name in PROVIDERS else None
    return _plain(data), rows["label"].to_numpy(dtype=bool), providers


@cache
def _sample_claims(most_rows: int | None) -> Problem:
    folder, columns = REPOSITORY / "data" / "01_raw", Columns()
    claims = pd.read_parquet(folder / "claims_train.parquet").head(most_rows)
    features, _ = DataIngestion(columns, as_of=pd.Timestamp(AS_OF).date()).run(claims)
    labels = pd.read_parquet(folder / "claim_labels.parquet").set_index(columns.claim_id)
    known = labels.loc[features[columns.claim_id]].reset_index(drop=True)
    return Problem(
        _plain(features[[*columns.model_categorical, *columns.model_numeric]]),
        known["is_fraud"].to_numpy(dtype=bool),
        kinds=known["fraud_kind"],
        groups=features[columns.provider].reset_index(drop=True),
        context=tuple(columns.context_features),
    )


def _plain(data: pd.DataFrame) -> pd.DataFrame:
    """Return text as plain objects with None where it is missing, so that every library takes it."""
    texts = [name for name in data if not is_numeric_dtype(data[name])]
    plain = {name: data[name].astype(object).where(data[name].notna(), None) for name in texts}
    return data.assign(**plain).reset_index(drop=True)
