"""What stands now: the newest reading of every point and the watermark of every source. No Django here."""

from dataclasses import dataclass, field

import msgspec
import numpy as np
from numpy.typing import NDArray

from .plan import Plan
from .quality import OVER_RANGE, UNCERTAIN
from .seam import GRACE_MS, SLACK_MS, Batch


def _i8(n: int) -> NDArray[np.int64]:
    return np.zeros(n, np.int64)


@dataclass
class Standing:
    """Dense columns by point index and by source index. It changes only by `take`, so a replay brings it back."""

    plan: Plan
    t: NDArray[np.int64] = field(init=False)  # event time of the newest reading, 0 = never
    v: NDArray[np.int32] = field(init=False)
    q: NDArray[np.uint8] = field(init=False)
    arrived: NDArray[np.int64] = field(init=False)  # wall clock, ms
    mark: NDArray[np.int64] = field(init=False)  # per source: greatest event time
    heard: NDArray[np.int64] = field(init=False)  # per source: wall clock of the last batch
    readings: NDArray[np.int64] = field(init=False)  # per source, since counting began
    late: NDArray[np.int64] = field(init=False)  # per source: of these, late or repeated

    def __post_init__(self) -> None:
        n, m = len(self.plan.points), len(self.plan.sources)
        self.t, self.arrived = _i8(n), _i8(n)
        self.v, self.q = np.zeros(n, np.int32), np.zeros(n, np.uint8)
        self.mark, self.heard, self.readings, self.late = _i8(m), _i8(m), _i8(m), _i8(m)

    def mark_range(self, point: NDArray[np.uint32], v: NDArray[np.int32], q: NDArray[np.uint8]) -> None:
        """Readings beyond their instrument's range get quality over_range, in place."""
        points = self.plan.points
        beyond = (v < points["low"][point]) | (v > points["high"][point])
        q[beyond & (q <= UNCERTAIN)] = OVER_RANGE

    def take(self, batch: Batch, now_ms: int) -> tuple[Batch, Batch]:
        """Count the batch in; returns the readings each later than the one before of its point, and the others."""
        fresh = self._fresh(batch.point, batch.t)
        if not fresh.all():  # what came in one tick out of order is put in order: only what remains is late
            batch = batch.of(np.argsort(batch.t, kind="stable"))
            fresh = self._fresh(batch.point, batch.t)
        m = len(self.mark)
        self.readings += np.bincount(batch.source, minlength=m)
        np.maximum.at(self.mark, batch.source, batch.t)
        self.heard[batch.source] = now_ms
        late = batch.of(~fresh)
        if len(late.t):
            self.late += np.bincount(batch.source[~fresh], minlength=m)
            batch = batch.of(fresh)
        # a point's times rise within the batch, and of repeated indexes the last assignment stays
        self.t[batch.point], self.v[batch.point], self.q[batch.point] = batch.t, batch.v, batch.q
        self.arrived[batch.point] = now_ms
        return batch, late

    def _fresh(self, point: NDArray[np.uint32], t: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which readings are later than all earlier ones of their point, in the batch too."""
        fresh: NDArray[np.bool_] = t > self.t[point]
        order = np.argsort(point, kind="stable")
        p = point[order]
        same = p[1:] == p[:-1]
        if not same.any():
            return fresh
        group = np.concatenate(([0], np.cumsum(~same)))
        base = int(t.min())
        width = int(t.max()) - base + 1
        lifted = (t[order] - base) + group * width  # groups do not overlap: one running maximum serves all
        highest = np.maximum.accumulate(lifted)
        fresh[order[1:]] &= ~same | (lifted[1:] > highest[:-1])
        return fresh

    def resume(self, now_ms: int) -> None:
        """After our own outage every source has its full grace again to come back with what it kept."""
        self.heard[self.heard > 0] = now_ms

    def watermarks(self, now_ms: int) -> NDArray[np.int64]:
        """Per source: event time up to which all is in. A silent source's moves with the wall clock, less the grace."""
        told = np.maximum(self.mark - SLACK_MS, 0)
        silent = (self.heard > 0) & (now_ms - self.heard > GRACE_MS)
        return np.where(silent, np.maximum(told, now_ms - GRACE_MS), told)

    def under(self, plan: Plan) -> "Standing":
        """The same under another plan: points go over by id (and digits), sources by name."""
        fresh = Standing(plan)
        pairs = [(self.plan.index[i], k) for i, k in plan.index.items() if i in self.plan.index]
        if pairs:
            old, new = np.array(pairs, np.int64).T
            fresh.t[new], fresh.q[new], fresh.arrived[new] = self.t[old], self.q[old], self.arrived[old]
            shift = plan.points["digits"][new].astype(np.int64) - self.plan.points["digits"][old]
            scaled = np.rint(self.v[old] * 10.0 ** shift)
            fresh.v[new] = np.clip(scaled, -(2**31), 2**31 - 1).astype(np.int32)
        by_name = {s.name: i for i, s in enumerate(self.plan.sources)}
        for k, source in enumerate(plan.sources):
            i = by_name.get(source.name)
            if i is not None:
                for name in ("mark", "heard", "readings", "late"):
                    getattr(fresh, name)[k] = getattr(self, name)[i]
        return fresh

    def dump(self) -> bytes:
        """All columns, to be restored under the same plan."""
        return msgspec.msgpack.encode({name: getattr(self, name).tobytes() for name in _COLUMNS})

    def restore(self, raw: bytes) -> None:
        """Back to a dumped state; a length that does not fit the plan is a ValueError."""
        for name, body in msgspec.msgpack.decode(raw, type=dict[str, bytes]).items():
            column = np.frombuffer(body, getattr(self, name).dtype)
            getattr(self, name)[:] = column


_COLUMNS = ("t", "v", "q", "arrived", "mark", "heard", "readings", "late")
