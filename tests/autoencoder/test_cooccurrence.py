"""Pairs and groups are counted as one would count them by hand, and come back from arrays as they were."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claims_fraud.autoencoder.batch import Batch
from claims_fraud.autoencoder.cooccurrence import Cooccurrence, GroupTable, PairTable, grouped_quantiles
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder

SIZES = (3, 4)
quick = settings(max_examples=60, deadline=None)
pairs = st.tuples(st.integers(0, SIZES[0] - 1), st.integers(0, SIZES[1] - 1))
# 12 visits and 8 tests, of which a GP has 10 and 2.
CODE = np.array([0] * 12 + [1] * 8)
SPECIALTY = np.array([0] * 10 + [1] * 2 + [0] * 2 + [1] * 6)


def table_of(rows, sizes=SIZES):
    left, right = np.array(rows, dtype=np.int64).reshape(-1, 2).T
    return PairTable.fit(left, right, sizes)


class TestPairTable:
    @quick
    @given(st.lists(pairs, max_size=40), st.lists(pairs, min_size=1, max_size=20))
    def test_rows_are_those_of_a_naive_count(self, rows, asked):
        left, right = np.array(asked).T
        assert table_of(rows).rows(left, right).tolist() == [rows.count(pair) for pair in asked]

    @quick
    @given(st.lists(pairs, max_size=40))
    def test_margins_and_distributions_are_those_of_a_naive_count(self, rows):
        table = table_of(rows)
        left, right = table.margins
        assert left.tolist() == [sum(one == code for one, _ in rows) for code in range(SIZES[0])]
        assert right.tolist() == [sum(other == code for _, other in rows) for code in range(SIZES[1])]
        assert table.distribution(1, of_left=True).tolist() == [rows.count((code, 1)) for code in range(SIZES[0])]
        assert table.distribution(1, of_left=False).tolist() == [rows.count((1, code)) for code in range(SIZES[1])]

    @quick
    @given(st.lists(pairs, min_size=1, max_size=40))
    def test_lifts_are_the_same_whether_every_cell_is_kept_or_none(self, rows):
        left, right = np.divmod(np.arange(SIZES[0] * SIZES[1]), SIZES[1])
        kept = table_of(rows)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("claims_fraud.autoencoder.cooccurrence.MOST_CELLS", 1)
            computed = table_of(rows)
            assert computed.keys.tolist() == kept.keys.tolist()
            assert computed.counts.tolist() == kept.counts.tolist()
            found = computed.lifts(left, right)
        assert found.tolist() == kept.lifts(left, right).tolist()

    def test_lifts_by_hand(self):
        table = PairTable.fit(CODE, SPECIALTY, (2, 3))
        # Expected are 12 · 12 / 20, 12 · 8 / 20 and none, with half a row more on either side.
        assert table.lifts(np.array([0, 0, 1]), np.array([0, 1, 2])).tolist() == pytest.approx(
            [np.log(10.5 / 7.7), np.log(2.5 / 5.3), np.log(0.5 / 0.5)]
        )


class TestGroups:
    @quick
    @given(st.lists(st.tuples(st.integers(0, 4), st.floats(-1e6, 1e6, width=32)), min_size=1, max_size=60))
    def test_quantiles_are_numpys_of_each_group(self, rows):
        rows = sorted(rows, key=lambda row: row[1])
        codes, values = np.array([code for code, _ in rows]), np.array([value for _, value in rows])
        levels = (0.0, 0.1, 0.25, 0.5, 0.9, 1.0)
        counts, found = grouped_quantiles(codes, values, 5, levels)
        assert counts.tolist() == [int((codes == code).sum()) for code in range(5)]
        for code in range(5):
            expected = np.quantile(values[codes == code], levels) if counts[code] else np.zeros(len(levels))
            assert found[:, code] == pytest.approx(expected, rel=1e-9, abs=1e-6)

    def test_medians_and_ends_are_the_groups_own_and_missing_values_have_no_say(self):
        codes = np.repeat([0, 1], 11)
        values = np.concatenate([np.arange(11.0), 100 + np.arange(11.0)]).astype(np.float32)
        table = GroupTable.fit(np.append(codes, [0, 0, 2]), np.append(values, [np.nan] * 3).astype(np.float32), 4)
        assert table.rows.tolist() == [11, 11, 0, 0]
        # Where a group has no number, the median of all.
        assert table.median.tolist() == [5, 105, 55, 55]
        assert table.low.tolist()[:2] == [1, 101]
        assert table.high.tolist()[:2] == [9, 109]

    def test_the_spread_of_few_rows_is_pooled_with_that_within_groups(self):
        random = np.random.default_rng(0)
        codes = np.append(np.repeat([0, 1], 200), 2)
        values = np.append(random.normal(0, 1, 400) * np.repeat([1, 1.2], 200), 7.0).astype(np.float32)
        many, _, one, none = GroupTable.fit(codes, values, 4).spread
        assert many == pytest.approx(1, abs=0.15)
        # One row has no spread of its own, and its median is as uncertain as a row is.
        assert one == pytest.approx(np.sqrt(1.1**2 * 2.57), rel=0.2)
        assert none == pytest.approx(1.1, abs=0.15)

    def test_equal_numbers_have_a_spread_above_zero(self):
        table = GroupTable.fit(np.zeros(9, dtype=int), np.zeros(9, np.float32), 2)
        assert (table.spread > 0).all()

    def test_no_number_at_all(self):
        table = GroupTable.fit(np.zeros(3, dtype=int), np.full(3, np.nan, np.float32), 2)
        assert (table.rows.tolist(), table.spread.tolist()) == ([0, 0], [1, 1])


@pytest.fixture(scope="module")
def encoded():
    code = pd.Series(np.where(CODE == 0, "visit", "test"))
    encoders = [CategoryEncoder.fit(code, 5), NumberEncoder.fit(pd.Series(CODE * 100.0 + np.arange(20) % 3))]
    return encoders, [encoders[0].encode(code), encoders[1].encode(pd.Series(CODE * 100.0 + np.arange(20) % 3))]


@pytest.fixture(scope="module")
def world(encoded):
    encoders, columns = encoded
    return Cooccurrence.fit(columns, [one.n_codes for one in encoders], [(1,), (0,)], np.arange(20))


class TestCooccurrence:
    def test_pairs_are_counted_once_and_numbers_are_grouped_by_each_partner(self, world):
        assert list(world.pairs) == [(0, 1)]
        assert list(world.groups) == [(1, 0)]
        # Codes in alphabetical order: test, visit, rare, new, missing.
        assert world.counts[0].tolist() == [8, 12, 0, 0, 0]
        assert world.n_rows == 20
        assert world.shares[0].tolist() == pytest.approx([0.4, 0.6, 0, 0, 0])

    def test_only_the_given_rows_are_counted(self, encoded):
        encoders, columns = encoded
        few = Cooccurrence.fit(columns, [one.n_codes for one in encoders], [(1,), (0,)], np.arange(15))
        assert few.counts[0].tolist() == [3, 12, 0, 0, 0]

    def test_either_column_may_be_asked_first(self, world):
        code, number = np.array([0, 1]), np.array([5, 0])
        assert world.both(0, code, 1, number).tolist() == world.both(1, number, 0, code).tolist()
        assert world.lifts(0, code, 1, number).tolist() == world.lifts(1, number, 0, code).tolist()
        assert world.distribution(1, 0, 1).sum() == 12
        assert world.distribution(0, 1, 0).tolist() == [0, 4, 0, 0, 0]

    def test_what_is_written_to_arrays_comes_back(self, world):
        restored = Cooccurrence.from_arrays(world.to_arrays())
        assert [array.tolist() for array in restored.counts] == [array.tolist() for array in world.counts]
        assert restored.n_rows == world.n_rows
        for places, pair in world.pairs.items():
            again = restored.pairs[places]
            assert again.sizes == pair.sizes
            assert (again.keys.tolist(), again.counts.tolist()) == (pair.keys.tolist(), pair.counts.tolist())
        for places, group in world.groups.items():
            for field in GroupTable.__dataclass_fields__:
                found, expected = getattr(restored.groups[places], field), getattr(group, field)
                assert found.dtype == expected.dtype == np.float32
                assert found.tolist() == expected.tolist()

    def test_a_batch_looks_up_its_own_values_or_others(self, encoded, world):
        batch = Batch.of_rows(encoded[1], np.array([0, 19]), world)
        own = batch.lifts(0, (1,))
        assert own.shape == (2, 1)
        assert own.tolist() == batch.lifts(0, (1,), batch.columns[0].codes).tolist()
        assert (own > 0).all()
        assert (batch.lifts(0, (1,), batch.columns[0].codes[::-1]) < 0).all()
        assert batch.inputs((0, 1)).shape == (2, 2)
        assert batch.inputs(()).shape == (2, 0)
