"""From a decoded JSON value to an integer in units of the point's resolution, exact in decimal."""

import re
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, NamedTuple

from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.plan import PointUnits

from .rows import Figure

INT32 = 2**31
LONGEST = 400  # characters of one number's text
QUICK = 24  # characters up to which a number goes the short way
LARGEST = 40  # decimal exponent beyond which no unit conversion is tried
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,6})?", re.ASCII)
_EXACT = Context(prec=2 * LONGEST, rounding=ROUND_HALF_UP, Emin=-999_999, Emax=999_999)


class Scaled(NamedTuple):
    """A value ready for the intake (`v` scaled int32, `q` quality code), or the reason why it is not one."""

    v: int
    q: int
    reason: str | None = None


NOT_A_NUMBER = Scaled(0, quality.FAULT, "not_a_number")
EMPTY = Scaled(0, quality.NO_DATA, "empty")
WRONG_UNIT = Scaled(0, quality.FAULT, "unit")
WRONG_QUALITY = Scaled(0, quality.FAULT, "quality")


def quick(text: Figure, digits: int) -> int | None:
    """The common case, '12.345' without exponent, by its digits alone; None where `scale` must look closer."""
    whole, _, fraction = text.partition(".")
    if len(text) > QUICK or not fraction.isdigit():
        return None
    places = len(fraction)
    if places <= digits:
        v = int(whole + fraction) * 10 ** (digits - places)
    else:
        v = int(whole + fraction[:digits])
        if fraction[digits] >= "5":
            v += -1 if whole[0] == "-" else 1
    return v if -INT32 <= v < INT32 else None


def scale(value: Any, digits: int, units: PointUnits) -> Scaled:
    """Scale a value as it came: number, boolean, string, empty, `{"value":…, "unit":…, "quality":…}`."""
    if type(value) is int:
        v = value * 10**digits
        return Scaled(v, quality.GOOD) if -INT32 <= v < INT32 else NOT_A_NUMBER
    if isinstance(value, dict):
        return _scale_described(value, digits, units)
    return _scale_plain(value, digits, None)


def _scale_described(thing: dict[str, Any], digits: int, units: PointUnits) -> Scaled:
    if "value" not in thing or thing.keys() - {"value", "unit", "quality"}:
        return NOT_A_NUMBER
    word = thing.get("quality") or "good"
    if word not in quality.WORDS:
        return WRONG_QUALITY
    unit, change = thing.get("unit"), None
    if unit and unit != units.unit:
        change = units.units.get(unit) if isinstance(unit, str) else None
        if change is None:
            return WRONG_UNIT
    scaled = _scale_plain(thing["value"], digits, change)
    return scaled if scaled.reason else scaled._replace(q=quality.code(word))


def _scale_plain(value: Any, digits: int, change: tuple[float, float] | None) -> Scaled:
    number = _decimal(value)
    if isinstance(number, Scaled):
        return number
    if change is not None and number:
        if abs(number.adjusted()) > LARGEST:
            return NOT_A_NUMBER
        number = _EXACT.add(_EXACT.multiply(number, Decimal(repr(change[0]))), Decimal(repr(change[1])))
    return _round(number, digits)


def _decimal(value: Any) -> Decimal | Scaled:
    if value is None:
        return EMPTY
    if isinstance(value, bool | int):
        return Decimal(int(value))
    if not isinstance(value, str):
        return NOT_A_NUMBER
    text = value.strip() if not isinstance(value, Figure) else value
    if not text:
        return EMPTY
    if len(text) > LONGEST or not _NUMBER.fullmatch(text):
        return NOT_A_NUMBER
    try:
        return Decimal(text)
    except InvalidOperation:
        return NOT_A_NUMBER


def _round(number: Decimal, digits: int) -> Scaled:
    """Half away from zero on the decimal text, once: 0.285 with 2 digits is 29, 0.28499… is 28."""
    size = number.adjusted() + digits
    if number and size > 9:  # 10 digits before the point of the scaled value is the most int32 has
        return NOT_A_NUMBER
    if not number or size < -1:
        return Scaled(0, quality.GOOD)
    step = Decimal((0, (1,), -digits))
    v = int(_EXACT.quantize(number, step).scaleb(digits, _EXACT))
    return Scaled(v, quality.GOOD) if -INT32 <= v < INT32 else NOT_A_NUMBER
