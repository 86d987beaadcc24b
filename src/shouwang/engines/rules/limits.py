"""From a declared rule and a point to the exact integers the kernel compares: limits, resets, delays and their basis.

Exactness: readings are integers of 10**-digits units, so `v >= H` holds exactly when the integer is >= ceil(H·10^d),
and `v <= L` when it is <= floor(L·10^d). A limit finer than the instrument's resolution therefore never moves to the
wrong side: a high limit rounds up, a low one down, and so do the reset limits (`v < R` and `v > R`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, InvalidOperation
from typing import Any

from shouwang.engines.subjects.spec import rank
from shouwang.kernel import clock, params
from shouwang.kernel.errors import ContentError

from . import signals, tiers
from .checkbook import Basis, Check
from .spec import Argument, Rule, Tier
from .units import Unjudged, converted, difference

KIND_OF = {"above": tiers.LIMIT, "below": tiers.LIMIT, "silent": tiers.SILENT, "out_of_range": tiers.RANGE,
           "rising": tiers.RATE, "falling": tiers.RATE, "flat": tiers.FLAT, "apart": tiers.APART}
KIND_WORDS = ("limit", "no_data", "range", "rate", "flat", "count", "apart")  # Alert.kind by kernel kind
PER = {"s": 1_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}  # ms, by what follows the / of a rate's unit
LONGEST_RATE = PER["d"]  # a window of change; longer would not fit the kernel's integers
MOST = 2**31 - 1
MOST_TIMES = signals.KEPT
OWN = {limit: {"text": "企业工艺控制指标(点位参数)", "mark": "", "limit": limit} for limit in ("ll", "l", "h", "hh")}
RANGE_BASIS = {"text": "仪表量程(点位参数)", "mark": ""}


@dataclass(frozen=True)
class Measured:
    """A point as rules see it. `facts` are its own over its subject's over its enterprise's."""

    id: int
    quantity: str
    unit: str
    digits: int
    kind: str  # of its subject
    locality: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Decimal | None] = field(default_factory=dict)  # ll l h hh
    deadband: Decimal = Decimal(0)
    on_ms: int = 0
    off_ms: int = 0
    subject: int = 0
    top: int = 0


@dataclass(frozen=True)
class Ready:
    """A rule with what does not depend on the point worked out: slots, delays, whether it asks for limits of points."""

    rule: Rule
    kind: int
    slots: dict[int, Tier]
    on: int | None  # None: the point's own
    off: int | None
    own: bool


class Values:
    """Dated params of one day, each looked up once per place; rules made ready once; equal checks made once."""

    def __init__(self, on: date) -> None:
        self.on = on
        self._known: dict[tuple[str, str], params.Dated] = {}
        self._ready: dict[int, Ready] = {}  # by identity of the rule, which `Ready` keeps alive
        self._made: dict[tuple[Any, ...], Check | Unjudged | None] = {}

    def ready(self, rule: Rule) -> Ready:
        """The rule made ready."""
        ready = self._ready.get(id(rule))
        if ready is None:
            own = any(a.limit for t in rule.steps for a in (*t.test.values(), *([t.until] if t.until else [])))
            ready = self._ready[id(rule)] = Ready(rule, kind_of(rule), slots(rule), _delay(rule.hold),
                                                  _delay(rule.release), own)
        return ready

    def once(self, key: tuple[Any, ...], make: Callable[[], Check | None]) -> Check | None:
        """What `make` made for an equal key before, its refusal too."""
        if key not in self._made:
            try:
                self._made[key] = make()
            except Unjudged as why:
                self._made[key] = why
        found = self._made[key]
        if isinstance(found, Unjudged):
            raise found
        return found

    def get(self, path: str, locality: str) -> params.Dated:
        """What is in force on the day in the place; nothing in force is a ContentError."""
        key = (path, locality)
        if key not in self._known:
            self._known[key] = params.lookup(path, self.on, locality)
        return self._known[key]


def listed(words: str | list[str]) -> list[str]:
    """One word or several, as a list."""
    return [words] if isinstance(words, str) else words


def path_of(rule: Rule, argument: Argument) -> str:
    """The full path of a param; a name without a dot is the scene's own."""
    return argument.param if "." in argument.param or not rule.scene else f"{rule.scene}.{argument.param}"


def kind_of(rule: Rule) -> int:
    """What the kernel makes of the rule (the first tier decides; `check` refuses mixtures)."""
    return tiers.COUNT if rule.times else KIND_OF[next(iter(rule.steps[0].test))]


