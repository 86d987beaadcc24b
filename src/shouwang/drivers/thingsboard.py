"""Codec of ThingsBoard's device and gateway payloads, shared by MQTT and HTTP. Knows no point and no clock.

Numbers follow ThingsBoard (JsonConverter, Apache-2.0): an integral number without a plain decimal point is a
long, beyond int64 a string; any other number is a double, with more than 16 decimal places a string.
"""

import json
import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from .rows import Figure, Malformed, Message, Row

DEVICE = {
    "v1/devices/me/telemetry": "telemetry", "v2/t": "telemetry", "v2/t/j": "telemetry",
    "v1/devices/me/attributes": "attributes", "v2/a": "attributes", "v2/a/j": "attributes",
}
GATEWAY = {
    "v1/gateway/telemetry": "telemetry", "v1/gateway/attributes": "attributes",
    "v1/gateway/connect": "connect", "v1/gateway/disconnect": "disconnect",
}
# Accepted and acknowledged, but nothing here answers them: commands and shared attributes are not offered.
QUIET = re.compile(r"v1/gateway/(rpc|claim|attributes/request)|v1/devices/me/(rpc|attributes)/"
                   r"(request|response)/[^/]+|v1/devices/me/claim|v2/a/(req|res)/.+|v2/r/(req|res)/.+")
INT64 = 2**63
PLACES = 16  # a double holds no more decimal places than this, says ThingsBoard


_decoder = msgspec.json.Decoder(float_hook=Figure)


def kind_of(topic: str) -> tuple[str, bool] | None:
    """(kind, whether it is the gateway API) of a topic; None for a topic that is not ThingsBoard's."""
    if kind := DEVICE.get(topic):
        return kind, False
    if kind := GATEWAY.get(topic):
        return kind, True
    return ("quiet", False) if QUIET.fullmatch(topic) else None


def read(topic: str, payload: bytes) -> Message:
    """Read one payload by its topic. Malformed when nothing can be read, KeyError for a strange topic."""
    found = kind_of(topic)
    if found is None:
        raise KeyError(topic)
    return read_as(*found, payload)


def read_as(kind: str, gateway: bool, payload: bytes, device: str | None = None) -> Message:
    """Read one payload whose kind is known already; `device` names the sender of a device payload."""
    rows: list[Row] = []
    faults: list[str] = []
    if kind == "quiet":
        return Message(kind, gateway, rows, faults)
    whole = _parse(payload)
    if kind in ("connect", "disconnect"):
        rows.append(Row(_device_name(whole), None, {}))
    elif gateway:
        _read_gateway(kind, whole, rows, faults)
    elif kind == "attributes":
        rows.append(Row(device, None, _table(whole)))
    else:
        _read_entries(device, whole, rows, faults)
    return Message(kind, gateway, rows, faults)


def _parse(payload: bytes) -> Any:
    """JSON with numbers kept as text. NaN and Infinity, as Python writes them, do not hide the rest."""
    try:
        return _decoder.decode(payload)
    except (msgspec.DecodeError, RecursionError, ValueError) as e:
        if b"NaN" not in payload and b"Infinity" not in payload:
            raise Malformed(f"不是合法的 JSON: {e}") from None
    try:
        return json.loads(payload, parse_float=Figure, parse_constant=Figure)
    except (ValueError, RecursionError) as e:
        raise Malformed(f"不是合法的 JSON: {e}") from None


def _table(thing: Any) -> dict[str, Any]:
    if isinstance(thing, dict):
        return thing
    raise Malformed("应是 JSON 对象")


def _device_name(whole: Any) -> str:
    name = _table(whole).get("device")
    if isinstance(name, str) and name:
        return name
    raise Malformed('缺少 "device"')


def _read_gateway(kind: str, whole: Any, rows: list[Row], faults: list[str]) -> None:
    for device, entries in _table(whole).items():
        try:
            if kind == "attributes":
                rows.append(Row(device, None, _table(entries)))
            else:
                _read_entries(device, entries, rows, faults)
        except Malformed as e:
            faults.append(f"{device}: {e}")


