"""A client of one server: a subscription, its values to the intake, and again after every loss."""

import asyncio
import logging
from contextlib import suppress
from typing import Any

import msgspec
from asyncua import ua
from asyncua.client.client import Client
from asyncua.client.ua_client import UaClientState
from asyncua.common.node import Node
from asyncua.common.subscription import DataChangeEvent, OverflowPolicy, StatusChangeEvent, Subscription
from asyncua.ua.uaerrors import UaError

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from ..configured import Setting, find
from ..limits import Limits
from ..rows import Row
from ..take import excerpt, take_rows
from ..their_clock import TheirClock
from . import reading

log = logging.getLogger(__name__)
logging.getLogger("asyncua").setLevel(logging.CRITICAL)  # it prints a traceback at every goodbye to a lost server
RETRY = 0.1  # seconds until a full intake is asked again
LOOK = 1.0  # seconds between looks at the connection, and for a source not yet in the plan
AT_MOST = 60.0  # [D] seconds between attempts to connect
QUEUE = 10_000  # [D] values waiting for the intake; beyond, the subscription is begun again
BUFFER = 100  # [D] values a node may have between two publishings
LOST = (OSError, TimeoutError, asyncio.TimeoutError, UaError, StopAsyncIteration)
NOTHING: dict[str, Any] = {"value": 0, "quality": "no_data"}
Places = dict[ua.NodeId, list[tuple[str, str]]]  # node → (device, key)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `options:` of drivers.yaml may say."""

    url: str
    nodes: dict[str, dict[str, str]]  # device → key → node id; `nsu=URI;s=…` finds the namespace by its URI
    interval: float = 1000.0  # ms between publishings
    username: str | None = None
    password: str | None = None
    security: str = ""  # "Basic256Sha256,SignAndEncrypt,certificate.der,key.pem[,server.der]"
    timeout: float = 10.0  # [D] seconds for an answer


def options(setting: Setting) -> Options:
    """The options of a setting; a wrong one is a BadInput that names it."""
    try:
        given = msgspec.convert(setting.options, Options)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"drivers.yaml 中 opcua 的 options 不对:{wrong};需要 url 与 nodes(设备 → 测点 → 节点)") from None
    for text in (text for keys in given.nodes.values() for text in keys.values()):
        try:
            ua.NodeId.from_string(text if not text.startswith("nsu=") else f"ns=0;{text.partition(';')[2]}")
        except UaError:
            raise BadInput(f"drivers.yaml 中 opcua 的节点写得不对:{text!r};应形如 ns=2;s=Tank.Level") from None
    return given


