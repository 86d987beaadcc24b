"""Asking the ingest process over `var/run/ingest.sock`: latest values, health, HTTP bodies. No Django here.

Frames both ways: 4-byte big-endian length, MessagePack. Request [id, name, args], reply [id, done, result or reason].
Replies come as they are ready, not in order. The socket is readable by the owner only.
"""

import asyncio
import logging
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from shouwang.kernel.errors import ShouwangError

log = logging.getLogger(__name__)
Answer = Callable[..., Any]
MOST = 64 * 1024 * 1024  # bytes of one frame
WAIT_S = 5.0
DOWN = "接入进程未运行"
_length = struct.Struct(">I")
_encode = msgspec.msgpack.Encoder().encode
R = TypeVar("R", bound=msgspec.Struct)


class IngestDown(ShouwangError):
    """The ingest process does not answer; readings wait at the gateways until it does."""


class Failed(ShouwangError):
    """The ingest process answered that it could not."""


def path_of(data: Path) -> Path:
    """Where the socket of a data folder is."""
    return data / "run" / "ingest.sock"


def _frame(body: bytes) -> bytes:
    return _length.pack(len(body)) + body


class _Frames:
    """Cuts a byte stream into frames."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, raw: bytes) -> list[bytes]:
        """Whole frames so far; an absurd length is a ValueError."""
        self._kept += raw
        out, at = [], 0
        while len(self._kept) - at >= 4:
            size = _length.unpack_from(self._kept, at)[0]
            if size > MOST:
                raise ValueError(f"frame of {size} bytes")
            if len(self._kept) - at - 4 < size:
                break
            out.append(bytes(self._kept[at + 4:at + 4 + size]))
            at += 4 + size
        del self._kept[:at]
        return out


class _Session(asyncio.Protocol):
    """One client of the ingest process."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers, self._frames = answers, _Frames()
        self._transport: asyncio.Transport | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._frames.feed(data):
                number, name, args = msgspec.msgpack.decode(frame, type=tuple[int, str, list[Any]])
                self._ask(number, name, args)
        except (ValueError, msgspec.DecodeError):
            log.warning("控制套接字收到不合格式的请求,连接已关闭")
            if self._transport:
                self._transport.close()

    def _ask(self, number: int, name: str, args: list[Any]) -> None:
        try:
            result = self._answers[name](*args)
        except KeyError:
            self._reply(number, False, f"接入进程不会 {name!r}")
        except Exception as wrong:
            log.exception("控制请求 %s 出错", name)
            self._reply(number, False, str(wrong))
        else:
            if asyncio.iscoroutine(result):
                task = asyncio.ensure_future(self._later(number, name, result))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            else:
                self._reply(number, True, result)

    async def _later(self, number: int, name: str, result: Awaitable[Any]) -> None:
        try:
            self._reply(number, True, await result)
        except Exception as wrong:
            log.exception("控制请求 %s 出错", name)
            self._reply(number, False, str(wrong))

    def _reply(self, number: int, done: bool, result: Any) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(_frame(_encode((number, done, result))))


