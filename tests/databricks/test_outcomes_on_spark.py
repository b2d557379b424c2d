"""The second stage on Spark: the same claims to learn from and the same ranking as on pandas."""

from __future__ import annotations

import pandas as pd

from claims_fraud.parameters import OutcomeParameters
from claims_fraud.pipelines.outcomes.nodes import collect_outcomes, fit_outcome_model, score_open_claims
from outcome_support import COLUMNS, scores_with_outcomes

QUICK = OutcomeParameters(n_estimators=5, n_jobs=1)


def test_the_same_as_on_pandas(spark):
    on_pandas = scores_with_outcomes()
    on_spark = spark.createDataFrame(on_pandas.assign(claim_date=on_pandas["claim_date"].dt.tz_localize("UTC")))
    past, later = collect_outcomes(on_pandas, COLUMNS, QUICK)
    for one, other in zip((past, later), collect_outcomes(on_spark, COLUMNS, QUICK), strict=True):
        pd.testing.assert_frame_equal(one, other, check_dtype=False)
    model = fit_outcome_model(past, COLUMNS, QUICK)
    ranked = score_open_claims(on_spark, model, COLUMNS)
    assert ranked.schema["outcome_probability"].metadata["comment"].startswith("Probability that the claim")
    pd.testing.assert_frame_equal(ranked.toPandas(), score_open_claims(on_pandas, model, COLUMNS), check_dtype=False)
