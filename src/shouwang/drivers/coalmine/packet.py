"""One text file → header and records. No folders, no clock: bytes and a file name in, a `File` or Malformed out."""

import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from shouwang.kernel.clock import LOCAL

from ..rows import Malformed
from .dialect import Dialect
from .layout import FLAG, LAYOUTS, MARK, NUMBER, STATUS, TEXT, TIME, YES, Field, Layout

AHEAD = timedelta(minutes=5)  # 42号文 practice: a header further ahead is refused, or all later files would be stale
BAD_SHARE = 0.2  # 42号文 practice: more bad records than this and nothing of the file is taken
Record = dict[str, str]
_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", re.ASCII)
_NUMBER = re.compile(r"[+-]?\d{1,20}(\.\d{1,20})?", re.ASCII)
_LETTERS = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,64}", re.ASCII)
_FORM = {NUMBER: _NUMBER, STATUS: re.compile(r"\d{1,5}", re.ASCII), MARK: re.compile("[0129]"),
         FLAG: re.compile("[012]"), YES: re.compile("[01]")}
_ALPHANUMERIC = ("point", "substation")  # these hold letters in the national form too (MN, KG, LJ, DT)
WIDE = re.compile("[；～｜]")  # full-width separators: the record was not written by the rules
TITLES = {"mine": "煤矿编码", "point": "测点编码", "substation": "分站编码", "card": "人员卡编码", "area": "区域编码",
          "station": "基站编码", NUMBER: "数字", TIME: "时间", STATUS: "状态", MARK: "0、1、2、9 之一",
          FLAG: "0、1、2 之一", YES: "0 或 1"}


class Name(NamedTuple):
    """`<mine>_<TYPE>_<yyyyMMddHHmmss>.txt`; `type` without the dialect's prefix."""

    mine: str
    type: str
    uploaded: str


class Bad(NamedTuple):
    """A record that cannot be used: its place from 1, why, its beginning."""

    line: int
    why: str
    text: str


class Repeated(NamedTuple):
    """A record that replaced an earlier one of the same key."""

    line: int
    before: int
    key: tuple[str, ...]


@dataclass
class File:
    """What one file says. `records` are whole and told apart by their key; the later of two stands."""

    name: Name
    header: list[str]
    t: datetime  # the header's upload time: the moment a snapshot is of
    records: list[Record] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)
    repeated: list[Repeated] = field(default_factory=list)
    known: bool = True  # the type has a layout here

    @property
    def status(self) -> str:
        """DONE, PARTIAL (some records bad), FAILED (too many bad: nothing of it counts), UNKNOWN type."""
        total = len(self.records) + len(self.repeated) + len(self.bad)
        if not self.known:
            return "UNKNOWN"
        if len(self.bad) > total * BAD_SHARE:
            return "FAILED"
        return "PARTIAL" if self.bad else "DONE"


def read_name(name: str, dialect: Dialect) -> Name | None:
    """The parts of a file name; None where it is not one of the dialect's."""
    found = re.fullmatch(r"([0-9A-Za-z]{1,40})_([A-Z]{2,12})_(\d{14})\.txt", name, re.ASCII)
    if not found:
        return None
    mine, kind, uploaded = found.groups()
    length = dialect.length("mine")
    if (length and len(mine) != length) or not (dialect.letters or mine.isdigit()):
        return None
    if dialect.prefix and not kind.startswith(dialect.prefix):
        return None
    return Name(mine, kind[len(dialect.prefix):], uploaded)


def complete(raw: bytes, dialect: Dialect) -> bool:
    """The file ends with its end mark: it has been written to the end."""
    return raw.rstrip(b" \t\r\n").endswith(dialect.end.encode())


