"""The tree autoencoder: one model a column predicts it from the others, and the surprise is the fraud score.

A library on pandas and numpy: it knows nothing of Kedro, MLflow or Spark.
"""

from claims_fraud.autoencoder.outlier_detector import ClaimsOutlierDetector
from claims_fraud.autoencoder.tree_autoencoder import ClaimsTreeAutoencoder

__all__ = ["ClaimsOutlierDetector", "ClaimsTreeAutoencoder"]
