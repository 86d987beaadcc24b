"""What `shouwang check` says about rules: unknown words, tiers on the wrong side, limits nobody can look up."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from shouwang.engines.subjects.spec import rank
from shouwang.kernel import clock, content, params
from shouwang.kernel.errors import ContentError

from . import act, limits, tiers
from .limits import Measured
from .spec import Argument, Rule, Tier
from .units import Unjudged


def problems() -> list[str]:
    """Every problem of every declared rule: file, item, what is wrong, what to do."""
    out = [f"{_where(rule)}: {said}" for rule in content.every("rules") for said in _rule(rule)]
    return out + list(_shelving())


def _where(rule: Rule) -> str:
    folder = content.folders.get(rule.scene)
    return f"{folder / 'rules.yaml' if folder else 'rules.yaml'} 的 {rule.id}"


def _rule(rule: Rule) -> Iterator[str]:
    yield from _words(rule)
    yield from _spans(rule)
    yield from _shape(rule)
    for argument in _arguments(rule):
        yield from _argument(rule, argument)
    yield from _rates(rule)
    yield from _sides(rule)


def _arguments(rule: Rule) -> Iterator[Argument]:
    for tier in rule.steps:
        yield from tier.test.values()
        yield from (a for a in (tier.until,) if a)
    gate = rule.unless
    yield from (a for a in (rule.times, rule.band, gate and gate.above, gate and gate.below) if a)


def _words(rule: Rule) -> Iterator[str]:
    """Quantities, kinds and levels that nobody declares."""
    gate = [rule.unless.quantity] if rule.unless else []
    for kind, words in (("quantities", [*limits.listed(rule.quantity), *gate]), ("kinds", limits.listed(rule.of)),
                        ("levels", [t.level for t in rule.steps])):
        known = [spec.id for spec in content.every(kind)]
        for word in dict.fromkeys(words):
            if word not in known:
                yield f"{kind} 里没有 {word!r};已有:{'、'.join(known)}"


def _spans(rule: Rule) -> Iterator[str]:
    for name in ("hold", "release", "within"):
        given = getattr(rule, name)
        try:
            if given is not None:
                clock.span(given)
        except ValueError as wrong:
            yield f"{name}: {wrong}"


def _shape(rule: Rule) -> Iterator[str]:
    """What one rule may hold: limits on both sides, or silence, or range."""
    tests = [next(iter(t.test)) for t in rule.steps]
    if len({limits.KIND_OF[t] for t in tests}) > 1:
        yield "silent、out_of_range、rising、falling、flat、apart 不能和别的 test 写在同一条规则里,请分成两条"
    if {"rising", "falling"} <= set(tests):
        yield "rising 和 falling 不能写在同一条规则里,请分成两条"
    for name in ("above", "below", "rising", "falling", "flat", "apart"):
        if tests.count(name) > 2:
            yield f"{name} 最多两级,现在写了 {tests.count(name)} 级"
    if tests[0] in ("silent", "out_of_range") and len(tests) > 1:
        yield f"{tests[0]} 只能有一级"
    if tests[0] == "apart" and any(a.limit for t in rule.steps for a in t.test.values()):
        yield "apart 写 {param: …}:点位限值不是差值"
    if tests[0] in ("silent", "flat") and rule.hold is not None:
        yield f"{tests[0]} 不写 hold:多久由参数说"


def _argument(rule: Rule, argument: Argument) -> Iterator[str]:
    """A param that is not declared, or whose table has no such field."""
    if not argument.param:
        return
    path = limits.path_of(rule, argument)
    if path not in params.paths():
        yield f"没有参数 {path};请在 params.yaml 里写上,或改用已有的:{_near(path)}"
        return
    for dated in params.history(path):
        yield from _table(rule, argument, dated)


def _rates(rule: Rule) -> Iterator[str]:
    """A rate must say per what, over a window the kernel can hold."""
    if limits.kind_of(rule) != tiers.RATE:
        return
    for path in dict.fromkeys(limits.path_of(rule, a) for t in rule.steps for a in t.test.values()):
        units = {d.unit for d in params.history(path)} if path in params.paths() else set()
        if wrong := [u for u in sorted(units) if u.rpartition("/")[2] not in limits.PER or "/" not in u]:
            yield f"参数 {path} 的单位 {wrong[0]!r} 没有说每多久;请写成如 ℃/min,/ 后可用 {'、'.join(limits.PER)}"
    if any(a.limit for t in rule.steps for a in t.test.values()):
        yield "rising、falling 写 {param: …}:点位限值是数值,不是变化率"


def _near(path: str) -> str:
    scene = path.partition(".")[0]
    return "、".join([p for p in params.paths() if p.startswith(f"{scene}.")][:8]) or "(本场景还没有参数)"


def _table(rule: Rule, argument: Argument, dated: params.Dated) -> Iterator[str]:
    where = f"参数 {dated.path}({dated.locality} {dated.since})"
    value = dated.value
    if rule.pick and isinstance(value, dict):
        yield from _rows(rule, value, where)
        rows = [r for r in value.values() if isinstance(r, dict)]
        if rows and argument.field and not any(argument.field in r for r in rows):
            yield f"{where} 的各行都没有 {argument.field!r}"
        return
    if isinstance(value, dict) and argument.field not in value:
        yield f"{where} 是一张表,请用 field 指明哪一项:{'、'.join(map(str, value))}"
    elif argument.field and not isinstance(value, dict):
        yield f"{where} 不是表,不要写 field: {argument.field}"


def _rows(rule: Rule, value: dict[str, Any], where: str) -> Iterator[str]:
    """Rows that no point can pick, and points' words without a row."""
    words = {"quantity": limits.listed(rule.quantity), "kind": limits.listed(rule.of),
             "place": [s.id for s in content.every("places")]}
    known = words.get(rule.pick)
    if known is None:
        facts = {f.id for k in content.every("kinds") for f in k.facts}
        if rule.pick not in facts:
            yield f"pick: 没有种类登记事实 {rule.pick!r};可用 quantity、kind、place 或 kinds.yaml 里的事实"
        return
    if unknown := [str(r) for r in value if r not in known]:
        yield f"{where} 的行 {'、'.join(unknown)} 不是 {rule.pick} 的词"
    if rule.pick != "place" and (missing := [w for w in known if w not in value]):
        yield f"{where} 缺 {'、'.join(missing)} 的行,这些点位将不被研判"


