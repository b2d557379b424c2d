"""A piece of work in a process of its own, forked from this one: nothing it leaves behind weighs on the next.

Linux only: it reads ``/proc``. Not for what starts a JVM, nor in a process that has started threads: those do not
survive a fork.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from processes import PROC, kib

Work = Callable[[], dict[str, Any]]


def forked(work: Work, longest: float) -> dict[str, Any]:
    """Return what the work returns, and `peak_mib`: by how much memory grew at most; or why it `failed`.

    Work that makes ready first says its own `peak_mib`.
    """
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_report, args=(work, sender))
    process.start()
    sender.close()
    try:
        said = receiver.recv_bytes() if receiver.poll(longest) else None
    except EOFError:
        process.join()
        return {"failed": f"exit status {process.exitcode}"}
    process.kill()
    process.join()
    return {"failed": f"took longer than {longest:g} s"} if said is None else json.loads(said)


class Memory:
    """By how much this process grows from now on."""

    def __init__(self) -> None:
        # Forgets the peak so far.
        (PROC / "self" / "clear_refs").write_text("5")
        self._before = _kib("VmRSS")

    @property
    def peak_mib(self) -> float:
        """Return by how much it was larger at most."""
        return (_kib("VmHWM") - self._before) / 1024


def _report(work: Work, sender: Connection) -> None:
    memory = Memory()
    try:
        found = work()
        found = {"peak_mib": memory.peak_mib, **found}
    except Exception as error:
        # Whatever a library raises is a result.
        lines = str(error).splitlines() or [""]
        found = {"failed": f"{type(error).__name__}: {lines[0][:200]}"}
    sender.send_bytes(json.dumps(found).encode())


def _kib(field: str) -> int:
    return kib((PROC / "self" / "status").read_text(), field)
