"""What all connections of one endpoint share: who is here, what is not yet on disk, which alarms are open."""

import asyncio
from typing import TYPE_CHECKING

from shouwang.engines.telemetry.seam import Intake

from ..configured import Setting, find
from ..limits import Limits
from ..logins import Logins
from .expected import Expected
from .options import Options, Register
from .readings import Known

if TYPE_CHECKING:
    from .session import Session


class Hall:
    """The registry of one endpoint; lives on its event loop."""

    def __init__(self, intake: Intake, setting: Setting, given: Options, limits: Limits) -> None:
        self.intake, self.name, self.given, self.limits = intake, setting.source, given, limits
        self.loop = asyncio.get_running_loop()
        self.logins, self.register = Logins(limits), Register(given)
        self.sessions: set[Session] = set()
        self.carriers: set[asyncio.Transport] = set()  # attachment connections
        self.by_terminal: dict[str, Session] = {}
        self.known: dict[str, Known] = {}  # active-safety alarms of a terminal, as last heard
        self.expected = Expected()
        self.attachments: tuple[str, int] | None = None  # the address terminals bring files to
        self.undurable = 0  # bytes taken by all connections and not yet on disk
        self.paused: set[Session] = set()

    def source(self) -> int | None:
        """The source of the present plan; None while it is not registered."""
        return find(self.intake, self.name)

    def full(self) -> bool:
        """Whether nobody should be read for now."""
        return self.undurable > self.limits.undurable_all

    def relieve(self) -> None:
        """Something became durable: read those again who waited only for that."""
        if self.paused and self.undurable <= self.limits.undurable_all // 2:
            for session in list(self.paused):
                session.breathe()

    def enter(self, session: "Session", terminal: str) -> None:
        """Seat a terminal; the connection that had it forgets it, for a terminal has one."""
        before = self.by_terminal.get(terminal)
        self.by_terminal[terminal] = session
        if before is not None and before is not session:
            before.forget(terminal)
        self.seen("connected")

    def leave(self, session: "Session", terminal: str) -> None:
        """A terminal is gone, unless it came back by another connection."""
        if self.by_terminal.get(terminal) is session:
            del self.by_terminal[terminal]
            self.seen("disconnected")

    def seen(self, event: str) -> None:
        """Count an event of our source."""
        if (source := self.source()) is not None:
            self.intake.seen(source, event)

    def sweep(self) -> None:
        """Close whoever was silent for too long, or has no terminal yet."""
        now = self.loop.time()
        for session in list(self.sessions):
            session.check_silence(now)
