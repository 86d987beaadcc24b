"""One connection to an outstation: STARTDT, interrogation, readings in, acknowledged when they are on disk."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, cast

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock

from .. import configured
from ..limits import Limits
from ..rows import Malformed
from ..take import take_rows
from . import asdu, read
from .asdu import Asdu
from .link import Breach, Link, Ticket
from .options import Options
from .packet import Apdu, Bad, Splitter

log = logging.getLogger(__name__)
RETRY = 0.1  # seconds until a full intake is asked again


class Context(NamedTuple):
    """What a session of an outstation needs to know."""

    intake: Intake
    name: str  # of the source
    options: Options
    limits: Limits
    factors: dict[str, Decimal]
    receipt: read.Receipt


class Session(asyncio.Protocol):
    """The life of one connection. `closed` tells its end, `started` whether data ever flowed."""

    def __init__(self, context: Context) -> None:
        self.context, self.options, self.intake = context, context.options, context.intake
        self.loop = asyncio.get_running_loop()
        self.closed: asyncio.Future[None] = self.loop.create_future()
        self.splitter = Splitter()
        self.waiting: deque[Apdu | Bad] = deque()
        self.held: tuple[Asdu, Ticket, int, int] | None = None  # the intake had no room for it
        self.undurable = 0  # octets taken and not yet on disk
        self.started = False
        self.paused_at: float | None = None
        self.timers: dict[Callable[[], None], asyncio.TimerHandle] = {}

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected: ask for data."""
        self.transport = cast(asyncio.Transport, transport)
        self.link = Link(self.options.timing, self.loop.time())
        self.link.start(self.loop.time())
        self._settle_down()

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone. What is not acknowledged the outstation will send again."""
        for left in self.splitter.close():
            self._bad(cast(Bad, left))
        for timer in self.timers.values():
            timer.cancel()
        self.waiting.clear()
        self.held = None
        if not self.closed.done():
            self.closed.set_result(None)

    def pause_writing(self) -> None:
        """Thousands of our frames lie unread: nobody follows the protocol there."""
        self.count("no_answer", "对端不读取我方的帧")
        self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Octets came, split or joined as the network pleased."""
        self.waiting.extend(self.splitter.feed(data))
        self.work()

    def work(self) -> None:
        """Handle every complete frame; stop at one the intake has no room for."""
        self._guard(self._work)

    def _work(self) -> None:
        while self.waiting and self.held is None:
            frame = self.waiting.popleft()
            if isinstance(frame, Bad):
                self._bad(frame)
            else:
                self._frame(frame)

    def _guard(self, act: Callable[[], None]) -> None:
        """Do something; a broken procedure or a fault of ours ends this connection and nothing else."""
        if self.transport.is_closing():
            return
        try:
            act()
        except Breach as e:
            self.count(e.reason, str(e))
            self.transport.abort()
        except Exception:
            log.exception("处理 %s 的 104 报文时出错,连接已关闭", self.context.name)
            self.count("internal", self.context.name)
            self.transport.abort()
        self._settle_down()

    def _settle_down(self) -> None:
        """Send what gathered, read or not, and look again when something is due."""
        if self.transport.is_closing():
            return
        self.transport.writelines(self.link.out)
        self.link.out.clear()
        self._breathe()
        self._later(self._tick, max(0.0, self.link.next_due() - self.loop.time()))

    def _tick(self) -> None:
        if self.paused_at is None:
            self._guard(lambda: self.link.due(self.loop.time()))
        else:
            self._later(self._tick, RETRY)

    def _later(self, act: Callable[[], None], seconds: float) -> None:
        if act in self.timers:
            self.timers[act].cancel()
        self.timers[act] = self.loop.call_later(seconds, act)

    def _breathe(self) -> None:
        """Read the socket or not, by what is not on disk yet."""
        full = self.undurable > self.context.limits.undurable // (2 if self.paused_at is not None else 1)
        stop = full or self.held is not None
        if stop and self.paused_at is None:
            self.paused_at = self.loop.time()
            self.transport.pause_reading()
        elif not stop and self.paused_at is not None:
            self.link.excuse(self.loop.time() - self.paused_at)
            self.paused_at = None
            self.transport.resume_reading()

    # Frames.

    def _bad(self, frame: Bad) -> None:
        self.count("malformed", f"{frame.why} ← {frame.raw.hex()}")

    def _frame(self, frame: Apdu) -> None:
        ticket = self.link.receive(frame, self.loop.time())
        if self.link.started and not self.started:
            self.started = True
            self._interrogate()
            self._count_up()
        if ticket is None:
            return
        try:
            unit = asdu.read(frame.asdu)
        except Malformed as wrong:
            self.count("malformed", f"{wrong} ← {frame.raw.hex()}")
            self.link.settle(ticket, self.loop.time())
            return
        self._procedure(unit)
        self._take(unit, ticket, len(frame.raw), clock.now_ms())

    def _take(self, unit: Asdu, ticket: Ticket, size: int, received: int) -> None:
        """Readings of a unit go to the intake; a unit marked as a test brings none."""
        source = configured.find(self.intake, self.context.name)
        if source is None:
            raise Breach("unknown_source", f"来源 {self.context.name} 已不在登记中")
        rows = [] if unit.test else read.rows(unit, received, self.context.receipt, self.options.zone,
                                              self.context.factors)
        refused = [("test_frame", f"类型 {unit.type} 公共地址 {unit.ca}")] if unit.test else []
        self.undurable += size

        def done() -> None:
            self.undurable -= size
            self._guard(lambda: self.link.settle(ticket, self.loop.time()))

        if take_rows(self.intake, source, rows, received, self.context.limits, done, refused).busy:
            self.undurable -= size
            self.held = unit, ticket, size, received
            self._later(self._again, RETRY)

    def _again(self) -> None:
        if self.held is not None:
            held, self.held = self.held, None
            self._guard(lambda: self._take(*held))
            self.work()

    # Interrogation.

    def _procedure(self, unit: Asdu) -> None:
        if unit.negative or 44 <= unit.cause <= 47:
            self.count("negative", f"类型 {unit.type} 公共地址 {unit.ca} 传送原因 {unit.cause}")
        if unit.type == asdu.END_OF_INIT:
            self._interrogate()

    def _interrogate(self) -> None:
        """General interrogation of every station: the present state, after each start and from time to time."""
        self._ask(asdu.INTERROGATION, {"ioa": 0, "qoi": asdu.STATION})
        if self.options.interrogate_every:
            self._later(self._ask_again, self.options.interrogate_every)

    def _ask_again(self) -> None:
        self._guard(self._interrogate)

    def _count_up(self) -> None:
        if self.options.counters_every:
            self._ask(asdu.COUNTERS, {"ioa": 0, "qcc": asdu.ALL_COUNTERS})
            self._later(self._count_again, self.options.counters_every)

    def _count_again(self) -> None:
        self._guard(self._count_up)

    def _ask(self, number: int, one: dict[str, int]) -> None:
        for station in self.options.stations or [asdu.GLOBAL]:
            self.link.send(asdu.write(Asdu(number, asdu.ACTIVATION, station, [one])), self.loop.time())

    def count(self, reason: str, what: str) -> None:
        """Count what could not be taken under the source's name."""
        self.intake.refuse(self.context.name, reason, what[:200])
