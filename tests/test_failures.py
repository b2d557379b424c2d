"""What fails outside of the project is one paragraph: what, where, and what to do."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from claims_fraud.cli import _causes
from claims_fraud.failures import explain


class TestDisk:
    def test_a_full_disk(self) -> None:
        error = OSError(errno.ENOSPC, "No space left on device", "data/04_feature/features.parquet")
        assert explain([error]) == (
            "data/04_feature/features.parquet cannot be written: there is no space left on the disk. Free some, or "
            "write elsewhere with --params=data_root=PATH,tracking_uri=sqlite:///PATH/mlflow.db."
        )

    def test_a_full_disk_that_a_file_was_moved_to(self) -> None:
        told = explain([OSError(errno.ENOSPC, "No space left on device", "scratch/a.cbm", None, "data/a.cbm")])
        assert told is not None
        assert told.startswith("data/a.cbm cannot be written: there is no space left on the disk.")

    def test_as_arrow_tells_it(self) -> None:
        told = explain([OSError("Error writing bytes to file. Detail: [errno 28] No space left on device")])
        assert told is not None
        assert told.startswith("a file cannot be written: there is no space left on the disk.")

    @pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
    def test_what_may_not_be_written(self, number: int) -> None:
        told = explain([OSError(number, "no", "data")])
        assert told is not None
        assert told.startswith("data cannot be written: ")

    def test_another_error_is_a_bug(self) -> None:
        assert explain([OSError(errno.EBADF, "Bad file descriptor"), KeyError("x")]) is None


class TestDatabase:
    def test_what_mlflow_wraps_is_told_by_the_database_itself(self, tmp_path: Path) -> None:
        client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
        client.create_experiment("one")
        (tmp_path / "mlflow.db").unlink()
        with pytest.raises(MlflowException) as raised:
            client.create_experiment("two")
        told = explain(_causes(raised.value))
        assert told is not None
        assert told.startswith("MLflow's database cannot be used: attempt to write a readonly database. Make file and")

    def test_of_mlflow(self) -> None:
        error = MlflowException("(sqlite3.OperationalError) attempt to write a readonly database [SQL: …]")
        told = explain([error, sqlite3.OperationalError("attempt to write a readonly database")])
        assert told is not None
        assert told.startswith("MLflow's database cannot be used: attempt to write a readonly database. Make file and")

    def test_a_server_that_does_not_answer(self) -> None:
        error = MlflowException("API request to http://me:secret@host/api failed with exception: refused\nmore lines")
        assert explain([error]) == (
            "MLflow says: API request to http://me:***@host/api failed with exception: refused. tracking_uri says "
            "where it is."
        )
