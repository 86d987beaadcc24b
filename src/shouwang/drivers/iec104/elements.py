"""Information elements of IEC 60870-5-101 §7.2.6 as 60870-5-104 carries them: bytes ↔ named values.

An element is a codec of fixed size. Several in a row make an information object (`types.py`).
"""

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

Fields = dict[str, Any]
OV, BL, SB, NT, IV = 0x01, 0x10, 0x20, 0x40, 0x80  # bits of the quality descriptor, 7.2.6.3
NORMAL = 32_768  # a normalized value is this fraction of its range, 7.2.6.6


class Element(NamedTuple):
    """One element: its length in octets, how to read it, how to write it from named values."""

    size: int
    read: Callable[[bytes], Fields]
    write: Callable[[Fields], bytes]


def plain(name: str, form: str) -> Element:
    """A number under its own name; `form` as struct has it, little-endian."""
    packed = struct.Struct(f"<{form}")
    return Element(packed.size, lambda b: {name: packed.unpack(b)[0]}, lambda f: packed.pack(f.get(name, 0)))


def point(mask: int) -> Element:
    """SIQ (mask 1) and DIQ (mask 3): the state in the low bits, the quality above, 7.2.6.1 and .2."""
    return Element(1, lambda b: {"value": b[0] & mask, "quality": b[0] & 0xF0},
                   lambda f: bytes([int(f["value"]) & mask | f.get("quality", 0) & 0xF0]))


def command(mask: int) -> Element:
    """SCO, DCO, RCO: the state, the qualifier of command (not told) and select, 7.2.6.15 ff."""
    return Element(1, lambda b: {"value": b[0] & mask, "select": b[0] >> 7},
                   lambda f: bytes([int(f["value"]) & mask | f.get("select", 0) << 7]))


def _step(b: bytes) -> Fields:
    low = b[0] & 0x7F
    return {"value": low - 128 if low > 63 else low, "transient": b[0] >> 7}


def _count(b: bytes) -> Fields:
    value, flags = struct.unpack("<iB", b)
    return {"value": value, "seq": flags & 0x1F, "carry": flags >> 5 & 1, "adjusted": flags >> 6 & 1,
            "quality": flags & IV}


def _write_count(f: Fields) -> bytes:
    flags = f.get("seq", 0) | f.get("carry", 0) << 5 | f.get("adjusted", 0) << 6 | f.get("quality", 0) & IV
    return struct.pack("<iB", f["value"], flags)


def _changes(b: bytes) -> Fields:
    state, changed = struct.unpack("<HH", b)
    return {"value": state, "changed": changed}


SIQ, DIQ = point(1), point(3)
SCO, DCO, RCO = command(1), command(3), command(3)
VTI = Element(1, _step, lambda f: bytes([f["value"] & 0x7F | f.get("transient", 0) << 7]))
QDS = plain("quality", "B")
BSI = plain("value", "I")
SVA = plain("value", "h")
NVA = Element(2, lambda b: {"value": struct.unpack("<h", b)[0] / NORMAL},
              lambda f: struct.pack("<h", max(-NORMAL, min(NORMAL - 1, round(f["value"] * NORMAL)))))
R32 = plain("value", "f")
BCR = Element(5, _count, _write_count)
SCD = Element(4, _changes, lambda f: struct.pack("<HH", f["value"], f.get("changed", 0)))
SEP = Element(1, lambda b: {"value": b[0] & 3, "quality": b[0] & 0xF8},  # 7.2.6.10: EI is bit 3
              lambda f: bytes([f["value"] & 3 | f.get("quality", 0) & 0xF8]))
SPE = Element(1, lambda b: {"value": b[0] & 0x3F}, lambda f: bytes([f["value"]]))
OCI = Element(1, lambda b: {"value": b[0] & 0x0F}, lambda f: bytes([f["value"]]))
QDP = Element(1, lambda b: {"quality": b[0] & 0xF8}, lambda f: bytes([f.get("quality", 0)]))
CP16 = plain("elapsed", "H")  # ms a protection relay took
DELAY = plain("delay", "H")
QOS = Element(1, lambda b: {}, lambda f: b"\0")  # qualifier of a set-point: not told
FBP, TSC = plain("fbp", "H"), plain("tsc", "H")
COI, QOI, QCC, QRP, QPM, QPA = (plain(name, "B") for name in ("coi", "qoi", "qcc", "qrp", "qpm", "qpa"))


def _day(b: bytes) -> Fields:
    """CP56Time2a, 7.2.6.18. `time` is what the device's clock showed, also where that is no time of day.

    Only a set bit is told: `time_invalid`, `summer` (one hour ahead), `substituted` (not the device's own clock).
    """
    ms, minute, hour, day, month, year = struct.unpack("<HBBBBB", b)
    date = f"{2000 + (year & 0x7F):04}-{month & 0x0F:02}-{day & 0x1F:02}"
    told: Fields = {"time": f"{date} {hour & 0x1F:02}:{_short(minute, ms)}"}
    flags = {"time_invalid": minute & 0x80, "substituted": minute & 0x40, "summer": hour & 0x80}
    return told | {name: 1 for name, bit in flags.items() if bit}


def _short(minute: int, ms: int) -> str:
    return f"{minute & 0x3F:02}:{ms // 1000:02}.{ms % 1000:03}"


def _write_day(f: Fields) -> bytes:
    date, clock = f["time"].split(" ")
    (year, month, day), (hour, minute, second) = date.split("-"), clock.split(":")
    whole, _, fraction = second.partition(".")
    return struct.pack("<HBBBBB", int(whole) * 1000 + int(fraction or 0),
                       int(minute) | f.get("time_invalid", 0) << 7 | f.get("substituted", 0) << 6,
                       int(hour) | f.get("summer", 0) << 7, int(day), int(month), int(year) % 100)


def _hour(b: bytes) -> Fields:
    """CP24Time2a, 7.2.6.19: minute and ms within an hour that is not told."""
    ms, minute = struct.unpack("<HB", b)
    return {"time": _short(minute, ms)} | ({"time_invalid": 1} if minute & 0x80 else {})


def _write_hour(f: Fields) -> bytes:
    minute, second = f["time"].split(":")
    whole, _, fraction = second.partition(".")
    return struct.pack("<HB", int(whole) * 1000 + int(fraction or 0), int(minute) | f.get("time_invalid", 0) << 7)


CP56, CP24 = Element(7, _day, _write_day), Element(3, _hour, _write_hour)
