"""GB/T 26875.3-2011 on the wire: `@@` head application-data sum `##`. Bytes ↔ frames; no sockets, no clock.

Head: serial (2, little endian), version (2), time (6: s min h d month year-2000), source and target address (6 each,
little endian), length of the application data (2, little endian), command (1). The sum is the low byte of everything
from the serial to the end of the application data.
"""

import struct
from typing import NamedTuple

START, TAIL = b"@@", b"##"
HEAD, END = 27, 3
MOST = 1024  # bytes of application data (§5.2)
BLOCK = 4096  # bytes looked at in one go
EXCERPT = 64  # bytes of a run of garbage that are kept to show
CONTROL, SEND, ACK, REQUEST, RESPONSE, REJECT = range(1, 7)
_HEAD = struct.Struct("<2xH2s6s6s6sHB")


class Frame(NamedTuple):
    """One packet. `time` is as sent; addresses are hex, high byte first."""

    serial: int
    version: bytes
    time: bytes
    source: str
    target: str
    command: int
    app: bytes


class Bad(NamedTuple):
    """Bytes that are no packet; `checksum` where only the sum is wrong."""

    raw: bytes
    checksum: bool = False


def total(raw: bytes | bytearray) -> int:
    """The check byte of a packet's part from the serial to the end of the application data."""
    return sum(raw) & 0xFF


def length(raw: bytes | bytearray) -> int:
    """Bytes of application data that a head announces."""
    return int(raw[24] | raw[25] << 8)


def unpack(raw: bytes) -> Frame:
    """A packet of at least a head; sum and tail are not looked at."""
    serial, version, time, source, target, size, command = _HEAD.unpack_from(raw)
    return Frame(serial, version, time, source[::-1].hex(), target[::-1].hex(), command, raw[HEAD:HEAD + size])


def pack(frame: Frame) -> bytes:
    """A packet as it goes on the wire."""
    body = _HEAD.pack(frame.serial, frame.version, frame.time, bytes.fromhex(frame.source)[::-1],
                      bytes.fromhex(frame.target)[::-1], len(frame.app), frame.command)[2:] + frame.app
    return START + body + bytes([total(body)]) + TAIL


class Frames:
    """Cuts a stream into packets, however it was split.

    A packet counts when tail and sum are right; of several possible beginnings the one whose packet ends first wins,
    so nothing that only looks like a beginning, and no wrong length, swallows a good packet. Bytes between packets
    are told once a run, when the next packet or the end comes; a run with a wrong sum in it is told by that.
    Memory is bounded by one longest packet and one chunk.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._excerpt = bytearray()
        self.lost = 0  # bytes of this run that belong to no packet
        self._dead: set[int] = set()  # beginnings in the buffer whose sum was found wrong
        self._told = False  # whether a wrong sum explains this run

    def feed(self, chunk: bytes) -> list[Frame | Bad]:
        """What these bytes completed."""
        out: list[Frame | Bad] = []
        for at in range(0, len(chunk), BLOCK):
            self._buffer += chunk[at:at + BLOCK]
            self._work(out)
        return out

    def rest(self) -> list[Frame | Bad]:
        """What is left when the connection ends, as bad bytes."""
        out: list[Frame | Bad] = []
        self._discard(len(self._buffer))
        self._end_run(out)
        return out

    def _work(self, out: list[Frame | Bad]) -> None:
        waiting, complete = self._beginnings()
        past = 0  # bytes of the buffer already taken as packets or dropped
        for end, wrong, start in sorted(complete):
            if start < past:
                continue
            raw = bytes(self._buffer[start - past:end - past])
            if wrong:
                self._dead.add(start - past)
                self._told = True
                out.append(Bad(raw, checksum=True))
                continue
            self._discard(start - past)
            self._end_run(out)
            out.append(unpack(raw))
            self._drop(end - start)
            past = end
        keep = len(self._buffer) - self._buffer.endswith(START[:1])
        self._discard(next((start - past for start in waiting if start >= past), keep))

    def _beginnings(self) -> tuple[list[int], list[tuple[int, bool, int]]]:
        """Beginnings whose packet is still coming, and (end, sum wrong, beginning) of those that are all there."""
        waiting: list[int] = []
        complete: list[tuple[int, bool, int]] = []
        buffer, start = self._buffer, self._buffer.find(START)
        while start >= 0:
            size = length(buffer[start:start + HEAD]) if len(buffer) >= start + HEAD else 0
            end = start + HEAD + size + END
            if start not in self._dead and size <= MOST:
                if end > len(buffer):
                    waiting.append(start)
                elif buffer[end - 2:end] == TAIL:
                    complete.append((end, total(buffer[start + 2:end - END]) != buffer[end - END], start))
            start = buffer.find(START, start + 1)
        return waiting, complete

    def _discard(self, count: int) -> None:
        room = EXCERPT - len(self._excerpt)
        self._excerpt += self._buffer[:min(count, room)]
        self.lost += count
        self._drop(count)

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self._dead = {start - count for start in self._dead if start >= count}

    def _end_run(self, out: list[Frame | Bad]) -> None:
        if self.lost and not self._told:
            out.append(Bad(bytes(self._excerpt)))
        self._excerpt.clear()
        self.lost, self._told = 0, False
