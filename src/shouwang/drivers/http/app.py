"""The raw ASGI app for `/api/v1/<token>/telemetry` and `/attributes`. No Django, and no token in a log."""

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ..limits import DEFAULT, Limits
from ..logins import Logins
from .submit import Reply, Submit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = tuple[tuple[bytes, bytes], ...]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

PATH = re.compile(r"/api/v1/([^/]{1,200})/(telemetry|attributes|attributes/updates|rpc|rpc/[^/]+|claim)")
LONG_POLL = 20.0  # seconds at most that a waiting GET is held
POLITE = 16  # so many times the allowed size is read and dropped before the connection is cut
TOO_BIG = "正文超过 {} 字节;请拆成几次发送"


class _Answer(Exception):
    def __init__(self, reply: Reply, *headers: tuple[bytes, bytes]) -> None:
        self.reply, self.headers = reply, headers


def claims(path: str) -> bool:
    """Whether a path belongs to this app: the web process sends such requests here, all others to Django."""
    return PATH.fullmatch(path) is not None


def app(submit: Submit, limits: Limits = DEFAULT) -> Asgi:
    """The ASGI app over `submit(token, kind, body)`, which answers once the readings are durable."""
    logins = Logins(limits)

    async def asgi(scope: Scope, receive: Receive, send: Send) -> None:
        headers: Headers = ()
        try:
            reply = await _answer(submit, limits, logins, scope, receive)
        except _Answer as a:
            reply, headers = a.reply, a.headers
        await _send(send, reply, headers)

    return asgi


async def _answer(submit: Submit, limits: Limits, logins: Logins, scope: Scope, receive: Receive) -> Reply:
    found = PATH.fullmatch(scope["path"])
    if found is None:
        return Reply(404, "没有这个地址")
    token, what, method = found[1], found[2], scope["method"]
    now, address = asyncio.get_running_loop().time(), str((scope.get("client") or ("本机",))[0])
    if not logins.may(address, token, now):
        raise _Answer(Reply(429, "失败次数过多,请一分钟后再试"), (b"retry-after", b"60"))
    if method == "POST" and what in ("telemetry", "attributes"):
        reply = await submit(token, what, await _body(scope, receive, limits.max_packet))
    elif method == "GET" and what != "telemetry":
        reply = await submit(token, "check", b"")
    else:
        allowed = b"POST" if what == "telemetry" else b"GET, POST"
        raise _Answer(Reply(405, "这个地址不支持该方法"), (b"allow", allowed))
    if reply.status == 401:
        logins.failed(address, now)
    else:
        logins.worked(address, token)
    if method == "GET" and reply.status == 200:
        return await _wait_in_vain(what, scope)
    return reply


async def _wait_in_vain(what: str, scope: Scope) -> Reply:
    """No attributes are shared and no commands given: `{}` at once, or 408 after waiting."""
    if what == "attributes":
        return Reply(200)
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("timeout", [""])[0]
    given = asked.isascii() and asked.isdigit() and len(asked) < 9
    await asyncio.sleep(min(int(asked) / 1000, LONG_POLL) if given else LONG_POLL)
    return Reply(408, "没有要下发的内容")


async def _body(scope: Scope, receive: Receive, limit: int) -> bytes:
    headers = dict(scope.get("headers", ()))
    if headers.get(b"content-encoding", b"identity") != b"identity":
        raise _Answer(Reply(415, "不接受压缩的正文"))
    parts, size, more = [], 0, True
    while more and size <= limit * POLITE:  # a client still sending would see a reset instead of our answer
        event = await receive()
        if event["type"] != "http.request":
            raise _Answer(Reply(400, "正文没有发完"))
        more, part = event.get("more_body", False), event.get("body", b"")
        size += len(part)
        if size <= limit:
            parts.append(part)
    if size > limit:
        raise _Answer(Reply(413, TOO_BIG.format(limit)), (b"connection", b"close"))
    return b"".join(parts)


def _shown(reply: Reply) -> dict[str, Any]:
    if reply.status != 200:
        return {"status": reply.status, "message": reply.text}
    return {"taken": reply.taken, "refused": reply.refused} if reply.taken or reply.refused else {}


async def _send(send: Send, reply: Reply, headers: Headers) -> None:
    body = msgspec.json.encode(_shown(reply))
    extra = [*headers] + ([(b"retry-after", b"1")] if reply.status == 503 else [])
    await send({"type": "http.response.start", "status": reply.status, "headers": [
        (b"content-type", b"application/json; charset=utf-8"), (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"), *extra]})
    await send({"type": "http.response.body", "body": body})
