"""From the log to the archive: sealed segments become Parquet within a minute, runs are merged, days are closed.

No Django here. `var/history/day=YYYY-MM-DD/` (local day of the event time) holds
`a-<first>-<last>.parquet` runs fresh from the log (record numbers), ten of which become `b-…`, six of those `c-…`;
`past-….parquet` written backwards in time; and once the day is over `s<shard>.parquet` with 128 point ids each and
`m<shard>.parquet`, the one-minute summary. `var/history/TAKEN` is the last record of the log that is in Parquet.
Every step may be repeated: rows are told apart by (point, time), the later one stands.
"""

import hashlib
import logging
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from shouwang.kernel import clock

from . import columns, wal
from .columns import Rows
from .journal import replace_durably
from .plan import data_folder

log = logging.getLogger(__name__)
DAY_MS = 86_400_000
EAST_MS = 8 * 3_600_000  # China keeps UTC+8 the year round
SHARD = 128
MOST_READINGS = 5_000_000  # taken in one go
RUNS = {"a": (10, "b"), "b": (6, "c")}  # so many of one size make one of the next
SETTLE_S = 600  # [D] a day is closed when it is over and nothing has come for it for so long
POLL_S = 2.0


def day_of(t: int) -> int:
    """The local day of a time in ms, counted from 1970."""
    return (t + EAST_MS) // DAY_MS


def folder_of(root: Path, day: int) -> Path:
    """The folder of a local day."""
    return root / f"day={datetime.fromtimestamp(day * 86400, UTC):%Y-%m-%d}"


def begins(day: int) -> int:
    """The first ms of a local day."""
    return day * DAY_MS - EAST_MS


