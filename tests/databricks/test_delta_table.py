"""Delta tables as catalog entries, on real Delta: modes, schema changes, what an overwrite keeps, time travel."""

from __future__ import annotations

import logging
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DatasetError, Version

from claims_fraud.errors import InputError

CATALOG = "dev_fraud_detection"


@pytest.fixture
def table(spark, schema):
    """Return a function that makes the entry of a table in a schema of the test's own."""
    from claims_fraud.datasets.delta_table import DeltaTableDataset

    def make(**options):
        return DeltaTableDataset(
            **{"catalog": CATALOG, "database": schema, "table": "claims", "made_by": "data_ingestion", **options}
        )

    yield make
    spark.sql(f"DROP SCHEMA IF EXISTS {CATALOG}.{schema} CASCADE")


@pytest.fixture
def folder(spark, schema):
    """Return the folder of the table ``claims`` in the local metastore, in a schema that is there."""
    spark.sql(f"CREATE SCHEMA {CATALOG}.{schema}")
    described = spark.sql(f"DESCRIBE SCHEMA {CATALOG}.{schema}").collect()
    (location,) = [row[1] for row in described if row[0] == "Location"]
    return Path(location.removeprefix("file:")) / "claims"


def claims(**columns: list) -> pd.DataFrame:
    return pd.DataFrame({"claim_id": ["a", "b"], "amount": [1.0, 2.0], **columns})


def rows(dataset) -> list[tuple]:
    return sorted((tuple(row) for row in dataset.load().collect()), key=str)


def detail(spark, dataset):
    return spark.sql(f"DESCRIBE DETAIL {dataset.name}").first()


class TestModes:
    def test_overwrite_leaves_what_was_saved_last(self, table):
        dataset = table()
        dataset.save(claims())
        dataset.save(claims(amount=[3.0, 4.0]))
        assert rows(dataset) == [("a", 3.0), ("b", 4.0)]

    def test_append_adds(self, table):
        dataset = table(write_mode="append")
        dataset.save(claims())
        dataset.save(claims(claim_id=["c", "d"]))
        assert [row[0] for row in rows(dataset)] == ["a", "b", "c", "d"]

    def test_append_with_a_key_adds_nothing_twice(self, table):
        dataset = table(write_mode="append", primary_key="claim_id")
        dataset.save(claims())
        dataset.save(claims(claim_id=["b", "c"], amount=[9.0, 9.0]))
        assert rows(dataset) == [("a", 1.0), ("b", 2.0), ("c", 9.0)]

    @pytest.mark.parametrize("there", [False, True])
    def test_appending_with_a_key_at_once_loses_nothing(self, table, there):
        keyed = {"write_mode": "append", "primary_key": ["claim_id", "of"]}
        names = ["a", "b", "c"]
        if there:
            table(**keyed).save(claims(of="first"))
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda name: table(**keyed).save(claims(of=name)), names))
        found = [row["of"] for row in table().load().select("of").distinct().collect()]
        assert sorted(found) == [*names, *(["first"] if there else [])]
        assert table().load().count() == 2 * len(found)

    def test_upsert_replaces_by_key_and_keeps_the_others(self, table):
        dataset = table(write_mode="upsert", primary_key=["claim_id"])
        dataset.save(claims())
        dataset.save(claims(claim_id=["b", "c"], amount=[9.0, 9.0]))
        assert rows(dataset) == [("a", 1.0), ("b", 9.0), ("c", 9.0)]

    def test_upsert_of_a_null_key_replaces_that_of_the_null_key(self, table):
        dataset = table(write_mode="upsert", primary_key="claim_id")
        dataset.save(claims(claim_id=["a", None]))
        dataset.save(claims(claim_id=["b", None], amount=[3.0, 9.0]))
        assert [row[1] for row in dataset.load().orderBy("amount").collect()] == [1.0, 3.0, 9.0]

    def test_upsert_refuses_a_key_that_comes_twice(self, table):
        dataset = table(write_mode="upsert", primary_key="claim_id")
        with pytest.raises(DatasetError, match="the rows to save have a claim_id more than once"):
            dataset.save(claims(claim_id=["a", "a"]))

    @pytest.mark.parametrize(("mode", "key"), [("overwrite", None), ("append", "claim_id"), ("upsert", "claim_id")])
    def test_saving_twice_changes_nothing(self, table, mode, key):
        dataset = table(write_mode=mode, primary_key=key)
        dataset.save(claims())
        dataset.save(claims())
        assert rows(dataset) == [("a", 1.0), ("b", 2.0)]

    def test_overwriting_at_once_leaves_the_rows_of_one(self, table):
        table().save(claims(of="first"))
        with ThreadPoolExecutor(3) as threads:
            list(threads.map(lambda name: table().save(claims(of=name)), ["a", "b", "c"]))
        found = rows(table())
        assert len(found) == 2
        assert found[0][2] == found[1][2] != "first"

    def test_what_was_made_of_an_earlier_version_is_refused(self, table):
        mine = table()
        mine.save(claims())
        mine.expect(mine.data_version())
        table().save(claims(amount=[3.0, 4.0]))
        with pytest.raises(DatasetError, match=r"was saved by another run while .* version 0 was read"):
            mine.save(claims(amount=[9.0, 9.0]))
        assert rows(mine) == [("a", 3.0), ("b", 4.0)]
        mine.expect(mine.data_version())
        mine.save(claims(amount=[9.0, 9.0]))
        assert rows(mine) == [("a", 9.0), ("b", 9.0)]

    def test_a_save_between_look_and_commit_is_put_back(self, table, monkeypatch):
        mine = table()
        mine.save(claims())
        mine.expect(mine.data_version())
        save_rows = mine._save_rows

        def after_somebody_else(frame, attempts):
            table().save(claims(amount=[3.0, 4.0]))
            save_rows(frame, attempts)

        monkeypatch.setattr(mine, "_save_rows", after_somebody_else)
        with pytest.raises(DatasetError, match="was saved by another run"):
            mine.save(claims(amount=[9.0, 9.0]))
        assert rows(mine) == [("a", 3.0), ("b", 4.0)]

    def test_a_table_that_was_not_there_may_not_be_there_by_now(self, table):
        mine = table()
        mine.expect(None)
        table().save(claims())
        with pytest.raises(DatasetError, match=r"another run .* \(no table was read, Delta version 0 is there now\)"):
            mine.save(claims(amount=[9.0, 9.0]))

    def test_a_table_may_be_overwritten_with_what_is_made_of_it(self, table):
        dataset = table()
        dataset.save(claims())
        dataset.save(dataset.load().where("claim_id = 'a'"))
        assert rows(dataset) == [("a", 1.0)]


