"""The one exception for mistakes that whoever runs the project can mend.

Not for bugs: anything else that is raised keeps its traceback at the command line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

HIDDEN = "***"
# What stands between user and host in the address of a server.
PASSWORD = re.compile(r"(?<=://)([^/@:\s]*):[^/@\s]+@")


class InputError(ValueError):
    """A mistake in data, configuration or a call; its message is one paragraph that says what to do about it."""


class NotKept(InputError):
    """What is kept for each model is not there for this one: it was trained elsewhere, or that was removed."""


class GateNotPassed(InputError):
    """A result that is not good enough to go on with; the command line ends with a status of its own."""


def without_password(text: str) -> str:
    """Return the text with the passwords in addresses hidden."""
    return PASSWORD.sub(rf"\1:{HIDDEN}@", text)


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return `` Did you mean 'x'?`` for the allowed name closest to ``name``, or an empty string if none is close."""
    close = difflib.get_close_matches(name, list(allowed), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def listed(names: Iterable[object], most: int = 12) -> str:
    """Return the names joined by commas, cut after ``most`` of them with a count of the rest."""
    every = [str(name) for name in names]
    rest = f" and {len(every) - most} more" if len(every) > most else ""
    return ", ".join(every[:most]) + rest
