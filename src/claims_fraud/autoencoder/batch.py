"""Some rows as the models look at them: the encoded columns, and how well their values go together."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from claims_fraud.autoencoder.boosters import Matrix
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.encoding import Ints, Singles
from claims_fraud.autoencoder.kinds import Encoded


def stacked(columns: Sequence[Singles], n_rows: int) -> Matrix:
    """Return columns side by side, shape (n, columns), of which there may be none."""
    return np.column_stack(columns) if len(columns) else np.zeros((n_rows, 0), dtype=np.float32)


class Batch:
    """Encoded rows beside the counts that they are compared with.

    Parameters
    ----------
    columns : sequence of Encoded
        All columns of the rows.
    world : Cooccurrence
        Of rows that these are none of, or are taken for none of.
    """

    def __init__(self, columns: Sequence[Encoded], world: Cooccurrence) -> None:
        self.columns, self.world = list(columns), world
        self.n_rows = len(columns[0].codes)
        self._lifts: dict[tuple[int, int], Singles] = {}

    @classmethod
    def of_rows(cls, columns: Sequence[Encoded], rows: Ints | slice, world: Cooccurrence) -> Batch:
        """Return the chosen rows."""
        return cls([column.take(rows) for column in columns], world)

    def inputs(self, columns: Sequence[int]) -> Matrix:
        """Return what trees see of some columns, shape (n, columns)."""
        return stacked([self.columns[column].inputs for column in columns], self.n_rows)

    def lifts(self, column: int, others: Sequence[int], codes: Ints | None = None) -> Singles:
        """Return the lifts of a column with each of the others, shape (n, others).

        ``codes`` are those of values that the column might have instead of its own.
        """
        lifts = np.empty((self.n_rows, len(others)), dtype=np.float32)
        for place, other in enumerate(others):
            if codes is not None:
                lifts[:, place] = self.world.lifts(column, codes, other, self.columns[other].codes)
                continue
            pair = min(column, other), max(column, other)
            # Both columns of a pair ask for it.
            if pair not in self._lifts:
                self._lifts[pair] = self.world.pairs[pair].lifts(*(self.columns[one].codes for one in pair))
            lifts[:, place] = self._lifts[pair]
        return lifts
