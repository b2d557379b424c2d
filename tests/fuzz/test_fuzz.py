"""Public entry points with odd input: each returns a valid result or refuses with one paragraph.

The tests draw the same few examples in every run; `make fuzz` draws new ones for FUZZ_SECONDS.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from claims_fraud.errors import InputError
from fuzz.targets import TARGETS, Target

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
EXAMPLES = 20
AT_ONCE = 200
# Characters of a paragraph that somebody reads.
LONGEST = 2_000
PHASES = (Phase.generate, Phase.shrink)
# Odd tables take long to draw, and many are refused.
UNHURRIED = list(HealthCheck)


@pytest.mark.parametrize("name", TARGETS)
def test_entry_point_given_anything_does_what_it_should_or_refuses(name, caplog):
    # Otherwise the log of thousands of examples would be kept.
    caplog.set_level(logging.CRITICAL, "claims_fraud")
    target, tried = TARGETS[name], 0

    def attempt(drawn: Any) -> None:
        nonlocal tried
        tried += 1
        message = _refusal(target, drawn)
        assert message is None or 0 < len(message.strip()) < LONGEST

    until = time.monotonic() + SECONDS / len(TARGETS)
    _draw(target, attempt, EXAMPLES, derandomize=True)
    while time.monotonic() < until:
        _draw(target, attempt, AT_ONCE, derandomize=False)
    if SECONDS:
        print(f"{name}: {tried:,} examples")  # noqa: T201 - what was asked for, shown by `make fuzz`


def _refusal(target: Target, drawn: Any) -> str | None:
    """Return the message of a target that refuses its input, or None."""
    try:
        target.attempt(drawn)
    except InputError as error:
        return str(error)
    return None


def _draw(target: Target, attempt: Any, examples: int, *, derandomize: bool) -> None:
    options = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=derandomize,
        phases=PHASES,
        suppress_health_check=UNHURRIED,
    )
    options(given(target.given)(attempt))()
