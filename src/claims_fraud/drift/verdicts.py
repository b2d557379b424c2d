"""From figures to words: stable, drifting, drifted, or insufficient where too few rows could tell.

Two verdicts stand side by side. The rule of thumb calls a PSI of 0.1 drifting and one of 0.25 drifted whatever the
sizes (Siddiqi 2006), so that small batches alarm by chance and a shift of the mean that matters goes unseen. The
corrected one asks first whether chance explains the PSI, over all features of the batch at once (Holm 1979), and then
how large it is beyond chance. Not for the figures themselves: see ``psi``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["stable", "drifting", "drifted", "insufficient"]
STABLE: Verdict = "stable"
DRIFTING: Verdict = "drifting"
DRIFTED: Verdict = "drifted"
INSUFFICIENT: Verdict = "insufficient"
# What outweighs what in a verdict on several.
SEVERITY: tuple[str, ...] = (INSUFFICIENT, STABLE, DRIFTING, DRIFTED)


@dataclass(frozen=True)
class Limits:
    """Where verdicts begin.

    Attributes
    ----------
    minimum_rows : int
        Fewer rows, of the reference or of the batch, are insufficient.
    false_alarm_rate : float
        Share of batches without drift in which some feature is said to drift, in (0, 1).
    least_psi : float
        PSI beyond chance from which what chance does not explain counts as drift.
    drifting_psi, drifted_psi : float
        Those of the rule of thumb; the second one, beyond chance, of the corrected verdict too.
    """

    minimum_rows: int = 200
    false_alarm_rate: float = 0.01
    least_psi: float = 0.02
    drifting_psi: float = 0.1
    drifted_psi: float = 0.25

    def by_rule(self, psi: float) -> Verdict:
        """Return the verdict of the rule of thumb."""
        return DRIFTED if psi >= self.drifted_psi else DRIFTING if psi >= self.drifting_psi else STABLE

    def corrected(self, beyond_chance: float, p_adjusted: float, fewest_rows: int) -> Verdict:
        """Return the verdict that asks for chance first.

        Parameters
        ----------
        beyond_chance : float
            PSI less what it is by chance.
        p_adjusted : float
            Corrected for all features of the batch.
        fewest_rows : int
            Of the reference and of the batch, the smaller number.
        """
        if fewest_rows < self.minimum_rows:
            return INSUFFICIENT
        if p_adjusted >= self.false_alarm_rate or beyond_chance < self.least_psi:
            return STABLE
        return DRIFTED if beyond_chance >= self.drifted_psi else DRIFTING


def worst(verdicts: Iterable[str]) -> str:
    """Return the gravest of the verdicts; insufficient only where all are, or there is none."""
    return max(verdicts, key=_severity, default=INSUFFICIENT)


def confirmed(verdicts: Sequence[str], agreeing: int) -> str:
    """Return the gravest verdict that so many of the batches agree on: drifted is drifting too.

    Parameters
    ----------
    verdicts : sequence of str
        Of one feature in the last batches.
    agreeing : int
        How many have to agree; with fewer batches that could tell it is insufficient.
    """
    told = [verdict for verdict in verdicts if verdict != INSUFFICIENT]
    if len(told) < agreeing:
        return INSUFFICIENT
    return sorted(told, key=_severity)[-agreeing]


def _severity(verdict: str) -> int:
    return SEVERITY.index(verdict)
