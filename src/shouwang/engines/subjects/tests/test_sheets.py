"""Files as people send them: encodings, broken workbooks, bombs, formulas, headings."""

import io
import zipfile
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import Workbook, load_workbook

from shouwang.engines.subjects import sheets
from shouwang.engines.subjects.sheets import Column
from shouwang.kernel.errors import BadInput

COLUMNS = [Column("code", "编码", True), Column("name", "名称", True), Column("low", "下限")]


def xlsx(rows: list[list[Any]]) -> bytes:
    """A workbook of these rows, made by openpyxl as a user's program would."""
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def cells(file: bytes, name: str) -> list[dict[str, str]]:
    return [r.cells for r in sheets.read(file, name, COLUMNS)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_csv_in_the_encodings_of_the_country(encoding: str) -> None:
    file = "编码,名称,下限\r\nV1,储罐㐀,5\r\n".encode(encoding)
    assert cells(file, "点.csv") == [{"code": "V1", "name": "储罐㐀", "low": "5"}]


def test_tabs_and_semicolons() -> None:
    assert cells("编码\t名称\nV1\t罐,一\n".encode(), "a.csv") == [{"code": "V1", "name": "罐,一"}]
    assert cells("编码;名称\nV1;罐\n".encode(), "a.csv") == [{"code": "V1", "name": "罐"}]


def test_excel_numbers_become_clean_text() -> None:
    file = xlsx([["编码*", " 名称 ", "下限"], [370829, "罐", 85.0], [None, None, None], ["V2", True, 0.1]])
    rows = sheets.read(file, "a.xlsx", COLUMNS)
    assert [r.cells for r in rows] == [
        {"code": "370829", "name": "罐", "low": "85"},
        {"code": "V2", "name": "是", "low": "0.1"},
    ]
    assert [r.number for r in rows] == [2, 4]  # as the spreadsheet numbers them


def test_row_numbers_of_csv_with_blank_and_quoted_lines() -> None:
    rows = sheets.read('编码,名称\n\n"V1","罐\n一"\nV2,罐二\n'.encode(), "a.csv", COLUMNS)
    assert [r.get("code") for r in rows] == ["V1", "V2"]
    assert rows[1].number == 5


@pytest.mark.parametrize(("file", "name", "says"), [
    (b"", "a.csv", "空的"),
    (b"\xff\xfe\x80\x81", "a.csv", "编码认不出来"),
    ("编码,名称\nV\x001,罐".encode(), "a.csv", "不是文本文件"),
    ("编码,名称,颜色\nV1,罐,红".encode(), "a.csv", "表头不认识:颜色"),
    ("编码,编码,名称\n".encode(), "a.csv", "表头重复:编码"),
    ("编码,下限\nV1,3".encode(), "a.csv", "缺少表头:名称"),
    ("编码,名称\nV1,罐,多了\n".encode(), "a.csv", "第 2 行比表头多出内容"),
    (b"PK\x03\x04 not a zip", "a.xlsx", "不是完好的"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1....", "a.xls", "旧版 .xls 或加密"),
    (b"%PDF-1.4", "a.pdf", "只能导入"),
    (b"GIF89a", "a.xlsx", "只能导入"),
    (b"x" * (sheets.MOST_BYTES + 1), "a.csv", "超过 10 MB"),
])
def test_wrong_files_are_refused_in_chinese(file: bytes, name: str, says: str) -> None:
    with pytest.raises(BadInput, match=says):
        sheets.read(file, name, COLUMNS)


def test_a_workbook_without_parts_is_refused() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        z.writestr("readme.txt", "hello")
    with pytest.raises(BadInput, match="不是完好的"):
        sheets.read(out.getvalue(), "a.xlsx", COLUMNS)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("xl/sharedStrings.xml", b"0" * (sheets.MOST_UNPACKED + 1))
    assert len(out.getvalue()) < 1_000_000
    with pytest.raises(BadInput, match="解压后"):
        sheets.read(out.getvalue(), "a.xlsx", COLUMNS)


def test_a_truncated_workbook_is_refused() -> None:
    whole = xlsx([["编码", "名称"], ["V1", "罐"]])
    for cut in (len(whole) // 3, len(whole) // 2, len(whole) - 30):
        with pytest.raises(BadInput):
            sheets.read(whole[:cut], "a.xlsx", COLUMNS)


def test_too_many_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 3)
    with pytest.raises(BadInput, match="超过 3 行"):
        sheets.read("编码,名称\nA,1\nB,1\nC,1\nD,1\n".encode(), "a.csv", COLUMNS)


DANGEROUS = ["=1+1", "+86", "-x", "@SUM(A1)", "\t=1", "=HYPERLINK(\"http://x\")"]


@pytest.mark.parametrize("format", ["xlsx", "csv"])
def test_what_looks_like_a_formula_stays_text_and_comes_back(format: str) -> None:
    rows = [[f"V{n}", text, Decimal("-5.5000")] for n, text in enumerate(DANGEROUS)]
    file = sheets.write(["编码", "名称", "下限"], rows, format)
    assert [r["name"] for r in cells(file, f"a.{format}")] == DANGEROUS
    assert {r["low"] for r in cells(file, f"a.{format}")} == {"-5.5"}
    if format == "csv":
        lines = file.decode("utf-8-sig").splitlines()[1:]
        assert not any(piece.strip('"').startswith(("=", "+", "@")) for line in lines for piece in line.split(","))
    else:
        sheet = load_workbook(io.BytesIO(file)).worksheets[0]
        assert {c.data_type for row in sheet.iter_rows(min_row=2, max_col=2) for c in row} == {"s"}


def test_long_digit_strings_stay_codes_in_excel() -> None:
    file = sheets.write(["编码", "名称"], [["913501000000100043", "罐"]], "xlsx")
    assert cells(file, "a.xlsx")[0]["code"] == "913501000000100043"


def test_other_formats_are_refused() -> None:
    with pytest.raises(BadInput, match="xlsx、csv"):
        sheets.write(["a"], [], "pdf")


def test_template_has_headings_and_explanations_but_no_rows() -> None:
    book = load_workbook(io.BytesIO(sheets.template(COLUMNS, "xlsx")))
    assert [c.value for c in book.worksheets[0][1]] == ["编码", "名称", "下限"]
    assert book.worksheets[0].max_row == 1
    assert book.worksheets[1].max_row == 4
    assert cells(sheets.template(COLUMNS, "xlsx"), "a.xlsx") == []
    assert cells(sheets.template(COLUMNS, "csv"), "a.csv") == []
