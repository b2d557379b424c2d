"""P-values of many tests at once. Not for the tests themselves: `fairness` and `drift` have those."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from claims_fraud.autoencoder.encoding import Floats


def holm(p_values: npt.ArrayLike, hypotheses: int | None = None) -> Floats:
    """Return p-values adjusted for testing many at once (Holm 1979), shape (n,), in [0, 1].

    Parameters
    ----------
    p_values : array of shape (n,)
        NaN where nothing was tested, which stays.
    hypotheses : int, optional
        How many are tested in all, at least as many as there are values, which is the default. Those whose values are
        not given, since only the most conspicuous were picked, count as if they were larger than all that are: that
        errs on the safe side.
    """
    p = np.asarray(p_values, dtype=float)
    adjusted, tested = np.full(len(p), np.nan), np.flatnonzero(~np.isnan(p))
    order = tested[np.argsort(p[tested], kind="stable")]
    steps = np.maximum((len(p) if hypotheses is None else hypotheses) - np.arange(len(order)), 1)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * steps), 1.0)
    return adjusted
