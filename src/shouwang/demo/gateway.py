"""One made-up gateway on the wire: a small MQTT 3.1.1 client (OASIS 2014) that keeps what was not acknowledged."""

import asyncio
import contextlib
import struct

KEEP_ALIVE_S = 60
MOST_WAITING = (
    60  # unacknowledged messages kept for the next connection; older ones are dropped, as a small gateway would
)  # unacknowledged messages kept for the next connection; older ones are dropped, as a small gateway would
TOPIC = b"v1/gateway/telemetry"
CONNECT, CONNACK, PUBLISH, PUBACK, PINGREQ, DISCONNECT = 0x10, 0x20, 0x32, 0x40, b"\xc0\x00", b"\xe0\x00"


class Refused(Exception):
    """The endpoint answered the CONNECT with an error code."""


def packet(head: int, body: bytes) -> bytes:
    """Fixed header with the remaining length, then the body."""
    length, out = len(body), bytearray([head])
    while True:
        length, digit = divmod(length, 128)
        out.append(digit | (0x80 if length else 0))
        if not length:
            return bytes(out) + body


def text(value: str) -> bytes:
    """A length-prefixed UTF-8 string."""
    raw = value.encode()
    return struct.pack(">H", len(raw)) + raw


class Gateway:
    """A gateway with its token: connects, publishes with QoS 1, counts what came back."""

    def __init__(self, name: str, token: str) -> None:
        self.name, self.token = name, token
        self.sent = self.acknowledged = self.dropped = 0
        self._id = 0
        self._waiting: dict[int, bytes] = {}
        self._writer: asyncio.StreamWriter | None = None

    @property
    def connected(self) -> bool:
        """Whether messages go out at once."""
        return self._writer is not None

    def publish(self, payload: bytes) -> None:
        """Send one telemetry message, or keep it until the connection is back."""
        self._id = self._id % 65535 + 1
        self._waiting[self._id] = payload
        self.sent += 1
        if len(self._waiting) > MOST_WAITING:
            del self._waiting[next(iter(self._waiting))]
            self.dropped += 1
        if self._writer is not None:
            self._writer.write(self._message(self._id, payload, PUBLISH))

    def _message(self, number: int, payload: bytes, head: int) -> bytes:
        return packet(head, struct.pack(">H", len(TOPIC)) + TOPIC + struct.pack(">H", number) + payload)

    async def serve(self, host: str, port: int) -> None:
        """One connection: CONNECT, resend what waits, then take acknowledgements, until OSError or Refused."""
        reader, writer = await asyncio.open_connection(host, port)
        try:
            head = text("MQTT") + bytes([4, 0x82]) + struct.pack(">H", KEEP_ALIVE_S)
            writer.write(packet(CONNECT, head + text(self.name) + text(self.token)))
            first = await asyncio.wait_for(reader.readexactly(4), 20)
            if first[0] != CONNACK or first[3] != 0:
                raise Refused(f"{self.name}: CONNACK {first[3]}")
            for number, payload in list(self._waiting.items()):
                writer.write(self._message(number, payload, PUBLISH | 0x08))
            self._writer = writer
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(reader))
                tasks.create_task(self._ping(writer))
        except* (OSError, asyncio.IncompleteReadError, TimeoutError) as lost:
            raise ConnectionError(str(lost.exceptions[0])) from None
        finally:
            self._writer = None
            writer.close()

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        while True:
            head, length = await reader.readexactly(2)
            body = await reader.readexactly(length)  # PUBACK and PINGRESP are shorter than 128 bytes
            if head == PUBACK and self._waiting.pop(struct.unpack(">H", body[:2])[0], None) is not None:
                self.acknowledged += 1

    async def _ping(self, writer: asyncio.StreamWriter) -> None:
        while True:
            await asyncio.sleep(KEEP_ALIVE_S / 2)
            writer.write(PINGREQ)
            await writer.drain()

    def close(self) -> None:
        """Say goodbye, if there is anybody."""
        if self._writer is not None:
            with contextlib.suppress(OSError):
                self._writer.write(DISCONNECT)
                self._writer.close()
