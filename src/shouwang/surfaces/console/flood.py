"""The list in a flood: the gravest stay lines of their own, all others are one line an enterprise."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Count, Max, Min, Q, QuerySet

from shouwang.engines.rules import figures, kpis, read
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock, content, params

PAGE = 40
LOOK_BACK = timedelta(hours=6)  # a flood older than this would have ended or begun anew since


class Flood(NamedTuple):
    """A flood that goes on: since when, and its alarms so far."""

    since: datetime
    n: int


class Folded(NamedTuple):
    """An enterprise's alerts in one line, by level; the gravest level, the first and the newest of them."""

    top: int
    name: str
    worst: str
    levels: dict[str, int]
    n: int
    unacknowledged: int
    first: datetime
    newest: datetime


def now(account: Any, **narrow: Any) -> Flood | None:
    """The flood that goes on among the alerts this person may see there, by the terms of the standard; one query."""
    until = clock.now()
    since = until - LOOK_BACK
    wanted = {k: v for k, v in narrow.items() if k in ("region", "scene", "top")}
    found = read.alerts(account, **wanted).filter(raised_at__gte=since, raised_at__lt=until).order_by()
    rows = [figures.Row(pk, "", 0, 0, "", "", round(at.timestamp() * 1000), 0, None, None)
            for pk, at in found.select_related(None).values_list("pk", "raised_at")]
    terms = kpis.terms_of(params.value(kpis.TERMS, clock.today(), params.of_region(narrow.get("region", ""))))
    first, last = round(since.timestamp() * 1000), round(until.timestamp() * 1000)
    floods = figures.floods(rows, first, last, terms)
    if not floods or floods[-1].until < last:
        return None
    return Flood(clock.from_ms(floods[-1].since), len(floods[-1].ids))


def fold(found: QuerySet[Alert], number: Any) -> tuple[Page[Any], list[Alert], list[Folded]]:
    """One page of the list folded: (page, alerts of the gravest level in full, the others by enterprise)."""
    gravest = min(content.every("levels"), key=lambda lv: lv.rank).id
    lines: list[Any] = list(found.filter(level=gravest).values_list("pk", flat=True))
    lines += _enterprises(found.exclude(level=gravest))
    page = Paginator(lines, PAGE).get_page(number)
    own = found.in_bulk([x for x in page.object_list if not isinstance(x, Folded)])
    alerts = [own[x] for x in page.object_list if not isinstance(x, Folded) and x in own]
    return page, alerts, [x for x in page.object_list if isinstance(x, Folded)]


def _enterprises(found: QuerySet[Alert]) -> list[Folded]:
    """The gravest first, then the fullest; one query."""
    levels = [lv.id for lv in sorted(content.every("levels"), key=lambda lv: lv.rank)]
    rows: Any = found.order_by().select_related(None).values("top", "top__name").annotate(
        n=Count("pk"), unacknowledged=Count("pk", filter=Q(acked_at=None)), first=Min("opened_at"),
        newest=Max("opened_at"), **{f"level_{lv}": Count("pk", filter=Q(level=lv)) for lv in levels})
    out = [_folded(r, {lv: r[f"level_{lv}"] for lv in levels if r[f"level_{lv}"]}) for r in rows]
    return sorted(out, key=lambda f: (levels.index(f.worst) if f.worst in levels else 9, -f.n, f.top))


def _folded(r: dict[str, Any], levels: dict[str, int]) -> Folded:
    return Folded(r["top"], r["top__name"], next(iter(levels), ""), levels, r["n"], r["unacknowledged"], r["first"],
                  r["newest"])