def _sides(rule: Rule) -> Iterator[str]:
    """Tiers in an order that cannot be meant, wherever the numbers are known today."""
    if limits.kind_of(rule) != tiers.LIMIT or any(t not in ("above", "below") for s in rule.steps for t in s.test):
        return
    for row in _examples(rule):
        point = Measured(0, limits.listed(rule.quantity)[0], "", 6, limits.listed(rule.of)[0], "cn", row)
        yield from _order(rule, point, f"{rule.pick} 为 {row[rule.pick]} 时" if row else "")


def _examples(rule: Rule) -> Iterator[dict[str, str]]:
    """One set of facts for every row a param of this rule has."""
    rows: dict[str, None] = {}
    for tier in rule.steps:
        for argument in tier.test.values():
            path = limits.path_of(rule, argument) if argument.param else ""
            if rule.pick and path in params.paths() and isinstance(now := _now(path), dict):
                rows.update(dict.fromkeys(now))
    yield from ({rule.pick: row} for row in rows) if rows else iter([{}])


def _now(path: str) -> Any:
    return max(params.history(path), key=lambda d: d.since).value


def _order(rule: Rule, point: Measured, when: str) -> Iterator[str]:
    values = limits.Values(clock.today())
    found = {slot: (_number(rule, next(iter(t.test.values())), point, values), t)
             for slot, t in limits.slots(rule).items()}
    numbers = [found[s][0] for s in sorted(found) if found[s][0] is not None]
    if numbers != sorted(numbers, key=lambda n: n or Decimal(0)):
        yield f"{when}各级限值的次序不对:低低 ≤ 低 < 高 ≤ 高高,更重的等级应更远,现为 {'、'.join(map(str, numbers))}"
    for slot, (limit, tier) in found.items():
        until = _number(rule, tier.until, point, values) if tier.until else None
        if limit is not None and until is not None and (until > limit if slot >= tiers.H_SLOT else until < limit):
            yield f"{when}{_name(tier)}的复位值 {until} 在限值 {limit} 的外侧,一报警就会复位"


def _name(tier: Tier) -> str:
    return f"“{tier.means or tier.level}”"


def _number(rule: Rule, argument: Argument, point: Measured, values: limits.Values) -> Decimal | None:
    """The number in the param's own unit, where it is known today."""
    if not argument.param or limits.path_of(rule, argument) not in params.paths():
        return None
    try:
        found = limits.dig(rule, argument, point, values.get(limits.path_of(rule, argument), "cn").value)
        return None if found is None else Decimal(str(found))
    except (Unjudged, InvalidOperation, ContentError):
        return None


def _shelving() -> Iterator[str]:
    """Every level must say how long it may be shelved."""
    table = params.value(act.LONGEST, clock.today())
    for level in sorted((lv.id for lv in content.every("levels")), key=rank):
        if level not in table:
            yield f"参数 {act.LONGEST} 没有等级 {level};请补上最长搁置时间,如 4h"
