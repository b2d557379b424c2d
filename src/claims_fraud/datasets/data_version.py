"""Which data it was: a hash of files, to be kept with what was made of them."""

from __future__ import annotations

import hashlib
from pathlib import Path

DIGITS = 16


def content_version(path: Path) -> str | None:
    """Return a hash of a file's content, or of the names and contents of a folder's files; None if there is none."""
    digest = hashlib.sha256()
    for file in _files(path):
        digest.update(file.relative_to(path).as_posix().encode())
        with file.open("rb") as opened:
            digest.update(hashlib.file_digest(opened, "sha256").digest())
    return _told("sha256", digest) if path.exists() else None


def listing_version(path: Path) -> str | None:
    """Return a hash of names, sizes and times of files, for those too large to be read through for it."""
    digest = hashlib.sha256()
    for file in _files(path):
        found = file.stat()
        digest.update(f"{file.relative_to(path).as_posix()} {found.st_size} {found.st_mtime_ns}\n".encode())
    return _told("listing", digest) if path.exists() else None


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path][: path.exists()]


def _told(kind: str, digest: hashlib._Hash) -> str:
    return f"{kind}:{digest.hexdigest()[:DIGITS]}"
