"""A number starts from its tightest group, or from other numbers that it follows from."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder.baseline import fit_baseline, follows_others, group_baseline, predicted_numbers
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.reasons import relation_text

ROWS = 1200


class Table:
    """Encoded columns of a frame, whose text is categorical."""

    def __init__(self, data):
        self.names, self.data = list(data), data
        self.encoders = [
            CategoryEncoder.fit(data[name], 20) if data[name].dtype == object else NumberEncoder.fit(data[name])
            for name in data
        ]
        self.columns = [encoder.encode(data[name]) for name, encoder in zip(data, self.encoders, strict=True)]
        self.sizes = [encoder.n_codes for encoder in self.encoders]
        self.rows = np.arange(len(data))

    def start(self, name, *, follows=False, rows=None):
        rows = self.rows if rows is None else rows
        place = self.names.index(name)
        return fit_baseline(place, self.columns, self.encoders, self.sizes, rows, rows % 3, follows=follows)

    def follows(self, name):
        return follows_others(self.names.index(name), self.columns, self.encoders, self.sizes, self.rows)

    def predicted(self, baseline, name):
        """Return where the start has a number, in its own unit."""
        encoder = self.encoders[self.names.index(name)]
        return encoder.restore(baseline.predict(self.columns, self.encoders, encoder)[0].astype(float))


@pytest.fixture(scope="module")
def prices():
    """Amounts that follow from code and state together, in part from either, and not from the clerk."""
    random = np.random.default_rng(0)
    code, state = random.integers(0, 4, ROWS), random.integers(0, 3, ROWS)
    amount = 100 * 3.0**code * 1.5**state * random.lognormal(0, 0.1, ROWS)
    columns = {
        "clerk": random.integers(0, 5, ROWS).astype(str).astype(object), "state": state.astype(str).astype(object),
        "code": code.astype(str).astype(object), "amount": amount.round(2),
    }  # fmt: skip
    return Table(pd.DataFrame(columns))


@pytest.fixture(scope="module")
def bills():
    """A total that is the sum of its parts, and a payment that is nine tenths of it, in 98 of 100 rows."""
    random = np.random.default_rng(1)
    injury, property_, vehicle = (random.lognormal(size, 0.8, ROWS).round(2) for size in (6, 5, 7))
    total = injury + property_ + vehicle
    total[:24] *= random.uniform(2, 5, 24)
    data = {"kind": random.choice(["a", "b"], ROWS).astype(object), "injury": injury, "property": property_}
    data |= {"vehicle": vehicle, "total": total.round(2), "paid": (0.9 * total).round(2)}
    return Table(pd.DataFrame(data))


class TestGroups:
    def test_the_tightest_group_by_two_columns_is_chosen(self, prices):
        start = prices.start("amount")
        assert (start.kind, sorted(prices.names[place] for place in start.columns)) == ("group", ["code", "state"])
        expected = prices.data.groupby(["code", "state"])["amount"].transform("median")
        assert prices.predicted(start, "amount") == pytest.approx(expected.to_numpy(), rel=0.01)

    def test_a_column_that_says_nothing_makes_no_group(self, prices):
        few = Table(prices.data[["clerk", "amount"]])
        start = few.start("amount")
        assert start.columns == ()
        assert few.predicted(start, "amount") == pytest.approx(few.data["amount"].median(), rel=1e-3)

    def test_only_the_given_rows_are_learned_from(self, prices):
        rows = np.arange(ROWS // 2)
        one = prices.start("amount", rows=rows)
        again = prices.start("amount").refitted(prices.columns, prices.sizes, prices.columns[3].numbers, rows)
        assert one.columns == again.columns
        assert one.table.median.tolist() == again.table.median.tolist()
        assert one.table.rows.sum() == len(rows)

    def test_a_pair_of_codes_that_no_row_has_starts_from_the_median_of_all(self, prices):
        numbers = prices.columns[3].numbers
        rows = np.flatnonzero((prices.data["code"] != "3") | (prices.data["state"] != "2"))
        start = group_baseline((1, 2), prices.columns, prices.sizes, numbers, rows)
        unknown = np.setdiff1d(prices.rows, rows)
        assert len(start.keys) == 11
        location, _, known_from = start.predict(prices.columns, prices.encoders, prices.encoders[3])
        assert location[unknown] == pytest.approx(np.median(numbers[rows]), abs=1e-5)
        assert (known_from[unknown] == 0).all()
        assert (known_from[rows] > 50).all()


class TestRelations:
    def test_a_total_follows_from_its_parts(self, bills):
        assert bills.follows("total")
        start = bills.start("total", follows=True)
        assert start.kind in {"sum", "ratio"}
        makes = predicted_numbers(start, bills.columns, bills.encoders)
        assert np.median(np.abs(makes / bills.data["total"] - 1)) < 0.001

    def test_a_total_alone_with_its_parts_is_their_sum(self, bills):
        table = Table(bills.data.drop(columns="paid"))
        start = table.start("total", follows=True)
        assert (start.kind, relation_text(start, table.names)) == ("sum", "injury + property + vehicle")
        makes = predicted_numbers(start, table.columns, table.encoders)
        parts = table.data[["injury", "property", "vehicle"]].sum(axis=1)
        assert makes == pytest.approx(parts.to_numpy(), rel=0.01, abs=1)

    def test_an_allowed_amount_is_a_share_of_the_billed_one(self, bills):
        table = Table(bills.data[["kind", "total", "paid"]])
        assert table.follows("paid")
        start = table.start("paid", follows=True)
        assert (start.kind, relation_text(start, table.names)) == ("ratio", "0.9 × total")

    def test_rows_in_which_the_relation_is_broken_are_far_from_it(self, bills):
        table = Table(bills.data.drop(columns="paid"))
        start = table.start("total", follows=True)
        location, spread, _ = start.predict(table.columns, table.encoders, table.encoders[4])
        apart = np.abs(table.columns[4].numbers - location) / spread
        assert (apart[:24] > 20).all()
        assert np.median(apart[24:]) < 1

    def test_independent_numbers_and_codes_follow_from_nothing(self, bills, prices):
        assert not bills.follows("kind")
        assert not prices.follows("amount")

    def test_where_one_of_the_numbers_is_missing_there_is_no_start(self, bills):
        data = bills.data[["kind", "total", "paid"]].copy()
        table = Table(data)
        start = table.start("paid", follows=True)
        data.loc[:4, "total"] = np.nan
        columns = [encoder.encode(data[name]) for name, encoder in zip(data, table.encoders, strict=True)]
        location, _, _ = start.predict(columns, table.encoders, table.encoders[2])
        assert np.isnan(location[:5]).all()
        assert not np.isnan(location[5:]).any()

    def test_counts_that_are_mostly_zero_follow_from_nothing(self):
        random = np.random.default_rng(2)
        data = {"kind": random.choice(["a", "b"], ROWS).astype(object)}
        data |= {name: (random.random(ROWS) < 0.1).astype(float) for name in ("one", "two")}
        assert not Table(pd.DataFrame(data)).follows("one")
