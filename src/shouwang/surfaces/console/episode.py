"""One warning, as drawer or page: what, why, on what basis, who by when, what happened; acknowledge and shelve."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.flows.models import Matter
from shouwang.engines.rules import act, read
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import regions
from shouwang.engines.telemetry import live
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed, ShouwangError

from . import stand_in
from .account import who
from .warnings import row
from .words import ladder, story, why

SHELF_REASONS = ["检维修", "仪表校验", "开停车", "已知工况"]
ISA = {"A": "正常", "B": "未恢复、未确认", "C": "未恢复、已确认", "D": "已恢复、未确认", "E": "已搁置",
       "F": "按设计抑制", "G": "停用"}


@guarded("alerts.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """The drawer when a list asks for it, else the page."""
    return show(request, find(who(request), pk))


def find(account: Any, pk: int) -> Alert:
    """The alert within reach; else 404."""
    try:
        return read.one(account, pk)
    except Alert.DoesNotExist:
        raise Http404 from None


def in_drawer(request: HttpRequest) -> bool:
    """Whether the answer goes into the drawer of a list."""
    return bool(request.headers.get("X-Drawer"))


def show(request: HttpRequest, alert: Alert, *, said: str = "", wrong: str = "", given: Mapping[str, Any] | None = None,
         status: int = 200) -> HttpResponse:
    """The warning with what has just been said or refused."""
    context = about(who(request), alert) | {"said": said, "wrong": wrong, "given": given or {}}
    name = "console/work/warning_drawer.html" if in_drawer(request) else "console/work/warning.html"
    return render(request, name, context, status=status)


def about(account: Any, alert: Alert, matter: Matter | None = None) -> dict[str, Any]:
    """Everything a page says of a warning and of its matter, for this person."""
    seen = access.may(account, "matters.see")
    matter = matter or (flows.matters(account, {"about": f"alert:{alert.pk}"}).first() if seen else None)
    now = live.latest([alert.point_id]).get(alert.point_id)
    since, until = alert.opened_at, alert.cleared_at or clock.now()
    return row(alert, matter) | {
        "why": why(alert), "guidance": read.guidance(alert), "isa": read.isa_letter(alert),
        "isa_words": _(ISA[read.isa_letter(alert)]), "place": " · ".join(regions.path_names(alert.region)[1:]),
        "now": now, "still": read.recovered(f"alert:{alert.pk}"),
        "shelved": alert.shelved_until is not None and alert.shelved_until > clock.now(),
        "may_acknowledge": alert.active and not alert.acked_at and _may(account, "alerts.acknowledge", alert),
        "may_shelve": alert.active and _may(account, "alerts.shelve", alert),
        "longest_shelf": act.longest_shelf(alert), "reasons": [_(r) for r in SHELF_REASONS],
        "since_ms": int(since.timestamp() * 1000), "until_ms": int(until.timestamp() * 1000),
        "worst": _worst(alert, now), **told(story(alert, matter), matter)} | (hand(account, matter) if matter else {})


def told(lines: list[dict[str, Any]], matter: Matter | None) -> dict[str, Any]:
    """The story, and what was last handed in while the matter is open: who verifies reads it before the button."""
    handed = next((line for line in reversed(lines) if line["form"] or line["files"]), None)
    return {"story": lines, "handed": handed if matter is not None and matter.closed_at is None else None}


def _worst(alert: Alert, now: live.Live | None) -> float | None:
    """The gravest reading known: the alert's own, or the newest one where that goes further."""
    if alert.worst_value is None or not alert.active or now is None or now.value is None or now.quality != "good":
        return alert.worst_value
    return max(alert.worst_value, now.value) if alert.tier > 0 else min(alert.worst_value, now.value)


def _may(account: Any, permission: str, alert: Alert) -> bool:
    return access.reaches(account, permission, region=alert.region, top=alert.top_id, line=alert.line)


def hand(account: Any, matter: Matter) -> dict[str, Any]:
    """In whose hands a matter is: state, role, deadline, ladder, and what this person may do."""
    state, acts = versions.state_of(matter), flows.acts_for(account, matter)
    may_delegate = bool(acts) and matter.delegate_id != account.pk and access.reaches(
        account, "matters.delegate", region=matter.region, top=matter.top_id, line=matter.line)
    return {"matter": matter, "state": state, "spec": versions.spec_of(matter), "acts": acts, "steps": steps(matter),
            "ladder": ladder(matter, state), "role": content.get("roles", matter.role) if matter.role else None,
            "may_delegate": may_delegate, "stand_ins": stand_in.near(account, matter) if may_delegate else []}


def steps(matter: Matter) -> list[dict[str, Any]]:
    """The states of the flow in order, with what is done, what is now and what comes."""
    states = list(versions.spec_of(matter).states.items())
    here = next(n for n, (sid, _state) in enumerate(states) if sid == matter.state)
    return [{"state": s, "is": "now" if n == here and not matter.closed_at else "done" if n <= here else "next"}
            for n, (_sid, s) in enumerate(states)]


@guarded("alerts.acknowledge")
@require_POST
def acknowledge(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody knows."""
    alert = find(who(request), pk)
    act.acknowledge(alert, who(request), request.POST.get("note", "")[:200])
    return done(request, pk, _("已确认知悉"))


@guarded("alerts.shelve")
@require_POST
def shelve(request: HttpRequest, pk: int) -> HttpResponse:
    """Put aside with a reason until a moment, or take off the shelf again; what is wrong is told beside the form."""
    alert, reason = find(who(request), pk), request.POST.get("reason", "").strip()[:200]
    try:
        if request.POST.get("end"):
            act.unshelve(alert, who(request), reason)
            return done(request, pk, _("搁置已结束"))
        act.shelve(alert, who(request), _until(request), reason)
    except (BadInput, NotAllowed) as wrong:
        return refused(request, alert, wrong)
    return done(request, pk, _("已搁置"))


def _until(request: HttpRequest) -> Any:
    until = parse_datetime(request.POST.get("until", ""))
    if until is None:
        raise BadInput(_("请选择搁置到什么时候"))
    return until if until.tzinfo else until.replace(tzinfo=clock.LOCAL)


def refused(request: HttpRequest, alert: Alert, wrong: ShouwangError) -> HttpResponse:
    """The warning again, with the reason and what was typed."""
    return show(request, find(who(request), alert.pk), wrong=str(wrong), given=request.POST.dict(),
                status=403 if isinstance(wrong, NotAllowed) else 400)


def done(request: HttpRequest, pk: int, said: str) -> HttpResponse:
    """After an act: the drawer afresh, or back to the page."""
    if in_drawer(request):
        return show(request, find(who(request), pk), said=said)
    messages.success(request, said)
    return redirect(f"/warnings/{pk}/")
