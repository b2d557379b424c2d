"""Which cells of a table of counts must not be shown: small ones, and those that would give them away.

Whoever knows the total of a column and all cells but one knows that one too, so never a single cell is left out, and
never cells whose sum is small itself. Not for rounding or noise: what is shown is exact.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Bools = npt.NDArray[np.bool_]


def hidden_rows(cells: npt.NDArray[np.int64], least: int, also: Bools | None = None) -> Bools:
    """Return the rows of a table whose cells must not be shown, shape (rows,).

    Parameters
    ----------
    cells : int array of shape (rows, columns)
        Counts; the total of each column is taken to be known.
    least : int
        Counts below it are small.
    also : bool array of shape (rows,), optional
        Rows that are hidden for another reason.
    """
    hidden: Bools = np.any(cells < least, axis=1)
    if also is not None:
        hidden = hidden | also
    # The smallest of the others join, until nothing small follows from the total.
    others = iter(np.argsort(cells.min(axis=1), kind="stable"))
    while hidden.any() and not hidden.all() and _gives_away(cells[hidden], least):
        hidden[next(row for row in others if not hidden[row])] = True
    return hidden


def _gives_away(left_out: npt.NDArray[np.int64], least: int) -> bool:
    return len(left_out) < 2 or bool((left_out.sum(axis=0) < least).any())
