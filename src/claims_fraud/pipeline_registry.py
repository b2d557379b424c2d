"""The pipelines of the project by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from claims_fraud.pipelines import (
    data_ingestion,
    fairness,
    model_selection,
    monitoring,
    outcomes,
    promotion,
    provider_scores,
    scoring,
    training,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is what ``kedro run`` runs.

    It scores with the model that it trains; `scoring` by itself, and `score_new`, which scores claims that came after
    training, with the champion; `monitoring` and `monitor_new` compare with the profile of the same model.
    ``model_selection`` and ``promotion`` stand apart, since they compare what several runs trained, and so does
    ``outcomes``, which needs investigators' outcomes.
    """
    pipelines = {
        "data_ingestion": data_ingestion.create_pipeline(),
        "training": training.create_pipeline(),
        "scoring": scoring.create_pipeline(),
        "provider_scores": provider_scores.create_pipeline(),
        "monitoring": monitoring.create_pipeline(),
        "fairness": fairness.create_pipeline(),
    }
    by_what_was_trained = {
        name: Pipeline(pipelines[name], inputs={"live_autoencoder": "autoencoder"})
        for name in ("scoring", "monitoring")
    }
    default = sum({**pipelines, **by_what_was_trained}.values(), start=Pipeline([]))
    score_new = data_ingestion.create_new_claims_pipeline() + scoring.create_new_claims_pipeline()
    apart = {
        "model_selection": model_selection.create_pipeline(),
        "promotion": promotion.create_pipeline(),
        "score_new": score_new,
        "monitor_new": monitoring.create_new_claims_pipeline(),
        "outcomes": outcomes.create_pipeline(),
    }
    return {"__default__": default, **pipelines, **apart}
