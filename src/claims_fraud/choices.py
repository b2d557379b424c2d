"""The values of parameters that are options of the command line too.

A module of its own, without pandas and the boosting libraries: a mistyped option is to be answered at once.
"""

from __future__ import annotations

from typing import Literal

ModelType = Literal["catboost", "xgboost"]
Period = Literal["month", "week", "none"]
DriftLimit = Literal["never", "drifting", "drifted"]
