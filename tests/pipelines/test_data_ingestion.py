"""From raw claims to features, splits and rejected claims."""

from __future__ import annotations

import pandas as pd
import pytest

from claims_fraud.claims import Columns, HistoryParameters, IngestionParameters
from claims_fraud.claims.across_claims import PATIENT_COLUMNS, PROVIDER_COLUMNS
from claims_fraud.claims.history import LAST_CLAIMS
from claims_fraud.claims.rows import typed_claims
from claims_fraud.claims.sample import generate_claims
from claims_fraud.claims.tables import features_schema
from claims_fraud.errors import InputError
from claims_fraud.pipelines.data_ingestion.nodes import (
    check_claims,
    check_new_claims,
    derive_claim_features,
    derive_new_claim_features,
    keep_new_claim_features,
    separate_rejected_claims,
    separate_rejected_new_claims,
    split_features,
)

COLUMNS = Columns(
    procedure=None,
    categorical=("code",),
    numeric=("claim_amount", "days_since_last_claim", "num_previous_claims", "average_claim_amount"),
    protected=[],
)
YEAR = HistoryParameters()
LENIENT = IngestionParameters(max_rejected_fraction=0.9)


def claims(**columns: list) -> pd.DataFrame:
    rows = len(next(iter(columns.values())))
    base = {
        "claim_id": [f"c{number}" for number in range(rows)],
        "claim_date": pd.date_range("2025-01-01", periods=rows),
        "patient_id": ["p"] * rows,
        "provider_id": ["d"] * rows,
        "code": ["x"] * rows,
        "claim_amount": [float(10 * (number + 1)) for number in range(rows)],
    }
    return pd.DataFrame({**base, **columns})


@pytest.fixture
def small_batches(monkeypatch):
    monkeypatch.setattr("claims_fraud.frames.on_pandas.BATCH_ROWS", 2)


