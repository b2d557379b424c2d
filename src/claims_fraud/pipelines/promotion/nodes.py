"""Nodes that compare the challenger with the champion; what is compared stands in `claims_fraud.comparison`."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from claims_fraud import frames
from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.evaluation import score_summary
from claims_fraud.autoencoder.judgement import Judgement
from claims_fraud.autoencoder.swaps import swap_measures
from claims_fraud.claims import Columns
from claims_fraud.claims.columns import HISTORY_COMPLETE
from claims_fraud.comparison import (
    changes_schema,
    compared,
    drift_of,
    fairness_of,
    labelled_schema,
    no_changes,
    problems,
)
from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import GateNotPassed, NotKept, listed
from claims_fraud.frames import Frame
from claims_fraud.labels import labels_of, measured_by_labels
from claims_fraud.parameters import (
    FairnessParameters,
    MonitoringParameters,
    PromotionParameters,
    ScoringParameters,
    TrainingParameters,
)
from claims_fraud.scores import check_model_fits, differing_columns

logger = logging.getLogger(__name__)

# Enough for two hundred claims among the top 1 %, few enough to be quick.
MOST_COMPARED_ROWS = 20_000


def compare_models(  # noqa: PLR0913, PLR0917
    challenger: ClaimsTreeAutoencoder,
    champion: ClaimsTreeAutoencoder | None,
    features_validation: Frame,
    load_labels: Callable[[], Frame],
    profiles: Callable[[str], ReferenceProfile],
    columns: Columns,
    training: TrainingParameters,
    scoring: ScoringParameters,
    fairness: FairnessParameters,
    monitoring: MonitoringParameters,
    promotion: PromotionParameters,
) -> tuple[dict[str, Any], Frame]:
    """Return `promotion_report` and `promotion_changes`: both models on the same validation claims.

    Labels are read only if `evaluate_labels` is set. Claims above the percentile of `fairness`, or else of `scoring`,
    count as flagged.
    """
    check_model_fits(challenger, columns)
    claims = frames.sample(features_validation, MOST_COMPARED_ROWS, columns.claim_id, training.seed)
    labels = labels_of(features_validation, load_labels, columns) if training.evaluate_labels else None
    own_threshold = fairness.threshold_percentile
    threshold = scoring.threshold_percentile if own_threshold is None else own_threshold

    def measured(model: ClaimsTreeAutoencoder, judgement: Judgement) -> dict[str, Any]:
        measures = {
            "model_type": model.model_type,
            "model_version": model.model_version_,
            **score_summary(judgement.scores),
        }
        swapped = swap_measures(model, claims, training.seed)
        if swapped is not None:
            measures["swapped"] = swapped
        if labels is not None:
            table = claims[[columns.claim_id]].assign(fraud_score=judgement.scores)
            scored = frames.like(features_validation, table, labelled_schema(columns))
            measures["labelled"] = measured_by_labels(scored, labels, columns)
        if fairness.analysed(columns):
            measures["fairness"] = fairness_of(claims, judgement.scores, columns, fairness, threshold)
        try:
            profile = profiles(model.model_version_)
        except NotKept as error:
            logger.warning("nothing is said of drift by the %s model: %s", model.model_type, error)
        else:
            # Claims with an incomplete history do not compare with a profile that has none.
            comparable = claims[HISTORY_COMPLETE].to_numpy() if profile.history_complete else slice(None)
            measures["drift"] = drift_of(claims[comparable], judgement.scores[comparable], profile, monitoring.limits)
        return measures

    judged = challenger.judge(claims)
    report = {"n": len(claims), "challenger": measured(challenger, judged), "champion": None, "agreement": None}
    moved = no_changes(columns)
    if champion is not None:
        other = differing_columns(champion, columns)
        if other:
            # It cannot score these claims, so that it is no measure for another either.
            logger.warning("the champion learned from other columns (%s): nothing to compare with", listed(other))
        else:
            judged_before = champion.judge(claims)
            report["champion"] = measured(champion, judged_before)
            report["agreement"], moved = compared(claims, (challenger, judged), (champion, judged_before), columns)
    report["problems"] = problems(report, promotion)
    return report, frames.like(features_validation, moved, changes_schema(columns))


def promote(promotion_report: dict[str, Any]) -> str:
    """Return the version of the challenger, which is to be the champion; raise GateNotPassed if it may not be."""
    challenger, champion = promotion_report["challenger"], promotion_report["champion"]
    if promotion_report["problems"]:
        why = "; ".join(promotion_report["problems"])
        stays = f"The champion stays {_told(champion)}" if champion else "The registry is left as it was"
        raise GateNotPassed(
            f"the challenger, {_told(challenger)}, is not promoted: {why}. {stays}. Look at "
            "promotion_report and promotion_changes, or change the rules."
        )
    logger.info("the challenger, %s, is promoted", _told(challenger))
    return str(challenger["model_version"])


def _told(model: dict[str, Any]) -> str:
    return f"{model['model_type']} {model['model_version']}"
