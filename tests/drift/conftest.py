"""Claims to compare, drawn anew with each seed from the same distributions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

Draw = Callable[..., pd.DataFrame]


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Return a function that draws claims: amounts with zeros, ages in whole years, codes with a long tail."""

    def drawn(n: int, seed: int = 0) -> pd.DataFrame:
        rng = np.random.default_rng(seed)
        return pd.DataFrame(
            {
                "amount": np.where(rng.random(n) < 0.4, 0.0, rng.lognormal(5, 1, n)),
                "height": rng.normal(size=n),
                "age": rng.integers(0, 90, n),
                "visits": rng.poisson(1, n),
                "gaps": np.where(rng.random(n) < 0.02, np.nan, rng.normal(size=n)),
                "region": rng.choice(["north", "south", "west"], n),
                "code": [f"c{number}" for number in rng.zipf(1.6, n)],
            }
        )

    return drawn
