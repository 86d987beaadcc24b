"""The wall's numbers: a handful of aggregate queries over what the account may see in one region."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Substr

from shouwang.engines.flows import read as matters_read
from shouwang.engines.flows.models import Matter
from shouwang.engines.rules import read as alerts_read
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.subjects.spec import graver, rank
from shouwang.engines.telemetry import live as telemetry
from shouwang.engines.telemetry.models import Source
from shouwang.kernel import access, clock, content

from . import facts, places

LEVELS = ("red", "orange", "yellow", "blue")
HOURS = 24
CLOSING_DAYS = 30  # matters opened in these days make the closing rate; 本系统默认
TICKER = 30
COMMONEST = 5
ONLINE_S = 300  # s since a gateway was last heard for its points to count as online; 本系统默认
POINTS_S = 60  # s the number of points is kept: counting 17,000 takes longer than all the rest
HEALTH_S = 5  # s the ingest process's answer is kept
CARD_ALERTS = 6


@dataclass(frozen=True)
class View:
    """What one screen looks at: an account, a region (code prefix) and a scene ('' for all)."""

    account: Any
    region: str
    scene: str = ""

    @property
    def signature(self) -> str:
        """Accounts with the same grants see the same numbers: the key under which they share them."""
        held = sorted((g.role, g.region, g.line, g.subject or 0) for g in access.grants(self.account))
        seen = hashlib.sha256(repr(held).encode()).hexdigest()[:16]
        return f"{seen}:{self.region}:{self.scene}"

    def enterprises(self) -> QuerySet[Subject]:
        """Enterprises in view."""
        found = Subject.objects.filter(access.scope(self.account, "wall.see", top="pk", line="line"),
                                       kind="enterprise", region__startswith=self.region)
        lines = self.lines()
        return found.filter(line__in=lines) if lines else found

    def alerts(self, **narrowed: Any) -> QuerySet[Alert]:
        """Alerts in view, quality alarms among them."""
        found = alerts_read.alerts(self.account, region=self.region, scene=self.scene, **narrowed)
        return found.order_by()

    def open_alerts(self) -> QuerySet[Alert]:
        """Alerts whose condition holds and that nobody has shelved or taken out of service."""
        return self.alerts(active=True, shelved=False).filter(suppressed_by="", out_of_service="")

    def matters(self) -> QuerySet[Matter]:
        """Matters in view."""
        return matters_read.matters(self.account, {"region": self.region, "scene": self.scene}).order_by()

    def points(self) -> QuerySet[Point]:
        """Measuring points in view."""
        inside = access.scope(self.account, "wall.see", region="subject__region", top="subject__top_id",
                              line="subject__line")
        found = Point.objects.filter(inside, enabled=True, subject__region__startswith=self.region)
        lines = self.lines()
        return found.filter(subject__top__line__in=lines) if lines else found

    def lines(self) -> list[str]:
        """Industry lines of the scene; empty for all."""
        return list(content.scenes[self.scene].industries) if self.scene else []


def worst(view: View) -> dict[int, tuple[str, int]]:
    """Enterprise id → (gravest open level, number of open alerts)."""
    found: dict[int, tuple[str, int]] = {}
    rows = view.open_alerts().select_related(None).values_list("top_id", "level").annotate(n=Count("id"))
    for top, level, number in rows:
        before, sum_ = found.get(top, ("", 0))
        found[top] = (level if not before or rank(level) < rank(before) else before, sum_ + number)
    return found


def enterprises(view: View) -> list[list[Any]]:
    """[id, name, lon, lat, level or '', open alerts, region] of every enterprise in view that has a place."""
    levels = worst(view)
    rows = view.enterprises().filter(lon__isnull=False, lat__isnull=False).order_by("pk")
    return [[pk, name, round(lon or 0, 5), round(lat or 0, 5), *levels.get(pk, ("", 0)), region]
            for pk, name, lon, lat, region in rows.values_list("pk", "name", "lon", "lat", "region")]


def summary(view: View) -> dict[str, Any]:
    """Everything beside the map."""
    closing = closing_by_part(view)
    return {
        "levels": level_split(view), "trend": trend(view), "funnel": funnel(view),
        "commonest": commonest(view), "closing": closing, "kpis": kpis(view, closing), "ticker": ticker(view),
        "at": clock.now_ms(),
    }


def level_split(view: View) -> dict[str, int]:
    """How many enterprises stand at each worst open level; 'none' for those without an open alert."""
    levels = worst(view)
    split = dict.fromkeys(LEVELS, 0)
    total = 0
    for pk in view.enterprises().values_list("pk", flat=True):
        total += 1
        level = levels.get(pk, ("", 0))[0]
        if level in split:
            split[level] += 1
    return split | {"none": total - sum(split.values())}


def trend(view: View) -> dict[str, Any]:
    """Alerts opened in each of the last 24 hours, by highest level reached."""
    hours = alerts_read.trend(view.account, HOURS, region=view.region, scene=view.scene)
    return {"hours": [h.start.strftime("%H:00") for h in hours],
            **{level: [h.levels.get(level, 0) for h in hours] for level in LEVELS}}


def commonest(view: View) -> list[dict[str, Any]]:
    """What was warned of most in the last 24 hours, with its gravest level; rules of one name count as one."""
    found: dict[str, dict[str, Any]] = {}
    rows = view.alerts(since=_day()).select_related(None).values_list("rule", "highest")
    for rule, level, number in rows.annotate(n=Count("id")):
        title, title_en = facts.titles("rules", rule)
        row = found.setdefault(title, {"rule": rule, "title": title, "title_en": title_en, "level": level, "n": 0})
        row["n"] += number
        row["level"] = graver(row["level"], level)
        row["rule"] = rule if row["rule"] == rule else ""
    return sorted(found.values(), key=lambda row: -row["n"])[:COMMONEST]


def _day() -> datetime:
    return clock.now() - timedelta(hours=HOURS)


def funnel(view: View) -> dict[str, int]:
    """Open matters with the enterprise, with the supervisor, escalated ones, and those closed in CLOSING_DAYS."""
    since = clock.now() - timedelta(days=CLOSING_DAYS)
    still = Q(closed_at=None)
    return view.matters().select_related(None).aggregate(
        handle=Count("id", filter=still & Q(state="handle")),
        verify=Count("id", filter=still & Q(state="verify")),
        escalated=Count("id", filter=still & Q(rung__gt=0)),
        closed=Count("id", filter=Q(closed_at__gte=since)))


def closing_by_part(view: View) -> list[dict[str, Any]]:
    """Of the matters opened in CLOSING_DAYS, how many are closed, by the parts of the region."""
    since = clock.now() - timedelta(days=CLOSING_DAYS)
    rows = view.matters().select_related(None).filter(opened_at__gte=since)
    counted = rows.annotate(place=Substr("region", 1, 9)).values_list("place").annotate(
        opened=Count("id"), closed=Count("id", filter=Q(closed_at__isnull=False)))
    parts = {code: {"code": code, "name": name, "opened": 0, "closed": 0}
             for code, name in places.parts(view.region)}
    for place, opened, closed in counted:
        part = next((parts[place[:n]] for n in (9, 6, 4, 2) if place[:n] in parts), None)
        if part is not None:
            part["opened"] += opened
            part["closed"] += closed
    return list(parts.values())


def kpis(view: View, closing: list[dict[str, Any]]) -> dict[str, Any]:
    """The head numbers."""
    opened, closed = sum(c["opened"] for c in closing), sum(c["closed"] for c in closing)
    return {
        "enterprises": view.enterprises().count(),
        "hazards": hazards(view).count(),
        "points": _points(view), "online": online(view),
        "alerts": view.alerts(since=_day()).select_related(None).count(),
        "closing": round(100 * closed / opened, 1) if opened else None,
    }


def hazards(view: View) -> QuerySet[Subject]:
    """Major hazard sources in view."""
    within = access.scope(view.account, "wall.see", line="top__line")
    found = Subject.objects.filter(within, kind="major_hazard", region__startswith=view.region)
    lines = view.lines()
    return found.filter(top__line__in=lines) if lines else found


def _points(view: View) -> int:
    return cache.get_or_set(f"wall:points:{view.signature}", lambda: view.points().count(), POINTS_S) or 0


def online(view: View) -> int | None:
    """Points in view whose gateway was heard in the last ONLINE_S seconds; None while ingest does not answer."""
    heard = cache.get_or_set("wall:heard", _heard, HEALTH_S)
    if heard is None:
        return None
    mine = Source.objects.filter(enterprise__in=view.enterprises(), name__in=heard).values_list("name", flat=True)
    return sum(int(heard[name]) for name in mine)


def _heard() -> dict[str, int] | None:
    told = telemetry.health()
    if not told["running"]:
        return None
    return {s["name"]: s["points"] for s in told["sources"]
            if s["silent_ms"] is not None and s["silent_ms"] <= ONLINE_S * 1000}


def ticker(view: View) -> list[dict[str, Any]]:
    """The newest alerts, newest first, in the shape of the live stream."""
    rows = view.alerts().order_by("-pk")[:TICKER]
    told = {"event": "rules.alert_raised", "id": 0}
    return [told | {"at": facts.milliseconds(a.recorded_at)} | facts.of_alert(a) for a in rows]


def card(account: Any, enterprise: Subject) -> dict[str, Any]:
    """One enterprise as its card shows it: open alerts, points, major hazards, open matters."""
    view = View(account, enterprise.region)
    mine = view.open_alerts().filter(top=enterprise)
    alerts = sorted(mine[:CARD_ALERTS * 4], key=lambda a: (rank(a.level), -a.pk))
    below = Subject.objects.filter(top=enterprise, kind="major_hazard")
    return {
        "id": enterprise.pk, "name": enterprise.name, "lon": enterprise.lon, "lat": enterprise.lat,
        "line": enterprise.line, "status": enterprise.status, "sample": enterprise.sample,
        "address": enterprise.facts.get("address", ""), "region": enterprise.region,
        "place": places.name_of(enterprise.region), "level": alerts[0].level if alerts else "",
        "alerts": [facts.of_alert(a) for a in alerts[:CARD_ALERTS]], "open": mine.count(),
        "points": Point.objects.filter(subject__top=enterprise, enabled=True).count(),
        "hazards": below.count(),
        "matters": view.matters().filter(top=enterprise, closed_at=None).count(),
    }
