"""What a task of a Databricks job tells the job, for its conditions to read. Elsewhere there is no job to tell.

Not for results: those are datasets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any


def tell_job(values: Mapping[str, Any]) -> None:
    """Set values of the task that runs: ``{{tasks.TASK.values.NAME}}`` in the job; not on Databricks, nothing."""
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return
    # There only, as part of the runtime.
    from databricks.sdk.runtime import dbutils  # noqa: PLC0415

    for name, value in values.items():
        dbutils.jobs.taskValues.set(key=name, value=value)
