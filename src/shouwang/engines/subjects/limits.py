"""The limits of a point: their order, their range, their unit; one place for imports, edits and the API."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise

from .import_report import Wrong
from .spec import Quantity, Unit

NAMES = {"ll": "低低报LL", "l": "低报L", "h": "高报H", "hh": "高高报HH"}
Limits = dict[str, Decimal | None]


@dataclass(frozen=True)
class Scale:
    """How a given unit is turned into the quantity's own, exactly in decimals."""

    unit: str
    factor: Decimal
    offset: Decimal

    @property
    def own(self) -> bool:
        """Nothing to convert."""
        return self.factor == 1 and self.offset == 0

    def value(self, given: Decimal | None, digits: int) -> Decimal | None:
        """A value converted and rounded to the point's resolution."""
        return None if given is None else round(given * self.factor + self.offset, digits)

    def width(self, given: Decimal, digits: int) -> Decimal:
        """A width (deadband) converted: no offset."""
        return round(given * self.factor, digits)


def scale(quantity: Quantity, unit: str) -> Scale:
    """The conversion of a unit into the quantity's own; an unknown unit is Wrong and names those that can be used."""
    if not unit or unit == quantity.unit:
        return Scale(quantity.unit, Decimal(1), Decimal(0))
    found: Unit | None = quantity.units.get(unit)
    if found is None:
        raise Wrong(
            "单位", f"“{quantity.title}”没有单位 {unit[:20]!r}", f"可用:{'、'.join([quantity.unit, *quantity.units])}"
        )
    return Scale(quantity.unit, Decimal(str(found.factor)), Decimal(str(found.offset)))


def check(limits: Limits, low: Decimal | None, high: Decimal | None, deadband: Decimal, digits: int) -> None:
    """Wrong unless range low < high, LL < L < H < HH, limits within the range, deadband fits between them."""
    if low is not None and high is not None and not low < high:
        raise Wrong("量程上限", f"量程上限 {high} 应大于量程下限 {low}")
    given = [(name, v) for name in NAMES if (v := limits.get(name)) is not None]
    for (one, a), (two, b) in pairwise(given):
        if not a < b:
            raise Wrong(NAMES[two], f"{NAMES[two]} {b} 应大于 {NAMES[one]} {a}", "限值须 LL < L < H < HH")
    for name, v in given:
        if (low is not None and v < low) or (high is not None and v > high):
            raise Wrong(NAMES[name], f"{NAMES[name]} {v} 不在量程 {low}–{high} 内", "请核对量程、限值或单位")
    _deadband(limits, deadband)
    for title, v in [*((NAMES[n], v) for n, v in given), ("量程下限", low), ("量程上限", high)]:
        _storable(title, v, digits)


def _deadband(limits: Limits, deadband: Decimal) -> None:
    if deadband < 0:
        raise Wrong("死区", "死区不能为负")
    below = [v for n in ("ll", "l") if (v := limits.get(n)) is not None]
    over = [v for n in ("h", "hh") if (v := limits.get(n)) is not None]
    if below and over and deadband >= min(over) - max(below):
        raise Wrong("死区", f"死区 {deadband} 不小于低报与高报之间的距离,报警将无法恢复", "通常取量程的 1%")


def _storable(title: str, value: Decimal | None, digits: int) -> None:
    """Readings are integers of 10**-digits units in 32 bits: limits must fit that grid exactly."""
    if value is None:
        return
    scaled = value.scaleb(digits)
    if scaled != scaled.to_integral_value():
        raise Wrong(title, f"{value} 的小数位多于分辨率({digits} 位)", "请调整限值或“小数位”")
    if abs(scaled) >= 2**31 - 1:
        raise Wrong(title, f"{value} 在分辨率 {digits} 位下超出可存范围", "请减少“小数位”或核对单位")
