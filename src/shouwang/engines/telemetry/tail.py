"""The newest readings, still only in the log: read once as it grows, kept per process. No Django here."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import columns, history, wal
from .columns import Rows


@dataclass
class _Segment:
    """One segment as far as it has been read."""

    header: wal.Header
    offset: int
    parts: list[Rows] = field(default_factory=list)

    def read_on(self, path: Path) -> None:
        """Take in what was appended since."""
        with path.open("rb") as f:
            f.seek(self.offset)
            raw = f.read()
        found, at = [], 0
        while (one := wal.decode(raw, at)) is not None:
            found.append(one[0])
            at = one[1]
        self.offset += at
        rows = history.rows_of(self.header, found)
        if len(rows):
            self.parts.append(rows)
        if len(self.parts) > 32:
            self.parts = [columns.join(self.parts)]


class Tail:
    """The end of one data folder's log that the archive does not hold yet."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._known: dict[Path, _Segment] = {}
        self._turn = threading.Lock()

    def rows(self, points: NDArray[np.int64], since_ms: int, until_ms: int) -> Rows:
        """Readings of these points (sorted ids) with since <= t < until, in the order they came.

        Call it before listing the archive: what leaves the log is in the archive by then.
        """
        with self._turn:
            self._refresh()
            return columns.join([_matching(part, points, since_ms, until_ms)
                                 for _, segment in sorted(self._known.items()) for part in segment.parts])

    def _refresh(self) -> None:
        after, paths = wal.taken(self.data), wal.segments(self.data / "wal")
        ends = [int(p.stem) - 1 for p in paths[1:]] + [2**62]
        wanted = [p for p, end in zip(paths, ends, strict=False) if end > after]
        self._known = {p: s for p, s in self._known.items() if p in wanted}
        for path in wanted:
            try:
                self._read(path)
            except FileNotFoundError:
                self._known.pop(path, None)  # archived just now

    def _read(self, path: Path) -> None:
        segment = self._known.get(path)
        size = path.stat().st_size
        if segment is not None and size < segment.offset:
            segment = None  # cut back after a full disk or a crash
        if segment is None:
            opened = wal.decode_header(path.read_bytes())
            if opened is None:
                return
            segment = self._known[path] = _Segment(opened[0], opened[1])
        if size > segment.offset:
            segment.read_on(path)


def _matching(rows: Rows, points: NDArray[np.int64], since_ms: int, until_ms: int) -> Rows:
    return rows.pick((rows.t >= since_ms) & (rows.t < until_ms) & columns.among(rows.point, points))
