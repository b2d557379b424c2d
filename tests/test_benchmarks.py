"""What the benchmarks of detection do beside measuring: cases, judging, and going on where they were stopped."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import cases
import detection_quality as quality
import detection_speed as speed
import numpy as np
import pandas as pd
import pytest
import quality_report as report
from cases import CLASSIC, RULES, Case, Problem, corrupt
from detectors import BASELINE, OURS, PEER, Detector, Found
from environment import RESULTS
from measuring import forked

SEED = 3
# Since Python 3.12 a fork of a process with threads warns; what is run in a fork here starts none.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def rows(n: int = 2_000) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    amount = np.where(rng.random(n) < 0.1, np.nan, rng.normal(size=n))
    return pd.DataFrame(
        {"code": rng.choice(["a", "b", "c"], n), "amount": amount, "same": 1, "days": rng.integers(9, size=n)}
    )


def differs(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    return ~((one == other) | (one.isna() & other.isna())).to_numpy()


class TestCorrupt:
    @pytest.mark.parametrize("rate", [0.01, 0.04, 0.1])
    def test_exactly_the_share_of_the_rows_is_changed(self, rate):
        _, changed = corrupt(rows(), rate, SEED)
        assert changed.any(axis=1).sum() == rate * 2_000

    def test_says_which_values_are_others_now(self):
        corrupted, changed = corrupt(rows(), 0.1, SEED)
        assert np.array_equal(changed, differs(corrupted, rows()))
        assert changed.sum(axis=1).max() <= 3

    def test_columns_keep_about_their_distribution(self):
        corrupted, _ = corrupt(rows(), 0.1, SEED)
        before, after = (frame["code"].value_counts(normalize=True) for frame in (rows(), corrupted))
        assert (before - after).abs().max() < 0.02
        assert set(corrupted["amount"].dropna()) <= set(rows()["amount"].dropna())
        assert corrupted.dtypes.equals(rows().dtypes)

    def test_another_seed_changes_other_values(self):
        (one, _), (again, _), (other, _) = (corrupt(rows(), 0.04, seed) for seed in (0, 0, 1))
        assert one.equals(again)
        assert not one.equals(other)


class TestCases:
    def test_the_main_rate_of_the_first_seed_comes_first(self):
        wanted = cases.cases([RULES, CLASSIC], ["sick_thyroid_72"], [0, 1], [0.04, 0.01])
        assert wanted[:3] == [
            Case(RULES, "sick_thyroid_72", 0, 0.04),
            Case(RULES, "sick_thyroid_72", 0, 0.01),
            Case(CLASSIC, "sick_thyroid_72", 0),
        ]
        assert len(wanted) == 6

    def test_a_set_is_drawn_once_without_helpers_and_ids(self, tmp_path: Path):
        n = 60
        given = rows(n).assign(PolicyNumber=range(n), _time=0, label=np.arange(n) % 2)
        given.to_parquet(tmp_path / "vehicle_fraud_oracle.parquet")
        drawn = [cases.problem_of(Case(cases.ORDINARY, "vehicle_fraud_oracle", seed), tmp_path, 50) for seed in (0, 1)]
        assert list(drawn[0].data) == ["code", "amount", "same", "days"]
        assert drawn[0].data.equals(drawn[1].data)
        assert len(drawn[0].data) == 50
        corrupted = cases.problem_of(Case(RULES, "vehicle_fraud_oracle", 0, 0.1), tmp_path, 50)
        assert corrupted.wanted.sum() == 5
        assert corrupted.fingerprint != drawn[0].fingerprint

    def test_sample_has_history_groups_and_kinds(self, tmp_path: Path):
        problem = cases.problem_of(Case(cases.SAMPLE, "sample_claims", 0), tmp_path, 1_000)
        assert "num_previous_claims" in problem.data
        assert set(problem.context) < set(problem.data)
        assert len(problem.data) == len(problem.wanted) == len(problem.kinds) == len(problem.groups)
        assert problem.kinds[problem.wanted].notna().all()


class TestMeasures:
    changed = np.array(
        [[True, False, False, False], [False, True, False, False], [False] * 4, [True, False, False, False]]
    )

    def hits(self, scores: list[float], parts: list[list[float]]) -> dict[str, float]:
        problem = Problem(rows(4), self.changed.any(axis=1), changed=self.changed)
        return quality.reasons_hit(Found(np.array(scores), np.array(parts)), problem)

    def test_reasons_are_judged_among_the_found_rows(self):
        # The last row is changed too, and not among the three highest scores.
        parts = [[9, 0, 1, 2], [3, 2, 1, 0], [0, 0, 0, 9], [0, 0, 0, 9]]
        assert self.hits([4, 3, 2, 1], parts) == {"first_reason_hit": 0.5, "three_reasons_hit": 1.0}

    def test_nothing_is_said_where_there_are_no_parts_or_nothing_was_found(self):
        assert quality.reasons_hit(Found(np.zeros(4)), Problem(rows(4), np.zeros(4, dtype=bool))) == {}
        problem = Problem(rows(4), np.arange(4) == 3, changed=self.changed)
        assert quality.reasons_hit(Found(np.arange(4)[::-1], np.zeros((4, 4))), problem) == {}

    def test_permuted_labels_are_chance(self):
        wanted = np.arange(4_000) % 20 == 0
        assert quality.permuted(wanted.astype(float), wanted) == pytest.approx(0.5, abs=0.02)

    def test_top_rows_are_the_highest_percent_rounded_up(self):
        assert quality.top_rows(np.arange(150.0)) == [148, 149]


def by_amount(problem: Problem, seed: int, *, sign: int = 1) -> Found:
    return Found(sign * problem.data["days"].to_numpy(dtype=float) + seed)


def refusing(problem: Problem, seed: int) -> Found:
    raise ValueError("no such thing\nin detail")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    n = 200
    data = rows(n).assign(label=np.arange(n) % 10 == 0)
    data.to_parquet(tmp_path / "adbench_6_cardio.parquet")
    monkeypatch.setattr("sys.argv", ["quality", "--data", str(tmp_path), "--sets", "adbench_6_cardio"])
    return quality.parsed()


class TestResume:
    detector = Detector("days", PEER, by_amount, "pandas", {"sign": 1})
    case = Case(CLASSIC, "adbench_6_cardio", 0)

    def run(self, given, path: Path, *detectors: Detector, seeds: tuple[int, ...] = (0,)) -> list[quality.Row]:
        return quality.run_all(list(detectors), [replace(self.case, seed=seed) for seed in seeds], given, path)

    def test_what_is_there_is_not_measured_again(self, given, tmp_path, capsys):
        path = tmp_path / "results.parquet"
        first = self.run(given, path, self.detector)
        assert capsys.readouterr().out.count("days") == 1
        assert self.run(given, path, self.detector) == quality.read(path)
        assert capsys.readouterr().out == ""
        assert [row["auroc"] for row in quality.read(path)] == [row["auroc"] for row in first]

    def test_other_parameters_or_again_take_its_place(self, given, tmp_path, capsys):
        path = tmp_path / "results.parquet"
        self.run(given, path, self.detector)
        (row,) = self.run(given, path, replace(self.detector, parameters={"sign": -1}))
        assert row["parameters"] == '{"sign": -1}'
        given.again = True
        self.run(given, path, replace(self.detector, parameters={"sign": -1}))
        assert capsys.readouterr().out.count("days") == 3

    def test_a_failure_is_a_result_with_its_reason(self, given, tmp_path):
        (row,) = self.run(given, tmp_path / "results.parquet", replace(self.detector, find=refusing, parameters={}))
        assert row["failed"] == "ValueError: no such thing"

    def test_what_draws_nothing_stands_for_each_seed(self, given, tmp_path):
        path = tmp_path / "results.parquet"
        found = self.run(given, path, replace(self.detector, seeded=False), seeds=(0, 1))
        assert [row["seed"] for row in found] == [0, 1]
        assert found[0]["fit_seconds"] == found[1]["fit_seconds"]

    def test_the_version_of_ours_is_its_source(self):
        assert replace(self.detector, package="claims-fraud").version != self.detector.version


def test_baselines_and_other_rates_wait():
    peer, baseline = TestResume.detector, replace(TestResume.detector, family=BASELINE)
    runs = [
        (baseline, Case(RULES, "x", 1, 0.04)),
        (baseline, Case(RULES, "x", 0, 0.01)),
        (peer, Case(RULES, "x", 0, 0.1)),
        (peer, Case(CLASSIC, "x", 1)),
        (peer, Case(RULES, "x", 0, 0.04)),
    ]
    assert sorted(runs, key=lambda run: quality.stage(*run)) == runs[::-1]


def test_a_process_of_its_own_reports_its_memory_or_how_it_ended():
    assert forked(lambda: {"rows": int(np.ones(12_000_000).sum())}, 60)["peak_mib"] > 80
    assert forked(lambda: (_ for _ in ()).throw(SystemExit(3)), 60) == {"failed": "exit status 3"}


class TestReport:
    def frame(self) -> pd.DataFrame:
        families = {"ours": OURS, "one": PEER, "other": PEER}
        figures = {"ours": 0.5, "one": 0.3, "other": 0.4}
        return report.frame_of(
            [
                {"detector": name, "family": family, "suite": RULES, "data_set": data_set, "rate": 0.04, "seed": seed,
                 "kind": "any", "failed": None, "average_precision": figures[name] + 0.01 * seed, "top_rows": [seed, 1]}
                for name, family in families.items()
                for data_set in cases.SUITES[RULES]
                for seed in (0, 1)
            ]
        )  # fmt: skip

    def test_means_are_given_for_whole_suites_only(self):
        frame = self.frame()
        means = report.means(frame, (RULES, 0.04), "average_precision")
        assert means["ours"] == pytest.approx(0.505)
        assert report.best_of(means, frame, PEER) == "other"
        partly = frame[(frame["detector"] != "ours") | (frame["data_set"] != "adult_income")]
        assert np.isnan(report.means(partly, (RULES, 0.04), "average_precision")["ours"])

    def test_interval_holds_the_mean_and_is_a_point_where_all_differences_are_equal(self):
        assert report.bootstrapped(np.full((5, 2), 0.1)) == pytest.approx((0.1, 0.1, 0.1))
        mean, low, high = report.bootstrapped(np.arange(10.0).reshape(5, 2))
        assert low < mean < high

    def test_overlap_of_seeds(self):
        assert report.overlap(self.frame())[RULES, "ours"] == 0.5

    def test_all_of_the_page_is_made_from_the_results(self, tmp_path):
        frame = report.frame_of(quality.read(RESULTS / "detection_quality.parquet"))
        for text in report.tables(frame, ablation=False).values():
            assert text.count("\n") > 1
        report.plot(frame, tmp_path / "plot.svg")
        assert "Average precision" in (tmp_path / "plot.svg").read_text(encoding="utf-8")


class TestSpeed:
    def test_more_columns_are_the_same_with_a_tenth_in_random_order(self):
        more = speed.with_columns(rows(), 7)
        assert more.shape == (2_000, 7)
        assert more.iloc[:, :4].set_axis(list(rows()), axis=1).equals(rows())
        assert 0.05 < (more["code_0"] != more["code_4"]).mean() < 0.1
        assert sorted(more["code_0"]) == sorted(more["code_4"])
        assert speed.with_columns(rows(), 3).shape == (2_000, 3)

    def test_each_task_is_measured_once(self, tmp_path):
        found = [{**asdict(task), "version": 1} for task in speed.tasks(speed.Sizes())]
        keys = [speed.key_of(row) for row in found]
        assert len(set(keys)) == len(keys)
        path = tmp_path / "results.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in (*found, {**found[0], "version": 2})))
        assert [row["version"] for row in speed.known(path)] == [2, *([1] * (len(found) - 1))]
