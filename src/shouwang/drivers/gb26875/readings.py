"""What a packet reports, as rows of the transmitter (its source address) with the times the objects carry.

| object | keys |
|---|---|
| fire system | `s<type>.<addr>-<bit>` and `-status`, its operations `-op_<bit>` |
| part | `s<type>.<addr>.p<type>.<addr hex>-<bit>` and `-status`, analog values `-<kind>` |
| transmitter | `t-<bit>` and `-status`, its operations `t-op_<bit>` |

Bits are 0 or 1; of bits and status only what is registered is offered, but where nothing of an object is registered
its status is, so that the object is seen to be missing from the register.
"""

from collections.abc import Container, Sequence
from datetime import datetime

from shouwang.kernel.clock import LOCAL

from ..rows import Row
from .objects import Analog, App, Operation, Part, State, Thing, Transmitter, TransmitterOperation
from .packet import Frame
from .words import (
    ANALOGS,
    OPERATION_BITS,
    PART_BITS,
    SYSTEM_BITS,
    TRANSMITTER_BITS,
    TRANSMITTER_OPERATION_BITS,
)


def moment(time: bytes) -> int | None:
    """A time of six bytes, Beijing time, in ms since 1970; None when it is no time (a clock never set)."""
    second, minute, hour, day, month, year = time
    try:
        when = datetime(2000 + year, month, day, hour, minute, second, tzinfo=LOCAL)
    except ValueError:
        return None
    return int(when.timestamp()) * 1000


def stamp(at: datetime) -> bytes:
    """A moment as six bytes, Beijing time."""
    local = at.astimezone(LOCAL)
    return bytes([local.second, local.minute, local.hour, local.day, local.month, local.year - 2000])


def rows(frame: Frame, app: App, registered: Container[str]) -> tuple[list[Row], list[tuple[str, str]]]:
    """Rows of one packet, and (reason, excerpt) of objects that could not be read.

    An object without a possible time has that of the packet; without either it is refused.
    """
    found, refused = list[Row](), list[tuple[str, str]]()
    if app.short:
        refused.append(("bad_frame", f"{frame.source}: 类型 {app.type},应有 {app.announced} 个对象,"
                                     f"读出 {len(app.items)} 个"))
    for thing in app.items:
        values = _values(thing, registered)
        t = moment(getattr(thing, "time", frame.time))
        t = moment(frame.time) if t is None else t
        if values and t is None:
            refused.append(("bad_time", f"{frame.source}/{next(iter(values))}"))
        elif values:
            found.append(Row(frame.source, t, values))
    return found, refused


def _values(thing: Thing, registered: Container[str]) -> dict[str, object]:
    match thing:
        case State():
            return _bits(system(thing), thing.status, SYSTEM_BITS, registered)
        case Part():
            return _bits(part(thing), thing.status, PART_BITS, registered)
        case Transmitter():
            return _bits("t", thing.status, TRANSMITTER_BITS, registered)
        case Operation():
            return _bits(system(thing), thing.operation, OPERATION_BITS, registered, "op_")
        case TransmitterOperation():
            return _bits("t", thing.operation, TRANSMITTER_OPERATION_BITS, registered, "op_")
        case Analog():
            return _analog(thing)
    return {}


def system(thing: State | Operation | Part | Analog) -> str:
    """The key stem of a fire system."""
    return f"s{thing.sys_type}.{thing.sys_addr}"


def part(thing: Part | Analog) -> str:
    """The key stem of a part."""
    return f"{system(thing)}.p{thing.part_type}.{thing.part_addr}"


def _bits(stem: str, status: int, words: Sequence[str], registered: Container[str],
          prefix: str = "") -> dict[str, object]:
    every: dict[str, object] = {f"{stem}-{prefix}{word}": status >> n & 1 for n, word in enumerate(words)}
    whole = f"{stem}-{prefix}status"
    every[whole] = status
    return {key: value for key, value in every.items() if key in registered} or {whole: status}


def _analog(thing: Analog) -> dict[str, object]:
    kind = ANALOGS.get(thing.analog_type)
    if kind is None:
        return {f"{part(thing)}-analog{thing.analog_type}": thing.analog_value}
    value = f"{thing.analog_value}e-{kind.digits}" if kind.digits else thing.analog_value
    return {f"{part(thing)}-{kind.word}": {"value": value, "unit": kind.unit}}
