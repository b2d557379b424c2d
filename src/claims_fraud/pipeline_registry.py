"""The pipelines of the project by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from claims_fraud.pipelines import (
    data_ingestion,
    fairness,
    model_selection,
    outcomes,
    promotion,
    provider_scores,
    scoring,
    training,
)


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is what ``kedro run`` runs.

    It scores with the model that it trains; `scoring` by itself, and `score_new`, which scores claims that came after
    training, with the champion. ``model_selection`` and ``promotion`` stand apart, since they compare what several
    runs trained, and so does ``outcomes``, which needs investigators' outcomes.
    """
    pipelines = {
        "data_ingestion": data_ingestion.create_pipeline(),
        "training": training.create_pipeline(),
        "scoring": scoring.create_pipeline(),
        "provider_scores": provider_scores.create_pipeline(),
        "fairness": fairness.create_pipeline(),
    }
    scored_by_what_was_trained = Pipeline(pipelines["scoring"], inputs={"live_autoencoder": "autoencoder"})
    default = sum({**pipelines, "scoring": scored_by_what_was_trained}.values(), start=Pipeline([]))
    score_new = data_ingestion.create_new_claims_pipeline() + scoring.create_new_claims_pipeline()
    apart = {
        "model_selection": model_selection.create_pipeline(),
        "promotion": promotion.create_pipeline(),
        "score_new": score_new,
        "outcomes": outcomes.create_pipeline(),
    }
    return {"__default__": default, **pipelines, **apart}
