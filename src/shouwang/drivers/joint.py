"""The messages of a tick, decoded together: the fast way for what is plain, the careful way for the rest.

Drivers put telemetry here as it comes; at the beginning of the tick all of it is scanned in one sweep and offered,
message by message, so that each is still acknowledged for itself once it is on disk.
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from shouwang.engines.telemetry.plan import Plan
from shouwang.engines.telemetry.seam import Intake, Readings

from .limits import Limits
from .scan import COMPILED, Found, Packet, Scanner

log = logging.getLogger(__name__)
A_TICK = 8 * 1024 * 1024  # [D] bytes of messages decoded in one tick; what is beyond waits for the next


@dataclass(slots=True)
class Letter:
    """A message on its way: `carefully` takes it the slow way and says whether there was room."""

    packet: Packet
    plan: Plan  # its source index belongs to this plan
    done: Callable[[], None]
    carefully: Callable[[], bool]


class Joint:
    """Where the messages of all connections wait for the tick. Lives on the event loop of the ingest process."""

    def __init__(self, intake: Intake, limits: Limits) -> None:
        self.intake, self.limits = intake, limits
        self.letters: deque[Letter] = deque()
        self.scanner: Scanner | None = None
        self.made_for: Plan | None = None
        if COMPILED:
            intake.before_tick(self.hand_over)
            self.ready()

    def ready(self) -> bool:
        """Whether there is a scanner for the plan in force; until then messages go the careful way at once."""
        plan = self.intake.plan
        if self.made_for is not plan and COMPILED:
            self.made_for, self.scanner = plan, None
            threading.Thread(target=self._prepare, args=(plan,), daemon=True).start()
        return self.scanner is not None or bool(self.letters)

    def _prepare(self, plan: Plan) -> None:
        scanner = Scanner(plan, self.limits.past_ms, self.limits.future_ms)
        scanner.take([])  # compiled, or read from the cache, before the first message needs it
        if self.made_for is plan:
            self.scanner = scanner

    def put(self, letter: Letter) -> None:
        """One more message; it is offered with the next tick."""
        self.letters.append(letter)

    def hand_over(self) -> None:
        """All that waits, decoded and offered; what finds no room stays for the next tick, in order."""
        if not self.letters:
            return
        letters = self._load()
        for n, (letter, readings) in enumerate(zip(letters, self._decode(letters), strict=True)):
            fast = readings is not None and letter.plan is self.intake.plan
            source = letter.packet.source
            if not (self.intake.offer(source, readings, letter.done) if fast and readings else letter.carefully()):
                self.letters.extendleft(reversed(letters[n:]))
                return

    def _load(self) -> list[Letter]:
        """The messages of one tick: not more than can be judged within the next few ticks."""
        out, size = [], 0
        while self.letters and size < A_TICK:
            out.append(self.letters.popleft())
            size += len(out[-1].packet.payload)
        return out

    def _decode(self, letters: list[Letter]) -> list[Readings | None]:
        scanner, plan = self.scanner, self.intake.plan
        if scanner is None or self.made_for is not plan or any(one.plan is not plan for one in letters):
            return [None] * len(letters)
        try:
            return _split(scanner.take([one.packet for one in letters]))
        except Exception:  # a fault of ours must not stop the tick: all of it goes the careful way
            log.exception("快速解码出错,本节拍改走逐条解码")
            return [None] * len(letters)


def _split(found: Found) -> list[Readings | None]:
    """Each message's own readings; None for an odd one and for one without any."""
    columns = found.readings
    point, t, v = (np.ascontiguousarray(columns[name]) for name in ("point", "t", "v"))
    q = np.zeros(len(columns), np.uint8)
    ends = np.cumsum(np.maximum(found.taken, 0)).tolist()
    return [Readings(point[e - n:e], t[e - n:e], v[e - n:e], q[e - n:e]) if n > 0 else None
            for n, e in zip(found.taken.tolist(), ends, strict=True)]
