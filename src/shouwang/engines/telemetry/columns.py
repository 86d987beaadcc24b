"""Readings as rows sorted by point and time, and how they lie in Parquet. No Django here.

v is an integer of 10**-d of the point's unit; DELTA_BINARY_PACKED integers under zstd take 0.5–1 byte a reading.
"""

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from .journal import sync_folder
from .quality import UNCERTAIN

ROW_GROUP = 1 << 15  # small: one point's rows are found without decoding many others
MINUTE_MS = 60_000
SHARD_GROUP = 1 << 16
SCHEMA = pa.schema([pa.field(n, k, nullable=False) for n, k in
                    (("point", pa.int64()), ("t", pa.int64()), ("v", pa.int32()), ("d", pa.int8()),
                     ("q", pa.uint8()))])
MINUTES = pa.schema([pa.field(n, k, nullable=False) for n, k in
                     (("point", pa.int64()), ("t", pa.int64()), ("n", pa.int32()), ("low", pa.int32()),
                      ("high", pa.int32()), ("mean", pa.float32()), ("d", pa.int8()), ("q", pa.uint8()))])
_PACKED = {"point", "t", "v", "n", "low", "high"}


@dataclass(slots=True)
class Rows:
    """Columns of equal length: point id i8, t ms i8, v i4, d digits i1, q u1."""

    point: NDArray[np.int64]
    t: NDArray[np.int64]
    v: NDArray[np.int32]
    d: NDArray[np.int8]
    q: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.t)

    def pick(self, which: NDArray[Any] | slice) -> "Rows":
        """Some of the rows."""
        return Rows(self.point[which], self.t[which], self.v[which], self.d[which], self.q[which])

    def settled(self) -> "Rows":
        """Sorted by (point, t); of readings with the same point and time the last one given stays."""
        key = self._key()
        if len(key) < 2 or (key[1:] > key[:-1]).all():
            return self
        order = np.argsort(key, kind="stable")  # equal keys keep their order
        key = key[order]
        last = np.append(key[1:] != key[:-1], True)
        return self.pick(order if last.all() else order[last])

    def _key(self) -> NDArray[np.int64]:
        """One integer that sorts as (point, t)."""
        if not len(self):
            return self.t
        place = self.point - self.point.min()
        if place.max() >= 2**20:
            place = np.unique(place, return_inverse=True)[1]
        first = int(self.t.min())
        span = int(self.t.max()) - first + 1
        return np.asarray(place * span + (self.t - first))


def join(parts: Iterable[Rows]) -> Rows:
    """Rows one after another."""
    listed = list(parts)
    if len(listed) == 1:
        return listed[0]
    if not listed:
        return Rows(np.empty(0, "i8"), np.empty(0, "i8"), np.empty(0, "i4"), np.empty(0, "i1"), np.empty(0, "u1"))
    return Rows(*(np.concatenate([getattr(p, n) for p in listed]) for n in ("point", "t", "v", "d", "q")))


def of_table(table: pa.Table) -> Rows:
    """A table of SCHEMA as rows."""
    return Rows(*(table.column(n).to_numpy() for n in SCHEMA.names))


class Writer:
    """A Parquet file that appears whole, durable, under its name, or not at all."""

    def __init__(self, path: Path, schema: pa.Schema = SCHEMA, group: int = ROW_GROUP) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path, self.schema, self.group = path, schema, group
        self._fresh = path.with_name(path.name + ".new")
        packed = [n for n in schema.names if n in _PACKED]
        self._file = self._fresh.open("wb")
        self._writer = pq.ParquetWriter(
            self._file, schema, compression="zstd", compression_level=1,
            use_dictionary=[n for n in schema.names if n not in packed],
            column_encoding=dict.fromkeys(packed, "DELTA_BINARY_PACKED"))

    def add(self, rows: Any) -> None:
        """Append rows (an object with the schema's columns as attributes), sorted after what is there."""
        columns = [pa.array(getattr(rows, n), f.type) for n, f in zip(self.schema.names, self.schema, strict=True)]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=self.schema), self.group)

    def close(self) -> None:
        """Durable, then in place."""
        self._writer.close()
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._fresh.replace(self.path)
        sync_folder(self.path.parent)


def write(path: Path, rows: Any, schema: pa.Schema = SCHEMA, group: int = ROW_GROUP) -> Path:
    """One file of rows."""
    writer = Writer(path, schema, group)
    writer.add(rows)
    writer.close()
    return path