def slots(rule: Rule) -> dict[int, Tier]:
    """Which tier sits in which slot (0 LL, 1 L, 2 H, 3 HH): of two on a side the graver level is the outer one."""
    kind = kind_of(rule)
    if kind in (tiers.RATE, tiers.FLAT, tiers.APART):  # the graver is the outer one: faster, longer, wider
        return dict(zip((2, 3), sorted(rule.steps[:2], key=lambda t: -rank(t.level)), strict=False))
    if kind != tiers.LIMIT:
        return {tiers.H_SLOT: rule.steps[0]}
    high = [t for t in rule.steps if "above" in t.test]
    low = [t for t in rule.steps if "below" in t.test]
    return {**_side(high, "above", "hh", (2, 3)), **_side(low, "below", "ll", (1, 0))}


def _side(found: list[Tier], test: str, outer: str, places: tuple[int, int]) -> dict[int, Tier]:
    if len(found) == 1:
        return {places[found[0].test[test].limit == outer]: found[0]}
    ranked = sorted(found[:2], key=lambda t: -rank(t.level))  # stable: of equal levels the second written is outer
    return dict(zip(places, ranked, strict=False))


def applies(rule: Rule, point: Measured) -> bool:
    """Whether the rule speaks of this point: quantity, kind of subject, and every fact of `if`."""
    if point.quantity not in listed(rule.quantity) or point.kind not in listed(rule.of):
        return False
    return all(point.facts.get(name) in (want if isinstance(want, list) else [want])
               for name, want in rule.if_.items())


def check_of(rule: Rule, point: Measured, values: Values) -> Check | None:
    """The check of a rule on a point it applies to; None when the point has none of its limits.

    Unjudged where a limit ought to be there but cannot be found or compared. The result may be shared: read only.
    """
    ready = values.ready(rule)
    key = (id(ready), _picked(rule, point) if rule.pick else "", point.locality, point.quantity, point.unit,
           point.digits, point.deadband, point.on_ms, point.off_ms, tuple(point.limits.values()) if ready.own else ())
    return values.once(key, lambda: _made(ready, point, values))


def gate_of(rule: Rule, gate: Measured, values: Values) -> tuple[int, bool]:
    """When the gate point suppresses the rule: the limit in its units, and whether at or above it."""
    assert rule.unless is not None
    high = rule.unless.above is not None
    argument = rule.unless.above or rule.unless.below
    assert argument is not None
    found = _value(rule, argument, gate, values)
    if found is None:
        raise Unjudged(f"unless 的参数 {argument.param or argument.limit} 对点位 {gate.id} 没有值")
    return scaled(found[0], gate.digits, high), high


def _made(ready: Ready, point: Measured, values: Values) -> Check | None:
    if ready.kind >= tiers.RATE:
        return SIGNALS[ready.kind](ready, point, values)
    if ready.kind != tiers.LIMIT:
        return _plain(ready, point, values)
    check = Check(ready.kind, point.on_ms if ready.on is None else ready.on,
                  point.off_ms if ready.off is None else ready.off)
    for slot, tier in ready.slots.items():
        found = _value(ready.rule, next(iter(tier.test.values())), point, values)
        if found is not None:
            until = _until(ready.rule, tier, slot, found[0], point, values)
            high = slot >= tiers.H_SLOT
            check.put(slot, scaled(found[0], point.digits, high), scaled(until, point.digits, high))
            check.basis[slot] = found[1]
    return check if check.has else None


def _plain(ready: Ready, point: Measured, values: Values) -> Check:
    """Silence or out of range: one tier, no limits."""
    check = Check(ready.kind, ready.on or 0, ready.off or 0, has=tiers.H_BIT)
    check.basis[tiers.H_SLOT] = RANGE_BASIS
    if ready.kind == tiers.SILENT:
        argument = next(iter(ready.slots[tiers.H_SLOT].test.values()))
        dated = _dated(ready.rule, argument, point, values)
        check.on = _span_ms(dig(ready.rule, argument, point, dated.value), dated.path)
        check.basis[tiers.H_SLOT] = _basis(dated, {})
    return check


