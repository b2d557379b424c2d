"""The profile is JSON that people can review, and comes back as it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pandas as pd
import pytest

from claims_fraud.drift import ReferenceProfile
from claims_fraud.errors import InputError

CODES, NUMBERS = ("region", "code"), ("amount", "height", "age", "visits", "gaps")


@pytest.fixture
def profile() -> ReferenceProfile:
    frame = pd.DataFrame({"id": ["1", "2", "3", "4"], "amount": [0.0, 0.0, 5.5, None], "code": ["x", "x", "y", None]})
    return ReferenceProfile.fit(frame, ["code"], ["amount"])


def test_reads_as_what_was_counted(profile, tmp_path):
    profile.save(tmp_path / "profile.json")
    assert json.loads((tmp_path / "profile.json").read_text()) == {
        "format_version": 1,
        "model_version": None,
        "history_complete": False,
        "columns": ["amount", "code", "id"],
        "features": {
            "code": {
                "kind": "category", "stored_as": ["text"], "rows": 4, "categories": {"x": 2, "y": 1},
                "single_values": 1, "unseen": 0, "missing": 1,
            },
            "amount": {
                "kind": "number", "stored_as": ["number"], "rows": 4, "single_numbers": [[0.0, 2], [5.5, 1]],
                "edges": [], "between_edges": [0], "no number": 0, "missing": 1,
            },
        },
        "scores": {},
    }  # fmt: skip


def test_comes_back_as_it_was(draw, tmp_path):
    frame = draw(2_000).assign(fraud_score=range(2_000))
    saved = ReferenceProfile.fit(frame, CODES, NUMBERS, ["fraud_score"])
    saved.save(tmp_path / "profile.json")
    loaded = ReferenceProfile.load(tmp_path / "profile.json")
    assert loaded.bins == saved.bins
    assert (loaded.columns, list(loaded.scores)) == (saved.columns, ["fraud_score"])
    columns = {**saved.features, **saved.scores}
    assert all(({**loaded.features, **loaded.scores}[name].counts == columns[name].counts).all() for name in columns)


def test_says_whether_it_has_claims_with_a_complete_history_only(profile, tmp_path):
    path = tmp_path / "profile.json"
    replace(profile, history_complete=True).save(path)
    assert ReferenceProfile.load(path).history_complete
    # One of an earlier version, which did not say it.
    told = json.loads(path.read_text())
    del told["history_complete"]
    path.write_text(json.dumps(told))
    assert not ReferenceProfile.load(path).history_complete


def test_fit_changes_nothing(draw):
    frame = draw(500)
    before = frame.copy(deep=True)
    ReferenceProfile.fit(frame, CODES, NUMBERS)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("no JSON", "is no reference profile, or it was changed (JSONDecodeError"),
        ("[]", "is no reference profile, or it was changed (TypeError"),
        ('{"format_version": 1}', "is no reference profile, or it was changed (KeyError: 'features')"),
        (
            '{"format_version": 9}',
            "is a reference profile of format 9, and this version reads 1. Train the model again",
        ),
    ],
)
def test_other_files_are_refused(tmp_path, content, told):
    (tmp_path / "profile.json").write_text(content)
    with pytest.raises(InputError) as raised:
        ReferenceProfile.load(tmp_path / "profile.json")
    assert told in str(raised.value)


@pytest.mark.parametrize(("frame", "told"), [({"a": []}, "has no rows"), ({"b": [1]}, "has no column a")])
def test_a_reference_without_rows_or_columns_is_told(frame, told):
    with pytest.raises(InputError, match=told):
        ReferenceProfile.fit(pd.DataFrame(frame), [], ["a"])
