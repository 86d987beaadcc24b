"""JT/T 808 frames: bytes ↔ header and body, cut from a stream that may hold anything. No sockets, no clock.

`7E | header | body | XOR | 7E` (JT/T 808-2019 §4.4). On the attachment port (T/JSATL12) raw pieces of files,
`30316364 | name[50] | offset | length | data`, stand between the frames.
"""

from collections.abc import Iterator
from functools import reduce
from operator import xor
from typing import NamedTuple

from .fields import text

FLAG, MARK = b"\x7e", b"\x30\x31\x63\x64"
BODY = 1023  # bytes a body can declare: bits 0 to 9 of its attributes (§4.4.3)
LONGEST = 4096  # [D] bytes between two flags: a full frame with every byte escaped has 2,100
PIECE = 1_048_576  # [D] data of one piece of a file; T/JSATL12 sends 65,536
PIECE_HEAD = 62
SUBPACKAGE, VERSION_FLAG = 0x2000, 0x4000


class Frame(NamedTuple):
    """One frame, unescaped. `phone` as written, 12 digits, or 20 with the version flag; `total` 0: not split."""

    id: int
    attributes: int
    version: int | None  # protocol version of a 2019 header
    phone: str
    serial: int
    total: int
    number: int
    body: bytes
    check: int
    check_ok: bool

    @property
    def declared(self) -> int:
        """How long the body should be."""
        return self.attributes & BODY

    @property
    def encryption(self) -> int:
        """0 none, 1 RSA."""
        return self.attributes >> 10 & 7

    @property
    def whole(self) -> bool:
        """Whether check byte and length are right."""
        return self.check_ok and self.declared == len(self.body)

    @property
    def terminal(self) -> str:
        """The phone without leading zeros: the same terminal in a header of 2013 and of 2019."""
        return self.phone.lstrip("0") or "0"


class Piece(NamedTuple):
    """One raw piece of a file on the attachment port."""

    name: str
    offset: int
    content: bytes


class Bad(NamedTuple):
    """Bytes that are no frame: why (Chinese), the first of them, how many."""

    why: str
    excerpt: bytes
    size: int


Found = Frame | Piece | Bad


def escape(plain: bytes) -> bytes:
    """Between two flags nothing looks like a flag (§4.4.2)."""
    return plain.replace(b"\x7d", b"\x7d\x01").replace(b"\x7e", b"\x7d\x02")


def unescape(wire: bytes) -> bytes:
    """The inverse, in one pass from the left; a 7D followed by anything else stays as it is."""
    head, *parts = wire.split(b"\x7d")
    out = [head]
    for part in parts:
        sign = {b"\x01": b"\x7d", b"\x02": b"\x7e"}.get(part[:1])
        out.append(sign + part[1:] if sign else b"\x7d" + part)
    return b"".join(out)


def read(plain: bytes) -> Frame | None:
    """The frame in unescaped bytes without their flags; None when too short for its own header."""
    attributes = int.from_bytes(plain[2:4], "big")
    return _read(plain, attributes, bool(attributes & VERSION_FLAG))


def mend(plain: bytes, frame: Frame) -> Frame:
    """Terminals exist that set the 2019 flag over a header of 2013: where only that length fits, believe it."""
    if frame.version is None or frame.declared == len(frame.body):
        return frame
    other = _read(plain, frame.attributes, long=False)
    return other if other is not None and other.whole else frame


def _read(plain: bytes, attributes: int, long: bool) -> Frame | None:
    serial = 15 if long else 10
    end = serial + (6 if attributes & SUBPACKAGE else 2)
    if len(plain) < end + 1:
        return None
    total = number = 0
    if attributes & SUBPACKAGE:
        total, number = int.from_bytes(plain[end - 4:end - 2], "big"), int.from_bytes(plain[end - 2:end], "big")
    return Frame(int.from_bytes(plain[:2], "big"), attributes, plain[4] if long else None,
                 plain[5 if long else 4:serial].hex(), int.from_bytes(plain[serial:serial + 2], "big"),
                 total, number, plain[end:-1], plain[-1], reduce(xor, plain[:-1]) == plain[-1])


def write(id: int, phone: str, serial: int, body: bytes = b"", version: int | None = None,
          part: tuple[int, int] | None = None) -> bytes:
    """One frame on the wire. `version` given: a header of 2019; `part`: (total, index from 1)."""
    attributes = len(body) | (0 if version is None else VERSION_FLAG) | (SUBPACKAGE if part else 0)
    if len(body) > BODY:
        raise ValueError(f"消息体 {len(body)} 字节超过 {BODY}:请分包")
    head = id.to_bytes(2, "big") + attributes.to_bytes(2, "big")
    head += b"" if version is None else bytes([version])
    head += bytes.fromhex(phone.zfill(12 if version is None else 20)) + (serial & 0xFFFF).to_bytes(2, "big")
    head += b"".join(n.to_bytes(2, "big") for n in part or ())
    plain = head + body
    return FLAG + escape(plain + bytes([reduce(xor, plain)])) + FLAG


