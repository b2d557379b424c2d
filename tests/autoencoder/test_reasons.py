"""Reasons word by word on claims made by hand, and held against a recount of the claims that they quote."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from claims_fraud.autoencoder import ClaimsTreeAutoencoder
from claims_fraud.autoencoder.baseline import Baseline
from claims_fraud.autoencoder.column_evidence import ColumnEvidence
from claims_fraud.autoencoder.column_model import ColumnModel
from claims_fraud.autoencoder.cooccurrence import Cooccurrence
from claims_fraud.autoencoder.evidence import Stack
from claims_fraud.autoencoder.kinds import CategoryEncoder, NumberEncoder
from claims_fraud.autoencoder.reasons import ENOUGH, MOST_ALIKE, Explainer, relation_text
from reason_rules import COUNTED, RANGED, broken_rules, recount, refuted, whole

# 60 visits, 40 x-rays and 5 laboratory tests, of which the last have no amount.
CLAIMS = pd.DataFrame(
    {
        "code": ["visit"] * 60 + ["xray"] * 40 + ["lab"] * 5,
        "specialty": ["GP"] * 50 + ["surgeon"] * 10 + ["radiologist"] * 40 + ["GP"] * 5,
        "amount": [50.0] * 30 + [60.0] * 20 + [70.0] * 10 + [1300.0] * 40 + [None] * 5,
    }
)
NAMES = list(CLAIMS)
ENCODERS = [
    CategoryEncoder.fit(CLAIMS["code"], max_classes=3),
    CategoryEncoder.fit(CLAIMS["specialty"], max_classes=2),
    NumberEncoder.fit(CLAIMS["amount"]),
]
COLUMNS = [
    "value", "expected", "expected_low", "expected_high", "direction", "judged_from", "comparable", "such",
    "low_support", "sentence",
]  # fmt: skip


def encoded(rows):
    return [encoder.encode(rows[name]) for name, encoder in zip(NAMES, ENCODERS, strict=True)]


WORLD = Cooccurrence.fit(
    encoded(CLAIMS), [encoder.n_codes for encoder in ENCODERS], [(1, 2), (0, 2), (0, 1)], np.arange(105)
)


def explainer(name, partners, derived=()):
    places = tuple(NAMES.index(partner) for partner in partners)
    nothing = ColumnModel(None, np.array([0]))
    model = ColumnEvidence(NAMES.index(name), places, places, nothing, None, Stack((1.0,)))
    return Explainer(NAMES, ENCODERS, [model], WORLD, [NAMES.index(one) for one in derived])


def explain(name, claims, partners, *, derived=(), by_rarity=False, counted=False):
    """Return what is said of a column of claims: (code, specialty, amount) each."""
    rows = pd.DataFrame(claims, columns=NAMES, index=[9] * len(claims)).astype({"amount": float})
    masks = {"by_rarity": np.full(len(rows), by_rarity), "counted": np.full(len(rows), counted)}
    return explainer(name, partners, derived).explained(NAMES.index(name), rows[name], encoded(rows), **masks)


def sentence(*arguments, **options):
    (only,) = explain(*arguments, **options)["sentence"]
    return only


class TestContradictions:
    @pytest.mark.parametrize(
        ("claim", "said"),
        [
            (("visit", "GP", 80.0), "amount 80; such claims have 50–70 (code visit, 60 claims)"),
            (("visit", "GP", 1300.0), "amount 1,300; such claims have 50–70 (code visit, 60 claims)"),
            (("xray", "GP", 70.0), "amount 70; such claims have 1,300 (code xray, 40 claims)"),
            (("visit", "GP", None), "amount missing; it is missing in none of 60 claims with code visit"),
        ],
    )
    def test_a_number_against_claims_with_the_same_code(self, claim, said):
        assert sentence("amount", [claim], ["code"]) == said

    def test_a_category_against_claims_with_the_same_code(self):
        assert sentence("specialty", [("visit", "radiologist", 60.0)], ["code"]) == (
            "specialty radiologist; none of 60 claims with code visit have it, most often it is GP (83%)"
        )

    def test_a_category_against_claims_with_about_the_same_number(self):
        assert sentence("code", [("visit", "GP", 1300.0)], ["amount"]) == (
            "code visit; none of 40 claims with amount 1,300 have it, most often it is xray (100%)"
        )

    def test_the_column_that_contradicts_most_is_quoted(self):
        # Among GPs amounts are tighter than among visits.
        assert sentence("amount", [("visit", "GP", 80.0)], ["code", "specialty"]) == (
            "amount 80; such claims have 50–60 (specialty GP, 55 claims)"
        )

    def test_a_number_within_what_is_usual_has_no_reason(self):
        found = explain("amount", [("visit", "GP", 60.0), ("visit", "GP", 70.0)], ["code"])
        assert found["sentence"].tolist() == [None, None]
        assert found["direction"].tolist() == ["within", "within"]

    def test_a_value_that_more_than_a_quarter_of_comparable_claims_have_is_no_contradiction(self):
        # A sixth of the visits are a surgeon's, which is less often than elsewhere for a GP.
        assert sentence("code", [("visit", "GP", 60.0)], ["specialty", "amount"]) is None

    def test_fewer_than_thirty_comparable_claims_are_not_quoted(self):
        found = explain("amount", [("lab", "surgeon", 60.0)], ["code", "specialty"])
        assert found["sentence"].tolist() == [None]
        assert found["judged_from"].tolist() == [""]

    def test_claims_with_a_rare_or_missing_code_have_nothing_in_common(self):
        claims = [("mri", "GP", 9999.0), (None, "GP", 9999.0)]
        found = explain("amount", claims, ["code"])
        assert found["judged_from"].tolist() == ["", ""]
        assert found["sentence"].tolist() == ["amount 9,999; 50–1,300 in all of 100 claims"] * 2

    def test_what_history_makes_of_a_claim_is_not_what_others_are_compared_by(self):
        claims = [("visit", "GP", 1300.0)]
        assert "specialty GP" in sentence("amount", claims, ["specialty", "code"], derived=["code"])
        assert sentence("amount", claims, ["code"], derived=["code"]) is None
        # Another column that history makes may be.
        assert "code visit" in sentence("amount", claims, ["code"], derived=["code", "amount"])

    def test_a_claim_that_was_learned_from_is_not_counted_for_itself(self):
        assert sentence("specialty", [("xray", "GP", 60.0)], ["code"]).startswith("specialty GP; none of 40 claims")
        found = explain("specialty", [("visit", "surgeon", 60.0)], ["code", "amount"], counted=True)
        assert (found["comparable"].item(), found["such"].item()) == (104, 9)

    def test_what_the_sentence_is_made_of(self):
        found = explain("amount", [("visit", "GP", 80.0), ("lab", "GP", None)], ["code"])
        assert list(found) == COLUMNS
        assert found.drop(columns="sentence").to_dict("records") == [
            {
                "value": "80",
                "expected": "50–70",
                "expected_low": 50.0,
                "expected_high": 70.0,
                "direction": "above",
                "judged_from": "code visit",
                "comparable": 60,
                "such": 0,
                "low_support": False,
            },
            {
                "value": "missing",
                "expected": "50–1,300",
                "expected_low": 50.0,
                "expected_high": 1300.0,
                "direction": "missing",
                "judged_from": "",
                "comparable": 105,
                "such": 5,
                "low_support": False,
            },
        ]

    def test_a_category_has_no_interval(self):
        found = explain("specialty", [("visit", "vet", 1.0), ("visit", None, 1.0)], ["code"])
        assert found[["expected_low", "expected_high"]].isna().all(axis=None)
        assert found["direction"].tolist() == ["other", "missing"]

    def test_no_rows(self):
        assert explain("amount", [], ["code"]).shape == (0, 10)


class TestRarities:
    def test_a_code_never_seen_has_a_reason_of_its_own(self):
        for by_rarity in (False, True):
            assert sentence("specialty", [("visit", "vet", 60.0)], ["code"], by_rarity=by_rarity) == (
                "specialty vet; never seen in 105 claims"
            )

    def test_an_ordinary_category_that_nothing_contradicts_is_no_reason(self):
        assert sentence("specialty", [("visit", "GP", 60.0)], ["code"]) is None

    def test_of_claims_judged_by_rarity(self):
        assert sentence("code", [("lab", "GP", 60.0)], ["specialty"], by_rarity=True) == (
            "code lab; seen in 5 of 105 claims"
        )
        # One claim in ten is not rare.
        assert sentence("specialty", [("visit", "surgeon", 60.0)], ["code"], by_rarity=True) is None
        assert sentence("amount", [("visit", "GP", 40.0)], ["code"], by_rarity=True) == (
            "amount 40; 50–1,300 in all of 100 claims"
        )
        assert sentence("amount", [("visit", "GP", None)], ["code"], by_rarity=True) == (
            "amount missing; missing in 5 of 105 claims"
        )


@pytest.fixture(scope="module")
def repeated(make_claims):
    claims = make_claims(900, 4)
    rng = np.random.default_rng(0)
    return claims.assign(
        repeats=(rng.random(900) < 0.03) * 1.0,
        since=np.where(rng.random(900) < 0.4, rng.integers(1, 90, 900), None),
    ).astype({"since": float})


@pytest.fixture(scope="module")
def model_of_repeats(repeated):
    model = ClaimsTreeAutoencoder(
        "xgboost", n_estimators=6, n_jobs=1, derived_from={"since": ["days"], "repeats": ["days"]}
    )
    model.fit(repeated, ["code", "specialty"], ["amount", "days", "repeats", "since"])
    return model


class TestAbsence:
    """A number that is 0 in most rows has no reason for being 0, and no part in the score."""

    def test_zero_adds_nothing_and_is_no_reason(self, model_of_repeats, repeated):
        none = repeated["repeats"].to_numpy() == 0
        for judgement in (model_of_repeats.training_judgement_, model_of_repeats.judge(repeated)):
            contradicting = none & ~judgement.by_rarity
            assert (judgement.parts["repeats"][contradicting] == 0).all()
            reasons = model_of_repeats.reasons(repeated, judgement, top=6)
            assert not [said for said in reasons.to_numpy().ravel() if said and said.startswith("repeats 0")]
        explained = model_of_repeats.explain(repeated[none], top=None)
        assert explained[explained["column"] == "repeats"]["sentence"].isna().all()

    def test_what_is_missing_in_most_rows_is_no_reason(self, model_of_repeats, repeated):
        absent = repeated["since"].isna()
        explained = model_of_repeats.explain(repeated[absent], top=None)
        assert explained[explained["column"] == "since"]["sentence"].isna().all()

    def test_a_derived_column_that_is_missing_with_its_source_has_none(self, make_claims):
        claims = make_claims(900, 5)
        claims["stay"] = np.where(claims["days"] > 2, "long", "short").astype(object)
        claims["stay"] = claims["stay"].where(claims["days"].notna(), None)
        model = ClaimsTreeAutoencoder("xgboost", n_estimators=6, n_jobs=1, derived_from={"stay": ["days"]})
        model.fit(claims, ["code", "specialty", "stay"], ["amount", "days"])
        rows = claims.head(20).assign(days=np.nan, stay=None)
        judgement = model.judge(rows)
        assert (judgement.parts["stay"][~judgement.by_rarity] == 0).all()
        explained = model.explain(rows, top=None)
        assert explained[explained["column"] == "stay"]["sentence"].isna().all()
        # Where its source has a value, a missing one is odd.
        alone = model.explain(claims.head(20).assign(stay=None), top=None)
        assert alone[alone["column"] == "stay"]["sentence"].notna().any()


@pytest.fixture(scope="module")
def odd(make_claims):
    """Claims of which a third have another claim's value in one column, a new code, or a tenfold amount."""
    claims = make_claims(600, 8)
    rng = np.random.default_rng(0)
    for number, name in enumerate(["code", "specialty", "amount", "days"]):
        rows = np.arange(number * 40, number * 40 + 40)
        claims.loc[rows, name] = claims[name].to_numpy()[rng.integers(0, 600, 40)]
    claims.loc[160:179, "amount"] *= 10
    claims.loc[180:199, "code"] = "new"
    return claims


