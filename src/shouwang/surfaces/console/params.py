"""Params: what is in force where I am, since when, on what basis; changes by two persons."""

import json
from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Region
from shouwang.kernel import access, clock, content, orders, params
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, ContentError, NotAllowed
from shouwang.kernel.models import Account, Param

from . import backtest
from .account import who
from .templatetags.shouwang import english, titled

MOST_PLACES = 40
GROUPS = {"access": "登录", "flows": "办理时限", "rules": "报警"}
WORDS = {"alarm": "报警", "cut": "断电", "reset": "复电", "level1": "一级", "level2": "二级", "low": "下限",
         "high": "上限", "mark": "核对"}
WORDS_EN = {"alarm": "alarm", "cut": "cut", "reset": "reset", "level1": "level 1", "level2": "level 2", "low": "low",
            "high": "high", "mark": "mark"}


@guarded("params.see")
def index(request: HttpRequest) -> HttpResponse:
    """Every declared value in force in my region today, by scene; proposals on top."""
    account = who(request)
    locality, search = params.of_region(access.home_region(account)), request.GET.get("search", "").strip()[:60]
    groups: dict[str, list[dict[str, Any]]] = {}
    for path in params.paths():
        dated = _in_force(path, locality)
        if dated is not None and (not search or search in f"{path} {dated.title} {dated.title_en} {dated.basis}"):
            groups.setdefault(path.partition(".")[0], []).append(_shown(dated))
    names = _names({r["dated"].locality for rows in groups.values() for r in rows})
    return render(request, "console/admin/params.html", {
        "groups": [(_group(g), g, rows) for g, rows in groups.items()], "search": search, "names": names,
        "place": regions.name_of(access.home_region(account)), "pending": _pending(account)})


def _in_force(path: str, locality: str) -> params.Dated | None:
    try:
        return params.lookup(path, clock.today(), locality)
    except ContentError:
        return None


def _shown(dated: params.Dated) -> dict[str, Any]:
    return {"dated": dated, "title": titled(dated) or dated.path, "value": pieces(dated.value),
            "place": _place(dated.locality)}


def _group(prefix: str) -> str:
    if prefix in GROUPS:
        return _(GROUPS[prefix])
    scene = content.scenes.get(prefix)
    return titled(scene) if scene else prefix


def _place(locality: str) -> str:
    return locality.partition("_")[2]


def _names(localities: set[str]) -> dict[str, str]:
    codes = {_place(p) for p in localities}
    return {"": _("全国"), **dict(Region.objects.filter(code__in=codes).values_list("code", "name"))}


def pieces(value: Any) -> list[dict[str, Any]]:
    """A value as labelled pieces for the page; a nested one has pieces of its own."""
    if isinstance(value, dict):
        return [{"label": _word(k), "parts": pieces(v)} if isinstance(v, dict) else
                {"label": _word(k), "text": _text(v), "mark": v if k == "mark" else ""} for k, v in value.items()]
    return [{"label": "", "text": _text(value)}]


def _word(key: str) -> str:
    words = WORDS_EN if english() else WORDS
    if key in words:
        return words[key]
    for kind in ("levels", "places", "quantities"):
        found = next((s for s in content.every(kind) if s.id == key), None)
        if found is not None:
            return f"{key} {titled(found)}" if kind == "places" else titled(found)
    return key


def _text(value: Any) -> str:
    if isinstance(value, str):
        units = {"s": _("秒"), "m": _("分"), "h": _("小时"), "d": _("天")}
        return f"{value[:-1]} {units[value[-1]]}" if value[:-1].isdecimal() and value[-1:] in units else value
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _pending(account: Account) -> list[dict[str, Any]]:
    rows = list(orders.pending(account))
    names = _names({r.locality for r in rows})
    return [{"row": r, "title": _title(r.path), "value": pieces(r.value), "own": r.proposed_by == account.username,
             "place": names.get(_place(r.locality), _place(r.locality)), "was": _was(r),
             "trial": backtest.link(account, r.path, r.value, _region(r.locality)),
             "may": r.proposed_by != account.username and orders.reaches(account, orders.APPROVE, r.locality)}
            for r in rows]


def _region(locality: str) -> str:
    return locality.partition("_")[2]


def _title(path: str) -> str:
    known = params.history(path)
    return (titled(known[0]) if known else "") or path


def _was(row: Param) -> list[dict[str, Any]]:
    dated = _in_force(row.path, row.locality)
    return pieces(dated.value) if dated else []


@guarded("params.see")
def one(request: HttpRequest, path: str) -> HttpResponse:
    """One param: what is in force, its whole history in every place, and the form to propose a change."""
    return _one(request, path)


def _one(request: HttpRequest, path: str, wrong: str = "", status: int = 200) -> HttpResponse:
    account = who(request)
    history = params.history(path)
    if not history:
        raise Http404("没有这个参数")
    home = access.home_region(account)
    now = _in_force(path, params.of_region(home)) or history[0]
    rows = [_shown(d) | {"now": d == now, "later": d.since > clock.today()} for d in history]
    return render(request, "console/admin/param.html", {
        "path": path, "now": _shown(now), "rows": rows, "names": _names({d.locality for d in history}),
        "group": _group(path.partition(".")[0]), "pending": [p for p in _pending(account) if p["row"].path == path],
        "wrong": wrong, "given": request.POST, "today": clock.today(), "marks": orders.MARKS,
        "json": _editable(now.value), "places": _offered(account),
        "trial": backtest.link(account, path, now.value, home)}, status=status)


def _editable(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)


def _offered(account: Account) -> list[tuple[str, str]]:
    """Localities a change may be proposed for: my regions and what lies directly below."""
    out: dict[str, str] = {}
    for locality in orders.localities(account):
        code = _place(locality)
        out[locality] = regions.name_of(code)
        out |= {params.of_region(r.code): r.name for r in regions.parts(code)[:MOST_PLACES]}
    return list(out.items())


@guarded("params.propose")
@require_POST
def propose(request: HttpRequest, path: str) -> HttpResponse:
    """Ask for a change; what is wrong is told beside the form."""
    given = request.POST
    try:
        orders.propose(who(request), path, locality=given.get("locality", ""), since=_day(given.get("since", "")),
                       value=given.get("value", "")[:20_000], basis=given.get("basis", ""), mark=given.get("mark", ""),
                       reason=given.get("reason", ""))
    except (BadInput, NotAllowed) as wrong:
        return _one(request, path, str(wrong), 400)
    messages.success(request, _("已提出,等待另一人批准"))
    return redirect(f"/params/{path}/")


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(_("生效日写法如 2026-12-31")) from None


@guarded("params.approve")
@require_POST
def approve(request: HttpRequest, pk: int) -> HttpResponse:
    """The second pair of eyes."""
    row = _find(request, pk)
    orders.approve(who(request), row)
    messages.success(request, _("已批准,到生效日起按新值判断"))
    return redirect(f"/params/{row.path}/")


@guarded("params.propose")
@require_POST
def reject(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it away, or take one's own back."""
    row = _find(request, pk)
    orders.reject(who(request), row, request.POST.get("reason", ""))
    messages.success(request, _("已驳回"))
    return redirect(f"/params/{row.path}/")


def _find(request: HttpRequest, pk: int) -> Param:
    return get_object_or_404(orders.pending(who(request)), pk=pk)
