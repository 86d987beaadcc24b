"""今日: what is mine to do now, by role. No counts of people, no points, no time online."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.notify import read as notices
from shouwang.engines.rules import read as rules
from shouwang.engines.telemetry import live
from shouwang.kernel import access, content
from shouwang.kernel.access import SIGNED_IN, guarded

from .account import who
from .warnings import _rows as warning_rows

MOST = 12


@guarded(SIGNED_IN)
def index(request: HttpRequest) -> HttpResponse:
    """Duty calls first, then matters by deadline, then what is grave in my region."""
    account = who(request)
    context: dict[str, Any] = {}
    if access.may(account, "notices.see"):
        context["calls"] = list(notices.to_read_back(account).select_related("post")[:MOST])
        context["news"] = list(notices.notices(account, unread=True)[:MOST])
    if access.may(account, "matters.see"):
        waiting = list(flows.mine(account)[:MOST])
        context["mine"] = [{"matter": m, "state": versions.state_of(m)} for m in waiting]
        context["mine_count"] = len(waiting) if len(waiting) < MOST else flows.mine(account).count()
    if access.may(account, "alerts.see"):
        context["counts"] = rules.counts(account)
        context["levels"] = content.every("levels")
        context["grave"] = warning_rows(rules.alerts(account, active=True)[:8])
    if access.may(account, "ingest.see"):
        context["health"] = live.health()
    return render(request, "console/work/home.html", context)
