"""What every reason has to keep to, read off its sentence, and off the claims that it quotes."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Any

import numpy as np
import pandas as pd

# Claims from which on a count says something, and the share of them that may have the very value.
ENOUGH, MOST_ALIKE = 30, 0.25
NUMBER = r"[\d,]+"
COUNTED = re.compile(rf"(?P<such>none|{NUMBER}) of (?P<comparable>{NUMBER}) claims with (?P<given>.+?)(?: have it|$)")
RANGED = re.compile(rf"such claims have .+ \((?P<given>.+), (?P<comparable>{NUMBER}) claims\)$")
SEEN = re.compile(rf"; seen in (?P<such>{NUMBER}) of (?P<comparable>{NUMBER}) claims$")
AT_MOST = re.compile(r"; as (?:high or higher|low or lower) in at most (?P<percent>\d+)% of claims$")


def whole(text: str) -> int:
    return 0 if text == "none" else int(text.replace(",", ""))


def broken_rules(sentence: str, usually_zero: Collection[str] = ()) -> list[str]:
    """Return the rules that a sentence breaks, by what it says itself; ``usually_zero`` are columns mostly 0."""
    broken = []
    if any(sentence.startswith(f"{name} 0; ") for name in usually_zero):
        broken.append("a reason from the absence of something")
    quoted = COUNTED.search(sentence) or RANGED.search(sentence)
    if quoted and whole(quoted["comparable"]) < ENOUGH:
        broken.append("fewer than 30 comparable claims")
    counted = COUNTED.search(sentence) or SEEN.search(sentence)
    if counted and whole(counted["such"]) > MOST_ALIKE * whole(counted["comparable"]):
        broken.append("more than a quarter have the value")
    extreme = AT_MOST.search(sentence)
    if extreme and int(extreme["percent"]) > 100 * MOST_ALIKE:
        broken.append("more than a quarter are as extreme")
    return broken


def refuted(sentences: Iterable[str | None], usually_zero: Collection[str] = ()) -> list[tuple[str, list[str]]]:
    """Return the sentences that break a rule, with the rules."""
    found = [(said, broken_rules(said, usually_zero)) for said in sentences if not pd.isna(said)]
    return [(said, broken) for said, broken in found if broken]


def recount(model: Any, learned: pd.DataFrame) -> Callable[[Any], tuple[int, int]]:
    """Return what counts, for a row of `explain`, comparable claims among those learned from, and those of them alike.

    By the values themselves: categories by their text, numbers by the bin that holds them.
    """
    place = {name: position for position, name in enumerate(model.features_)}
    codes = {name: encoder.encode(learned[name]).codes for name, encoder in model.encoders_.items()}

    def counts(said: Any) -> tuple[int, int]:
        agreeing = np.ones(len(learned), dtype=bool)
        if said.judged_from:
            names = [name for name in place if said.judged_from.startswith(f"{name} ")]
            given = max(names, key=len)
            texts = model.encoders_[given].code_texts()
            agreeing = codes[given] == texts.index(said.judged_from.removeprefix(f"{given} "))
        own = model.encoders_[said.column]
        if said.direction in {"above", "below"}:
            code = int(own.encode(pd.Series([float(said.number)])).codes[0])
            others, known = codes[said.column], own.n_codes - 1
            alike = (others >= code if said.direction == "above" else others <= code) & (others < known)
        elif said.direction == "missing":
            alike = learned[said.column].isna().to_numpy()
        else:
            alike = learned[said.column].astype(str).to_numpy() == said.value
        return int(agreeing.sum()), int((agreeing & alike).sum())

    return counts
