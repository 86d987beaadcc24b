"""The link procedures of IEC 60870-5-104:2006 §5.1–5.5 for either side: numbers, windows, timers. No sockets.

Time is handed in (seconds of any steady clock); what is to be sent gathers in `out`. A frame counts as received for
the peer only once `settle` says so: for us that is after the disk, so what the peer may forget is never lost.
"""

from collections import deque
from dataclasses import dataclass

from .packet import MODULUS, Apdu, information, supervisory, unnumbered


@dataclass(frozen=True)
class Timing:
    """Parameters of §9.6 with the standard's defaults; seconds, frames."""

    t0: float = 30.0  # connecting
    t1: float = 15.0  # an answer to what was sent
    t2: float = 10.0  # the longest until what was received is acknowledged; below t1
    t3: float = 20.0  # silence until the peer is tested
    k: int = 12  # frames sent and not acknowledged
    w: int = 8  # frames received and not acknowledged; at most 2/3 of k


class Breach(Exception):
    """The connection must be closed (§5.1, §5.2). `reason` is the word it is counted by."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class Ticket:
    """One received frame that is not settled yet."""

    __slots__ = ("settled",)

    def __init__(self) -> None:
        self.settled = False


class Link:
    """One connection, from STARTDT to its end."""

    def __init__(self, timing: Timing, now: float) -> None:
        self.timing = timing
        self.out: list[bytes] = []
        self.started = False
        self.sent = self.heard = self.told = self.settled = 0  # V(S), V(R), last N(R) sent, settled in order
        self._queue: deque[bytes] = deque()  # units that wait for the window
        self._flying: deque[tuple[float, bytes]] = deque()  # units not acknowledged, and when they were sent
        self._open: deque[Ticket] = deque()
        self._unacknowledged: float | None = None  # since when something received is not acknowledged
        self._asked: dict[str, float] = {}  # confirmation awaited → since when
        self._quiet = now  # since when nothing came

    # What this side does.

    def start(self, now: float) -> None:
        """The controlling station asks for data."""
        self._ask("STARTDT", now)

    def send(self, unit: bytes, now: float) -> None:
        """Send a unit, or keep it until the peer has acknowledged enough."""
        self._queue.append(unit)
        self._flush(now)

    def settle(self, ticket: Ticket, now: float) -> None:
        """A received frame is done with; frames are acknowledged in the order they came."""
        ticket.settled = True
        while self._open and self._open[0].settled:
            self._open.popleft()
            self.settled = (self.settled + 1) % MODULUS
        if self._pending() >= self.timing.w or self._late(now):
            self._acknowledge(now)

    def undelivered(self) -> list[bytes]:
        """Units the peer has not acknowledged, oldest first: what to send again on the next connection."""
        return [unit for _, unit in self._flying] + list(self._queue)

    # What the peer did.

    def receive(self, frame: Apdu, now: float) -> Ticket | None:
        """Take a frame; an I frame gives the ticket to settle it by. Raises Breach."""
        self._quiet = now
        if frame.kind == "U":
            self._act(frame.act, now)
            return None
        self._acknowledged(frame.nr, now)
        if frame.kind == "S":
            return None
        if not self.started:
            raise Breach("protocol", "数据传输尚未启动就收到 I 帧")
        if frame.ns != self.heard:
            raise Breach("sequence", f"发送序号应为 {self.heard},收到 {frame.ns}")
        self.heard = (self.heard + 1) % MODULUS
        if self._unacknowledged is None:
            self._unacknowledged = now
        self._open.append(Ticket())
        return self._open[-1]

    def _act(self, act: str, now: float) -> None:
        name, _, kind = act.partition("_")
        if kind == "ACT":
            self.out.append(unnumbered(f"{name}_CON"))
        elif self._asked.pop(name, None) is None:
            return  # a confirmation nobody waits for says nothing
        if name != "TESTFR":
            self.started = name == "STARTDT"
            self._flush(now)

    def _acknowledged(self, nr: int, now: float) -> None:
        left = (self.sent - nr) % MODULUS
        if left > len(self._flying):
            raise Breach("sequence", f"接收序号 {nr} 确认了未发送的帧(已发到 {self.sent})")
        while len(self._flying) > left:
            self._flying.popleft()
        self._flush(now)

    # Timers.

    def due(self, now: float) -> None:
        """Do what is due; Breach where the peer did not answer in time."""
        waits = [*self._asked.items(), *(("I 帧", at) for at, _ in list(self._flying)[:1])]
        for what, since in waits:
            if now - since >= self.timing.t1:
                raise Breach("no_answer", f"{what} 在 t1={self.timing.t1:g} 秒内没有得到确认")
        if self._late(now):
            self._acknowledge(now)
        if now - self._quiet >= self.timing.t3 and "TESTFR" not in self._asked:
            self._ask("TESTFR", now)

    def next_due(self) -> float:
        """When `due` has something to do at the earliest."""
        t = self.timing
        times = [since + t.t1 for since in (*self._asked.values(), *(at for at, _ in list(self._flying)[:1]))]
        if self._unacknowledged is not None and self._pending():
            times.append(self._unacknowledged + t.t2)
        if "TESTFR" not in self._asked:
            times.append(self._quiet + t.t3)
        return min(times)

    def excuse(self, seconds: float) -> None:
        """We did not listen for so long: the peer's silence was ours."""
        self._quiet += seconds
        self._asked = {name: since + seconds for name, since in self._asked.items()}
        self._flying = deque((since + seconds, unit) for since, unit in self._flying)

    # Helpers.

    def _ask(self, name: str, now: float) -> None:
        self._asked[name] = now
        self.out.append(unnumbered(f"{name}_ACT"))

    def _pending(self) -> int:
        return (self.settled - self.told) % MODULUS

    def _late(self, now: float) -> bool:
        since = self._unacknowledged
        return since is not None and self._pending() > 0 and now - since >= self.timing.t2

    def _acknowledge(self, now: float) -> None:
        self.out.append(supervisory(self.settled))
        self._tell(now)

    def _tell(self, now: float) -> None:
        """N(R) goes out: what is still unsettled has its own t2 from here."""
        self.told = self.settled
        self._unacknowledged = now if self._open else None

    def _flush(self, now: float) -> None:
        while self._queue and self.started and len(self._flying) < self.timing.k:
            unit = self._queue.popleft()
            self.out.append(information(self.sent, self.settled, unit))
            self.sent = (self.sent + 1) % MODULUS
            self._flying.append((now, unit))
            self._tell(now)
