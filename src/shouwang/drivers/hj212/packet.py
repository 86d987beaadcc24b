"""HJ 212 on the wire: `##` LLLL segment CRC CR LF. Bytes ↔ frames and segments; no sockets, no clock.

Text is ASCII, Chinese in UTF-8 (HJ 212-2017 §6.3.1) or, in the field, GB 18030. What the length and the CRC say is
reported, not judged: public samples and real devices carry wrong ones, so the policy belongs to the device's setting.
"""

import re
from typing import NamedTuple

HEAD = 6  # `##` and the length
CRC = 4
LONGEST = HEAD + 9999 + CRC + 2  # what four digits can announce
BLOCK = 1024  # garbage is reported in pieces of this size at most
_START = re.compile(rb"##(?=\d{4})")
_END = re.compile(rb"\n|##(?=\d{4})")
_POLYNOMIAL = 0xA001


def _table() -> list[int]:
    out = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ _POLYNOMIAL if register & 1 else register >> 1
        out.append(register)
    return out


_TABLE = _table()


def crc(segment: bytes | bytearray) -> str:
    """The check sum of a segment as four hex digits (HJ 212-2017 appendix A).

    Not CRC-16/MODBUS: the register is shifted right by 8 before each byte goes in. The frame printed in the appendix
    says 1C80, the sentence after it 1C08: 1C80 is what the algorithm gives.
    """
    register = 0xFFFF
    for byte in segment:
        register = register >> 8 ^ byte
        register = _TABLE[register & 0xFF] ^ register >> 8
    return f"{register:04X}"


class Frame(NamedTuple):
    """One frame as found: the announced length, the segment really there and the CRC printed behind it."""

    declared: int
    segment: bytes
    printed: str

    @property
    def len_ok(self) -> bool:
        """The announced length is that of the segment, in bytes or (devices differ) in characters."""
        return self.declared in (len(self.segment), len(text_of(self.segment)))

    @property
    def crc_ok(self) -> bool:
        """The printed CRC is that of the segment; upper and lower case are both seen."""
        return self.printed.upper() == crc(self.segment)


class Bad(NamedTuple):
    """Bytes that are no frame."""

    raw: bytes


class Segment(NamedTuple):
    """What a frame says: head fields (QN, ST, CN, PW, MN, Flag, PNUM, PNO) and CP as items of sub-fields."""

    head: dict[str, str]
    cp: list[list[tuple[str, str]]]

    @property
    def flag(self) -> int:
        """The flag byte: 1 answer wanted, 2 sub-packages, the rest the version; 0 where there is none (2005)."""
        return number(self.head.get("Flag", "")) or 0


def number(text: str) -> int | None:
    """A short plain number of a head field; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def text_of(segment: bytes) -> str:
    """The segment as text: UTF-8, otherwise GB 18030; what is neither is marked, not lost."""
    try:
        return segment.decode()
    except UnicodeDecodeError:
        return segment.decode("gb18030", "replace")


def read(segment: bytes) -> Segment:
    """A segment's fields. The standard itself misses the `;` before CP once (`Flag=5CP=`) and closes with `;&&`."""
    head, _, cp = text_of(segment).partition("CP=&&")
    fields = dict(_pair(part) for part in head.split(";") if "=" in part)
    items = [[_pair(sub) for sub in item.split(",") if sub.strip()] for item in cp.removesuffix("&&").split(";")]
    return Segment(fields, [item for item in items if item])


def _pair(part: str) -> tuple[str, str]:
    key, _, value = part.partition("=")
    return key, value


def frame(segment: str) -> bytes:
    """A segment as it goes on the wire."""
    raw = segment.encode()
    return b"##%04d%b%b\r\n" % (len(raw), raw, crc(raw).encode())


class Frames:
    """Cuts a stream into frames, however it was split.

    Where length and CRC agree the frame ends there; otherwise at the end of line or the next `##LLLL`, so that a
    wrong length never swallows the next frame. Memory is bounded.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._garbage = bytearray()

    def feed(self, chunk: bytes) -> list[Frame | Bad]:
        """What these bytes completed."""
        self._buffer += chunk
        out: list[Frame | Bad] = []
        while self._step(out):
            pass
        return out

    def rest(self) -> list[Frame | Bad]:
        """What is left when the connection ends, as bad bytes."""
        out: list[Frame | Bad] = []
        self._discard(len(self._buffer), out)
        self._flush(out)
        return out

    def _step(self, out: list[Frame | Bad]) -> bool:
        start = _START.search(self._buffer)
        if start is None:
            self._discard(max(0, len(self._buffer) - HEAD + 1), out)
            return False
        self._discard(start.start(), out)
        end = self._end()
        if end is None and len(self._buffer) <= LONGEST:
            return False
        if end is None:
            self._discard(2, out)
            return True
        self._cut(end, out)
        return True

    def _end(self) -> int | None:
        """Where the frame at the beginning of the buffer ends; None while that cannot be said."""
        after = HEAD + int(self._buffer[2:HEAD]) + CRC
        found = _END.search(self._buffer, HEAD)
        if found is not None and found.start() < after:
            return found.start()
        if len(self._buffer) >= after:
            vouched = self._buffer[after - CRC:after].upper() == crc(self._buffer[HEAD:after - CRC]).encode()
            if vouched:
                return after
        return None if found is None else found.start()

    def _cut(self, end: int, out: list[Frame | Bad]) -> None:
        body = bytes(self._buffer[HEAD:end]).rstrip(b"\r\n \0")
        if len(body) <= CRC:
            self._discard(end, out)
            return
        self._flush(out)
        out.append(Frame(int(self._buffer[2:HEAD]), body[:-CRC], body[-CRC:].decode("latin-1")))
        del self._buffer[:end]

    def _discard(self, count: int, out: list[Frame | Bad]) -> None:
        """Bytes that begin no frame: blanks and ends of line between frames are no fault."""
        gone = bytes(self._buffer[:count])
        del self._buffer[:count]
        self._garbage += gone if self._garbage else gone.lstrip(b"\r\n \0")
        while len(self._garbage) >= BLOCK:
            out.append(Bad(bytes(self._garbage[:BLOCK])))
            del self._garbage[:BLOCK]
            self._garbage = self._garbage.lstrip(b"\r\n \0")

    def _flush(self, out: list[Frame | Bad]) -> None:
        if self._garbage.strip(b"\r\n \0"):
            out.append(Bad(bytes(self._garbage)))
        self._garbage.clear()
