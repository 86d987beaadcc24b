"""What can be asked of the matters: mine today, all in reach, one with its story, how many, how soon closed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Q, QuerySet
from django.db.models.functions import Substr
from django.shortcuts import get_object_or_404

from shouwang.engines.subjects.models import Region
from shouwang.kernel import access, clock, content
from shouwang.kernel.measures import measure
from shouwang.kernel.models import Account

from . import versions, who
from .models import Matter
from .spec import Act
from .story import Step, timeline

__all__ = ["Step", "acts_for", "closing", "funnel", "matters", "mine", "one", "timeline"]
COUNTY = 6  # digits of a county's code


def _whole() -> QuerySet[Matter]:
    return Matter.objects.select_related("subject", "top", "version", "delegate")


def mine(account: Account) -> QuerySet[Matter]:
    """What this person has to do now, soonest due first; what has no deadline comes last."""
    return _whole().filter(who.turn_of(account)).order_by(F("due_at").asc(nulls_last=True), "pk")


def matters(account: Account, filters: dict[str, Any] | None = None) -> QuerySet[Matter]:
    """Matters within reach, newest first. Filters: open, state, flow, scene, level, role, region, top, subject,
    about, overdue, mine, since, until, words. An unknown one is an error of the caller."""
    found = _whole().filter(access.scope(account, "matters.see", line="line"))
    for key, value in (filters or {}).items():
        if value in (None, "") or (key == "mine" and not _true(value)):
            continue
        found = found.filter(who.turn_of(account) if key == "mine" else _FILTERS[key](value))
    return found.order_by("-opened_at", "-pk")


def _true(value: Any) -> bool:
    """Filters come from pages and addresses too, where "0" is text."""
    return str(value).lower() not in ("", "0", "false", "none")


def _id(column: str, value: Any) -> Q:
    return Q(**{column: int(value)}) if str(value).isdigit() else Q(pk__in=[])


_FILTERS: dict[str, Any] = {
    "open": lambda v: Q(closed_at__isnull=_true(v)),
    "state": lambda v: Q(state=v),
    "flow": lambda v: Q(spec=v),
    "scene": lambda v: Q(scene=v),
    "level": lambda v: Q(level=v),
    "role": lambda v: Q(role=v),
    "region": lambda v: Q(region__startswith=v),
    "top": lambda v: _id("top", v),
    "subject": lambda v: _id("subject", v),
    "about": lambda v: Q(about=v),
    "overdue": lambda v: Q(overdue=_true(v)),
    "since": lambda v: Q(opened_at__gte=v),
    "until": lambda v: Q(opened_at__lt=v),
    "words": lambda v: Q(title__icontains=v) | Q(top__name__icontains=v) | Q(subject__name__icontains=v),
}


def one(account: Account, pk: int) -> Matter:
    """One matter within reach; out of reach it does not exist (404). A delegate sees what was delegated."""
    seen = access.scope(account, "matters.see", line="line") | Q(delegate=account)
    return get_object_or_404(_whole().select_related("last"), seen, pk=pk)


def acts_for(account: Account, matter: Matter) -> dict[str, Act]:
    """The steps this person may take now, by id; empty when it is not their turn."""
    return versions.state_of(matter).acts if who.may_act(account, matter) else {}


@dataclass(frozen=True)
class Closing:
    """How much of what was opened in a county has been closed."""

    region: str
    name: str
    opened: int
    closed: int

    @property
    def rate(self) -> float | None:
        """Closed ÷ opened, 0–1; None where nothing was opened."""
        return self.closed / self.opened if self.opened else None


def closing(account: Account, since: datetime, until: datetime | None = None, digits: int = COUNTY) -> list[Closing]:
    """Of the matters opened in the period, how many are closed by now: by county (or by that many code digits)."""
    period = Q(opened_at__gte=since) & Q(opened_at__lt=until or clock.now())
    rows = (Matter.objects.filter(period, access.scope(account, "matters.see", line="line"))
            .annotate(place=Substr("region", 1, digits)).values("place").order_by("place")
            .annotate(opened=Count("pk"), closed=Count("pk", filter=Q(closed_at__isnull=False))))
    names = dict(Region.objects.filter(code__in=[r["place"] for r in rows]).values_list("code", "name"))
    return [Closing(r["place"], names.get(r["place"], r["place"]), r["opened"], r["closed"]) for r in rows]


@dataclass(frozen=True)
class Stage:
    """How many matters of a flow stand in a state, and how many of them are late."""

    flow: str
    state: str
    title: str
    title_en: str
    count: int
    overdue: int


def funnel(account: Account, since: datetime | None = None, region: str = "") -> list[Stage]:
    """Counts by state in the order of the flow; closed ones only when opened since the moment given."""
    found = matters(account, {"region": region}).filter(Q(closed_at=None) | Q(opened_at__gte=since or clock.now()))
    rows = found.order_by().values("spec", "state").annotate(n=Count("pk"), late=Count("pk", filter=Q(overdue=True)))
    counted = {(r["spec"], r["state"]): r for r in rows}
    out = []
    for flow in content.every("flows"):
        for state_id, state in flow.states.items():
            r = counted.get((flow.key, state_id), {"n": 0, "late": 0})
            out.append(Stage(flow.key, state_id, state.title, state.title_en, r["n"], r["late"]))
    return out


@measure("flows.overdue_ratio")
def overdue_ratio(*, subject: int, since: datetime, **where: Any) -> float | None:
    """Of an enterprise's matters opened since, the share with a state not left in time; None without matters."""
    rows = Matter.objects.filter(top=subject, opened_at__gte=since, **where).aggregate(
        n=Count("pk"), late=Count("pk", filter=Q(late__gt=0)))
    return rows["late"] / rows["n"] if rows["n"] else None


@measure("flows.closed_ratio")
def closed_ratio(*, subject: int, since: datetime, **where: Any) -> float | None:
    """Of an enterprise's matters opened since, the share that is closed; None without matters."""
    rows = Matter.objects.filter(top=subject, opened_at__gte=since, **where).aggregate(
        n=Count("pk"), closed=Count("pk", filter=Q(closed_at__isnull=False)))
    return rows["closed"] / rows["n"] if rows["n"] else None
