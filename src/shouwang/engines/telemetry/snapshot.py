"""The machine at rest on disk, and how it is brought back after a crash: newest whole snapshot + log. No Django here.

`var/snapshot/<last record>-<plan>.snap`: CRC-32, then MessagePack of `Frozen`. Two are kept; a damaged one is passed
over for the older, and without any the log that exists is replayed whole.
"""

import logging
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from . import journal, plan, wal
from .machine import Frozen, Machine
from .seam import Batch, Judge

log = logging.getLogger(__name__)
KEEP = 2
EVERY_S = 5.0
SHARE = 150  # a freeze holds up the ticks: it may take no more than this part of the time


def write(folder: Path, frozen: Frozen) -> Path:
    """Put a snapshot in place durably and drop all but the newest two."""
    folder.mkdir(parents=True, exist_ok=True)
    body = msgspec.msgpack.encode(frozen)
    path = folder / f"{frozen.record:016d}-{frozen.plan:08d}.snap"
    journal.replace_durably(path, zlib.crc32(body).to_bytes(4, "little") + body)
    for old in every(folder)[KEEP:]:
        old.unlink(missing_ok=True)
    return path


def every(folder: Path) -> list[Path]:
    """Snapshots, newest first."""
    return sorted(folder.glob("*.snap"), reverse=True)


def read(path: Path) -> Frozen | None:
    """A whole snapshot, or None when it is torn or damaged."""
    raw = path.read_bytes()
    if len(raw) < 4 or zlib.crc32(raw[4:]) != int.from_bytes(raw[:4], "little"):
        log.warning("快照 %s 损坏,改用更早的一份", path)
        return None
    try:
        return msgspec.msgpack.decode(raw[4:], type=Frozen)
    except msgspec.DecodeError:
        log.warning("快照 %s 的格式认不得,改用更早的一份", path)
        return None


def oldest_record(folder: Path) -> int:
    """The record all kept snapshots are beyond: the log up to it is not needed for recovery. 0 when unknown."""
    kept = every(folder)
    return int(kept[-1].name.split("-")[0]) if len(kept) >= KEEP else 0


@dataclass
class Recovered:
    """A machine brought back, the journal it goes on writing, and what it took."""

    machine: Machine
    journal: journal.Writer
    replayed: int = 0  # records
    readings: int = 0
    differing: int = 0  # records whose transitions the rules would find differently today


def recover(data: Path, judge: Judge) -> Recovered:
    """Everything acknowledged before the last stop or crash, in memory again, and the journal whole."""
    last = max(wal.heal(data / "wal"), wal.taken(data))  # numbers in the archive are not given twice
    back = Recovered(Machine(judge), journal.Writer(data / "journal"))
    if not _thaw(data, back.machine):
        _number_from_journal(data, back.machine)
    begin = back.machine.record if back.journal.n >= back.machine.numbers.n else 0
    for header, records in _segments_after(data / "wal", begin):
        if header.first > back.machine.record + 1:
            log.error("读数日志缺第 %d–%d 条", back.machine.record + 1, header.first - 1)
        _segment(data, back, header, records)
    _agree(back)
    back.machine.record = max(back.machine.record, last)
    if back.replayed:
        log.warning("已从读数日志重放 %d 条记录、%d 个读数", back.replayed, back.readings)
    if back.differing:
        log.error("重放与当时所得不同的记录有 %d 条(规则程序可能已更新);以日志所记为准", back.differing)
    back.journal.sync()
    return back


def _thaw(data: Path, machine: Machine) -> bool:
    for path in every(data / "snapshot"):
        frozen = read(path)
        if frozen is None:
            continue
        try:
            folder = data / "plan" / str(frozen.plan)
            was = plan.load(data / "plan", frozen.plan) if frozen.plan else Machine(machine.judge).plan
            machine.thaw(frozen, was, folder)
        except Exception:
            log.exception("快照 %s 用不上(方案 %d),改用更早的一份", path, frozen.plan)
        else:
            return True
    return False


def _number_from_journal(data: Path, machine: Machine) -> None:
    """Without a snapshot the numbers go on from the journal, so nothing is given a number twice."""
    n = 0
    while found := journal.read_after(data / "journal", n, 5000):
        machine.numbers.follow(found)
        n = found[-1].n
    if n:
        log.error("没有可用的快照:状态只能由现存的读数日志重建,编号接转变日志第 %d 条", n)


def _segments_after(folder: Path, record: int) -> Iterator[tuple[wal.Header, Iterator[wal.Record]]]:
    """Segments holding records above `record`, oldest first."""
    known = wal.segments(folder)
    firsts = [int(p.stem) for p in known]
    for i, path in enumerate(known):
        if i + 1 < len(known) and firsts[i + 1] <= record + 1:
            continue
        opened = wal.records(path)
        if opened is not None:
            yield opened


def _segment(data: Path, back: Recovered, header: wal.Header, records: Iterator[wal.Record]) -> None:
    for record in records:
        if record.number > back.machine.record:
            _follow_plan(data, back.machine, header.plan)
            _replay(back, record, header.plan == back.machine.plan.version)
        _journal(back, record)


def _agree(back: Recovered) -> None:
    """The journal and the machine go on from the same number, whatever was lost."""
    if back.journal.n < back.machine.numbers.n:
        log.error("转变日志缺第 %d–%d 条,读数日志里也没有", back.journal.n + 1, back.machine.numbers.n)
        back.journal.n = back.machine.numbers.n
    back.machine.numbers.n = back.journal.n


def _follow_plan(data: Path, machine: Machine, version: int) -> None:
    if version in (machine.plan.version, 0):
        return
    try:
        machine.adopt(plan.load(data / "plan", version), data / "plan" / str(version))
    except Exception:
        log.exception("方案 %d 已不在或损坏:其间的读数只进历史,状态不变", version)


def _replay(back: Recovered, record: wal.Record, known: bool) -> None:
    machine, written = back.machine, record.found
    now_ms = machine.advance(record.now_ms)
    if known:
        found = _again(machine, record, now_ms)
        plain = [msgspec.structs.replace(x, n=0, seq=0, plan=0, heard=0) for x in written]
        back.differing += plain != [msgspec.structs.replace(x, n=0, seq=0, plan=0, heard=0) for x in found]
    machine.numbers.follow(written)
    machine.record = record.number
    back.replayed += 1
    back.readings += len(record.t)


def _again(machine: Machine, record: wal.Record, now_ms: int) -> list[journal.Transition]:
    if record.kind != wal.BATCH:
        return machine.sweep(now_ms, resuming=record.kind == wal.RESUME)
    point = np.array(record.point, np.uint32)
    return machine.batch(Batch(point, np.array(record.t, np.int64), np.array(record.v, np.int32),
                               np.array(record.q, np.uint8), machine.plan.points["source"][point]), now_ms)


def _journal(back: Recovered, record: wal.Record) -> None:
    """Write again what a crash tore off the journal."""
    missing = [x for x in record.found if x.n > back.journal.n]
    if missing and missing[0].n != back.journal.n + 1:
        log.error("转变日志缺第 %d–%d 条,读数日志里也没有", back.journal.n + 1, missing[0].n - 1)
        back.journal.n = missing[0].n - 1
    back.journal.append(missing)