def separate(
    raw: pd.DataFrame, parameters: IngestionParameters = LENIENT, as_of: str = "2026-06-30"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    return separate_rejected_claims(check_claims(raw, COLUMNS, parameters, as_of), COLUMNS, parameters)


class TestCheckClaims:
    def test_every_row_is_as_it_came_with_the_rules_that_it_breaks(self):
        raw = claims(claim_amount=["10", "-1", "x"], remark=["a", "b", "c"])
        before = raw.copy()
        checked = check_claims(raw, COLUMNS, LENIENT, "2026-06-30")
        pd.testing.assert_frame_equal(checked.drop(columns="rejection_reasons"), before)
        pd.testing.assert_frame_equal(raw, before)
        assert checked["rejection_reasons"].tolist() == [
            None,
            "claim_amount is negative",
            "claim_amount is not a number",
        ]

    def test_a_missing_column_is_named(self):
        with pytest.raises(InputError, match="column 'code' is not in the claims"):
            check_claims(claims(code=["x"]).drop(columns="code"), COLUMNS, LENIENT, "2026-06-30")

    def test_claims_that_were_rejected_before_get_the_reasons_of_today(self):
        raw = claims(claim_amount=[10.0, -1.0], rejection_reasons=["of then", "of then"])
        checked = check_claims(raw, COLUMNS, LENIENT, "2026-06-30")
        assert sorted(checked) == sorted(raw)
        assert checked["rejection_reasons"].tolist() == [None, "claim_amount is negative"]


class TestSeparateRejectedClaims:
    def test_every_row_is_valid_or_rejected_with_a_reason(self):
        raw = claims(claim_amount=[10.0, -1.0, 20.0], remark=["a", "b", "c"])
        before = raw.copy()
        valid, rejected = separate(raw)
        assert valid["claim_id"].tolist() == ["c0", "c2"]
        assert rejected["claim_id"].tolist() == ["c1"]
        assert rejected["rejection_reasons"].tolist() == ["claim_amount is negative"]
        assert rejected["remark"].tolist() == ["b"]
        pd.testing.assert_frame_equal(raw, before)

    def test_today_is_given(self):
        raw = claims(claim_date=pd.to_datetime(["2025-01-01", "2025-01-02"]))
        _, rejected = separate(raw, as_of="2025-01-01")
        assert rejected["rejection_reasons"].tolist() == ["claim_date is after 2025-01-01"]

    def test_batches_give_what_the_whole_does(self, request):
        raw = claims(
            claim_id=["a", "b", "a", "c", "d", "d", "e"], claim_amount=["1", None, "2.5", "-1", 3, 3, "x"], code=None
        )
        raw.loc[5] = raw.loc[4]
        whole = separate(raw)
        request.getfixturevalue("small_batches")
        for part, expected in zip(separate(raw), whole, strict=True):
            pd.testing.assert_frame_equal(part, expected)
        assert whole[1]["claim_id"].tolist() == ["a", "a", "c", "d", "e"]

    @pytest.mark.usefixtures("small_batches")
    def test_what_is_wrong_is_counted_over_all_batches(self):
        raw = claims(claim_amount=[1.0, 2.0, 3.0, -4.0, -5.0])
        message = (
            r"2 of 5 claims are rejected, and 5 % may be .*: claim_amount is negative \(2\)\. For example claim_id 'c3'"
        )
        with pytest.raises(InputError, match=message):
            separate(raw, IngestionParameters())

    @pytest.mark.usefixtures("small_batches")
    def test_a_column_is_of_the_wrong_kind_only_if_it_is_over_all_batches(self):
        with pytest.raises(InputError, match="'claim_amount' is not a number in 3 of 5 rows, for example 'x'"):
            separate(claims(claim_amount=[1, 2, "x", "y", "z"]))
        _, rejected = separate(claims(claim_amount=[1, 2, 3, "y", "z"]))
        assert rejected["claim_id"].tolist() == ["c3", "c4"]


class TestDeriveClaimFeatures:
    def test_history_is_of_earlier_claims_of_the_patient(self):
        valid = claims(patient_id=["p", "q", "p"])
        before = valid.copy()
        features = derive_claim_features(valid, COLUMNS, YEAR)
        assert features["num_previous_claims"].tolist() == [0.0, 0.0, 1.0]
        assert features["days_since_last_claim"].tolist()[2] == 2.0
        assert features["average_claim_amount"].tolist()[2] == 10.0
        pd.testing.assert_frame_equal(valid, before)

    def test_history_looks_back_over_the_window(self, caplog):
        valid = claims(patient_id=["p", "p", "p"])
        with caplog.at_level("INFO"):
            features = derive_claim_features(valid, COLUMNS, HistoryParameters(window_days=1))
        assert features["num_previous_claims"].tolist() == [0.0, 1.0, 1.0]
        assert features["average_claim_amount"].tolist()[1:] == [10.0, 20.0]
        assert features["history_complete"].tolist() == [False, True, True]
        assert caplog.messages == ["History looks back 1 days: it is complete for claims from 2025-01-02 on"]

    def test_where_no_history_is_derived_none_is_incomplete(self, caplog):
        columns = Columns(procedure=None, categorical=("code",), numeric=("claim_amount",), protected=[])
        given = {"days_since_last_claim": 1.0, "num_previous_claims": 1.0, "average_claim_amount": 1.0}
        with caplog.at_level("INFO"):
            for features in (
                derive_claim_features(claims(code=["x", "x"]), columns, YEAR),
                derive_claim_features(claims(code=["x", "x"], **given), COLUMNS, YEAR),
            ):
                assert features["history_complete"].tolist() == [True, True]
        assert caplog.messages == []


class TestSplitFeatures:
    def test_oldest_train_and_newest_test(self):
        features = claims(code=["x"] * 10)
        before = features.copy()
        parts = split_features(features, COLUMNS, IngestionParameters(validation_fraction=0.2, test_fraction=0.1))
        assert [part["claim_id"].tolist() for part in parts] == [[f"c{n}" for n in range(7)], ["c7", "c8"], ["c9"]]
        pd.testing.assert_frame_equal(features, before)

    def test_batches_give_what_the_whole_does(self, request):
        features, parameters = claims(code=["x"] * 10), IngestionParameters(validation_fraction=0.2, test_fraction=0.1)
        whole = split_features(features, COLUMNS, parameters)
        request.getfixturevalue("small_batches")
        for part, expected in zip(split_features(features, COLUMNS, parameters), whole, strict=True):
            pd.testing.assert_frame_equal(part, expected)


class TestDeriveNewClaimFeatures:
    known = derive_claim_features(claims(claim_id=["a", "b"]), COLUMNS, YEAR)

    def new(self, claim_id: str, day: str, amount: float = 100.0) -> pd.DataFrame:
        return claims(claim_id=[claim_id], claim_date=[pd.Timestamp(day)], claim_amount=[amount])

    def test_what_was_learned_from_is_history(self):
        batch = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        assert batch["num_previous_claims"].tolist() == [2.0]
        assert batch["days_since_last_claim"].tolist() == [3.0]
        assert batch["average_claim_amount"].tolist() == [15.0]

    def test_an_earlier_batch_is_history_too(self):
        first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        batch = derive_new_claim_features(self.new("n2", "2025-01-06"), self.known, first, COLUMNS, YEAR)
        assert batch["claim_id"].tolist() == ["n2"]
        assert batch["num_previous_claims"].tolist() == [3.0]
        assert batch["days_since_last_claim"].tolist() == [1.0]

    def test_a_claim_that_comes_again_replaces_itself(self):
        first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        batch = derive_new_claim_features(self.new("n1", "2025-01-06", 70.0), self.known, first, COLUMNS, YEAR)
        assert batch["claim_id"].tolist() == ["n1"]
        assert batch["claim_amount"].tolist() == [70.0]
        assert batch["num_previous_claims"].tolist() == [2.0]

    def test_a_new_claim_that_was_since_learned_from_counts_once(self):
        first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        learned = derive_claim_features(
            pd.concat([claims(claim_id=["a", "b"]), self.new("n1", "2025-01-05")]), COLUMNS, YEAR
        )
        batch = derive_new_claim_features(self.new("n2", "2025-01-06"), learned, first, COLUMNS, YEAR)
        assert batch["num_previous_claims"].tolist() == [3.0]

    def test_claims_of_a_batch_are_each_others_history(self):
        new = claims(
            claim_id=["n2", "n1"], claim_date=pd.to_datetime(["2025-01-09", "2025-01-05"]), claim_amount=[90.0, 60.0]
        )
        batch = derive_new_claim_features(new, self.known, None, COLUMNS, YEAR)
        assert batch["claim_id"].tolist() == ["n2", "n1"]
        assert batch["num_previous_claims"].tolist() == [3.0, 2.0]
        assert batch["average_claim_amount"].tolist() == [30.0, 15.0]

    def test_claims_of_other_patients_are_no_history(self):
        new = self.new("n1", "2025-01-05").assign(patient_id="another")
        batch = derive_new_claim_features(new, self.known, None, COLUMNS, YEAR)
        assert batch["num_previous_claims"].tolist() == [0.0]
        assert batch["days_since_last_claim"].isna().all()

    def test_a_claim_without_patient_has_no_history(self):
        known = self.known.assign(patient_id=None)
        batch = derive_new_claim_features(
            self.new("n1", "2025-01-05").assign(patient_id=None), known, None, COLUMNS, YEAR
        )
        assert batch["claim_id"].tolist() == ["n1"]
        assert batch["num_previous_claims"].isna().all()

    def test_columns_are_those_of_the_features_learned_from_in_the_same_kinds(self):
        batch = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        pd.testing.assert_series_equal(batch.dtypes, self.known.dtypes)

    def test_the_claims_ingested_for_training_say_where_history_begins(self):
        window = HistoryParameters(window_days=30)
        days = pd.to_datetime(["2025-01-30", "2025-01-31", "2024-12-01"])
        new = claims(claim_id=["n1", "n2", "n3"], claim_date=days)
        batch = derive_new_claim_features(new, self.known, None, COLUMNS, window)
        assert batch["history_complete"].tolist() == [False, True, False]
        assert batch["num_previous_claims"].tolist() == [2.0, 3.0, 0.0]

    def test_leaves_its_inputs_alone(self):
        first = derive_new_claim_features(self.new("n1", "2025-01-05"), self.known, None, COLUMNS, YEAR)
        inputs = (self.new("n1", "2025-01-06"), self.known, first)
        before = [frame.copy() for frame in inputs]
        derive_new_claim_features(*inputs, COLUMNS, YEAR)
        for frame, earlier in zip(inputs, before, strict=True):
            pd.testing.assert_frame_equal(frame, earlier)

    def test_the_batch_is_kept_in_its_order_for_the_table_of_all(self):
        batch = claims(claim_id=["b", "a"])
        for earlier in (None, batch):
            found = derive_new_claim_features(batch, batch.head(0), earlier, COLUMNS, YEAR)
            assert found["claim_id"].tolist() == ["b", "a"]
            pd.testing.assert_frame_equal(keep_new_claim_features(found), found)


class TestCheckNewClaims:
    """What new rows are beside known claims."""

    columns = Columns(
        claim_date="day", procedure="code", categorical=("code",), numeric=("claim_amount",), protected=[],
        updated_at="written",
    )  # fmt: skip

    def rows(self, *rows: tuple) -> pd.DataFrame:
        """Return rows of id, day, amount and when they were written, of one patient, provider and code."""
        names = ["claim_id", "day", "claim_amount", "written"]
        return pd.DataFrame(rows, columns=names).assign(patient_id="p", provider_id="d", code="x")

    def known(self, *rows: tuple) -> pd.DataFrame:
        return typed_claims(self.rows(*rows), self.columns)[0]

    def aside(self, new: pd.DataFrame, known: pd.DataFrame, earlier: pd.DataFrame | None = None) -> dict[str, str]:
        checked = check_new_claims(new, known, earlier, self.columns, LENIENT, "2026-06-30")
        assert checked.columns.tolist() == [*new.columns, "rejection_reasons"]
        assert checked["claim_id"].tolist() == new["claim_id"].tolist()
        return {
            str(one): why for one, why in zip(checked["claim_id"], checked["rejection_reasons"], strict=True) if why
        }

    def test_a_reversal_of_a_known_claim_is_set_aside(self):
        known = self.known(("a", "2025-01-01", 10, None), ("b", "2025-01-02", 10, None))
        assert self.aside(self.rows(("r", "2025-01-02", -10, None)), known) == {"r": "reverses b"}

    def test_claims_of_earlier_batches_are_known_too(self):
        known, earlier = self.known(("a", "2025-01-01", 10, None)), self.known(("b", "2025-01-02", 10, None))
        assert self.aside(self.rows(("r", "2025-01-02", -10, None)), known, earlier) == {"r": "reverses b"}

    def test_a_claim_of_the_batch_comes_first(self):
        known = self.known(("a", "2025-01-01", 10, None))
        new = self.rows(("b", "2025-01-01", 10, None), ("r", "2025-01-01", -10, None))
        assert self.aside(new, known) == {"b": "reversed by r", "r": "reverses b"}

    def test_each_reversal_takes_back_one(self):
        known = self.known(*((one, "2025-01-01", 10, None) for one in "ab"))
        new = self.rows(*((one, "2025-01-01", -10, None) for one in ("s", "r", "t")))
        assert self.aside(new, known) == {"r": "reverses a", "s": "reverses b", "t": "claim_amount is negative"}

    def test_a_batch_that_comes_again_says_the_same(self):
        known, new = self.known(("a", "2025-01-01", 10, None)), self.rows(("r", "2025-01-01", -10, None))
        assert self.aside(new, known) == self.aside(new, known) == {"r": "reverses a"}

    def test_an_older_version_than_the_known_one_is_superseded(self):
        known = self.known(*((one, "2025-01-01", 10, "2025-02-02") for one in "abcd"))
        stamps = {"a": "2025-02-01", "b": "2025-02-02", "c": "2025-02-03", "d": None, "e": None}
        new = self.rows(*((one, "2025-01-01", 11, stamp) for one, stamp in stamps.items()))
        said = "superseded by a later row of this claim_id that came before"
        assert self.aside(new, known) == {"a": said, "d": said}

    def test_ids_are_compared_as_ingestion_brings_them_to_text(self):
        known = self.known((7, "2025-01-01", 10, "2025-02-02"))
        new = self.rows((7, "2025-01-01", 11, "2025-02-01"), (8, "2025-01-01", -10, None))
        assert list(self.aside(new, known)) == ["7", "8"]

    def test_a_claim_that_is_reversed_is_history_no_more(self):
        columns = Columns(
            procedure="code", categorical=("code",), numeric=("claim_amount", "num_previous_claims"), protected=[]
        )
        known = derive_claim_features(claims(claim_id=["a", "b"], claim_amount=[10.0, 20.0]), columns, YEAR)
        new = claims(
            claim_id=["r", "n"], claim_date=pd.to_datetime(["2025-01-01", "2025-01-05"]), claim_amount=[-10.0, 5]
        )
        checked = check_new_claims(new, known, None, columns, LENIENT, "2026-06-30")
        valid, rejected = separate_rejected_new_claims(checked, columns, LENIENT)
        batch = derive_new_claim_features(valid, known, None, columns, YEAR, rejected)
        assert batch[["claim_id", "num_previous_claims"]].values.tolist() == [["n", 1.0]]

    def test_a_batch_may_be_nothing_but_reversals(self):
        known = self.known(("a", "2025-01-01", 10, None))
        new = self.rows(("r", "2025-01-01", -10, None))
        checked = check_new_claims(new, known, None, self.columns, IngestionParameters(), "2026-06-30")
        valid, rejected = separate_rejected_new_claims(checked, self.columns, IngestionParameters())
        assert (len(valid), len(rejected)) == (0, 1)
        with pytest.raises(InputError, match="all 1 claims are superseded or reversed"):
            separate_rejected_claims(checked, self.columns, IngestionParameters())

    def test_rows_that_are_all_wrong_are_refused_as_ever(self):
        new = self.rows(("r", "2025-01-01", -10, None))
        checked = check_new_claims(new, self.known(), None, self.columns, IngestionParameters(), "2026-06-30")
        with pytest.raises(InputError, match="claim_amount is negative"):
            separate_rejected_new_claims(checked, self.columns, IngestionParameters())


class TestAcrossClaims:
    columns = Columns(
        procedure="code",
        categorical=("code",),
        numeric=("claim_amount", *PATIENT_COLUMNS, *PROVIDER_COLUMNS),
        protected=[],
    )
    derived = (*PATIENT_COLUMNS, "possible_duplicate_of", *PROVIDER_COLUMNS)

    def test_of_the_patients_and_the_providers_earlier_claims(self):
        valid = claims(
            patient_id=["p", "q", "p"],
            provider_id=["d", "d", "e"],
            claim_date=pd.to_datetime(["2025-01-01"] * 3),
            claim_amount=[100.0, 100.0, 101.5],
        )
        features = derive_claim_features(valid, self.columns, YEAR)
        assert list(features) == features_schema(self.columns, valid.columns).names
        assert features["patient_providers_90_days"].tolist() == [1.0, 1.0, 2.0]
        assert features["possible_duplicate_of"].tolist() == [None, None, "c0"]
        assert features["provider_new_patients_that_day"].tolist() == [1.0, 2.0, 1.0]
        assert features["provider_claims_that_day"].tolist() == [0.0, 1.0, 0.0]

    def test_increments_give_what_one_load_does(self):
        columns = Columns(numeric=(*Columns().numeric, "provider_claims_that_day"))
        sample, _ = generate_claims(1_000, seed=5)
        raw = sample.drop(columns=list(LAST_CLAIMS)).sort_values("claim_date", ignore_index=True)
        sample, _ = typed_claims(raw, columns)
        day = sample["claim_date"].dt.normalize()
        known, first, second = (sample[part] for part in (day < day[500], day.eq(day[500]), day > day[500]))
        at_once = derive_claim_features(sample, columns, YEAR)
        features = derive_claim_features(known, columns, YEAR)
        new = derive_new_claim_features(first, features, None, columns, YEAR)
        newer = derive_new_claim_features(second, features, new, columns, YEAR)
        pd.testing.assert_frame_equal(pd.concat([features, new, newer], ignore_index=True), at_once)
        assert at_once["possible_duplicates"].sum() > 0

    def test_new_claims_of_a_known_provider_by_an_unknown_patient(self):
        known = derive_claim_features(claims(claim_id=["a", "b"], patient_id=["p", "q"]), self.columns, YEAR)
        new = claims(claim_id=["n1", "n2"], patient_id=["r", "p"], claim_date=pd.to_datetime(["2025-01-05"] * 2))
        batch = derive_new_claim_features(new, known, None, self.columns, YEAR)
        assert batch["provider_new_patients_that_day"].tolist() == [1.0, 1.0]
        assert batch["provider_claims_that_day"].tolist() == [0.0, 1.0]

    def test_columns_that_the_data_has_are_kept(self):
        given = claims(provider_claims_that_day=[7.0], provider_new_patients_that_day=[8.0], possible_duplicates=[9.0])
        features = derive_claim_features(given, self.columns, YEAR)
        assert features[list(given)].to_dict("list") == given.to_dict("list")


class TestPipeline:
    def test_features_have_a_row_a_valid_claim_and_the_roles_as_columns(self, finished):
        features = finished.table("04_feature/features.parquet")
        rejected = finished.table("02_intermediate/rejected_claims.parquet")
        raw = finished.table("01_raw/claims_train.parquet")
        assert len(features) + len(rejected) == len(raw) == 1_000
        assert features["claim_id"].tolist() == raw["claim_id"].tolist()
        columns = Columns()
        assert set(features) == {*columns.roles, "possible_duplicate_of", "history_complete"}
        assert list(rejected) == [*raw, "rejection_reasons"]

    def test_splits_are_all_features_in_the_order_of_time(self, finished):
        parts = [finished.table(f"04_feature/features_{part}.parquet") for part in ("train", "validation", "test")]
        assert pytest.approx([0.7, 0.15, 0.15], abs=0.01) == [len(part) / 1_000 for part in parts]
        ids = pd.concat(parts)["claim_id"]
        assert sorted(ids) == sorted(finished.table("04_feature/features.parquet")["claim_id"])
        train, validation, test = (part["claim_date"] for part in parts)
        assert train.max() < validation.min()
        assert validation.max() < test.min()

    def test_bad_rows_and_unknown_columns_are_kept_as_they_came(self, copied, write_claims):
        raw = copied.table("01_raw/claims_train.parquet").assign(remark="urgent")
        raw.loc[[3, 5], "claim_amount"] = -1.0
        path = write_claims(raw)
        assert copied.run("--pipelines=data_ingestion", params=f"raw_claims={path}") == (0, "")
        rejected = copied.table("02_intermediate/rejected_claims.parquet")
        assert rejected["claim_id"].tolist() == raw["claim_id"].iloc[[3, 5]].tolist()
        assert rejected["remark"].tolist() == ["urgent", "urgent"]
        assert "remark" not in copied.table("04_feature/features.parquet")

    def test_the_patient_decides_the_split_where_asked(self, copied):
        assert copied.run("--pipelines=data_ingestion", params="data_ingestion.split_by=patient") == (0, "")
        parts = [copied.table(f"04_feature/features_{part}.parquet") for part in ("train", "validation", "test")]
        patients = [set(part["patient_id"]) for part in parts]
        assert patients[0].isdisjoint(patients[1] | patients[2])
        assert patients[1].isdisjoint(patients[2])

    def test_csv_gives_the_features_of_parquet(self, copied, write_claims):
        path = write_claims(copied.table("01_raw/claims_train.parquet"), "claims.csv")
        before = copied.table("04_feature/features.parquet")
        assert copied.run("--pipelines=data_ingestion", params=f"raw_claims={path}") == (0, "")
        pd.testing.assert_frame_equal(copied.table("04_feature/features.parquet"), before)