def _rate(ready: Ready, point: Measured, values: Values) -> Check | None:
    """Change per window: the limit comes per minute, hour …, the tier ends below it (less the deadband)."""
    assert ready.rule.within is not None
    span = _span_ms(ready.rule.within, "within")
    if span > LONGEST_RATE:
        raise Unjudged(f"within 的时长 {ready.rule.within!r} 不能超过 24h")
    check = Check(ready.kind, ready.on or 0, ready.off or 0)
    for slot, tier in ready.slots.items():
        name, argument = next(iter(tier.test.items()))
        dated = _dated(ready.rule, argument, point, values)
        found = dig(ready.rule, argument, point, dated.value)
        if found is None:
            continue
        change = _per_window(_decimal(found, dated.path), dated, span, point)
        if change <= 0:
            raise Unjudged(f"参数 {dated.path} 的变化率应大于 0,而不是 {found}")
        check.limit[0] = 1 if name == "rising" else -1
        check.put(slot, scaled(change, point.digits, True), scaled(max(change - point.deadband, change / 2),
                                                                   point.digits, True))
        check.basis[slot] = _basis(dated, {})
    check.reset[0] = span
    return check if check.has else None


def _per_window(rate: Decimal, dated: params.Dated, span: int, point: Measured) -> Decimal:
    """A rate in the param's unit (℃/min) as the change per window in the point's unit."""
    unit, _, per = dated.unit.rpartition("/")
    if per not in PER:
        raise Unjudged(f"参数 {dated.path} 的单位应写成每多久变多少,如 {point.unit}/min,而不是 {dated.unit!r}")
    return difference(rate, unit, point) * span / PER[per]


def _flat(ready: Ready, point: Measured, values: Values) -> Check | None:
    """Unchanged for a span: the limits are spans in ms."""
    check = Check(ready.kind, 0, ready.off or 0)
    for slot, tier in ready.slots.items():
        argument = next(iter(tier.test.values()))
        dated = _dated(ready.rule, argument, point, values)
        span = _span_ms(dig(ready.rule, argument, point, dated.value), dated.path)
        check.put(slot, span, span)
        check.basis[slot] = _basis(dated, {})
    check.reset[0] = min(check.limit[s] for s in ready.slots)
    check.reset[1] = scaled(_band(ready.rule, point, values), point.digits, False)
    return check


def _band(rule: Rule, point: Measured, values: Values) -> Decimal:
    """What still counts as unchanged, in the point's unit."""
    if not rule.band:
        return point.deadband
    if rule.band.limit:
        raise Unjudged("band 写参数 {param: …},不写点位限值")
    dated = _dated(rule, rule.band, point, values)
    return difference(_decimal(dig(rule, rule.band, point, dated.value), dated.path), dated.unit, point)


def _count(ready: Ready, point: Measured, values: Values) -> Check | None:
    """Excursions within a window: how often is a param, what an excursion is says the limit."""
    rule, tier = ready.rule, ready.slots[tiers.H_SLOT]
    assert rule.within is not None
    assert rule.times is not None
    name, argument = next(iter(tier.test.items()))
    found = _value(rule, argument, point, values)
    if found is None:
        return None
    high = name == "above"
    until = _until(rule, tier, tiers.H_SLOT if high else 1, found[0], point, values)
    sign, often = 1 if high else -1, _often(rule, point, values)
    check = Check(ready.kind, ready.on or 0, ready.off or 0)
    check.put(tiers.H_SLOT, often, often)
    check.limit[0], check.reset[0] = sign, _span_ms(rule.within, "within")
    check.limit[1], check.reset[1] = (sign * scaled(x, point.digits, high) for x in (found[0], until))
    check.basis[tiers.H_SLOT] = found[1]
    return check


def _often(rule: Rule, point: Measured, values: Values) -> int:
    assert rule.times is not None
    dated = _dated(rule, rule.times, point, values)
    found = dig(rule, rule.times, point, dated.value)
    if not isinstance(found, int) or not 2 <= found <= MOST_TIMES:
        raise Unjudged(f"参数 {dated.path} 应是 2 到 {MOST_TIMES} 的次数,而不是 {found!r}")
    return found


def _apart(ready: Ready, point: Measured, values: Values) -> Check | None:
    """Two detectors of one place: the limit is a difference; which sibling it is, `paired` says."""
    assert ready.rule.within is not None
    check = Check(ready.kind, ready.on or 0, ready.off or 0)
    check.reset[0] = _span_ms(ready.rule.within, "within")
    for slot, tier in ready.slots.items():
        argument = next(iter(tier.test.values()))
        dated = _dated(ready.rule, argument, point, values)
        wide = difference(_decimal(dig(ready.rule, argument, point, dated.value), dated.path), dated.unit, point)
        check.put(slot, scaled(wide, point.digits, True),
                  scaled(max(wide - point.deadband, wide / 2), point.digits, True))
        check.basis[slot] = _basis(dated, {})
    return check