class TestDefinition:
    def test_clustering_comments_and_properties_stay(self, spark, table):
        dataset = table(cluster_by=["claim_id"], comment="It's claims", constraints={"positive": "amount >= 0"})
        from claims_fraud.datasets.delta_table import _as_spark

        dataset.save(_as_spark(claims()).withMetadata("claim_id", {"comment": "Identifies a claim's row"}))
        spark.sql(f"ALTER TABLE {dataset.name} SET TBLPROPERTIES ('team' = 'siu')")
        dataset.save(claims())
        found = detail(spark, dataset)
        assert found["clusteringColumns"] == ["claim_id"]
        assert found["description"] == "It's claims"
        assert found["properties"]["team"] == "siu"
        assert found["properties"]["delta.constraints.positive"] == "amount >= 0"
        assert spark.table(dataset.name).schema["claim_id"].metadata["comment"] == "Identifies a claim's row"

    def test_rows_that_break_a_constraint_are_refused_and_the_table_is_as_it_was(self, table):
        dataset = table(constraints={"positive": "amount >= 0"})
        dataset.save(claims())
        with pytest.raises(DatasetError, match="amount >= 0"):
            dataset.save(claims(amount=[-1.0, 5.0]))
        assert rows(dataset) == [("a", 1.0), ("b", 2.0)]

    def test_constraints_that_a_cut_creation_left_out_are_added(self, spark, table):
        table().save(claims())
        table(constraints={"positive": "amount >= 0"}).save(claims())
        assert detail(spark, table())["properties"]["delta.constraints.positive"] == "amount >= 0"

    @pytest.mark.parametrize("kept", ["nothing", "*.parquet", "*"])
    def test_a_creation_that_was_cut_short_is_repeated(self, table, folder, kept):
        table(table="other").save(claims(amount=[8.0, 9.0]))
        for path in (folder.parent / "other").rglob(kept):
            if path.is_file():
                target = folder / path.relative_to(folder.parent / "other")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)
        left = sorted(path.name for path in folder.rglob("*.parquet"))
        dataset = table()
        dataset.save(claims())
        assert rows(dataset) == [("a", 1.0), ("b", 2.0)]
        # Renamed, never deleted.
        assert sorted(path.name for path in folder.parent.glob("claims.unfinished_*/**/*.parquet")) == left

    def test_a_first_save_that_breaks_a_constraint_leaves_no_table(self, table):
        dataset = table(constraints={"positive": "amount > 0"})
        with pytest.raises(DatasetError, match="amount > 0"):
            dataset.save(claims(amount=[1.0, -1.0]))
        assert not dataset.exists()

    def test_columns_may_have_any_name(self, table):
        dataset = table(cluster_by=["claim id"], write_mode="upsert", primary_key="claim id")
        odd = pd.DataFrame({"claim id": ["a"], "amount, paid": [1.0]})
        dataset.save(odd)
        dataset.save(odd)
        assert dataset.load().columns == ["claim id", "amount, paid"]

    def test_clustering_by_a_column_that_is_not_there_is_refused(self, table):
        with pytest.raises(DatasetError, match="cluster_by names claim_date, which the data lacks"):
            table(cluster_by=["claim_date"]).save(claims())

    @pytest.mark.parametrize("part", ["catalog", "database", "table"])
    @pytest.mark.parametrize("name", ["a.b", "a`b", "a b", "a;DROP TABLE x", ""])
    def test_names_are_checked_before_they_enter_sql(self, table, part, name):
        with pytest.raises(InputError, match="is no name of a catalog, schema or table"):
            table(**{part: name})

    @pytest.mark.parametrize("part", ["database", "table"])
    def test_a_hyphen_is_refused_where_spark_refuses_it(self, table, part):
        with pytest.raises(InputError, match="has a hyphen, which Unity Catalog takes and spark_catalog does not"):
            table(catalog="spark_catalog", **{part: "my-claims"})
        assert table(catalog="main", **{part: "my-claims"}).name.count("-") == 1

    def test_a_missing_schema_is_created_only_where_allowed(self, spark, schema, table):
        with pytest.raises(DatasetError, match="and create_schema is false"):
            table(create_schema=False).save(claims())
        spark.sql(f"CREATE SCHEMA {CATALOG}.{schema}")
        table(create_schema=False).save(claims())
        assert len(rows(table())) == 2

    def test_an_unknown_way_to_change_columns_is_refused(self, table):
        with pytest.raises(DatasetError, match="schema_changes is 'often'; allowed are refuse, merge, replace"):
            table(schema_changes="often")


