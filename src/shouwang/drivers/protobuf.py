"""The wire format of Protocol Buffers, read and written by a table of fields; shared by Sparkplug and remote-write.

Unknown fields are passed over, a field under another wire type counts as unknown, the last of a repeated single
field wins: as https://protobuf.dev/programming-guides/encoding/ asks. Whatever is cut off or absurd is `Malformed`.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

from .rows import Malformed

DEPTH = 32  # [D] messages within messages
VARINT, FIXED64, BYTES, START, END, FIXED32 = range(6)
WIRE = {"uint64": VARINT, "uint32": VARINT, "int64": VARINT, "bool": VARINT, "double": FIXED64, "float": FIXED32}


class Field(NamedTuple):
    """One field of a message: its name and a scalar kind, or the table of the message it holds."""

    name: str
    kind: "str | dict[int, Field]"
    many: bool = False


Schema = dict[int, Field]
Raw = int | bytes


def fields(raw: bytes, depth: int = 0) -> Iterator[tuple[int, int, Raw]]:
    """(number, wire type, value) of every field: a varint as unsigned 64-bit, all else as its bytes."""
    at, end = 0, len(raw)
    while at < end:
        tag = raw[at]
        if tag < 0x80:  # the common case, by itself
            at += 1
        else:
            tag, at = varint(raw, at)
        number, wire = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Malformed(f"protobuf 字段号不对:{number}")
        value: Raw
        if wire == VARINT:
            value, at = varint(raw, at)
        elif wire == START:
            value, at = b"", _past_group(raw, at, number, depth + 1)
        else:
            size, at = _size(raw, at, wire)
            if size > end - at:
                raise Malformed("protobuf 报文不完整")
            value, at = raw[at:at + size], at + size
        yield number, wire, value


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """An unsigned 64-bit number and where it ends."""
    value, shift = 0, 0
    for byte in raw[at:at + 10]:
        at += 1
        if byte < 0x80:
            return (value | byte << shift) & 0xFFFF_FFFF_FFFF_FFFF, at
        value |= (byte & 0x7F) << shift
        shift += 7
    raise Malformed("protobuf 整数不完整或过长")


def _size(raw: bytes, at: int, wire: int) -> tuple[int, int]:
    if wire == BYTES:
        if at < len(raw) and raw[at] < 0x80:
            return raw[at], at + 1
        return varint(raw, at)
    if wire in (FIXED64, FIXED32):
        return (8 if wire == FIXED64 else 4), at
    raise Malformed(f"protobuf 线型 {wire} 不认识")


def _past_group(raw: bytes, at: int, number: int, depth: int) -> int:
    """Where an (obsolete) group ends; its content is of no interest."""
    while depth <= DEPTH:
        tag, at = varint(raw, at)
        wire = tag & 7
        if wire == END:
            if tag >> 3 != number:
                break
            return at
        if wire == START:
            at = _past_group(raw, at, tag >> 3, depth + 1)
        elif wire == VARINT:
            _, at = varint(raw, at)
        else:
            size, at = _size(raw, at, wire)
            at += size
    raise Malformed("protobuf 组不完整或嵌套过深")


def read(raw: bytes, schema: Schema, depth: int = 0) -> dict[str, Any]:
    """The fields that are present, in the order they were last set; repeated ones as lists."""
    if depth > DEPTH:
        raise Malformed("protobuf 嵌套过深")
    out: dict[str, Any] = {}
    for number, wire, value in fields(raw, depth):
        field = schema.get(number)
        if field is None:
            continue
        if field.many:
            out.setdefault(field.name, []).extend(_several(field, wire, value, depth))
        elif wire == _wire(field.kind):
            out.pop(field.name, None)
            out[field.name] = _value(field.kind, value, depth)
    return out


def _wire(kind: str | Schema) -> int:
    return WIRE.get(kind, BYTES) if isinstance(kind, str) else BYTES


def _several(field: Field, wire: int, value: Raw, depth: int) -> list[Any]:
    """One element of a repeated field, or many where numbers are packed."""
    if wire == _wire(field.kind):
        return [_value(field.kind, value, depth)]
    if wire != BYTES or not isinstance(value, bytes):
        return []
    own, at, out = _wire(field.kind), 0, []
    while at < len(value):
        if own == VARINT:
            number, at = varint(value, at)
            out.append(_value(field.kind, number, depth))
            continue
        size, _ = _size(value, at, own)
        out.append(_value(field.kind, value[at:at + size], depth))
        at += size
    return out


def _value(kind: str | Schema, value: Any, depth: int) -> Any:
    if isinstance(kind, dict):
        return read(value, kind, depth + 1)
    if kind == "uint32":
        return value & 0xFFFF_FFFF
    if kind == "int64":
        return value - (1 << 64) if value >> 63 else value
    if kind == "bool":
        return value != 0
    if kind in ("float", "double"):
        try:
            return struct.unpack("<f" if kind == "float" else "<d", value)[0]
        except struct.error:
            raise Malformed("protobuf 浮点数不完整") from None
    if kind == "string":
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise Malformed("protobuf 文本不是 UTF-8") from None
    return value


def write(values: dict[str, Any], schema: Schema) -> bytes:
    """A message with these fields, in the order of the table; negative integers travel as unsigned."""
    out = bytearray()
    for number, field in schema.items():
        given = values.get(field.name)
        if given is None:
            continue
        for value in given if field.many else [given]:
            out += number_of(number << 3 | _wire(field.kind)) + _written(field.kind, value)
    return bytes(out)


def _written(kind: str | Schema, value: Any) -> bytes:
    if kind == "double":
        return struct.pack("<d", value)
    if kind == "float":
        return struct.pack("<f", value)
    if isinstance(kind, dict):
        value = write(value, kind)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return number_of(len(value)) + value
    return number_of(int(value) & (0xFFFF_FFFF if kind == "uint32" else 0xFFFF_FFFF_FFFF_FFFF))


def number_of(value: int) -> bytes:
    """An unsigned number as a varint."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
