"""Curves: readings of points over a span, from the archive and the newest log together. No Django here."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import columns, history
from .columns import Minutes, Rows
from .plan import data_folder
from .quality import NO_DATA, UNCERTAIN
from .tail import Tail

MOST_POINTS = 2000  # of one curve, unless asked otherwise
TRIES = 5
SUMMARY_FROM_MS = 5 * columns.MINUTE_MS  # buckets this wide are made from the one-minute summaries


@dataclass(slots=True)
class Series:
    """One point's curve. `bucket_ms` 0: the readings themselves (low = high = v), else means with low and high.

    t ms i8 (of a bucket: its beginning), v/low/high f8 in the point's unit (NaN: no data), q worst quality u1.
    """

    point: int
    t: NDArray[np.int64]
    v: NDArray[np.float64]
    q: NDArray[np.uint8]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    bucket_ms: int = 0


def series(points: list[int], since_ms: int, until_ms: int, max_points: int = MOST_POINTS,
           data: Path | None = None) -> list[Series]:
    """Curves with since <= t < until, in the order asked for; a point without readings has an empty curve.

    A curve of more than `max_points` readings is given as buckets, so that a spike stays visible.
    """
    root = data or data_folder()
    wanted = np.unique(np.asarray(points, np.int64))
    bucket = max(1, -(-(until_ms - since_ms) // max(1, max_points)))
    made: dict[int, Series] = {}
    if len(wanted) and bucket >= SUMMARY_FROM_MS:
        made = _summarised(root, wanted, since_ms, until_ms, max_points)
    elif len(wanted):
        made = _exact(root, wanted, since_ms, until_ms, max_points)
    return [made.get(p) or _empty(p) for p in points]


def raw(points: list[int], since_ms: int, until_ms: int, data: Path | None = None) -> Rows:
    """Every reading of these points in the span, sorted by (point, t), scaled as stored."""
    return _raw(data or data_folder(), np.unique(np.asarray(points, np.int64)), since_ms, until_ms)


def _raw(root: Path, points: NDArray[np.int64], since_ms: int, until_ms: int,
         without: frozenset[int] = frozenset()) -> Rows:
    """Readings of the archive and the newest log; days in `without` are not looked up in the archive."""
    newest = _tail(root).rows(points, since_ms, until_ms)  # before the archive is listed
    for left in reversed(range(TRIES)):
        try:
            files = _files(root / "history", points, since_ms, until_ms, without)
            return columns.join([Rows(**_archived(files, points, since_ms, until_ms)), newest]).settled()
        except FileNotFoundError:
            if not left:  # merged away between listing and reading, time after time
                raise
    raise AssertionError


def _files(root: Path, points: NDArray[np.int64], since_ms: int, until_ms: int,
           without: frozenset[int]) -> list[Path]:
    """Archive files that can hold rows of the span, older ones first."""
    out: list[Path] = []
    for day in _days(root, since_ms, until_ms):
        if day not in without:
            folder = history.folder_of(root, day)
            parts = history.runs(folder)  # before the shards: what is closed in between is then in both
            out += _shards(folder, points, "s") + parts
    return out


def _days(root: Path, since_ms: int, until_ms: int) -> list[int]:
    first, last = history.day_of(since_ms), history.day_of(until_ms - 1)
    return [d for d in history.days(root) if first <= d <= last]


def _shards(folder: Path, points: NDArray[np.int64], kind: str) -> list[Path]:
    numbers = np.unique(points // history.SHARD).tolist()
    return [p for n in numbers if (p := folder / f"{kind}{n:08d}.parquet").exists()]


def _archived(files: list[Path], points: NDArray[np.int64], since_ms: int, until_ms: int,
              schema: Any = columns.SCHEMA) -> dict[str, NDArray[Any]]:
    """Columns of the rows of the files, in the order of the files."""
    parts = [columns.of_points(f, points, schema) for f in files]
    if not parts:
        return {n: np.empty(0, k.to_pandas_dtype()) for n, k in zip(schema.names, schema.types, strict=True)}
    found = {n: np.concatenate([p[n] for p in parts]) for n in schema.names}
    inside = (found["t"] >= since_ms) & (found["t"] < until_ms)
    return found if inside.all() else {n: c[inside] for n, c in found.items()}


@cache
def _tail(root: Path) -> Tail:
    return Tail(root)


def _empty(point: int) -> Series:
    none = np.empty(0, np.float64)
    return Series(point, np.empty(0, np.int64), none, np.empty(0, np.uint8), none, none)


# exact readings, bucketed only when there are too many

def _exact(root: Path, points: NDArray[np.int64], since_ms: int, until_ms: int, most: int) -> dict[int, Series]:
    rows = _raw(root, points, since_ms, until_ms)
    cuts = np.searchsorted(rows.point, np.append(points, points[-1] + 1))
    return {int(p): _curve(rows.pick(slice(int(a), int(b))), int(p), since_ms, most)
            for p, a, b in zip(points, cuts, cuts[1:], strict=False)}


def _curve(rows: Rows, point: int, since_ms: int, most: int) -> Series:
    if len(rows) > most:
        origin = max(since_ms, int(rows.t[0]))  # an age before the first reading would only coarsen the curve
        return _bucketed(_single(rows), point, origin, -(-(int(rows.t[-1]) + 1 - origin) // most))
    v = rows.v / 10.0 ** rows.d
    v[rows.q == NO_DATA] = np.nan
    return Series(point, rows.t, v, rows.q, v, v)


def _single(rows: Rows) -> Minutes:
    """Readings in the form of summaries of one."""
    return Minutes(rows.point, rows.t, (rows.q <= UNCERTAIN).astype(np.int32), rows.v, rows.v,
                   rows.v.astype(np.float64), rows.d, rows.q)


def _bucketed(part: Minutes, point: int, since_ms: int, span: int) -> Series:
    """Summaries of one point, sorted by t, joined into buckets of `span` ms."""
    number = (part.t - since_ms) // span
    begins = np.flatnonzero(np.append(True, number[1:] != number[:-1])) if len(number) else np.empty(0, np.int64)
    usable, scale = part.n > 0, 10.0 ** part.d
    weight = columns.reduce(np.add, part.n.astype(np.float64), begins)
    low = columns.reduce(np.minimum, np.where(usable, part.low / scale, np.inf), begins)
    high = columns.reduce(np.maximum, np.where(usable, part.high / scale, -np.inf), begins)
    total = columns.reduce(np.add, np.where(usable, part.mean / scale * part.n, 0.0), begins)
    heard = weight > 0
    mean = np.divide(total, weight, out=np.full(len(begins), np.nan), where=heard)
    return Series(point, since_ms + number[begins] * span, mean, columns.reduce(np.maximum, part.q, begins),
                  np.where(heard, low, np.nan), np.where(heard, high, np.nan), span)


# long spans, from one-minute summaries where the day is closed

def _summarised(root: Path, points: NDArray[np.int64], since_ms: int, until_ms: int, most: int) -> dict[int, Series]:
    """Buckets from the summaries of closed days and the readings of the others."""
    folders = {d: history.folder_of(root / "history", d) for d in _days(root / "history", since_ms, until_ms)}
    closed = frozenset(d for d, folder in folders.items() if not history.runs(folder))
    fresh = columns.summarise(_raw(root, points, since_ms, until_ms, closed))
    minute = columns.MINUTE_MS
    files = [f for d in sorted(closed) for f in _shards(folders[d], points, "m")]
    told = _archived(files, points, since_ms - since_ms % minute, until_ms, columns.MINUTES)
    every = Minutes(*(np.concatenate([told[n], getattr(fresh, n)]) for n in columns.MINUTES.names))
    order = np.lexsort((every.t, every.point))
    every = Minutes(*(getattr(every, n)[order] for n in columns.MINUTES.names))
    cuts = np.searchsorted(every.point, np.append(points, points[-1] + 1))
    if not len(every.t):
        return {}
    origin = int(every.t.min())
    span = -(-(int(every.t.max()) + minute - origin) // (most * minute)) * minute  # no minute lies in two buckets
    return {int(p): _bucketed(Minutes(*(getattr(every, n)[a:b] for n in columns.MINUTES.names)), int(p), origin, span)
            for p, a, b in zip(points, cuts, cuts[1:], strict=False)}
