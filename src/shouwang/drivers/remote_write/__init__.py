"""Prometheus remote-write in: readings pushed by Prometheus, its agents and whatever else speaks version 1.0."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel.errors import BadInput

from ..configured import Setting
from ..limits import Limits
from .app import app
from .take import options


class _Server(uvicorn.Server):
    """A server within another's process: signals are not its business."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


class Listening:
    """The running endpoint."""

    def __init__(self, server: _Server, sock: socket.socket) -> None:
        self.port: int = sock.getsockname()[1]
        self._server = server
        self._task = asyncio.create_task(server.serve([sock]), name="remote_write")

    async def close(self) -> None:
        """Answer what is under way, then stop."""
        self._server.should_exit = True
        await self._task


async def serve(intake: Intake, setting: Setting, limits: Limits) -> Listening:
    """Listen at the setting's host and port; a BadInput where that is not possible."""
    given = options(setting.options)
    config = uvicorn.Config(
        app(intake, setting, limits), lifespan="off", log_config=None, access_log=False, server_header=False,
        ssl_certfile=given.certificate or None, ssl_keyfile=given.certificate_key or None,
        limit_concurrency=limits.connections, timeout_graceful_shutdown=5)
    try:
        config.load()
    except OSError as wrong:  # ssl.SSLError is one
        raise BadInput(f"drivers.yaml 中 remote_write 的 certificate 读不出:{wrong};应为 PEM 证书与私钥") from None
    family = socket.AF_INET6 if ":" in setting.host else socket.AF_INET
    try:
        sock = socket.create_server((setting.host, setting.port), family=family, backlog=1024)
    except OSError as wrong:
        raise BadInput(f"drivers.yaml 中 remote_write 不能监听 {setting.host}:{setting.port}({wrong});"
                       "请改端口或停掉占用它的进程") from None
    return Listening(_Server(config), sock)
