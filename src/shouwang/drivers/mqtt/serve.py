"""The MQTT endpoint of the ingest process: `serve` opens it, `Endpoint` is what runs."""

import asyncio
import errno
import logging
import ssl

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel.errors import ShouwangError

from ..limits import DEFAULT, Limits
from . import packet
from .hall import Hall
from .session import Session

log = logging.getLogger(__name__)
TRIES = 20  # how many further ports are tried when the first is taken
SWEEP = 1.0  # seconds between looks at who fell silent


class Endpoint:
    """A running endpoint. `port` is the one really bound, `taken` those found in use before it."""

    def __init__(self, hall: Hall, server: asyncio.Server, port: int, taken: list[int]) -> None:
        self.hall, self.port, self.taken = hall, port, taken
        self._server = server
        self._sweeper = asyncio.ensure_future(self._sweep())

    @property
    def connections(self) -> int:
        """How many sockets are open, introduced or not."""
        return len(self.hall.sessions)

    @property
    def undurable(self) -> int:
        """Bytes taken and not yet on disk."""
        return self.hall.undurable

    async def close(self) -> None:
        """Stop listening and let every connection go; what they published stays on its way to the disk."""
        self._sweeper.cancel()
        self._server.close()
        for session in list(self.hall.sessions):
            session.leave(packet.SHUTTING_DOWN)
        await self._server.wait_closed()

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP)
            self.hall.sweep()


async def serve(intake: Intake, host: str, port: int, *, tls: ssl.SSLContext | None = None,
                limits: Limits = DEFAULT) -> Endpoint:
    """Open the endpoint on `port`, or the next free one of the 20 after it (taken ones are logged)."""
    hall = Hall(intake, limits)
    taken: list[int] = []
    for candidate in range(port, port + TRIES + 1 if port else 1):
        try:
            server = await hall.loop.create_server(
                lambda: Session(hall), host, candidate, ssl=tls, backlog=4096,
                ssl_handshake_timeout=limits.connect_within if tls else None)
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            taken.append(candidate)
            continue
        bound = int(server.sockets[0].getsockname()[1])
        if taken:
            log.warning("MQTT 端口 %s 已被其他程序占用,改用 %s;网关请连接 %s", _listed(taken), bound, bound)
        return Endpoint(hall, server, bound, taken)
    raise ShouwangError(f"MQTT 端口 {port} 至 {port + TRIES} 都被占用;请停掉占用的程序,或另外指定端口")


def _listed(ports: list[int]) -> str:
    return "、".join(map(str, ports))


def server_context(certificate: str, key: str) -> ssl.SSLContext:
    """A TLS context for the endpoint from PEM files; TLS 1.2 and newer."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    return context
