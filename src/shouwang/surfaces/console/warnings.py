"""Warnings: the list with its filters, the drawer (or page) of one, acknowledge and shelve."""

from datetime import timedelta
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify import read as notices
from shouwang.engines.rules import act, read
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import regions
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from .account import who
from .words import ladder, tier_words

PAGE = 50
SHELF_REASONS = ["检维修", "仪表校验", "开停车", "已知工况"]


@guarded("alerts.see")
def index(request: HttpRequest) -> HttpResponse:
    """The list; an htmx request gets only its rows."""
    account, asked = who(request), _asked(request)
    found = read.alerts(account, **_filters(asked))
    if asked["mine"]:
        found = found.filter(pk__in=_mine(account))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": _rows(page.object_list), "asked": asked, "query": _query(request)}
    if request.headers.get("HX-Request"):
        return render(request, "console/work/warning_rows.html", context)
    everything = {k: v for k, v in _filters(asked).items() if k in ("scene", "region", "search")}
    context |= {"counts": read.counts(account, **everything), "levels": content.every("levels"),
                "scenes": content.scenes.values(), "counties": _counties(account)}
    return render(request, "console/work/warnings.html", context)


def _asked(request: HttpRequest) -> dict[str, str]:
    names = ("level", "state", "scene", "region", "search", "hours", "mine", "kind", "order")
    return {n: request.GET.get(n, "").strip()[:60] for n in names}


def _filters(asked: dict[str, str]) -> dict[str, Any]:
    states: dict[str, dict[str, Any]] = {
        "": {"active": True}, "open": {"active": True}, "unacknowledged": {"active": True, "acknowledged": False},
        "shelved": {"active": True, "shelved": True}, "recovered": {"active": False}, "all": {}}
    wanted = dict(states.get(asked["state"], {"active": True}))
    wanted |= {k: asked[k] for k in ("level", "scene", "region", "search", "kind") if asked[k]}
    if asked["hours"].isdigit():
        wanted["since"] = clock.now() - timedelta(hours=min(int(asked["hours"]), 24 * 366))
    if asked["order"] in ("newest", "oldest"):
        wanted["order"] = asked["order"]
    return wanted


def _mine(account: Any) -> list[int]:
    about = flows.mine(account).filter(about__startswith="alert:").values_list("about", flat=True)
    return [int(a.split(":")[1]) for a in about]


def _query(request: HttpRequest) -> str:
    kept = request.GET.copy()
    kept.pop("page", None)
    return kept.urlencode()


def _counties(account: Any) -> list[Any]:
    home = access.home_region(account)
    return list(regions.parts(home)) if len(home) in (2, 4) else []


def _rows(alerts: Any) -> list[dict[str, Any]]:
    """Alerts with their tier in words and their matter: one query for all matters."""
    alerts = list(alerts)
    matters = {m.about: m for m in _matters([f"alert:{a.pk}" for a in alerts])}
    return [{"alert": a, "rule": read.rule_of(a), "tier": tier_words(a), "matter": matters.get(f"alert:{a.pk}"),
             "isa": read.isa_letter(a)} for a in alerts]


def _matters(about: list[str]) -> QuerySet[Matter]:
    return Matter.objects.filter(about__in=about).select_related("version").order_by("pk")


@guarded("alerts.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """One warning: what, why, on what basis, who by when, and everything that happened. Drawer or page."""
    account = who(request)
    alert = find(account, pk)
    matter = _matters([f"alert:{pk}"]).select_related("top", "subject", "delegate").last()
    context: dict[str, Any] = _rows([alert])[0] | {
        "guidance": read.guidance(alert), "changes": read.journal(alert), "place": " ".join(regions.path_names(alert.region)[2:]),
        "may_acknowledge": alert.active and not alert.acked_at and _may(account, "alerts.acknowledge", alert),
        "may_shelve": alert.active and _may(account, "alerts.shelve", alert),
        "longest_shelf": act.longest_shelf(alert), "reasons": SHELF_REASONS,
        "since_ms": int(alert.opened_at.timestamp() * 1000), "until_ms": _end_ms(alert)}
    if matter is not None and access.reaches(account, "matters.see", region=matter.region, top=matter.top_id):
        context |= matter_context(account, matter)
    name = "console/work/warning_drawer.html" if request.headers.get("X-Drawer") else "console/work/warning.html"
    return render(request, name, context)


def _end_ms(alert: Alert) -> int:
    return int((alert.cleared_at or clock.now()).timestamp() * 1000)


def _may(account: Any, permission: str, alert: Alert) -> bool:
    return access.reaches(account, permission, region=alert.region, top=alert.top_id, line=alert.line)


def matter_context(account: Any, matter: Matter) -> dict[str, Any]:
    """What a page shows of a matter: its state, whose turn, the ladder, what this person may do, the story."""
    state = versions.state_of(matter)
    return {"matter": matter, "state": state, "spec": versions.spec_of(matter), "acts": flows.acts_for(account, matter),
            "ladder": ladder(matter, state), "story": flows.timeline(matter),
            "calls": notices.about(f"matter:{matter.pk}").filter(must_read_back=True).select_related("post"),
            "may_delegate": bool(flows.acts_for(account, matter)) and access.reaches(
                account, "matters.delegate", region=matter.region, top=matter.top_id),
            "role": content.get("roles", matter.role) if matter.role else None}


def find(account: Any, pk: int) -> Alert:
    """The alert within reach; else 404."""
    try:
        return read.one(account, pk)
    except Alert.DoesNotExist:
        raise Http404 from None


@guarded("alerts.acknowledge")
@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody knows."""
    act.acknowledge(find(who(request), pk), who(request), request.POST.get("note", "")[:200])
    return redirect(f"/warnings/{pk}/")


@guarded("alerts.shelve")
@require_POST
def shelve(request: HttpRequest, pk: int) -> HttpResponse:
    """Put aside with a reason until a moment, or take off the shelf again."""
    alert = find(who(request), pk)
    if request.POST.get("end"):
        act.unshelve(alert, who(request), request.POST.get("reason", "")[:200])
        return redirect(f"/warnings/{pk}/")
    until = parse_datetime(request.POST.get("until", ""))
    if until is None:
        raise BadInput(_("请选择搁置到什么时候"))
    until = until if until.tzinfo else until.replace(tzinfo=clock.LOCAL)
    act.shelve(alert, who(request), until, request.POST.get("reason", "").strip()[:200])
    return redirect(f"/warnings/{pk}/")
