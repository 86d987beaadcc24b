"""Transitions on their way to the business plane: an append-only journal of numbered records. No Django here.

`<folder>/<first n>.log`, one line a transition: CRC-32 in hex, a blank, the transition as JSON. Numbers have no
holes: what a crash tore off the end is written again from the log of readings, which carries the same numbers.
"""

import logging
import os
import threading
import zlib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import msgspec

from shouwang.kernel import clock

log = logging.getLogger(__name__)
FULL = 8 * 1024 * 1024  # a file is followed by the next at this size
KEEP_DAYS = 90
_places: dict[Path, tuple[int, Path, int]] = {}  # folder → last n read, its file, the offset after it


class Transition(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change of one rule on one point, as the kernel found it. (rule, point, seq) identifies it for ever."""

    n: int  # position in the journal, from 1, no holes
    rule: str  # "hazchem.tank_level"
    point: int  # subjects.Point id
    seq: int  # rises by one per transition of this (rule, point)
    kind: str  # raised | upgraded | downgraded | cleared | quality | retired | amended | suppressed | released
    tier: int  # -2 -1 0 1 2 after the change
    since: int  # ms: event time of the first reading of this condition
    at: int  # ms: event time at which it was committed (the delay had run out)
    value: float | None  # the reading in the point's unit; None where the matter is silence
    limit: float | None  # the limit crossed, in the point's unit
    quality: str = "good"
    heard: int = 0  # ms, wall clock when the deciding reading arrived
    plan: int = 0  # version of the plan it was judged under
    # amended: how an episode should stand (since, at, tier), now that late readings have come
    was: int = 0  # ms: when the episode was told to be raised; 0: it was not told
    until: int = 0  # ms: event time at which it ended; 0: it is open
    worst: int = 0  # gravest tier; 0: withdrawn
    proof: list[tuple[int, float, str]] = []  # readings: ms, value, quality: the late ones, or the gate's
    gate: int = 0  # suppressed: the point whose reading (`proof`) switches the rule


_decoder = msgspec.json.Decoder(Transition)


def line(transition: Transition) -> bytes:
    """The transition as it stands in the file."""
    body = msgspec.json.encode(transition)
    return b"%08x %s\n" % (zlib.crc32(body), body)


def parse(raw: bytes) -> Transition | None:
    """A whole line back; None when it is torn or damaged."""
    if len(raw) < 11 or raw[-1:] != b"\n":
        return None
    body = raw[9:-1]
    try:
        return _decoder.decode(body) if int(raw[:8], 16) == zlib.crc32(body) else None
    except (ValueError, msgspec.DecodeError):
        return None


def files(folder: Path) -> list[Path]:
    """The journal's files, oldest first."""
    return sorted(folder.glob("*.log"))


def _from(path: Path, offset: int) -> Iterator[tuple[Transition, int]]:
    """Transitions of one file from an offset on, each with the offset after it; ends at the first torn line."""
    with path.open("rb") as f:
        f.seek(offset)
        for raw in f:
            found = parse(raw)
            if found is None:
                return
            offset += len(raw)
            yield found, offset


def read_after(folder: Path, n: int, limit: int = 500) -> list[Transition]:
    """Up to `limit` transitions numbered above n, in order; cheap when called again with the last number read."""
    out: list[Transition] = []
    for path, offset in _start(folder, n):
        for found, after in _from(path, offset):
            if found.n <= n:
                continue
            out.append(found)
            _places[folder] = (found.n, path, after)
            if len(out) >= limit:
                return out
    return out


def _start(folder: Path, n: int) -> Iterator[tuple[Path, int]]:
    """The files (and offsets) that can hold numbers above n."""
    known = files(folder)
    place = _places.get(folder)
    begin = max((p for p in known if int(p.stem) <= n + 1), default=None)
    for path in known:
        if begin is None or path >= begin:
            yield path, place[2] if place and place[0] == n and place[1] == path and path.exists() else 0


def last_number(folder: Path) -> int:
    """The highest number written, 0 when there is none."""
    for path in reversed(files(folder)):
        numbers = [found.n for found, _ in _from(path, 0)]
        if numbers:
            return numbers[-1]
    return 0


class Writer:
    """Appends to the journal. A write that fails part-way is taken back, so the file holds whole lines only."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.n = 0
        self._fd = -1
        self._size = 0
        self._turn = threading.Lock()  # syncing happens beside appending, but not beside the change of file
        self._heal()

    def _heal(self) -> None:
        """Continue the newest file after its last whole line; what is torn is cut off and told."""
        for path in reversed(files(self.folder)):
            end = 0
            for found, after in _from(path, 0):
                self.n, end = found.n, after
            if end < path.stat().st_size:
                log.warning("转变日志 %s 末尾不完整,截去 %d 字节,稍后由读数日志补写", path, path.stat().st_size - end)
                os.truncate(path, end)
            if end:
                self._open(path, end)
                return
            path.unlink()

    def _open(self, path: Path, size: int) -> None:
        with self._turn:
            if self._fd >= 0:
                os.fsync(self._fd)
                os.close(self._fd)
                self._fd = -1
            self._fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
            self._size = size
            sync_folder(self.folder)

    def append(self, transitions: list[Transition]) -> None:
        """Write transitions numbered n+1, n+2 …; those already written are skipped, a hole is a ValueError."""
        fresh = [x for x in transitions if x.n > self.n]
        if not fresh:
            return
        if fresh[0].n != self.n + 1:
            raise ValueError(f"转变日志应接第 {self.n + 1} 条,而不是第 {fresh[0].n} 条")
        if self._fd < 0 or self._size >= FULL:
            self._open(self.folder / f"{fresh[0].n:016d}.log", 0)
        raw = b"".join(map(line, fresh))
        try:
            write_all(self._fd, raw)
        except OSError:
            os.ftruncate(self._fd, self._size)
            raise
        self._size += len(raw)
        self.n = fresh[-1].n

    def sync(self) -> None:
        """Make everything appended durable."""
        with self._turn:
            if self._fd >= 0:
                os.fdatasync(self._fd)

    def close(self) -> None:
        """Make durable and let go."""
        if self._fd >= 0:
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = -1


def write_all(fd: int, raw: bytes) -> None:
    """Write every byte or raise OSError."""
    view = memoryview(raw)
    while view:
        view = view[os.write(fd, view):]


def sync_folder(folder: Path) -> None:
    """Make created, renamed and removed names in a folder durable."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def replace_durably(path: Path, raw: bytes) -> None:
    """Put a whole file in place atomically and durably: the old one stands until the new one does."""
    fresh = path.with_name(path.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o640)
    try:
        write_all(fd, raw)
        os.fsync(fd)
    finally:
        os.close(fd)
    fresh.replace(path)
    sync_folder(path.parent)


def applied(folder: Path, n: int) -> None:
    """The business plane tells how far it has got: nothing above is ever pruned."""
    (folder / "APPLIED.new").write_text(str(n))
    (folder / "APPLIED.new").replace(folder / "APPLIED")


def prune(folder: Path, days: int = KEEP_DAYS) -> int:
    """Remove files older than `days` whose every transition the business plane has applied. Returns how many."""
    try:
        done = int((folder / "APPLIED").read_text())
    except (FileNotFoundError, ValueError):
        return 0
    known, gone = files(folder), 0
    for path, after in pairwise(known):
        if int(after.stem) - 1 <= done and path.stat().st_mtime < clock.now().timestamp() - days * 86400:
            path.unlink()
            gone += 1
    return gone
