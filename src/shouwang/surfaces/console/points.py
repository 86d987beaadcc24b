"""Points: live values between their limits, the curve up to 30 days, what limits are in force and why."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from shouwang.engines.rules import limits, tiers, units
from shouwang.engines.rules import read as rules
from shouwang.engines.rules.spec import Rule, Tier
from shouwang.engines.subjects import read
from shouwang.engines.subjects.models import Point
from shouwang.engines.telemetry import live
from shouwang.engines.telemetry import read as history
from shouwang.kernel import clock, content, params
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from .account import who
from .warnings import rows as warning_rows

SPANS = {"1h": 3600, "24h": 86400, "7d": 7 * 86400, "30d": 30 * 86400}
LONGEST_MS = 400 * 86_400_000
MOST_SAMPLES = 1500
SLOTS = ("LL", "L", "H", "HH")


@dataclass(frozen=True)
class Bound:
    """One limit in force on a point: the tier it belongs to, its reset value, delays and where it comes from."""

    rule: Rule
    tier: Tier
    slot: str  # LL L H HH; blank for silence and range
    limit: float | None
    reset: float | None
    on_s: float
    off_s: float
    basis: dict[str, Any]


def bounds(point: Point) -> list[Bound]:
    """Every limit that judges the point today, low ones first; a rule that cannot judge it is left out."""
    subject, top = point.subject, point.subject.top
    facts = {**(top.facts if top else {}), **subject.facts, **point.facts}
    own = {name: getattr(point, name) for name in ("ll", "l", "h", "hh")}
    asked = limits.Measured(point.pk, point.quantity, point.unit, point.digits, subject.kind,
                            params.of_region(subject.region), facts, own, point.deadband,
                            round(point.on_delay_s * 1000), round(point.off_delay_s * 1000))
    values = limits.Values(clock.today())
    return [b for rule in content.every("rules") if limits.applies(rule, asked) for b in _bounds(rule, asked, values)]


def _bounds(rule: Rule, asked: limits.Measured, values: limits.Values) -> list[Bound]:
    try:
        check = limits.check_of(rule, asked, values)
    except units.Unjudged:
        return []
    if check is None:
        return []
    unit, plain = 10.0 ** asked.digits, check.kind == tiers.LIMIT
    return [Bound(rule, tier, SLOTS[slot] if plain else "", check.limit[slot] / unit if plain else None,
                  check.reset[slot] / unit if plain else None, check.on / 1000, check.off / 1000,
                  check.basis.get(slot, {}))
            for slot, tier in sorted(limits.slots(rule).items()) if check.has >> slot & 1]


def values(points: Any) -> list[dict[str, Any]]:
    """Points with their newest reading and a gauge: where it stands between the limits, in percent of the range."""
    found = list(points)
    latest = live.latest([p.pk for p in found])
    return [{"point": p, "quantity": content.get("quantities", p.quantity), "now": (now := latest.get(p.pk)),
             "at": clock.from_ms(now.t) if now else None, "gauge": gauge(p, now), "zone": zone(p, now)} for p in found]


def gauge(point: Point, now: Any) -> dict[str, float] | None:
    """Percent positions of the reading and the limits in the instrument's range; None where there is no range."""
    if point.range_low is None or point.range_high is None:
        return None
    low, width = float(point.range_low), float(point.range_high - point.range_low) or 1.0

    def place(value: Any) -> float:
        return min(100.0, max(0.0, (float(value) - low) / width * 100))

    marks = {n: place(v) for n in ("ll", "l", "h", "hh") if (v := getattr(point, n)) is not None}
    return marks if now is None or now.value is None else {"now": place(now.value), **marks}


def zone(point: Point, now: Any) -> str:
    """hh, h, l, ll where the newest reading is beyond that limit of the point; blank where it is not."""
    if now is None or now.value is None:
        return ""
    own = {name: float(v) for name in ("hh", "ll", "h", "l") if (v := getattr(point, name)) is not None}
    return next((n for n, v in own.items() if (now.value >= v if n in ("h", "hh") else now.value <= v)), "")


@guarded("readings.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """A point: curve up to 30 days, limits with their basis, episodes."""
    account = who(request)
    found = read.point(account, pk, permission="readings.see")
    place = found.facts.get("place")
    return render(request, "console/work/point.html", {
        "point": found, "subject": found.subject, "top": found.subject.top, "spans": SPANS, "row": values([found])[0],
        "bounds": bounds(found), "quantity": content.get("quantities", found.quantity),
        "place": next((p for p in content.every("places") if p.id == place), None),
        "episodes": warning_rows(account, rules.alerts(account, point=pk, order="newest")[:30])})


@guarded("readings.see")
def now(request: HttpRequest, pk: int) -> HttpResponse:
    """Only the newest reading, for the refresh each few seconds."""
    found = read.point(who(request), pk, permission="readings.see")
    return render(request, "console/work/point_now.html", {"row": values([found])[0]})


@guarded("readings.see")
def series(request: HttpRequest, pk: int) -> JsonResponse:
    """`{t, v, low, high, bucket_ms, unit, limits, episodes}` of a span in ms; long spans come as buckets.

    `limits` is a list of {slot, title, level, value}; the curve of t, v (low, high: of a bucket) has null for no data.
    """
    account = who(request)
    found = read.point(account, pk, permission="readings.see")
    present = clock.now_ms()
    since, until = _ms(request, "since", present - 3_600_000), _ms(request, "until", present)
    if not since < until <= since + LONGEST_MS:
        raise BadInput(_("时间范围不对:since 须早于 until,且不超过 400 天"))
    curve = history.series([pk], since, until, max_points=MOST_SAMPLES)[0]
    return JsonResponse({
        "t": curve.t.tolist(), "v": _plain(curve.v), "low": _plain(curve.low), "high": _plain(curve.high),
        "bucket_ms": curve.bucket_ms, "unit": found.unit, "name": found.name, "since": since, "until": until,
        "limits": lines(found), "episodes": _episodes(account, pk, since, until)})


def lines(point: Point) -> list[dict[str, Any]]:
    """The limits of a point as lines of a curve: {slot, title, level, value}."""
    return [{"slot": b.slot, "title": b.tier.means, "level": b.tier.level, "value": b.limit}
            for b in bounds(point) if b.limit is not None]


def _episodes(account: Any, pk: int, since: int, until: int) -> list[dict[str, Any]]:
    spells = rules.alerts(account, point=pk, until=clock.from_ms(until), order="newest")[:200]
    found = [{"from": _at(a.opened_at), "to": _at(a.cleared_at), "level": a.highest, "alert": a.pk} for a in spells]
    return [e for e in found if e["to"] is None or e["to"] >= since]


def _ms(request: HttpRequest, name: str, default: int) -> int:
    given = request.GET.get(name, "")
    if not given:
        return default
    if not (given.isascii() and given.isdigit()) or len(given) > 15:
        raise BadInput(_("%(name)s 应是自 1970 年的毫秒数") % {"name": name})
    return int(given)


def _at(moment: Any) -> Any:
    return int(moment.timestamp() * 1000) if moment else None


def _plain(values: Any) -> list[float | None]:
    return [None if np.isnan(v) else round(float(v), 4) for v in values]
