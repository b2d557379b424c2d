"""The pipelines of the project by name."""

from __future__ import annotations

from kedro.pipeline import Pipeline

from claims_fraud.pipelines import data_ingestion, model_selection, outcomes, provider_scores, scoring, training


def register_pipelines() -> dict[str, Pipeline]:
    """Return the pipelines by name; ``__default__`` is what ``kedro run`` runs.

    ``model_selection`` stands apart, since it compares what two runs trained, and so do ``score_new``, which scores
    claims that came after training, and ``outcomes``, which needs investigators' outcomes.
    """
    whole = {
        "data_ingestion": data_ingestion.create_pipeline(),
        "training": training.create_pipeline(),
        "scoring": scoring.create_pipeline(),
        "provider_scores": provider_scores.create_pipeline(),
    }
    score_new = data_ingestion.create_new_claims_pipeline() + scoring.create_new_claims_pipeline()
    apart = {
        "model_selection": model_selection.create_pipeline(),
        "score_new": score_new,
        "outcomes": outcomes.create_pipeline(),
    }
    return {"__default__": sum(whole.values(), start=Pipeline([])), **whole, **apart}
