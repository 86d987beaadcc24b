"""From a unit of process information to readings: what is worth how much, and when it was.

Device is the common address, key the object address, both as decimal text.
"""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any

from ..floats import figure
from ..rows import Figure, Row
from . import elements as e
from .asdu import MONITORED, Asdu
from .elements import Fields

DOUBLE = frozenset({3, 4, 31, 17, 38})  # double points: 1 off, 2 on, 0 between, 3 not known (7.2.6.2)
REAL = frozenset({13, 14, 36})
HOUR, MINUTE_MS = timedelta(hours=1), 60_000
AHEAD_MS = 1000  # [D] as far as receipts may run ahead of the clock in a burst


class Receipt:
    """Times of receipt (ms), each later than the one before: of two values of one instant the later one must stand."""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, now: int) -> int:
        """A moment for what came at `now`; after a clock was set back it starts again from there."""
        self.last = self.last + 1 if now <= self.last <= now + AHEAD_MS else now
        return self.last


def rows(unit: Asdu, received: int, receipt: Receipt, zone: tzinfo, factors: Mapping[str, Decimal]) -> list[Row]:
    """Rows of a unit of process information, none of any other; what tells no time has that of its receipt.

    `zone` is that of the station's clock; `factors` ("ca/ioa" → factor) turn raw counts into quantities.
    """
    if unit.type not in MONITORED:
        return []
    out: list[Row] = []
    told: int | None = None
    for one in unit.objects:
        key = str(one["ioa"])
        t = moment(one, received, zone)
        if not out or told != t or key in out[-1].values:
            out.append(Row(str(unit.ca), receipt(received) if t is None else t, {}))
            told = t
        out[-1].values[key] = _worth(unit.type, one, factors.get(f"{unit.ca}/{key}"))
    return out


def _worth(number: int, one: Fields, factor: Decimal | None) -> dict[str, Any]:
    value, quality = _value(number, one["value"]), word(one)
    if value is None or quality == "no_data":
        return {"value": 0, "quality": "no_data"}
    return {"value": value if factor is None else Figure(factor * Decimal(value)), "quality": quality}


def _value(number: int, value: float) -> Figure | int | None:
    """The number as exactly as the octets hold it; None where a double point is neither on nor off, and for NaN."""
    if number in DOUBLE:
        return {1: 0, 2: 1}.get(int(value))
    if not isinstance(value, float):
        return value
    return figure(value, single=number in REAL) if math.isfinite(value) else None


def word(one: Fields) -> str:
    """Our quality word of a descriptor (7.2.6.3).

    Invalid is a fault. Not topical and blocked are old values that would clear an alarm they know nothing of: no data.
    Substituted is what a person or a program put in its place, an invalid clock leaves the time open: uncertain.
    """
    bits = one.get("quality", 0)
    for bit, name in ((e.IV, "fault"), (e.NT | e.BL, "no_data"), (e.OV, "over_range"), (e.SB, "uncertain")):
        if bits & bit:
            return name
    return "uncertain" if one.get("time_invalid") else "good"


def moment(one: Fields, received: int, zone: tzinfo) -> int | None:
    """When it was, in ms; None (the time of receipt) where no time is told or the clock says it is not to be used."""
    text = one.get("time")
    if text is None or one.get("time_invalid"):
        return None
    try:
        if "-" not in text:
            return _within_the_hour(text, received)
        at = datetime.strptime(text, "%Y-%m-%d %H:%M:%S.%f").replace(tzinfo=zone)
    except ValueError:  # a clock that was never set, the 31st of a month that has none
        return None
    at -= HOUR if one.get("summer") else timedelta()
    return round(at.timestamp() * 1000)


def _within_the_hour(text: str, received: int) -> int:
    """CP24 tells minute and ms: of the hours around the receipt, the one that brings them nearest."""
    at = datetime.strptime(text, "%M:%S.%f")
    offset = at.minute * MINUTE_MS + at.second * 1000 + at.microsecond // 1000
    hour = 60 * MINUTE_MS
    begun = received - received % hour
    return min((begun + offset + n * hour for n in (-1, 0, 1)), key=lambda t: math.fabs(t - received))
