"""GB 18218-2018: is a unit a major hazard source, and of which grade? Exact fractions throughout. No Django here."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

from shouwang.kernel.errors import BadInput

from . import substances
from .substances import HazardClass, Named

Number = Decimal | float


@dataclass(frozen=True)
class Line:
    """One substance of the unit: how Q and β were found, and what it adds to S and ΣβQ."""

    name: str
    symbol: str
    q: Fraction
    Q: Fraction
    Q_basis: str
    beta: Fraction | None
    beta_basis: str
    beta_mark: str  # V verified, M 待核

    def shown(self) -> dict[str, Any]:
        """The line with exact decimals, for JSON."""
        return {"name": self.name, "symbol": self.symbol or None, "q": exact(self.q), "Q": exact(self.Q),
                "q_over_Q": exact(self.q / self.Q), "Q_basis": self.Q_basis, "beta": exact(self.beta),
                "beta_q_over_Q": None if self.beta is None else exact(self.beta * self.q / self.Q),
                "beta_basis": self.beta_basis, "beta_unchecked": self.beta_mark == "M"}


@dataclass(frozen=True)
class Grading:
    """What GB 18218 says about one unit: S, whether it is a major hazard source, α, R and grade 1 (gravest) to 4."""

    S: Fraction
    is_major_hazard: bool
    alpha: Fraction
    R: Fraction | None
    grade: int | None
    lines: tuple[Line, ...]

    def shown(self) -> dict[str, Any]:
        """The result with exact decimals, for JSON."""
        return {"S": exact(self.S), "is_major_hazard": self.is_major_hazard, "alpha": exact(self.alpha),
                "R": exact(self.R), "grade": self.grade, "lines": [line.shown() for line in self.lines]}


def exact(number: Fraction | None) -> Number | None:
    """A fraction as an exact decimal where it ends, else the nearest double."""
    if number is None:
        return None
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        return float(number)
    places = max(twos, fives)
    sign, digits = int(number < 0), abs(number.numerator) * 10**places // number.denominator
    return Decimal((sign, tuple(map(int, str(digits))), -places))


def grade(items: Sequence[Mapping[str, Any]], exposed_persons_500m: int) -> Grading:
    """Grade one unit. Each item: `name` and/or `symbol` (Table 2 class or classes) and `q_t`, the design maximum in t.

    Keys beyond these are ignored: Q and β always come from the standard's tables. BadInput names the item and a remedy.
    """
    alpha = _alpha(_persons(exposed_persons_500m))
    if isinstance(items, str | Mapping) or not isinstance(items, Sequence) or not items:
        raise BadInput("items 不能为空:请列出单元内每种危险化学品的 name、q_t(吨)")
    lines = tuple(_line(n, item) for n, item in enumerate(items, 1))
    s = sum((line.q / line.Q for line in lines), Fraction(0))
    if s < 1:
        return Grading(s, False, alpha, None, None, lines)
    r = alpha * sum((_beta_known(n, line) * line.q / line.Q for n, line in enumerate(lines, 1)), Fraction(0))
    return Grading(s, True, alpha, r, _grade(r), lines)


def _persons(given: Any) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise BadInput("exposed_persons_500m(厂界外500米常住人口)应是不小于 0 的整数")
    return given


def _alpha(persons: int) -> Fraction:
    return next(Fraction(row["alpha"]) for row in substances.grading()["alpha"] if persons >= row["persons"])


def _grade(r: Fraction) -> int:
    return next(int(row["grade"]) for row in substances.grading()["grades"] if r >= Fraction(row["r"]))


def _line(n: int, item: Any) -> Line:
    if not isinstance(item, Mapping):
        raise BadInput(f"第 {n} 项应写成 name、symbol、q_t 的组合")
    name, where = str(item.get("name") or "").strip(), f"第 {n} 项“{item.get('name') or item.get('symbol') or '?'}”"
    try:
        listed = substances.find(name) if name else None
    except BadInput as several:
        raise BadInput(f"{where}:{several}") from None
    given = _classes(where, item.get("symbol"))
    if listed is None and not given:
        raise BadInput(f"{where}:{_unknown(name)}")
    q = _quantity(where, item.get("q_t"))
    threshold, q_basis = _threshold(listed, given)
    beta, beta_basis, mark = _beta(name, listed, given)
    symbol = ",".join(c.symbol for c in given) or (listed.symbol if listed else "")
    return Line(name or given[0].title, symbol, q, threshold, q_basis, beta, beta_basis, mark)


def _unknown(name: str) -> str:
    near = "、".join(substances.nearest(name)) if name else ""
    hint = f"表1中相近的有:{near};" if near else ""
    return f"不在 GB 18218 表1中,{hint}请改用表1名称,或补写 symbol(表2类别符号,如 W5.3)"


def _classes(where: str, given: Any) -> list[HazardClass]:
    words = given if isinstance(given, list | tuple) else re.split(r"[,,、;;/\s]+", str(given or ""))
    found = []
    for word in filter(None, (str(w).strip().upper() for w in words)):
        if word not in substances.classes():
            raise BadInput(f"{where}:没有类别符号 {word!r};可用:{'、'.join(substances.classes())}")
        found.append(substances.classes()[word])
    return found


def _quantity(where: str, given: Any) -> Fraction:
    try:
        q = Decimal(str(given)) if not isinstance(given, bool) and given is not None else Decimal("NaN")
    except InvalidOperation:
        q = Decimal("NaN")
    if not q.is_finite() or q < 0:
        raise BadInput(f"{where}:q_t 应是不小于 0 的吨数,而不是 {given!r}")
    if q.adjusted() > 12 or q.as_tuple().exponent < -12:  # type: ignore[operator]
        raise BadInput(f"{where}:q_t {given!r} 超出可信范围,请核对单位(吨)")
    return Fraction(q)


def _threshold(listed: Named | None, given: list[HazardClass]) -> tuple[Fraction, str]:
    if listed is not None:
        return listed.quantity, f"表1 第{listed.seq}项 {listed.name}"
    least = min(given, key=lambda c: c.quantity)
    return least.quantity, f"表2 {least.symbol}" + (f"(多种危险性取最小:{'、'.join(c.symbol for c in given)})"
                                                   if len(given) > 1 else "")


def _beta(name: str, listed: Named | None, given: list[HazardClass]) -> tuple[Fraction | None, str, str]:
    if listed is not None and listed.beta is not None:
        return listed.beta, "表3", "V"
    if (toxic := substances.toxic_gases().get(substances.fold(name))) is not None:
        return toxic, "表3", "V"
    if given:
        most = max(given, key=lambda c: c.beta)
        several = ";多种危险性取最大(本系统默认)" if len(given) > 1 else ""
        return most.beta, f"表4 {most.symbol}{several}", "V"
    assert listed is not None
    if listed.symbol:
        return substances.classes()[listed.symbol].beta, f"表4 {listed.symbol}(类别为建议,待核)", "M"
    return None, "须由使用者给出类别符号", ""


def _beta_known(n: int, line: Line) -> Fraction:
    if line.beta is None:
        raise BadInput(f"第 {n} 项“{line.name}”:表3没有它的 β,请按安全技术说明书补写 symbol(如 J1、J3、W7.1)")
    return line.beta


def as_floats(shown: Any) -> Any:
    """A shown result with doubles instead of decimals, for JSON writers that know no decimals."""
    if isinstance(shown, Decimal):
        return int(shown) if shown == shown.to_integral_value() else float(shown)
    if isinstance(shown, dict):
        return {k: as_floats(v) for k, v in shown.items()}
    return [as_floats(v) for v in shown] if isinstance(shown, list) else shown
