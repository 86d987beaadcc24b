"""What changes the registry: enter and correct subjects, say whether they run, set the limits of a point."""

from decimal import Decimal
from typing import Any

from django.db import transaction

from shouwang.kernel import access, events, fields
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from . import cells, credit_code, limits
from .import_points import shown
from .import_report import Wrong
from .import_subjects import follow, kind_of, lines
from .models import Point, Region, Subject
from .regions import normalise
from .sheets import BROKEN
from .spec import Kind

events.declares(
    subjects__created="登记一个监管对象",
    subjects__updated="修改一个监管对象",
    subjects__status_changed="运行状态改变",
    subjects__limits_changed="点位限值改变",
)
EDIT = "subjects.edit"
EDITABLE = ("name", "region", "line", "lon", "lat", "facts")


@transaction.atomic
def create(account: Account, *, kind: str, code: str, name: str, parent: Subject | None = None, region: str = "",
           line: str = "", facts: dict[str, Any] | None = None, lon: float | None = None,
           lat: float | None = None) -> Subject:
    """Enter a subject; BadInput names the field, NotAllowed when it would lie outside the account's reach."""
    spec = kind_of(kind)
    _fits(spec, parent)
    made = Subject(kind=spec.id, code=_free_code(spec, code), name=_text(name, "名称", 120), parent=parent,
                   facts=fields.clean(spec.facts, facts or {}))
    made.top = (parent.top or parent) if parent else None
    made.region = _region(region) if region or parent is None else parent.region
    made.line = parent.line if parent else _line(line)
    made.lon, made.lat = _where(lon, lat)
    access.require(account, EDIT, region=made.region, top=made.top_id, line=made.line)
    made.save()
    if made.top is None:
        made.top = made
        made.save(update_fields=["top"])
    events.emit("subjects.created", subject=made.pk, actor=account.username, about=f"subject:{made.pk}", kind=spec.id,
                code=made.code, name=made.name, region=made.region, line=made.line)
    return made


def _fits(spec: Kind, parent: Subject | None) -> None:
    if (parent is None) != (not spec.under) or (parent is not None and parent.kind not in spec.under):
        wanted = "、".join(kind_of(k).title for k in spec.under) or "最上层"
        raise BadInput(f"“{spec.title}”须登记在{wanted}")


def _free_code(spec: Kind, code: str) -> str:
    code = credit_code.clean(code) if spec.code == "credit" else _text(code, "编码", 64)
    if Subject.objects.filter(kind=spec.id, code=code).exists():
        raise BadInput(f"已有编码为 {code} 的{spec.title}")
    return code


@transaction.atomic
def update(account: Account, subject: Subject, **changes: Any) -> Subject:
    """Correct name, region, line, place or facts; only what is given changes. The event keeps was and now."""
    if unknown := set(changes) - set(EDITABLE):
        raise BadInput(f"不能修改:{'、'.join(sorted(unknown))};可改:{'、'.join(EDITABLE)}")
    access.require(account, EDIT, region=subject.region, top=subject.top_id, line=subject.line)
    subject = Subject.objects.select_for_update().get(pk=subject.pk)
    was = {n: getattr(subject, n) for n in EDITABLE}
    _apply(subject, changes)
    access.require(account, EDIT, region=subject.region, top=subject.top_id, line=subject.line)
    now = {n: getattr(subject, n) for n in EDITABLE}
    differ = {n: {"was": was[n], "now": now[n]} for n in EDITABLE if was[n] != now[n]}
    if differ:
        subject.save()
        if subject.parent_id is None and {"region", "line"} & set(differ):
            follow({subject.pk: (was["region"], subject)})
        events.emit("subjects.updated", subject=subject.pk, actor=account.username, about=f"subject:{subject.pk}",
                    changes=differ)
    return subject


