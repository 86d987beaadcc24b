"""One TCP connection of a framed protocol: frames in, answers out in their order and only after the disk.

What HJ 212, GB/T 26875.3 and their like share. A protocol adds its splitter and `hear`, which judges one frame,
offers it with `take` and settles what is owed for it.
"""

import asyncio
import errno
import logging
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import ShouwangError

from . import configured
from .limits import Limits
from .rows import Row
from .take import excerpt, take_rows

log = logging.getLogger(__name__)
RETRY = 0.1  # seconds until a full intake is asked again
MOST = 1000  # frames of one connection not yet on disk: then stop reading it [D]
KEEP_ALIVE = (60, 15, 4)  # a dead peer is noticed after 60 s + 4 probes of 15 s [D]


class Splitter(Protocol):
    """What cuts a stream into frames."""

    def feed(self, chunk: bytes) -> Sequence[Any]:
        """What these bytes completed."""

    def rest(self) -> Sequence[Any]:
        """What is left when the connection ends."""


class Floor:
    """What all connections of one configured driver share."""

    def __init__(self, intake: Intake, setting: "configured.Setting", limits: Limits) -> None:
        self.intake, self.setting, self.limits = intake, setting, limits
        self.loop = asyncio.get_running_loop()
        self.lines: set[Line] = set()


class Owed:
    """An answer owed for one frame; answers leave in the order the frames came."""

    __slots__ = ("answer", "ready")

    def __init__(self) -> None:
        self.answer, self.ready = b"", False




class Line(asyncio.Protocol):
    """The life of one connection. A fault in it ends it and nothing else."""

    def __init__(self, floor: Floor, frames: Splitter) -> None:
        self.floor, self.intake, self.frames = floor, floor.intake, frames
        self.waiting: deque[Any] = deque()
        self.owed: deque[Owed] = deque()
        self.address = ""
        self.known = self.stuck = self.working = self.resting = False
        self.reading_stopped = self.writing_stopped = False

    def hear(self, frame: Any, owed: Owed) -> bool:
        """Judge one frame and settle what is owed for it, now or once it is durable; False: no room, ask again."""
        raise NotImplementedError

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "本机"
        _watch(transport.get_extra_info("socket"))
        self.floor.lines.add(self)
        if len(self.floor.lines) > self.floor.limits.connections:
            self.count("too_many_connections", self.address)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; what was offered and is not durable yet stays on its way."""
        self.floor.lines.discard(self)
        self.waiting.clear()
        self.stuck = False
        for left in self.frames.rest():
            self.hear(left, Owed())
        if self.known and (source := self.source()) is not None:
            self.intake.seen(source, "disconnected")

    def data_received(self, data: bytes) -> None:
        """Bytes came, split or joined as the network pleased."""
        self.waiting.extend(self.frames.feed(data))
        self.work()

    def pause_writing(self) -> None:
        """The peer does not read our answers: do not read its frames either."""
        self.writing_stopped = True
        self.breathe()

    def resume_writing(self) -> None:
        """It reads again."""
        self.writing_stopped = False
        self.breathe()

    # Frames.

    def work(self) -> None:
        """Hear every frame that is complete; stop at one the intake has no room for, or when much is not durable."""
        self.working = True
        try:
            while self.waiting and not self.stuck and len(self.owed) < MOST and not self.transport.is_closing():
                owed = Owed()
                self.owed.append(owed)
                if self.hear(self.waiting[0], owed):
                    self.waiting.popleft()
                else:
                    self.owed.pop()
                    self.stuck = True
                    self.floor.loop.call_later(RETRY, self._again)
        except Exception:
            log.exception("处理 %s(%s)的报文时出错,连接已关闭", self.floor.setting.source, self.address)
            self.count("internal", self.address)
            self.transport.abort()
        self.working, self.resting = False, len(self.owed) >= MOST
        self.breathe()

    def _again(self) -> None:
        if self.stuck:
            self.stuck = False
            self.work()

    def source(self) -> int | None:
        """The source these readings belong to, in the plan in force."""
        return configured.find(self.intake, self.floor.setting.source)

    def greet(self, source: int) -> None:
        """The first frame of somebody known: the source is connected."""
        if not self.known:
            self.known = True
            self.intake.seen(source, "connected")

    def take(self, source: int, rows: list[Row], refused: Sequence[tuple[str, str]], done: Callable[[], None]) -> bool:
        """Offer what a frame said; `done` once it is durable. False when there is no room."""
        return not take_rows(self.intake, source, rows, clock.now_ms(), self.floor.limits, done, refused).busy

    def settle(self, owed: Owed, answer: bytes = b"") -> None:
        """A frame is on disk (or has nothing to be there): answer it when those before it are answered."""
        owed.answer, owed.ready = answer, True
        out = []
        while self.owed and self.owed[0].ready:
            out.append(self.owed.popleft().answer)
        told = b"".join(out)
        if told and not self.transport.is_closing():
            self.transport.write(told)
        if self.resting and len(self.owed) <= MOST // 2:
            self.resting = False
            self.floor.loop.call_soon(self.work)
        if not self.working:
            self.breathe()

    def breathe(self) -> None:
        """Read the socket or not, by what is not durable, what the peer leaves unread, what the intake has."""
        heavy = len(self.owed) > (MOST // 2 if self.reading_stopped else MOST)
        stop = self.stuck or self.writing_stopped or heavy or bool(self.waiting)
        if stop == self.reading_stopped or self.transport.is_closing():
            return
        self.reading_stopped = stop
        if stop:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def count(self, reason: str, what: bytes | str) -> None:
        """Count a refusal under the source's name."""
        self.intake.refuse(self.floor.setting.source, reason, excerpt(what))


class Door:
    """A listening driver; `port` is the one really bound."""

    def __init__(self, floor: Floor, server: asyncio.Server) -> None:
        self.floor, self.port = floor, int(server.sockets[0].getsockname()[1])
        self._server = server

    async def close(self) -> None:
        """Stop listening and let every connection go; what was offered stays on its way to the disk."""
        self._server.close()
        for line in list(self.floor.lines):
            line.transport.close()
        await self._server.wait_closed()


async def listen(floor: Floor, make: Callable[[], Line]) -> Door:
    """Open the configured port (0: any free one)."""
    setting = floor.setting
    try:
        server = await floor.loop.create_server(make, setting.host, setting.port, backlog=4096)
    except OSError as e:
        if e.errno != errno.EADDRINUSE:
            raise
        raise ShouwangError(f"{configured.FILE}:驱动 {setting.driver} 的端口 {setting.port} 已被占用;"
                            "请停掉占用的程序,或另外指定 port") from None
    return Door(floor, server)


def _watch(sock: socket.socket | None) -> None:
    """Let the system notice a peer that died without a word."""
    if sock is None or sock.family == getattr(socket, "AF_UNIX", None):
        return
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, seconds in zip(("TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT"), KEEP_ALIVE, strict=True):
        if hasattr(socket, name):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), seconds)