def _read_entries(device: str | None, entries: Any, rows: list[Row], faults: list[str]) -> None:
    if not isinstance(entries, list):
        rows.append(_read_entry(device, entries))
        return
    for i, entry in enumerate(entries):
        try:
            rows.append(_read_entry(device, entry))
        except Malformed as e:
            faults.append(f"{device or ''}[{i}]: {e}")


def _read_entry(device: str | None, entry: Any) -> Row:
    """`{"ts": …, "values": {…}}` where both keys are there, else the object itself is the values."""
    table = _table(entry)
    if "values" in table and ("ts" in table or (isinstance(table["values"], dict) and len(table) == 1)):
        values = _table(table["values"])
        return Row(device, _moment(table["ts"]) if "ts" in table else None, values)
    return Row(device, None, table)


def _moment(ts: Any) -> int:
    """Milliseconds since 1970, also when written as 1.7E12 or as a string."""
    if type(ts) is int:
        return ts
    try:
        number = Decimal(ts) if isinstance(ts, str) and len(ts) <= 32 else None
    except InvalidOperation:
        number = None
    if number is None or not number.is_finite() or number.adjusted() > 18 or number != int(number):
        raise Malformed("ts 应是 1970 年以来的毫秒数")
    return int(number)


def typed(value: Any) -> tuple[Any, str]:
    """A value as ThingsBoard stores it, and its type: long, double, string, boolean, json, none."""
    if isinstance(value, bool):
        return value, "boolean"
    if type(value) is int:
        return (value, "long") if -INT64 <= value < INT64 else (str(value), "string")
    if isinstance(value, Figure):
        return _typed_figure(value)
    if isinstance(value, str):
        return value, "string"
    return (None, "none") if value is None else (_plain(value), "json")


def _typed_figure(text: Figure) -> tuple[Any, str]:
    number = Decimal(text)
    if not number.is_finite() or abs(number.adjusted()) > 4000:  # thousands of digits
        return str(text), "string"
    simple = "." in text and "e" not in text.lower()
    if not simple and number == number.to_integral_value():
        return typed(int(number))
    exponent = number.as_tuple().exponent
    if isinstance(exponent, int) and -exponent <= PLACES:
        return float(number), "double"
    return format(number, "f"), "string"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return float(value) if isinstance(value, Figure) else value


def decode(topic: str, payload: bytes | str) -> Any:
    """A payload in the words of the public test vectors, for `shouwang decode`. Raises Malformed.

    Device telemetry: `{"ts": ms | "server time", "values": {…}}`, a lone number `{key: value, "type": …}`,
    an array a list of these; gateway telemetry `{device: [[ts, {…}], …]}`; attributes the values (by device).
    """
    try:
        message = read(topic, payload.encode() if isinstance(payload, str) else payload)
    except KeyError:
        raise Malformed(f"主题不认识: {topic}") from None
    if message.faults:
        raise Malformed(";".join(message.faults))
    return _SHOW[message.kind](message)


def _show_values(row: Row) -> dict[str, Any]:
    return {key: typed(value)[0] for key, value in row.values.items()}


def _show_device_row(row: Row) -> dict[str, Any]:
    if row.t is None and len(row.values) == 1:
        (key, raw), = row.values.items()
        value, kind = typed(raw)
        if type(raw) is int or isinstance(raw, Figure):
            return {key: value, "type": kind}
    return {"ts": "server time" if row.t is None else row.t, "values": _show_values(row)}


def _show_telemetry(message: Message) -> Any:
    if message.gateway:
        shown: dict[str, list[Any]] = {}
        for row in message.rows:
            shown.setdefault(row.device or "", []).append(
                ["server time" if row.t is None else row.t, _show_values(row)])
        return shown
    rows = [_show_device_row(row) for row in message.rows]
    return rows[0] if len(rows) == 1 else rows


def _show_attributes(message: Message) -> Any:
    if message.gateway:
        return {row.device: _show_values(row) for row in message.rows}
    return _show_values(message.rows[0])


_SHOW: dict[str, Callable[[Message], Any]] = {
    "telemetry": _show_telemetry, "attributes": _show_attributes,
    "connect": lambda m: "register child device", "disconnect": lambda m: "child device gone",
    "quiet": lambda m: "accepted, not used",
}
