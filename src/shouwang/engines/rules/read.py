"""What the rule engine knows: alerts a person may see, counts, trends, the journal of one alert."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

from django.db.models import Case, Count, IntegerField, Q, QuerySet, Value, When
from django.db.models.functions import TruncHour
from django.utils.translation import gettext, gettext_noop

from shouwang.engines.subjects.spec import graver, rank
from shouwang.engines.telemetry.live import latest
from shouwang.kernel import access, clock, content
from shouwang.kernel.conditions import condition
from shouwang.kernel.errors import ContentError
from shouwang.kernel.measures import measure

from .models import Alert, AlertChange
from .spec import Guidance, Rule

SEE = "alerts.see"
Order = Literal["grave", "newest", "oldest"]


@dataclass
class Counts:
    """How many alerts of a selection: by level (gravest first), open, open and nobody has acknowledged."""

    levels: dict[str, int] = field(default_factory=dict)
    open: int = 0
    unacknowledged: int = 0
    shelved: int = 0
    no_data: int = 0


@dataclass
class RegionCount:
    """Open alerts below one region code: by level, and the gravest."""

    code: str
    levels: dict[str, int]
    worst: str

    @property
    def open(self) -> int:
        return sum(self.levels.values())


@dataclass
class Hour:
    """Alerts opened in one clock hour, by the highest level they reached."""

    start: datetime
    levels: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.levels.values())


def alerts(account: Any, *, active: bool | None = None, level: str = "", kind: str = "", scene: str = "",
           rule: str = "", region: str = "", top: int | None = None, subject: int | None = None,
           point: int | None = None, acknowledged: bool | None = None, shelved: bool | None = None,
           since: datetime | None = None, until: datetime | None = None, search: str = "",
           order: Order = "grave") -> QuerySet[Alert]:
    """The alerts this person may see, narrowed; subject, enterprise and point come along in the same query.

    `region` is a code prefix, `since`/`until` bound the opening, `search` looks in names and point codes.
    """
    exact = {"active": active, "level": level or None, "kind": kind or None, "scene": scene or None,
             "rule": rule or None, "top": top, "subject": subject, "point": point,
             "opened_at__gte": since, "opened_at__lt": until, "region__startswith": region or None}
    found = Alert.objects.filter(visible(account), **{k: v for k, v in exact.items() if v is not None})
    if acknowledged is not None:
        found = found.filter(acked_at__isnull=not acknowledged)
    if shelved is not None:
        found = found.filter(_shelved() if shelved else ~_shelved())
    if search:
        found = found.filter(Q(top__name__icontains=search) | Q(subject__name__icontains=search)
                             | Q(point__code__icontains=search) | Q(point__name__icontains=search))
    return _ordered(found.select_related("point", "subject", "top"), order)


def visible(account: Any) -> Q:
    """The scope of `alerts.see` as a filter over Alert."""
    return access.scope(account, SEE, line="line")


def one(account: Any, pk: int) -> Alert:
    """One alert this person may see; out of scope does not exist (Alert.DoesNotExist)."""
    return Alert.objects.select_related("point", "subject", "top", "last").get(visible(account), pk=pk)


def _shelved() -> Q:
    return Q(shelved_until__gt=clock.now())


def level_rank(column: str = "level") -> Case:
    """The rank of a level column for ORDER BY, 1 gravest."""
    whens = [When(**{column: lv.id, "then": Value(lv.rank)}) for lv in content.every("levels")]
    return Case(*whens, default=Value(9), output_field=IntegerField())


def _ordered(found: QuerySet[Alert], order: Order) -> QuerySet[Alert]:
    if order == "grave":
        return found.order_by("-active", level_rank(), "-opened_at", "-id")
    return found.order_by("-opened_at", "-id") if order == "newest" else found.order_by("opened_at", "id")


def _levels() -> list[str]:
    return [lv.id for lv in sorted(content.every("levels"), key=lambda lv: lv.rank)]


def counts(account: Any, **filters: Any) -> Counts:
    """Counts of what `alerts(account, active=True, **filters)` would list (one query)."""
    found = alerts(account, active=True, **filters).order_by().select_related(None)
    row = found.aggregate(
        open=Count("id"), unacknowledged=Count("id", filter=Q(acked_at=None)),
        shelved=Count("id", filter=_shelved()), no_data=Count("id", filter=Q(kind="no_data")),
        **{f"level_{lv}": Count("id", filter=Q(level=lv)) for lv in _levels()})
    return Counts({lv: row[f"level_{lv}"] for lv in _levels()}, row["open"], row["unacknowledged"],
                  row["shelved"], row["no_data"])


def by_region(account: Any, region: str, digits: int, **filters: Any) -> list[RegionCount]:
    """Open alerts below `region`, grouped by the first `digits` of their code (4 city, 6 county, 9 town); one query."""
    found = alerts(account, active=True, region=region, **filters).order_by().select_related(None)
    out: dict[str, dict[str, int]] = {}
    for code, level, n in found.values_list("region", "level").annotate(n=Count("id")):
        here = out.setdefault(code[:digits], dict.fromkeys(_levels(), 0))
        here[level] = here.get(level, 0) + n
    return [RegionCount(code, levels, min((lv for lv, n in levels.items() if n), key=rank))
            for code, levels in sorted(out.items())]


def trend(account: Any, hours: int = 24, **filters: Any) -> list[Hour]:
    """Alerts opened per clock hour of China, the present hour last; empty hours are there with zeros (one query)."""
    this = clock.now().astimezone(clock.LOCAL).replace(minute=0, second=0, microsecond=0)
    starts = [this - timedelta(hours=n) for n in reversed(range(hours))]
    found = alerts(account, since=starts[0], **filters).order_by().select_related(None)
    slots = {s: dict.fromkeys(_levels(), 0) for s in starts}
    rows = found.annotate(hour=TruncHour("opened_at", tzinfo=clock.LOCAL)).values_list("hour", "highest")
    for hour, level, n in rows.annotate(n=Count("id")):
        if hour in slots:
            slots[hour][level] = slots[hour].get(level, 0) + n
    return [Hour(s, levels) for s, levels in slots.items()]


def worst_by_enterprise(region: str = "", account: Any = None) -> dict[int, str]:
    """Enterprise id → its worst open level, below a region; only what `account` may see when one is given."""
    seen = Alert.objects.filter(active=True) if account is None else alerts(account, active=True).order_by()
    if region:
        seen = seen.filter(region__startswith=region)
    out: dict[int, str] = {}
    for top, level in seen.values_list("top_id", "level").distinct():
        out[top] = graver(out.get(top, level), level)
    return out


def open_about(subjects: list[int]) -> dict[int, list[Alert]]:
    """Open alerts of these subjects (any kind), gravest first, for a subject page or a map popup."""
    out: dict[int, list[Alert]] = {s: [] for s in subjects}
    for alert in _ordered(Alert.objects.filter(active=True, subject__in=subjects).select_related("point"), "grave"):
        out[alert.subject_id].append(alert)
    return out


def isa_letter(alert: Alert) -> str:
    """The ISA-18.2 state as a view of the vector.

    A normal, B active unacknowledged, C active acknowledged, D returned unacknowledged, E shelved,
    F suppressed by design, G out of service.
    """
    if alert.out_of_service:
        return "G"
    if alert.suppressed_by:
        return "F"
    if alert.shelved_until is not None and alert.shelved_until > clock.now():
        return "E"
    if alert.active:
        return "C" if alert.acked_at else "B"
    return "A" if alert.acked_at else "D"


def journal(alert: Alert) -> QuerySet[AlertChange]:
    """Every line about one alert, in the order it was written."""
    return AlertChange.objects.filter(alert=alert).order_by("id")


def rule_of(alert: Alert) -> Rule | None:
    """The rule as declared today; None when its scene no longer has it."""
    try:
        found: Rule = content.get("rules", alert.rule)
    except ContentError:
        return None
    return found


def guidance(alert: Alert) -> Guidance | None:
    """Consequence and action, as the rule states them today."""
    rule = rule_of(alert)
    return rule.guidance if rule else None


STANDING = {"rate": gettext_noop("变化率尚未回到限值以内,尚未恢复"), "flat": gettext_noop("读数仍未变化,不能视为恢复"),
            "count": gettext_noop("窗口内的越限次数尚未降到限值以下,尚未恢复"),
            "apart": gettext_noop("两台仪表的差值尚未回到限值以内,尚未恢复")}


@condition("rules.recovered")
def recovered(about: str) -> str:
    """Whether the alert a matter is about is over; else why it cannot be called recovered, with the present value."""
    kind, _, pk = about.partition(":")
    alert = Alert.objects.select_related("point").filter(pk=int(pk)).first() if kind == "alert" else None
    if alert is None or not alert.active:
        return ""
    if alert.kind == "no_data" or alert.quality == "no_data":
        return gettext("数据中断,不能视为恢复;请先恢复监测数据")
    if alert.kind == "range":
        return gettext("读数仍超出仪表量程,不能视为恢复")
    if alert.kind in STANDING:
        return gettext(STANDING[alert.kind])
    return _still(alert)


def _still(alert: Alert) -> str:
    """The sentence for an open limit alert: the newest reading where the ingest process can be asked."""
    live = latest([alert.point_id]).get(alert.point_id)
    if live is not None and live.value is None:
        return gettext("数据中断,不能视为恢复;请先恢复监测数据")
    value = live.value if live is not None else alert.last_value
    words = {"value": _number(value), "limit": _number(alert.limit_value), "unit": alert.unit}
    if live is not None and live.quality not in ("good", "uncertain"):
        return gettext("最近读数 %(value)s%(unit)s 的质量不可用(标校、故障或超量程),不能视为恢复") % words
    if value is not None and alert.limit_value is not None and (value - alert.limit_value) * alert.tier < 0:
        return gettext("当前 %(value)s%(unit)s 已在限值 %(limit)s%(unit)s 以内,但未满复位值或延时,尚未恢复") % words
    if alert.tier > 0:
        return gettext("当前 %(value)s%(unit)s 仍达到或高于限值 %(limit)s%(unit)s") % words
    return gettext("当前 %(value)s%(unit)s 仍达到或低于限值 %(limit)s%(unit)s") % words


def _number(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"


@measure("rules.alerts")
def count_opened(*, subject: int, since: datetime, **where: Any) -> float | None:
    """Alerts opened on an enterprise or on one of its parts since a moment; `level` counts the highest reached."""
    level = where.pop("level", None)
    found = Alert.objects.filter(Q(top=subject) | Q(subject=subject), opened_at__gte=since, **where)
    return float(found.filter(highest=level).count() if level else found.count())


@measure("rules.open_alerts")
def count_open(*, subject: int, since: datetime, **where: Any) -> float | None:
    """Alerts open now on an enterprise or one of its parts, opened since a moment; `level` is the present one."""
    return float(Alert.objects.filter(Q(top=subject) | Q(subject=subject), active=True, opened_at__gte=since,
                                      **where).count())
