"""What a claim is: the roles of its columns, the rules for a valid row, its history, its splits, and sample claims.

A library on pandas and numpy: it knows nothing of Kedro, MLflow or Spark.
"""

from claims_fraud.claims.columns import Columns
from claims_fraud.claims.history import derived_sources
from claims_fraud.claims.ingestion import DataIngestion, load_train_val_test
from claims_fraud.claims.parameters import HistoryParameters, IngestionParameters, ReadParameters

__all__ = [
    "Columns",
    "DataIngestion",
    "HistoryParameters",
    "IngestionParameters",
    "ReadParameters",
    "derived_sources",
    "load_train_val_test",
]
