"""The log of readings: nothing is acknowledged before it is here and on disk. No Django here.

`<folder>/<first record>.wal`: a header (plan version, point ids and digits, so that a segment is readable alone),
then records: 36 bytes of head with length and CRC-32, the columns t i8, point u4, v i4, q u1, and the transitions
found in them as MessagePack. A segment belongs to one plan version. All but the last segment are sealed.
"""

import logging
import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from .journal import Transition, sync_folder, write_all
from .plan import Plan

log = logging.getLogger(__name__)
MAGIC = b"SWWAL\x01\r\n"
HEAD = struct.Struct("<IIQqIIB3x")  # payload length, crc of what follows, number, now ms, readings, found bytes, kind
BATCH, SWEEP, RESUME = 1, 2, 3  # readings; time passed; time passed while we were away
SEAL_BYTES, SEAL_MS = 64 * 1024 * 1024, 60_000
ROW = 17  # bytes a reading


class Header(msgspec.Struct, frozen=True):
    """What opens a segment."""

    first: int
    plan: int
    ids: bytes  # zlib of i8 point ids, row = point index
    digits: bytes  # zlib of i1 digits

    def points(self) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """Point ids and digits by point index."""
        return np.frombuffer(zlib.decompress(self.ids), "<i8"), np.frombuffer(zlib.decompress(self.digits), "i1")


@dataclass(slots=True)
class Record:
    """One tick's readings, or one sweep (no readings), with what was found in it."""

    number: int
    now_ms: int
    kind: int
    t: NDArray[np.int64]
    point: NDArray[np.uint32]
    v: NDArray[np.int32]
    q: NDArray[np.uint8]
    raw_found: bytes

    @property
    def found(self) -> list[Transition]:
        """The numbered transitions of this record."""
        return msgspec.msgpack.decode(self.raw_found, type=list[Transition]) if self.raw_found else []


def empty(kind: int, number: int, now_ms: int) -> Record:
    """A record without readings."""
    return Record(number, now_ms, kind, np.empty(0, "<i8"), np.empty(0, "<u4"), np.empty(0, "<i4"),
                  np.empty(0, "u1"), b"")


def encode(record: Record) -> bytes:
    """A record as bytes for the log."""
    payload = b"".join((record.t.astype("<i8", copy=False).tobytes(), record.point.astype("<u4", copy=False).tobytes(),
                        record.v.astype("<i4", copy=False).tobytes(), record.q.astype("u1", copy=False).tobytes(),
                        record.raw_found))
    head = HEAD.pack(len(payload), 0, record.number, record.now_ms, len(record.t), len(record.raw_found), record.kind)
    crc = zlib.crc32(payload, zlib.crc32(head[8:]))
    return b"".join((head[:4], crc.to_bytes(4, "little"), head[8:], payload))


def decode(raw: bytes, offset: int) -> tuple[Record, int] | None:
    """The record at an offset and the offset after it; None at the end or at anything torn or damaged."""
    start = offset + HEAD.size
    if len(raw) < start:
        return None
    length, crc, number, now_ms, n, m, kind = HEAD.unpack_from(raw, offset)
    end = start + length
    if length != n * ROW + m or end > len(raw) or not BATCH <= kind <= RESUME:
        return None
    if zlib.crc32(memoryview(raw)[offset + 8:end]) != crc:
        return None
    at = [start, start + 8 * n, start + 12 * n, start + 16 * n, start + 17 * n]
    return Record(number, now_ms, kind, np.frombuffer(raw, "<i8", n, at[0]), np.frombuffer(raw, "<u4", n, at[1]),
                  np.frombuffer(raw, "<i4", n, at[2]), np.frombuffer(raw, "u1", n, at[3]), raw[at[4]:end]), end


def encode_header(first: int, plan: Plan) -> bytes:
    """A segment's opening bytes."""
    ids = zlib.compress(np.ascontiguousarray(plan.points["id"], "<i8").tobytes(), 1)
    digits = zlib.compress(np.ascontiguousarray(plan.points["digits"], "i1").tobytes(), 1)
    body = msgspec.msgpack.encode(Header(first, plan.version, ids, digits))
    return MAGIC + struct.pack("<II", len(body), zlib.crc32(body)) + body


