"""The benchmark of schemes: each scheme changes what it says in the stated share of rows; kit and judge are right."""

from __future__ import annotations

from argparse import Namespace
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import scheme_quality as quality
import scheme_report as report
from kit import bin_values, score_by_group, score_by_kit, score_by_pairs, summarize_groups
from scheme_quality import Cell, SchemeDetector
from schemes import (
    DEARER_PROVIDER,
    History,
    Honest,
    NotApplicable,
    Planted,
    Roles,
    list_schemes,
    measure_detector,
    measure_scores,
    plant,
    rank_changed_providers,
)

N = 1_000
SHARE = 0.02
HISTORY = History("duplicates", "same_day", "days_since_code", "that_day", "days_since", "previous", "average")
ROLES = Roles(
    amount="amount",
    procedure="code",
    specialty="specialty",
    codes=("code",),
    days="days",
    gender="sex",
    age="age",
    total="total",
    parts=("amount", "extra"),
    billed="billed",
    allowed="allowed",
    paid="paid",
    history=HISTORY,
)


def make_honest() -> Honest:
    rng = np.random.default_rng(0)
    code = rng.choice(["birth", "exam", "knee", "child"], N, p=[0.2, 0.4, 0.3, 0.1])
    price = pd.Series(code).map({"birth": 3_000.0, "exam": 100.0, "knee": 900.0, "child": 60.0})
    amount = (price * rng.lognormal(0, 0.1, N)).round(2)
    age = np.where(code == "birth", rng.integers(20, 40, N), rng.integers(30, 90, N))
    billed = (price * 2).round(2)
    rows = pd.DataFrame(
        {
            "code": code.astype(object),
            "specialty": pd.Series(code).map(lambda one: "children" if one == "child" else "adults").astype(object),
            "sex": np.where(code == "birth", "f", rng.choice(["f", "m"], N)).astype(object),
            "age": np.where(code == "child", rng.integers(0, 10, N), age),
            "days": rng.integers(0, 5, N),
            "amount": amount,
            "extra": 10.0,
            "total": (amount + 10).round(2),
            "billed": billed,
            "allowed": (billed * 0.9).round(2),
            "paid": (billed * 0.72).round(2),
            "duplicates": 0,
            "same_day": 0,
            "days_since_code": np.nan,
            "that_day": 0,
            "days_since": 30,
            "previous": 1,
            "average": 200.0,
        }
    )
    providers = pd.Series(np.repeat([f"P{number:02d}" for number in range(N // 10)], 10))
    return Honest(rows, ROLES, providers, amounts=("amount",))


HONEST = make_honest()
COLUMNS = {
    "days × 3": {"days"},
    "upcoding": {"code", "amount"},
    "amount ordinary elsewhere": {"amount"},
    "code of the other sex": {"code"},
    "code of another age": {"code"},
    "code never seen": {"code"},
    "total not the sum": {"total"},
    "allowed not the usual share": {"allowed", "paid"},
    "near-duplicate": {"duplicates", "same_day", "days_since_code", "that_day"},
    DEARER_PROVIDER: {"amount"},
    **{f"amount × {factor:g}": {"amount"} for factor in (1.5, 2, 3, 6, 20)},
    **{
        f"another row's {name}": {name}
        for name in ("code", "specialty", "sex", "age", "days", "amount", "total", "billed", "allowed", "paid")
    },
}


def plant_here(scheme: str, seed: int = 0, share: float = SHARE) -> Planted:
    return plant(HONEST, scheme, share, seed)


def find_differences(before: pd.DataFrame, after: pd.DataFrame) -> np.ndarray:
    return ~((before == after) | (before.isna() & after.isna())).to_numpy()


class TestSchemes:
    def test_roles_and_columns_that_vary_decide_which_schemes_there_are(self):
        assert set(list_schemes(HONEST)) == set(COLUMNS)
        assert list(list_schemes(Honest(pd.DataFrame({"a": [1, 1], "b": [1, 2]})))) == ["another row's b"]
        assert "another row's age" not in list_schemes(replace(HONEST, swapped=("days",)))

    @pytest.mark.parametrize("scheme", COLUMNS)
    def test_exactly_the_stated_share_and_columns_change(self, scheme):
        planted = plant_here(scheme)
        assert planted.wanted.sum() == N * SHARE
        assert set(planted.columns) == COLUMNS[scheme]
        differences = find_differences(HONEST.rows, planted.rows)
        if scheme != "near-duplicate":  # the whole row is a copy there
            assert np.array_equal(differences, planted.changed)
        assert np.array_equal(differences.any(axis=1), planted.wanted)

    @pytest.mark.parametrize("scheme", COLUMNS)
    def test_the_seed_decides_which_rows(self, scheme):
        one, again, other = plant_here(scheme), plant_here(scheme), plant_here(scheme, seed=1)
        assert one.rows.equals(again.rows)
        assert np.array_equal(one.changed, again.changed)
        assert not np.array_equal(one.wanted, other.wanted)

    @pytest.mark.parametrize("share", [0.005, 0.05])
    def test_other_shares(self, share):
        assert plant_here("upcoding", share=share).wanted.sum() == share * N

    def test_honest_rows_stay_as_they_are(self):
        before = HONEST.rows.copy()
        for scheme in COLUMNS:
            plant_here(scheme)
        assert HONEST.rows.equals(before)


class TestWhatChanges:
    """Literal values on tiny frames: half of two rows is one row."""

    def only(self, rows: dict, roles: Roles, scheme: str, share: float = 0.5, **honest) -> pd.DataFrame:
        frame = pd.DataFrame(rows)
        planted = plant(Honest(frame, roles, **honest), scheme, share, seed=0)
        return planted.rows[planted.wanted]

    def test_an_amount_is_multiplied_and_keeps_its_cents(self):
        assert self.only({"a": [10.01, 0]}, Roles(amount="a"), "amount × 1.5")["a"].tolist() == [15.02]
        assert self.only({"a": [7, 7]}, Roles(amount="a"), "amount × 20")["a"].tolist() == [140]

    def test_days_are_tripled(self):
        assert self.only({"d": [2, 0]}, Roles(days="d"), "days × 3")["d"].tolist() == [6]

    def test_another_value_of_the_column_is_put_there(self):
        planted = plant(Honest(pd.DataFrame({"a": ["x", "x", "x", None]})), "another row's a", 1, seed=0)
        assert planted.rows["a"].tolist() == [None, None, None, "x"]

    def test_upcoding_bills_the_next_more_expensive_code_of_the_specialty(self):
        rows = pd.DataFrame(
            {
                "code": ["low"] * 5 + ["mid"] * 5 + ["top"] * 5 + ["elsewhere"] * 5,
                "who": ["a"] * 15 + ["b"] * 5,
                "amount": [1.0] * 5 + [5.0] * 5 + [9.0] * 5 + [3.0] * 5,
            }
        )
        planted = plant(Honest(rows, Roles("amount", "code", "who")), "upcoding", 0.5, seed=0)
        changed, after = rows[planted.wanted], planted.rows[planted.wanted]
        assert set(zip(changed["code"], after["code"], after["amount"], strict=True)) == {
            ("low", "mid", 5.0),
            ("mid", "top", 9.0),
        }

    def test_an_ordinary_amount_is_not_one_of_its_procedure(self):
        planted = plant_here("amount ordinary elsewhere")
        low, high = HONEST.rows["amount"].quantile([0.25, 0.75])
        for code, rows in planted.rows[planted.wanted].groupby("code"):
            own = HONEST.rows.loc[HONEST.rows["code"] == code, "amount"].quantile([0.005, 0.995])
            assert rows["amount"].between(low, high).all()
            assert not rows["amount"].between(*own).any()

    def test_a_code_does_not_fit_the_sex_or_the_age(self):
        by_sex, by_age = plant_here("code of the other sex"), plant_here("code of another age")
        found = by_sex.rows[by_sex.wanted]
        assert set(zip(found["code"], found["sex"], strict=True)) == {("birth", "m")}
        bands = HONEST.rows.groupby("code")["age"].agg(["min", "max"])
        found = by_age.rows[by_age.wanted].join(bands, on="code")
        assert ((found["age"] < found["min"]) | (found["age"] > found["max"])).all()

    def test_each_new_code_is_another_one(self):
        planted = plant_here("code never seen")
        found = planted.rows.loc[planted.wanted, "code"]
        assert found.is_unique
        assert not set(found) & set(HONEST.rows["code"])

    def test_a_total_is_more_than_its_parts(self):
        planted = plant_here("total not the sum")
        found = planted.rows[planted.wanted]
        assert (found["total"] / (found["amount"] + found["extra"])).between(1.149, 1.601).all()

    def test_the_paid_amount_keeps_its_share_of_the_allowed_one(self):
        planted = plant_here("allowed not the usual share")
        found = planted.rows[planted.wanted]
        shares = found["allowed"] / found["billed"]
        assert (np.isclose(shares, 1) | shares.between(0.299, 0.801)).all()
        assert np.isclose(shares, 1).any()
        assert (found["paid"] / found["allowed"]).to_numpy() == pytest.approx(0.8, abs=1e-3)

    def test_a_claim_billed_again_knows_of_the_first_one(self):
        rows = {
            **{"code": ["x", "y"], "amount": [1_000.0, 1_000.0], "duplicates": [0, 0], "same_day": [0, 0]},
            **{"days_since_code": [np.nan] * 2, "that_day": [0, 0], "days_since": [30, 30], "previous": [1, 1]},
            "average": [200.0, 200.0],
        }
        frame = pd.DataFrame(rows)
        for seed in range(5):
            planted = plant(Honest(frame, replace(ROLES, procedure="code")), "near-duplicate", 0.5, seed)
            copy = planted.rows[planted.wanted].iloc[0]
            assert len(set(planted.rows["code"])) == 1
            assert 960 <= copy["amount"] <= 1_040
            assert (copy["duplicates"], copy["previous"], copy["average"]) == (1, 2, 600)
            assert 0 <= copy["days_since_code"] == copy["days_since"] <= 14
            assert copy["same_day"] == copy["that_day"] == (copy["days_since"] == 0)

    def test_all_bills_of_a_provider_are_dearer(self):
        planted = plant_here(DEARER_PROVIDER)
        wanted = HONEST.providers[planted.wanted]
        assert wanted.value_counts().tolist() == [10, 10]
        ratio = planted.rows["amount"] / HONEST.rows["amount"]
        assert ratio[planted.wanted].to_numpy() == pytest.approx(1.3, abs=1e-3)


class TestRefusals:
    @pytest.mark.parametrize(
        ("scheme", "message"),
        [
            ("days × 3", "No scheme 'days × 3' for these rows and roles. Available: amount × 1.5"),
            ("amount × 3", "50 rows are to be changed, and only 10 can be."),
            ("upcoding", "50 rows are to be changed, and only 0 can be."),
            ("code of the other sex", "No code belongs to one sex or one band of ages."),
            (DEARER_PROVIDER, "No provider has 10 rows."),
        ],
    )
    def test_what_cannot_be_done_is_refused(self, scheme, message):
        rows = pd.DataFrame({"code": ["a"] * 100, "sex": ["f", "m"] * 50, "amount": [5.0] * 10 + [0.0] * 90})
        roles = Roles("amount", "code", "sex", codes=("code",), gender="sex")
        with pytest.raises(NotApplicable, match=message.replace(".", r"\.")):
            plant(Honest(rows, roles, pd.Series(np.arange(100))), scheme, 0.5, seed=0)

    def test_a_score_must_be_given_for_each_row(self):
        with pytest.raises(ValueError, match="one score per row without NaN: expected 1000"):
            measure_detector(lambda data, _: data["days_since_code"], HONEST, ["amount × 2"])


class TestKit:
    def test_a_sixfold_bill_comes_first(self):
        for seed in range(3):
            planted = plant_here("amount × 6", seed, share=0.001)
            scores = score_by_kit(planted.rows, ["code", "specialty", "sex"], ["amount"])
            assert planted.wanted[np.argmax(scores)]

    def test_the_tightest_group_decides(self):
        data = pd.DataFrame(
            {"loose": ["x"] * 100, "tight": ["a"] * 50 + ["b"] * 50, "n": [1.0] * 50 + [9.0] * 49 + [1.0]}
        )
        assert np.argmax(score_by_group(data, "n", ["loose", "tight"])) == 99

    def test_the_median_is_that_of_the_group_and_only_the_spread_is_shrunk(self):
        groups = np.array([0] * 101 + [1, 1, 2])
        values = np.concatenate([np.linspace(-1, 1, 101), [50, 50], [np.nan]])
        median, spread, count = summarize_groups(groups, values)
        assert median[:2].tolist() == [0, 50]
        assert count.tolist() == [101, 2, 0]
        wide, pooled = 1 / 1.35, 1 / 1.35 * 101 / 103
        assert spread[0] == pytest.approx(
            np.sqrt((101 * wide**2 + 5 * pooled**2) / 106) * np.sqrt(1 + 1.57 / 101) + 1e-3
        )
        assert spread[1] == pytest.approx(np.sqrt(5 * pooled**2 / 7) * np.sqrt(1 + 1.57 / 2) + 1e-3)

    def test_a_missing_amount_is_not_suspicious(self):
        data = pd.DataFrame({"code": ["a"] * 10, "n": [*range(9), np.nan]})
        assert score_by_group(data, "n", ["code"])[-1] == 0

    def test_an_unlikely_pair_comes_first(self):
        data = pd.DataFrame({"x": ["a"] * 50 + ["b"] * 51, "y": ["c"] * 50 + ["d"] * 50 + ["c"], "z": ["e"] * 101})
        scores = score_by_pairs(data)
        assert np.argmax(scores) == 100
        assert scores[100] == pytest.approx(np.log((51 * 51 / 101 + 0.5) / 1.5))
        assert score_by_pairs(data, ["z"])[100] == pytest.approx(0)

    def test_numbers_are_in_bins_and_missing_ones_apart(self):
        codes = bin_values(pd.Series([*np.arange(160.0), np.nan]))
        assert np.bincount(codes)[:-1] == pytest.approx(10, abs=1)
        assert (codes == codes[-1]).sum() == 1


class TestMeasures:
    def test_scores_and_reasons_are_judged_by_what_was_changed(self):
        rows = pd.DataFrame({"a": range(4), "b": range(4)})
        changed = np.array([[True, False], [False, True], [False, False], [False, False]])
        parts = np.array([[3.0, 1], [2, 1], [0, 0], [0, 0]])
        measures = measure_scores(Planted(rows, changed), parts.sum(axis=1), parts)
        assert measures == {"average_precision": 1, "auroc": 1, "first_reason": 0.5}
        assert "first_reason" not in measure_scores(Planted(rows, changed), np.arange(4.0), parts)

    def test_place_of_dearer_providers(self):
        changed = np.zeros((30, 1), dtype=bool)
        changed[:10] = True
        planted = Planted(pd.DataFrame({"a": range(30)}), changed, pd.Series(np.repeat(["x", "y", "z"], 10)), True)
        assert rank_changed_providers(planted, np.repeat([2.0, 1, 0], 10)) == 0
        assert measure_scores(planted, np.repeat([1.0, 2, 0], 10))["provider_rank"] == 0.5

    def test_any_detector_can_be_measured(self):
        def detect(data: pd.DataFrame, groups: pd.Series) -> tuple[np.ndarray, pd.DataFrame]:
            assert len(groups) == len(data)
            high = data["amount"] / data.groupby("code")["amount"].transform("median")
            return high.to_numpy(), pd.DataFrame({name: high * (name == "amount") for name in reversed(list(data))})

        table = measure_detector(detect, HONEST, ["amount × 6", "days × 3"], seeds=(0, 1))
        assert table["scheme"].tolist() == ["amount × 6"] * 2 + ["days × 3"] * 2
        assert table["changed"].eq(20).all()
        assert table.loc[:1, ["average_precision", "first_reason"]].to_numpy() == pytest.approx(1)
        assert table.loc[2:, "average_precision"].max() < 0.2


CELLS = [Cell("sample_claims", scheme, 0.02, seed) for seed in (0, 1) for scheme in ("amount × 6", "amount × 2", "fit")]


class TestRuns:
    @pytest.fixture
    def here(self, tmp_path, monkeypatch) -> Namespace:
        monkeypatch.setattr(quality, "load_honest", lambda *_: HONEST)
        monkeypatch.setattr(quality, "AMOUNTS", {"sample_claims": ("amount",)})
        monkeypatch.setattr(quality, "WORK", tmp_path)
        monkeypatch.setattr(quality, "print", lambda *_, **__: None, raising=False)
        quality.plant_cell.cache_clear()
        yield Namespace(again=False, data=tmp_path, rows=None, path=tmp_path / "schemes.parquet")
        quality.plant_cell.cache_clear()

    def measure(self, here: Namespace, *detectors: SchemeDetector) -> pd.DataFrame:
        quality.measure_all([*quality.list_tools(), *detectors], CELLS, here, here.path)
        return pd.DataFrame(quality.read_results(here.path))

    def test_what_is_there_is_not_measured_again(self, here):
        calls = []

        def detect(data: pd.DataFrame, _: pd.Series) -> np.ndarray:
            calls.append(1)
            return data["amount"].to_numpy()

        results = self.measure(here, quality.wrap(detect, "mine", "ours", "1"))
        assert self.measure(here, quality.wrap(detect, "mine", "ours", "1")).equals(results)
        assert len(calls) == 4
        assert len(self.measure(here, quality.wrap(detect, "mine", "ours", "2"))) == len(results)
        assert len(calls) == 8

    def test_a_scheme_that_does_not_apply_is_recorded_with_its_reason(self, here):
        results = self.measure(here)
        assert (
            results.loc[results["scheme"] == "fit", "failed"].str.startswith("No scheme 'fit'").tolist() == [True] * 2
        )
        assert "fit: not applicable. No scheme" in report.notes(results)

    def test_a_detector_that_fails_does_not_end_the_run(self, here):
        results = self.measure(here, quality.wrap(lambda data, _: data["none"], "mine", "ours", "1"))
        failed = results[results["detector"] == "mine"]
        assert failed["failed"].tolist() == ["KeyError: 'none'"] * 4
        assert "- mine failed on Sample claims, amount × 2: KeyError: 'none'" in report.notes(results)

    def test_the_page_copes_with_detectors_that_are_missing(self, here):
        without = self.measure(here)
        assert "no results yet" in report.broken_table(without)
        assert "| amount × 2 |" in report.set_table(without, "sample_claims", "average_precision")
        worst = quality.wrap(lambda data, _: -data["amount"].to_numpy(), "mine", "ours", "1")
        results = self.measure(here, worst)
        tables = report.make_tables(results)
        assert tables["schemes_broken"].count("| mine |") == 2
        assert "kit, tool" in tables["schemes_broken"]
        assert "| amount × 6 | 1.000 | 1.000 (group_z_of_changed) | 0.0" in tables["schemes_precision"]

    def test_results_on_rows_that_are_no_longer_there_are_left_out(self, here):
        results = self.measure(here, quality.wrap(lambda data, _: data["amount"].to_numpy(), "mine", "ours", "1"))
        assert report.drop_stale(results).equals(results)
        stale = (results["detector"] == "kit") & (results["scheme"] == "amount × 2")
        left = report.drop_stale(results.assign(data=results["data"].where(~stale, "other")))
        assert set(left.loc[left["detector"] == "mine", "scheme"]) == {"amount × 6"}
        assert left["failed"].notna().sum() == 2

    def test_only_seeds_of_both_are_compared(self, here):
        results = self.measure(here, quality.wrap(lambda data, _: data["amount"].to_numpy(), "mine", "ours", "1"))
        one_seed = results[(results["detector"] != "mine") | (results["seed"] == 1)]
        table = report.compare_with_tools(one_seed, "mine")
        kit = results[(results["detector"] == "kit") & (results["seed"] == 1)].set_index("scheme")
        assert table["seeds"].eq(1).all()
        assert table.loc[("sample_claims", "amount × 2"), "kit"] == kit.loc["amount × 2", "average_precision"]

    def test_a_detector_can_be_tried_without_keeping_anything(self, here):
        table = quality.run(lambda data, _: data["amount"].to_numpy(), schemes=["amount × *"], folder=here.data)
        assert len(table) == 5
        assert table["per_kit"].to_numpy() == pytest.approx(table["average_precision"] / table["kit"])
        assert not here.path.exists()

    def test_default_cells_are_the_main_rate_and_a_thorough_part(self):
        scheme = quality.THOROUGH["sample_claims"][0]
        assert quality.is_in_default_grid(Cell("sample_claims", "amount × 20", 0.02, 1))
        assert not quality.is_in_default_grid(Cell("sample_claims", "amount × 20", 0.05, 0))
        assert quality.is_in_default_grid(Cell("sample_claims", scheme, 0.005, 4))

    def test_rules(self):
        columns = {"ap": [0.89, 0.9, 0.7, 0.03], "kit": [1, 1, 0.5, 0.04], "tool": [1, 1, 1, 0.04]}
        frame = pd.DataFrame(columns, dtype=float)
        assert report.find_broken_rules(frame["ap"], frame["kit"], frame["tool"]) == ["kit", "", "tool", ""]

    def test_all_of_the_page_is_made_from_the_results(self):
        results = pd.DataFrame(quality.read_results(quality.RESULTS / quality.RESULTS_NAME))
        tables = report.make_tables(results)
        page = report.PAGE.read_text(encoding="utf-8")
        assert [mark for mark in tables if f"<!-- {mark} -->" not in page] == []
        assert "| kit |" in tables["schemes_summary"]
