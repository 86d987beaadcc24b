"""The wall's numbers: a handful of aggregate queries over what the account may see in one region."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Substr, TruncHour

from shouwang.engines.flows.models import Matter
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.subjects.spec import rank
from shouwang.kernel import access, clock, content

from . import facts, places

LEVELS = ("red", "orange", "yellow", "blue")
HOURS = 24
CLOSING_DAYS = 30  # matters opened in these days make the closing rate; 本系统默认
TICKER = 40
CARD_ALERTS = 6


@dataclass(frozen=True)
class View:
    """What one screen looks at: an account, a region (code prefix) and a scene ('' for all)."""

    account: Any
    region: str
    scene: str = ""

    def enterprises(self) -> QuerySet[Subject]:
        """Enterprises in view."""
        found = Subject.objects.filter(access.scope(self.account, "wall.see", top="pk", line="line"),
                                       kind="enterprise", region__startswith=self.region)
        lines = self.lines()
        return found.filter(line__in=lines) if lines else found

    def alerts(self) -> QuerySet[Alert]:
        """Alerts in view, quality alarms among them."""
        found = Alert.objects.filter(access.scope(self.account, "alerts.see", line="line"),
                                     region__startswith=self.region)
        return found.filter(scene=self.scene) if self.scene else found

    def open_alerts(self) -> QuerySet[Alert]:
        """Alerts whose condition holds and that nobody has shelved or taken out of service."""
        awake = Q(shelved_until=None) | Q(shelved_until__lte=clock.now())
        return self.alerts().filter(awake, active=True, suppressed_by="", out_of_service="")

    def matters(self) -> QuerySet[Matter]:
        """Matters in view."""
        found = Matter.objects.filter(access.scope(self.account, "matters.see", line="line"),
                                      region__startswith=self.region)
        return found.filter(scene=self.scene) if self.scene else found

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
    for top, level, number in view.open_alerts().values_list("top_id", "level").annotate(n=Count("id")):
        before, sum_ = found.get(top, ("", 0))
        found[top] = (level if not before or rank(level) < rank(before) else before, sum_ + number)
    return found


def enterprises(view: View) -> list[list[Any]]:
    """[id, name, lon, lat, level or '', open alerts, region] of every enterprise in view that has a place."""
    levels = worst(view)
    rows = view.enterprises().filter(lon__isnull=False, lat__isnull=False).order_by("pk")
    return [[pk, name, round(lon, 5), round(lat, 5), *levels.get(pk, ("", 0)), region]
            for pk, name, lon, lat, region in rows.values_list("pk", "name", "lon", "lat", "region")]


def summary(view: View) -> dict[str, Any]:
    """Everything beside the map."""
    closing = closing_by_part(view)
    return {
        "levels": level_split(view), "trend": trend(view), "funnel": funnel(view), "closing": closing,
        "kpis": kpis(view, closing), "ticker": ticker(view),
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
    this_hour = clock.now().replace(minute=0, second=0, microsecond=0)
    hours = [this_hour - timedelta(hours=n) for n in reversed(range(HOURS))]
    place = {hour: n for n, hour in enumerate(hours)}
    series = {level: [0] * HOURS for level in LEVELS}
    found = view.alerts().filter(opened_at__gte=hours[0]).annotate(hour=TruncHour("opened_at", tzinfo=clock.LOCAL))
    for hour, level, number in found.values_list("hour", "highest").annotate(n=Count("id")).order_by():
        if level in series and (n := place.get(hour.astimezone(hours[0].tzinfo))) is not None:
            series[level][n] += number
    return {"hours": [facts.hour_label(h) for h in hours], **series}


def funnel(view: View) -> dict[str, int]:
    """Open matters with the enterprise, with the supervisor, escalated among them, and closed in CLOSING_DAYS."""
    since = clock.now() - timedelta(days=CLOSING_DAYS)
    still = Q(closed_at=None)
    return view.matters().aggregate(
        handle=Count("id", filter=still & Q(state="handle")),
        verify=Count("id", filter=still & Q(state="verify")),
        escalated=Count("id", filter=still & Q(rung__gt=0)),
        closed=Count("id", filter=Q(closed_at__gte=since)))


def closing_by_part(view: View) -> list[dict[str, Any]]:
    """Of the matters opened in CLOSING_DAYS, how many are closed, by the parts of the region."""
    since = clock.now() - timedelta(days=CLOSING_DAYS)
    rows = view.matters().filter(opened_at__gte=since).annotate(place=Substr("region", 1, 9)).values_list("place")
    counted = rows.annotate(opened=Count("id"), closed=Count("id", filter=Q(closed_at__isnull=False))).order_by()
    parts = {code: {"code": code, "name": name, "opened": 0, "closed": 0} for code, name in places.parts(view.region)}
    for place, opened, closed in counted:
        part = next((parts[place[:n]] for n in (9, 6, 4, 2) if place[:n] in parts), None)
        if part is not None:
            part["opened"] += opened
            part["closed"] += closed
    return list(parts.values())


def kpis(view: View, closing: list[dict[str, Any]]) -> dict[str, Any]:
    """The head numbers."""
    opened, closed = sum(c["opened"] for c in closing), sum(c["closed"] for c in closing)
    day = clock.now() - timedelta(hours=HOURS)
    return {
        "enterprises": view.enterprises().count(),
        "hazards": hazards(view).count(),
        "points": view.points().count(),
        "alerts": view.alerts().filter(opened_at__gte=day).count(),
        "closing": round(100 * closed / opened, 1) if opened else None,
    }


def hazards(view: View) -> QuerySet[Subject]:
    """Major hazard sources in view."""
    found = Subject.objects.filter(access.scope(view.account, "wall.see", line="top__line"), kind="major_hazard",
                                   region__startswith=view.region)
    lines = view.lines()
    return found.filter(top__line__in=lines) if lines else found


def ticker(view: View) -> list[dict[str, Any]]:
    """The newest alerts, newest first, in the shape of the live stream."""
    rows = view.alerts().select_related("top", "subject", "point").order_by("-pk")[:TICKER]
    return [{"event": "rules.alert_raised", "id": 0, "at": facts.milliseconds(a.recorded_at)} | facts.of_alert(a)
            for a in rows]


def card(account: Any, enterprise: Subject) -> dict[str, Any]:
    """One enterprise as its card shows it: open alerts, points, major hazards, open matters."""
    view = View(account, enterprise.region)
    mine = view.open_alerts().filter(top=enterprise).select_related("top", "subject", "point")
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
