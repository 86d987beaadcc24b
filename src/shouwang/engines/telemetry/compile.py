"""From the registry to the plan: sources, addresses, points with range, digits and units for the data plane."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

import numpy as np

from shouwang.engines.subjects.spec import Quantity
from shouwang.kernel import content
from shouwang.kernel.errors import ContentError

from .models import Channel, Source
from .plan import NO_LIMIT_HIGH, NO_LIMIT_LOW, POINT, Plan, PointUnits, SourcePlan

DISABLED = "-"  # before a hash: no token has it
MOST_DIGITS = 6


class Placed(NamedTuple):
    """An enabled point with its address."""

    source: int
    device: str
    key: str
    point: int
    quantity: str
    unit: str
    digits: int
    low: Decimal | None
    high: Decimal | None


def placed() -> list[Placed]:
    """Every enabled point that has an address, by id."""
    rows = Channel.objects.filter(point__enabled=True).order_by("point_id").values_list(
        "source_id", "device", "key", "point_id", "point__quantity", "point__unit", "point__digits",
        "point__range_low", "point__range_high")
    return [Placed(*row) for row in rows]


def build(version: int) -> Plan:
    """The plan of the registry as it stands: every enabled point that has an address, by id. Not yet published."""
    sources, channels = list(Source.objects.order_by("id")), placed()
    place = {s.pk: n for n, s in enumerate(sources)}
    plausible = {pair: plausible_range(*pair) for pair in {(c.quantity, c.unit) for c in channels}}
    points = np.zeros(len(channels), POINT)
    for n, channel in enumerate(channels):
        points[n] = _row(channel, place[channel.source], *plausible[channel.quantity, channel.unit])
    return Plan(version, points, _units(channels), _sources(sources, channels))


def _row(channel: Placed, source: int, low: Decimal | None, high: Decimal | None) -> tuple[int, int, int, int, int]:
    """The point's own range goes before what is plausible for its quantity."""
    digits = min(max(channel.digits, 0), MOST_DIGITS)
    low, high = channel.low if channel.low is not None else low, channel.high if channel.high is not None else high
    return (channel.point, digits, source,
            NO_LIMIT_LOW if low is None else scaled(low, digits, ROUND_FLOOR),
            NO_LIMIT_HIGH if high is None else scaled(high, digits, ROUND_CEILING))


def scaled(value: Decimal, digits: int, rounding: str) -> int:
    """A value in the point's unit as an integer of 10**-digits, within int32."""
    whole = int((value * 10**digits).to_integral_value(rounding))
    return min(max(whole, NO_LIMIT_LOW), NO_LIMIT_HIGH)


def plausible_range(quantity_id: str, unit: str) -> tuple[Decimal | None, Decimal | None]:
    """What a quantity can be at all, in this unit."""
    quantity: Quantity = content.get("quantities", quantity_id)
    factor, offset = to_unit(quantity, quantity.unit, unit)
    low, high = (None if bound is None else Decimal(f"{bound * factor + offset:.9g}")
                 for bound in (quantity.low, quantity.high))
    return low, high


def to_unit(quantity: Quantity, given: str, wanted: str) -> tuple[float, float]:
    """(factor, offset) from one unit of a quantity to another; a unit it does not know is a ContentError."""
    (f1, o1), (f2, o2) = _to_own(quantity, given), _to_own(quantity, wanted)
    return f1 / f2, (o1 - o2) / f2


def _to_own(quantity: Quantity, unit: str) -> tuple[float, float]:
    if unit == quantity.unit:
        return 1.0, 0.0
    if unit not in quantity.units:
        known = "、".join([quantity.unit, *quantity.units])
        raise ContentError(f"物理量“{quantity.title}”没有单位 {unit!r};可用:{known}")
    return quantity.units[unit].factor, quantity.units[unit].offset


def _units(channels: list[Placed]) -> list[PointUnits]:
    """Units by point, one object for all points of the same quantity and unit."""
    made: dict[tuple[str, str], PointUnits] = {}
    for quantity_id, unit in {(c.quantity, c.unit) for c in channels}:
        quantity: Quantity = content.get("quantities", quantity_id)
        others = [u for u in (quantity.unit, *quantity.units) if u != unit]
        made[quantity_id, unit] = PointUnits(unit, {u: to_unit(quantity, u, unit) for u in others})
    return [made[c.quantity, c.unit] for c in channels]


def _sources(sources: list[Source], channels: list[Placed]) -> list[SourcePlan]:
    addresses: dict[int, dict[str, dict[str, int]]] = {s.pk: {} for s in sources}
    own = {s.pk: s.name for s in sources if s.kind == "device"}
    for n, channel in enumerate(channels):
        device = own.get(channel.source, channel.device)
        addresses[channel.source].setdefault(device, {})[channel.key] = n
    return [SourcePlan(s.name, s.kind, s.token_hash if s.enabled else DISABLED + s.token_hash,
                       addresses[s.pk] if s.enabled else {}) for s in sources]
