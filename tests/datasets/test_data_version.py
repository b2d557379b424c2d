"""Which data it was."""

from __future__ import annotations

import os

from claims_fraud.datasets.data_version import content_version, listing_version


def test_of_a_file_is_that_of_its_content_wherever_it_is(tmp_path):
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("claim_id\n1\n", encoding="utf-8")
    assert content_version(tmp_path / "a.csv") == content_version(tmp_path / "b.csv") == "sha256:b25c21d4554d9fd2"
    (tmp_path / "b.csv").write_text("claim_id\n2\n", encoding="utf-8")
    assert content_version(tmp_path / "b.csv") != content_version(tmp_path / "a.csv")


def test_of_a_folder_is_that_of_names_and_contents(tmp_path):
    found = set()
    for name, text in (("1.csv", "x"), ("2.csv", "x"), ("2.csv", "y")):
        (tmp_path / name).write_text(text, encoding="utf-8")
        found |= {content_version(tmp_path)}
    assert len(found) == 3


def test_of_a_listing_changes_with_time_and_size(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("x", encoding="utf-8")
    os.utime(file, ns=(1, 1))
    first = listing_version(tmp_path)
    assert listing_version(tmp_path) == first
    os.utime(file, ns=(2, 2))
    assert listing_version(tmp_path) != first


def test_of_what_is_not_there_is_none(tmp_path):
    assert content_version(tmp_path / "nowhere") is None
    assert listing_version(tmp_path / "nowhere") is None
