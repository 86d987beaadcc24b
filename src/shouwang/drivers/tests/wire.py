"""A bare MQTT client for tests: bytes out, packets in, nothing hidden."""

import asyncio
import ssl
import struct
from typing import Any

from shouwang.drivers.mqtt import packet as p
from shouwang.drivers.mqtt.packet import Frame


def connect(username: str | None = None, password: str | None = None, client_id: str = "c", keep_alive: int = 60,
            version: int = p.V311, clean: bool = True, will: bool = False, properties: bytes = b"") -> bytes:
    """A CONNECT packet."""
    flags = 0x80 * (username is not None) | 0x40 * (password is not None) | 2 * clean | 4 * will
    body = p.text("MQTT") + bytes([version, flags]) + struct.pack("!H", keep_alive)
    if version >= p.V5:
        body += p.varint(len(properties)) + properties
    body += p.text(client_id)
    if will:
        body += (b"\0" if version >= p.V5 else b"") + p.text("gone") + p.text("bye")
    for part in (username, password):
        body += p.text(part) if part is not None else b""
    return p.pack(p.CONNECT, body)


def publish(payload: bytes | str, topic: str = "v1/devices/me/telemetry", qos: int = 1, packet_id: int = 1,
            version: int = p.V311, dup: bool = False) -> bytes:
    """A PUBLISH packet."""
    raw = payload.encode() if isinstance(payload, str) else payload
    body = p.text(topic) + (struct.pack("!H", packet_id) if qos else b"") + (b"\0" if version >= p.V5 else b"") + raw
    return p.pack(p.PUBLISH, body, qos << 1 | 8 * dup)


def subscribe(*topics: str, packet_id: int = 9, version: int = p.V311) -> bytes:
    """A SUBSCRIBE packet, every filter at QoS 1."""
    body = struct.pack("!H", packet_id) + (b"\0" if version >= p.V5 else b"")
    return p.pack(p.SUBSCRIBE, body + b"".join(p.text(t) + b"\1" for t in topics), 2)


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.frames = p.Frames(1 << 24)

    @classmethod
    async def open(cls, port: int, tls: ssl.SSLContext | None = None) -> "Wire":
        """Connect the socket, say nothing."""
        return cls(*await asyncio.open_connection("127.0.0.1", port, ssl=tls,
                                                  server_hostname="localhost" if tls else None))

    @classmethod
    async def login(cls, port: int, token: str, **more: Any) -> "Wire":
        """Connect and be welcomed."""
        wire = await cls.open(port)
        wire.send(connect(token, **more))
        frame = await wire.frame()
        assert frame is not None
        assert frame.type == p.CONNACK
        assert frame.body[1] == 0
        return wire

    def send(self, raw: bytes) -> None:
        """Bytes as they are."""
        self.writer.write(raw)

    async def frame(self, seconds: float = 5.0) -> Frame | None:
        """The next packet; None when the server closed."""
        while (found := next(iter(self.frames), None)) is None:
            try:
                chunk = await asyncio.wait_for(self.reader.read(65536), seconds)
            except ConnectionError:
                return None
            if not chunk:
                return None
            self.frames.feed(chunk)
        return found

    async def acknowledged(self, count: int) -> list[int]:
        """The packet ids of the next PUBACKs, in the order they came."""
        ids = []
        for _ in range(count):
            frame = await self.frame()
            assert frame is not None, "连接被关闭"
            assert frame.type == p.PUBACK
            ids.append(p.read_packet_id(frame.body))
        return ids

    async def silent(self, seconds: float = 0.1) -> bool:
        """Whether nothing comes for a while."""
        try:
            return await self.frame(seconds) is None and False
        except TimeoutError:
            return True

    async def closed(self) -> list[Frame]:
        """Everything said until the server closes."""
        said = []
        while (frame := await self.frame()) is not None:
            said.append(frame)
        return said

    def close(self) -> None:
        """Hang up."""
        self.writer.close()
