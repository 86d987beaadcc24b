"""The JT/T 808 endpoint of the ingest process: `open_endpoint` opens it, `Endpoint` is what runs."""

import asyncio
from pathlib import Path

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel.errors import BadInput

from ..configured import Setting
from ..limits import Limits
from .attachments import Carrier
from .hall import Hall
from .options import Attachments, options
from .session import Session

SWEEP = 1.0  # seconds between looks at who fell silent
LONGEST_TEXT = 1000  # bytes: one frame holds 1,023 (§4.4.3)
ANSWER = 20.0  # [D] seconds a terminal has to answer


class Endpoint:
    """A running endpoint. `port` is the one bound, `attachment_port` that for files (0: none)."""

    def __init__(self, hall: Hall, server: asyncio.Server, files: asyncio.Server | None) -> None:
        self.hall, self._servers = hall, [one for one in (server, files) if one is not None]
        self.port = _port(server)
        self.attachment_port = _port(files) if files else 0
        self._sweeper = asyncio.ensure_future(self._sweep())

    def terminals(self) -> list[str]:
        """Who is here."""
        return sorted(self.hall.by_terminal)

    async def text(self, terminal: str, words: str, urgent: bool = False, within: float = ANSWER) -> int:
        """Show and speak a text in a vehicle (0x8300); the result of its 0x0001, 0 when it was taken.

        A terminal that is not here is a BadInput, one that does not answer a TimeoutError.
        """
        phone = terminal.lstrip("0") or "0"
        session = self.hall.by_terminal.get(phone)
        if session is None:
            raise BadInput(f"终端 {terminal} 不在线,文本没有下发;请待其上线后再发")
        if len(words.encode("gbk", "replace")) > LONGEST_TEXT:
            raise BadInput(f"文本超过 {LONGEST_TEXT} 字节(GBK),没有下发;请缩短")
        return await session.text(phone, words, urgent, within)

    async def close(self) -> None:
        """Stop listening and let connections go; what they reported stays on its way to the disk."""
        self._sweeper.cancel()
        for server in self._servers:
            server.close()
        for transport in [*(one.transport for one in self.hall.sessions), *self.hall.carriers]:
            transport.close()
        for server in self._servers:
            await server.wait_closed()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.hall.sweep()


async def open_endpoint(intake: Intake, setting: Setting, limits: Limits) -> Endpoint:
    """Listen for terminals, and for their files where `attachments` is configured."""
    given = options(setting)
    hall = Hall(intake, setting, given, limits)
    server = await hall.loop.create_server(lambda: Session(hall), setting.host, setting.port, backlog=4096)
    files = await _open_files(hall, setting.host, given.attachments) if given.attachments else None
    return Endpoint(hall, server, files)


async def _open_files(hall: Hall, host: str, given: Attachments) -> asyncio.Server:
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    server = await hall.loop.create_server(lambda: Carrier(hall, folder), host, given.port)
    hall.attachments = given.address, given.told_port or _port(server)
    return server


def _port(server: asyncio.Server) -> int:
    return int(server.sockets[0].getsockname()[1])
