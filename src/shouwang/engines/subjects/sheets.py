"""Tables in and out: Excel (.xlsx) and CSV with Chinese headings. Nothing of the registry here, and no Django.

Whatever is wrong with the file itself is a BadInput in Chinese; what is wrong with a row is for the caller to say.
"""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from openpyxl import Workbook, load_workbook
from openpyxl.cell import WriteOnlyCell

from shouwang.kernel.errors import BadInput

MOST_BYTES = 10 * 1024 * 1024
MOST_UNPACKED = 120 * 1024 * 1024
MOST_ROWS = 20_000
SPARE = 20  # columns looked at beyond those known, to tell of foreign headings
DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
BROKEN = {"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NULL!", "#NUM!"}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@dataclass(frozen=True)
class Column:
    """One column of a sheet: its id in the program, its heading, whether it must be there and be filled."""

    id: str
    title: str
    required: bool = False
    hint: str = ""
    example: str = ""


@dataclass
class Row:
    """One row as text: `number` is what the spreadsheet shows, `cells` maps column id → text ('' when empty)."""

    number: int
    cells: dict[str, str] = field(default_factory=dict)

    def get(self, column: str) -> str:
        """The cell's text, '' when empty or when the file has no such column."""
        return self.cells.get(column, "")

    def has(self, column: str) -> bool:
        """Whether the file has this column at all: absent columns keep what the registry holds."""
        return column in self.cells


def read(file: bytes, filename: str, columns: Sequence[Column]) -> list[Row]:
    """The rows of a .xlsx or .csv; BadInput for another type, broken files, unknown, doubled or missing headings."""
    if not file:
        raise BadInput(f"{filename}:文件是空的")
    if len(file) > MOST_BYTES:
        raise BadInput(f"{filename}:文件超过 {MOST_BYTES // 1024 // 1024} MB,请分批导入")
    grid = _grid(file, filename, len(columns) + SPARE)
    head = next(grid, None)
    if head is None:
        raise BadInput(f"{filename}:没有表头;请下载模板后填写")
    ids = _headings(filename, head[1], columns)
    return list(_rows(filename, grid, ids))


