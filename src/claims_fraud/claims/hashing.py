"""Stable hashes, the same on every machine and engine: of ids, by which splits and samples are drawn, and of rows.

Not for secrets: ids hashed with it can be found by trying.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from claims_fraud.claims.columns import Columns

MISSING = np.uint64(0x6D697373696E6721)


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


def row_hashes(claims: pd.DataFrame, columns: Columns) -> pd.Series:
    """Return 16 hexadecimal digits for each claim that tell the values it is scored by from others.

    Values count, not how they are stored: a number is a float64, a date its microseconds in UTC, all else text. 0 and
    -0 are one number; a missing value is unlike any other.

    Parameters
    ----------
    claims : DataFrame of shape (n, ...)
        Features, with `Columns.judged`.
    columns : Columns
        Roles; in whichever order the columns of each are named, the hash is the same.

    Returns
    -------
    Series of shape (n,)
        On the index of the claims.
    """
    combined = np.zeros(len(claims), dtype=np.uint64)
    for name in sorted(columns.judged):
        salt = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8])
        combined = _mixed(combined ^ _mixed(_bits(claims[name], name, columns) ^ np.uint64(salt)))
    return pd.Series([f"{number:016x}" for number in combined.tolist()], index=claims.index, dtype=object)


def fingerprint(ids: pd.Series) -> str:
    """Return 12 hexadecimal digits that tell a set of claims, by their ids in whatever order, from another."""
    digest = hashlib.sha256()
    for text in sorted(map(str, ids)):
        # With its length, so that no two sets of ids run together into the same text.
        digest.update(f"{len(text)}:{text}".encode())
    return digest.hexdigest()[:12]


def _bits(values: pd.Series, name: str, columns: Columns) -> npt.NDArray[np.uint64]:
    """Return 64 bits for each value of a column."""
    if columns.is_number(name):
        # Adding 0 takes the sign of -0.
        bits = (pd.to_numeric(values).astype(np.float64).to_numpy() + 0.0).view(np.uint64)
    elif name in columns.dates:
        bits = pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]").to_numpy("datetime64[us]").view(np.uint64)
    else:
        bits = stable_hash(values, "value-")
    return np.where(values.isna(), MISSING, bits)


def _mixed(bits: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Return well mixed bits: the finalizer of SplitMix64 (Steele, Lea and Flood 2014)."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