class TestReasonsHold:
    """Each sentence is recounted from the claims themselves."""

    def test_quoted_counts_are_those_of_a_naive_recount(self, fitted, claims, odd):
        learned = claims[fitted.training_judgement_.counted]
        counts = recount(fitted, learned)
        explained = fitted.explain(odd, top=None)
        quoting = explained[explained["sentence"].notna() & (explained["judged_from"] != "")]
        numbers = {name: dict(zip(odd.index, odd[name], strict=True)) for name in odd}
        # A number at the end of the range is counted on the side on which it lies before rounding.
        quoting = quoting[quoting["direction"] != "within"]
        for said in quoting.assign(
            number=[numbers[c][r] for c, r in zip(quoting["column"], quoting["row"], strict=True)]
        ).itertuples():
            assert counts(said) == (said.comparable, said.such), said.sentence
            quoted = COUNTED.search(said.sentence) or RANGED.search(said.sentence)
            if quoted:
                assert whole(quoted["comparable"]) == said.comparable
                assert quoted["given"] == said.judged_from
                assert said.comparable >= ENOUGH
                assert said.such <= MOST_ALIKE * said.comparable
            if COUNTED.search(said.sentence):
                assert whole(quoted["such"]) == said.such
        assert len(quoting) > 100

    def test_no_number_lies_in_the_range_that_speaks_against_it(self, fitted, odd):
        explained = fitted.explain(odd, top=None)
        quoting = explained[explained["sentence"].str.contains("; such claims have", na=False)]
        assert set(quoting["direction"]) == {"above", "below"}

    def test_four_of_five_comparable_claims_lie_in_the_quoted_range(self, fitted, claims, odd):
        learned = claims[fitted.training_judgement_.counted]
        explained = fitted.explain(odd, top=None).query("column == 'amount'").dropna(subset="sentence")
        by_code = explained[explained["judged_from"].str.startswith("code ")]
        assert len(by_code) > 10
        for code, said in by_code.groupby("judged_from"):
            amounts = learned[learned["code"] == code.removeprefix("code ")]["amount"]
            low, high = np.quantile(amounts, (0.1, 0.9))
            assert said["expected_low"].to_numpy() == pytest.approx(low, rel=0.01)
            assert said["expected_high"].to_numpy() == pytest.approx(high, rel=0.01)

    def test_no_reason_refutes_itself(self, fitted, claims, odd):
        for data, judgement in ((claims, fitted.training_judgement_), (odd, fitted.judge(odd))):
            reasons = fitted.reasons(data, judgement, top=4)
            assert reasons["reason_1"].notna().mean() > 0.2
            worst = np.argsort(-judgement.scores)[:100]
            assert refuted(reasons.iloc[worst].to_numpy().ravel()) == []

    def test_a_reason_with_too_little_support_gives_way_to_the_next_one(self, fitted, odd):
        judgement = fitted.judge(odd)
        explained = fitted.explain(odd, top=None)
        sentences = explained["sentence"].to_numpy().reshape(len(odd), 4)
        stands_out = explained["surprise"].to_numpy().reshape(len(odd), 4) >= judgement.scores[:, None] / 4 - 1e-12
        reasons = fitted.reasons(odd, judgement, top=4).to_numpy()
        gave_way = 0
        for said, out, found in zip(sentences, stands_out, reasons, strict=True):
            expected = [one for one, chosen in zip(said, out, strict=True) if chosen and one is not None]
            # Where none is left, the largest part says how few claims are like it.
            assert [one for one in found if one is not None and "which only" not in one] == expected
            gave_way += out[0] and said[0] is None and bool(expected)
        assert gave_way > 0

    def test_where_no_reason_is_left_the_largest_part_says_how_few_claims_are_like_it(self, make_model, make_claims):
        claims = make_claims(900, 7)
        few = claims.index[claims["code"] == "surgery"][:12]
        claims.loc[few, "code"] = "graft"
        # Between what graft and all other codes have, so that none with enough claims speaks against it.
        claims.loc[few, "amount"] = np.linspace(40, 41, 12)
        claims.loc[few, "specialty"] = "GP"
        claims.loc[few[0], "amount"] = 100.0
        model = make_model("xgboost")
        model.fit(claims, ["code", "specialty"], ["amount"])
        place = claims.index.get_loc(few[0])
        judgement = model.training_judgement_.take(np.array([place]))
        explained = model.explain(claims.loc[few[:1]], top=None).set_index("column")["sentence"]
        assert explained["amount"] is None
        (reason,) = model.reasons(claims.loc[few[:1]], judgement, top=1)["reason_1"]
        assert re.fullmatch(r"amount 100; unusual for code graft, which only \d+ other claims have", reason)

    def test_a_new_code_is_never_seen(self, fitted, claims, odd):
        new = odd[odd["code"] == "new"]
        sentences = fitted.explain(new, top=None).query("column == 'code'")["sentence"]
        assert set(sentences) == {f"code new; never seen in {len(claims)} claims"}
        reasons = fitted.reasons(new, fitted.judge(new), top=4).to_numpy().ravel()
        assert f"code new; never seen in {len(claims)} claims" in reasons

    def test_a_missing_code_is_not_called_new(self, fitted, claims):
        missing = fitted.explain(claims.head(20).assign(code=None), top=None).query("column == 'code'")
        assert set(missing["value"]) == {"missing"}
        assert set(missing["direction"]) == {"missing"}


