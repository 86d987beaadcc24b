"""Subscription to an external broker: its messages are acknowledged to it only once they are durable here.

`mqtt://user:password@host:port/?topic=site/%23&source=NAME` (several topic=…&source=… pairs;
mqtts:// for TLS with `ca=FILE`; `client=ID` for a fixed client id). What matches a filter comes in
as the source of that name.
"""

import asyncio
import hashlib
import logging
import socket
from collections import deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from ..limits import DEFAULT, Limits
from ..take import take_as
from ..thingsboard import kind_of

log = logging.getLogger(__name__)
RETRY = 0.1  # seconds until a full intake is asked again
LOOK = 1.0  # seconds between looks for sources not yet in the plan


class Feed(NamedTuple):
    """One subscription: a topic filter and the source its messages belong to."""

    topic: str
    source: str


@dataclass(frozen=True)
class Broker:
    """Where to subscribe to what, with which credential."""

    host: str
    port: int
    tls: bool
    feeds: tuple[Feed, ...]
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: str | None = None
    client_id: str = ""


def parse_url(url: str) -> Broker:
    """A broker from its URL; what is missing or does not pair up is a BadInput."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as e:
        raise BadInput(f"SHOUWANG_MQTT_BROKER 写得不对: {e}") from None
    asked = parse_qs(parts.query.replace("+", "%2B"))  # a plus is a wildcard here, not a space
    topics, sources = asked.get("topic", []), asked.get("source", [])
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise BadInput("SHOUWANG_MQTT_BROKER 应形如 mqtt://用户:密码@主机:端口/?topic=site/%23&source=来源名")
    if not topics or len(topics) != len(sources):
        raise BadInput("SHOUWANG_MQTT_BROKER 中每个 topic= 都要配一个 source=,且至少一对;# 要写成 %23")
    tls = parts.scheme == "mqtts"
    here = f"{socket.gethostname()}{parts.hostname}{port}{parts.query}"
    made = hashlib.sha256(here.encode()).hexdigest()
    feeds = tuple(map(Feed, topics, sources))
    return Broker(parts.hostname, port or (8883 if tls else 1883), tls, feeds,
                  unquote(parts.username) if parts.username else None,
                  unquote(parts.password) if parts.password else None,
                  asked.get("ca", [None])[0], asked.get("client", [f"shouwang-{made[:12]}"])[0])


def place(topic: str, feed: Feed) -> tuple[tuple[str, bool] | None, str | None]:
    """What a topic of a feed carries: ((kind, gateway API) or None, device named by the topic or None).

    A ThingsBoard topic counts as itself, also behind the filter's fixed beginning; behind it `<device>`,
    `<device>/telemetry` and `<device>/attributes` name the device; the beginning alone is the source itself.
    """
    fixed = feed.topic.split("#")[0].split("+")[0]
    rest = topic[len(fixed):] if topic.startswith(fixed) else "" if topic == fixed.rstrip("/") else topic
    for candidate in (topic, rest):
        if kind := kind_of(candidate):
            return kind, None
    device, kind_word = rest, "telemetry"
    if rest.endswith(("/telemetry", "/attributes")):
        device, _, kind_word = rest.rpartition("/")
    return ((kind_word, False), device or None) if "/" not in device else (None, None)


class Subscription:
    """A client of one broker. paho keeps its socket in its own thread; everything of ours runs on the loop."""

    def __init__(self, intake: Intake, broker: Broker, limits: Limits) -> None:
        self.intake, self.broker, self.limits = intake, broker, limits
        self.loop = asyncio.get_running_loop()
        self.held: deque[tuple[int, paho.MQTTMessage]] = deque()  # the intake had no room for these
        self.undurable = 0
        self.generation = 0  # of the connection: an old packet id must not answer a new message
        self.connected = False
        self.client = self._client()

    def _client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self.broker.client_id, clean_session=False,
                             manual_ack=True)
        if self.broker.username is not None:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self.broker.tls:
            client.tls_set(self.broker.ca)
        client.reconnect_delay_set(1, 60)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message = lambda _c, _u, message: self._on_loop(self._came, self.generation, message)
        return client

    async def run(self) -> None:
        """Wait until every configured source is in the plan, then follow the broker until cancelled."""
        await self._wait_for_sources()
        self.client.connect_async(self.broker.host, self.broker.port, keepalive=30)
        self.client.loop_start()
        try:
            await asyncio.Event().wait()
        finally:
            self.client.disconnect()
            await asyncio.shield(asyncio.to_thread(self.client.loop_stop))

    async def _wait_for_sources(self) -> None:
        told: set[str] = set()
        while missing := {f.source for f in self.broker.feeds if self._source(f.source) is None}:
            if missing - told:
                log.warning("外部 MQTT 订阅的来源 %s 还没有登记,登记后才开始接收", "、".join(sorted(missing)))
                told |= missing
            await asyncio.sleep(LOOK)

    def _on_loop(self, act: Any, *args: Any) -> None:
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(act, *args)

    # Called in paho's thread.

    def _on_connect(self, client: paho.Client, _u: Any, _flags: Any, code: Any, _props: Any) -> None:
        self.generation += 1
        if code.is_failure:
            log.warning("外部 MQTT 服务器 %s:%s 拒绝连接: %s", self.broker.host, self.broker.port, code)
            return
        client.subscribe([(feed.topic, 1) for feed in self.broker.feeds])
        self._on_loop(self._tell, True)

    def _on_disconnect(self, _c: paho.Client, _u: Any, _flags: Any, code: Any, _props: Any) -> None:
        if code.is_failure:
            log.warning("与外部 MQTT 服务器 %s:%s 的连接断开(%s),将自动重连",
                        self.broker.host, self.broker.port, code)
        self._on_loop(self._tell, False)

    # Called on the event loop.

    def _tell(self, connected: bool) -> None:
        if connected == self.connected:
            return
        self.connected = connected
        for name in {feed.source for feed in self.broker.feeds}:
            if (source := self._source(name)) is not None:
                self.intake.seen(source, "connected" if connected else "disconnected")

    def _source(self, name: str) -> int | None:
        return next((i for i, s in enumerate(self.intake.plan.sources) if s.name == name), None)

    def _feed(self, topic: str) -> Feed | None:
        return next((f for f in self.broker.feeds if paho.topic_matches_sub(f.topic, topic)), None)

    def _came(self, generation: int, message: paho.MQTTMessage) -> None:
        feed = self._feed(message.topic)
        size = len(message.payload)
        if message.qos == 0 and self.undurable + size > self.limits.undurable:
            self.intake.refuse(feed.source if feed else self.broker.host, "overload", message.topic)
            return
        self.undurable += size
        if self.held:
            self.held.append((generation, message))
        elif not self._take(generation, message, feed):
            self.held.append((generation, message))
            self.loop.call_later(RETRY, self._again)

    def _again(self) -> None:
        while self.held:
            generation, message = self.held[0]
            if not self._take(generation, message, self._feed(message.topic)):
                self.loop.call_later(RETRY, self._again)
                return
            self.held.popleft()

    def _take(self, generation: int, message: paho.MQTTMessage, feed: Feed | None) -> bool:
        """False when the intake has no room now."""

        def done() -> None:
            self.undurable -= len(message.payload)
            if message.qos and generation == self.generation:
                self.client.ack(message.mid, message.qos)

        source = self._source(feed.source) if feed else None
        if feed is None or source is None:
            self.intake.refuse(feed.source if feed else self.broker.host, "unknown_source", message.topic)
            done()
            return True
        kind, device = place(message.topic, feed)
        if len(message.payload) > self.limits.max_packet:
            self.intake.refuse(feed.source, "packet_too_big", message.topic)
            done()
            return True
        payload = bytes(message.payload)
        return not take_as(self.intake, source, kind, payload, clock.now_ms(), self.limits, done,
                           topic=message.topic, device=device).busy


async def follow(intake: Intake, url: str, limits: Limits = DEFAULT) -> "asyncio.Task[None]":
    """Follow an external broker; cancel the task to stop. Raises BadInput for a URL that cannot be."""
    subscription = Subscription(intake, parse_url(url), limits)
    return asyncio.create_task(subscription.run(), name=f"mqtt {subscription.broker.host}")
