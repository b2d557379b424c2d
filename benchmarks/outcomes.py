"""Whether surprises help to learn from outcomes: the second stage beside a tuned classifier on the raw columns.

`make benchmark-outcomes`; README.md beside this says what is measured. Everything is chosen within the first two years
of the vehicle claims; the third is looked at once, at the end. Each measurement goes to a file of JSON lines at once:
what is there is not made again. Not for detection without labels, see `detection_quality`.
"""

from __future__ import annotations

import argparse
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import catboost
import numpy as np
import numpy.typing as npt
import pandas as pd
from environment import RESULTS, WORK, circumstances, markdown, write_table
from sklearn.metrics import average_precision_score, roc_auc_score

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.boosters import BoosterSettings
from claims_fraud.autoencoder.outcomes import OutcomeModel
from claims_fraud.parameters import OutcomeParameters

NAME = "outcomes"
SET = "vehicle_fraud_oracle"
# Row id, time, and what is to be learned.
LEFT_OUT = ("PolicyNumber", "Year", "_time", "label")
# Learned from before, judged from there up to the end.
CUTS = {"early 1995": ("1995-01-01", "1995-07-01"), "late 1995": ("1995-07-01", "1996-01-01")}
TEST = {"1996": ("1996-01-01", "1997-01-01")}
GRID = {
    "depth": (4, 6),
    "learning_rate": (0.05, 0.1),
    "l2_leaf_reg": (3, 10),
    "auto_class_weights": (None, "Balanced"),
}
MOST_TREES = 250
# CatBoost's own area under the curve takes the ties of the first trees for a good ranking, so trees are counted here.
STEP = 10
SEEDS = range(5)
N_MEMBERS = 4
DEFAULTS = OutcomeParameters()
# What the members of the second stage may see beside the features: chosen among these.
CHOICES = ("nothing", "surprises", "surprises and score", "surprises, every second member")

Floats = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Claims:
    """Claims to learn from and later ones to judge by, with what the autoencoder says of them."""

    past: pd.DataFrame
    later: pd.DataFrame

    @property
    def codes(self) -> list[str]:
        """Columns of codes."""
        return [name for name in self.features if not pd.api.types.is_numeric_dtype(self.past[name])]

    @property
    def numbers(self) -> list[str]:
        """Columns of numbers."""
        return [name for name in self.features if name not in self.codes]

    @property
    def features(self) -> list[str]:
        """All raw columns."""
        return [name for name in self.past if name not in LEFT_OUT]

    def measured(self, probability: Floats) -> dict[str, float]:
        """Return how well the later claims are ranked."""
        found = self.later["label"]
        return {
            "average_precision": float(average_precision_score(found, probability)),
            "auroc": float(roc_auc_score(found, probability)),
        }


@cache
def claims_of(data: Path, period: tuple[str, str]) -> Claims:
    """Return the claims before a period and those in it."""
    claims = pd.read_parquet(data / f"{SET}.parquet").sort_values(["_time", "PolicyNumber"], ignore_index=True)
    text = claims.select_dtypes(exclude=["number", "datetime"]).columns
    claims[text] = claims[text].astype(object)
    begin, end = map(pd.Timestamp, period)
    past, later = claims[claims["_time"] < begin], claims[claims["_time"].between(begin, end, inclusive="left")]
    return Claims(past.reset_index(drop=True), later.reset_index(drop=True))