class TestSchemaChanges:
    @pytest.mark.parametrize(("mode", "key"), [("overwrite", None), ("append", None), ("upsert", "claim_id")])
    def test_a_new_column_is_refused_by_default_and_named(self, table, mode, key):
        dataset = table(write_mode=mode, primary_key=key)
        dataset.save(claims())
        with pytest.raises(DatasetError, match="or of another type: kind string"):
            dataset.save(claims(kind=["x", "y"]))
        assert rows(dataset) == [("a", 1.0), ("b", 2.0)]

    @pytest.mark.parametrize(("mode", "key"), [("overwrite", None), ("append", None), ("upsert", "claim_id")])
    def test_a_new_column_is_added_where_merging_is_allowed(self, table, mode, key):
        table(write_mode=mode, primary_key=key).save(claims())
        dataset = table(write_mode=mode, primary_key=key, schema_changes="merge")
        dataset.save(claims(kind=["x", "y"]))
        assert dataset.load().columns == ["claim_id", "amount", "kind"]
        assert ("b", 2.0, "y") in rows(dataset)

    def test_another_type_is_never_merged(self, table):
        dataset = table(schema_changes="merge")
        dataset.save(claims())
        with pytest.raises(DatasetError, match=r"amount \(double, now string\)"):
            dataset.save(claims(amount=["1", "2"]))

    def test_a_column_that_is_gone_becomes_null_and_is_told(self, table, caplog):
        caplog.set_level(logging.WARNING, logger="claims_fraud")
        dataset = table()
        dataset.save(claims())
        dataset.save(claims()[["claim_id"]])
        assert rows(dataset) == [("a", None), ("b", None)]
        assert caplog.messages == [f"{dataset.name}: columns amount of the table are not in the data and become null"]

    def test_replace_takes_the_columns_of_the_data_and_keeps_the_rest(self, spark, table):
        dataset = table(schema_changes="replace", cluster_by=["claim_id"], comment="Claims")
        dataset.save(claims())
        spark.sql(f"ALTER TABLE {dataset.name} ALTER COLUMN claim_id COMMENT 'Identifies'")
        spark.sql(f"ALTER TABLE {dataset.name} SET TBLPROPERTIES ('team' = 'siu')")
        dataset.save(pd.DataFrame({"claim_id": ["a"], "odd name": ["x"]}))
        assert dataset.load().columns == ["claim_id", "odd name"]
        found = detail(spark, dataset)
        assert (found["clusteringColumns"], found["description"]) == (["claim_id"], "Claims")
        assert found["properties"]["team"] == "siu"
        assert spark.table(dataset.name).schema["claim_id"].metadata["comment"] == "Identifies"

    def test_a_new_column_keeps_its_comment(self, spark, table):
        from claims_fraud.datasets.delta_table import _as_spark

        table().save(claims())
        more = _as_spark(claims(kind=["x", "y"])).withMetadata("kind", {"comment": "What kind"})
        table(schema_changes="merge").save(more)
        assert spark.table(table().name).schema["kind"].metadata["comment"] == "What kind"


