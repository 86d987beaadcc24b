"""Points from a sheet: subject, quantity, unit, range and limits checked, converted where the unit can be.

Other engines add columns of their own (telemetry: the address of the point) with `extend`.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Protocol

from shouwang.kernel import access, content
from shouwang.kernel.models import Account

from . import cells, limits
from .import_report import Problem, Report, Wrong
from .limits import NAMES
from .models import Point, Subject
from .sheets import Column, Row
from .spec import Quantity

COLUMNS = [
    Column("code", "位号", True, "全系统唯一", "370829-017-V101-LI"),
    Column("name", "名称", True, "", "V101 液位"),
    Column("subject_kind", "所属种类", False, "储罐、气体探测器……编码不重名时可空", "储罐"),
    Column("subject", "所属编码", True, "", "370829-017-V101"),
    Column("quantity", "物理量", True, "液位、温度……", "液位"),
    Column("unit", "单位", False, "空着用物理量的单位;可换算的单位自动换算", "%"),
    Column("digits", "小数位", False, "0–4,空着用物理量的分辨率"),
    Column("range_low", "量程下限", False, "", "0"),
    Column("range_high", "量程上限", False, "", "100"),
    *[Column(n, t, False, "无此限值空着") for n, t in NAMES.items()],
    Column("deadband", "死区", False, "恢复时须越过的宽度,通常量程的 1%", "1"),
    Column("on_delay_s", "报警延时(秒)", False, "", "3"),
    Column("off_delay_s", "恢复延时(秒)", False, "", "10"),
    Column("facts", "附加属性", False, "名=值,分号隔开", "place=T1"),
    Column("owner", "负责人"),
    Column("enabled", "启用", False, "是/否", "是"),
]
SAVED = ["subject", "name", "quantity", "unit", "digits", "range_low", "range_high", "ll", "l", "h", "hh", "deadband",
         "on_delay_s", "off_delay_s", "facts", "owner", "enabled", "changed_at"]
LONGEST_DELAY = Decimal(86400)


class Extension(Protocol):
    """Columns another engine adds to the sheet of points."""

    columns: list[Column]

    def check(self, rows: list[Row], account: Account) -> list[Problem]:
        """What is wrong with its cells; queries must not grow with the rows."""

    def differs(self, rows: list[Row]) -> set[str]:
        """The point codes whose columns would change something."""

    def write(self, rows: list[Row], ids: dict[str, int]) -> None:
        """Write its part for points that exist now (code → id), inside the import's transaction."""

    def shown(self, ids: list[int]) -> dict[int, dict[str, Any]]:
        """Its cells for an export: point id → column id → value."""


_extensions: list[Extension] = []


def extend(extension: Extension) -> None:
    """Register columns; called once when the engine is loaded."""
    if not any(type(e) is type(extension) for e in _extensions):
        _extensions.append(extension)


def extensions() -> list[Extension]:
    """Every registered extension."""
    return list(_extensions)


def columns() -> list[Column]:
    """The headings of the sheet of points."""
    return [*COLUMNS, *(c for e in _extensions for c in e.columns)]


@dataclass
class World:
    """What the registry knows of the rows, read in a handful of queries."""

    account: Account
    existing: dict[str, Point] = field(default_factory=dict)
    subjects: dict[str, list[Subject]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)
    quantities: dict[str, Quantity] = field(default_factory=dict)


def look(rows: list[Row], account: Account) -> World:
    """Fetch points and subjects of a sheet at once."""
    world = World(account)
    for p in Point.objects.filter(code__in={r.get("code") for r in rows}).select_related("subject"):
        world.existing[p.code] = p
    codes = {c for r in rows for c in (r.get("subject"), r.get("subject").upper())}
    for s in Subject.objects.filter(code__in=codes):
        world.subjects.setdefault(s.code, []).append(s)
    world.kinds = {k.id: k.title for k in content.every("kinds")}
    world.quantities = {q.id: q for q in content.every("quantities")}
    return world


def draft(world: World, row: Row) -> tuple[Point, str]:
    """The point as the row wants it and a note about its conversion ('' for none); Wrong names the first wrong cell."""
    code = cells.text(row.get("code"), "位号", 64, required=True)
    old = world.existing.get(code)
    new = Point(pk=old.pk if old else None, code=code, sample=old.sample if old else False)
    new.name = cells.text(row.get("name"), "名称", 120, required=True)
    new.subject = _subject(world, row)
    quantity = _quantity(world, row)
    new.quantity, new.unit = quantity.id, quantity.unit
    new.digits = _digits(row, quantity)
    note = _numbers(row, new, quantity)
    new.facts = cells.pairs(row.get("facts"), "附加属性") if row.has("facts") or not old else old.facts
    new.owner = cells.text(row.get("owner"), "负责人", 60) if row.has("owner") or not old else old.owner
    new.enabled = cells.flag(row.get("enabled"), "启用", old.enabled if old else True)
    _may(world.account, old, new)
    return new, note


