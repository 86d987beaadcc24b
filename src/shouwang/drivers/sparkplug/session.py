"""The host application on the event loop: messages of the broker → state → intake, rebirth requests back.

Births and data travel at QoS 0 and cannot be asked for again one by one; what does not fit into the intake waits
here up to `limits.undurable` bytes, beyond that it is dropped and counted, and the gap in `seq` brings a rebirth.
"""

import hashlib
import logging
import math
import socket
from collections import deque

import msgspec
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from shouwang.engines.telemetry.seam import Intake
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput

from ..configured import Setting
from ..limits import Limits
from ..mqtt.subscribe import RETRY, Broker, Feed, Subscription
from ..rows import Malformed, Row
from ..take import excerpt, take_rows
from . import packet
from .state import MOST_NODES, Heard, Nodes

log = logging.getLogger(__name__)


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `options:` of drivers.yaml may say."""

    groups: list[str] = []  # Sparkplug groups to follow; all of them unless told
    username: str | None = None
    password: str | None = None
    tls: bool = False
    ca: str | None = None
    client: str = ""
    host_id: str = ""  # announce us as this (primary) host application under STATE
    answer_within: float = 10.0  # [D] seconds a node has to be born after we asked; then it has no data
    ask_again: float = 10.0  # [D] seconds between rebirth requests to one node


def options(setting: Setting) -> Options:
    """The options of a setting; a wrong one is a BadInput that names it."""
    try:
        found = msgspec.convert(setting.options, Options)
    except msgspec.ValidationError as wrong:
        raise BadInput(f"drivers.yaml 中 sparkplug 的 options 不对:{wrong}") from None
    if bad := [word for word in (*found.groups, found.host_id) if any(c in word for c in "/+#")]:
        raise BadInput(f"drivers.yaml 中 sparkplug 的 groups 与 host_id 不能含 / + #:{bad[0]!r}")
    return found


def broker_of(setting: Setting, given: Options) -> Broker:
    """Where to subscribe to what."""
    feeds = tuple(Feed(f"{packet.NAMESPACE}/{group}/#", setting.source) for group in given.groups or ["+"])
    here = f"{socket.gethostname()}{setting}"
    client = given.client or f"shouwang-{hashlib.sha256(here.encode()).hexdigest()[:12]}"
    return Broker(setting.host, setting.port or (8883 if given.tls else 1883), given.tls, feeds,
                  given.username, given.password, given.ca, client)


class Host(Subscription):
    """A Sparkplug host application."""

    def __init__(self, intake: Intake, setting: Setting, given: Options, limits: Limits) -> None:
        self.given, self.nodes = given, Nodes()
        self.since, self.gone = clock.now_ms(), False
        self.waiting: deque[tuple[Heard, int, int]] = deque()  # (heard, received, bytes) the intake had no room for
        self.asked: dict[str, float] = {}  # edge node → loop time of the last rebirth request
        self.due: set[str] = set()  # edge nodes to be asked again later
        self.dark: set[str] = set()  # edge nodes that were told to have no data and not heard of since
        super().__init__(intake, broker_of(setting, given), limits)
        self.loop.call_later(given.answer_within, self._unanswered)

    def _client(self) -> paho.Client:
        client = paho.Client(CallbackAPIVersion.VERSION2, self.broker.client_id, clean_session=True)
        if self.broker.username is not None:
            client.username_pw_set(self.broker.username, self.broker.password)
        if self.broker.tls:
            client.tls_set(self.broker.ca)
        if self.given.host_id:
            client.will_set(self._state_topic(), self._state(False), 1, True)
        client.reconnect_delay_set(1, 60)
        client.on_connect, client.on_disconnect = self._on_connect, self._on_disconnect
        client.on_message = lambda _c, _u, message: self._on_loop(self._came, self.generation, message)
        return client

    def leave(self) -> None:
        """Say goodbye where we are announced; take nothing more."""
        self.gone = True
        if self.given.host_id and self.connected:
            self.client.publish(self._state_topic(), self._state(False), 1, True)

    def _state_topic(self) -> str:
        return f"{packet.NAMESPACE}/{packet.STATE}/{self.given.host_id}"

    def _state(self, online: bool) -> bytes:
        return msgspec.json.encode({"online": online, "timestamp": self.since})

    def _tell(self, connected: bool) -> None:
        changed = connected != self.connected
        super()._tell(connected)
        if not changed or self.gone:
            return
        self.nodes.forget()
        if connected:
            if self.given.host_id:
                self.client.publish(self._state_topic(), self._state(True), 1, True)
            self.asked.clear()
            for edge in self._registered():
                self._ask(edge)
        self.loop.call_later(self.given.answer_within, self._unanswered)

    def _registered(self) -> list[str]:
        """The edge nodes whose points are registered."""
        source = self._source(self.broker.feeds[0].source)
        addresses = self.intake.source(source).addresses if source is not None else {}
        followed = {"/".join(device.split("/")[:2]) for device in addresses if "/" in device}
        groups = self.given.groups
        return sorted(edge for edge in followed if not groups or edge.split("/")[0] in groups)

    def _unanswered(self) -> None:
        """Nodes that were not born since we asked, or since the broker was lost, have no data."""
        now = clock.now_ms()
        for edge in self._registered() if not self.gone else ():
            if not self.nodes.born(edge) and edge not in self.dark:
                self.dark.add(edge)
                self._bring(Heard([], [], (edge,), self.nodes.died(edge, now)), now, 0)

    def _ask(self, edge: str) -> None:
        """Ask an edge node for its births, not too often."""
        now = self.loop.time()
        wait = self.asked.get(edge, -math.inf) + self.given.ask_again - now
        if wait > 0:
            if edge not in self.due:
                self.due.add(edge)
                self.loop.call_later(wait, self._ask_still, edge)
            return
        if len(self.asked) > MOST_NODES:
            self.asked.clear()
        self.asked[edge] = now
        if edge not in self._registered():
            return
        group, node = edge.split("/")
        self.client.publish(f"{packet.NAMESPACE}/{group}/NCMD/{node}", packet.rebirth(clock.now_ms()), 0)

    def _ask_still(self, edge: str) -> None:
        self.due.discard(edge)
        if not self.gone and not self.nodes.born(edge):
            self._ask(edge)

    def _came(self, generation: int, message: paho.MQTTMessage) -> None:
        topic, size = packet.topic(message.topic), len(message.payload)
        name = self.broker.feeds[0].source
        if generation != self.generation or topic is None or self.gone:
            if topic is None and not message.topic.startswith(f"{packet.NAMESPACE}/{packet.STATE}/"):
                self.intake.refuse(name, "unknown_topic", excerpt(message.topic))
            return
        if size > self.limits.max_packet:
            self.intake.refuse(name, "packet_too_big", excerpt(message.topic))
        elif self.undurable + size > self.limits.undurable and not topic.type.endswith("DEATH"):
            self.intake.refuse(name, "overload", excerpt(message.topic))
        else:
            self._hear(topic, bytes(message.payload))

    def _hear(self, topic: packet.Topic, payload: bytes) -> None:
        now = clock.now_ms()
        self.dark.discard(topic.edge)
        try:
            heard = self.nodes.hear(topic, payload, now)
        except Malformed as wrong:
            heard = Heard([], [("malformed", f"{topic.whose}: {wrong}")], rebirth=True)
        if heard.rebirth:
            self._ask(topic.edge)
        self._bring(heard, now, len(payload))

    def _bring(self, heard: Heard, received: int, size: int) -> None:
        """Offer what was heard, in order; what finds no room waits."""
        self.undurable += size
        self.waiting.append((heard, received, size))
        if len(self.waiting) == 1:
            self._on()

    def _on(self) -> None:
        while self.waiting and not self.gone:
            if not self._offer(*self.waiting[0]):
                self.loop.call_later(RETRY, self._on)
                return
            self.waiting.popleft()

    def _offer(self, heard: Heard, received: int, size: int) -> bool:
        """False when the intake has no room now."""

        def done() -> None:
            self.undurable -= size

        source = self._source(self.broker.feeds[0].source)
        if source is None:
            self.intake.refuse(self.broker.feeds[0].source, "unknown_source", "")
            done()
            return True
        rows = [*_silent(self.intake.source(source).addresses, heard), *heard.rows]
        return not take_rows(self.intake, source, rows, received, self.limits, done, heard.refused).busy


def _silent(addresses: dict[str, dict[str, int]], heard: Heard) -> list[Row]:
    """No data for every registered point of what died: of a node its devices' points too."""
    return [Row(device, heard.died, {key: {"value": 0, "quality": "no_data"} for key in keys})
            for device, keys in addresses.items()
            if any(device == dead or device.startswith(f"{dead}/") for dead in heard.dead)]