class Following:
    """The running client."""

    def __init__(self, intake: Intake, setting: Setting, limits: Limits) -> None:
        self.intake, self.source, self.limits = intake, setting.source, limits
        self.given, self.theirs = options(setting), TheirClock()
        self.dark_since = 0  # event time from which nothing was known, until the next value (ms)
        self.dark = False
        self.fresh: set[ua.NodeId] = set()  # nodes whose first value in this session is still to come
        self._task = asyncio.create_task(self._run(), name=f"opcua {setting.source}")

    async def close(self) -> None:
        """Leave the server."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        pause = LOOK
        while True:
            while find(self.intake, self.source) is None:
                await asyncio.sleep(LOOK)
            try:
                await self._session()
            except LOST as wrong:
                log.warning("OPC UA 服务器 %s 连接中断(%r),将自动重连", self.source, wrong)
            except Exception:
                log.exception("OPC UA 服务器 %s 会话出错,将重连", self.source)
            pause = LOOK if not self.dark else min(2 * pause, AT_MOST)
            await self._darken()
            await asyncio.sleep(pause)

    async def _session(self) -> None:
        """From connection to loss."""
        client = Client(self.given.url, timeout=self.given.timeout)
        client.name = client.description = "Shouwang"
        if self.given.username is not None:
            client.set_user(self.given.username)
            client.set_password(self.given.password or "")
        if self.given.security:
            await client.set_security_string(self.given.security)
        connected = False
        try:
            await client.connect()
            self._tell("connected")
            connected = True
            await self._follow(client, await self._subscribe(client))
        finally:
            if connected:
                self._tell("disconnected")
                await _gone(client)
            client.disconnect_socket()

    async def _subscribe(self, client: Client) -> tuple[Subscription, Places]:
        places: Places = {}
        for device, keys in self.given.nodes.items():
            for key, text in keys.items():
                places.setdefault(await _node_id(client, text), []).append((device, key))
        subscription = await client.create_subscription(
            self.given.interval, None, queue_maxsize=QUEUE, overflow=OverflowPolicy.DISCONNECT)
        nodes: list[Node] = [client.get_node(one) for one in places]
        results = await subscription.subscribe_data_change(
            nodes, queuesize=BUFFER, sampling_interval=ua.Double(self.given.interval))
        self.fresh = set(places)
        for node, result in zip(nodes, results, strict=True):
            if isinstance(result, ua.StatusCode):
                await self._miss(places[node.nodeid], f"{node.nodeid.to_string()}: {result.name}")
        return subscription, places

    async def _miss(self, places: list[tuple[str, str]], why: str) -> None:
        """A node the server will not watch has no data."""
        received = clock.now_ms()
        self.intake.refuse(self.source, "unknown_key", excerpt(why))
        await self._offer([Row(device, self.theirs.now(received), {key: NOTHING}) for device, key in places], received)

    async def _follow(self, client: Client, subscribed: tuple[Subscription, Places]) -> None:
        subscription, places = subscribed
        while True:
            event = await subscription.next_event(LOOK)
            if isinstance(event, DataChangeEvent):
                await self._take(places[event.node.nodeid], event)
            elif isinstance(event, StatusChangeEvent):
                raise ConnectionError(f"订阅已失效:{event.notification.Status}")
            elif event is None and client.state is not UaClientState.CONNECTED:
                raise ConnectionError("连接已断开")

    async def _take(self, places: list[tuple[str, str]], event: DataChangeEvent) -> None:
        """The first value of a session holds now: it comes after the loss, however long ago it was measured."""
        told, received = event.data.monitored_item.Value, clock.now_ms()
        status = told.StatusCode.value if told.StatusCode is not None else 0
        stamp = reading.ms(told.SourceTimestamp) or reading.ms(told.ServerTimestamp) or received
        if event.node.nodeid in self.fresh:
            self.fresh.discard(event.node.nodeid)
            stamp = max(stamp, self.dark_since + 1)
        else:
            self.theirs.said(reading.ms(told.ServerTimestamp) or stamp, received)
        self.theirs.reading(stamp, received)
        self.dark = False
        kind = told.Value.VariantType.name if told.Value is not None else ""
        value = reading.value(event.value, kind, status)
        if reading.worth(status).lost:
            self.intake.refuse(self.source, "overload", excerpt(f"{places[0]}: 服务器队列溢出"))
        await self._offer([Row(device, stamp, {key: value}) for device, key in places], received)

    async def _darken(self) -> None:
        """Without the server nothing is known of its points; said once."""
        if self.dark:
            return
        self.dark, received = True, clock.now_ms()
        self.dark_since = self.theirs.now(received)
        await self._offer([Row(device, self.dark_since, dict.fromkeys(keys, NOTHING))
                           for device, keys in self.given.nodes.items()], received)

    async def _offer(self, rows: list[Row], received: int) -> None:
        """Wait until the intake has room: meanwhile the server's values queue up, and beyond that we resubscribe."""
        while (source := find(self.intake, self.source)) is not None:
            if not take_rows(self.intake, source, rows, received, self.limits, lambda: None).busy:
                return
            await asyncio.sleep(RETRY)

    def _tell(self, event: str) -> None:
        source = find(self.intake, self.source)
        if source is not None:
            self.intake.seen(source, event)


async def _node_id(client: Client, text: str) -> ua.NodeId:
    """A node id, its namespace by index or by URI."""
    if text.startswith("nsu="):
        uri, _, rest = text[4:].partition(";")
        text = f"ns={await client.get_namespace_index(uri)};{rest}"
    return ua.NodeId.from_string(text)


async def _gone(client: Client) -> None:
    """Disconnect without waiting long for a server that is not there."""
    with suppress(*LOST):
        await asyncio.wait_for(client.disconnect(), LOOK)
