"""One run at a time over one data folder: who holds it, who waits, and what a run that was killed left behind.

Not for who may read: a table is replaced in one step, so that readers need no lock.
"""

from __future__ import annotations

import getpass
import json
import logging
import os
import socket
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from filelock import FileLock, Timeout

from claims_fraud.errors import InputError
from claims_fraud.files import remove_unfinished, replacing

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Holder:
    """Who holds a lock.

    Attributes
    ----------
    who : str
        User and machine.
    process : int
        Its id there.
    pipelines : str
        What it runs.
    since : str
        UTC, ISO 8601.
    mlflow_run : str, optional
        Where it is tracked.
    """

    who: str
    process: int
    pipelines: str
    since: str
    mlflow_run: str | None = None

    @classmethod
    def this_process(cls, pipelines: str) -> Self:
        """Return the holder that this process is."""
        since = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(f"{_user()}@{socket.gethostname()}", os.getpid(), pipelines, since)

    def __str__(self) -> str:
        """Return it in words."""
        return f"{self.who} (process {self.process}, {self.pipelines}, since {self.since})"


class FolderLock:
    """A lock of a data folder. The operating system gives it back when the process ends, however it ends.

    Parameters
    ----------
    folder : Path
        It gets ``.run.lock``, and ``.run.json`` that says who holds it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._note = folder, folder / ".run.json"
        self._lock = FileLock(folder / ".run.lock", thread_local=False)

    def acquire(self, holder: Holder, minutes: float) -> Holder | None:
        """Hold it, and return who was killed while holding it, if anybody was.

        Raises
        ------
        InputError
            If another run holds it, and still does after so many minutes.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            self._wait(minutes)
        killed = self._told()
        self.hold(holder)
        return killed

    def hold(self, holder: Holder) -> None:
        """Say more of who holds it."""
        with replacing(self._note) as unfinished:
            unfinished.write_text(json.dumps(asdict(holder)), encoding="utf-8")

    def release(self) -> None:
        """Give it back."""
        self._note.unlink(missing_ok=True)
        self._lock.release()

    def sweep(self) -> list[str]:
        """Remove what killed runs were writing, and return what that was."""
        return [path.relative_to(self._folder).as_posix() for path in remove_unfinished(self._folder)]

    def _wait(self, minutes: float) -> None:
        holder = self._told() or "another run"
        if minutes:
            logger.info("%s is held by %s; waiting up to %g minutes", self._folder, holder, minutes)
        try:
            self._lock.acquire(timeout=60 * minutes)
        except Timeout as error:
            raise InputError(
                f"{self._folder} is held by {self._told() or holder}: of two runs at once each would lose what the "
                f"other writes. It was waited for {minutes:g} minutes (coordination.wait_minutes). Run again when that "
                "one is done, or give another data_root."
            ) from error

    def _told(self) -> Holder | None:
        try:
            return Holder(**json.loads(self._note.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # in a container, a user may have no name
        return "unknown"
