"""MQTT control packets, 3.1, 3.1.1 and 5: bytes to packets and back. No sockets, no readings.

Layouts: OASIS MQTT 3.1.1 (2014) and 5.0 (2019), chapters 2 and 3.
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

(CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, SUBACK,
 UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH) = range(1, 16)
V31, V311, V5 = 3, 4, 5

# Reason codes of MQTT 5, §2.4.
SUCCESS, UNSPECIFIED, MALFORMED_PACKET, PROTOCOL_ERROR, NOT_THIS_VERSION = 0x00, 0x80, 0x81, 0x82, 0x84
BAD_CLIENT_ID, BAD_CREDENTIALS, NOT_AUTHORISED, SERVER_BUSY, BAD_METHOD = 0x85, 0x86, 0x87, 0x89, 0x8C
KEEP_ALIVE, TAKEN_OVER, TOPIC_FILTER, TOPIC_NAME = 0x8D, 0x8E, 0x8F, 0x90
ALIAS_INVALID, TOO_LARGE, PAYLOAD_FORMAT, SHUTTING_DOWN, TOO_MANY_LOGINS = 0x94, 0x95, 0x99, 0x8B, 0x9F
# The same refusals as a CONNACK return code of 3.1.1, §3.2.2.3.
_OLD_CODE = {SUCCESS: 0, NOT_THIS_VERSION: 1, BAD_CLIENT_ID: 2, SERVER_BUSY: 3, TOO_MANY_LOGINS: 3,
             BAD_CREDENTIALS: 4, NOT_AUTHORISED: 5}
_MUST_FLAGS = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}

# Property id → wire type, MQTT 5 §2.2.2.2: b byte, h 2 bytes, i 4 bytes, v varint, s text, x binary, p pair.
_PROPERTY = {
    0x01: "b", 0x02: "i", 0x03: "s", 0x08: "s", 0x09: "x", 0x0B: "v", 0x11: "i", 0x12: "s",
    0x13: "h", 0x15: "s", 0x16: "x", 0x17: "b", 0x18: "i", 0x19: "b", 0x1A: "s", 0x1C: "s",
    0x1F: "s", 0x21: "h", 0x22: "h",
    0x23: "h", 0x24: "b", 0x25: "b", 0x26: "p", 0x27: "i", 0x28: "b", 0x29: "b", 0x2A: "b",
}
ALIAS, AUTH_METHOD, SESSION_EXPIRY, ASSIGNED_ID, MAX_PACKET, REASON_TEXT = 0x23, 0x15, 0x11, 0x12, 0x27, 0x1F
_MAY_REPEAT = {0x26, 0x0B}


class Broken(Exception):
    """The peer broke the protocol, the connection must end: the `reason` counted, the MQTT 5 `code`."""

    def __init__(self, reason: str, code: int, text: str) -> None:
        super().__init__(text)
        self.reason, self.code = reason, code


def malformed(text: str) -> Broken:
    """A packet that cannot be read."""
    return Broken("malformed_packet", MALFORMED_PACKET, text)


class Frame(NamedTuple):
    """One control packet: its type, the four flag bits, the bytes after the fixed header."""

    type: int
    flags: int
    body: bytes


class Frames:
    """Cuts a byte stream into control packets, wherever the stream was split or joined."""

    def __init__(self, limit: int) -> None:
        self.limit = limit  # bytes of body; may be raised once the peer is known
        self._held = bytearray()

    def feed(self, chunk: bytes) -> None:
        """Add bytes as they came."""
        self._held += chunk

    def __iter__(self) -> Iterator[Frame]:
        """The packets complete by now. Raises Broken at a bad header or a body beyond the limit."""
        held = self._held
        while (cut := self._cut()) is not None:
            start, end = cut
            frame = Frame(held[0] >> 4, held[0] & 15, bytes(held[start:end]))
            del held[:end]
            yield frame

    def _cut(self) -> tuple[int, int] | None:
        """Where the body of the first packet starts and ends; None while it is incomplete."""
        length, held = 0, self._held
        for i in range(1, min(len(held), 5)):
            length |= (held[i] & 0x7F) << 7 * (i - 1)
            if held[i] < 0x80:
                self._check(held[0], length)
                end = i + 1 + length
                return (i + 1, end) if len(held) >= end else None
        if len(held) >= 5:
            raise malformed("剩余长度超过四字节")
        return None

    def _check(self, first: int, length: int) -> None:
        kind, flags = first >> 4, first & 15
        if kind == 0 or (kind != PUBLISH and flags != _MUST_FLAGS.get(kind, 0)):
            raise malformed(f"固定报头 0x{first:02x} 不合法")
        if length > self.limit:
            raise Broken("packet_too_big", TOO_LARGE, f"报文 {length} 字节,超过上限 {self.limit} 字节")


class Reader:
    """Reads the fields of one packet body; running past the end is Broken."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        start, self.at = self.at, self.at + size
        if self.at > len(self.body):
            raise malformed("报文不完整")
        return self.body[start:self.at]

    def byte(self) -> int:
        """One byte."""
        return self.take(1)[0]

    def number(self, size: int) -> int:
        """A big-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "big")

    def binary(self) -> bytes:
        """Bytes with a two-byte length before them."""
        return self.take(self.number(2))

    def text(self) -> str:
        """UTF-8 with a two-byte length; a NUL or bad UTF-8 is Broken (§1.5.4)."""
        try:
            text = self.binary().decode()
        except UnicodeDecodeError:
            raise malformed("字符串不是 UTF-8") from None
        if "\0" in text:
            raise malformed("字符串含空字符")
        return text

    def varint(self) -> int:
        """A variable byte integer of at most four bytes."""
        value = 0
        for i in range(4):
            b = self.byte()
            value |= (b & 0x7F) << 7 * i
            if b < 0x80:
                return value
        raise malformed("变长整数超过四字节")

    def rest(self) -> bytes:
        """Everything left."""
        return self.take(len(self.body) - self.at)

    @property
    def left(self) -> int:
        """How many bytes are left."""
        return len(self.body) - self.at

    def packet_id(self) -> int:
        """A packet identifier; 0 is Broken."""
        found = self.number(2)
        if not found:
            raise malformed("报文标识符为 0")
        return found

    def properties(self, version: int) -> dict[int, Any]:
        """The property block of MQTT 5, {} in older versions. Repeated user properties: the last is kept."""
        found: dict[int, Any] = {}
        if version < V5:
            return found
        size = self.varint()
        inner = Reader(self.take(size))
        while inner.left:
            key = inner.varint()
            kind = _PROPERTY.get(key)
            if kind is None:
                raise malformed(f"属性 0x{key:02x} 不认识")
            if key in found and key not in _MAY_REPEAT:
                raise Broken("malformed_packet", PROTOCOL_ERROR, f"属性 0x{key:02x} 重复")
            found[key] = _READ[kind](inner)
        return found


_READ: dict[str, Callable[[Reader], Any]] = {
    "b": Reader.byte, "h": lambda r: r.number(2), "i": lambda r: r.number(4), "v": Reader.varint,
    "s": Reader.text, "x": Reader.binary, "p": lambda r: (r.text(), r.text()),
}


class Connect(NamedTuple):
    """Who wants to speak, and how."""

    version: int
    client_id: str
    username: str | None
    password: str | None
    keep_alive: int  # seconds, 0 = none
    clean: bool
    properties: dict[int, Any]


def read_connect(body: bytes) -> Connect:
    """CONNECT, with its will read and dropped. Raises Broken; an unknown version says so."""
    r = Reader(body)
    name, level = r.text(), r.byte() & 0x7F  # mosquitto's bridge sets the highest bit
    if (name, level) not in {("MQTT", V311), ("MQTT", V5), ("MQIsdp", V31)}:
        raise Broken("unsupported_version", NOT_THIS_VERSION, f"协议 {name[:12]!r} 版本 {level} 不支持")
    flags, keep_alive = r.byte(), r.number(2)
    if flags & 1 or flags >> 3 & 3 == 3 or (not flags & 4 and flags & 0x38) or (
            level < V5 and flags & 0x40 and not flags & 0x80):
        raise malformed("CONNECT 标志位不合法")
    properties = r.properties(level)
    client_id = r.text()
    if flags & 4:
        r.properties(level)
        r.text()
        r.binary()
    username = r.text() if flags & 0x80 else None
    password = r.binary().decode("utf-8", "replace") if flags & 0x40 else None
    if r.left:
        raise malformed("CONNECT 末尾有多余字节")
    return Connect(level, client_id, username, password, keep_alive, bool(flags & 2), properties)


class Publish(NamedTuple):
    """One message published. `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    qos: int
    dup: bool
    packet_id: int


def read_publish(frame: Frame, version: int) -> Publish:
    """PUBLISH. Wildcards in the topic, QoS 3 and topic aliases (none were offered) are Broken."""
    qos, r = frame.flags >> 1 & 3, Reader(frame.body)
    if qos == 3:
        raise malformed("QoS 3 不存在")
    topic = r.text()
    packet_id = r.packet_id() if qos else 0
    if ALIAS in r.properties(version):
        raise Broken("protocol", ALIAS_INVALID, "未提供主题别名")
    if not topic or "#" in topic or "+" in topic:
        raise Broken("malformed_packet", TOPIC_NAME, "主题为空或含通配符")
    return Publish(topic, r.rest(), qos, bool(frame.flags & 8), packet_id)


def read_packet_id(body: bytes) -> int:
    """The packet identifier that PUBACK, PUBREC, PUBREL and PUBCOMP begin with."""
    return Reader(body).packet_id()


def read_subscribe(body: bytes, version: int) -> tuple[int, list[tuple[str, int]]]:
    """(packet id, [(topic filter, wanted QoS)])."""
    r = Reader(body)
    packet_id, wanted = r.packet_id(), []
    r.properties(version)
    while r.left:
        topic, options = r.text(), r.byte()
        if options & 3 == 3 or (version < V5 and options & 0xFC):
            raise malformed("订阅选项不合法")
        wanted.append((topic, options & 3))
    if not wanted:
        raise malformed("订阅为空")
    return packet_id, wanted


def read_unsubscribe(body: bytes, version: int) -> tuple[int, list[str]]:
    """(packet id, topic filters)."""
    r = Reader(body)
    packet_id, topics = r.packet_id(), []
    r.properties(version)
    while r.left:
        topics.append(r.text())
    if not topics:
        raise malformed("取消订阅为空")
    return packet_id, topics


def varint(n: int) -> bytes:
    """A variable byte integer."""
    out = bytearray()
    while True:
        n, low = n >> 7, n & 0x7F
        out.append(low | (0x80 if n else 0))
        if not n:
            return bytes(out)


def pack(kind: int, body: bytes = b"", flags: int = 0) -> bytes:
    """One control packet."""
    return bytes([kind << 4 | flags]) + varint(len(body)) + body


def text(s: str) -> bytes:
    """UTF-8 with a two-byte length before it."""
    raw = s.encode()
    return struct.pack("!H", len(raw)) + raw


def connack(version: int, code: int, properties: bytes = b"") -> bytes:
    """The answer to CONNECT. `code` is a reason code of MQTT 5, translated for the older versions."""
    if version < V5:
        return pack(CONNACK, bytes([0, _OLD_CODE.get(code, 5)]))
    return pack(CONNACK, bytes([0, code]) + varint(len(properties)) + properties)


def publish(version: int, topic: str, payload: bytes) -> bytes:
    """A message of the server at QoS 0."""
    return pack(PUBLISH, text(topic) + (b"\0" if version >= V5 else b"") + payload)


def acknowledge(kind: int, version: int, packet_id: int, code: int = SUCCESS) -> bytes:
    """PUBACK, PUBREC, PUBREL or PUBCOMP."""
    body = struct.pack("!H", packet_id)
    if version >= V5 and code:
        body += bytes([code])
    return pack(kind, body, _MUST_FLAGS.get(kind, 0))


def suback(version: int, packet_id: int, codes: list[int]) -> bytes:
    """One granted QoS (or 0x80) a filter."""
    return pack(SUBACK, struct.pack("!H", packet_id) + (b"\0" if version >= V5 else b"") + bytes(codes))


def unsuback(version: int, packet_id: int, count: int) -> bytes:
    """The answer to UNSUBSCRIBE of `count` filters."""
    return pack(UNSUBACK, struct.pack("!H", packet_id) + (bytes(1 + count) if version >= V5 else b""))


def disconnect(code: int) -> bytes:
    """DISCONNECT by the server, which only MQTT 5 knows."""
    return pack(DISCONNECT, bytes([code]))
