"""What a codec hands on: rows of named values of one device at one time, in the words of its protocol."""

from typing import Any, NamedTuple


class Malformed(ValueError):
    """The payload cannot be read at all; the text says why."""


class Figure(str):
    """A JSON number that is not a plain integer, as it was written: '1E+1', '42.0', '0.285', 'NaN'."""

    __slots__ = ()


class Row(NamedTuple):
    """What one device said at one time (ms). `device` None is the source itself, `t` None now."""

    device: str | None
    t: int | None
    values: dict[str, Any]


class Message(NamedTuple):
    """One payload read. `faults` are parts that could not be read while the rest could: (what, excerpt)."""

    kind: str  # telemetry | attributes | connect | disconnect | quiet
    gateway: bool
    rows: list[Row]
    faults: list[str]
