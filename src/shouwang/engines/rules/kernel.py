"""The rule kernel as the ingest process holds it: batches in, transitions out. No Django, no clock.

It implements `telemetry.seam.Judge`. The same calls on the same state give the same answers, so a log replayed after
a crash finds the same transitions. They are numbered (n, seq) by the intake.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import Plan
from shouwang.engines.telemetry.seam import Batch

from . import state, sweeps, tiers

ROOM = 4096  # events of one call into the state machine; more are fetched in rounds


COLUMNS = (("point", np.uint32), ("t", np.int64), ("v", np.int32), ("q", np.uint8), ("source", np.uint32))
Column = NDArray[Any]
Columns = tuple[Column, Column, Column, Column, Column]


def _columns(batch: Batch) -> Columns:
    """The columns in the one layout the compiled code is made for (no copy where they have it)."""
    point, t, v, q, source = (np.require(getattr(batch, name), kind, ["C", "W"]) for name, kind in COLUMNS)
    return point, t, v, q, source


@cache
def warm() -> None:
    """Compile before the first reading comes (seconds on a fresh machine, cached on disk afterwards)."""
    none = state.empty()
    index, time, value = np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.int32)
    columns = _columns(Batch(index, time, value, np.zeros(0, np.uint8), index))
    room, which = np.zeros(1, tiers.EVENT), np.zeros(0, np.int64)
    tiers.evaluate(none.points, none.checks, none.rows, none.memory, none.place, none.seen, *columns, 0, room, 0)
    sweeps.sweep(none.points, none.checks, none.rows, which, none.seen, 0, 0, room, 0)


class Kernel:
    """Every check of the plan in dense records. `late` counts readings that were not newer than the last one."""

    def __init__(self) -> None:
        self.state = state.empty()
        self.late = 0
        self._room = np.zeros(ROOM, tiers.EVENT)
        warm()

    def adopt(self, plan: Plan, folder: Path) -> None:
        """Judge by this plan from now on. State goes over by (point id, rule).

        An open tier is judged by its new limits at the next reading. A check that is gone while its alert is open is
        told as `retired` with the next answer.
        """
        new = state.fresh(plan, folder)
        if self.state.version:
            state.carry(self.state, new)
        most = int(np.diff(new.rows).max(initial=0))
        self._room = np.zeros(max(ROOM, 2 * tiers.PER_CHECK * most), tiers.EVENT)
        self.state = new

    def evaluate(self, batch: Batch, now_ms: int) -> list[Transition]:
        """Judge readings in their order. `now_ms`, when they arrived, decides nothing about limits."""
        s = self.state
        out = self._begin(now_ms)
        columns, n = _columns(batch), 0
        while n < len(batch.point):
            n, k, late = tiers.evaluate(s.points, s.checks, s.rows, s.memory, s.place, s.seen, *columns, now_ms,
                                        self._room, n)
            self.late += late
            out.extend(self._told(k))
        return out

    def sweep(self, watermarks: NDArray[np.int64], now_ms: int) -> list[Transition]:
        """On-delays that ran out by the watermark of their source (ms, 0 = never heard), and silence."""
        s = self.state
        out = self._begin(now_ms)
        watermarks = np.require(watermarks, np.int64, ["C", "W"])
        which = sweeps.attention(s.points, s.checks, s.owner, watermarks, now_ms)
        n = 0
        while n < len(which):
            n, k = sweeps.sweep(s.points, s.checks, s.rows, which, watermarks, now_ms, s.listening, self._room, n)
            out.extend(self._told(k))
        return out

    def _begin(self, now_ms: int) -> list[Transition]:
        self.state.hear(now_ms)
        out, self.state.untold = self.state.untold, []
        return out

    def _told(self, k: int) -> Iterator[Transition]:
        s = self.state
        for since, at, heard, check, v, limit, kind, tier, q, has_v, has_limit in self._room[:k].tolist():
            p = int(s.owner[check])
            scale = 10 ** int(s.digits[p])
            yield Transition(0, s.rules[int(s.rule[check])], int(s.ids[p]), 0, tiers.KINDS[kind], tier, since, at,
                             v / scale if has_v else None, limit / scale if has_limit else None, quality.word(q),
                             heard, s.version)

    def dump(self) -> bytes:
        """The whole state, untold retirements included."""
        return state.dump(self.state)

    def restore(self, raw: bytes) -> None:
        """Back to a dumped state, under the plan adopted before."""
        state.carry(state.undump(raw), self.state)