class TestNewCodes:
    @pytest.mark.parametrize(
        "code",
        [
            "visit",
            "xray",
            "lab",
            pytest.param(
                "surgery",
                marks=pytest.mark.xfail(
                    reason="surgeries cost sixty times what their specialty bills otherwise: of a new code that is odd"
                ),
            ),
        ],
    )
    def test_a_code_that_is_new_and_otherwise_ordinary_is_flagged_at_most_twice_as_often(
        self, fitted_on_many, make_claims, code
    ):
        claims = make_claims(20_000, 21)
        renamed = np.flatnonzero(claims["code"] == code)[:600]
        claims.loc[renamed, "code"] = "new"
        flagged = fitted_on_many.percentile(fitted_on_many.judge(claims).scores) > 99
        is_new = (claims["code"] == "new").to_numpy()
        assert flagged[is_new].mean() <= 2 * flagged[~is_new].mean()


@pytest.mark.parametrize(
    ("said", "broken"),
    [
        ("amount 80; such claims have 50–70 (code visit, 60 claims)", []),
        ("amount 80; such claims have 50–70 (code visit, 29 claims)", ["fewer than 30 comparable claims"]),
        ("code a; 9 of 40 claims with days 3 have it, most often it is b (75%)", []),
        (
            "code a; 11 of 40 claims with days 3 have it, most often it is b (75%)",
            ["more than a quarter have the value"],
        ),
        ("code missing; it is missing in none of 1,040 claims with amount 3–4", []),
        ("code a; never seen in 14,025 claims", []),
        ("code a; seen in 300 of 900 claims", ["more than a quarter have the value"]),
        ("days 3; as high or higher in at most 26% of claims", ["more than a quarter are as extreme"]),
        ("possible_duplicates 0; such claims have 1 (code a, 40 claims)", ["a reason from the absence of something"]),
    ],
)
def test_rules_are_read_off_sentences(said, broken):
    assert broken_rules(said, ["possible_duplicates"]) == broken


@pytest.mark.parametrize(
    ("relation", "text"),
    [
        (Baseline("ratio", (1,), (0.9,)), "0.9 × b"),
        (Baseline("sum", (0, 1), (1.0, 1.002, 0.0)), "a + b"),
        (Baseline("sum", (0, 1), (2.0, -0.5, 120.0)), "2 × a − 0.5 × b + 120"),
    ],
)
def test_relations_in_words(relation, text):
    assert relation_text(relation, ["a", "b"]) == text


def test_usual_range_is_that_of_the_tightest_group_of_thirty():
    rows = pd.DataFrame([("visit", "GP", 1.0), ("xray", "GP", 1.0), ("mri", "vet", 1.0)], columns=NAMES)
    low, high = explainer("amount", ["code", "specialty"]).usual_range(2, encoded(rows))
    assert (low.tolist(), high.tolist()) == ([50, 1300, 50], [60, 1300, 1300])