def _apply(subject: Subject, changes: dict[str, Any]) -> None:
    if "name" in changes:
        subject.name = _text(changes["name"], "名称", 120)
    if "region" in changes:
        subject.region = _region(changes["region"])
    if "line" in changes:
        if subject.parent_id:
            raise BadInput("行业线随企业,不能单独修改")
        subject.line = _line(changes["line"])
    if "lon" in changes or "lat" in changes:
        subject.lon, subject.lat = _where(changes.get("lon", subject.lon), changes.get("lat", subject.lat))
    if "facts" in changes:
        subject.facts = fields.clean(kind_of(subject.kind).facts, changes["facts"])


@transaction.atomic
def set_status(account: Account, subject: Subject, status: str, reason: str) -> Subject:
    """Running, stopped, under maintenance or closed, with a reason; the present status again changes nothing."""
    access.require(account, EDIT, region=subject.region, top=subject.top_id, line=subject.line)
    if status not in cells.STATUSES:
        raise BadInput(f"没有状态 {status!r};可用:{'、'.join(cells.STATUSES.values())}")
    why = _text(reason, "理由", 200)
    was = subject.status
    if Subject.objects.filter(pk=subject.pk).exclude(status=status).update(status=status):
        events.emit(
            "subjects.status_changed",
            subject=subject.pk,
            actor=account.username,
            about=f"subject:{subject.pk}",
            was=was,
            now=status,
            reason=why,
        )
    subject.refresh_from_db()
    return subject


@transaction.atomic
def change_limits(point: Point, account: Account, new: dict[str, Any], reason: str) -> Point:
    """Set LL, L, H, HH or the deadband of a point (None takes a limit away), with a reason.

    Values are in the point's own unit; the event keeps was and now. The plan follows the point's `changed_at`.
    """
    subject = point.subject
    access.require(account, EDIT, region=subject.region, top=subject.top_id, line=subject.line)
    why = _text(reason, "理由", 200)
    if unknown := set(new) - {*limits.NAMES, "deadband"}:
        raise BadInput(f"没有限值 {'、'.join(sorted(unknown))};可改:{'、'.join([*limits.NAMES, 'deadband'])}")
    point = Point.objects.select_for_update().select_related("subject").get(pk=point.pk)
    was = shown(point)
    try:
        for name, value in new.items():
            setattr(point, name, _limit(name, value))
        limits.check({n: getattr(point, n) for n in limits.NAMES}, point.range_low, point.range_high,
                     point.deadband, point.digits)
    except Wrong as wrong:
        raise BadInput(f"{wrong.column}:{wrong.reason};{wrong.remedy}".rstrip(";")) from None
    if shown(point) != was:
        point.save()
        events.emit("subjects.limits_changed", subject=subject.pk, actor=account.username, about=f"point:{point.pk}",
                    code=point.code, was=was, now=shown(point), reason=why)
    return point


def _limit(name: str, value: Any) -> Decimal | None:
    title = limits.NAMES.get(name, "死区")
    found = cells.decimal("" if value is None else str(value).strip(), title)
    return Decimal(0) if found is None and name == "deadband" else found


def _text(value: Any, title: str, longest: int) -> str:
    text = str(value or "").strip()
    if not text or len(text) > longest or text in BROKEN or any(ord(c) < 32 for c in text):
        raise BadInput(f"“{title}”必须填写,最多 {longest} 字,不含换行")
    return text


def _region(code: str) -> str:
    code = normalise(str(code))
    if not code or not Region.objects.filter(code=code).exists():
        raise BadInput(f"没有区划代码 {code!r};用 GB/T 2260 县级代码,镇街、网格请先增设")
    return code


def _line(line: str) -> str:
    if line and line not in lines():
        raise BadInput(f"没有行业线 {line!r};可用:{'、'.join(lines().values())}")
    return line


def _where(lon: float | None, lat: float | None) -> tuple[float | None, float | None]:
    if (lon is None) != (lat is None):
        raise BadInput("经度、纬度要么都填,要么都空")
    try:
        return (cells.place("" if lon is None else str(lon), "经度", "lon"),
                cells.place("" if lat is None else str(lat), "纬度", "lat"))
    except Wrong as wrong:
        raise BadInput(f"{wrong.column}:{wrong.reason};{wrong.remedy}") from None
