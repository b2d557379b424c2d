"""Tests of reading claims: files and folders as they are met in practice, and what is said when they are unusable."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pandas as pd
import pytest

from claims_fraud.claims import ReadParameters
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
        with pytest.raises(InputError, match=r"has 2 columns, and 2 rows with another number of values \(3\)\. Quote"):
            read_claims(write("claims.csv", "a,b\n1,2,\n3,4,\n"))

    def test_one_row_longer_than_the_others(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"has 2 columns, and 1 rows with another number of values \(3\)"):
            read_claims(write("claims.csv", "a,b\n1,2\n3,4,5\n"))

    def test_not_utf8(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"is not UTF-8 text. Say in which encoding it is with read.encoding"):
            read_claims(write("claims.csv", b"a,b\nM\xfcller,2\n"))

    @pytest.mark.parametrize(
        ("encoding", "stated"),
        [
            ("utf-8", None),
            ("utf-8-sig", None),
            ("utf-16", None),
            ("utf-16", "utf-16"),
            ("latin-1", "latin-1"),
            ("windows-1252", "windows-1252"),
        ],
    )
    def test_encodings(self, write: Write, encoding: str, stated: str | None) -> None:
        path = write("claims.csv", 'a,ö\nMüller,"x, y"\n'.encode(encoding))
        frame = read_claims(path, read=ReadParameters(encoding=stated))
        assert frame.to_dict("list") == {"a": ["Müller"], "ö": ["x, y"]}

    def test_another_encoding_than_is_stated(self, write: Write) -> None:
        with pytest.raises(InputError, match="is not ascii text"):
            read_claims(write("claims.csv", "a,b\nMüller,2\n"), read=ReadParameters(encoding="ascii"))

    def test_only_an_empty_cell_is_missing(self, write: Write) -> None:
        frame = read_claims(write("claims.csv", 'a,b\nNA,\nnull,""\nNone,nan\n'))
        assert frame["a"].tolist() == ["NA", "null", "None"]
        assert frame["b"].tolist() == [None, None, "nan"]

    def test_names_that_come_twice_or_not_at_all_are_refused(self, write: Write) -> None:
        with pytest.raises(InputError, match="has more than one column 'a'"):
            read_claims(write("claims.csv", "a,b,a\n1,2,3\n"))
        with pytest.raises(InputError, match=r"has columns without a name \(number 2, 3\)"):
            read_claims(write("claims.csv", "a,,\n1,2,3\n"))

    def test_separator_and_quote_are_as_stated(self, write: Write) -> None:
        frame = read_claims(write("claims.csv", "a;b\n'1;5';2\n"), read=ReadParameters(separator=";", quote="'"))
        assert frame.to_dict("list") == {"a": ["1;5"], "b": ["2"]}

    def test_a_value_of_several_lines_and_a_null_character_are_whole(self, write: Write) -> None:
        frame = read_claims(write("claims.csv", 'a,b\n"one\ntwo",x\0y\n'))
        assert frame.to_dict("list") == {"a": ["one\ntwo"], "b": ["x\0y"]}

    def test_packed(self, tmp_path: Path) -> None:
        with gzip.open(tmp_path / "claims.csv.gz", "wt") as file:
            file.write("a,b\n1,2\n")
        with zipfile.ZipFile(tmp_path / "claims.csv.zip", "w") as archive:
            archive.writestr("march.csv", "a,b\n1,2\n")
        for name in ("claims.csv.gz", "claims.csv.zip"):
            assert read_claims(tmp_path / name).to_dict("list") == {"a": ["1"], "b": ["2"]}

    def test_a_zip_of_several_files_is_refused(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "claims.csv.zip", "w") as archive:
            archive.writestr("march.csv", "a,b\n1,2\n")
            archive.writestr("april.csv", "a,b\n1,2\n")
        with pytest.raises(InputError, match=r"holds march.csv, april.csv; wanted is a ZIP of one CSV"):
            read_claims(tmp_path / "claims.csv.zip")

    def test_what_macos_adds_to_a_zip_is_passed_over(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "claims.csv.zip", "w") as archive:
            archive.writestr("claims.csv", "a,b\n1,2\n")
            archive.writestr("__MACOSX/._claims.csv", "x")
        assert read_claims(tmp_path / "claims.csv.zip").to_dict("list") == {"a": ["1"], "b": ["2"]}

    @pytest.mark.parametrize("separator", [",", ";"])
    def test_the_line_of_excel_that_names_the_separator_is_refused(self, write: Write, separator: str) -> None:
        with pytest.raises(InputError, match="begins with a line for Excel that names the separator"):
            read_claims(write("claims.csv", "sep=;\na;b\n1;2\n"), separator)

    @pytest.mark.parametrize("name", ["claims.csv.gz", "claims.csv.zip"])
    @pytest.mark.parametrize("cut", [True, False])
    def test_a_damaged_archive_is_refused(self, tmp_path: Path, name: str, cut: bool) -> None:
        content = b"id,amount\n1,2\n"
        (tmp_path / name).write_bytes(gzip.compress(content)[:-9] if cut else content)
        with pytest.raises(InputError, match=rf"{name} cannot be unpacked"):
            read_claims(tmp_path / name)

    def test_utf_16_without_a_byte_order_mark_is_refused_by_its_encoding(self, tmp_path: Path) -> None:
        (tmp_path / "claims.csv").write_bytes(b"\0\0")
        with pytest.raises(InputError, match="is not utf-16 text"):
            read_claims(tmp_path / "claims.csv", read=ReadParameters(encoding="utf-16"))

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
        with pytest.raises(InputError, match=r"holds nothing; wanted is a .parquet, .csv"):
            read_claims(tmp_path)

    def test_folder_with_both_kinds(self, tmp_path: Path, write: Write) -> None:
        FRAME.to_parquet(tmp_path / "a.parquet")
        write("b.csv", "a,b\n1,2\n")
        with pytest.raises(InputError, match=r"holds a.parquet, b.csv; wanted is"):
            read_claims(tmp_path)

    def test_file_of_another_kind(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"holds claims.pdf; wanted is a .parquet, .csv"):
            read_claims(write("claims.pdf", "x"))


class TestXlsx:
    @pytest.fixture
    def book(self, tmp_path: Path) -> Path:
        with pd.ExcelWriter(tmp_path / "claims.xlsx") as writer:
            pd.DataFrame(
                {"code": ["042", "7"], "amount": [1.5, None], "day": pd.to_datetime(["2025-01-01"] * 2)}
            ).to_excel(writer, sheet_name="Claims", index=False)
            pd.DataFrame({"note": ["x", "y"], "more": [1, 2]}).to_excel(writer, sheet_name="Notes", index=False)
        return tmp_path / "claims.xlsx"

    def test_the_first_sheet_is_read_with_its_cells_as_they_are(self, book: Path) -> None:
        assert read_claims(book).to_dict("list") == {
            "code": ["042", "7"], "amount": [1.5, None], "day": [datetime(2025, 1, 1)] * 2,
        }  # fmt: skip

    def test_another_sheet(self, book: Path) -> None:
        assert read_claims(book, read=ReadParameters(sheet="Notes"))["note"].tolist() == ["x", "y"]

    def test_a_sheet_that_is_not_there(self, book: Path) -> None:
        with pytest.raises(InputError, match=r"has no sheet 'Note' \(read.sheet\), but Claims, Notes\. Did you mean"):
            read_claims(book, read=ReadParameters(sheet="Note"))

    def test_what_is_no_xlsx(self, write: Write) -> None:
        with pytest.raises(InputError, match=r"claims.xlsx cannot be read as XLSX .* damaged or of another format"):
            read_claims(write("claims.xlsx", "x"))
