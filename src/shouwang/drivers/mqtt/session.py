"""One MQTT connection: who it is, what it publishes, and the acknowledgement once that is on disk."""

import asyncio
import logging
import secrets
import socket
from collections import deque
from collections.abc import Callable
from typing import ClassVar, cast

from paho.mqtt.client import topic_matches_sub

from shouwang.engines.telemetry.plan import Plan
from shouwang.kernel import clock

from ..joint import Letter
from ..scan import DEVICE, GATEWAY, Packet
from ..take import excerpt, take
from . import packet as p
from .answer import answer
from .hall import Hall
from .packet import Broken, Frame

log = logging.getLogger(__name__)
MOST_FILTERS = 200  # subscriptions of one connection
RETRY = 0.1  # seconds until a full intake is asked again
JOINED = {"v1/gateway/telemetry": GATEWAY, "v1/devices/me/telemetry": DEVICE, "v2/t": DEVICE, "v2/t/j": DEVICE}
_CODE = {"malformed": p.PAYLOAD_FORMAT, "unknown_topic": p.TOPIC_NAME}


class Due:
    """An acknowledgement owed. They leave in the order the messages came (MQTT 3.1.1 §4.6)."""

    __slots__ = ("answer", "ready", "size")

    def __init__(self, size: int) -> None:
        self.size, self.ready, self.answer = size, False, b""