class TestLoading:
    def test_a_missing_table_says_what_makes_it(self, table, schema):
        with pytest.raises(DatasetError) as raised:
            table().load()
        assert str(raised.value.__cause__) == (
            f"table {CATALOG}.{schema}.claims does not exist yet. Make it with `kedro run --pipelines=data_ingestion` "
            "(same --env, catalog and schema), or give others with `--params=catalog=…,schema=…`."
        )

    def test_an_optional_one_loads_as_nothing(self, table):
        assert table(optional=True).load() is None
        assert not table(optional=True).exists()

    def test_by_a_column_it_is_a_function_from_a_value_to_its_rows(self, table):
        table().save(claims(of=["x", "y"]))
        rows_of = table(by="of").load()
        assert [row["claim_id"] for row in rows_of("y").collect()] == ["b"]
        with pytest.raises(InputError, match=r"claims has no rows of of z: it was trained elsewhere"):
            rows_of("z")

    def test_as_of_a_version_and_a_timestamp(self, spark, table):
        dataset = table()
        dataset.save(claims())
        version, then = spark.sql(f"DESCRIBE HISTORY {dataset.name}").select("version", "timestamp").first()
        dataset.save(claims(amount=[3.0, 4.0]))
        assert rows(table(version=Version(str(version), None))) == [("a", 1.0), ("b", 2.0)]
        # To the next millisecond, since the time of a commit is told without its microseconds.
        moment = str(pd.Timestamp(then) + pd.Timedelta(milliseconds=1))
        assert rows(table(version=Version(moment, None))) == [("a", 1.0), ("b", 2.0)]
        assert rows(table(version=Version(None, "2026-01-01"))) == [("a", 3.0), ("b", 4.0)]

    @pytest.mark.parametrize("version", ["99", "1999-01-01", "yesterday"])
    def test_as_of_what_never_was(self, table, version):
        dataset = table()
        dataset.save(claims())
        with pytest.raises(DatasetError, match=f"cannot be read as of {version}: .* of `DESCRIBE HISTORY"):
            table(version=Version(version, None)).load()

    def test_the_data_version_is_that_of_the_last_commit(self, table):
        dataset = table()
        assert dataset.data_version() is None
        dataset.save(claims())
        dataset.save(claims().head(1))
        assert dataset.data_version() == "Delta version 1"
        assert table(version=Version("0", None)).data_version() == "Delta version 0"

    def test_the_data_version_is_not_changed_by_upkeep(self, spark, table):
        dataset = table()
        dataset.save(claims())
        spark.sql(f"OPTIMIZE {dataset.name}")
        spark.sql(f"ALTER TABLE {dataset.name} SET TBLPROPERTIES ('delta.appendOnly' = 'false')")
        assert dataset.data_version() == "Delta version 0"

    def test_the_history_names_commits_latest_first(self, table):
        dataset = table()
        dataset.save(claims())
        dataset.save(claims().head(1))
        first, second = dataset.history()
        assert first.startswith("version 1  ")
        assert first.endswith("  WRITE  1 rows")
        assert second.startswith("version 0  ")
        assert second.endswith("  CREATE TABLE AS SELECT  2 rows")
