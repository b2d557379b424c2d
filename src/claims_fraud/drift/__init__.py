"""Drift: how far a batch of claims has moved from those that a model learned from, and whether chance explains it.

A library on pandas and numpy: it knows nothing of Kedro, MLflow or Spark. Not for how suspicious a claim is: that is
`claims_fraud.autoencoder`.
"""

from claims_fraud.drift.counting import combined, count_rows
from claims_fraud.drift.monitor import PSIMonitor
from claims_fraud.drift.profile import ReferenceProfile, learn_bins
from claims_fraud.drift.verdicts import Limits, confirmed, worst

__all__ = [
    "Limits",
    "PSIMonitor",
    "ReferenceProfile",
    "combined",
    "confirmed",
    "count_rows",
    "learn_bins",
    "worst",
]
