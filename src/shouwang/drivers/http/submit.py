"""The ingest side of HTTP: one body of one token taken, answered once it is durable."""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock

from ..limits import DEFAULT, Limits
from ..take import take_as

PATIENCE = 30.0  # seconds to wait for the disk before saying so


class Reply(msgspec.Struct, frozen=True):
    """What to tell the client: an HTTP status, a Chinese sentence where something is wrong, what came in."""

    status: int
    text: str = ""
    taken: int = 0
    refused: dict[str, int] = {}


Submit = Callable[[str, str, bytes], Awaitable[Reply]]
UNKNOWN = Reply(401, "令牌不对或已停用;请在控制台核对接入凭据")
BUSY = Reply(503, "数据来不及落盘,请稍后重发")


def submitter(intake: Intake, limits: Limits = DEFAULT) -> Submit:
    """`submit(token, kind, body)` over an intake of this process; kinds telemetry, attributes, check."""

    async def submit(token: str, kind: str, body: bytes) -> Reply:
        source = intake.find(token)
        if source is None:
            intake.refuse("HTTP", "bad_credentials", kind)
            return UNKNOWN
        if kind == "check":
            return Reply(200)
        return await _submit(intake, source, kind, body, limits, token)

    return submit


async def _submit(intake: Intake, source: int, kind: str, body: bytes, limits: Limits, token: str) -> Reply:
    durable = asyncio.get_running_loop().create_future()

    def done() -> None:
        if not durable.done():
            durable.set_result(None)

    parcel = take_as(intake, source, (kind, False), body, clock.now_ms(), limits, done, (token,))
    if parcel.busy:
        return BUSY
    if parcel.problem:
        return Reply(400, parcel.problem)
    try:
        await asyncio.wait_for(durable, PATIENCE)
    except TimeoutError:
        return BUSY
    return Reply(200, "", parcel.taken, parcel.refused)
