"""Alarm performance by ISA-18.2: of a region, an enterprise or a duty post, over a month or the last 24 hours."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from shouwang.engines.subjects.models import Region, Subject
from shouwang.engines.subjects.regions import LENGTHS
from shouwang.engines.subjects.spec import Level
from shouwang.kernel import clock, content, params
from shouwang.kernel.errors import BadInput

from . import figures, read
from .figures import Figure, Report, Row, Terms
from .models import Alert, AlertChange

TARGETS, TERMS = "rules.kpi", "rules.kpi_terms"
ENOUGH = timedelta(days=30)  # ISA-18.2 asks for 30 days of data
SHARES = {"busy_hours", "busy_tens", "flood", "top_ten", "unacknowledged"}
TITLES = {
    "raised": "报警总数", "per_day": "平均每天", "per_hour": "平均每小时", "per_ten": "平均每 10 分钟",
    "peak_ten": "最多的 10 分钟", "busy_hours": "过忙的小时占比", "busy_tens": "过忙的 10 分钟占比",
    "flood": "洪泛时间占比", "top_ten": "前十名占比", "chattering": "抖动的报警", "fleeting": "瞬时报警",
    "stale": "滞留报警(单日最多)", "ack_median": "确认用时中位数", "ack_p90": "确认用时 90% 位",
    "unacknowledged": "未确认占比", "shelved": "被搁置过", "suppressed": "按设计抑制",
    "out_of_service": "停用期间的报警", "parked": "被停放(抖动、洪泛)",
    "unrecorded": "无记录的搁置或抑制",
}
UNITS = {**dict.fromkeys(SHARES, "%"), "ack_median": "s", "ack_p90": "s"}
COLUMNS = ("id", "rule", "point_id", "top_id", "region", "highest", "raised_at", "recorded_at", "cleared_at",
           "acked_at")
BY_PEOPLE = ("shelved", "suppressed", "out_of_service")  # lines of the journal that put an alert aside


class Span(NamedTuple):
    """From … until …; `month` "2026-11" or "" for the last 24 hours. A month that is not over ends now."""

    since: datetime
    until: datetime
    month: str = ""

    @property
    def enough(self) -> bool:
        """Whether it is as long as the standard asks for (a whole month counts)."""
        return self.until - self.since >= timedelta(days=28) and bool(self.month)


@dataclass(frozen=True)
class Told:
    """A figure as it is shown: in its unit, with what the standard asks and how it compares."""

    key: str
    title: str
    value: float | None
    unit: str
    target: Mapping[str, float]
    verdict: str
    ids: frozenset[int]

    @property
    def count(self) -> int:
        """How many alerts it counts: the records behind its link."""
        return len(self.ids)


class Place(NamedTuple):
    """Whom a group is about: a region by code, or an enterprise; `key` names it in links."""

    key: str
    name: str
    region: str = ""
    top: int | None = None


@dataclass(frozen=True)
class Group:
    """One duty post, enterprise or region among others, by a few of its figures."""

    place: Place
    told: dict[str, Told]


@dataclass
class Performance:
    """The figures of one selection, with their basis and where they came from."""

    span: Span
    report: Report
    rows: list[Row]
    told: list[Told]
    levels: list[Told]
    targets: params.Dated
    terms: params.Dated
    groups: list[Group] = field(default_factory=list)


def span_of(month: str = "") -> Span:
    """The span of a month in China's time, or the last 24 hours; BadInput for what is none or lies ahead."""
    now = clock.now()
    if not month:
        return Span(now - timedelta(hours=24), now)
    found = re.fullmatch(r"(20\d\d)-(0[1-9]|1[0-2])", month)
    if not found:
        raise BadInput(f"月份写法如 2026-11,而不是 {month!r}")
    year, number = int(found[1]), int(found[2])
    since = datetime(year, number, 1, tzinfo=clock.LOCAL)
    after = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=clock.LOCAL)
    if since >= now:
        raise BadInput(f"{month} 还没有到")
    return Span(since, min(after, now), month)


