"""The stable hash that splits, folds and samples are drawn by: the same on every machine and engine.

Not for secrets: ids hashed with it can be found by trying.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd


def stable_hash(ids: pd.Series, salt: str) -> npt.NDArray[np.uint64]:
    """Hash each id to the first 8 bytes, big-endian, of SHA-256 over ``salt`` and the id in UTF-8.

    Parameters
    ----------
    ids : Series of shape (n,)
        Ids as text; a missing id hashes as the empty string.
    salt : str
        Makes draws for different purposes independent.

    Returns
    -------
    array of shape (n,), uint64
    """
    texts = [str(value) for value in ids.astype(object).where(ids.notna(), "")]
    # Not by pandas' own ways to tell texts apart, which take a null character for the end of the text.
    digests = {text: hashlib.sha256((salt + text).encode()).digest()[:8] for text in set(texts)}
    return np.frombuffer(b"".join(digests[text] for text in texts), dtype=">u8").astype(np.uint64)


def stable_fraction(ids: pd.Series, salt: str) -> npt.NDArray[np.float64]:
    """Return `stable_hash` scaled to [0, 1): the share of ids below f is about f."""
    # 53 bits, because a float64 holds no more: 2**64 - 1 would round up to 1.0.
    return (stable_hash(ids, salt) >> np.uint64(11)) / 2.0**53


def fingerprint(ids: pd.Series) -> str:
    """Return 12 hexadecimal digits that tell a set of claims, by their ids in whatever order, from another."""
    digest = hashlib.sha256()
    for text in sorted(map(str, ids)):
        # With its length, so that no two sets of ids run together into the same text.
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()[:12]
