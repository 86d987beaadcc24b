"""The list of warnings: filters, tiles that count and filter, the drill by region, live refresh."""

from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import CharField, Count, Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Cast, Concat
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.flows.models import Matter
from shouwang.engines.rules import read
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Region
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded

from . import flood
from .account import who
from .templatetags.shouwang import titled
from .words import tier_words

PAGE = 40
ASKED = ("level", "state", "matter", "scene", "region", "search", "hours", "mine", "kind", "order", "top",
         "group")
NARROW = ("scene", "region", "search", "hours", "top")  # what tiles keep: their number is what their click lists
HEAVY = ("basis", "top__facts", "subject__facts", "point__facts")  # decoded for nothing in a list
STATES: dict[str, dict[str, Any]] = {
    "open": {"active": True}, "unacknowledged": {"active": True, "acknowledged": False},
    "shelved": {"active": True, "shelved": True}, "recovered": {"active": False}, "all": {}}


@guarded("alerts.see")
def index(request: HttpRequest) -> HttpResponse:
    """The list; an htmx request gets only what lives: tiles and rows."""
    account, asked = who(request), _asked(request)
    context = {**_lines(account, asked, request.GET.get("page")), "asked": asked, "now": clock.now(),
               "query": urlencode({k: v for k, v in asked.items() if v}), **tiles(account, asked)}
    if request.headers.get("HX-Request"):
        return render(request, "console/work/warnings_live.html", context)
    context |= {"scenes": content.scenes.values(), "drill": drill(account, asked),
                "streams": access.may(account, "wall.see")}
    return render(request, "console/work/warnings.html", context)


def _lines(account: Any, asked: dict[str, str], number: Any) -> dict[str, Any]:
    """One page: a line an alert; in a flood, or when asked, only the gravest so and the others by enterprise."""
    live = asked["state"] in ("", "open", "unacknowledged") and not asked["matter"] and not asked["mine"]
    raging = flood.now(account, **_narrow(asked)) if live and not asked["top"] else None
    kept = {k: v for k, v in asked.items() if v}
    part = {k: v for k, v in kept.items() if k not in ("level", "top", "group")} | {"group": "0"}
    told = {"flood": raging, "fold_href": urlencode(kept | {"group": "1"}),
            "full_href": urlencode(kept | {"group": "0"}), "part_href": urlencode(part)}
    found = listed(account, asked)
    if asked["group"] == "1" or (raging and asked["group"] != "0"):
        page, alerts, folded = flood.fold(found, number)
        return told | {"page": page, "rows": rows(account, alerts), "folded": folded, "is_folded": True}
    page = Paginator(found, PAGE).get_page(number)
    return told | {"page": page, "rows": rows(account, page.object_list)}


def _asked(request: HttpRequest) -> dict[str, str]:
    return {n: request.GET.get(n, "").strip()[:60] for n in ASKED}


def _narrow(asked: dict[str, str]) -> dict[str, Any]:
    """Scene, region, text and time window as filters of `rules.read.alerts`."""
    wanted: dict[str, Any] = {k: asked[k] for k in ("scene", "region", "search") if asked[k]}
    if asked["hours"].isdigit():
        wanted["since"] = clock.now() - timedelta(hours=min(int(asked["hours"]), 24 * 366))
    if asked["top"].isdigit():
        wanted["top"] = int(asked["top"])
    return wanted


def listed(account: Any, asked: dict[str, str]) -> QuerySet[Alert]:
    """The alerts asked for; a stage of handling counts recovered ones too, for their matter is still open."""
    wanted = _narrow(asked) | {k: asked[k] for k in ("level", "kind") if asked[k]}
    wanted |= STATES.get(asked["state"], {} if asked["matter"] or asked["mine"] else STATES["open"])
    if asked["order"] in ("newest", "oldest"):
        wanted["order"] = asked["order"]
    found = read.alerts(account, **wanted)
    if asked["matter"]:
        found = _in_hand(account, found, **_stage(asked["matter"]))
    return _in_hand(account, found, mine="1") if asked["mine"] else found


def _stage(word: str) -> dict[str, Any]:
    return {"overdue": "1"} if word == "overdue" else {"state": word}


def _in_hand(account: Any, found: QuerySet[Alert], **filters: Any) -> QuerySet[Alert]:
    """Alerts with an open matter within reach that answers to the filters."""
    wanted = flows.matters(account, {"open": "1", **filters}).order_by()
    return _tagged(found).filter(Exists(wanted.filter(about=OuterRef("tag"))))


def _tagged(found: QuerySet[Alert]) -> QuerySet[Alert]:
    return found.annotate(tag=Concat(Value("alert:"), Cast("pk", CharField())))


