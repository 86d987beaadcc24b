"""Alarm performance: the figures of ISA-18.2 beside what the standard asks, every number with its records."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from shouwang.engines.rules import figures, kpis, read
from shouwang.engines.rules.kpis import Group, Performance, Told
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, ContentError
from shouwang.surfaces import performance
from shouwang.surfaces.performance import Asked

from . import warnings
from .account import who
from .templatetags.shouwang import number, span, titled

PAGE, OFTEN = 40, 10
BY = {"region": "属地", "enterprise": "企业", "post": "值守岗位"}
VERDICTS = {"good": "可接受", "manageable": "尚可管理", "over": "未达标"}
TONES = {"good": "ok", "manageable": "warn", "over": "bad"}
NARROWS = {"region": "region", "enterprise": "top", "post": "post"}
COLUMNS = ("raised", "per_day", "peak_ten", "flood", "chattering", "stale", "ack_median")
COLUMN_TITLES = {"raised": "报警", "per_day": "每天", "peak_ten": "最多 10 分钟", "flood": "洪泛", "chattering": "抖动",
                 "stale": "滞留", "ack_median": "确认用时"}


@guarded("alerts.see")
def index(request: HttpRequest) -> HttpResponse:
    """The figures of a month or of the last 24 hours; what cannot be asked is told on the page."""
    account, asked, wrong = who(request), _asked(request), ""
    try:
        found = performance.found(account, asked)
    except BadInput as told:
        wrong, asked = str(told), Asked()
        found = performance.found(account, asked)
    by = request.GET.get("by", "")
    by = by if by in BY else "enterprise" if len(asked.region or access.home_region(account)) >= 9 else "region"
    return render(request, "console/work/alarm_kpis.html", {
        "found": found, "wrong": wrong, "by": by, "query": _query(asked), "selection": _selection(account, asked),
        "figures": [_shown(t, asked) for t in found.told], "levels": [_shown(t, asked) for t in found.levels],
        "often": _often(found, asked), "chart": _chart(found, asked), "floods": _floods(found, asked),
        "groups": [_group(g, by, asked) for g in performance.groups(account, found, by, asked.region)],
        "columns": [_(COLUMN_TITLES[c]) for c in COLUMNS], "basis": found.targets, "terms": found.terms,
        "means": _means(found.terms.value),
        "tabs": [{"title": _(BY[k]), "href": _query(asked, by=k), "here": k == by} for k in BY],
        "months": [{"title": m, "href": _query(asked, month=m), "here": m == asked.month} for m in kpis.months(6)],
        "live_href": _query(asked, month=""), "sees_params": access.may(account, "params.see"),
        "may_try": access.may(account, "params.propose")})


@guarded("alerts.see")
def records(request: HttpRequest) -> HttpResponse:
    """The alerts behind one number, newest first: as many as the number says."""
    account, asked, key = who(request), _asked(request), request.GET.get("figure", "raised")[:120]
    found = performance.found(account, asked)
    ids = sorted(kpis.records(found, key), reverse=True)
    page = Paginator(ids, PAGE).get_page(request.GET.get("page"))
    own = Alert.objects.filter(read.visible(account), pk__in=list(page.object_list)).select_related(
        "point", "subject", "top").order_by("-raised_at", "-id")
    return render(request, "console/work/alarm_records.html", {
        "rows": warnings.rows(account, own), "page": page, "count": len(ids), "title": _title(found, key),
        "found": found, "query": _query(asked, figure=key), "back": _query(asked),
        "selection": _selection(account, asked)})


def _asked(request: HttpRequest) -> Asked:
    given = {n: request.GET.get(n, "").strip()[:40] for n in ("month", "region", "scene", "top", "post")}
    return Asked(given["month"], given["region"], _int(given["top"]), given["scene"], _int(given["post"]))


def _int(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _query(asked: Asked, **sets: Any) -> str:
    """The address of this selection with other values put in; blank ones are left out."""
    return urlencode({k: v for k, v in (asdict(asked) | sets).items() if v not in ("", None)})


def _means(terms: Mapping[str, Any]) -> dict[str, Any]:
    """The terms with their spans in words."""
    return {k: span(clock.span(v)) if isinstance(v, str) else v for k, v in terms.items()}


def _shown(told: Told, asked: Asked) -> dict[str, Any]:
    """A figure in words: its value, what is asked, how it compares, and where its records are."""
    return {"told": told, "value": _value(told), "fine": _bound(told, ("good", "≤"), ("under", "<"), ("least", "≥")),
            "most": _bound(told, ("most", "≤")), "verdict": _(VERDICTS[told.verdict]) if told.verdict else "",
            "tone": TONES.get(told.verdict, ""), "href": _query(asked, figure=told.key)}


def _value(told: Told) -> str:
    if told.value is None:
        return "—"
    if told.unit == "s":
        return span(timedelta(seconds=round(told.value)))
    return f"{number(told.value, 2)} %" if told.unit == "%" else number(told.value, 2)


def _bound(told: Told, *names: tuple[str, str]) -> str:
    unit = " %" if told.unit == "%" else ""
    bounds = [(sign, told.target[name]) for name, sign in names if name in told.target]
    return " ".join(f"{sign} {bound:g}{unit}" if bound else "0" for sign, bound in bounds)


def _often(found: Performance, asked: Asked) -> list[dict[str, Any]]:
    """The most frequent, with the names of their points: one query."""
    top = found.report.often[:OFTEN]
    points = Point.objects.select_related("subject__top").in_bulk([o.point for o in top])
    most = max((len(o.ids) for o in top), default=1)
    return [{"rule": _rule(o.rule), "point": points.get(o.point), "times": len(o.ids), "share": o.share * 100,
             "part": len(o.ids) / most, "href": _query(asked, figure=f"often:{o.rule}:{o.point}")} for o in top]


def _rule(key: str) -> str:
    try:
        return titled(content.get("rules", key))
    except ContentError:
        return key


def _floods(found: Performance, asked: Asked) -> list[dict[str, Any]]:
    return [{"since": clock.from_ms(f.since), "until": clock.from_ms(f.until), "n": len(f.ids),
             "href": _query(asked, figure=f"at:{f.since}:{f.until}")} for f in found.report.floods]


def _chart(found: Performance, asked: Asked) -> dict[str, Any]:
    """Bars an hour (24 hours) or a day (a month), stacked by level: heights of 100 at the fullest."""
    length = figures.DAY if found.span.month else figures.HOUR
    periods = figures.per_period(found.report, length)
    most = max((sum(n.values()) for _t, n in periods), default=0)
    bars = [_bar(t, n, most, length, asked) for t, n in periods]
    return {"bars": bars, "most": most, "width": 10 * len(bars), "daily": bool(found.span.month)}


def _bar(at: int, counts: Mapping[str, int], most: int, length: int, asked: Asked) -> dict[str, Any]:
    parts, y = [], 100.0
    for level in sorted(content.every("levels"), key=lambda lv: lv.rank):
        if n := counts.get(level.id, 0):
            y -= 100 * n / most
            parts.append({"level": level.id, "y": f"{y:.2f}", "height": f"{100 * n / most:.2f}"})
    return {"at": clock.from_ms(at), "n": sum(counts.values()), "parts": parts,
            "href": _query(asked, figure=f"at:{at}:{at + length}")}


def _group(group: Group, by: str, asked: Asked) -> dict[str, Any]:
    """A row of the comparison: its name leads to its own page, its numbers to their records."""
    own = {NARROWS[by]: group.place.key}
    cells = [_shown(group.told[c], asked) for c in COLUMNS if c in group.told]
    for cell in cells:
        cell["href"] = _query(asked, **own, figure=cell["told"].key)
    return {"name": group.place.name, "href": _query(asked, **own), "cells": cells}


def _selection(account: Any, asked: Asked) -> dict[str, str]:
    """Whose figures these are, and the way back to all."""
    if asked.post is not None:
        post = performance.posts(account).filter(pk=asked.post).first()
        name, without = post.name if post else "", _query(asked, post=None)
    elif asked.top is not None:
        firm = Subject.objects.filter(access.scope(account, "subjects.see", line="line"), pk=asked.top).first()
        name, without = firm.name if firm else str(asked.top), _query(asked, top=None)
    else:
        region = asked.region or access.home_region(account)
        name, without = regions.name_of(region), _query(asked, region="") if asked.region else ""
    return {"name": name, "without": without, "narrowed": "1" if without or asked.post or asked.top else ""}


def _title(found: Performance, key: str) -> str:
    named = {t.key: t.title for t in found.told} | {t.key: _level(t.key) for t in found.levels}
    word, _sep, rest = key.partition(":")
    if word == "often":
        return _rule(rest.rpartition(":")[0])
    if word == "at":
        first, last = (clock.from_ms(int(x)).astimezone(clock.LOCAL) for x in rest.split(":"))
        return f"{first:%m-%d %H:%M} – {last:%m-%d %H:%M}"
    return named[key]


def _level(key: str) -> str:
    return titled(content.get("levels", key))
