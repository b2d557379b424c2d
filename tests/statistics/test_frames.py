"""What is no frame, or no frame of the columns that are named, is refused in a sentence at every door."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.claims import Columns, DataIngestion
from claims_fraud.claims.rows import numbers
from claims_fraud.drift import PSIMonitor, ReferenceProfile
from claims_fraud.errors import InputError
from claims_fraud.fairness import FairnessAnalyzer
from claims_fraud.statistics.frames import check_frame
from claims_fraud.statistics.values import holds_numbers

CLAIMS = pd.DataFrame({"code": ["x", "y"] * 20, "amount": np.arange(40.0), "sex": ["f", "m"] * 20})
TWICE = pd.concat([CLAIMS, CLAIMS[["amount", "code", "sex"]]], axis=1)
SCORES = np.arange(40.0)


@pytest.fixture(scope="module")
def model() -> ClaimsTreeAutoencoder:
    model = ClaimsTreeAutoencoder(n_estimators=2, n_jobs=1, n_folds=2)
    model.fit(CLAIMS, ["code"], ["amount"])
    return model


@pytest.fixture(scope="module")
def profile() -> ReferenceProfile:
    return ReferenceProfile.fit(CLAIMS, ["code"], ["amount"])


DOORS = {
    "fit": lambda data, model, profile: ClaimsTreeAutoencoder(n_estimators=2).fit(data, ["code"], ["amount"]),
    "compute_fraud_scores": lambda data, model, profile: model.compute_fraud_scores(data),
    "explain": lambda data, model, profile: model.explain(data),
    "ReferenceProfile.fit": lambda data, model, profile: ReferenceProfile.fit(data, ["code"], ["amount"]),
    "PSIMonitor.compare": lambda data, model, profile: PSIMonitor(profile).compare(data),
    "FairnessAnalyzer": lambda data, model, profile: FairnessAnalyzer(data, SCORES, ["sex"]),
    "DataIngestion.run": lambda data, model, profile: DataIngestion(Columns()).run(data),
}
NO_FRAMES = {
    "array": CLAIMS.to_numpy(),
    "list": CLAIMS.to_dict("records"),
    "dict": CLAIMS.to_dict("list"),
    "Series": CLAIMS["amount"],
    "Table": pa.Table.from_pandas(CLAIMS),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", NO_FRAMES)
def test_what_is_no_frame_is_refused_without_its_values(model, profile, door, kind):
    with pytest.raises(InputError, match="give a pandas DataFrame") as raised:
        DOORS[door](NO_FRAMES[kind], model, profile)
    assert "39" not in str(raised.value)


@pytest.mark.parametrize("door", [name for name in DOORS if name != "DataIngestion.run"])
def test_two_columns_of_one_name_are_refused(model, profile, door):
    with pytest.raises(InputError, match=r"(?i)rename"):
        DOORS[door](TWICE, model, profile)


def test_a_column_name_that_is_no_text_and_not_there():
    with pytest.raises(InputError, match="has no column 0"):
        ClaimsTreeAutoencoder().fit(CLAIMS, [0], ["amount"])


@pytest.mark.parametrize(
    "values",
    [pd.date_range("2024-01-01", periods=40), pd.date_range("2024-01-01", periods=40).astype(str), ["a", "b"] * 20],
)
def test_a_reference_of_numbers_that_are_none(values):
    with pytest.raises(InputError, match="num_features names 'day', in which no value is a number"):
        ReferenceProfile.fit(CLAIMS.assign(day=values), ["code"], ["day"])


@pytest.mark.parametrize("name", ["flagged", "rank", "fraud_score", "fraud_percentile", "outcome", "claim period"])
def test_a_protected_column_of_a_name_that_the_analysis_uses(name):
    with pytest.raises(InputError, match=f"names '{name}', under which the analysis itself counts"):
        FairnessAnalyzer(CLAIMS.rename(columns={"sex": name}), SCORES, [name])


def test_a_reference_group_that_is_no_text():
    data = CLAIMS.assign(sex=[0, 1] * 20)
    rows = FairnessAnalyzer(data, SCORES, ["sex"], references={"sex": np.int64(1)}).get_bias_summary()
    assert "1" in set(rows["reference"])


def test_a_reference_of_what_is_not_analysed():
    with pytest.raises(InputError, match="references names 'sx', which is none of protected_attributes"):
        FairnessAnalyzer(CLAIMS, SCORES, ["sex"], references={"sx": "f"})


def test_scores_and_outcomes_that_are_no_numbers_and_no_rows():
    with pytest.raises(InputError, match="fraud_scores has values that are no numbers"):
        FairnessAnalyzer(CLAIMS, ["high"] * 40, ["sex"])
    with pytest.raises(InputError, match="outcomes has values that are no numbers"):
        FairnessAnalyzer(CLAIMS, SCORES, ["sex"], outcomes=["fraud"] * 40)
    with pytest.raises(InputError, match="the data has no rows"):
        FairnessAnalyzer(CLAIMS[:0], [], ["sex"])


def test_bands_of_a_number_that_is_mostly_one_value():
    days = np.where(np.arange(400) % 7 == 0, np.arange(400), 0)
    data = pd.DataFrame({"disability_days": days})
    groups = FairnessAnalyzer(data, days.astype(float), ["disability_days"]).get_bias_summary()["group"]
    assert set(groups) == {"below 7", "7 and above"}


def test_check_frame_with_a_signalling_nan_names_the_column():
    frame = pd.DataFrame({"x": [Decimal("sNaN"), None], "y": ["a", None]}, dtype=object)
    with pytest.raises(InputError, match=r"column 'x' holds a signalling NaN \(Decimal\('sNaN'\)\)"):
        check_frame(frame)


@pytest.mark.parametrize("values", [[1j, 2j], [1j, None]])
def test_complex_numbers_are_no_numbers(values):
    assert not holds_numbers(pd.Series(values))
    assert numbers(pd.Series(values)).isna().all()