def parse(raw: bytes, name: Name, dialect: Dialect) -> File:
    """The file's header and records; Malformed where the whole file cannot be used."""
    segments = _segments(raw, dialect)
    header = _fields(segments[0], dialect)
    file = File(name, header, _header_time(header, name, dialect), known=name.type in LAYOUTS)
    if not file.known:
        file.records = [{"record": s} for s in segments[1:]]
        return file
    layout, place, found = LAYOUTS[name.type], dict[tuple[str, ...], int](), dict[tuple[str, ...], Record]()
    for line, segment in enumerate(segments[1:], 1):
        read = read_record(segment, layout, dialect)
        if isinstance(read, str):
            file.bad.append(Bad(line, read, segment[:200]))
            continue
        key = tuple(read[k] for k in layout.key)
        if key in found:
            file.repeated.append(Repeated(line, place[key], key))
        found[key], place[key] = read, line
    file.records = list(found.values())
    return file


def _segments(raw: bytes, dialect: Dialect) -> list[str]:
    """Header and records as written, without the separators and stray line ends."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise Malformed(f"文件不是 UTF-8 编码(第 {wrong.start} 字节)") from None
    text = text.rstrip()
    if not text.endswith(dialect.end):
        raise Malformed(f"文件不完整:末尾没有 {dialect.end}")
    parts = [part.replace("\r", "").replace("\n", "").strip()
             for part in text[:-len(dialect.end)].split(dialect.record)]
    return [parts[0], *filter(None, parts[1:])]


def _fields(segment: str, dialect: Dialect) -> list[str]:
    return [part.strip() for part in segment.split(dialect.field)]


def _header_time(header: list[str], name: Name, dialect: Dialect) -> datetime:
    wanted = dialect.long.get(name.type, dialect.header)
    if len(header) < wanted:
        raise Malformed(f"文件头只有 {len(header)} 段,{name.type} 应为 {wanted} 段")
    if header[0] != name.mine:
        raise Malformed(f"文件头的煤矿编码 {header[0][:40]!r} 与文件名 {name.mine} 不符")
    t = moment(header[wanted - 1])
    if t is None:
        raise Malformed(f"文件头的上传时间 {header[wanted - 1][:40]!r} 不是 yyyy-MM-dd HH:mm:ss")
    return t


def moment(text: str) -> datetime | None:
    """`yyyy-MM-dd HH:mm:ss`, Chinese time, as a moment; None where it is not one."""
    if not _TIME.fullmatch(text):
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=LOCAL)
    except ValueError:
        return None


def read_record(segment: str, layout: Layout, dialect: Dialect) -> Record | str:
    """One record's fields by name (empty = not given), or why it cannot be used."""
    if WIDE.search(segment):
        return "含全角分隔符"
    parts = _fields(segment, dialect)
    most = len(layout.fields)
    if not most - layout.optional <= len(parts) <= most:
        return f"字段数 {len(parts)},应为 {most}"
    read = {}
    for one, part in zip(layout.fields, parts + [""] * (most - len(parts)), strict=True):
        value = "" if one.holds == TIME and part in dialect.no_time else part
        if why := _wrong(one, value, dialect):
            return why
        read[one.name] = value
    return read


def _wrong(one: Field, value: str, dialect: Dialect) -> str:
    """Why a field's value cannot be; empty where it can."""
    if not value:
        return f"{one.name}({TITLES.get(one.holds, '必填')})为空" if one.required else ""
    if one.holds == TEXT:
        return ""
    if one.holds == TIME:
        return "" if moment(value) else f"{one.name} 不是时间: {value[:30]!r}"
    if one.holds in _FORM:
        return "" if _FORM[one.holds].fullmatch(value) else f"{one.name} 应是{TITLES[one.holds]}: {value[:30]!r}"
    length = dialect.length(one.holds)
    form = _LETTERS if dialect.letters or one.holds in _ALPHANUMERIC else _DIGITS
    if not form.fullmatch(value) or (length and len(value) != length):
        return f"{TITLES[one.holds]}应为 {length or '若干'} 位: {value[:40]!r}"
    return ""
