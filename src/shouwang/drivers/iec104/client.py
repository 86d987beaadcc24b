"""The client of one outstation: connects, keeps a session, connects again. Runs in the ingest process."""

import asyncio
import logging

from shouwang.engines.telemetry.seam import Intake

from .. import configured
from ..configured import Setting
from ..end import end
from ..limits import Limits
from .options import read
from .read import Receipt
from .session import Context, Session

log = logging.getLogger(__name__)
LOOK = 1.0  # seconds between looks for a source that is not in the plan yet


class Client:
    """A running client; the present session, if any, is `session`."""

    def __init__(self, context: Context) -> None:
        self.context, self.options = context, context.options
        self.session: Session | None = None
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Let the connection go; what came and is not on disk stays on its way there, unacknowledged."""
        await end(self._task)

    async def _run(self) -> None:
        wait = self.options.retry_from
        while True:
            await self._wait_for_source()
            try:
                flowed = await self._once()
            except (OSError, UnicodeError) as e:  # TimeoutError is an OSError, a name that cannot be is the other
                flowed = False
                self._told(f"连接 {self.options.host}:{self.options.port} 失败: {e or '超时'}")
            wait = self.options.retry_from if flowed else min(2 * wait, self.options.retry_to)
            await asyncio.sleep(wait)

    async def _wait_for_source(self) -> None:
        told = False
        while configured.find(self.context.intake, self.context.name) is None:
            if not told:
                log.warning("IEC 104 的来源 %s 还没有登记,登记后才开始连接", self.context.name)
                told = True
            await asyncio.sleep(LOOK)

    async def _once(self) -> bool:
        """One connection from beginning to end; whether data flowed."""
        loop = asyncio.get_running_loop()
        connecting = loop.create_connection(lambda: Session(self.context), self.options.host, self.options.port)
        transport, session = await asyncio.wait_for(connecting, self.options.t0)
        self.session = session
        self._seen("connected")
        try:
            await session.closed
        finally:
            transport.abort()
            self._seen("disconnected")
        return session.started

    def _seen(self, event: str) -> None:
        if (source := configured.find(self.context.intake, self.context.name)) is not None:
            self.context.intake.seen(source, event)

    def _told(self, what: str) -> None:
        log.warning("IEC 104 来源 %s:%s,将自动重连", self.context.name, what)
        self.context.intake.refuse(self.context.name, "no_answer", what[:200])


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Client:
    """Keep a connection to the outstation that `setting.options` names."""
    options = read(setting.options, setting.source)
    return Client(Context(intake, setting.source, options, limits, options.factors(), Receipt()))
