"""From the registry to the plan: sources, addresses, points with range, digits and units as the data plane reads them."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import numpy as np

from shouwang.engines.subjects.models import Point
from shouwang.engines.subjects.spec import Quantity
from shouwang.kernel import content
from shouwang.kernel.errors import ContentError

from .models import Channel, Source
from .plan import NO_LIMIT_HIGH, NO_LIMIT_LOW, POINT, Plan, PointUnits, SourcePlan

DISABLED = "-"  # before a hash: no token has it
MOST_DIGITS = 6


def build(version: int) -> Plan:
    """The plan of the registry as it stands: every enabled point that has an address, by id. Not yet published."""
    sources = list(Source.objects.order_by("id"))
    place = {s.pk: n for n, s in enumerate(sources)}
    channels = list(Channel.objects.filter(point__enabled=True).select_related("point").order_by("point_id"))
    points = np.zeros(len(channels), POINT)
    for n, channel in enumerate(channels):
        points[n] = _row(channel.point, place[channel.source_id])
    return Plan(version, points, _units(channels), _sources(sources, channels))


def _row(point: Point, source: int) -> tuple[int, int, int, int, int]:
    digits = min(max(point.digits, 0), MOST_DIGITS)
    low, high = instrument_range(point)
    return (point.pk, digits, source,
            NO_LIMIT_LOW if low is None else scaled(low, digits, ROUND_FLOOR),
            NO_LIMIT_HIGH if high is None else scaled(high, digits, ROUND_CEILING))


def scaled(value: Decimal, digits: int, rounding: str) -> int:
    """A value in the point's unit as an integer of 10**-digits, within int32."""
    whole = int((value * 10**digits).to_integral_value(rounding))
    return min(max(whole, NO_LIMIT_LOW), NO_LIMIT_HIGH)


def instrument_range(point: Point) -> tuple[Decimal | None, Decimal | None]:
    """The point's own range, else what is plausible for the quantity, in the point's unit."""
    quantity: Quantity = content.get("quantities", point.quantity)
    factor, offset = to_unit(quantity, quantity.unit, point.unit)
    low, high = ((None if bound is None else Decimal(repr(bound * factor + offset)))
                 for bound in (quantity.low, quantity.high))
    return (low if point.range_low is None else point.range_low,
            high if point.range_high is None else point.range_high)


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


def _units(channels: list[Channel]) -> list[PointUnits]:
    """Units by point, one object for all points of the same quantity and unit."""
    made: dict[tuple[str, str], PointUnits] = {}
    for quantity_id, unit in {(c.point.quantity, c.point.unit) for c in channels}:
        quantity: Quantity = content.get("quantities", quantity_id)
        others = [u for u in (quantity.unit, *quantity.units) if u != unit]
        made[quantity_id, unit] = PointUnits(unit, {u: to_unit(quantity, u, unit) for u in others})
    return [made[c.point.quantity, c.point.unit] for c in channels]


def _sources(sources: list[Source], channels: list[Channel]) -> list[SourcePlan]:
    addresses: dict[int, dict[str, dict[str, int]]] = {s.pk: {} for s in sources}
    names: dict[int, Any] = {s.pk: s for s in sources}
    for n, channel in enumerate(channels):
        source = names[channel.source_id]
        device = source.name if source.kind == "device" else channel.device
        addresses[source.pk].setdefault(device, {})[channel.key] = n
    return [SourcePlan(s.name, s.kind, s.token_hash if s.enabled else DISABLED + s.token_hash,
                       addresses[s.pk] if s.enabled else {}) for s in sources]