def months(n: int = 12) -> list[str]:
    """The present month and those before it, newest first."""
    today = clock.today()
    ordinals = (today.year * 12 + today.month - 1 - k for k in range(n))
    return [f"{o // 12}-{o % 12 + 1:02d}" for o in ordinals]


def performance(account: Any, span: Span, *, region: str = "", top: int | None = None, scene: str = "") -> Performance:
    """The figures of the alerts this person may see there: three queries, whatever their number."""
    asked = {"region__startswith": region or None, "top": top, "scene": scene or None}
    found = Alert.objects.filter(read.visible(account), **{k: v for k, v in asked.items() if v is not None})
    rows = rows_of(found, span)
    day = min(span.until, clock.now()).astimezone(clock.LOCAL).date()
    targets, terms = (params.lookup(p, day, params.of_region(region)) for p in (TARGETS, TERMS))
    report = report_of(rows, span, terms.value)
    report.figures |= _aside(found, span)
    judged = targets.value if report.raised else _standing(targets.value)
    return Performance(span, report, rows, [_told(k, f, judged) for k, f in report.figures.items()],
                       [_told(k, f, judged, share=True) for k, f in report.levels.items()], targets, terms)


def rows_of(found: QuerySet[Alert], span: Span) -> list[Row]:
    """Alerts raised within the span, and older ones that still stood in it."""
    some = found.filter(_within(span)).order_by().values_list(*COLUMNS)
    return [Row(pk, rule, point, top, region, level, *map(_ms, moments))
            for pk, rule, point, top, region, level, *moments in some.iterator()]


def _ms(at: datetime | None) -> Any:
    return None if at is None else round(at.timestamp() * 1000)


def report_of(rows: Sequence[Row], span: Span, terms: Mapping[str, Any]) -> Report:
    """The arithmetic over a span of moments and the words of the param."""
    return figures.report(rows, _ms(span.since), _ms(span.until), terms_of(terms), levels())


def terms_of(value: Mapping[str, Any]) -> Terms:
    """The param's words as the arithmetic wants them."""
    def ms(name: str) -> int:
        return round(clock.span(value[name]).total_seconds() * 1000)

    return Terms(value["flood_above"], value["flood_below"], value["busy_hour"], value["chatter_times"],
                 ms("chatter_within"), ms("fleeting_under"), ms("fleeting_quiet"), ms("stale_over"))


def levels() -> list[str]:
    """Level ids, the mildest first."""
    levels: list[Level] = content.every("levels")
    return [lv.id for lv in sorted(levels, key=lambda lv: -lv.rank)]


def _aside(found: QuerySet[Alert], span: Span) -> dict[str, Figure]:
    """What was put aside in the span: by the journal, and by the alerts themselves; two queries."""
    lines = AlertChange.objects.filter(alert__in=found.order_by().values("pk"), kind="shelved", at__gte=span.since,
                                       at__lt=span.until)
    shelved = frozenset(lines.order_by().values_list("alert_id", flat=True))
    put = AlertChange.objects.filter(alert=OuterRef("pk"), kind__in=BY_PEOPLE)
    marked = found.filter(_within(span)).exclude(shelved_until=None, suppressed_by="", out_of_service="", parked="")
    rows = list(marked.order_by().annotate(told=Exists(put)).values_list(
        "id", "suppressed_by", "out_of_service", "parked", "shelved_until", "told"))
    suppressed, out, parked = (frozenset(r[0] for r in rows if r[n]) for n in (1, 2, 3))
    silent = frozenset(r[0] for r in rows if (r[1] or r[2] or r[4]) and not r[5])
    named = {"shelved": shelved, "suppressed": suppressed, "out_of_service": out, "parked": parked,
             "unrecorded": silent}
    return {name: Figure(len(ids), ids) for name, ids in named.items()}