def tiles(account: Any, asked: dict[str, str]) -> dict[str, Any]:
    """Open alerts by level and state, and matters by stage: each tile links to exactly what it counts (two queries)."""
    narrow = _narrow(asked)
    counts = read.counts(account, **narrow)
    kept = {k: asked[k] for k in NARROW if asked[k]}
    asking = {k: asked[k] for k in ("level", "state", "matter", "kind", "mine") if asked[k] and asked[k] != "open"}

    def tile(title: str, n: int, tone: str = "", **sets: str) -> dict[str, Any]:
        return {"title": title, "n": n, "tone": tone, "href": urlencode(kept | sets), "current": sets == asking}

    by_level = [tile(titled(lv), counts.levels.get(lv.id, 0), lv.id, level=lv.id) for lv in content.every("levels")]
    state = [tile(_("未确认"), counts.unacknowledged, state="unacknowledged"),
             tile(_("数据中断"), counts.no_data, kind="no_data"), tile(_("已搁置"), counts.shelved, state="shelved")]
    out = {"level_tiles": [tile(_("未恢复"), counts.open), *by_level], "state_tiles": state, "stage_tiles": []}
    if access.may(account, "matters.see"):
        late, stages = _stages(account, narrow)
        out["stage_tiles"] = [*(tile(title, n, matter=key) for key, title, n in stages),
                              tile(_("已超期"), late, "red" if late else "", matter="overdue")]
    return out


def _stages(account: Any, narrow: dict[str, Any]) -> tuple[int, list[tuple[str, str, int]]]:
    """How many alerts have an overdue matter, and how many stand in each state, in the order of the flows."""
    found = _tagged(read.alerts(account, **narrow).order_by().select_related(None))
    open_ = flows.matters(account, {"open": "1"}).order_by().filter(about=OuterRef("tag"))
    counted = found.annotate(stage=Subquery(open_.values("state")[:1]), late=Subquery(open_.values("overdue")[:1]))
    groups = list(counted.exclude(stage=None).values_list("stage", "late").annotate(n=Count("pk")))
    titles = {sid: titled(s) for flow in content.every("flows") for sid, s in flow.states.items() if not s.end}
    return (sum(n for _stage, late, n in groups if late),
            [(sid, title, sum(n for stage, _late, n in groups if stage == sid)) for sid, title in titles.items()])


def drill(account: Any, asked: dict[str, str]) -> dict[str, Any]:
    """The way down from the account's region: names above, and the parts below with their open alerts."""
    if all(g.subject is not None for g in access.grants(account)):
        return {}
    home = access.home_region(account)
    here = asked["region"] if asked["region"].startswith(home) else home
    kept = {k: v for k, v in asked.items() if v and k != "region"}
    names = dict(Region.objects.filter(code__in=[c for c in _codes(here) if len(c) >= len(home)])
                 .values_list("code", "name"))
    below = regions.parts(here) if len(here) < 12 else []
    found = read.by_region(account, here, len(below[0].code), **{k: v for k, v in _narrow(asked).items()
                                                               if k != "region"}) if below else []
    counts = {c.code: c for c in found}
    return {"above": [{"name": names[c], "href": urlencode(kept | {"region": c}), "here": c == here} for c in
                      _codes(here) if c in names],
            "below": [{"name": r.name, "href": urlencode(kept | {"region": r.code}), "count": counts[r.code].open,
                       "worst": counts[r.code].worst} for r in below if r.code in counts]}


def _codes(code: str) -> list[str]:
    return [code[:n] for n in (2, 4, 6, 9, 12) if len(code) >= n]


def rows(account: Any, alerts: Any) -> list[dict[str, Any]]:
    """Alerts with their tier in words and their newest matter within reach: one query for all matters."""
    alerts = list(alerts.defer(*HEAVY) if isinstance(alerts, QuerySet) else alerts)
    matters = _matters(account, [f"alert:{a.pk}" for a in alerts]) if alerts else {}
    return [row(a, matters.get(f"alert:{a.pk}")) for a in alerts]


def row(alert: Alert, matter: Matter | None) -> dict[str, Any]:
    """One line of a list of warnings."""
    return {"alert": alert, "rule": read.rule_of(alert), "tier": tier_words(alert), "matter": matter,
            "state": versions.state_of(matter) if matter else None,
            "lasted": (alert.cleared_at or clock.now()) - alert.opened_at}


def _matters(account: Any, about: list[str]) -> dict[str, Matter]:
    if not access.may(account, "matters.see"):
        return {}
    found = flows.matters(account).filter(about__in=about).order_by("pk").select_related(None)
    return {m.about: m for m in found.select_related("version").defer("version__body", "data")}