def write_all(id: int, phone: str, serial: int, body: bytes, version: int | None = None) -> list[bytes]:
    """As many frames as the body needs, with serials rising from `serial` (§4.4.3)."""
    parts = [body[i:i + BODY] for i in range(0, len(body), BODY)] or [b""]
    if len(parts) == 1:
        return [write(id, phone, serial, body, version)]
    return [write(id, phone, serial + i, part, version, (len(parts), i + 1)) for i, part in enumerate(parts)]


def write_piece(name: str, offset: int, content: bytes) -> bytes:
    """One raw piece of a file."""
    return MARK + name.encode("gbk")[:50].ljust(50, b"\0") + offset.to_bytes(4, "big") \
        + len(content).to_bytes(4, "big") + content


class Splitter:
    """Frames from a stream. Cut anywhere, it finds the same; what is no frame is told and dropped."""

    def __init__(self, pieces: bool = False) -> None:
        self.pieces = pieces
        self._buffer = bytearray()
        self._stray = bytearray()  # bytes that stand before any flag

    def feed(self, more: bytes) -> list[Found]:
        """Everything complete after these bytes."""
        self._buffer += more
        return list(self._found())

    def _found(self) -> Iterator[Found]:
        while self._buffer:
            start = self._start()
            if start:
                yield from self._drop(start)
            elif self.pieces and self._piece_begins():
                if (piece := self._piece()) is None:
                    return
                yield from self._strays()
                yield piece
            elif start is None or (frame := self._frame()) is None:
                return
            else:
                yield from self._strays()
                yield from frame

    def _start(self) -> int | None:
        """Where something begins; None where only more bytes can tell."""
        at = self._buffer.find(FLAG)
        mark = self._buffer.find(MARK) if self.pieces else -1
        found = min((i for i in (at, mark) if i >= 0), default=None)
        if found is not None:
            return found
        tail = next((n for n in (3, 2, 1) if self.pieces and self._buffer.endswith(MARK[:n])), 0)
        return len(self._buffer) - tail or None

    def _drop(self, count: int) -> Iterator[Found]:
        """Bytes before any flag; told once something begins, or by the LONGEST."""
        self._stray += self._buffer[:count]
        del self._buffer[:count]
        while len(self._stray) >= LONGEST:
            yield Bad("不是 JT/T 808 帧", bytes(self._stray[:64]), LONGEST)
            del self._stray[:LONGEST]

    def _strays(self) -> Iterator[Found]:
        if self._stray:
            yield Bad("不是 JT/T 808 帧", bytes(self._stray[:64]), len(self._stray))
            self._stray.clear()

    def _piece_begins(self) -> bool:
        if self._buffer[:1] == FLAG and self._buffer[1:5] == MARK:
            del self._buffer[:1]  # the closing flag of the frame before
        return self._buffer[:4] == MARK

    def _piece(self) -> Piece | Bad | None:
        if len(self._buffer) < PIECE_HEAD:
            return None
        size = int.from_bytes(self._buffer[58:62], "big")
        if size > PIECE:
            bad = Bad(f"文件数据块过大:{size} 字节", bytes(self._buffer[:PIECE_HEAD]), PIECE_HEAD)
            del self._buffer[:PIECE_HEAD]
            return bad
        if len(self._buffer) < PIECE_HEAD + size:
            return None
        piece = Piece(text(bytes(self._buffer[4:54])), int.from_bytes(self._buffer[54:58], "big"),
                      bytes(self._buffer[PIECE_HEAD:PIECE_HEAD + size]))
        del self._buffer[:PIECE_HEAD + size]
        return piece

    def _frame(self) -> list[Found] | None:
        """What stands between two flags; the second is kept, for it may open the next frame."""
        end = self._buffer.find(FLAG, 1, LONGEST + 1)
        if end < 0 and len(self._buffer) <= LONGEST:
            return None
        inside = bytes(self._buffer[1:end if end > 0 else LONGEST])
        del self._buffer[:end if end > 0 else LONGEST]
        if end < 0:
            return [Bad(f"两个 7E 之间超过 {LONGEST} 字节", inside[:64], len(inside))]
        return [_judged(inside)] if inside else []


def _judged(inside: bytes) -> Found:
    """What stood between two flags: a frame, or why not."""
    plain = unescape(inside)
    frame = read(plain)
    if frame is None:
        return Bad("帧太短", inside[:64], len(inside))
    frame = mend(plain, frame)
    if frame.whole:
        return frame
    why = "校验码不对" if not frame.check_ok else f"消息体应有 {frame.declared} 字节,实有 {len(frame.body)}"
    return Bad(why, inside[:64], len(inside))
