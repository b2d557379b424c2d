"""Tests of reading claims: files and folders as they are met in practice, and what is said when they are unusable."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from claims_fraud.claims.reading import read_claims
from claims_fraud.errors import InputError

FRAME = pd.DataFrame({"claim_id": ["001", "002"], "claim_amount": [1.5, None]})
Write = Callable[[str, str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def read(path: Path, **options: str) -> dict[str, list[object]]:
    frame = read_claims(path, **options)
    assert frame.index.equals(pd.RangeIndex(len(frame)))
    return plain(frame)


def plain(frame: pd.DataFrame) -> dict[str, list[object]]:
    return {str(name): [None if pd.isna(value) else value for value in frame[name]] for name in frame}


class TestCsv:
    def test_everything_is_text_with_leading_zeros(self, write: Write) -> None:
        path = write("claims.csv", "claim_id,code,amount\n001,0250,1.50\n002,,-3\n")
        expected = {"claim_id": ["001", "002"], "code": ["0250", None], "amount": ["1.50", "-3"]}
        assert read(path) == expected

    def test_byte_order_mark_and_unicode(self, write: Write) -> None:
        path = write("claims.csv", b"\xef\xbb\xbf" + "claim_id,Straße\n患者,Ü\n".encode())
        assert read(path) == {"claim_id": ["患者"], "Straße": ["Ü"]}

    @pytest.mark.parametrize("separator", [";", "\t", "|"])
    def test_other_separators(self, write: Write, separator: str) -> None:
        path = write("claims.csv", f"a{separator}b\n1,5{separator}2\n")
        assert read(path, separator=separator) == {"a": ["1,5"], "b": ["2"]}

    @pytest.mark.parametrize("value", ["1", "1,5"])
    def test_wrong_separator_names_the_likely_one(self, write: Write, value: str) -> None:
        path = write("claims.csv", f"a;b\n{value};2\n")
        with pytest.raises(InputError, match=r"split at ','; its header has 1 of ';'.*csv_separator=;`"):
            read_claims(path)

    def test_single_column(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"split at ','; its header has no other.*csv_separator=…`"):
            read_claims(write("claims.csv", "a\n1\n"))

    def test_rows_longer_than_the_header_do_not_shift(self, write: Write) -> None:
        with pytest.raises(InputError, match="more values in its rows than names in its header"):
            read_claims(write("claims.csv", "a,b\n1,2,\n3,4,\n"))

    def test_one_row_longer_than_the_others(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"claims.csv cannot be read as CSV .*Expected 2 fields in line 3, saw 3"):
            read_claims(write("claims.csv", "a,b\n1,2\n3,4,5\n"))

    @pytest.mark.parametrize(("content", "byte"), [(b"a,b\nM\xfcller,2\n", 5), ("a,b\n1,2".encode("utf-16"), 0)])
    def test_not_utf8(self, write: Write, content: bytes, byte: int) -> None:
        with pytest.raises(InputError, match=rf"claims.csv is not UTF-8 text \(at byte {byte}\). Save it as UTF-8."):
            read_claims(write("claims.csv", content))

    @pytest.mark.parametrize("content", ["", "\n\n"])
    def test_empty_file(self, write: Write, content: str) -> None:
        with pytest.raises(InputError, match=r"claims.csv is an empty file. Write it again"):
            read_claims(write("claims.csv", content))

    def test_header_without_rows(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"claims.csv has columns but no rows"):
            read_claims(write("claims.csv", "a,b\n"))

    def test_folder_with_differing_columns(self, write: Write) -> None:
        write("folder/1.csv", "a,b\n1,2\n")
        path = write("folder/2.csv", "c,b\n3,4\n").parent
        write("folder/3.csv", "a,b\n")
        assert read(path) == {"a": ["1", None], "b": ["2", "4"], "c": [None, "3"]}


class TestParquet:
    def test_file_by_path_or_text(self, tmp_path: Path) -> None:
        path = tmp_path / "claims.parquet"
        FRAME.to_parquet(path)
        expected = {"claim_id": ["001", "002"], "claim_amount": [1.5, None]}
        assert read(path) == expected
        assert read_claims(str(path)).equals(read_claims(path))

    def test_folders_named_key_value_give_columns(self, tmp_path: Path) -> None:
        for year in (2024, 2025):
            folder = tmp_path / "claims" / f"year={year}" / "region=North%20East"
            folder.mkdir(parents=True)
            pd.DataFrame({"claim_id": [f"C{year}"]}).to_parquet(folder / "part.parquet")
        assert read_claims(tmp_path / "claims").to_dict("list") == {
            "claim_id": ["C2024", "C2025"],
            "year": ["2024", "2025"],
            "region": ["North East", "North East"],
        }

    def test_suffixes_in_capitals(self, write: Write) -> None:
        assert read(write("CLAIMS.CSV", "a,b\n1,2\n")) == {"a": ["1"], "b": ["2"]}

    def test_delta_table_is_refused(self, write: Write) -> None:
        write("table/part.parquet", "")
        folder = write("table/_delta_log/00.json", "{}").parents[1]
        with pytest.raises(InputError, match="is a Delta table"):
            read_claims(folder)

    def test_nested_folder_without_hidden_files(self, tmp_path: Path, write: Write) -> None:
        for name in ("b.parquet", "part=1/a.parquet", "_staging/x.parquet", ".cache/y.parquet"):
            path = tmp_path / "claims" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            FRAME.assign(file=name).to_parquet(path)
        write("claims/_SUCCESS", "")
        write("claims/.part.parquet.crc", "x")
        write("claims/notes.txt", "x")
        assert read_claims(tmp_path / "claims")["file"].unique().tolist() == ["b.parquet", "part=1/a.parquet"]

    def test_missing_columns_become_null(self, tmp_path: Path) -> None:
        FRAME.to_parquet(tmp_path / "a.parquet")
        FRAME[["claim_id"]].assign(code="x", claim_amount=7).to_parquet(tmp_path / "b.parquet")
        expected = {
            "claim_id": ["001", "002", "001", "002"],
            "claim_amount": [1.5, None, 7.0, 7.0],
            "code": [None, None, "x", "x"],
        }
        assert read(tmp_path) == expected

    def test_named_index_is_a_column_and_another_is_dropped(self, tmp_path: Path) -> None:
        FRAME.set_index("claim_id").to_parquet(tmp_path / "named.parquet")
        FRAME[1:].to_parquet(tmp_path / "unnamed.parquet")
        assert read(tmp_path / "named.parquet") == plain(FRAME)
        assert read(tmp_path / "unnamed.parquet") == {"claim_id": ["002"], "claim_amount": [None]}

    def test_types_that_cannot_be_united(self, tmp_path: Path) -> None:
        FRAME.to_parquet(tmp_path / "a.parquet")
        FRAME.assign(claim_amount="x").to_parquet(tmp_path / "b.parquet")
        with pytest.raises(InputError, match=r"a.parquet, b.parquet .*claim_amount has incompatible types"):
            read_claims(tmp_path)

    def test_empty_file(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"claims.parquet is an empty file \(0 bytes\)"):
            read_claims(write("claims.parquet", b""))

    @pytest.mark.parametrize("kept", [0.5, 0.99])
    def test_truncated(self, tmp_path: Path, kept: float) -> None:
        path = tmp_path / "claims.parquet"
        FRAME.to_parquet(path)
        content = path.read_bytes()
        path.write_bytes(content[: int(kept * len(content))])
        with pytest.raises(InputError, match=r"claims.parquet cannot be read as parquet .* damaged, cut short"):
            read_claims(path)

    def test_no_rows(self, tmp_path: Path) -> None:
        FRAME[:0].to_parquet(tmp_path / "claims.parquet")
        with pytest.raises(InputError, match="has columns but no rows"):
            read_claims(tmp_path)


class TestPath:
    def test_does_not_exist(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"new_claims: .*nowhere does not exist.*`--params=new_claims=PATH`"):
            read_claims(tmp_path / "nowhere", name="new_claims")

    def test_folder_without_data(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match=r"holds nothing; wanted is a .parquet or .csv file"):
            read_claims(tmp_path)

    def test_folder_with_both_kinds(self, tmp_path: Path, write: Write) -> None:
        FRAME.to_parquet(tmp_path / "a.parquet")
        write("b.csv", "a,b\n1,2\n")
        with pytest.raises(InputError, match=r"holds a.parquet, b.csv; wanted is"):
            read_claims(tmp_path)

    def test_file_of_another_kind(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"holds claims.xlsx; wanted is a .parquet or .csv file"):
            read_claims(write("claims.xlsx", "x"))
