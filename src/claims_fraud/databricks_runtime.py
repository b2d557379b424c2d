"""What Databricks has beside Spark: secrets, and values that tasks tell their job. Elsewhere there is none of it."""

from __future__ import annotations

import os
from typing import Any


def utilities() -> Any | None:
    """Return the runtime's `dbutils`; None where this is no Databricks."""
    if "DATABRICKS_RUNTIME_VERSION" not in os.environ:
        return None
    # There only, as part of the runtime.
    from databricks.sdk.runtime import dbutils  # noqa: PLC0415

    return dbutils
