"""How models are weighed, and how evidence and rarity become a score whose parts are never negative."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from claims_fraud.autoencoder.evidence import (
    LEAST_RARITY,
    MOST_EVIDENCE,
    MOST_RARITY,
    MOST_WEIGHT,
    RAREST,
    ScoreScale,
    Stack,
    contradiction,
    tail_excess,
)

quick = settings(max_examples=60, deadline=None)
nats = st.floats(-30, 12)
evidences = arrays(np.float32, (12, 3), elements=st.one_of(st.floats(-30, 12, width=32), st.just(-np.inf)))
rarities = arrays(np.float32, (12, 3), elements=st.floats(0, 1e3, width=32))
blames = arrays(np.float32, (12, 3), elements=st.floats(0, 50, width=32))
START = Stack((0.4, 0.4))


def said(rows, seed, informative=0.0):
    """Return what two models say of rows: the first one knows something, the second one nothing."""
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(informative, 1, rows), random.normal(0, 1, rows)])


class TestStack:
    def test_a_model_that_tells_values_apart_weighs_more_than_one_that_does_not(self):
        first, second = Stack.fit(said(2000, 0, -1), said(2000, 1, 1), START).weights
        # The log Bayes factor of two normals two deviations apart is twice the value.
        assert first == MOST_WEIGHT
        assert second < 0.2

    def test_two_percent_of_wrong_rows_hardly_move_the_weights(self):
        real, put_there = said(3000, 0, -0.5), said(3000, 1, 0.5)
        clean = Stack.fit(real, put_there, START)
        wrong = real.copy()
        wrong[:60] = 30.0
        contaminated = Stack.fit(wrong, put_there, START)
        assert contaminated.weights == pytest.approx(clean.weights, abs=0.1)
        assert contaminated.offset == pytest.approx(clean.offset, abs=0.05)

    def test_without_rows_it_is_what_it_starts_from(self):
        start = Stack((0.5, 0.3), prior=1.0)
        assert Stack.fit(np.zeros((0, 2)), said(5, 0), start) == start
        assert Stack.fit(said(5, 0), np.zeros((0, 2)), start) == start

    def test_the_prior_is_kept(self):
        assert Stack.fit(said(50, 0), said(50, 1), Stack((0.4, 0.4), prior=-1.0)).prior == -1

    @settings(max_examples=20, deadline=None)
    @given(arrays(float, (20, 2), elements=nats), arrays(float, (20, 2), elements=nats))
    def test_weights_stay_in_their_range(self, real, put_there):
        stack = Stack.fit(real, put_there, START)
        assert all(0 <= weight <= MOST_WEIGHT for weight in stack.weights)
        assert -1 <= stack.offset <= 1

    def test_evidence_by_hand(self):
        stack = Stack((0.5, 1.0), offset=0.25, prior=1.0)
        # What a model says is cut at -8 and 30, the sum at 12; a prior adds to what speaks against a value only.
        found = stack.evidence(np.array([[2.0, 1.0], [-100.0, 0.0], [100.0, 0.0]]))
        assert found.tolist() == [3.25, -3.75, MOST_EVIDENCE]
        assert found.dtype == np.float32


class TestContradiction:
    def test_by_hand(self):
        # A power of 1.5: two equal columns add log(2) / 1.5 to one of them.
        assert contradiction(np.array([[2.0, 2.0], [5.0, -np.inf]])) == pytest.approx([2 + np.log(2) / 1.5, 5])

    def test_of_nothing_it_is_a_number(self):
        assert np.isfinite(contradiction(np.full((2, 3), -np.inf))).all()

    @quick
    @given(evidences)
    def test_it_is_the_largest_or_a_little_more(self, evidence):
        largest = np.maximum(evidence.max(axis=1), -30)
        found = contradiction(evidence)
        assert (found >= largest - 1e-4).all() or np.isinf(evidence).all(axis=1).any()
        assert (found <= largest + np.log(3) / 1.5 + 1e-4).all()


class TestTailExcess:
    def test_of_an_exponential_tail_it_is_about_0(self):
        assert tail_excess(np.random.default_rng(0).exponential(3, 100_000)) == pytest.approx(0, abs=0.1)
        assert tail_excess(-np.log(1 - (np.arange(100_000) + 0.5) / 100_000)) == pytest.approx(0, abs=1e-3)

    def test_of_a_lighter_tail_it_is_0(self):
        assert tail_excess(np.random.default_rng(0).random(10_000)) == 0

    def test_it_grows_with_how_far_the_far_rows_are(self):
        values = np.random.default_rng(0).exponential(1, 10_000)
        order = np.argsort(values)
        found = []
        for far in (10, 20):
            wrong = values.copy()
            wrong[order[-200:]] = far
            found.append(tail_excess(wrong))
        # In units of the tail, which is 1; an exponential one has its 99th percentile at log(100).
        assert found == pytest.approx([10 - np.log(100), 20 - np.log(100)], abs=0.25)

    def test_where_the_middle_of_the_rows_is_one_value_it_is_0(self):
        assert tail_excess(np.array([0.0] * 90 + [5.0] * 10)) == 0


class TestScoreScale:
    def test_by_hand(self):
        scale = ScoreScale.fit(np.zeros((5, 2)), np.array([[0.0, 1], [1, 1], [2, 2], [4, 4], [4, 4]]))
        # The sums are 1, 2, 4, 8 and 8; interquartile ranges 3 and 3. Nothing contradicts beyond what is usual.
        assert scale.rarity == pytest.approx((4, np.hypot(3, 3)))
        assert scale.rarity_weight == MOST_RARITY

    def test_rarity_counts_less_the_more_rows_contradict_themselves(self):
        exponential = np.random.default_rng(0).exponential(1, (5000, 1))
        weights = []
        for far in (0, 8, 80):
            evidence = exponential.copy()
            evidence[:100] = np.maximum(evidence[:100], far)
            weights.append(ScoreScale.fit(evidence, np.ones((5000, 1))).rarity_weight)
        assert weights == sorted(weights, reverse=True)
        assert weights[0] == pytest.approx(MOST_RARITY, abs=0.1)
        assert weights[2] == LEAST_RARITY

    def test_a_row_gets_the_parts_of_its_larger_measure(self):
        scale = ScoreScale(rarity=(2.0, 1.0), rarity_weight=0.5)
        evidence, blame = np.array([[3.0, 3.0], [1.0, -1.0]]), np.array([[0.0, 2.0], [0.0, 0.0]])
        parts, by_rarity = scale.combine(evidence, np.array([[1.0, 1.0], [9.0, 3.0]]), blame)
        contradicts = contradiction(evidence)
        assert by_rarity.tolist() == [False, True]
        # Of equal evidence three quarters go to the value that contradicts others for two nats more.
        first = np.log(1 + np.exp(contradicts[0]) + 1)
        assert parts[0].tolist() == pytest.approx([first / 4, first * 3 / 4], rel=1e-4)
        second = np.log(1 + np.exp(contradicts[1]) + np.exp(RAREST * np.tanh(5 / RAREST)))
        assert parts[1].tolist() == pytest.approx([second * 9 / 12, second * 3 / 12])

    def test_where_nothing_contradicts_what_contradicts_least_little_has_most_of_the_score(self):
        parts, _ = ScoreScale((0.0, 1.0), 0.5).combine(
            np.array([[-1.0, -6.0, -np.inf]]), np.zeros((1, 3)) - 9, np.zeros((1, 3))
        )
        assert parts[0, 0] > 100 * parts[0, 1] > parts[0, 2] == 0

    @quick
    @given(evidences, rarities, blames)
    def test_parts_are_never_negative_and_sum_to_the_score(self, evidence, rarities, blame):
        scale = ScoreScale.fit(evidence, rarities)
        assert LEAST_RARITY <= scale.rarity_weight <= MOST_RARITY
        parts, by_rarity = scale.combine(evidence, rarities, blame)
        assert np.isfinite(parts).all()
        assert (parts >= 0).all()
        spreads = (rarities.sum(axis=1, dtype=float) - scale.rarity[0]) / scale.rarity[1]
        rarity = RAREST * np.tanh(scale.rarity_weight * spreads / RAREST)
        contradicts = contradiction(evidence)
        score = np.logaddexp(0, np.logaddexp(contradicts, rarity))
        # All of it, where a part can be given to some column at all.
        can = np.where(by_rarity, rarities.sum(axis=1) > 0, (evidence > -20).any(axis=1))
        assert parts.sum(axis=1)[can] == pytest.approx(score[can], rel=1e-6)
        assert (by_rarity == (rarity > contradicts)).all()

    @quick
    @given(evidences, rarities, st.integers(0, 11), st.floats(0.01, 10))
    def test_more_evidence_never_lowers_the_score(self, evidence, rarities, row, more):
        scale, blame = ScoreScale((1.0, 1.0), 1.0), np.zeros((12, 3))
        evidence[:, 1] = np.maximum(evidence[:, 1], -10)
        worse = evidence.copy()
        worse[row, 0] = max(worse[row, 0], np.float32(-30)) + np.float32(more)
        before, after = (scale.combine(one, rarities, blame)[0].sum(axis=1)[row] for one in (evidence, worse))
        assert after >= before - 1e-4 * max(before, 1)
