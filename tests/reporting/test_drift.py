"""The page says what was measured first, and what few claims say not at all."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from claims_fraud.drift import PSIMonitor, ReferenceProfile
from claims_fraud.reporting.drift import drift_figure, drift_report_page


def table(claims: int, flagged: int, period: str, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    reference = pd.DataFrame({"amount": rng.normal(size=2_000), "gaps": [None] * 40 + [1.0] * 1_960})
    monitor = PSIMonitor(ReferenceProfile.fit(reference, [], ["amount", "gaps"]))
    batch = pd.DataFrame({"amount": rng.normal(2, 1, claims), "gaps": [None] * 7 + [1.0] * (claims - 7)})
    stamps = {"batch_id": f"b{period}", "period": period, "claims": claims, "flag_rate": flagged / claims}
    return monitor.compare(batch).assign(**stamps, psi_previous=np.nan, verdict_previous=None)


@pytest.fixture
def report() -> pd.DataFrame:
    return pd.concat([table(300, 7, "2025-01", 1).dropna(axis=1, how="all"), table(500, 20, "2025-02", 2)])


VERDICT = {
    "model_version": "0123456789ab", "claims": 800, "verdict": "drifted", "agreeing": 2, "of_last": 3,
    "drifted": ["amount"], "drifting": [], "alarms": {"amount": 2}, "retrain": True,
    "latest": {
        "batch_id": "b2025-02", "period": "2025-02", "claims": 500, "verdict": "drifted", "n_drifted": 1,
        "n_drifting": 0,
    },
}  # fmt: skip


def test_first_lines_say_what_was_measured_and_the_verdict(report):
    page = drift_report_page(report, VERDICT, drift_figure(report), 11)
    lead = page.partition('<div class="lead">')[2].partition("</div>")[0]
    assert lead.replace("<p>", "").replace("</p>", "").split("\n")[1:-1] == [
        "800 claims in 2 batches (2025-01 to 2025-02) beside the 2,000 claims that model 0123456789ab learned from.",
        "Verdict, confirmed by 2 of the last 3 batches: drifted.",
        "Drifted: amount.",
        "The latest batch by itself (2025-02, 500 claims): drifted; 1 drifted and 0 drifting.",
        "Train again: yes.",
    ]


def test_figures_of_few_claims_are_few(report):
    page = drift_report_page(report, VERDICT, drift_figure(report), 11)
    assert ">4.0%<" in page  # 20 of 500 flagged
    assert ">2.3%<" not in page  # 7 of 300
    assert ">2.0%<" in page  # 40 of 2,000 missing before
    assert ">1.4%<" not in page  # 7 of 500 now
    assert page.count(">few<") == 2
    assert ">1.4%<" in drift_report_page(report, VERDICT, drift_figure(report), 5)


def test_figure_has_the_index_by_feature_and_batch(report):
    (heat,) = drift_figure(report).data
    assert (list(heat.x), list(heat.y)) == (["2025-01", "2025-02"], ["amount", "gaps"])
    assert heat.z[0].tolist() == report.loc[report["feature"] == "amount", "psi"].tolist()


def test_batches_of_one_period_are_told_apart(report):
    (heat,) = drift_figure(report.assign(period="all")).data
    assert list(heat.x) == ["all b2025-01", "all b2025-02"]
