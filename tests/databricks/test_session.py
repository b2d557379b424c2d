"""Where the session comes from, and what is said where Spark cannot be had."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest

from claims_fraud.datasets import session
from claims_fraud.errors import InputError


@pytest.fixture
def nothing_there(monkeypatch):
    """As if no session were there yet."""
    monkeypatch.setattr(session, "has_session", lambda: False)


def java(folder: Path, version: str) -> Path:
    """Make a Java that says its version and nothing else."""
    program = folder / "bin" / "java"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho 'openjdk version \"{version}\" 2020-01-01' >&2\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return folder


def message() -> str:
    with pytest.raises(InputError) as raised:
        session.start_session({}, "dev_fraud_detection")
    return str(raised.value)


@pytest.mark.usefixtures("nothing_there")
class TestWithoutSpark:
    def test_says_what_to_install_and_which_java(self, monkeypatch):
        monkeypatch.setattr(session, "find_spec", lambda name: None)
        assert message() == (
            "this environment runs on Spark, which is not installed. Install it with `pip install "
            "'claims-fraud[spark]'` (or `make spark` in a clone) and Java 17 or 21, or leave --env out to run on local "
            "parquet."
        )

    @pytest.mark.parametrize(("version", "told"), [("11.0.2", "is 11"), ("1.8.0_292", "is 8")])
    def test_names_a_java_that_is_too_old(self, monkeypatch, tmp_path, version, told):
        monkeypatch.setenv("JAVA_HOME", str(java(tmp_path, version)))
        assert message().startswith(f"Spark needs Java 17 or 21, and {tmp_path}/bin/java {told}. Install one")

    def test_says_so_where_there_is_no_java(self, monkeypatch, tmp_path):
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv("PATH", str(tmp_path))
        assert message().startswith("Spark needs Java 17 or 21, and none was found. Install one (Debian and Ubuntu: ")


@pytest.mark.usefixtures("nothing_there", "spark")
def test_a_volume_that_is_not_here_is_told():
    with pytest.raises(InputError, match="artifact_root is /Volumes/main/claims/artifacts, a Volume of Databricks"):
        session.start_session({"spark.sql.warehouse.dir": "/Volumes/main/claims/artifacts/warehouse"}, "main")


def test_a_prepared_session_is_started_once_by_whoever_asks_for_one(spark, monkeypatch):
    started = []
    monkeypatch.setattr(session, "start_session", lambda *given: started.append(given))
    session.prepare_session({"spark.master": "local[1]"}, "main")
    assert started == []
    assert session.current_session() is session.current_session() is spark
    assert started == [({"spark.master": "local[1]"}, "main")]


class TestSession:
    def test_that_of_databricks_is_taken_as_it_is(self, spark, monkeypatch):
        monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "17.3")
        assert session.start_session({"spark.master": "never read"}, "main") is spark

    def test_times_are_in_utc(self, spark):
        assert spark.conf.get("spark.sql.session.timeZone") == "UTC"

    def test_names_have_three_parts(self, spark, schema):
        spark.sql(f"CREATE SCHEMA dev_fraud_detection.{schema}")
        spark.sql(f"CREATE TABLE dev_fraud_detection.{schema}.t USING delta AS SELECT 1 AS one")
        assert spark.table(f"dev_fraud_detection.{schema}.t").first()["one"] == 1
        spark.sql(f"DROP SCHEMA dev_fraud_detection.{schema} CASCADE")


def test_jars_are_not_left_on_pythons_path(spark):
    assert [entry for entry in sys.path if entry.endswith(".jar")] == []