def paired(check: Check, point: Measured, sibling: Measured) -> Check:
    """The check with the id of the sibling it compares with."""
    if (point.digits, point.unit) != (sibling.digits, sibling.unit):
        raise Unjudged(f"与同处点位 {sibling.id} 的单位或小数位数不同,无法直接比对;请改成一致")
    return replace(check, limit=[check.limit[0], sibling.id, *check.limit[2:]])


SIGNALS = {tiers.RATE: _rate, tiers.FLAT: _flat, tiers.COUNT: _count, tiers.APART: _apart}


def _until(rule: Rule, tier: Tier, slot: int, limit: Decimal, point: Measured, values: Values) -> Decimal:
    """The value beyond which the tier ends: `until`, else the limit less (low: plus) the point's deadband."""
    given = _value(rule, tier.until, point, values) if tier.until else None
    high = slot >= tiers.H_SLOT
    if given is None:
        return limit - point.deadband if high else limit + point.deadband
    return min(given[0], limit) if high else max(given[0], limit)


def scaled(value: Decimal, digits: int, high: bool) -> int:
    """A limit in units of 10**-digits, rounded away from the normal side; beyond int32 is Unjudged."""
    whole = int(value.scaleb(digits).to_integral_value(ROUND_CEILING if high else ROUND_FLOOR))
    if not -MOST <= whole <= MOST:
        raise Unjudged(f"限值 {value} 按 {digits} 位小数超出可表示的范围,请减少点位的小数位数")
    return whole


def _value(rule: Rule, argument: Argument, point: Measured, values: Values) -> tuple[Decimal, Basis] | None:
    """A limit in the point's unit and its basis; None when the point or the table has none."""
    if argument.limit:
        own = point.limits.get(argument.limit)
        return None if own is None else (own, OWN[argument.limit])
    dated = _dated(rule, argument, point, values)
    found = dig(rule, argument, point, dated.value)
    if found is None:
        return None
    row = dated.value.get(_picked(rule, point)) if rule.pick and isinstance(dated.value, dict) else None
    return (converted(_decimal(found, dated.path), dated.unit, point),
            _basis(dated, row if isinstance(row, dict) else {}))


def _dated(rule: Rule, argument: Argument, point: Measured, values: Values) -> params.Dated:
    try:
        return values.get(path_of(rule, argument), point.locality)
    except ContentError as missing:
        raise Unjudged(str(missing)) from None


def _picked(rule: Rule, point: Measured) -> str:
    """The row asked for: a fact of the point, else its quantity or the kind of its subject."""
    words = {"quantity": point.quantity, "kind": point.kind}
    return str(point.facts.get(rule.pick, words.get(rule.pick, "")))


def dig(rule: Rule, argument: Argument, point: Measured, value: Any) -> Any:
    """The number inside a table param: by the row `pick` names, then by `field`; None when it has no such field."""
    if isinstance(value, dict) and rule.pick:
        row = _picked(rule, point)
        if row not in value:
            raise Unjudged(f"点位没有可用的 {rule.pick}(现为“{row}”),参数 {argument.param} 里可选:{'、'.join(value)}")
        value = value[row]
    if isinstance(value, dict):
        value = value.get(argument.field)
    return value


def _decimal(value: Any, path: str) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise Unjudged(f"参数 {path} 的值应是数字,而不是 {value!r}") from None


def _basis(dated: params.Dated, row: Mapping[str, Any]) -> Basis:
    """What an alert keeps of where its limit came from; a table row may carry its own text and mark."""
    return {"text": row.get("basis", dated.basis), "mark": row.get("mark", dated.mark),
            "since": dated.since.isoformat(), "param": dated.path, "locality": dated.locality,
            "approver": dated.approver}


def _delay(span: str | None) -> int | None:
    return None if span is None else round(clock.span(span).total_seconds() * 1000)


def _span_ms(value: Any, path: str) -> int:
    """A span ('5m') or a number of minutes, in ms; from 1 ms to 24 days."""
    try:
        ms = _delay(value) if isinstance(value, str) else int(Decimal(str(value)) * 60_000)
    except (ValueError, InvalidOperation):
        raise Unjudged(f"参数 {path} 应是时长(如 5m)或分钟数,而不是 {value!r}") from None
    if ms is None or not 0 < ms <= MOST:
        raise Unjudged(f"参数 {path} 的时长 {value!r} 应大于 0、不超过 24 天")
    return ms
