"""The settings come before MLflow, which sets up its logging as it is imported unless they tell it not to."""

from __future__ import annotations

import claims_fraud.settings  # noqa: F401