@dataclass(frozen=True)
class _Index:
    """What a file's footer says, kept so that it is parsed once: row groups by lowest and highest point id."""

    footer: pq.FileMetaData
    low: NDArray[np.int64]
    high: NDArray[np.int64]


@lru_cache(512)
def _index(path: str, changed: int, size: int) -> _Index:
    footer = pq.read_metadata(path)
    told = [footer.row_group(g).column(0).statistics for g in range(footer.num_row_groups) if footer.num_rows]
    return _Index(footer, np.array([s.min for s in told], np.int64), np.array([s.max for s in told], np.int64))


def _open(path: Path) -> _Index:
    at = path.stat()
    return _index(str(path), at.st_mtime_ns, at.st_size)


def _table(path: Path, index: _Index, groups: NDArray[np.bool_], schema: pa.Schema) -> pa.Table:
    with pq.ParquetFile(path, metadata=index.footer, memory_map=True) as file:
        return file.read_row_groups(np.flatnonzero(groups).tolist(), schema.names, use_threads=False)


def between(path: Path, low: int, high: int) -> Rows:
    """The rows of a sorted file with low <= point id < high; only the row groups that can hold them are read."""
    index = _open(path)
    rows = of_table(_table(path, index, (index.low < high) & (index.high >= low), SCHEMA))
    a, b = np.searchsorted(rows.point, [low, high])
    return rows.pick(slice(int(a), int(b)))


def of_points(path: Path, points: NDArray[np.int64], schema: pa.Schema = SCHEMA) -> dict[str, NDArray[Any]]:
    """Columns of the rows of these points (ids, sorted), in the order of the file."""
    index = _open(path)
    groups = np.searchsorted(points, index.low, "left") < np.searchsorted(points, index.high, "right")
    table = _table(path, index, groups, schema)
    found = {n: table.column(n).to_numpy() for n in schema.names}
    which = among(found["point"], points)
    return {n: c[which] for n, c in found.items()}


def among(point: NDArray[np.int64], points: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which ids are in a sorted, non-empty list of ids."""
    if len(points) == 1:
        return np.asarray(point == points[0])
    return np.asarray(points[np.minimum(np.searchsorted(points, point), len(points) - 1)] == point)


def point_span(path: Path) -> tuple[int, int]:
    """The lowest and highest point id of a sorted file; (0, -1) when it is empty."""
    index = _open(path)
    return (int(index.low[0]), int(index.high[-1])) if len(index.low) else (0, -1)


@dataclass(slots=True)
class Minutes:
    """One-minute summary: n readings of good or uncertain quality, their low, high and mean (scaled), worst q."""

    point: NDArray[np.int64]
    t: NDArray[np.int64]
    n: NDArray[np.int32]
    low: NDArray[np.int32]
    high: NDArray[np.int32]
    mean: NDArray[np.float32]
    d: NDArray[np.int8]
    q: NDArray[np.uint8]


def summarise(rows: Rows) -> Minutes:
    """Sorted rows by minute. A minute without a usable reading has n = 0."""
    minute = rows.t - rows.t % MINUTE_MS
    begins = np.flatnonzero(np.append(True, (rows.point[1:] != rows.point[:-1]) | (minute[1:] != minute[:-1])
                                      | (rows.d[1:] != rows.d[:-1]))) if len(rows) else np.empty(0, np.int64)
    usable = rows.q <= UNCERTAIN
    n = reduce(np.add, usable.astype(np.int32), begins)
    low = reduce(np.minimum, np.where(usable, rows.v, 2**31 - 1).astype(np.int32), begins)
    high = reduce(np.maximum, np.where(usable, rows.v, -(2**31)).astype(np.int32), begins)
    total = reduce(np.add, np.where(usable, rows.v, 0).astype(np.int64), begins)
    heard = n > 0
    return Minutes(rows.point[begins], minute[begins], n.astype(np.int32), np.where(heard, low, 0).astype(np.int32),
                   np.where(heard, high, 0).astype(np.int32),
                   (total / np.maximum(n, 1)).astype(np.float32), rows.d[begins],
                   reduce(np.maximum, rows.q, begins).astype(np.uint8))


def reduce(how: np.ufunc, values: NDArray[Any], begins: NDArray[np.int64]) -> NDArray[Any]:
    """`how` over each group of values; a group begins where `begins` says."""
    return how.reduceat(values, begins) if len(begins) else values[:0]


def shards(low: int, high: int, size: int) -> Iterator[tuple[int, int, int]]:
    """(number, first id, first id of the next) of the shards that cover low … high."""
    for number in range(low // size, high // size + 1):
        yield number, number * size, (number + 1) * size
