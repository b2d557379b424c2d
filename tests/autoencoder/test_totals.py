"""Which numbers count as totals of another, and the evidence and reasons for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.judgement import judge_batch
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.totals import find_parts, is_all_of_part, is_below_part

N = 400
RANDOM = np.random.default_rng(0)
BILL = np.round(RANDOM.lognormal(7, 1, N), -1)
# Three claims of eight are the only one of their year.
YEAR = BILL + np.where(np.arange(N) % 8 < 3, 0, np.round(RANDOM.lognormal(8, 1, N), -1))


def found(**columns):
    """Return the part of the column named total, by name."""
    values = [pd.Series(column) for column in columns.values()]
    encoders = [
        NumberEncoder.fit(one) if one.dtype.kind in "if" else CategoryEncoder.fit(one, max_classes=24) for one in values
    ]
    encoded = [encoder.encode(one) for encoder, one in zip(encoders, values, strict=True)]
    part = find_parts(encoded, encoders, np.arange(len(values[0])))[list(columns).index("total")]
    return None if part is None else list(columns)[part]


class TestPart:
    def test_a_number_that_the_total_often_is_and_never_undercuts(self):
        assert found(total=YEAR, code=["a", "b"] * (N // 2), bill=BILL) == "bill"

    def test_the_order_of_rows_has_no_say(self):
        order = np.argsort(BILL)
        assert found(total=YEAR[order], bill=BILL[order]) == "bill"

    def test_the_part_has_no_part(self):
        assert found(total=BILL, year=YEAR) is None

    def test_no_more_than_a_quarter_equal(self):
        assert found(total=np.where(np.arange(N) % 4 == 0, BILL, 2 * YEAR), bill=BILL) is None

    def test_more_than_one_row_in_a_hundred_below(self):
        total = YEAR.copy()
        total[:4] = 0
        assert found(total=total, bill=BILL) == "bill"
        total[:5] = 0
        assert found(total=total, bill=BILL) is None

    def test_numbers_that_are_equal_by_chance(self):
        few = RANDOM.integers(1, 4, N)
        assert found(total=few + RANDOM.integers(0, 2, N), part=few) is None

    def test_zeros_are_no_parts(self):
        zeros = np.where(np.arange(N) % 2, 0.0, BILL)
        assert found(total=zeros * 2, part=zeros) is None

    def test_a_number_off_the_rounding_step_of_its_column(self):
        # Nearly all bills are multiples of 1,000; 10,100 is one of 10,100, not of 10,000.
        bills = np.append(np.arange(1, N) * 1000.0, 10_100.0)
        years = np.append(np.arange(1, N) * 1000.0 + np.arange(1, N) % 2 * 5000, 10_100.0)
        encoders = [NumberEncoder.fit(pd.Series(one)) for one in (years, bills)]
        encoded = [encoder.encode(pd.Series(one)) for encoder, one in zip(encoders, (years, bills), strict=True)]
        assert encoders[1].step == 1000
        assert is_all_of_part(0, 1, encoded, encoders)[-3:].tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("total", "part", "all_of_it", "below"),
    [
        (500.0, 500.0, True, False),
        (900.0, 500.0, False, False),
        (400.0, 500.0, False, True),
        (500.4, 500.0, True, False),
        (0.0, 0.0, False, False),
        (None, 500.0, False, False),
        (500.0, None, False, False),
    ],
)
def test_one_total_beside_its_part(total, part, all_of_it, below):
    encoders = [NumberEncoder.fit(pd.Series(YEAR)), NumberEncoder.fit(pd.Series(BILL))]
    row = [
        encoder.encode(pd.Series([value], dtype=float)) for encoder, value in zip(encoders, (total, part), strict=True)
    ]
    assert is_all_of_part(0, 1, row, encoders).tolist() == [all_of_it]
    assert is_below_part(0, 1, row, encoders).tolist() == [below]


@pytest.fixture(scope="module")
def model():
    rows = pd.DataFrame({"code": np.where(BILL > 1000, "surgery", "visit"), "year": YEAR, "bill": BILL})
    model = ClaimsTreeAutoencoder("xgboost", n_jobs=1)
    model.fit(rows, ["code"], ["year", "bill"])
    return model


class TestReasons:
    def judged(self, model, year, bill):
        rows = pd.DataFrame({"code": ["surgery"], "year": [year], "bill": [bill]})
        said = model.explain(rows, top=None).set_index("column")
        return said["surprise"]["year"], said["sentence"]["year"]

    def test_nothing_is_said_against_a_total_that_is_all_of_its_part(self, model):
        rows = pd.DataFrame({"code": ["visit"] * 2, "year": [9_000.0, 9_500.0], "bill": [9_000.0] * 2})
        batch = Batch([encoder.encode(rows[name]) for name, encoder in model.encoders_.items()], model.cooccurrence_)
        found = judge_batch(list(model.models_.values()), list(model.encoders_.values()), batch)
        assert np.isneginf(found.evidence).tolist() == [[False, True, False], [False, False, False]]

    def test_a_total_below_its_part_is_said_to_be(self, model):
        adds, sentence = self.judged(model, 2_000.0, 9_000.0)
        assert adds > 1
        assert sentence == "year 2,000; less than bill, which is 9,000"

    def test_the_part_is_kept(self, model, tmp_path):
        model.save(tmp_path / "model")
        loaded = ClaimsTreeAutoencoder.load(tmp_path / "model")
        assert {name: column.part for name, column in loaded.models_.items()} == {"code": None, "year": 2, "bill": None}
        assert self.judged(loaded, 2_000.0, 9_000.0) == self.judged(model, 2_000.0, 9_000.0)
