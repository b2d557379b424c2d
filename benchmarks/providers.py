"""How well providers that cheat are found: by their aggregates, and by the scores of their claims, beside size alone.

`make benchmark-providers DATA=FOLDER`; README.md beside this says what is measured and what was found. Each figure goes
to `results/providers.jsonl` at once, and what is there of the same source is not measured again. Not for claims: see
`detection_quality`.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pandas as pd
from cases import CLASSIC, Case, Problem, problem_of
from detectors import ALL, OURS, PEER, Detector, Found, ours, source_hash
from environment import AS_OF, README, RESULTS, circumstances, configuration, markdown, parameters_of, write_table
from sklearn.ensemble import IsolationForest

from claims_fraud.autoencoder.evaluation import evaluate
from claims_fraud.claims import DataIngestion
from claims_fraud.claims.sample import generate_claims
from claims_fraud.parameters import Parameters
from claims_fraud.pipelines.provider_scores.nodes import rank_providers, sum_up_providers
from claims_fraud.pipelines.training.nodes import fit_autoencoder

FOUND = RESULTS / "providers.jsonl"
SET = "medicare_provider_aggregates"
ALL_ROWS = 1_000_000
DETECTORS = ("size", "ecod", "copod", "isotree", "xgboost", "catboost")
CLAIMS, SEEDS = 20_000, (20_240_101, 1)
KINDS = ("overcharging_provider", "collusion_kickback")
# What providers may be ranked by, the most suspicious first.
RANKINGS = (
    *("claims", "mean_score", "mean_percentile", "shrunken_mean", "versus_peers", "top_share", "shrunken_top_share"),
    *("price_versus_peers", "place", "excess_amount", "aggregate_score"),
)
# Factor by which one provider's prices are raised, the top shares it should reach, and the fewest claims it needs.
DEARER, LISTS, MANY_CLAIMS = 1.3, (0.01, 0.02, 0.05), 20
MEASURES = ("auroc", "average_precision", "precision_at_1pct")


def by_isolation_forest(problem: Problem, seed: int) -> Found:
    """Find by scikit-learn's isolation forest, as it is."""
    forest = IsolationForest(random_state=seed).fit(problem.data)
    return Found(-forest.score_samples(problem.data))


def detectors_for(problem: Problem) -> Iterator[Detector]:
    """Yield what is compared on aggregates; one of ours also with nothing suspicious but high values."""
    by_name = {detector.name: detector for detector in ALL}
    high = {**by_name["xgboost"].parameters, "suspicious_direction": dict.fromkeys(problem.numeric, "high")}
    yield Detector("isolation forest", PEER, by_isolation_forest, "scikit-learn")
    yield from (by_name[name] for name in DETECTORS)
    yield Detector("xgboost, high only", OURS, ours, "claims-fraud", high)


def by_aggregates(folder: Path, known: set[str]) -> Iterator[dict[str, Any]]:
    """Yield how well each detector that is not known finds the providers of the public set, or why it could not."""
    problem = problem_of(Case(CLASSIC, SET, seed=0), folder, ALL_ROWS)
    for detector in detectors_for(problem):
        row: dict[str, Any] = {"part": "aggregates", "way": detector.name}
        if detector.name in known:
            continue
        started = time.perf_counter()
        try:
            found = detector.find(problem, 0, **detector.parameters)
        except ModuleNotFoundError as error:
            yield {**row, "skipped": f"{error.name} is not installed"}
            continue
        measures = evaluate(found.scores, problem.wanted)
        yield {**row, "seconds": time.perf_counter() - started, **_chosen(measures)}


def by_claims(seed: int, parameters: Parameters) -> Iterator[dict[str, Any]]:
    """Yield how well each ranking of providers finds those that cheat, by kind, on generated claims of one seed."""
    columns = parameters.columns
    claims, labels = generate_claims(CLAIMS, seed=seed)
    features, _ = DataIngestion(columns, as_of=pd.Timestamp(AS_OF).date()).run(claims)
    _, scores = fit_autoencoder(features, columns, parameters.training)
    scored = features.merge(scores, on=columns.claim_id)
    scored = scored.assign(flagged=scored["fraud_percentile"] > parameters.scoring.threshold_percentile)
    summaries = sum_up_providers(scored, columns, parameters.provider_scores)
    table, _ = rank_providers(summaries, columns, parameters.training, parameters.provider_scores)
    table = table.assign(place=-table["rank"])
    kinds = features[[columns.claim_id, columns.provider]].merge(labels, on=columns.claim_id)
    for kind in KINDS:
        cheats = table[columns.provider].isin(kinds.loc[kinds["fraud_kind"] == kind, columns.provider])
        for ranking in RANKINGS:
            # What may be null is no less than 0: a provider of which nothing is known comes last.
            found = evaluate(table[ranking].fillna(-1.0).to_numpy(), cheats.to_numpy())
            yield {"part": "claims", "way": ranking, "kind": kind, "seed": seed, **_chosen(found)}
    cheats = kinds.loc[kinds["is_fraud"] == 1, columns.provider]
    honest = summaries.index[(summaries["claims"] >= MANY_CLAIMS) & ~summaries[columns.provider].isin(cheats)]
    places = [_place_if_dearer(summaries, row, parameters) / len(summaries) for row in honest]
    shares = {f"first_{share:.0%}": sum(place <= share for place in places) / len(places) for share in LISTS}
    yield {"part": "dearer", "way": "place", "seed": seed, "n": len(places), **shares}


