"""The kinds of a column, one class each: what its values become, how rare they are, and what to call them in words."""

from claims_fraud.autoencoder.kinds.category import CategoryEncoder
from claims_fraud.autoencoder.kinds.encoded import Encoded
from claims_fraud.autoencoder.kinds.number import NumberEncoder

Encoder = CategoryEncoder | NumberEncoder

__all__ = ["CategoryEncoder", "Encoded", "Encoder", "NumberEncoder"]