def decode_header(raw: bytes) -> tuple[Header, int] | None:
    """The header and the offset of the first record; None when the segment was torn at birth."""
    if len(raw) < 16 or raw[:8] != MAGIC:
        return None
    length, crc = struct.unpack_from("<II", raw, 8)
    body = raw[16:16 + length]
    if len(body) < length or zlib.crc32(body) != crc:
        return None
    return msgspec.msgpack.decode(body, type=Header), 16 + length


def segments(folder: Path) -> list[Path]:
    """Segments, oldest first; the last one may still be growing."""
    return sorted(folder.glob("*.wal"))


def records(path: Path) -> tuple[Header, Iterator[Record]] | None:
    """A segment's header and its whole records; None when it has no whole header."""
    raw = path.read_bytes()
    opened = decode_header(raw)
    return (opened[0], _records(raw, opened[1])) if opened else None


def _records(raw: bytes, offset: int) -> Iterator[Record]:
    while (found := decode(raw, offset)) is not None:
        yield found[0]
        offset = found[1]


def heal(folder: Path) -> int:
    """Cut what a crash left torn at the end of the newest segment (kept aside as .torn). Returns the last record."""
    for path in reversed(segments(folder)):
        raw = path.read_bytes()
        opened = decode_header(raw)
        if opened is None:
            log.warning("读数日志 %s 的段头不完整(写段头时中断,其中没有已确认的读数),已删除", path)
            path.unlink()
            continue
        last, end = opened[0].first - 1, opened[1]
        while (found := decode(raw, end)) is not None:
            last, end = found[0].number, found[1]
        if end < len(raw):
            log.warning("读数日志 %s 末尾不完整:保留到第 %d 条,截去 %d 字节(另存 .torn)", path, last, len(raw) - end)
            path.with_suffix(".torn").write_bytes(raw[end:])
            os.truncate(path, end)
        if last < opened[0].first:
            path.unlink()
        sync_folder(folder)
        return last
    return 0


class Wal:
    """The growing end of the log. `write` returns when the bytes are on disk, or raises with nothing half-written."""

    def __init__(self, folder: Path, last: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.last = last  # number of the last durable record
        self.size = 0
        self._fd = -1
        self._born = 0
        self._broken = False

    def open(self, plan: Plan, now_ms: int) -> None:
        """Seal the present segment and begin the next one, which belongs to this plan version."""
        self._release()
        path = self.folder / f"{self.last + 1:016d}.wal"
        header = encode_header(self.last + 1, plan)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
        try:
            write_all(fd, header)
            os.fsync(fd)
            sync_folder(self.folder)
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._fd, self.size, self._born, self._broken = fd, len(header), now_ms, False

    def due(self, now_ms: int) -> bool:
        """Whether a new segment is to be begun before the next write."""
        return self._fd < 0 or self._broken or self.size >= SEAL_BYTES or now_ms - self._born >= SEAL_MS

    def write(self, raw: bytes, last: int) -> None:
        """Append whole records, the last one numbered `last`; durable on return."""
        try:
            write_all(self._fd, raw)
            os.fdatasync(self._fd)
        except OSError:
            self._take_back()
            raise
        self.size += len(raw)
        self.last = last

    def _take_back(self) -> None:
        """After a failed write the bytes are removed; a file that cannot even be cut is left for the next segment."""
        try:
            os.ftruncate(self._fd, self.size)
            os.lseek(self._fd, self.size, os.SEEK_SET)
            os.fdatasync(self._fd)
        except OSError:
            self._broken = True

    def _release(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def close(self) -> None:
        """Let go of the file; everything in it is already durable."""
        self._release()


def taken(data: Path) -> int:
    """The last record the history holds; 0 when it has taken none."""
    try:
        return int((data / "history" / "TAKEN").read_text())
    except (FileNotFoundError, ValueError):
        return 0


def prune(data: Path, safe: int) -> int:
    """Remove sealed segments that end at or before `safe` and are in the history. Returns how many."""
    known, safe, gone = segments(data / "wal"), min(safe, taken(data)), 0
    for path, after in pairwise(known):
        if int(after.stem) - 1 > safe:
            break
        path.unlink()
        gone += 1
    return gone
