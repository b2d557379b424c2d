"""`FairnessAnalyzer` finds the bias that was put in, no other, and fairlearn's figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame, count, false_positive_rate, selection_rate, true_positive_rate
from sklearn.metrics import precision_score

from claims_fraud.errors import InputError
from claims_fraud.fairness import FairnessAnalyzer, Rules
from claims_fraud.schemas import BiasSummary
from support import SHARED_DATA

ADULT = SHARED_DATA / "adult_income.parquet"
CONTRACT = [
    "attribute", "group", "n", "flagged", "flag_rate", "reference", "difference", "ratio", "ratio_low", "ratio_high",
    "p_adjusted", "verdict",
]  # fmt: skip


def people(rows: int, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "sex": rng.choice(["f", "m"], rows),
            "region": rng.choice(list("ABCDEF"), rows),
            "age": rng.integers(0, 100, rows),
        }
    )


def scores_with_rates(wanted: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return scores of which those above 1 are, in each row, as probable as is wanted."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random(len(wanted)) < wanted, 2.0, 0.0) + rng.random(len(wanted)) / 2


class TestResults:
    data = people(20_000)
    scores = scores_with_rates(np.where(data["region"] == "C", 0.10, 0.05))
    analyzer = FairnessAnalyzer(data, scores, ["sex", "region", "age", "race"], threshold_percentile=94.0)
    found = analyzer.analyze_all_attributes()

    def test_are_those_of_the_contract(self):
        assert list(self.found) == ["sex", "region", "age", "race"]
        assert list(self.found["sex"]) == ["overall_metrics", "group_metrics", "comparisons"]
        assert self.found["race"] == {"error": "there is no column 'race'; the columns are sex, region, age"}

    def test_flagged_is_strictly_above_the_percentile(self):
        flagged = self.scores > np.percentile(self.scores, 94.0)
        assert self.found["sex"]["overall_metrics"]["flagged"] == flagged.sum()
        group = self.found["sex"]["group_metrics"]["f"]
        of_the_group = flagged[self.data["sex"] == "f"]
        assert (group["n"], group["flagged"]) == (len(of_the_group), of_the_group.sum())
        assert group["flag_rate"] == pytest.approx(of_the_group.mean())

    def test_the_biased_group_is_found_and_no_other(self):
        assert self.found["region"]["overall_metrics"]["is_fair"] is False
        verdicts = {group: one["verdict"] for group, one in self.found["region"]["group_metrics"].items()}
        # The others are flagged half as often as C.
        (against_others,) = [one for one in self.found["region"]["comparisons"]
                             if one["group"] == "C" and one["reference"] == "all others"]  # fmt: skip
        assert verdicts["C"] == against_others["verdict"] == "biased"
        assert against_others["ratio_low"] < 2 < against_others["ratio_high"]
        assert self.found["sex"]["overall_metrics"]["is_fair"] is True
        assert self.found["age"]["overall_metrics"]["is_fair"] is True

    def test_mean_and_quantiles_of_the_scores(self):
        one = self.found["region"]["group_metrics"]["C"]
        own = self.scores[self.data["region"] == "C"]
        assert one["mean_score"] == pytest.approx(own.mean())
        for name, level in (("score_p50", 0.5), ("score_p90", 0.9), ("score_p99", 0.99)):
            assert one[name] == pytest.approx(np.quantile(own, level), abs=0.02), name

    def test_shares_of_the_top_are_exact(self):
        first = np.argsort(-self.scores, kind="stable")[:100]
        shares = self.data["region"].iloc[first].value_counts(normalize=True)
        found = {group: one["top_share"] for group, one in self.found["region"]["group_metrics"].items()}
        assert found == pytest.approx({group: shares.get(group, 0.0) for group in found})

    def test_the_input_is_not_changed(self):
        data, scores = people(500), np.arange(500.0)
        before = data.copy(deep=True), scores.copy()
        analyzer = FairnessAnalyzer(data, scores, ["sex", "age"], outcomes=data["age"] > 50, intersections=True)
        analyzer.analyze_all_attributes()
        analyzer.get_bias_summary()
        pd.testing.assert_frame_equal(data, before[0])
        np.testing.assert_array_equal(scores, before[1])


class TestSummary:
    def test_has_the_columns_of_the_contract_and_of_the_schema(self):
        table = TestResults.analyzer.get_bias_summary()
        assert list(table)[: len(CONTRACT)] == CONTRACT
        BiasSummary.validate(table)

    def test_every_group_stands_beside_all_others_and_beside_the_highest(self):
        table = TestResults.analyzer.get_bias_summary()
        regions = table[table["attribute"] == "region"]
        assert set(regions["reference"]) == {"all others", "C"}
        assert sorted(regions["group"][regions["reference"] == "all others"]) == list("ABCDEF")
        assert sorted(regions["group"][regions["reference"] == "C"]) == list("ABDEF")

    def test_comes_the_worst_first(self):
        order = TestResults.analyzer.get_bias_summary()["verdict"].drop_duplicates().tolist()
        assert order == [one for one in ("biased", "inconclusive", "fair", "insufficient") if one in order]

    def test_a_reference_may_be_named(self):
        data = people(5_000)
        analyzer = FairnessAnalyzer(data, np.arange(5_000.0), ["region"], references={"region": "A"})
        table = analyzer.get_bias_summary()
        assert set(table["reference"]) == {"all others", "A"}
        wrong = FairnessAnalyzer(data, np.arange(5_000.0), ["sex", "region"], references={"sex": "F"})
        found = wrong.analyze_all_attributes()
        assert found["sex"]["error"].startswith("there is no group 'F' of sex to compare with; the groups are f, m.")
        assert "verdict" in found["region"]["overall_metrics"]

    def test_what_is_of_another_kind_than_wanted_is_refused(self):
        data, scores = people(100), np.arange(100.0)
        with pytest.raises(InputError, match="references is of type list; give a mapping"):
            FairnessAnalyzer(data, scores, ["sex"], references=["sex"])
        with pytest.raises(InputError, match="surprises is of type ndarray; give a pandas DataFrame"):
            FairnessAnalyzer(data, scores, ["sex"], surprises=np.zeros((100, 2)))
        with pytest.raises(InputError, match="names 'surprise_sex', under which the analysis itself counts"):
            FairnessAnalyzer(data.assign(surprise_sex="x"), scores, ["surprise_sex"])

    def test_intersections_are_there_if_asked_for(self):
        data = people(20_000)
        wanted = np.where((data["sex"] == "f") & (data["region"] == "B"), 0.15, 0.05)
        analyzer = FairnessAnalyzer(data, scores_with_rates(wanted), ["sex", "region"], intersections=True)
        table = analyzer.get_bias_summary()
        crossed = table[table["attribute"] == "sex × region"]
        assert len(crossed) == 12
        # The first is the worst; others are flagged less than all others, f × B among these.
        assert (crossed["group"].iloc[0], crossed["verdict"].iloc[0]) == ("f × B", "biased")
        assert crossed["group"][crossed["ratio"] > 1.25].tolist() == ["f × B"]


class TestPeriods:
    def test_bias_of_one_month_is_found_in_that_month(self):
        data = people(40_000)
        months = np.random.default_rng(1).choice(["2025-01", "2025-02", "2025-03", "2025-04"], len(data))
        wanted = np.where((data["sex"] == "f") & (months == "2025-03"), 0.10, 0.05)
        analyzer = FairnessAnalyzer(data, scores_with_rates(wanted), ["sex"], 94.0, periods=months)
        table = analyzer.get_bias_summary()
        found = table[table["attribute"] == "claim period × sex"].set_index("group")
        assert sorted(found.index[found["verdict"] == "biased"]) == ["2025-03 × f", "2025-03 × m"]
        march = found.loc["2025-03 × f"]
        assert march["reference"] == "all others of 2025-03"
        assert march["ratio_low"] < 2 < march["ratio_high"]
        assert found["n"].sum() == len(data)

    def test_a_month_of_one_group_has_nothing_to_compare_with(self):
        data = pd.DataFrame({"sex": ["f", "m"] * 500 + ["f"] * 300})
        months = ["2025-01"] * 1_000 + ["2025-02"] * 300
        table = FairnessAnalyzer(data, np.arange(1_300.0), ["sex"], periods=months).get_bias_summary()
        found = table[table["attribute"] == "claim period × sex"]
        assert sorted(found["group"]) == ["2025-01 × f", "2025-01 × m"]

    def test_other_numbers_of_periods_are_refused(self):
        with pytest.raises(InputError, match="3 periods came with 10 rows; give one a row"):
            FairnessAnalyzer(people(10), np.arange(10.0), ["sex"], periods=["a", "b", "c"])


class TestSmallGroups:
    def test_are_told_and_not_judged(self):
        data = pd.DataFrame({"group": ["a"] * 3_000 + ["b"] * 40 + [None] * 2})
        scores = np.r_[np.arange(3_000.0), np.full(42, 1e6)]
        found = FairnessAnalyzer(data, scores, ["group"]).analyze_all_attributes()["group"]
        verdicts = {group: one["verdict"] for group, one in found["group_metrics"].items()}
        assert verdicts["b"] == verdicts["unknown"] == "insufficient"
        assert found["group_metrics"]["unknown"]["n"] == 2
        assert found["overall_metrics"]["verdicts"]["insufficient"] >= 2

    def test_the_highest_group_is_one_that_can_be_judged(self):
        data = pd.DataFrame({"group": ["a"] * 2_000 + ["b"] * 2_000 + ["few"] * 3})
        scores = np.r_[np.arange(4_000.0) % 97, np.full(3, 1e6)]
        table = FairnessAnalyzer(data, scores, ["group"]).get_bias_summary()
        assert "few" not in set(table["reference"])

    def test_thousands_of_groups_are_one_table(self):
        data = pd.DataFrame({"provider": np.arange(60_000) % 3_000})
        found = FairnessAnalyzer(data.astype(str), np.random.default_rng(0).random(60_000), ["provider"])
        assert len(found.get_bias_summary()) == 3_000 + 2_999


class TestChance:
    def test_alarms_no_more_often_than_promised_where_all_are_flagged_alike(self):
        alarms = 0
        for seed in range(200):
            data = people(2_000, seed)
            scores = np.random.default_rng(1_000 + seed).random(2_000)
            rules = Rules(least_ratio=0.999, min_difference=0.0, minimum_expected_flags=1)
            analyzer = FairnessAnalyzer(data, scores, list(data), intersections=True, rules=rules)
            alarms += (analyzer.get_bias_summary()["verdict"] == "biased").any()
        # 200 draws at 5 % are 17 or fewer in 98 of 100 cases.
        assert alarms <= 17

    @pytest.mark.parametrize("ratio", [0.4, 2.5])
    def test_bias_of_known_size_is_found_at_that_size(self, ratio):
        hits = 0
        for seed in range(20):
            data = people(8_000, seed)
            wanted = np.where(data["region"] == "D", 0.05 * ratio, 0.05)
            scores = scores_with_rates(wanted, seed)
            threshold = 100 * (scores <= 1).mean()
            table = FairnessAnalyzer(data, scores, ["region"], threshold).get_bias_summary()
            one = table[(table["group"] == "D") & (table["reference"] == "all others")].iloc[0]
            hits += one["verdict"] == "biased" and one["ratio_low"] <= ratio <= one["ratio_high"]
        assert hits >= 16


@pytest.fixture(scope="module")
def adult() -> pd.DataFrame:
    if not ADULT.exists():
        pytest.skip("the public census data are not in ../shared/data")
    return pd.read_parquet(ADULT)


class TestAgainstFairlearn:
    @pytest.mark.parametrize("attribute", ["sex", "race"])
    def test_shared_measures_are_equal(self, adult, attribute):
        scores = np.random.default_rng(0).random(len(adult)) + 0.3 * adult["label"] + 0.002 * adult["hours-per-week"]
        flagged = scores > np.percentile(scores, 90)
        theirs = MetricFrame(
            metrics={
                "n": count,
                "flag_rate": selection_rate,
                "true_positive_rate": true_positive_rate,
                "false_positive_rate": false_positive_rate,
                "precision": precision_score,
            },
            y_true=adult["label"],
            y_pred=flagged,
            sensitive_features=adult[attribute],
        )
        analyzer = FairnessAnalyzer(adult, scores, [attribute], 90, outcomes=adult["label"])
        ours = pd.DataFrame(analyzer.analyze_all_attributes()[attribute]["group_metrics"]).T
        expected = theirs.by_group.astype(float)
        for name in expected:
            assert ours[name].astype(float).sort_index().tolist() == pytest.approx(expected[name].tolist(), abs=1e-12)
        highest = analyzer.get_bias_summary().query("reference != 'all others'")
        assert highest["ratio"].min() == pytest.approx(theirs.ratio()["flag_rate"])
        assert -highest["difference"].min() == pytest.approx(theirs.difference()["flag_rate"])

    def test_an_age_without_bands_is_cut_into_fifths(self, adult):
        found = FairnessAnalyzer(adult, np.arange(len(adult)), ["age"]).analyze_all_attributes()["age"]
        sizes = [one["n"] for one in found["group_metrics"].values()]
        assert len(sizes) == 5
        assert min(sizes) > 0.15 * len(adult)


class TestOutcomesAndDrivers:
    def test_outcomes_may_be_missing(self):
        data = pd.DataFrame({"sex": ["f"] * 4 + ["m"] * 4})
        outcomes = [1, 0, np.nan, np.nan, np.nan, np.nan, np.nan, np.nan]
        scores = np.array([8.0, 7, 6, 5, 4, 3, 2, 1])
        found = FairnessAnalyzer(data, scores, ["sex"], 80, outcomes=outcomes).analyze_all_attributes()["sex"]
        women, men = (found["group_metrics"][sex] for sex in ("f", "m"))
        assert (women["known"], women["fraud"]) == (2, 1)
        assert (women["true_positive_rate"], women["false_positive_rate"], women["precision"]) == (1.0, 1.0, 0.5)
        assert (men["known"], men["true_positive_rate"], men["precision"]) == (0, None, None)

    def test_the_columns_that_drive_a_group_are_named(self):
        data = people(1_000)
        parts = pd.DataFrame({"amount": 0.5 + 2.0 * (data["sex"] == "f"), "code": 1.0, "day": 1.0})
        scores = parts.sum(axis=1).to_numpy()
        analyzer = FairnessAnalyzer(data, scores, ["sex"], surprises=parts)
        found = analyzer.analyze_all_attributes()["sex"]["group_metrics"]
        assert found["f"]["drivers"] == [{"column": "amount", "adds": 2.5, "adds_to_others": 0.5}]
        assert found["m"]["drivers"] == []


class TestMistakes:
    data = people(10)

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            ({"fraud_scores": [1.0]}, r"fraud_scores has the shape \(1,\) for 10 rows; give one a row"),
            ({"fraud_scores": [np.nan] * 10}, "10 fraud_scores are missing or infinite"),
            ({"protected_attributes": "sex"}, "protected_attributes is the text 'sex'; give a list"),
            ({"threshold_percentile": 100}, "threshold_percentile is 100; give 0 to below 100"),
            ({"outcomes": [2] * 10}, "10 outcomes are neither 0 nor 1 nor missing, such as 2"),
            ({"outcomes": [1]}, "1 outcomes came with 10 rows"),
            ({"bands": {"age": [3, 2]}}, r"bands of 'age' are \[3, 2\]; give at least one number, ascending\."),
        ],
        ids=["length", "missing", "text", "percentile", "outcomes", "length of outcomes", "bands"],
    )
    def test_are_named(self, arguments, told):
        usual = {"data": self.data, "fraud_scores": np.arange(10.0), "protected_attributes": ["sex"]}
        with pytest.raises(InputError, match=told):
            FairnessAnalyzer(**{**usual, **arguments})

    def test_an_attribute_of_one_group_is_told(self):
        data = self.data.assign(sex="f")
        found = FairnessAnalyzer(data, np.arange(10.0), ["sex"]).analyze_all_attributes()
        assert found == {"sex": {"error": "all rows have the same sex, 'f': there is nothing to compare with"}}
