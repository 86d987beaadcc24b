"""One Sparkplug B message in the words of the test vectors: values as they travel, negative Int32 unsigned."""

import json
from typing import Any

from ..rows import Malformed
from . import packet

TABLE = ("num_of_columns", "columns", "types")


def decode(item: dict[str, Any]) -> dict[str, Any]:
    """What `hex` (or, of a STATE, the text `payload`) says under `topic`, which may be missing."""
    topic, text = item.get("topic"), item.get("payload")
    raw = text.encode("utf-8", "replace") if isinstance(text, str) else packet.bytes_of(item.get("hex"))
    if isinstance(topic, str):
        if topic.startswith((f"{packet.NAMESPACE}/{packet.STATE}/", f"{packet.STATE}/")):
            return _state(raw)
        if packet.topic(topic) is None:
            raise Malformed(f"主题不是 Sparkplug B 的:{topic[:200]}")
    message = packet.payload(raw)
    return {"timestamp": message.get("timestamp", 0), "seq": message.get("seq"),
            "metrics": [_metric(m) for m in message.get("metrics", [])]}


def _state(raw: bytes) -> dict[str, Any]:
    """STATE of a host application: JSON since 3.0, OFFLINE or ONLINE before."""
    text = raw.decode("utf-8", "replace")
    if text in ("ONLINE", "OFFLINE"):
        return {"online": text == "ONLINE", "timestamp": None}
    try:
        told = json.loads(text)
        return {"online": bool(told["online"]), "timestamp": told.get("timestamp")}
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        raise Malformed("STATE 报文应是含 online 的 JSON") from None


def _metric(fields: dict[str, Any]) -> dict[str, Any]:
    return {"name": fields.get("name"), "alias": fields.get("alias"), "ts": fields.get("timestamp", 0),
            "datatype": fields.get("datatype", 0), "value": _shown(packet.value_of(fields)),
            "is_null": fields.get("is_null")}


def _shown(value: Any) -> Any:
    """Bytes as hexadecimal digits, tables and templates as objects."""
    if isinstance(value, bytes):
        return value.hex()
    if not isinstance(value, dict):
        return value
    if "columns" in value or "rows" in value:
        rows = [[packet.value_of(cell) for cell in row.get("elements", [])] for row in value.get("rows", [])]
        return {**{name: value[name] for name in TABLE if name in value}, "rows": rows}
    return {**value, "metrics": [_metric(m) for m in value.get("metrics", [])]}
