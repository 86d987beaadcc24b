"""Subjects: lists with export, one with its tree and live values, points with curves and episodes."""

from typing import Any

import numpy as np
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.rules import read as rules
from shouwang.engines.subjects import export_rows, major_hazard, read, regions
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry import live
from shouwang.engines.telemetry import read as history
from shouwang.kernel import clock, content, events
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from .account import who
from .warnings import _counties, _rows

PAGE = 50
SPANS = {"1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
LONGEST_MS = 400 * 86_400_000
MOST_SAMPLES = 1500
events.declares(subjects__exported="导出了台账")
SHEET = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv; charset=utf-8"}


def _asked(request: HttpRequest) -> dict[str, str]:
    names = ("kind", "region", "line", "status", "search")
    return {n: request.GET.get(n, "").strip()[:60] for n in names} | {"kind": request.GET.get("kind", "enterprise")[:40]}


@guarded("subjects.see")
def index(request: HttpRequest) -> HttpResponse:
    """One kind at a time, filtered; enterprises with their worst open level."""
    account, asked = who(request), _asked(request)
    page = Paginator(read.subjects(account, **asked).select_related("top"), PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    worst = rules.worst_by_enterprise(account=account)
    rows = [{"subject": s, "worst": worst.get(s.top_id or 0, ""), "place": regions.name_of(s.region)} for s in page]
    return render(request, "console/work/subjects.html", {
        "page": page, "rows": rows, "asked": asked, "query": kept.urlencode(), "kinds": content.every("kinds"),
        "counts": read.counts(account), "counties": _counties(account), "lines": content.every("lines")})


@guarded("subjects.see")
def export(request: HttpRequest) -> HttpResponse:
    """The filtered list as a workbook or text table; written down in the audit trail."""
    asked = _asked(request)
    form = request.GET.get("format", "xlsx")
    if form not in SHEET:
        raise BadInput("导出格式只有 xlsx 和 csv")
    if asked["kind"] == "point":
        rows: Any = read.points(who(request), region=asked["region"], search=asked["search"])
    else:
        rows = read.subjects(who(request), **asked)
    body = export_rows.export(asked["kind"], rows, form)
    events.emit("subjects.exported", actor=who(request).username, kind=asked["kind"], format=form)
    return HttpResponse(body, content_type=SHEET[form], headers={
        "Content-Disposition": f'attachment; filename="{asked["kind"]}.{form}"'})


@guarded("subjects.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """A subject: facts, tree, live values, what is open; a part shows its own points."""
    account = who(request)
    subject = read.one(account, pk)
    context: dict[str, Any] = {
        "subject": subject, "place": " ".join(regions.path_names(subject.region)),
        "kind": content.get("kinds", _kind_key(subject)), "facts": read.facts_of(subject, get_language() or "zh-hans"),
        "path": read.path(subject)[:-1], "points": values(_points(request, subject)),
        "warnings": _rows(_open(account, subject)[:20]),
        "matters": [{"matter": m, "state": versions.state_of(m)} for m in flows.matters(account, {
            "top" if subject.top_id == subject.pk else "subject": subject.pk})[:10]]}
    if subject.top_id == subject.pk:
        context["family"] = read.family(subject)
    if subject.kind == "major_hazard":
        context["grading"] = grading(subject)
    return render(request, "console/work/subject.html", context)


def _kind_key(subject: Subject) -> str:
    return next((k.key for k in content.every("kinds") if k.id == subject.kind), subject.kind)


def _open(account: Any, subject: Subject) -> Any:
    own: dict[str, Any] = {"top": subject.pk} if subject.top_id == subject.pk else {"subject": subject.pk}
    return rules.alerts(account, active=True, **own)


def _points(request: HttpRequest, subject: Subject) -> Any:
    return Paginator(read.points_of(subject), PAGE).get_page(request.GET.get("points"))


def values(points: Any) -> list[dict[str, Any]]:
    """Points with their newest reading and where it stands between the limits (0–100 %)."""
    rows = list(points)
    latest = live.latest([p.pk for p in rows])
    return [{"point": p, "quantity": content.get("quantities", p.quantity), "now": latest.get(p.pk),
             "at": clock.from_ms(now.t) if (now := latest.get(p.pk)) else None, "bar": _bar(p, now)} for p in rows]


def _bar(point: Point, now: Any) -> dict[str, float] | None:
    if point.range_low is None or point.range_high is None or now is None or now.value is None:
        return None
    low, width = float(point.range_low), float(point.range_high - point.range_low) or 1.0
    marks = {n: (float(v) - low) / width * 100 for n in ("ll", "l", "h", "hh") if (v := getattr(point, n)) is not None}
    return {"now": min(100.0, max(0.0, (now.value - low) / width * 100)), **marks}


@guarded("readings.see")
def live_values(request: HttpRequest, pk: int) -> HttpResponse:
    """Only the rows of the live table, for the refresh each few seconds."""
    subject = read.one(who(request), pk, permission="readings.see")
    return render(request, "console/work/point_rows.html", {"points": values(_points(request, subject))})


def grading(subject: Subject) -> Any:
    """GB 18218 computed again from the recorded items; None when none are recorded."""
    items = subject.facts.get("items")
    persons = int((subject.top.facts if subject.top else {}).get("exposed_persons_500m") or 0)
    try:
        return major_hazard.grade(items, persons) if items else None
    except BadInput:
        return None


@guarded("readings.see")
def point(request: HttpRequest, pk: int) -> HttpResponse:
    """A point: curve up to 30 days, limits with their basis, episodes."""
    account = who(request)
    found = read.point(account, pk, permission="readings.see")
    return render(request, "console/work/point.html", {
        "point": found, "subject": found.subject, "top": found.subject.top, "spans": SPANS,
        "row": values([found])[0], "quantity": content.get("quantities", found.quantity),
        "place": content.get("places", found.facts["place"]) if found.facts.get("place") else None,
        "episodes": _rows(rules.alerts(account, point=pk, order="newest")[:30]),
        "rules": [r for r in content.every("rules") if found.quantity in ([r.quantity] if isinstance(r.quantity, str) else r.quantity)
                  and found.subject.kind in ([r.of] if isinstance(r.of, str) else r.of)]})


@guarded("readings.see")
def series(request: HttpRequest, pk: int) -> JsonResponse:
    """`{t, v, low, high, bucket_ms, limits, episodes, unit}` of a span in ms; long spans come as buckets."""
    account = who(request)
    found = read.point(account, pk, permission="readings.see")
    now = clock.now_ms()
    since, until = _ms(request, "since", now - 3_600_000), _ms(request, "until", now)
    if not since < until <= since + LONGEST_MS:
        raise BadInput("时间范围不对:since 须早于 until,且不超过 400 天")
    curve = history.series([pk], since, until, max_points=MOST_SAMPLES)[0]
    spells = rules.alerts(account, point=pk, until=clock.from_ms(until), order="newest")[:200]
    return JsonResponse({
        "t": curve.t.tolist(), "v": _plain(curve.v), "low": _plain(curve.low), "high": _plain(curve.high),
        "bucket_ms": curve.bucket_ms, "unit": found.unit, "name": found.name, "since": since, "until": until,
        "limits": {n: float(v) for n in ("ll", "l", "h", "hh") if (v := getattr(found, n)) is not None}
        or {a.rule: a.limit_value for a in spells if a.limit_value is not None},
        "episodes": [{"from": _at(a.opened_at), "to": _at(a.cleared_at), "level": a.highest, "alert": a.pk}
                     for a in spells if _at(a.cleared_at) is None or _at(a.cleared_at) >= since]})


def _ms(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    if not given:
        return default
    if not given.isdigit() or len(given) > 15:
        raise BadInput(f"{name} 应是自 1970 年的毫秒数")
    return int(given)


def _at(moment: Any) -> Any:
    return int(moment.timestamp() * 1000) if moment else None


def _plain(values: Any) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 4) for v in values]
