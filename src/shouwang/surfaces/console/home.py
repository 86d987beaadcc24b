"""今日: what is mine to do now, by role. No counts of people, no points, no time online."""

from datetime import timedelta
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.notify import read as notices
from shouwang.engines.rules import read as rules
from shouwang.engines.subjects.models import Region
from shouwang.engines.telemetry import visible
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import SIGNED_IN, guarded

from .account import who
from .ingest import reason_title
from .warnings import row
from .warnings import rows as warning_rows

MOST = 12
GRAVE = ("red", "orange")
CLOSED_WITHIN = timedelta(days=30)


@guarded(SIGNED_IN)
def index(request: HttpRequest) -> HttpResponse:
    """Duty calls first, then what waits for me by deadline, then what is grave in my region."""
    account = who(request)
    context: dict[str, Any] = {"levels": content.every("levels"), "overview": _oversees(account)}
    if access.may(account, "notices.see"):
        context["news"] = list(notices.notices(account, unread=True)[:6])
    if access.may(account, "duty.answer"):
        context["calls"] = list(notices.to_read_back(account)[:MOST])
    if _acts(account):
        context |= _mine(account)
    if access.may(account, "alerts.see"):
        grave = rules.alerts(account, active=True).filter(level__in=GRAVE)
        context |= {"counts": rules.counts(account), "grave": warning_rows(account, grave[:8])}
    if context["overview"]:
        context |= _overview(account)
    if access.may(account, "ingest.see"):
        told = visible.health(account)
        context["health"] = told | {"refusals": [(reason_title(k), n) for k, n in told["refused"].items()]}
    return render(request, "console/work/home.html", context)


def _acts(account: Any) -> bool:
    """Whether matters ever wait for this person: by role, or delegated to them."""
    return any(access.may(account, p) for p in ("matters.handle", "matters.verify", "duty.answer"))


def _oversees(account: Any) -> bool:
    """Whether the person looks over a region and sees its matters."""
    return access.may(account, "matters.see") and any(g.subject is None for g in access.grants(account))


def _mine(account: Any) -> dict[str, Any]:
    """What waits for me, soonest due first, each with the reading it is about."""
    waiting = list(flows.mine(account)[:MOST])
    ids = [int(m.about.split(":")[1]) for m in waiting if m.about.startswith("alert:")]
    alerts = {f"alert:{a.pk}": a for a in rules.alerts(account).filter(pk__in=ids)} if ids else {}
    mine = [row(alerts[m.about], m) if m.about in alerts else {"matter": m, "state": versions.state_of(m)}
            for m in waiting]
    return {"mine": mine, "mine_count": len(waiting) if len(waiting) < MOST else flows.mine(account).count()}


def _overview(account: Any) -> dict[str, Any]:
    """Stages of open matters, and how much of the last 30 days is closed, by the parts of my region."""
    home = access.home_region(account)
    digits = {0: 2, 2: 4, 4: 6, 6: 9}.get(len(home), 12)
    closing = sorted(flows.closing(account, clock.now() - CLOSED_WITHIN, digits=digits), key=lambda c: c.region)
    names = dict(Region.objects.filter(code__startswith=home).values_list("code", "name")) if closing else {}
    open_ = {c.code: c for c in rules.by_region(account, home, digits)}
    parts = [{"code": c.region, "name": names.get(c.region, c.name), "opened": c.opened, "closed": c.closed,
              "percent": round(c.rate * 100) if c.rate is not None else None, "now": open_.get(c.region)}
             for c in closing]
    return {"stages": [s for s in flows.funnel(account) if s.state not in _ends(s.flow)], "parts": parts,
            "opened": sum(c.opened for c in closing), "closed": sum(c.closed for c in closing)}


def _ends(flow: str) -> set[str]:
    return {sid for sid, s in content.get("flows", flow).states.items() if s.end}
