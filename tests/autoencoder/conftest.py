"""Claims whose columns depend on each other, and models fitted on them once a session."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder

CAT_FEATURES = ["code", "specialty", "region"]
NUM_FEATURES = ["amount", "days"]
PRICES = {"visit": 100.0, "xray": 400.0, "surgery": 9000.0, "lab": 40.0}
SPECIALTIES = {"visit": "GP", "xray": "radiology", "surgery": "surgeon", "lab": "GP"}


def draw_claims(rows: int, seed: int) -> pd.DataFrame:
    """Return claims whose specialty, amount and days follow from the code, and whose region follows from nothing."""
    rng = np.random.default_rng(seed)
    code = rng.choice(list(PRICES), rows, p=[0.4, 0.3, 0.1, 0.2])
    claims = pd.DataFrame({"code": code}, dtype=object)
    claims["specialty"] = claims["code"].map(SPECIALTIES)
    claims["region"] = rng.choice(["north", "south"], rows).astype(object)
    claims["amount"] = np.round(claims["code"].map(PRICES).to_numpy(float) * rng.lognormal(0, 0.2, rows), 2)
    claims["days"] = rng.poisson(np.where(code == "surgery", 6, 1)).astype(float)
    claims.loc[rng.random(rows) < 0.02, "specialty"] = None
    claims.loc[rng.random(rows) < 0.02, "days"] = np.nan
    return claims


def small(model_type: str, **parameters: object) -> ClaimsTreeAutoencoder:
    """Return an unfitted model that fits in a moment."""
    return ClaimsTreeAutoencoder(model_type, **{"n_estimators": 12, "n_jobs": 1, **parameters})  # type: ignore[arg-type]


@pytest.fixture(scope="session")
def make_claims() -> Callable[[int, int], pd.DataFrame]:
    return draw_claims


@pytest.fixture(scope="session")
def make_model() -> Callable[..., ClaimsTreeAutoencoder]:
    return small


@pytest.fixture(scope="session")
def claims() -> pd.DataFrame:
    return draw_claims(900, seed=0)


@pytest.fixture(scope="session")
def features() -> tuple[list[str], list[str]]:
    return CAT_FEATURES, NUM_FEATURES


@pytest.fixture(scope="session", params=["catboost", "xgboost"])
def model_type(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def fitted(model_type: str, claims: pd.DataFrame) -> ClaimsTreeAutoencoder:
    """Return a model of `claims` with the region as context; never refit it."""
    model = small(model_type, context_features=("region",))
    model.fit(claims, CAT_FEATURES, NUM_FEATURES)
    return model


@pytest.fixture(scope="session")
def fitted_on_many(model_type: str) -> ClaimsTreeAutoencoder:
    """Return a model of so many claims that shares can be measured; never refit it."""
    model = small(model_type, context_features=("region",))
    model.fit(draw_claims(4000, seed=0), CAT_FEATURES, NUM_FEATURES)
    return model