def _grid(file: bytes, filename: str, width: int) -> Iterator[tuple[int, list[str]]]:
    lower = filename.lower()
    if file[:4] == b"PK\x03\x04" and not lower.endswith(".csv"):
        return _excel(file, filename, width)
    if file[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise BadInput(f"{filename}:是旧版 .xls 或加密文件,请另存为 .xlsx(不加密)再导入")
    if lower.endswith((".csv", ".txt")):
        return _csv(file, filename)
    raise BadInput(f"{filename}:只能导入 .xlsx 或 .csv 文件")


def _excel(file: bytes, filename: str, width: int) -> Iterator[tuple[int, list[str]]]:
    _refuse_bomb(file, filename)
    try:
        book = load_workbook(io.BytesIO(file), read_only=True, data_only=True, keep_links=False)
        sheet = book.worksheets[0]
        sheet.reset_dimensions()
        for number, cells in enumerate(sheet.iter_rows(values_only=True, max_col=width), 1):
            yield number, [_text(c) for c in cells]
    except Exception as wrong:  # openpyxl raises nearly anything on a damaged file
        if isinstance(wrong, BadInput):
            raise
        raise BadInput(f"{filename}:不是完好的 .xlsx 文件({type(wrong).__name__}),请用 Excel 或 WPS 重新另存") from None


def _refuse_bomb(file: bytes, filename: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(file)) as z:
            unpacked = sum(i.file_size for i in z.infolist())
            if unpacked > MOST_UNPACKED or len(z.infolist()) > 2000:
                raise BadInput(f"{filename}:解压后有 {unpacked // 1024 // 1024} MB,超过上限,请删去多余的工作表和图片")
    except zipfile.BadZipFile:
        raise BadInput(f"{filename}:不是完好的 .xlsx 文件,请用 Excel 或 WPS 重新另存") from None


def _csv(file: bytes, filename: str) -> Iterator[tuple[int, list[str]]]:
    text = _decode(file, filename)
    if "\x00" in text:
        raise BadInput(f"{filename}:不是文本文件,请另存为 CSV")
    first = text.split("\n", 1)[0]
    delimiter = max((",", "\t", ";"), key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for cells in reader:
            yield reader.line_num, [c.strip() for c in cells]
    except csv.Error as wrong:
        raise BadInput(f"{filename}:第 {reader.line_num} 行不是规范的 CSV({wrong})") from None


def _decode(file: bytes, filename: str) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return file.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise BadInput(f"{filename}:文字编码认不出来,请另存为 UTF-8 或 GB18030 的 CSV")


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "是" if cell else "否"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == datetime.min.time() else cell.isoformat()
    return cell.isoformat() if isinstance(cell, date) else str(cell).strip()


def _headings(filename: str, head: list[str], columns: Sequence[Column]) -> list[str]:
    """Column ids in the order of the file; '' for a trailing empty heading."""
    known = {c.title: c for c in columns}
    named = [h.strip().rstrip("*").strip() for h in head]
    while named and not named[-1]:
        named.pop()
    if wrong := [h or "(空)" for h in named if h not in known]:
        raise BadInput(f"{filename}:表头不认识:{'、'.join(wrong[:10])};可用的表头:{'、'.join(known)}")
    if doubled := sorted({h for h in named if named.count(h) > 1}):
        raise BadInput(f"{filename}:表头重复:{'、'.join(doubled)}")
    if missing := [c.title for c in columns if c.required and c.title not in named]:
        raise BadInput(f"{filename}:缺少表头:{'、'.join(missing)};请下载模板对照")
    return [known[h].id for h in named]


def _rows(filename: str, grid: Iterator[tuple[int, list[str]]], ids: list[str]) -> Iterator[Row]:
    taken = 0
    for number, cells in grid:
        if not any(cells):
            continue
        taken += 1
        if taken > MOST_ROWS:
            raise BadInput(f"{filename}:超过 {MOST_ROWS} 行,请分批导入")
        if len(cells) > len(ids) and any(cells[len(ids):]):
            raise BadInput(f"{filename}:第 {number} 行比表头多出内容({len(cells)} 格),请检查分隔符或多余的列")
        padded = [*cells, *[""] * (len(ids) - len(cells))]
        yield Row(number, {i: _unquote(c) for i, c in zip(ids, padded, strict=False)})


def _unquote(text: str) -> str:
    """Undo the apostrophe that `write` puts before what a spreadsheet might run as a formula."""
    return text[1:] if text[:1] == "'" and text[1:2] in DANGEROUS else text


def safe(value: Any) -> Any:
    """A cell that no spreadsheet will run: text beginning like a formula gets an apostrophe; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, int | float | Decimal):
        return value
    text = str(value)
    return f"'{text}" if text.startswith(DANGEROUS) else text


def write(headings: Sequence[str], rows: Iterable[Sequence[Any]], format: str, title: str = "导出") -> bytes:
    """A whole sheet as bytes: `xlsx`, or `csv` (UTF-8 with a mark, so that Excel reads it); else BadInput."""
    if format == "csv":
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\r\n")
        writer.writerow(headings)
        writer.writerows([safe(_plain(v)) for v in row] for row in rows)
        return out.getvalue().encode("utf-8-sig")
    if format == "xlsx":
        return _workbook(headings, rows, title)
    raise BadInput(f"不能导出为 {format!r};可用:xlsx、csv")


def _plain(value: Any) -> Any:
    """Decimals without needless zeros: 85.0000 → 85."""
    if isinstance(value, Decimal):
        return Decimal(format(value.normalize(), "f"))
    return value


def _workbook(headings: Sequence[str], rows: Iterable[Sequence[Any]], title: str) -> bytes:
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title[:30])
    sheet.append(list(headings))
    for row in rows:
        sheet.append([_cell(sheet, safe(_plain(v))) for v in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _cell(sheet: Any, value: Any) -> Any:
    """Text is written as text: a long digit string stays a code and does not become a rounded number."""
    if not isinstance(value, str):
        return value
    cell = WriteOnlyCell(sheet, value="".join(c for c in value if c >= " " or c in "\t\n\r"))
    cell.data_type = "s"
    return cell


def template(columns: Sequence[Column], format: str) -> bytes:
    """An empty sheet with the headings; as xlsx with a second sheet that explains each of them."""
    headings = [c.title for c in columns]
    if format != "xlsx":
        return write(headings, [], format)
    book = Workbook(write_only=True)
    book.create_sheet("导入").append(headings)
    notes = book.create_sheet("填写说明")
    for line in (
        ["列", "必填", "说明", "示例"],
        *([c.title, "是" if c.required else "", c.hint, c.example] for c in columns),
    ):
        notes.append([_cell(notes, v) for v in line])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
