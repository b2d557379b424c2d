"""The first claims of the list, in words."""

from __future__ import annotations

import pandas as pd

from claims_fraud.reporting.top_claims import claims_in_words, main

TOP = pd.DataFrame(
    {
        "rank": [1, 2],
        "fraud_score": [19.5, 12.25],
        "fraud_percentile": [99.9999, 98.765],
        "flagged": [True, False],
        "claim_no": ["007", "C2"],
        "service_day": ["2025-03-31 00:00:00", "2025-04-01"],
        "billed_by": ["D1", "D2"],
        "reason_1": [
            "amount 9,800; 120–640 expected given code visit; about as high in 0 of 412 such claims",
            "code xyz; never seen in 700 claims",
        ],
        "reason_2": ["days missing; 1–3 expected; missing in 2 of 700 claims", None],
        "reason_3": [None, None],
        "amount": [9800.0, 1.0],
    }
)


def test_says_who_when_how_suspicious_and_why():
    assert next(claims_in_words(TOP, 1)) == (
        "1. claim 007 of 2025-03-31, billed by D1: more suspicious than 99.99 % of claims, because\n"
        "   - amount 9,800; 120–640 expected given code visit; about as high in 0 of 412 such claims\n"
        "   - days missing; 1–3 expected; missing in 2 of 700 claims"
    )


def test_tells_no_more_claims_than_asked_or_there_are():
    assert len(list(claims_in_words(TOP, 1))) == 1
    assert len(list(claims_in_words(TOP, 10))) == 2


def test_folds_long_reasons():
    long = TOP.assign(reason_1="amount 9,800; " + "very " * 30 + "unexpected")
    lines = next(claims_in_words(long, 1)).splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[2].startswith("     very")


def test_main_prints_the_first_of_a_file(tmp_path, capsys):
    path = tmp_path / "top_claims.csv"
    TOP.rename(columns={"claim_no": "claim_id"}).to_csv(path, index=False, encoding="utf-8-sig")
    main([str(path), "2"])
    printed = capsys.readouterr().out
    assert printed.startswith(
        f"\nThe 2 most suspicious of the sample claims (all 2 listed: {path}):\n\n1. claim 007 of "
    )
    assert "\n\n2. claim C2 of 2025-04-01, billed by D2: more suspicious than 98.76 % of claims, because\n" in printed
