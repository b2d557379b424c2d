"""What an encoder makes of a column, whatever the column's kind."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Bools, Ints


@dataclass(frozen=True)
class Encoded:
    """A column of n rows as numbers.

    Attributes
    ----------
    inputs : float32 array of shape (n,)
        What the models of other columns see; NaN where the value is missing.
    classes : int32 array of shape (n,)
        What this column's own model predicts.
    codes : int32 array of shape (n,)
        By what pairs of values are counted: the finest steps that have enough rows to be counted.
    rarity : float32 array of shape (n,)
        How rare the value is among the training rows, >= 0.
    absent : bool array of shape (n,)
        Whether there is nothing, as in most rows: a missing value, or 0, where more than half of the training rows
        have none. Absence of what is seldom there is not odd.
    seen : int32 array of shape (n,), or None
        Training rows with the same category, 0 where it was never seen; None for numbers.
    standardized : float32 array of shape (n,), or None
        A number on the scale on which the column is spread evenly; NaN where it is missing. None for categories.
    resolution : float32 array of shape (n,), or None
        The rounding of each number on that scale.
    """

    inputs: npt.NDArray[np.float32]
    classes: Ints
    codes: Ints
    rarity: npt.NDArray[np.float32]
    absent: Bools
    seen: Ints | None = None
    standardized: npt.NDArray[np.float32] | None = None
    resolution: npt.NDArray[np.float32] | None = None

    @property
    def numbers(self) -> npt.NDArray[np.float32]:
        """The standardized numbers of a column that has them; raise TypeError for categories."""
        if self.standardized is None:
            raise TypeError("categories have no numbers")
        return self.standardized

    @property
    def rounding(self) -> npt.NDArray[np.float32]:
        """The rounding of the numbers of a column that has them; raise TypeError for categories."""
        if self.resolution is None:
            raise TypeError("categories have no rounding")
        return self.resolution

    def take(self, rows: Ints | slice) -> Encoded:
        """Return the encoding of the chosen rows."""
        fields: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__}
        taken: dict[str, Any] = {name: None if array is None else array[rows] for name, array in fields.items()}
        return Encoded(**taken)

    def without_own(self) -> Encoded:
        """Return the encoding of training rows with each row left out of the rows that have its category."""
        return self if self.seen is None else replace(self, seen=self.seen - 1)

    def where(self, chosen: Bools, other: Encoded) -> Encoded:
        """Return this encoding of the chosen rows, and the other one's of the rest."""
        arrays: dict[str, Any] = {
            name: (getattr(self, name), getattr(other, name)) for name in self.__dataclass_fields__
        }
        fields: dict[str, Any] = {
            name: None if one is None else np.where(chosen, one, two) for name, (one, two) in arrays.items()
        }
        return Encoded(**fields)
