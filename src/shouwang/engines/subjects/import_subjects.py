"""Enterprises and other subjects from a sheet: every row checked against the registry in bulk, then written at once."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import F

from shouwang.kernel import access, content
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, Grant

from . import cells, credit_code
from .import_report import Problem, Report, Wrong
from .models import Region, Subject
from .regions import normalise
from .sheets import Column, Row
from .spec import Kind

OWN = ("name", "region", "line", "lon", "lat", "status")
SAVED = ["name", "parent", "top", "region", "line", "facts", "lon", "lat", "status", "changed_at"]


def columns(kind: Kind) -> list[Column]:
    """The headings of a kind, facts last."""
    if kind.code == "credit":
        first = [
            Column("code", "统一社会信用代码", True, "18 位,GB 32100", "91350100M000100Y43"),
            Column("name", "名称", True, "", "某化工有限公司"),
            Column("region", "区划代码", True, "县、镇街或网格的代码", "370829"),
            Column("line", "行业线", False, "、".join(lines().values()), next(iter(lines().values()), "")),
        ]
    else:
        first = [
            Column("code", "编码", True, "在同类对象中唯一", "V101"),
            Column("name", "名称", True, "", "V101 储罐"),
            Column("parent_kind", "上级种类", False, "、".join(t for t in _under(kind).values())),
            Column("parent", "上级编码", bool(kind.under), "企业填统一社会信用代码"),
            Column("region", "区划代码", False, "空着随上级"),
        ]
    return [
        *first,
        Column("lon", "经度", False, "WGS-84 十进制度", "116.58"),
        Column("lat", "纬度", False, "", "35.41"),
        Column("status", "状态", False, "、".join(cells.STATUSES.values()), "运行"),
        *[Column(f"facts.{f.id}", cells.heading(f), f.required) for f in kind.facts],
    ]


def lines() -> dict[str, str]:
    """Industry lines by id."""
    return {x.id: x.title for x in content.every("lines")}


def _under(kind: Kind) -> dict[str, str]:
    return {k: content.get("kinds", _key(k)).title for k in kind.under}


def _key(name: str) -> str:
    return kind_of(name).key


def kind_of(name: str) -> Kind:
    """The declared kind of a stored name ('tank'); BadInput when no catalog or scene declares it."""
    for spec in content.every("kinds"):
        if name in (spec.id, spec.key):
            return spec  # type: ignore[no-any-return]
    raise BadInput(f"没有对象种类 {name!r};可用:{'、'.join(k.id for k in content.every('kinds'))}")


@dataclass
class World:
    """What the registry knows of the rows' codes, read in a handful of queries."""

    kind: Kind
    account: Account
    existing: dict[str, Subject] = field(default_factory=dict)
    parents: dict[str, list[Subject]] = field(default_factory=dict)
    regions: set[str] = field(default_factory=set)
    divided: set[str] = field(default_factory=set)  # regions that have parts


def look(kind: Kind, rows: list[Row], account: Account) -> World:
    """Fetch existing rows, parents and regions of a sheet; the number of queries does not depend on its length."""
    world = World(kind, account)
    codes = {_code_or_blank(kind, r) for r in rows}
    for s in Subject.objects.filter(kind=kind.id, code__in=codes).select_related("parent", "top"):
        world.existing[s.code] = s
    wanted = {p for r in rows for p in (r.get("parent"), r.get("parent").upper()) if p}
    for s in Subject.objects.filter(code__in=wanted, kind__in=kind.under).select_related("top"):
        world.parents.setdefault(s.code, []).append(s)
    named = {normalise(r.get("region")) for r in rows}
    world.regions = set(Region.objects.filter(code__in=named).values_list("code", flat=True))
    world.divided = set(Region.objects.filter(parent__code__in=named).values_list("parent__code", flat=True))
    return world


def _code_or_blank(kind: Kind, row: Row) -> str:
    return row.get("code").upper() if kind.code == "credit" else row.get("code")


def draft(world: World, row: Row) -> Subject:
    """The subject as the row wants it, not yet saved; Wrong names the first wrong cell."""
    kind, code = world.kind, _code(world.kind, row)
    old = world.existing.get(code)
    new = Subject(pk=old.pk if old else None, kind=kind.id, code=code, facts=dict(old.facts) if old else {},
                  sample=old.sample if old else False)
    new.name = cells.text(row.get("name"), "名称", 120, required=True)
    new.parent = _parent(world, row, old)
    new.top = (new.parent.top or new.parent) if new.parent else (old.top if old else None)
    if old and new.parent and old.top_id != new.top.pk:  # type: ignore[union-attr]
        raise Wrong("上级编码", "不能改到另一家企业名下", "请将原对象停用,在新企业下用新编码登记")
    new.region, new.line = _region(world, row, new, old), _line(row, new, old)
    new.lon, new.lat = _axis(row, "lon", "经度", old), _axis(row, "lat", "纬度", old)
    if (new.lon is None) != (new.lat is None):
        raise Wrong("经度", "经度、纬度要么都填,要么都空")
    new.status = cells.one_of(row.get("status"), "状态", cells.STATUSES, old.status if old else "running")
    for f in kind.facts:
        _fact(row, f, new)
    _may(world.account, old, new)
    return new


def _code(kind: Kind, row: Row) -> str:
    heading = "统一社会信用代码" if kind.code == "credit" else "编码"
    code = cells.text(row.get("code"), heading, 64, required=True)
    if kind.code != "credit":
        return code
    try:
        return credit_code.clean(code)
    except BadInput as wrong:
        raise Wrong(heading, str(wrong), "若由 Excel 转成了科学计数,请把该列设为文本格式") from None


