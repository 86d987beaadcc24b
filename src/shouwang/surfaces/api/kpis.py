"""Alarm performance over HTTP: the figures of ISA-18.2 with their targets, basis and records."""

from datetime import datetime
from typing import Any, Literal

from django.http import HttpRequest
from ninja import Query, Router, Schema

from shouwang.engines.rules import kpis
from shouwang.engines.rules.kpis import Performance, Told
from shouwang.kernel import clock
from shouwang.kernel.access import allowed
from shouwang.surfaces import performance

router = Router(tags=["alerts"])
MOST_OFTEN = 10


class FigureOut(Schema):
    """A figure in its unit; null: there was nothing to measure. `verdict`: good, manageable, over or blank."""

    key: str
    title: str
    value: float | None
    unit: str
    target: dict[str, float]
    verdict: str
    alerts: int


class OftenOut(Schema):
    """A rule on a point, how often it alarmed and its share of all."""

    rule: str
    point: int
    times: int
    share: float


class FloodOut(Schema):
    """A flood and its alarms."""

    since: datetime
    until: datetime
    alerts: int


class GroupOut(Schema):
    """A duty post, enterprise or region by a few figures."""

    key: str
    name: str
    figures: list[FigureOut]


class BasisOut(Schema):
    """Where targets and terms come from; mark M: to be checked."""

    basis: str
    mark: str
    terms: dict[str, Any]


class KpisOut(Schema):
    """The performance of one selection. `enough`: as long as the standard asks for."""

    since: datetime
    until: datetime
    month: str
    enough: bool
    basis: BasisOut
    figures: list[FigureOut]
    levels: list[FigureOut]
    often: list[OftenOut]
    floods: list[FloodOut]
    groups: list[GroupOut]


class Wanted(Schema):
    """Which alerts, over which month (blank: the last 24 hours), and by what they are grouped."""

    month: str = ""
    region: str = ""
    top: int | None = None
    scene: str = ""
    post: int | None = None
    by: Literal["", "post", "enterprise", "region"] = ""


class RecordsOut(Schema):
    """The alerts behind one number."""

    count: int
    alerts: list[int]


@router.get("/kpis", response=KpisOut, summary="报警管理绩效(ISA-18.2)")
@allowed("alerts.see")
def figures(request: HttpRequest, given: Query[Wanted]) -> dict[str, Any]:
    """Rates, floods, chattering, stale, top ten, priorities, answers, what was put aside; per post, firm or region."""
    found, groups = _found(request, given), []
    for g in performance.groups(request.user, found, given.by, given.region):
        groups.append({"key": g.place.key, "name": g.place.name, "figures": [_figure(t) for t in g.told.values()]})
    return {"since": found.span.since, "until": found.span.until, "month": found.span.month,
            "enough": found.span.enough, "groups": groups,
            "basis": {"basis": found.targets.basis, "mark": found.targets.mark, "terms": found.terms.value},
            "figures": [_figure(t) for t in found.told], "levels": [_figure(t) for t in found.levels],
            "often": [{"rule": o.rule, "point": o.point, "times": len(o.ids), "share": o.share}
                      for o in found.report.often[:MOST_OFTEN]],
            "floods": [{"since": clock.from_ms(f.since), "until": clock.from_ms(f.until), "alerts": len(f.ids)}
                       for f in found.report.floods]}


@router.get("/kpis/records", response=RecordsOut, summary="绩效数字背后的预警")
@allowed("alerts.see")
def records(request: HttpRequest, given: Query[Wanted], figure: str = "raised") -> dict[str, Any]:
    """The ids of the alerts that one figure counts."""
    ids = sorted(kpis.records(_found(request, given), figure))
    return {"count": len(ids), "alerts": ids}


def _found(request: HttpRequest, given: Wanted) -> Performance:
    return performance.found(request.user, performance.Asked(**given.dict(exclude={"by"})))


def _figure(told: Told) -> dict[str, Any]:
    return {"key": told.key, "title": told.title, "value": told.value, "unit": told.unit,
            "target": dict(told.target), "verdict": told.verdict, "alerts": told.count}