async def serve(path: Path, answers: Mapping[str, Answer]) -> asyncio.AbstractServer:
    """Listen; `answers` by name return a value or an awaitable of one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    before = os.umask(0o177)
    try:
        return await asyncio.get_running_loop().create_unix_server(lambda: _Session(answers), str(path))
    finally:
        os.umask(before)


class Client:
    """Blocking, for Django threads: a few kept connections, each used by one thread at a time."""

    def __init__(self, path: Path, keep: int = 4) -> None:
        self.path, self.keep = path, keep
        self._idle: list[socket.socket] = []
        self._turn = threading.Lock()

    def call(self, name: str, *args: Any, wait: float = WAIT_S) -> Any:
        """Ask and wait for the answer; IngestDown when nobody answers, Failed when it could not."""
        with self._turn:
            link = self._idle.pop() if self._idle else None
        if link is not None:
            with suppress(ConnectionError, ValueError):  # a kept connection may belong to a process that is gone
                return self._settle(link, self._exchange(link, name, args, wait))
        try:
            link = self._connect()
            return self._settle(link, self._exchange(link, name, args, wait))
        except (OSError, ValueError) as wrong:
            raise IngestDown(f"{DOWN}({self.path}):{wrong}") from None

    def _connect(self) -> socket.socket:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            link.connect(str(self.path))
        except OSError:
            link.close()
            raise
        return link

    def _exchange(self, link: socket.socket, name: str, args: tuple[Any, ...], wait: float) -> tuple[int, bool, Any]:
        try:
            link.settimeout(wait)
            link.sendall(_frame(_encode((0, name, args))))
            body = _receive(link, _length.unpack(_receive(link, 4))[0])
        except TimeoutError:
            link.close()
            raise IngestDown(f"接入进程 {wait:g} 秒没有答复") from None
        except OSError:
            link.close()
            raise
        answer: tuple[int, bool, Any] = msgspec.msgpack.decode(body, type=tuple[int, bool, Any], strict=False)
        return answer

    def _settle(self, link: socket.socket, answer: tuple[int, bool, Any]) -> Any:
        with self._turn:
            if len(self._idle) < self.keep:
                self._idle.append(link)
                link = None  # type: ignore[assignment]
        if link is not None:
            link.close()
        if not answer[1]:
            raise Failed(str(answer[2]))
        return answer[2]


def _receive(link: socket.socket, size: int) -> bytes:
    out = bytearray()
    while len(out) < size:
        part = link.recv(min(size - len(out), 1 << 20))
        if not part:
            raise ConnectionResetError("连接已断开")
        out += part
    return bytes(out)


class AsyncClient(asyncio.Protocol):
    """For the ASGI process: one connection, any number of questions under way, connected again when needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._transport: asyncio.Transport | None = None
        self._frames, self._asked = _Frames(), dict[int, asyncio.Future[Any]]()
        self._number = 0
        self._connecting: asyncio.Lock | None = None

    async def call(self, name: str, *args: Any, wait: float = WAIT_S) -> Any:
        """As `Client.call`, without blocking the loop."""
        transport = await self._connected()
        self._number += 1
        number, answer = self._number, asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        transport.write(_frame(_encode((number, name, args))))
        try:
            return await asyncio.wait_for(answer, wait)
        except TimeoutError:
            raise IngestDown(f"接入进程 {wait:g} 秒没有答复") from None
        finally:
            self._asked.pop(number, None)

    async def _connected(self) -> asyncio.Transport:
        if self._connecting is None:
            self._connecting = asyncio.Lock()
        async with self._connecting:
            if self._transport is None or self._transport.is_closing():
                try:
                    await asyncio.get_running_loop().create_unix_connection(lambda: self, str(self.path))
                except OSError as wrong:
                    raise IngestDown(f"{DOWN}({self.path}):{wrong}") from None
        assert self._transport is not None
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport, self._frames = transport, _Frames()  # type: ignore[assignment]

    def data_received(self, data: bytes) -> None:
        for frame in self._frames.feed(data):
            number, done, result = msgspec.msgpack.decode(frame, type=tuple[int, bool, Any], strict=False)
            answer = self._asked.get(number)
            if answer is not None and not answer.done():
                answer.set_result(result) if done else answer.set_exception(Failed(str(result)))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for answer in self._asked.values():
            if not answer.done():
                answer.set_exception(IngestDown(f"{DOWN}:连接中断"))

    async def close(self) -> None:
        """Let the connection go."""
        if self._transport is not None:
            self._transport.close()


def remote_submit(client: AsyncClient, shape: type[R], wait: float = 35.0) -> Callable[[str, str, bytes], Awaitable[R]]:
    """`submit(token, kind, body)` in the ingest process as if it were here; down is `shape(503, why)`."""

    async def submit(token: str, kind: str, body: bytes) -> R:
        try:
            return msgspec.convert(await client.call("submit", token, kind, body, wait=wait), shape)
        except ShouwangError as wrong:
            log.warning("HTTP 读数未能转交:%s", wrong)
            return shape(503, f"{DOWN},请稍后重发")

    return submit
