"""Raw claims on Spark are those that pandas reads, and what cannot be read is told in the same words."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from kedro.io import DatasetError

from claims_fraud.claims import ReadParameters
from claims_fraud.claims.reading import read_claims
from claims_fraud.claims.rows import dates, numbers, texts
from claims_fraud.errors import InputError
from claims_fraud.frames import collected


@pytest.fixture
def source(spark):
    """Return a function that makes the entry of a source."""
    from claims_fraud.datasets.spark_claims import SparkClaimsDataset

    return lambda path, **options: SparkClaimsDataset(source=str(path), name="raw_claims", **options)


def claims() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "claim_id": ["001", "002", "003"],
            "claim_date": pd.to_datetime(["2025-01-01 00:00", "2025-01-02 13:00", None]),
            "amount": [1.5, np.nan, 3.0],
            "visits": pd.array([1, None, 9_007_199_254_740_993], dtype="Int64"),
            "kind": pd.Categorical(["a", None, "b"]),
        }
    )


def refused(source, *options, **more) -> str:
    with pytest.raises(DatasetError) as raised:
        source(*options, **more).load()
    return str(raised.value.__cause__)


def assert_as_pandas(source, path: Path, separator: str = ",", **read) -> None:
    written = ReadParameters(**read)
    on_pandas = read_claims(path, separator, read=written).sort_values("claim_id", ignore_index=True)
    loaded = source(path, separator=separator, read=written.model_dump(mode="json")).load()
    on_spark = collected(loaded).sort_values("claim_id", ignore_index=True)
    assert list(on_pandas) == list(on_spark)
    for name in on_pandas:
        read = dates if "date" in name else numbers if name in ("amount", "visits") else texts
        pd.testing.assert_series_equal(read(on_pandas[name]), read(on_spark[name]))


class TestAsWritten:
    @pytest.mark.parametrize(
        ("name", "content", "read"),
        [
            ("claims.csv", "claim_id;code\n1;'ä;b'\n2;NA\n3;\n".encode(), {"separator": ";", "quote": "'"}),
            ("claims.csv", "claim_id,code\n1,ö\n2,nan\n".encode("windows-1252"), {"encoding": "windows-1252"}),
            ("claims.csv", "claim_id,code\n1,ö\n2,null\n".encode("utf-16"), {}),
            ("claims.csv", "claim_id,code\n1,ö\n2,\n".encode("utf-8-sig"), {}),
            ("claims.csv.gz", gzip.compress("claim_id,code\n1,ö\n2,x\n".encode(), mtime=0), {}),
        ],
        ids=["separator and quote", "stated encoding", "UTF-16", "byte order mark", "gz"],
    )
    def test_text(self, source, tmp_path, name, content, read):
        (tmp_path / name).write_bytes(content)
        assert_as_pandas(source, tmp_path / name, **read)

    def test_a_zip_and_a_sheet(self, source, tmp_path):
        with zipfile.ZipFile(tmp_path / "claims.csv.zip", "w") as archive:
            archive.writestr("march.csv", "claim_id,amount\n001,2.5\n002,\n")
        assert_as_pandas(source, tmp_path / "claims.csv.zip")
        with pd.ExcelWriter(tmp_path / "claims.xlsx") as book:
            claims()[["claim_id", "claim_date", "amount"]].to_excel(book, sheet_name="Claims", index=False)
        assert_as_pandas(source, tmp_path / "claims.xlsx", sheet="Claims")

    def test_a_day_of_another_zone(self, source, tmp_path):
        zoned = claims()
        zoned["claim_date"] = zoned["claim_date"].dt.tz_localize("America/New_York")
        zoned.to_parquet(tmp_path / "claims.parquet", index=False)
        loaded = collected(source(tmp_path / "claims.parquet", read={"time_zone": "Asia/Tokyo"}).load())
        told = dates(loaded["claim_date"]).dropna().sort_values().astype(str).tolist()
        assert told == dates(zoned["claim_date"], None, "Asia/Tokyo").dropna().sort_values().astype(str).tolist()

    @pytest.mark.parametrize("header", ["a,b,a", "a,,"])
    def test_names_that_come_twice_or_not_at_all_are_refused(self, source, tmp_path, header):
        (tmp_path / "claims.csv").write_text(f"{header}\n1,2,3\n")
        with pytest.raises(InputError) as on_pandas:
            read_claims(tmp_path / "claims.csv")
        assert refused(source, tmp_path / "claims.csv") == str(on_pandas.value)


class TestParquet:
    @pytest.mark.parametrize("unit", ["ns", "us", "ms"])
    def test_a_file_with_times_of_any_unit(self, source, tmp_path, unit):
        path = tmp_path / "claims.parquet"
        claims().astype({"claim_date": f"datetime64[{unit}]"}).to_parquet(path, index=False)
        assert_as_pandas(source, path)

    def test_times_with_a_zone_are_what_the_clock_showed(self, source, tmp_path):
        zoned = claims()
        zoned["claim_date"] = zoned["claim_date"].dt.tz_localize("America/New_York")
        zoned.to_parquet(tmp_path / "claims.parquet", index=False)
        assert_as_pandas(source, tmp_path / "claims.parquet")

    def test_a_folder_of_files_whose_folders_are_columns(self, source, tmp_path):
        for region in ("01", "02"):
            folder = tmp_path / "claims" / f"region={region}"
            folder.mkdir(parents=True)
            claims().assign(claim_id=lambda c, r=region: r + c["claim_id"]).to_parquet(
                folder / "p.parquet", index=False
            )
        (tmp_path / "claims" / "_SUCCESS").touch()
        assert_as_pandas(source, tmp_path / "claims")

    def test_files_of_which_one_has_a_column_more(self, source, tmp_path):
        claims().to_parquet(tmp_path / "a.parquet", index=False)
        claims().assign(claim_id=["4", "5", "6"], more="x").to_parquet(tmp_path / "b.parquet", index=False)
        assert_as_pandas(source, tmp_path)

    def test_unsigned_and_missing_columns(self, source, tmp_path):
        odd = claims().assign(visits=np.array([1, 2, 3], dtype="uint32"), kind=None)
        odd.to_parquet(tmp_path / "claims.parquet", index=False)
        assert_as_pandas(source, tmp_path / "claims.parquet")


class TestCsv:
    def test_text_with_what_stands_for_nothing(self, source, tmp_path):
        path = tmp_path / "claims.csv"
        path.write_text(
            'claim_id,kind,note,amount\n001,NA,"said ""no"", then\nleft",1.50\n002,NaN,,\n003,"",null,<NA>\n'
            "004,x, y ,2\n",
            encoding="utf-8-sig",
        )
        assert_as_pandas(source, path)

    def test_another_separator_and_a_folder(self, source, tmp_path):
        for number in (1, 2):
            (tmp_path / f"{number}.csv").write_text(f"claim_id;kind\n00{number};a,b\n")
        assert_as_pandas(source, tmp_path, separator=";")

    def test_a_row_with_too_many_values_is_refused(self, source, tmp_path):
        path = tmp_path / "claims.csv"
        path.write_text("claim_id,kind\n001,a\n002,private,c\n")
        told = refused(source, path)
        assert "claims.csv cannot be read (" in told
        assert "MALFORMED_RECORD_IN_PARSING" in told
        assert "private" not in told

    def test_what_is_no_utf_8_or_empty_is_refused(self, source, tmp_path):
        (tmp_path / "latin.csv").write_bytes("claim_id,kind\n001,Gr\xf6\xdfe\n".encode("latin-1"))
        assert refused(source, tmp_path / "latin.csv").endswith("mostly windows-1252), or save it as UTF-8.")
        (tmp_path / "empty.csv").touch()
        assert "empty.csv is an empty file (0 bytes)" in refused(source, tmp_path / "empty.csv")

    def test_files_with_other_headers_are_refused(self, source, tmp_path):
        (tmp_path / "a.csv").write_text("claim_id,kind\n001,a\n")
        (tmp_path / "b.csv").write_text("kind,claim_id\nb,002\n")
        assert "cannot be read" in refused(source, tmp_path)


class TestTables:
    def test_a_table_by_its_name(self, spark, source, schema):
        spark.sql(f"CREATE SCHEMA dev_fraud_detection.{schema}")
        spark.sql(f"CREATE TABLE dev_fraud_detection.{schema}.raw USING delta AS SELECT '1' AS claim_id")
        assert source(f"dev_fraud_detection.{schema}.raw").load().first()["claim_id"] == "1"
        spark.sql(f"DROP SCHEMA dev_fraud_detection.{schema} CASCADE")

    def test_a_delta_table_by_its_path(self, spark, source, tmp_path):
        spark.sql("SELECT '1' AS claim_id").write.format("delta").save(str(tmp_path / "raw"))
        assert source(tmp_path / "raw").load().first()["claim_id"] == "1"

    def test_a_table_that_is_not_there(self, source):
        assert refused(source, "main.claims.raw") == (
            "raw_claims: table main.claims.raw does not exist, or may not be seen. Give an existing table or the path "
            "of a parquet or CSV file with `--params=raw_claims=…`."
        )


class TestMistakes:
    def test_a_path_that_is_not_there(self, source, tmp_path):
        assert "claims.parquet does not exist. Give an existing parquet, CSV or XLSX file" in refused(
            source, tmp_path / "claims.parquet"
        )

    def test_dbfs_where_compute_has_none(self, source):
        told = refused(source, "dbfs:/FileStore/claims.csv")
        assert told.startswith(
            "raw_claims: dbfs:/FileStore/claims.csv cannot be read here: serverless compute has no DBFS."
        )
        assert "Copy it to a Volume (`databricks fs cp -r dbfs:/FileStore/claims.csv dbfs:/Volumes/" in told

    def test_a_volume_may_be_named_as_in_dbfs(self, source):
        assert "/Volumes/main/claims/raw/claims.csv does not exist" in refused(
            source, "dbfs:/Volumes/main/claims/raw/claims.csv"
        )

    def test_a_damaged_file(self, source, tmp_path):
        path = tmp_path / "claims.parquet"
        claims().to_parquet(path, index=False)
        path.write_bytes(path.read_bytes()[:-10])
        assert re.search(
            "claims.parquet cannot be read .*damaged, cut short or of another format", refused(source, path)
        )

    def test_is_never_written(self, source, tmp_path):
        with pytest.raises(DatasetError, match="raw_claims is read only"):
            source(tmp_path).save(claims())

    def test_is_read_only_when_asked_where_it_may_not_be_needed(self, source, tmp_path):
        load = source(tmp_path / "missing.parquet", lazy=True).load()
        with pytest.raises(Exception, match="does not exist"):
            load()
