"""Which columns tell most of another one, so that a model of a wide table need not look at all of them.

Not for reasons: what a fitted model leans on, it says itself.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from claims_fraud.autoencoder.encoding import Ints


def most_telling(classes: Mapping[str, Ints], most: int) -> dict[str, tuple[str, ...]]:
    """Return for each column the others, or the ``most`` of them that tell most of it, in the order of the columns.

    Parameters
    ----------
    classes : mapping of str to int array of shape (n,)
        Columns as classes from 0.
    most : int
        At least 1.
    """
    names = list(classes)
    if len(names) - 1 <= most:
        return {name: tuple(other for other in names if other != name) for name in names}
    telling = np.full((len(names), len(names)), -np.inf)
    for place, name in enumerate(names):
        for before, other in enumerate(names[:place]):
            telling[place, before] = telling[before, place] = mutual_information(classes[name], classes[other])
    chosen = np.sort(np.argsort(-telling, axis=1, kind="stable")[:, :most], axis=1)
    return {name: tuple(names[other] for other in others) for name, others in zip(names, chosen, strict=True)}


def mutual_information(one: Ints, other: Ints) -> float:
    """Return the mutual information of two columns of classes in nats, less what chance gives.

    The correction is that of Miller (1955) for the cells that occur: columns of many classes seem to tell more of each
    other than they do. About 0 where they are independent.
    """
    width = int(other.max(initial=0)) + 1
    cells = np.bincount(one * width + other)
    pairs = np.flatnonzero(cells)
    return information_of(cells[pairs], *np.divmod(pairs, width))


def information_of(rows: Ints, one: Ints, other: Ints) -> float:
    """Return the same from the rows of each pair of classes that occurs, all of shape (pairs,)."""
    total = rows.sum()
    of_one, of_other = np.bincount(one, weights=rows), np.bincount(other, weights=rows)
    information = float(np.sum(rows * np.log(rows * total / (of_one[one] * of_other[other]))) / total)
    spare = len(rows) - np.count_nonzero(of_one) - np.count_nonzero(of_other) + 1
    return information - float(spare / (2 * total))
