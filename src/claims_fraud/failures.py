"""What failed outside of the project, in one paragraph: the disk, a database, MLflow, Spark and Delta.

Not for mistakes that the project finds itself: those are `claims_fraud.errors.InputError`. Anything that is not known
here keeps its traceback.
"""

from __future__ import annotations

import errno
import re
import sqlite3
from collections.abc import Iterable

from claims_fraud.errors import without_password

DISK = {
    errno.ENOSPC: "there is no space left on the disk. Free some",
    errno.EDQUOT: "the disk quota is used up. Free some space",
    errno.EROFS: "the file system is read only. Make it writable",
    errno.EACCES: "permission is denied. Change the permissions",
    errno.EPERM: "permission is denied. Change the permissions",
}
# Kinds of errors of Spark and Delta that are no bug of the project; any other keeps its traceback.
SPARK = {
    "DELTA_CONCURRENT": "another run changed the table meanwhile. Nothing was lost; run this again once it has ended",
    "DELTA_METADATA_CHANGED": "another run changed the table meanwhile. Run this again once it has ended",
    "INSUFFICIENT_PERMISSIONS": "grant whoever runs this the privileges that docs/how-to/deploy.md lists",
    "PERMISSION_DENIED": "grant whoever runs this the privileges that docs/how-to/deploy.md lists",
    "SCHEMA_NOT_FOUND": "create the schema, or name another with --params=catalog=NAME,schema=NAME",
    "NO_SUCH_CATALOG": "name a catalog that is there with --params=catalog=NAME",
}
ELSEWHERE = "or write elsewhere with --params=data_root=PATH,tracking_uri=sqlite:///PATH/mlflow.db"
# How Arrow and others tell the number of an error of the operating system.
NUMBER = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)
LONGEST = 400


def explain(causes: Iterable[BaseException]) -> str | None:
    """Return what happened, where, and what to do, of the cause that says most of it; None if none is known.

    MLflow wraps what its database says, which says more, as that does what the disk says.
    """
    every = list(causes)
    kinds = (unreadable_file, _of_disk, _of_database, _of_mlflow, _of_spark)
    told = next(filter(None, (kind(cause) for kind in kinds for cause in every)), None)
    return without_password(told) if told else None


def spark_message(error: Exception) -> str | None:
    """Return the kinds of a Spark error and the file it is about; None for other errors.

    Not its text, which may have whole rows in it.
    """
    if not type(error).__module__.startswith(("pyspark.", "py4j.")):
        return None
    kinds = dict.fromkeys(re.findall(r"\[([A-Z][A-Z_]+(?:\.[A-Z_]+)*)\]", str(error)))
    files = dict.fromkeys(re.findall(r"reading file (\S+?)\.?(?:\s|$)", str(error)))
    return ", ".join([*kinds, *files]) or type(error).__name__


def unreadable_file(error: BaseException) -> str | None:
    """Return what to say of an error that Spark met in a file while it read it to the end; None for other errors."""
    if isinstance(error, Exception) and "FAILED_READ_FILE" in (told := spark_message(error) or ""):
        return (
            f"a file of the claims cannot be read ({told}). It is damaged or cut short; write it again from its source."
        )
    return None


def _of_disk(error: BaseException) -> str | None:
    if not isinstance(error, OSError):
        return None
    told = NUMBER.search(str(error))
    number = error.errno or (int(told.group(1)) if told else None)
    if number not in DISK:
        return None
    # Of a move the second one is where to.
    name = error.filename2 or error.filename
    where = f"{name} cannot be written" if name else "a file cannot be written"
    return f"{where}: {DISK[number]}, {ELSEWHERE}."


def _of_database(error: BaseException) -> str | None:
    """Return what to say of an SQLite database: MLflow's, which is the only one."""
    if not isinstance(error, sqlite3.Error):
        return None
    return f"MLflow's database cannot be used: {error}. Make file and folder writable, with space left, {ELSEWHERE}."


def _of_mlflow(error: BaseException) -> str | None:
    if not any(kind.__name__ == "MlflowException" for kind in type(error).__mro__):
        return None
    return f"MLflow says: {_first_sentence(str(error))} tracking_uri says where it is."


def _of_spark(error: BaseException) -> str | None:
    kinds = spark_message(error) if isinstance(error, Exception) else None
    known = next((advice for kind, advice in SPARK.items() if kind in (kinds or "")), None)
    return f"Spark refused ({kinds}): {known}." if known else None


def _first_sentence(text: str) -> str:
    line = " ".join(text.strip().partition("\n")[0].split())[:LONGEST].rstrip(". ")
    return f"{line}."