class Session(asyncio.Protocol):
    """The life of one connection. A fault in it ends it and nothing else."""

    def __init__(self, hall: Hall) -> None:
        self.hall, self.intake, self.limits = hall, hall.intake, hall.limits
        self.frames = p.Frames(hall.limits.max_connect)
        self.waiting: deque[Frame] = deque()
        self.due: deque[Due] = deque()
        self.undurable = 0
        self.filters: set[str] = set()
        self.awaiting_release: set[int] = set()  # QoS 2 packet ids between PUBREC and PUBREL
        self.version, self.source, self.plan = p.V311, -1, cast(Plan, None)
        self.token = self.client_id = self.name = self.address = ""
        self.patience = 0.0  # seconds of silence allowed; 0 = any
        self.heard = self.began = hall.loop.time()
        self.stuck = self.reading_stopped = self.writing_stopped = False

    # The socket.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A socket was accepted."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else "本机"
        sock = transport.get_extra_info("socket")
        if sock is not None:  # a dead peer is noticed even where the client asked for no keep-alive
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.hall.sessions.add(self)
        if len(self.hall.sessions) > self.limits.connections:
            self.count("too_many_connections", self.address)
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is gone; what it published and is not durable yet stays on its way."""
        self.hall.sessions.discard(self)
        self.hall.paused.discard(self)
        self.waiting.clear()
        self.stuck = False
        if self.name:
            self.hall.leave(self, self.name, self.client_id)
            if self._still_welcome():
                self.intake.seen(self.source, "disconnected")

    def data_received(self, data: bytes) -> None:
        """Bytes came, split or joined as the network pleased."""
        self.heard = self.hall.loop.time()
        self.frames.feed(data)
        self.work()

    def pause_writing(self) -> None:
        """The peer does not read our answers: do not read its messages either."""
        self.writing_stopped = True
        self.breathe()

    def resume_writing(self) -> None:
        """It reads again."""
        self.writing_stopped = False
        self.breathe()

    # Packets.

    def work(self) -> None:
        """Handle every packet that is complete; stop at one the intake has no room for."""
        try:
            while not self.stuck and not self.transport.is_closing():
                frame = self._next()
                if frame is None:
                    break
                self._handle(frame)
        except Broken as e:
            self.count(e.reason, f"{self.address}: {e}")
            self.leave(e.code)
        except Exception:
            self._fault()
        self.breathe()

    def _fault(self) -> None:
        log.exception("处理 %s 的 MQTT 报文时出错,连接已关闭", self.name or self.address)
        self.count("internal", self.address)
        self.leave(p.UNSPECIFIED)

    def _next(self) -> Frame | None:
        return self.waiting.popleft() if self.waiting else next(iter(self.frames), None)

    def _handle(self, frame: Frame) -> None:
        if not self.name:
            if frame.type != p.CONNECT:
                raise Broken("protocol", p.PROTOCOL_ERROR, f"第一个报文应是 CONNECT,收到类型 {frame.type}")
            self._connect(frame)
            return
        if not self._still_welcome():
            raise Broken("revoked", p.NOT_AUTHORISED, "凭据已停用")
        act = self.ACTS.get(frame.type)
        if act is None:
            raise Broken("protocol", p.PROTOCOL_ERROR, f"不应收到类型 {frame.type} 的报文")
        act(self, frame)

    def _connect(self, frame: Frame) -> None:
        try:
            said = p.read_connect(frame.body)
        except Broken as e:
            if e.reason == "unsupported_version":
                self.transport.write(p.connack(p.V311, e.code))
            raise
        self.version = said.version
        if p.AUTH_METHOD in said.properties:
            self._turn_away("bad_credentials", p.BAD_METHOD)
        elif not said.client_id and not said.clean and said.version < p.V5:
            self._turn_away("protocol", p.BAD_CLIENT_ID)
        elif self._log_in(said):
            self._welcome(said)

    def _log_in(self, said: p.Connect) -> bool:
        """Find the source of a credential: the password where one is given, or the user name."""
        now, tokens = self.hall.loop.time(), [t for t in (said.password, said.username) if t]
        if not tokens:
            self._turn_away("bad_credentials", p.NOT_AUTHORISED)
            return False
        for token in tokens:
            may = self.hall.logins.may(self.address, token, now)
            if may and (found := self.intake.find(token)) is not None:
                self.source, self.token, self.plan = found, token, self.intake.plan
                self.hall.logins.worked(self.address, token)
                return True
        if not any(self.hall.logins.may(self.address, token, now) for token in tokens):
            self._turn_away("login_limited", p.TOO_MANY_LOGINS)
            return False
        self.hall.logins.failed(self.address, now)
        self._turn_away("bad_credentials", p.BAD_CREDENTIALS)
        return False

    def _turn_away(self, reason: str, code: int) -> None:
        self.count(reason, self.address)
        self.transport.write(p.connack(self.version, code))
        self.transport.close()

    def _welcome(self, said: p.Connect) -> None:
        properties = b"\x27" + self.limits.max_packet.to_bytes(4, "big")
        if p.SESSION_EXPIRY in said.properties:
            properties += b"\x11" + bytes(4)  # sessions are not kept: the durable log is
        self.client_id = said.client_id
        if not said.client_id:
            self.client_id = f"auto-{secrets.token_hex(8)}"
            properties += b"\x12" + p.text(self.client_id)
        self.name = self.intake.source(self.source).name
        self.patience = 1.5 * said.keep_alive
        self.frames.limit = self.limits.max_packet
        before = self.hall.enter(self, self.name, self.client_id)
        self.transport.write(p.connack(self.version, p.SUCCESS, properties))
        self.intake.seen(self.source, "connected")
        if before is not None:
            before.leave(p.TAKEN_OVER)

    def _still_welcome(self) -> bool:
        """After a change of plan the source is found anew; a credential no longer in it is not welcome."""
        if self.plan is not self.intake.plan:
            found = self.intake.find(self.token)
            if found is None or self.intake.source(found).name != self.name:
                return False
            self.source, self.plan = found, self.intake.plan
        return True

    def _publish(self, frame: Frame) -> None:
        said = p.read_publish(frame, self.version)
        if said.qos == 2 and said.packet_id in self.awaiting_release:
            self.transport.write(p.acknowledge(p.PUBREC, self.version, said.packet_id))
            return
        due = Due(len(frame.body))
        self._owe(due)
        self._reply(said)
        if len(said.topic) > self.limits.max_topic:
            self.count("topic_too_long", said.topic)
            self._durable(due, said, p.TOPIC_NAME)
            return
        kind = JOINED.get(said.topic)
        if kind is None or not self.hall.joint.ready():
            self._offer(frame, said, due)
            return
        packet = Packet(self.source, kind, said.payload, clock.now_ms())
        self.hall.joint.put(Letter(packet, self.plan, lambda: self._durable(due, said, p.SUCCESS),
                                   lambda: self._carefully(said, due, packet.received)))

    def _reply(self, said: p.Publish) -> None:
        """Answer what asks for an answer, where the client listens for it."""
        back = answer(said.topic, said.payload, self.limits)
        if back and any(topic_matches_sub(wanted, back[0]) for wanted in self.filters):
            self.transport.write(p.publish(self.version, *back))

    def _offer(self, frame: Frame, said: p.Publish, due: Due) -> None:
        if not self._take(said, due, clock.now_ms()):
            self._disown(due)
            self._wait(frame)

    def _carefully(self, said: p.Publish, due: Due, received: int) -> bool:
        """As `_take`, within a tick: a fault of ours ends this connection and nothing else."""
        try:
            return self._take(said, due, received)
        except Exception:
            self._fault()
            return True

    def _take(self, said: p.Publish, due: Due, received: int) -> bool:
        """Decode carefully and offer; False when the intake has no room now."""
        if not self._still_welcome():
            self.count("revoked", said.topic)
            self.leave(p.NOT_AUTHORISED)  # unacknowledged
            return True
        refused: dict[str, int] = {}

        def done() -> None:
            self._durable(due, said, next((_CODE[r] for r in refused if r in _CODE), p.SUCCESS))

        # Without readings `done` runs inside take(), before it is known what was refused.
        later: list[Callable[[], None]] = []
        deciding = True
        parcel = take(self.intake, self.source, said.topic, said.payload, received, self.limits,
                      lambda: later.append(done) if deciding else done(), (self.token,))
        deciding = False
        if parcel.busy:
            return False
        refused.update(parcel.refused)
        for act in later:
            act()
        return True

    def _wait(self, frame: Frame) -> None:
        """The intake has no room: keep this packet, read no further, ask again soon."""
        self.waiting.appendleft(frame)
        self.stuck = True
        self.hall.loop.call_later(RETRY, self._again)

    def _again(self) -> None:
        if self.stuck:
            self.stuck = False
            self.work()

    def _owe(self, due: Due) -> None:
        self.due.append(due)
        self.undurable += due.size
        self.hall.undurable += due.size

    def _disown(self, due: Due) -> None:
        self.due.pop()
        self._lighten(due.size)

    def _lighten(self, size: int) -> None:
        self.undurable -= size
        self.hall.undurable -= size

    def _durable(self, due: Due, said: p.Publish, code: int) -> None:
        """A message is on disk (or has nothing to be there): acknowledge it when those before it are."""
        if said.qos:
            kind = p.PUBACK if said.qos == 1 else p.PUBREC
            due.answer = p.acknowledge(kind, self.version, said.packet_id, code)
            if said.qos == 2 and code < 0x80:
                self.awaiting_release.add(said.packet_id)
        due.ready = True
        out = []
        while self.due and self.due[0].ready:
            first = self.due.popleft()
            self._lighten(first.size)
            out.append(first.answer)
        answer = b"".join(out)
        if answer and not self.transport.is_closing():
            self.transport.write(answer)
        self.breathe()
        self.hall.relieve()

    def _release(self, frame: Frame) -> None:
        packet_id = p.read_packet_id(frame.body)
        self.awaiting_release.discard(packet_id)
        self.transport.write(p.acknowledge(p.PUBCOMP, self.version, packet_id))

    def _subscribe(self, frame: Frame) -> None:
        packet_id, wanted = p.read_subscribe(frame.body, self.version)
        self.filters.update(topic for topic, _ in wanted)
        if len(self.filters) > MOST_FILTERS:
            raise Broken("protocol", p.TOPIC_FILTER, "订阅过多")
        self.transport.write(p.suback(self.version, packet_id, [min(qos, 1) for _, qos in wanted]))

    def _unsubscribe(self, frame: Frame) -> None:
        packet_id, topics = p.read_unsubscribe(frame.body, self.version)
        self.filters.difference_update(topics)
        self.transport.write(p.unsuback(self.version, packet_id, len(topics)))

    def _ping(self, frame: Frame) -> None:
        self.transport.write(p.pack(p.PINGRESP))

    def _goodbye(self, frame: Frame) -> None:
        self.transport.close()

    ACTS: ClassVar[dict[int, Callable[["Session", Frame], None]]] = {
        p.PUBLISH: _publish, p.PUBREL: _release, p.SUBSCRIBE: _subscribe, p.UNSUBSCRIBE: _unsubscribe,
        p.PINGREQ: _ping, p.DISCONNECT: _goodbye,
    }

    # Pressure, silence, end.

    def breathe(self) -> None:
        """Read the socket or not, by what is undurable, what the peer leaves unread, what the intake has."""
        heavy = self.undurable > self.limits.undurable // (2 if self.reading_stopped else 1)
        stop = self.stuck or self.writing_stopped or heavy or self.hall.full()
        if stop == self.reading_stopped or self.transport.is_closing():
            return
        self.reading_stopped = stop
        if stop:
            self.transport.pause_reading()
            self.hall.paused.add(self)
        else:
            self.heard = self.hall.loop.time()  # its silence was ours
            self.hall.paused.discard(self)
            self.transport.resume_reading()

    def check_silence(self, now: float) -> None:
        """Close a connection that broke its keep-alive (×1.5, §3.1.2.10) or never said CONNECT."""
        if not self.name:
            if now - self.began > self.limits.connect_within:
                self.count("protocol", f"{self.address}: 未在时限内发送 CONNECT")
                self.transport.abort()
        elif self.patience and not self.reading_stopped and now - self.heard > self.patience:
            self.count("keep_alive", f"{self.address}: 静默 {now - self.heard:.0f} 秒")
            self.leave(p.KEEP_ALIVE)

    def leave(self, code: int) -> None:
        """End this connection, in MQTT 5 saying why."""
        if self.transport.is_closing():
            return
        if self.version >= p.V5 and self.name:
            self.transport.write(p.disconnect(code))
        self.transport.close()

    def count(self, reason: str, what: str) -> None:
        """Count a refusal under the source's name, or the address while nobody is known."""
        self.intake.refuse(self.name or self.address, reason, excerpt(what, (self.token,)))
