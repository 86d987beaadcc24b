"""What all connections of one endpoint share: who is here, what is not yet on disk, who failed to log in."""

import asyncio
from typing import TYPE_CHECKING

from shouwang.engines.telemetry.seam import Intake

from ..joint import Joint
from ..limits import Limits
from ..logins import Logins

if TYPE_CHECKING:
    from .session import Session


class Hall:
    """The registry of one endpoint's connections; lives on its event loop."""

    def __init__(self, intake: Intake, limits: Limits) -> None:
        self.intake, self.limits = intake, limits
        self.loop = asyncio.get_running_loop()
        self.logins = Logins(limits)
        self.joint = Joint(intake, limits)
        self.sessions: set[Session] = set()
        self.by_client: dict[tuple[str, str], Session] = {}  # (source name, client id) → its connection
        self.undurable = 0  # bytes taken by all connections and not yet on disk
        self.paused: set[Session] = set()

    def full(self) -> bool:
        """Whether nobody should be read for now."""
        return self.undurable > self.limits.undurable_all

    def relieve(self) -> None:
        """Something became durable: read those again who waited only for that."""
        if self.paused and self.undurable <= self.limits.undurable_all // 2:
            for session in list(self.paused):
                session.breathe()

    def enter(self, session: "Session", source: str, client_id: str) -> "Session | None":
        """Seat a connection; returns the one that held this client id before. Ids are private to a source:

        otherwise any credential could throw out any gateway by borrowing its client id.
        """
        before = self.by_client.get((source, client_id))
        self.by_client[source, client_id] = session
        return before

    def leave(self, session: "Session", source: str, client_id: str) -> None:
        """Forget a connection, unless its seat was taken over already."""
        if self.by_client.get((source, client_id)) is session:
            del self.by_client[source, client_id]

    def sweep(self) -> None:
        """Close whoever was silent for longer than allowed, or never introduced itself."""
        now = self.loop.time()
        for session in list(self.sessions):
            session.check_silence(now)
