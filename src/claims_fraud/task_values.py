"""What a task of a Databricks job tells the job, for its conditions to read. Elsewhere there is no job to tell.

Not for results: those are datasets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claims_fraud.databricks_runtime import utilities


def tell_job(values: Mapping[str, Any]) -> None:
    """Set values of the task that runs: ``{{tasks.TASK.values.NAME}}`` in the job; not on Databricks, nothing."""
    runtime = utilities()
    if runtime is None:
        return
    for name, value in values.items():
        runtime.jobs.taskValues.set(key=name, value=value)
