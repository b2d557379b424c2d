"""The public Medicare claims by their own settings: read, scored, with reasons that hold, and without race."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from reason_rules import COUNTED, RANGED, refuted
from support import MEDICARE, MEDICARE_ROWS, Project, copy_of, make_project, working_in

SETTINGS = "settings=conf/medicare.yml"


@pytest.fixture(scope="module")
def medicare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project after a run on the first of the Medicare claims, to read from."""
    if not MEDICARE.exists():
        pytest.skip("the public Medicare claims are not in ../shared/data")
    project = make_project(tmp_path_factory.mktemp("medicare"))
    with working_in(project.path):
        pd.read_parquet(MEDICARE).head(MEDICARE_ROWS).to_parquet("medicare.parquet", index=False)
        small = "training.n_estimators=2,training.n_folds=2,training.max_classes=8,scoring.threshold_percentile=90"
        assert project.run(params=f"{SETTINGS},raw_claims=medicare.parquet,{small}") == (0, "")
    return project


class TestRun:
    def test_valid_and_rejected_rows_are_all_that_were_read(self, medicare):
        features = medicare.table("medicare/04_feature/features.parquet")
        rejected = medicare.table("medicare/02_intermediate/rejected_claims.parquet")
        assert len(features) + len(rejected) == MEDICARE_ROWS
        assert len(medicare.table("medicare/07_model_output/fraud_scores.parquet")) == len(features)

    def test_race_is_kept_and_never_in_the_model(self, medicare):
        model = ClaimsTreeAutoencoder.load(medicare.data / "medicare/06_models/autoencoder_catboost")
        assert "Race" not in (*model.cat_features_, *model.num_features_, *model.context_features)
        scores = medicare.table("medicare/07_model_output/fraud_scores.parquet")
        assert "Race" in scores
        assert "surprise_Race" not in scores
        assert not any(scores[f"reason_{number}"].str.contains("Race").any() for number in (1, 2, 3))

    def test_peers_of_providers_share_the_state(self, medicare):
        providers = medicare.table("medicare/07_model_output/provider_scores.parquet")
        assert list(providers)[:2] == ["Provider", "State"]
        assert providers["peers"].str.contains(" of State ").any()

    def test_age_and_duration_are_derived_from_dates(self, medicare):
        first = medicare.table("medicare/04_feature/features.parquet").iloc[0]
        start, end, birth = (first[name] for name in ("ClaimStartDt", "ClaimEndDt", "DOB"))
        assert first["claim_duration_days"] == (end - start).days
        birthday_to_come = (start.month, start.day) < (birth.month, birth.day)
        assert first["patient_age"] == start.year - birth.year - birthday_to_come

    def test_new_claims_are_kept_once_each_by_their_id(self, medicare, tmp_path):
        claims = pd.read_parquet(MEDICARE).iloc[MEDICARE_ROWS : MEDICARE_ROWS + 40]
        with copy_of(medicare.path, tmp_path) as project:
            for batch in (claims.head(30), claims.tail(30)):
                batch.to_parquet("later.parquet", index=False)
                params = f"{SETTINGS},new_claims=later.parquet"
                assert project.run("--pipelines=score_new", params=params) == (0, "")
            kept = project.table("medicare/04_feature/new_features.parquet")["ClaimID"].tolist()
        assert kept == sorted(claims["ClaimID"])


class TestReasons:
    def test_of_the_first_claims_hold(self, medicare):
        model = ClaimsTreeAutoencoder.load(medicare.data / "medicare/06_models/autoencoder_catboost")
        usually_zero = [name for name, one in model.encoders_.items() if getattr(one, "usually_zero", False)]
        scores = medicare.table("medicare/07_model_output/fraud_scores.parquet").sort_values("rank").head(100)
        reasons = scores[["reason_1", "reason_2", "reason_3"]]
        assert reasons["reason_1"].head(20).notna().all()
        said = [one for one in reasons.to_numpy().ravel() if not pd.isna(one)]
        assert refuted(said, usually_zero) == []
        assert sum(bool(COUNTED.search(one) or RANGED.search(one)) for one in said) > 50
        # What history derives does not lead, as an unseen count of duplicates once did in 97 of the first 100.
        assert reasons["reason_1"].str.startswith("possible_duplicates").mean() < 0.1


class TestColumnsThatTheModelMustNotSee:
    """Medicare's race is `none`: kept beside the claims for this analysis, and nothing else."""

    def test_race_is_analysed(self, medicare):
        results = json.loads((medicare.data / "medicare/08_reporting/fairness_results.json").read_text())
        assert {"1", "2", "3", "5"} == set(results["attributes"]["Race"]["group_metrics"])
        assert results["proxies"]["Race"]["auroc"] > 0.5
        assert "Race" not in str(results["attributes"]["Gender"]["group_metrics"])

    def test_no_reason_names_it_or_was_judged_from_it(self, medicare):
        scores = medicare.table("medicare/07_model_output/fraud_scores.parquet")
        reasons = pd.concat([scores[f"reason_{number}"].dropna() for number in (1, 2, 3)])
        assert len(reasons) > 1_000
        assert not reasons.str.contains("Race").any()

    def test_another_race_changes_no_score_and_no_reason(self, medicare):
        model = ClaimsTreeAutoencoder.load(medicare.data / "medicare/06_models/autoencoder_catboost")
        claims = medicare.table("medicare/04_feature/features.parquet").head(500)
        other = claims.assign(Race=np.where(claims["Race"] == "1", "2", "1"))
        pd.testing.assert_frame_equal(model.explain(claims, top=None), model.explain(other, top=None))
        seen = {place for column in model.models_.values() for place in (*column.inputs, *column.partners)}
        assert "Race" not in {model.features_[place] for place in seen}