@cache
def surprises_of(data: Path, period: tuple[str, str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return surprises of the past claims, cross-fitted, and of the later ones; no label is read."""
    claims = claims_of(data, period)
    paths = [WORK / f"{NAME}_{part}_{period[0]}.parquet" for part in ("past", "later")]
    if not all(path.exists() for path in paths):
        model = ClaimsTreeAutoencoder()
        _, past = model.fit(claims.past, claims.codes, claims.numbers)
        WORK.mkdir(parents=True, exist_ok=True)
        for path, surprises in zip(paths, (past, model.compute_fraud_scores(claims.later)[1]), strict=True):
            surprises.to_parquet(path, index=False)
    past, later = map(pd.read_parquet, paths)
    return past, later


def classifier(seed: int, **settings: Any) -> catboost.CatBoostClassifier:
    """Return an unfitted CatBoost classifier."""
    return catboost.CatBoostClassifier(random_seed=seed, allow_writing_files=False, verbose=False, **settings)


def tuned(data: Path, period: tuple[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """Return how many trees of these settings rank the later claims best, and how well."""
    claims = claims_of(data, period)
    model = classifier(0, iterations=MOST_TREES, **settings)
    model.fit(claims.past[claims.features], claims.past["label"], cat_features=claims.codes)
    staged = model.staged_predict_proba(claims.later[claims.features], eval_period=STEP)
    return best_of(claims, [probability[:, 1] for probability in staged])


def chosen(data: Path, period: tuple[str, str], choice: str) -> dict[str, float]:
    """Return how well members of the second stage's default size that see this rank the later claims."""
    claims, (past, later) = claims_of(data, period), surprises_of(data, period)
    added = {
        "nothing": (past[[]], later[[]]),
        "surprises": (past, later),
        "surprises and score": (past.assign(score=past.sum(axis=1)), later.assign(score=later.sum(axis=1))),
    }
    said = []
    for seed in range(N_MEMBERS):
        alternating = ("surprises", "nothing")[seed % 2]
        known, unknown = added.get(choice, added[alternating])
        model = classifier(
            seed,
            iterations=DEFAULTS.n_estimators,
            depth=DEFAULTS.max_depth,
            learning_rate=DEFAULTS.learning_rate,
        )
        model.fit(joined(claims.past, known, claims), claims.past["label"], cat_features=claims.codes)
        said.append(model.predict_proba(joined(claims.later, unknown, claims))[:, 1])
    return claims.measured(np.mean(said, axis=0))


def sized(data: Path, period: tuple[str, str], settings: dict[str, Any]) -> dict[str, Any]:
    """Return how many trees of these settings make the second stage rank the later claims best, and how well."""
    claims, (past, later) = claims_of(data, period), surprises_of(data, period)
    said = []
    for seed in range(N_MEMBERS):
        known, unknown = (past, later) if seed % 2 == 0 else (past[[]], later[[]])
        model = classifier(seed, iterations=MOST_TREES, **settings)
        model.fit(joined(claims.past, known, claims), claims.past["label"], cat_features=claims.codes)
        staged = model.staged_predict_proba(joined(claims.later, unknown, claims), eval_period=STEP)
        said.append([probability[:, 1] for probability in staged])
    return best_of(claims, np.mean(said, axis=0))


def best_of(claims: Claims, said: Iterable[Floats]) -> dict[str, Any]:
    """Return which of the probabilities, one every some trees, rank the later claims best, and how well."""
    found = [claims.measured(probability) for probability in said]
    best = max(range(len(found)), key=lambda place: found[place]["average_precision"])
    return {"trees": min((best + 1) * STEP, MOST_TREES), **found[best]}


def joined(rows: pd.DataFrame, added: pd.DataFrame, claims: Claims) -> pd.DataFrame:
    """Return the features and, beside them, what is added."""
    return pd.concat([rows[claims.features], added.add_prefix("surprise of ")], axis=1)


def by_tuned(data: Path, settings: dict[str, Any], trees: int, seeds: range) -> dict[str, float]:
    """Return how well the tuned classifier on raw columns ranks the claims of 1996, the mean over these seeds."""
    claims = claims_of(data, TEST["1996"])
    said = []
    for seed in seeds:
        model = classifier(seed, iterations=trees, **settings)
        model.fit(claims.past[claims.features], claims.past["label"], cat_features=claims.codes)
        said.append(model.predict_proba(claims.later[claims.features])[:, 1])
    return claims.measured(np.mean(said, axis=0))


def by_second_stage(data: Path, seed: int) -> dict[str, float]:
    """Return how well the second stage at its defaults ranks the claims of 1996."""
    claims, (past, later) = claims_of(data, TEST["1996"]), surprises_of(data, TEST["1996"])
    size = (DEFAULTS.n_estimators, DEFAULTS.max_depth, DEFAULTS.learning_rate)
    settings = BoosterSettings(*size, seed * N_MEMBERS, threads=-1)
    model = OutcomeModel.fit(claims.past, past, claims.past["label"], claims.codes, claims.numbers, settings, N_MEMBERS)
    return claims.measured(model.probability(claims.later, later))


def by_score(data: Path) -> dict[str, float]:
    """Return how well the score alone ranks the claims of 1996."""
    _, later = surprises_of(data, TEST["1996"])
    return claims_of(data, TEST["1996"]).measured(later.sum(axis=1).to_numpy())


class Results:
    """Measurements in a file of JSON lines: those that are there are not made again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        self.rows: list[dict[str, Any]] = [json.loads(line) for line in lines]

    def of(self, work: Callable[[], dict[str, Any]], **key: Any) -> dict[str, Any]:
        """Return what was measured under this key, or is measured now."""
        there = next((row for row in self.rows if all(row.get(name) == value for name, value in key.items())), None)
        if there is not None:
            return there
        print(key, flush=True)
        row = {**key, **circumstances()}
        row |= {name: round(value, 4) if isinstance(value, float) else value for name, value in work().items()}
        self.rows.append(row)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        return row


def grid() -> Iterator[dict[str, Any]]:
    """Yield every combination of settings."""
    for values in itertools.product(*GRID.values()):
        yield dict(zip(GRID, values, strict=True))


def mean_precision(rows: list[dict[str, Any]]) -> float:
    """Return the mean average precision."""
    return float(np.mean([row["average_precision"] for row in rows]))


def told(settings: dict[str, Any]) -> str:
    """Return settings in words."""
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def report(data: Path, results: Results) -> str:
    """Return the tables in Markdown, having measured what is not there yet."""
    choices = {
        choice: [
            results.of(lambda c=choice, p=period: chosen(data, p, c), step="choice", cut=cut, choice=choice)
            for cut, period in CUTS.items()
        ]
        for choice in CHOICES
    }
    tuning = {}
    for settings in grid():
        rows = [
            results.of(lambda s=settings, p=period: tuned(data, p, s), step="tuning", cut=cut, settings=settings)
            for cut, period in CUTS.items()
        ]
        tuning[told(settings)] = (settings, rows)
    sizes = {}
    for size in (settings for settings in grid() if settings["auto_class_weights"] is None):
        rows = [
            results.of(lambda s=size, p=period: sized(data, p, s), step="size", cut=cut, settings=size)
            for cut, period in CUTS.items()
        ]
        sizes[told(size)] = (size, rows)
    settings, best = max(tuning.values(), key=lambda found: mean_precision(found[1]))
    trees = mean_trees(best)
    ways: dict[str, Callable[[int], dict[str, float]]] = {
        "CatBoost on raw columns, tuned": lambda seed: by_tuned(data, settings, trees, range(seed, seed + 1)),
        f"the same, mean of {N_MEMBERS} seeds": lambda seed: by_tuned(
            data, settings, trees, range(seed * N_MEMBERS, (seed + 1) * N_MEMBERS)
        ),
        "second stage": lambda seed: by_second_stage(data, seed),
    }
    tests = {
        way: [results.of(lambda f=find, s=seed: f(s), step="test", way=way, seed=seed) for seed in SEEDS]
        for way, find in ways.items()
    }
    tests["score alone"] = [results.of(lambda: by_score(data), step="test", way="score alone", seed=0)]
    return tables(tuning, sizes, choices, tests)


Tuning = dict[str, tuple[dict[str, Any], list[dict[str, Any]]]]
Measured = dict[str, list[dict[str, Any]]]


def tables(tuning: Tuning, sizes: Tuning, choices: Measured, tests: Measured) -> str:
    """Return the tables in Markdown."""
    chosen_by = [*CUTS, "Mean"]
    return "\n".join(
        [
            markdown(["1996", "AP, mean", "lowest", "highest", "AUROC, mean", "Seeds"], [*map(judged, tests.items())]),
            f"CatBoost on raw columns, the five best of {len(tuning)} settings:\n",
            markdown(["Settings", "Trees", *chosen_by], five_best(tuning)),
            f"The second stage, the five best of {len(sizes)} settings:\n",
            markdown(["Settings", "Trees", *chosen_by], five_best(sizes)),
            f"What {N_MEMBERS} members of the second stage see beside the features, at its defaults:\n",
            markdown(["Seen", *chosen_by], [[name, *precisions(rows)] for name, rows in choices.items()]),
        ]
    )


def five_best(tuning: Tuning) -> list[list[Any]]:
    """Return the lines of the settings with the highest mean average precision."""
    best = sorted(tuning.items(), key=lambda found: -mean_precision(found[1][1]))[:5]
    return [[name, mean_trees(rows), *precisions(rows)] for name, (_, rows) in best]


def mean_trees(rows: list[dict[str, Any]]) -> int:
    """Return the mean number of trees."""
    return round(float(np.mean([row["trees"] for row in rows])))


def judged(test: tuple[str, list[dict[str, Any]]]) -> list[Any]:
    """Return a line of the table of 1996."""
    way, rows = test
    found = [row["average_precision"] for row in rows]
    auroc = float(np.mean([row["auroc"] for row in rows]))
    return [way, *(f"{value:.3f}" for value in (np.mean(found), min(found), max(found), auroc)), len(rows)]


def precisions(rows: list[dict[str, Any]]) -> list[str]:
    """Return the average precision of each cut and their mean."""
    return [f"{value:.3f}" for value in (*(row["average_precision"] for row in rows), mean_precision(rows))]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the public sets")
    write_table(NAME, report(parser.parse_args().data, Results(RESULTS / f"{NAME}.jsonl")))


if __name__ == "__main__":
    main()