def days(root: Path) -> list[int]:
    """Local days that have any history, oldest first."""
    found = (re.fullmatch(r"day=(\d{4})-(\d\d)-(\d\d)", p.name) for p in root.glob("day=*"))
    stamps = (datetime(int(m[1]), int(m[2]), int(m[3]), tzinfo=UTC) for m in found if m)
    return sorted(int(s.timestamp()) // 86400 for s in stamps)


def runs(folder: Path) -> list[Path]:
    """A day's files that are not yet closed into shards, in the order in which later rows win."""
    past = sorted(folder.glob("past-*.parquet"))
    return past + sorted(folder.glob("[abc]-*.parquet"), key=lambda p: p.name[2:])


def write_past(point: Any, t: Any, v: Any, q: Any, digits: Any, data: Path | None = None) -> int:
    """Rows of the past (generated or back-filled), straight to Parquet; nothing is judged. Returns how many.

    Arrays of equal length (or one number for q, digits): point ids, ms, values as integers of 10**-digits, quality.
    """
    n = len(t)
    rows = Rows(np.asarray(point, np.int64), np.asarray(t, np.int64), np.asarray(v, np.int32),
                np.broadcast_to(np.asarray(digits, np.int8), n), np.broadcast_to(np.asarray(q, np.uint8), n)).settled()
    name = hashlib.sha256(rows.point.tobytes() + rows.t.tobytes() + rows.v.tobytes()).hexdigest()[:16]
    for folder, part in _by_day((data or data_folder()) / "history", rows):
        columns.write(folder / f"past-{name}.parquet", part)
    return len(rows)


def _by_day(root: Path, rows: Rows) -> Iterator[tuple[Path, Rows]]:
    which = (rows.t + EAST_MS) // DAY_MS
    for day in np.unique(which).tolist():
        yield folder_of(root, day), rows.pick(which == day)


# taking from the log

def take(data: Path) -> int:
    """Turn sealed segments into runs of their days. Returns readings taken."""
    after, paths = wal.taken(data), wal.segments(data / "wal")
    parts: list[Rows] = []
    first, last, n = 0, after, 0
    for path, following in pairwise(paths):
        end = int(following.stem) - 1
        if end <= after or n > MOST_READINGS:
            continue
        first, last = first or max(after + 1, int(path.stem)), end
        part = segment_rows(path, after)
        parts.append(part)
        n += len(part)
    if last == after:
        return 0
    for folder, part in _by_day(data / "history", columns.join(parts).settled()):
        columns.write(folder / f"a-{first:016d}-{last:016d}.parquet", part)
    (data / "history").mkdir(parents=True, exist_ok=True)
    replace_durably(data / "history" / "TAKEN", str(last).encode())
    return n


def segment_rows(path: Path, after: int) -> Rows:
    """The readings of a segment's records above `after`."""
    opened = wal.records(path)
    if opened is None:
        return columns.join([])
    return rows_of(opened[0], (r for r in opened[1] if r.number > after))


def rows_of(header: wal.Header, records: Iterable[wal.Record]) -> Rows:
    """Readings of records with point ids and digits in place of plan rows."""
    kept = [r for r in records if len(r.t)]
    if not kept:
        return columns.join([])
    ids, digits = header.points()
    point = np.concatenate([r.point for r in kept])
    return Rows(ids[point], np.concatenate([r.t for r in kept]), np.concatenate([r.v for r in kept]), digits[point],
                np.concatenate([r.q for r in kept]))


# merging

def merge(folder: Path) -> int:
    """Join runs of one size into the next. Returns how many files went away."""
    gone = drop_covered(folder)
    for size, (enough, larger) in RUNS.items():
        small = sorted(folder.glob(f"{size}-*.parquet"), key=lambda p: p.name[2:])
        for k in range(0, len(small) - enough + 1, enough):
            group = small[k:k + enough]
            (first, _), (_, last) = span(group[0]), span(group[-1])
            _merge_into(folder / f"{larger}-{first:016d}-{last:016d}.parquet", group)
            gone += drop_covered(folder)
    return gone


def span(path: Path) -> tuple[int, int]:
    """First and last log record of a run."""
    first, last = path.stem[2:].split("-")
    return int(first), int(last)


def drop_covered(folder: Path) -> int:
    """Remove runs whose records all lie in a larger run: a merge was interrupted before it could tidy up."""
    kept = sorted(folder.glob("[abc]-*.parquet"))
    doomed = [p for p in kept for o in kept
              if o is not p and o.name[0] > p.name[0] and span(o)[0] <= span(p)[0] and span(p)[1] <= span(o)[1]]
    for path in set(doomed):
        path.unlink(missing_ok=True)
    return len(set(doomed))


def _merge_into(path: Path, parts: list[Path]) -> None:
    """A sorted union, shard by shard so that memory stays small."""
    writer = columns.Writer(path)
    for _, low, high in _shards_of(parts):
        rows = columns.join(columns.between(p, low, high) for p in parts).settled()
        if len(rows):
            writer.add(rows)
    writer.close()


def _shards_of(parts: list[Path]) -> list[tuple[int, int, int]]:
    """Every shard that has rows in any of the files."""
    spans = [s for s in map(columns.point_span, parts) if s[1] >= s[0]]
    found = {shard for low, high in spans for shard in columns.shards(low, high, SHARD)}
    return sorted(found)


# closing a day

def close_day(folder: Path) -> int:
    """Runs of a day that is over into its shards and their one-minute summaries. Returns rows rewritten."""
    parts = runs(folder)
    n = 0
    for number, low, high in _shards_of(parts):
        shard = folder / f"s{number:08d}.parquet"
        old = [columns.between(shard, low, high)] if shard.exists() else []
        fresh = [columns.between(p, low, high) for p in parts]
        if not any(map(len, fresh)):
            continue
        rows = columns.join(old + fresh).settled()
        columns.write(shard, rows, group=columns.SHARD_GROUP)
        columns.write(folder / f"m{number:08d}.parquet", columns.summarise(rows), columns.MINUTES)
        n += len(rows)
    for path in parts:
        path.unlink()
    return n


def settled(folder: Path, day: int) -> bool:
    """Whether a day is over and its runs have had time to gather."""
    parts = runs(folder)
    over = clock.now_ms() >= begins(day + 1)
    return bool(parts) and over and all(clock.now().timestamp() - p.stat().st_mtime > SETTLE_S for p in parts)


_quiet: dict[Path, int] = {}  # folders without runs → when they were last changed (ns)


def round_once(data: Path) -> int:
    """One round of the history process: take, merge, close. Returns readings taken."""
    n = take(data)
    for day in days(data / "history"):
        folder = folder_of(data / "history", day)
        changed = folder.stat().st_mtime_ns
        if _quiet.get(folder) != changed:
            _tidy(folder, day)
            if not runs(folder):
                _quiet[folder] = folder.stat().st_mtime_ns
    return n


def _tidy(folder: Path, day: int) -> None:
    for torn in folder.glob("*.new"):
        if clock.now().timestamp() - torn.stat().st_mtime > SETTLE_S:
            torn.unlink(missing_ok=True)  # left unfinished by a crash
    if settled(folder, day):
        close_day(folder)
    else:
        merge(folder)


def run(data: Path, stopping: "Any") -> None:
    """Round after round until `stopping()`; a full disk is told and waited for."""
    while not stopping():
        try:
            round_once(data)
        except OSError as wrong:
            log.error("历史归档暂停:%s;读数仍在日志里,稍后再试", wrong)
        until = time.monotonic() + POLL_S
        while time.monotonic() < until and not stopping():
            time.sleep(0.1)