def _parent(world: World, row: Row, old: Subject | None) -> Subject | None:
    if not world.kind.under:
        return None
    if old and not row.has("parent"):
        return old.parent
    code = row.get("parent")
    options = _under(world.kind)
    only = cells.one_of(row.get("parent_kind"), "上级种类", options, "")
    found = [
        s
        for s in [*world.parents.get(code, []), *(world.parents.get(code.upper(), []) if code != code.upper() else [])]
        if not only or s.kind == only
    ]
    if not found:
        raise Wrong("上级编码", f"没有编码为 {code[:40]!r} 的{'、'.join(options.values())}", "请先导入上级,或核对编码")
    if len({s.kind for s in found}) > 1:
        raise Wrong(
            "上级编码", f"{code[:40]} 有多个种类的对象", f"请填“上级种类”:{'、'.join(options[s.kind] for s in found)}"
        )
    return found[0]


def _region(world: World, row: Row, new: Subject, old: Subject | None) -> str:
    given = normalise(cells.text(row.get("region"), "区划代码", 12))
    if given and given not in world.regions:
        raise Wrong(
            "区划代码", f"没有区划代码 {row.get('region')[:20]!r}", "用 GB/T 2260 县级代码;镇街、网格请先在区划页增设"
        )
    region = given or (new.parent.region if new.parent else "") or (old.region if old else "")
    if not region:
        raise Wrong("区划代码", "必须填写")
    if new.parent is None and len(region) < 6 and region in world.divided:
        raise Wrong("区划代码", f"{region} 是省或市", "请填到区县、镇街或网格")
    return region


def _line(row: Row, new: Subject, old: Subject | None) -> str:
    if new.parent is not None:
        return new.parent.line
    if not row.has("line"):
        return old.line if old else ""
    return cells.one_of(row.get("line"), "行业线", lines(), "")


def _axis(row: Row, axis: str, title: str, old: Subject | None) -> float | None:
    if not row.has(axis):
        return getattr(old, axis) if old else None
    return cells.place(row.get(axis), title, axis)


def _fact(row: Row, f: Any, new: Subject) -> None:
    if not row.has(f"facts.{f.id}"):
        return
    value = cells.fact(f, row.get(f"facts.{f.id}"))
    if value is None:
        new.facts.pop(f.id, None)
    else:
        new.facts[f.id] = value


def _may(account: Account, old: Subject | None, new: Subject) -> None:
    top = new.top.pk if new.top else new.pk
    if not access.reaches(account, "subjects.edit", region=new.region, top=top, line=new.line):
        raise Wrong("区划代码", "不在您可维护的辖区、行业或企业内", "请联系本级管理员授权,或删去此行")
    if old and not access.reaches(account, "subjects.edit", region=old.region, top=old.top_id, line=old.line):
        raise Wrong("编码", "此编码已登记在您辖区之外", "请联系登记地监管部门")


def differs(old: Subject, new: Subject) -> bool:
    """Whether the row changes anything."""
    return (
        old.parent_id != new.parent_id or old.facts != new.facts or any(getattr(old, f) != getattr(new, f) for f in OWN)
    )


def check(kind: Kind, rows: list[Row], account: Account, report: Report) -> list[Subject]:
    """All rows checked; problems and counts go into the report; returns what is to be written."""
    world = look(kind, rows, account)
    out: list[Subject] = []
    seen: dict[str, int] = {}
    for row in rows:
        try:
            new = draft(world, row)
            if new.code in seen:
                raise Wrong(
                    "编码" if kind.code == "free" else "统一社会信用代码",
                    f"与第 {seen[new.code]} 行重复",
                    "请合并为一行",
                )
        except Wrong as wrong:
            report.problems.append(Problem(row.number, wrong.column, wrong.reason, wrong.remedy))
            continue
        seen[new.code] = row.number
        old = world.existing.get(new.code)
        report.create += old is None
        report.update += bool(old and differs(old, new))
        report.same += bool(old and not differs(old, new))
        if old is None or differs(old, new):
            out.append(new)
    return out


def write(kind: Kind, wanted: list[Subject]) -> list[Subject]:
    """Insert and update in bulk; parts and grants of a moved enterprise move with it."""
    moved = _moved(kind, wanted)
    for s in wanted:
        s.pk = None  # the conflict to resolve is the code's, not the id's
    made = Subject.objects.bulk_create(wanted, batch_size=500, update_conflicts=True, unique_fields=["kind", "code"],
                                       update_fields=SAVED)
    if not kind.under:
        Subject.objects.filter(kind=kind.id, top=None).update(top_id=F("pk"))
    follow(moved)
    return made


def _moved(kind: Kind, wanted: list[Subject]) -> dict[int, tuple[str, Subject]]:
    """Enterprises whose region or line changes: id → old region and the new row."""
    if kind.under:
        return {}
    new = {s.pk: s for s in wanted if s.pk}
    return {s.pk: (s.region, new[s.pk]) for s in Subject.objects.filter(pk__in=new)
            if (s.region, s.line) != (new[s.pk].region, new[s.pk].line)}


def follow(moved: dict[int, tuple[str, Subject]]) -> None:
    """Parts and enterprise grants go where their enterprise went: `moved` is id → (old region, the enterprise now)."""
    parts = list(Subject.objects.filter(top__in=moved).exclude(pk__in=moved))
    for part in parts:
        before, top = moved[part.top_id or 0]
        part.line = top.line
        part.region = top.region if part.region == before else part.region
    Subject.objects.bulk_update(parts, ["region", "line"], batch_size=200)
    grants = list(Grant.objects.filter(subject__in=moved))
    for grant in grants:
        before, top = moved[grant.subject or 0]
        grant.region = top.region if grant.region == before else grant.region
    Grant.objects.bulk_update(grants, ["region"], batch_size=200)