def _place_if_dearer(summaries: pd.DataFrame, row: Any, parameters: Parameters) -> int:
    """Return the rank of a provider whose prices are raised by `DEARER`, the scores of its claims being unchanged."""
    dearer = summaries.copy()
    dearer.loc[row, "price_above"] += math.log(DEARER)
    # The aggregates, which have no say in the place, are left out.
    alone = parameters.provider_scores.model_copy(update={"min_providers": len(summaries) + 1})
    table, _ = rank_providers(dearer, parameters.columns, parameters.training, alone)
    provider_id = parameters.columns.provider
    return int(table.loc[table[provider_id] == summaries.loc[row, provider_id], "rank"].iloc[0])


def _chosen(measures: dict[str, Any]) -> dict[str, Any]:
    return {name: measures[name] for name in ("n", "n_fraud", "base_rate", *MEASURES)}


def report(rows: pd.DataFrame) -> str:
    """Return both tables in Markdown."""
    aggregates, claims, dearer = (rows[rows["part"] == part] for part in ("aggregates", "claims", "dearer"))
    detectors = [
        [row["way"], *(_figure(row[name]) for name in MEASURES), _skipped(row)]
        for row in _rows(aggregates.sort_values("auroc", ascending=False))
    ]
    means = claims.pivot_table(index="way", columns="kind", values=["auroc", "average_precision"])
    rankings = [
        [way, *(_figure(means.loc[way, (name, kind)]) for kind in KINDS for name in ("auroc", "average_precision"))]
        for way in RANKINGS
    ]
    heads = ["Ranked by", *(f"{kind}: {name}" for kind in KINDS for name in ("AUROC", "AP"))]
    rates = claims.groupby("kind")["base_rate"].mean()
    rankings.append(["in any order", *(text for kind in KINDS for text in ("0.500", _figure(rates[kind])))])
    first = markdown(["Detector", "AUROC", "AP", "Precision at 1 %", "Seconds"], detectors)
    names = [f"first_{share:.0%}" for share in LISTS]
    found = [
        [str(int(row["seed"])), str(int(row["n"])), *(f"{row[name]:.0%}" for name in names)] for row in _rows(dearer)
    ]
    heads_of_dearer = ["Seed", "Providers tried", *(f"In the first {share:.0%}" for share in LISTS)]
    return f"{first}\n{markdown(heads, rankings)}\n{markdown(heads_of_dearer, found)}"


def _rows(rows: pd.DataFrame) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = rows.to_dict("records")
    return found


def _figure(value: float) -> str:
    return "–" if pd.isna(value) else f"{value:.3f}"


def _skipped(row: dict[str, Any]) -> str:
    return f"{row['seconds']:.1f}" if pd.notna(row["seconds"]) else str(row["skipped"])


def main() -> None:
    """Measure, keep the figures, and write the tables into the README."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"), help="folder of the public sets")
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS, help="of the generated claims")
    given = parser.parse_args()
    parameters = parameters_of(configuration("local"))
    rows = [row for row in kept() if row["source"] == source_hash()]
    seeds = set(given.seeds) - {row.get("seed") for row in rows}
    todo = chain(
        *(by_claims(seed, parameters) for seed in sorted(seeds)),
        by_aggregates(given.data, {row["way"] for row in rows if row["part"] == "aggregates"}),
    )
    for row in todo:
        rows.append({**row, "source": source_hash(), **circumstances()})
        FOUND.write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
    write_table("providers", report(pd.DataFrame(rows)))
    print(f"{FOUND} and {README} are written.")


def kept() -> list[dict[str, Any]]:
    """Return what was measured before."""
    return [json.loads(line) for line in FOUND.read_text(encoding="utf-8").splitlines()] if FOUND.exists() else []


if __name__ == "__main__":
    main()