def _within(span: Span) -> Q:
    """Raised within the span, or before it and still standing in it."""
    lasting = Q(raised_at__gte=span.since) | Q(cleared_at=None) | Q(cleared_at__gte=span.since)
    return lasting & Q(raised_at__lt=span.until)


def _standing(targets: Mapping[str, Any]) -> dict[str, Any]:
    """What can be judged where no alarm was raised at all: no record does not mean that all was well."""
    return {k: v for k, v in targets.items() if k in ("stale", "unrecorded")}


def _told(key: str, figure: Figure, targets: Mapping[str, Any], *, share: bool = False) -> Told:
    percent = share or key in SHARES
    value = figure.value if figure.value is None or not percent else figure.value * 100
    target = targets.get(key, {})
    title = _(TITLES[key]) if key in TITLES else key
    return Told(key, title, value, "%" if percent else UNITS.get(key, ""), target,
                figures.verdict(value, target), figure.ids)


IN_GROUPS = ("raised", "per_day", "peak_ten", "flood", "chattering", "stale", "ack_median")


def grouped(found: Performance, places: Iterable[Place]) -> list[Group]:
    """The same figures for each place that had alarms, the busiest first."""
    by_top, by_code = _by(found.rows, lambda r: r.top), _by_prefix(found.rows)
    out = []
    for place in places:
        if own := by_code.get(place.region, []) if place.top is None else by_top.get(place.top, []):
            report = report_of(own, found.span, found.terms.value)
            judged = found.targets.value if report.raised else _standing(found.targets.value)
            told = {k: _told(k, report.figures[k], judged) for k in IN_GROUPS if k in report.figures}
            out.append(Group(place, told))
    return sorted(out, key=lambda g: -len(g.told["raised"].ids) if "raised" in g.told else 0)


def _by_prefix(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Every row under each beginning of its region code that a place can have."""
    out: dict[str, list[Row]] = {}
    for r in rows:
        for code in {r.region[:n] for n in (0, *LENGTHS)}:
            out.setdefault(code, []).append(r)
    return out


def _by(rows: Iterable[Row], key: Callable[[Row], int]) -> dict[int, list[Row]]:
    out: dict[int, list[Row]] = {}
    for r in rows:
        out.setdefault(key(r), []).append(r)
    return out


def by_region(found: Performance, digits: int) -> list[Group]:
    """By the first digits of the region code (4 city, 6 county, 9 town); one query for the names."""
    codes = {r.region[:digits] for r in found.rows}
    names = dict(Region.objects.filter(code__in=codes).values_list("code", "name"))
    return grouped(found, [Place(c, names.get(c, c), region=c) for c in sorted(codes)])


def by_enterprise(found: Performance, most: int = 20) -> list[Group]:
    """The busiest enterprises; one query for the names."""
    own = _by(found.report.raised, lambda r: r.top)
    tops = sorted(own, key=lambda t: (-len(own[t]), t))[:most]
    names = dict(Subject.objects.filter(pk__in=tops).values_list("id", "name"))
    return grouped(found, [Place(str(t), names.get(t, str(t)), top=t) for t in tops])


def records(found: Performance, key: str) -> frozenset[int]:
    """The alerts behind a number, by the key of its link; BadInput for a key that names none."""
    report = found.report
    every = {t.key: t.ids for t in (*found.told, *found.levels)}
    if key in every:
        return every[key]
    word, _, rest = key.partition(":")
    first, _, last = rest.rpartition(":")
    if word == "often" and last.isdigit():
        return next((o.ids for o in report.often if (o.rule, o.point) == (first, int(last))), figures.NONE)
    if word == "at" and first.isdigit() and last.isdigit():
        return frozenset(r.id for r in report.raised if int(first) <= r.raised < int(last))
    raise BadInput(f"没有指标 {key!r};可用:{'、'.join(every)}")
