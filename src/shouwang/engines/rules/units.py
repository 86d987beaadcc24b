"""Limits in the unit of the point they are compared with. No Django here."""

from decimal import Decimal
from typing import TYPE_CHECKING

from shouwang.engines.subjects.spec import Quantity
from shouwang.kernel import content

if TYPE_CHECKING:
    from .limits import Measured


class Unjudged(Exception):
    """Why a rule that names this point cannot judge it (for people)."""


def converted(value: Decimal, unit: str, point: "Measured") -> Decimal:
    """A value of the quantity in the point's unit; units that cannot be converted are Unjudged."""
    if unit in ("", point.unit):
        return value
    quantity: Quantity = content.get("quantities", point.quantity)
    try:
        from_, to = _unit(quantity, unit), _unit(quantity, point.unit)
    except KeyError as unknown:
        raise Unjudged(f"单位 {unknown} 不能换算为 {point.unit};请在 catalog/quantities.yaml 补上") from None
    return (value * from_[0] + from_[1] - to[1]) / to[0]


def difference(value: Decimal, unit: str, point: "Measured") -> Decimal:
    """A difference of two values in the point's unit: offsets (℃ and K) do not count."""
    return converted(value, unit, point) - converted(Decimal(0), unit, point)


def _unit(quantity: Quantity, unit: str) -> tuple[Decimal, Decimal]:
    if unit == quantity.unit:
        return Decimal(1), Decimal(0)
    found = quantity.units[unit]
    return Decimal(str(found.factor)), Decimal(str(found.offset))
