"""Files and folders that are written under another name first, so that none is ever seen half written.

Not for what is in them, and not for remote stores: a rename is atomic on a file system only.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What a name begins with that nobody should read: a process that is killed cannot remove what it was writing.
UNFINISHED = ".unfinished-"


@contextmanager
def unfinished_folder(beside: Path) -> Iterator[Path]:
    """Yield an empty folder on the file system of ``beside``, which is removed at the end."""
    beside.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=beside.parent, prefix=f"{UNFINISHED}{beside.stem}-") as scratch:
        yield Path(scratch)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield where to write a file that takes the place of ``path`` at the end, and not if something is raised."""
    with unfinished_folder(path) as scratch:
        unfinished = scratch / path.name
        yield unfinished
        unfinished.replace(path)


def remove_unfinished(root: Path) -> list[Path]:
    """Remove what killed processes left in a folder and below, and return what that was.

    Only for who knows that no other process is writing there.
    """
    found = sorted(path for path in root.rglob(f"{UNFINISHED}*") if path.is_dir())
    for path in found:
        shutil.rmtree(path, ignore_errors=True)
    return found
