"""The tree of processes that a benchmark starts: its memory, and its end. Linux only: it reads ``/proc``.

Not for other processes: nothing is looked at or ended but what descends from a process that was given.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

PROC = Path("/proc")


def parents() -> dict[int, int]:
    """Return the parent of every process."""
    found = {}
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                # The name, in parentheses, may hold anything.
                found[int(folder.name)] = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    return found


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it, parents before children."""
    above, found = parents(), [root]
    for process in found:
        found += [child for child, parent in above.items() if parent == process]
    return found


def limit_memory(share: float = 0.7) -> int:
    """Let this process have at most a share of the machine's memory, in GiB; beyond that it gets a MemoryError.

    Else the kernel would end whatever process it likes. Not for processes that run already, such as the JVM.
    """
    most = int(share * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    return most // 2**30


def kill_tree(process: subprocess.Popen[str]) -> None:
    """Kill a process that was started in a group of its own, and all that it started, at once."""
    below = tree(process.pid)[1:]
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # Spark's Python workers are in a group of their own. A number that was given anew is not among the survivors of
    # a moment ago, since numbers are given in turn.
    for survivor in below:
        with contextlib.suppress(ProcessLookupError):
            os.kill(survivor, signal.SIGKILL)


class MemoryWatch(threading.Thread):
    """Watches the memory of a tree of processes until `finish`.

    A process's peak is the kernel's own (VmHWM), so that one between two looks is seen too; that of all together is
    the largest sum seen. Pages that processes share count in each.

    Parameters
    ----------
    root : int
        The process at the top, called the driver.
    interval : float
        Seconds between two looks.
    """

    def __init__(self, root: int, interval: float = 0.2) -> None:
        super().__init__(daemon=True)
        self._root = root
        self._interval = interval
        self._over = threading.Event()
        self._peaks: dict[tuple[str, int], int] = {}
        self._most = 0

    def run(self) -> None:
        """Look until it is over."""
        while not self._over.wait(self._interval):
            together = 0
            for process, kind, status in self._look():
                # The last one counts: a process that becomes another program starts anew. At its end it has none.
                self._peaks[kind, process] = kib(status, "VmHWM") or self._peaks.get((kind, process), 0)
                together += kib(status, "VmRSS")
            self._most = max(self._most, together)

    def finish(self) -> dict[str, int]:
        """Return peaks in MiB: of the driver, of the JVM, of the largest Python worker, and of all together."""
        self._over.set()
        self.join()
        peaks = {kind: self._largest(kind) for kind in ("driver", "jvm", "worker")}
        # The daemon that workers are forked from looks like one of them.
        forked = sum(kind == "worker" for kind, _ in self._peaks) - 1
        return {**peaks, "together": self._most // 1024, "workers": max(forked, 0)}

    def _largest(self, kind: str) -> int:
        return max((peak for (which, _), peak in self._peaks.items() if which == kind), default=0) // 1024

    def _look(self) -> Iterator[tuple[int, str, str]]:
        """Yield number, kind and status of every process of the tree."""
        for process in tree(self._root):
            with contextlib.suppress(OSError):
                words = (PROC / str(process) / "cmdline").read_bytes().split(b"\0")
                kind = "driver" if process == self._root else _kind(words)
                yield process, kind, (PROC / str(process) / "status").read_text()


def _kind(words: list[bytes]) -> str:
    if words[0].endswith(b"/java"):
        return "jvm"
    return "worker" if b"pyspark.daemon" in words else "other"


def kib(status: str, field: str) -> int:
    """Return a field of a process's status in KiB, 0 where it has none."""
    found = [line.split()[1] for line in status.splitlines() if line.startswith(f"{field}:")]
    return int(found[0]) if found else 0
