"""Sparkplug B 3.0 (ISO/IEC 20237:2023): topics and payloads; field numbers of `sparkplug_b.proto` (Eclipse Tahu)."""

from typing import Any, NamedTuple

from .. import protobuf
from ..protobuf import Field, Schema
from ..rows import Malformed

NAMESPACE = "spBv1.0"
OF_NODE = ("NBIRTH", "NDATA", "NDEATH", "NCMD")
OF_DEVICE = ("DBIRTH", "DDATA", "DDEATH", "DCMD")
STATE = "STATE"
REBIRTH = "Node Control/Rebirth"
BD_SEQ = "bdSeq"
BOOLEAN = 11
BITS = {1: 8, 2: 16, 3: 32, 4: 64}  # signed data types Int8 … Int64 and their width
FLOAT = 9

PROPERTIES: Schema = {1: Field("keys", "string", True)}
PROPERTY: Schema = {
    1: Field("type", "uint32"), 2: Field("is_null", "bool"), 3: Field("int_value", "uint32"),
    4: Field("long_value", "uint64"), 5: Field("float_value", "float"), 6: Field("double_value", "double"),
    7: Field("boolean_value", "bool"), 8: Field("string_value", "string"), 9: Field("propertyset_value", PROPERTIES)}
PROPERTIES[2] = Field("values", PROPERTY, True)
CELL: Schema = {1: Field("int_value", "uint32"), 2: Field("long_value", "uint64"), 3: Field("float_value", "float"),
                4: Field("double_value", "double"), 5: Field("boolean_value", "bool"),
                6: Field("string_value", "string")}
DATASET: Schema = {1: Field("num_of_columns", "uint64"), 2: Field("columns", "string", True),
                   3: Field("types", "uint32", True), 4: Field("rows", {1: Field("elements", CELL, True)}, True)}
PARAMETER: Schema = {1: Field("name", "string"), 2: Field("type", "uint32"), **{
    n + 2: field for n, field in CELL.items()}}
TEMPLATE: Schema = {1: Field("version", "string"), 3: Field("parameters", PARAMETER, True),
                    4: Field("template_ref", "string"), 5: Field("is_definition", "bool")}
METRIC: Schema = {
    1: Field("name", "string"), 2: Field("alias", "uint64"), 3: Field("timestamp", "uint64"),
    4: Field("datatype", "uint32"), 5: Field("is_historical", "bool"), 6: Field("is_transient", "bool"),
    7: Field("is_null", "bool"), 9: Field("properties", PROPERTIES), 10: Field("int_value", "uint32"),
    11: Field("long_value", "uint64"), 12: Field("float_value", "float"), 13: Field("double_value", "double"),
    14: Field("boolean_value", "bool"), 15: Field("string_value", "string"), 16: Field("bytes_value", "bytes"),
    17: Field("dataset_value", DATASET), 18: Field("template_value", TEMPLATE)}
TEMPLATE[2] = Field("metrics", METRIC, True)
PAYLOAD: Schema = {1: Field("timestamp", "uint64"), 2: Field("metrics", METRIC, True), 3: Field("seq", "uint64"),
                   4: Field("uuid", "string"), 5: Field("body", "bytes")}


class Topic(NamedTuple):
    """What a topic says: a message type of an edge node, or of a device behind it."""

    group: str
    type: str
    node: str
    device: str | None = None

    @property
    def edge(self) -> str:
        """`group/node`."""
        return f"{self.group}/{self.node}"

    @property
    def whose(self) -> str:
        """`group/node` or `group/node/device`: the device name of a reading."""
        return self.edge if self.device is None else f"{self.edge}/{self.device}"


def topic(text: str) -> Topic | None:
    """A topic of an edge node or a device; None for any other (STATE of a host application too)."""
    parts = text.split("/")
    if parts[0] != NAMESPACE or not all(parts):
        return None
    if len(parts) == 4 and parts[2] in OF_NODE:
        return Topic(parts[1], parts[2], parts[3])
    if len(parts) == 5 and parts[2] in OF_DEVICE:
        return Topic(parts[1], parts[2], parts[3], parts[4])
    return None


def payload(raw: bytes) -> dict[str, Any]:
    """A payload's fields that are present: timestamp, seq, metrics …; Malformed when it is none."""
    return protobuf.read(raw, PAYLOAD)


def packed(values: dict[str, Any]) -> bytes:
    """A payload made of fields."""
    return protobuf.write(values, PAYLOAD)


def rebirth(now: int) -> bytes:
    """The payload of an NCMD that asks an edge node for its births."""
    return packed({"timestamp": now, "metrics": [
        {"name": REBIRTH, "timestamp": now, "datatype": BOOLEAN, "boolean_value": True}]})


def value_of(fields: dict[str, Any]) -> Any:
    """The value as it travelled: the member of the `value` group that was set last; None when none was."""
    name = next((n for n in reversed(fields) if n.endswith("_value")), None)
    return None if name is None else fields[name]


def signed(value: Any, datatype: int | None) -> Any:
    """A negative Int8 … Int64 from the unsigned number it travels as (of its own width or of 32 bits)."""
    bits = BITS.get(datatype or 0)
    if bits is None or type(value) is not int:
        return value
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def bd_seq(message: dict[str, Any]) -> int | None:
    """The birth/death number that ties an NDEATH to its NBIRTH."""
    found = (value_of(m) for m in message.get("metrics", ()) if m.get("name") == BD_SEQ)
    number = next(found, None)
    return number if type(number) is int else None


def bytes_of(text: Any) -> bytes:
    """Bytes from their hexadecimal digits; Malformed when it is something else."""
    try:
        return bytes.fromhex(text)
    except (TypeError, ValueError):
        raise Malformed("需要 hex(十六进制文本)") from None
