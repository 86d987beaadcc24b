"""The chain of an alert's journal and the evidence file made of it: canonical form, hashes, the verifier. No Django.

A record's hash is the SHA-256 of its canonical JSON (UTF-8, sorted keys, no spaces, moments in UTC to the microsecond)
with the hash of the record before it in `prev`; the first has an empty `prev`. An evidence file holds a record a line
and ends with its seal, the SHA-256 of every byte before the seal, so that no byte can change unseen. A chain shows
that nothing was changed since; who exported the file, and which seal it had then, stands in the audit trail.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

FORMAT = "shouwang-evidence/1"
FACTS = ("format", "exported", "alert")  # one line each, in this order
LISTS = {"changes": "报警变化", "events": "相关事件"}  # then these, a record a line
FIRST = ""  # `prev` of the first record
SEAL = '"seal": "{}"\n}}\n'
Record = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What the verifier found. `part` and `place` name the first broken record (from 1); place 0: not a record."""

    ok: bool
    told: str
    part: str = ""
    place: int = 0
    alert: int | None = None
    counts: tuple[int, ...] = ()
    seal: str = ""


class Broken(Exception):
    """The first thing that is not as it was written: where and what, for people."""

    def __init__(self, part: str, place: int, told: str) -> None:
        super().__init__(told)
        self.part, self.place = part, place


def utc(moment: datetime) -> str:
    """A moment as it stands in a record."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def canonical(value: Any) -> str:
    """The one way a value is written; NaN and infinity have none (ValueError)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(record: Mapping[str, Any]) -> str:
    """The hash of a record, `hash` itself left out."""
    return _sha(canonical({k: v for k, v in record.items() if k != "hash"}))


def _sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def linked(records: Iterable[Record], prev: str = FIRST) -> list[Record]:
    """Records with `prev` and `hash`, each holding to the one before."""
    out: list[Record] = []
    for record in records:
        out.append({**record, "prev": prev})
        prev = out[-1]["hash"] = digest(out[-1])
    return out


def encode(facts: Mapping[str, Any], lists: Mapping[str, list[Record]]) -> bytes:
    """The evidence file: a JSON object with a line for each fact and each record, and its seal."""
    lines = [f'"{name}": {canonical(facts[name])},\n' for name in FACTS]
    for name in LISTS:
        lines += [f'"{name}": [\n', ",\n".join(map(canonical, lists[name])), "\n],\n"]
    body = "{\n" + "".join(lines)
    return (body + SEAL.format(_sha(body))).encode()


def verify(content: bytes) -> Verdict:
    """Whether a file is, to the byte, what was exported; else its first broken record. Needs nothing but the file."""
    try:
        return _verified(content)
    except Broken as wrong:
        return Verdict(False, str(wrong), wrong.part, wrong.place)


def _verified(content: bytes) -> Verdict:
    lines = content.split(b"\n")
    if lines[0] != b"{":
        raise Broken("", 0, "不是守望的证据文件(开头不对)")
    facts = {name: _fact(name, lines[n] if n < len(lines) else b"") for n, name in enumerate(FACTS, 1)}
    at, counts = len(FACTS) + 1, []
    for name in LISTS:
        records, at = _records(name, lines, at)
        _hold(name, records, facts["alert"])
        counts.append(len(records))
    return Verdict(True, "", alert=facts["alert"]["id"], counts=tuple(counts), seal=_sealed(content, lines, at))


def _fact(name: str, line: bytes) -> Any:
    head, tail = f'"{name}": '.encode(), b","
    if not line.startswith(head) or not line.endswith(tail):
        raise Broken(name, 0, f"文件头 {name} 一行被改动")
    value = _parsed(line[len(head):-1], name, 0)
    if (name == "format" and value != FORMAT) or (name == "alert" and not isinstance(value, dict)) or (
            name == "alert" and not isinstance(value.get("id"), int)):
        raise Broken(name, 0, f"文件头 {name} 不是 {FORMAT} 的写法")
    return value


def _records(name: str, lines: list[bytes], at: int) -> tuple[list[Record], int]:
    """The records of a list that begins at a line, and the line after it."""
    if at >= len(lines) or lines[at] != f'"{name}": ['.encode():
        raise Broken(name, 0, f"{LISTS[name]}一节的开头被改动")
    found: list[Record] = []
    while (at := at + 1) < len(lines) and lines[at] != b"],":
        if lines[at] == b"" and not found:  # a list of none
            continue
        place = len(found) + 1
        last = at + 1 < len(lines) and lines[at + 1] == b"],"
        if lines[at].endswith(b",") == last:
            raise Broken(name, place, _told(name, place, "行尾被改动"))
        record = _parsed(lines[at] if last else lines[at][:-1], name, place)
        if not isinstance(record, dict):
            raise Broken(name, place, _told(name, place, "不是一条记录"))
        found.append(record)
    return found, at + 1


def _parsed(line: bytes, name: str, place: int) -> Any:
    """The value of a line that is written in the canonical way, and in no other."""
    try:
        value = json.loads(line.decode())
        if canonical(value).encode() == line:
            return value
    except (ValueError, RecursionError):
        pass
    raise Broken(name, place, _told(name, place, "内容被改动,已不是导出时的写法"))


def _hold(name: str, records: list[Record], alert: Mapping[str, Any]) -> None:
    """Each record has its own hash and holds to the one before; changes are of this alert and numbered 1, 2, …"""
    prev = FIRST
    for place, record in enumerate(records, 1):
        if record.get("hash") != digest(record):
            raise Broken(name, place, _told(name, place, "内容与其哈希不符,被改动过"))
        if record.get("prev") != prev:
            raise Broken(name, place, _told(name, place, "与前一条接不上,其间有记录被删去、插入或调换"))
        if name == "changes" and (record.get("place") != place or record.get("alert") != alert["id"]):
            raise Broken(name, place, _told(name, place, "编号或所属报警不对"))
        prev = str(record["hash"])


def _told(name: str, place: int, why: str) -> str:
    return f"{LISTS[name]}第 {place} 条{why}" if place else f"文件头 {name} {why}"


def _sealed(content: bytes, lines: list[bytes], at: int) -> str:
    """The seal, over every byte before its line; nothing may follow."""
    body = b"\n".join(lines[:at]) + b"\n"
    seal = hashlib.sha256(body).hexdigest()
    if content != body + SEAL.format(seal).encode():
        raise Broken("seal", 0, "全文印记不符:文件头、末尾或记录的增减被改动")
    return seal
