"""Frames of Modbus over TCP (MBAP), RTU and ASCII, each recognised by its own octets alone.

MODBUS Application Protocol V1.1b3; MODBUS over Serial Line V1.02 (RTU §2.5.1, ASCII §2.5.2);
MODBUS Messaging on TCP/IP V1.0b §3.1. Live traffic goes through pymodbus; this is for captured frames.
"""

import re
import struct
from typing import Any, NamedTuple

LONGEST = 253  # octets of a function code with its content
_ASCII = re.compile(rb":((?:[0-9A-Fa-f]{2}){3,255})\r\n")
_HEAD = struct.Struct(">HHH")  # transaction, protocol (0), octets that follow


class Frame(NamedTuple):
    """One frame: which form, whose, what; `good` is the check octets' verdict (None: TCP has none)."""

    mode: str
    unit: int
    pdu: bytes
    transaction: int | None = None
    good: bool | None = None


def crc(octets: bytes) -> bytes:
    """CRC-16 of RTU, low octet first."""
    register = 0xFFFF
    for octet in octets:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (0xA001 if register & 1 else 0)
    return register.to_bytes(2, "little")


def lrc(octets: bytes) -> int:
    """Longitudinal check of ASCII: the sum of everything and it is 0."""
    return -sum(octets) & 0xFF


def recognise(raw: bytes) -> Frame | None:
    """The one frame these octets are; None where they are none, only a part, or more than one."""
    return _ascii(raw) or _tcp(raw) or _rtu(raw)


def _ascii(raw: bytes) -> Frame | None:
    found = _ASCII.fullmatch(raw)
    if found is None:
        return None
    octets = bytes.fromhex(found[1].decode())
    return Frame("ascii", octets[0], octets[1:-1], good=lrc(octets[:-1]) == octets[-1])


def _tcp(raw: bytes) -> Frame | None:
    if not _HEAD.size + 2 <= len(raw) <= _HEAD.size + 1 + LONGEST:
        return None
    transaction, protocol, length = _HEAD.unpack_from(raw)
    if protocol or length != len(raw) - _HEAD.size:
        return None
    return Frame("tcp", raw[6], raw[7:], transaction)


def _rtu(raw: bytes) -> Frame | None:
    """RTU has nothing but its check to be known by, so a wrong one makes it no frame."""
    if not 4 <= len(raw) <= LONGEST + 3 or crc(raw[:-2]) != raw[-2:]:
        return None
    return Frame("rtu", raw[0], raw[1:-2], good=True)


def content(pdu: bytes) -> dict[str, Any]:
    """What a function code's content says (V1.1b3 §6 and §7); nothing where it does not fit the function."""
    function, body = pdu[0], pdu[1:]
    if function & 0x80:
        return {"exception": body[0]} if body else {}
    if function in (1, 2, 3, 4):
        return _read(function, body)
    if function in (5, 6) and len(body) == 4:  # the reply repeats the request
        address, value = struct.unpack(">HH", body)
        return {"address": address, "value": value}
    if function in (15, 16):
        return _write(function, body)
    if function == 22 and len(body) == 6:
        return dict(zip(("address", "and_mask", "or_mask"), struct.unpack(">HHH", body), strict=True))
    return {}


def _read(function: int, body: bytes) -> dict[str, Any]:
    """A reply counts its octets; a request is address and count. `03 xx xx xx` could be both: then the reply."""
    if len(body) > 1 and body[0] == len(body) - 1:
        if function in (1, 2):
            return {"bits_hex": body[1:].hex()}
        if body[0] % 2 == 0:
            return {"registers": registers(body[1:])}
    return _asked(body) if len(body) == 4 else {}


def _write(function: int, body: bytes) -> dict[str, Any]:
    if len(body) == 4:  # the reply
        address, count = struct.unpack(">HH", body)
        return {"address": address, "count": count}
    if len(body) < 6 or body[4] != len(body) - 5:
        return {}
    if function == 15:
        return _asked(body[:4]) | {"bits_hex": body[5:].hex()}
    return _asked(body[:4]) | {"registers": registers(body[5:])} if body[4] % 2 == 0 else {}


def _asked(body: bytes) -> dict[str, Any]:
    address, count = struct.unpack(">HH", body)
    return {"request": True, "address": address, "count": count}


def registers(octets: bytes) -> list[int]:
    """16-bit registers, high octet first."""
    return list(struct.unpack(f">{len(octets) // 2}H", octets))
