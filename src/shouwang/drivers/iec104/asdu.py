"""Application data units of IEC 60870-5-104:2006 §8: type, cause, station, information objects.

Field sizes are the ones 104 fixes: cause 2 octets, common address 2, object address 3.
"""

import struct
from collections.abc import Iterable
from typing import NamedTuple

from ..rows import Malformed
from . import elements as e
from .elements import Element, Fields

HEAD = struct.Struct("<BBBBH")  # type, structure, cause, originator, common address
GLOBAL = 0xFFFF  # every station behind the connection
PERIODIC, SPONTANEOUS, ACTIVATION, CONFIRMED, TERMINATED, INTERROGATED = 1, 3, 6, 7, 10, 20
COUNTED = 37  # requested by a general counter interrogation
END_OF_INIT, INTERROGATION, COUNTERS = 70, 100, 101
STATION, ALL_COUNTERS = 20, 5  # qualifiers of both interrogations


def _family(first: int, hours: int, days: int, *parts: Element) -> dict[int, tuple[Element, ...]]:
    """A kind of information without time, with CP24 and with CP56; 0 where it has no such type."""
    forms = {first: parts, hours: (*parts, e.CP24), days: (*parts, e.CP56)}
    return {number: form for number, form in forms.items() if number}


TYPES: dict[int, tuple[Element, ...]] = {
    **_family(1, 2, 30, e.SIQ), **_family(3, 4, 31, e.DIQ), **_family(5, 6, 32, e.VTI, e.QDS),
    **_family(7, 8, 33, e.BSI, e.QDS), **_family(9, 10, 34, e.NVA, e.QDS), **_family(11, 12, 35, e.SVA, e.QDS),
    **_family(13, 14, 36, e.R32, e.QDS), **_family(15, 16, 37, e.BCR), **_family(0, 17, 38, e.SEP, e.CP16),
    **_family(0, 18, 39, e.SPE, e.QDP, e.CP16), **_family(0, 19, 40, e.OCI, e.QDP, e.CP16),
    20: (e.SCD, e.QDS), 21: (e.NVA,),
    **_family(45, 0, 58, e.SCO), **_family(46, 0, 59, e.DCO), **_family(47, 0, 60, e.RCO),
    **_family(48, 0, 61, e.NVA, e.QOS), **_family(49, 0, 62, e.SVA, e.QOS), **_family(50, 0, 63, e.R32, e.QOS),
    **_family(51, 0, 64, e.BSI),
    END_OF_INIT: (e.COI,), INTERROGATION: (e.QOI,), COUNTERS: (e.QCC,), 102: (), 103: (e.CP56,), 104: (e.FBP,),
    105: (e.QRP,), 106: (e.DELAY,), 107: (e.TSC, e.CP56),
    110: (e.NVA, e.QPM), 111: (e.SVA, e.QPM), 112: (e.R32, e.QPM), 113: (e.QPA,),
}
MONITORED = frozenset(range(1, 41)) - {22, 23, 24, 25, 26, 27, 28, 29}  # process information: these are readings
PROTECTION = frozenset({17, 18, 19, 38, 39, 40})  # events of relays: a state, told once


class Asdu(NamedTuple):
    """One unit. `objects` have `ioa` and the names of their elements; of a type unknown here only `raw`."""

    type: int
    cause: int
    ca: int
    objects: list[Fields]
    sq: int = 0
    test: int = 0
    negative: int = 0
    oa: int = 0


def size(head: bytes) -> int | None:
    """How many octets a unit has by its first two; None where the type is not known."""
    form = TYPES.get(head[0])
    if form is None:
        return None
    count, each = head[1] & 0x7F, sum(part.size for part in form)
    return HEAD.size + (3 + count * each if head[1] & 0x80 else count * (3 + each))


def read(raw: bytes) -> Asdu:
    """A unit from its octets; Malformed where the octets are not what type and count ask for."""
    if len(raw) < HEAD.size + 3:
        raise Malformed(f"ASDU 只有 {len(raw)} 字节,不足 {HEAD.size + 3}")
    number, structure, cause, oa, ca = HEAD.unpack_from(raw)
    wanted = size(raw)
    if wanted is not None and wanted != len(raw):
        raise Malformed(f"ASDU 类型 {number} 的 {structure & 0x7F} 个对象应为 {wanted} 字节,实为 {len(raw)} 字节")
    objects = _unknown(raw) if wanted is None else _objects(raw, TYPES[number], structure)
    return Asdu(number, cause & 0x3F, ca, objects, structure >> 7, cause >> 7, cause >> 6 & 1, oa)


def _unknown(raw: bytes) -> list[Fields]:
    return [{"ioa": _address(raw, HEAD.size), "raw": raw[HEAD.size + 3:].hex()}]


def _address(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at:at + 3], "little")


def _objects(raw: bytes, form: tuple[Element, ...], structure: int) -> list[Fields]:
    """Each object with its own address, or (SQ) one address and the rest counted up from it."""
    objects, at, ioa = [], HEAD.size, 0
    for n in range(structure & 0x7F):
        if n == 0 or not structure & 0x80:
            ioa, at = _address(raw, at), at + 3
        else:
            ioa += 1
        found: Fields = {"ioa": ioa}
        for part in form:
            found |= part.read(raw[at:at + part.size])
            at += part.size
        objects.append(found)
    return objects


def write(unit: Asdu) -> bytes:
    """The octets of a unit; with `sq` the addresses after the first are not written."""
    structure = len(unit.objects) | unit.sq << 7
    cause = unit.cause | unit.negative << 6 | unit.test << 7
    out = [HEAD.pack(unit.type, structure, cause, unit.oa, unit.ca)]
    for n, one in enumerate(unit.objects):
        if n == 0 or not unit.sq:
            out.append(int(one["ioa"]).to_bytes(3, "little"))
        out += _parts(unit.type, one)
    return b"".join(out)


def _parts(number: int, one: Fields) -> Iterable[bytes]:
    return (part.write(one) for part in TYPES[number])
