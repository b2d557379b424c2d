"""Fairness: whether flags and scores fall more on one protected group than on another.

A library on pandas and numpy: it knows nothing of Kedro, MLflow or Spark. Not for mending what it finds: roles of
columns do that (see `claims_fraud.claims`).
"""

from claims_fraud.fairness.analyzer import FairnessAnalyzer
from claims_fraud.fairness.verdicts import Rules

__all__ = ["FairnessAnalyzer", "Rules"]