def _subject(world: World, row: Row) -> Subject:
    code = cells.text(row.get("subject"), "所属编码", 64, required=True)
    only = cells.one_of(row.get("subject_kind"), "所属种类", world.kinds, "")
    hits = [*world.subjects.get(code, []), *(world.subjects.get(code.upper(), []) if code != code.upper() else [])]
    found = [s for s in hits if not only or s.kind == only]
    if not found:
        raise Wrong(
            "所属编码", f"没有编码为 {code[:40]!r} 的{world.kinds.get(only, '对象')}", "请先导入所属对象,或核对编码"
        )
    if len(found) > 1:
        raise Wrong(
            "所属种类",
            f"{code[:40]} 有多个种类的对象",
            f"请填:{'、'.join(world.kinds.get(s.kind, s.kind) for s in found)}",
        )
    return found[0]


def _quantity(world: World, row: Row) -> Quantity:
    given = cells.text(row.get("quantity"), "物理量", 30, required=True)
    key = cells.one_of(given, "物理量", {q.id: q.title for q in world.quantities.values()}, "")
    return world.quantities[key]


def _digits(row: Row, quantity: Quantity) -> int:
    given = cells.decimal(row.get("digits"), "小数位", places=0)
    if given is None:
        return quantity.digits
    if not 0 <= given <= 4:
        raise Wrong("小数位", f"{given} 不在 0–4 之间")
    return int(given)


def _numbers(row: Row, new: Point, quantity: Quantity) -> str:
    """Range, limits, deadband and delays, converted into the quantity's unit; absent columns mean no limit."""
    scale = limits.scale(quantity, cells.text(row.get("unit"), "单位", 20))
    given = {n: cells.decimal(row.get(n), t) for n, t in
             (("range_low", "量程下限"), ("range_high", "量程上限"), *NAMES.items())}
    values = given if scale.own else {n: scale.value(v, new.digits) for n, v in given.items()}
    for name, value in values.items():
        setattr(new, name, value)
    width = cells.decimal(row.get("deadband"), "死区") or Decimal(0)
    new.deadband = width if scale.own else scale.width(width, new.digits)
    limits.check({n: values[n] for n in NAMES}, new.range_low, new.range_high, new.deadband, new.digits)
    new.on_delay_s = _delay(row, "on_delay_s", "报警延时(秒)")
    new.off_delay_s = _delay(row, "off_delay_s", "恢复延时(秒)")
    return "" if scale.own else f"已由 {row.get('unit')} 换算为 {scale.unit}"


def _delay(row: Row, column: str, title: str) -> Decimal:
    value = cells.decimal(row.get(column), title, places=1) or Decimal(0)
    if not 0 <= value <= LONGEST_DELAY:
        raise Wrong(title, f"{value} 不在 0–86400 秒之间")
    return value


def _may(account: Account, old: Point | None, new: Point) -> None:
    for subject in filter(None, (new.subject, old.subject if old else None)):
        if not access.reaches(account, "subjects.edit", region=subject.region, top=subject.top_id, line=subject.line):
            raise Wrong("所属编码", "不在您可维护的辖区、行业或企业内", "请联系本级管理员授权,或删去此行")


def differs(old: Point, new: Point) -> bool:
    """Whether the row changes anything."""
    return any(getattr(old, f) != getattr(new, f) for f in SAVED if f not in ("subject", "changed_at")) \
        or old.subject_id != new.subject_id


def check(rows: list[Row], account: Account, report: Report) -> list[Point]:
    """All rows checked; problems, notes and counts go into the report; returns what is to be written."""
    world = look(rows, account)
    out: list[Point] = []
    seen: dict[str, int] = {}
    touched = {c for e in _extensions for c in e.differs(rows)}
    for row in rows:
        try:
            new, note = draft(world, row)
            if new.code in seen:
                raise Wrong("位号", f"与第 {seen[new.code]} 行重复", "位号全系统唯一")
        except Wrong as wrong:
            report.problems.append(Problem(row.number, wrong.column, wrong.reason, wrong.remedy))
            continue
        seen[new.code] = row.number
        if note:
            report.notes.append(Problem(row.number, "单位", note))
        _count(world.existing.get(new.code), new, new.code in touched, out, report)
    report.problems += [p for e in _extensions for p in e.check(rows, account)]
    report.problems.sort(key=lambda p: p.row)
    return out


def _count(old: Point | None, new: Point, touched: bool, out: list[Point], report: Report) -> None:
    changed = old is not None and (touched or differs(old, new))
    report.create += old is None
    report.update += changed
    report.same += old is not None and not changed
    if old is None or changed:
        out.append(new)


def write(rows: list[Row], wanted: list[Point]) -> dict[str, Any]:
    """Insert and update in bulk, then the extensions' parts. Returns old and new limits of changed points."""
    before = {p.code: p for p in Point.objects.filter(code__in=[p.code for p in wanted])}
    for p in wanted:
        p.pk = None
    made = Point.objects.bulk_create(
        wanted, batch_size=500, update_conflicts=True, unique_fields=["code"], update_fields=SAVED
    )
    ids = dict(Point.objects.filter(code__in=[p.code for p in made]).values_list("code", "pk"))
    written = [r for r in rows if r.get("code") in ids]
    for extension in _extensions:
        extension.write(written, ids)
    return {p.code: {"was": shown(before[p.code]), "now": shown(p)} for p in made
            if p.code in before and shown(before[p.code]) != shown(p)}


def shown(point: Point) -> dict[str, str | None]:
    """A point's limits as text, for events and comparisons."""
    return {n: None if (v := getattr(point, n)) is None else f"{v.normalize():f}" for n in (*NAMES, "deadband")}
