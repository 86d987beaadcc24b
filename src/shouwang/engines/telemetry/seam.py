"""The seams of the data plane: what drivers hand in, what the rule kernel is asked. No Django here.

Driver → `Intake` → `Judge` → journal. A driver decodes and offers in one go (no await between looking at
`intake.plan` and `offer`), because point indexes are those of the plan of that moment.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .journal import Transition
from .plan import Plan, SourcePlan

Column = Sequence[int] | NDArray[Any]
FUTURE_MS = 15 * 60_000  # [D] a reading further ahead of our clock is refused; a clock 10 min fast is still judged
EARLIEST_MS = 946_684_800_000  # 2000-01-01: before it is a clock that was never set
SLACK_MS = 2_000  # [D] how far readings of one source may arrive out of order before a delay counts as run out
GRACE_MS = 30_000  # [D] a source silent for longer has its watermark moved on by the wall clock


@dataclass(slots=True)
class Readings:
    """One message's readings as columns of equal length (lists or arrays), in the order they were sent."""

    point: Column  # point index (row of plan.points), u4
    t: Column  # event time, ms since 1970, i8
    v: Column  # value in units of 10**-digits of the point, i4; ignored where q is no_data (use 0)
    q: Column  # quality code (quality.py), u1


@dataclass(slots=True)
class Batch:
    """What one tick brought, in arrival order, each point's times rising: late and repeated ones are left out."""

    point: NDArray[np.uint32]
    t: NDArray[np.int64]
    v: NDArray[np.int32]
    q: NDArray[np.uint8]
    source: NDArray[np.uint32]

    def of(self, rows: NDArray[Any]) -> "Batch":
        """Some of the rows, by mask or by index."""
        return Batch(self.point[rows], self.t[rows], self.v[rows], self.q[rows], self.source[rows])


class Intake(Protocol):
    """What a driver sees. All of it is called on the ingest process's event loop and returns at once."""

    @property
    def plan(self) -> Plan:
        """The plan now in force. It is another object after a change: find your source again by its token then."""

    def find(self, token: str) -> int | None:
        """The index of the enabled source with this token; None when there is none."""

    def source(self, i: int) -> SourcePlan:
        """The source at an index of the present plan."""

    def offer(self, source: int, readings: Readings, done: Callable[[], None]) -> bool:
        """Take readings; `done` is called once they are durable: acknowledge then, never before.

        False when too much is waiting (disk full or too slow): nothing was taken, `done` will not be called.
        """

    def before_tick(self, hook: Callable[[], None]) -> None:
        """Call `hook` at the beginning of every tick: what it offers belongs to that tick."""

    def refuse(self, source: str, reason: str, excerpt: str, count: int = 1) -> None:
        """Count what could not be taken: source name or peer address, reason word, up to 200 characters of it."""

    def seen(self, source: int, event: str) -> None:
        """Count an event of a source: connected, disconnected, message …"""


class Judge(Protocol):
    """What the ingest process sees of the rule kernel. It never reads a clock; the same calls give the same answers."""

    def adopt(self, plan: Plan, folder: Path) -> None:
        """Load checks.npz of that plan version; state goes over by (point id, rule)."""

    def evaluate(self, batch: Batch, now_ms: int) -> list[Transition]:
        """Judge one batch. n, seq, plan and heard may be left 0: the intake numbers them."""

    def amend(self, batch: Batch, now_ms: int) -> list[Transition]:
        """Late and repeated readings, rising by time: what they change in what was told."""

    def sweep(self, watermarks: NDArray[np.int64], now_ms: int) -> list[Transition]:
        """Delays that ran out and silence; `watermarks` per source index, ms (0 = never heard)."""

    def dump(self) -> bytes:
        """The whole state, to be restored after `adopt` of the same plan version."""

    def restore(self, raw: bytes) -> None:
        """Back to a dumped state."""


class Closable(Protocol):
    """A running driver."""

    async def close(self) -> None:
        """Stop listening and let connections go."""
