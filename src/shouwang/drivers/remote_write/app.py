"""The raw ASGI app for `POST /api/v1/write`: 204 only once the readings are on disk. No token in a log."""

import asyncio
import logging

from shouwang.drivers.http.app import Asgi, Receive, Scope, Send
from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock

from ..configured import Setting
from ..http.submit import PATIENCE
from ..limits import Limits
from ..logins import Logins
from ..rows import Malformed
from ..take import excerpt, take_rows
from .packet import unpacked
from .take import Rows, options

log = logging.getLogger(__name__)
PATH = "/api/v1/write"
UNPACKED = 16  # [D] times the size of a body that it may have unpacked
POLITE = 16  # so many times the allowed size is read and dropped before the connection is cut
Headers = dict[bytes, bytes]


class Answer(Exception):
    """What the sender is told: a 4xx is given up and logged there, a 5xx is sent again."""

    def __init__(self, status: int, text: str = "", **headers: str) -> None:
        self.status, self.text = status, text
        self.headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]


BUSY = "数据来不及落盘,请稍后重发"


class Endpoint:
    """Requests of one source."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits) -> None:
        self.intake, self.source, self.limits = intake, setting.source, limits
        self.rows, self.logins, self.undurable = Rows(options(setting.options)), Logins(limits), 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request (ASGI)."""
        if scope["type"] != "http":
            return
        try:
            await self._write(scope, receive)
        except Answer as given:
            answer = given
        except Exception:
            log.exception("remote-write 请求处理出错")
            answer = Answer(500, "处理时出错,见服务端日志")
        body = answer.text.encode()
        await send({"type": "http.response.start", "status": answer.status, "headers": [
            (b"content-type", b"text/plain; charset=utf-8"), *answer.headers,
            *([] if answer.status == 204 else [(b"content-length", str(len(body)).encode())])]})
        await send({"type": "http.response.body", "body": body})

    async def _write(self, scope: Scope, receive: Receive) -> None:
        """Always ends in an Answer."""
        if scope["path"] != PATH:
            raise Answer(404, f"没有这个地址;remote_write 的地址是 {PATH}")
        if scope["method"] != "POST":
            raise Answer(405, "只接受 POST", allow="POST")
        headers: Headers = dict(scope["headers"])
        self._login(scope, headers)
        _check_kind(headers)
        if self.undurable > self.limits.undurable:
            raise Answer(503, BUSY, retry_after="1")
        body = await _body(receive, self.limits.max_packet)
        self.undurable += len(body)
        try:
            await self._take(body)
        finally:
            self.undurable -= len(body)
        raise Answer(204)

    def _login(self, scope: Scope, headers: Headers) -> None:
        """The bearer token must be that of the configured source."""
        kind, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        address, now = str((scope.get("client") or ("本机",))[0]), asyncio.get_running_loop().time()
        if not self.logins.may(address, token, now):
            raise Answer(429, "失败次数过多,请一分钟后再试", retry_after="60")
        source = self.intake.find(token) if kind.lower() == "bearer" and token else None
        if source is None or self.intake.source(source).name != self.source:
            self.logins.failed(address, now)
            self.intake.refuse(self.source, "bad_credentials", "remote_write")
            raise Answer(401, "令牌不对或已停用;请在控制台核对接入凭据", www_authenticate="Bearer")
        self.logins.worked(address, token)

    async def _take(self, body: bytes) -> None:
        try:
            rows, refused = self.rows.read(unpacked(body, self.limits.max_packet * UNPACKED))
        except Malformed as wrong:
            self.intake.refuse(self.source, "malformed", excerpt(str(wrong)))
            raise Answer(400, str(wrong)) from None
        durable = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not durable.done():
                durable.set_result(None)

        source = next((i for i, s in enumerate(self.intake.plan.sources) if s.name == self.source), None)
        if source is None or take_rows(self.intake, source, rows, clock.now_ms(), self.limits, done, refused).busy:
            raise Answer(503, BUSY, retry_after="1")
        try:
            await asyncio.wait_for(durable, PATIENCE)
        except TimeoutError:
            raise Answer(503, BUSY, retry_after="1") from None


def _check_kind(headers: Headers) -> None:
    """Version 1 in snappy only; a sender of version 2 falls back on 415."""
    content = headers.get(b"content-type", b"").decode("latin-1").replace(" ", "").lower()
    if content not in ("application/x-protobuf", "application/x-protobuf;proto=prometheus.writerequest"):
        raise Answer(415, "只接受 remote-write 1.0(application/x-protobuf)")
    if headers.get(b"content-encoding", b"").lower() != b"snappy":
        raise Answer(415, "正文应为 snappy 压缩")


async def _body(receive: Receive, limit: int) -> bytes:
    parts, size, more = [], 0, True
    while more and size <= limit * POLITE:  # a client still sending would see a reset instead of our answer
        event = await receive()
        if event["type"] != "http.request":
            raise Answer(400, "正文没有发完")
        more, part = event.get("more_body", False), event.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise Answer(413, f"正文超过 {limit} 字节;请减小 max_samples_per_send", connection="close")
    return b"".join(parts)


def app(intake: Intake, setting: Setting, limits: Limits) -> Asgi:
    """The ASGI app of one configured source."""
    return Endpoint(intake, setting, limits)
