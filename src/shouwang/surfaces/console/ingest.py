"""接入健康: is the intake well, which source lags, what was refused and why; sources and their credentials."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from shouwang.drivers.reasons import REASONS
from shouwang.engines.subjects import read
from shouwang.engines.subjects.models import Subject
from shouwang.engines.telemetry import api, credentials, visible
from shouwang.engines.telemetry.models import Source
from shouwang.kernel import access, clock
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed

from .account import who

PAGE = 50
EXCERPTS = 40
SILENT_MS = 5 * 60_000  # a source unheard for longer is shown first; a display order, not a rule
BEHIND_MS = 60_000


@guarded("ingest.see")
def index(request: HttpRequest) -> HttpResponse:
    """The whole page; its numbers are fetched again each five seconds."""
    return render(request, "console/admin/ingest.html", _numbers(request))


@guarded("ingest.see")
def numbers(request: HttpRequest) -> HttpResponse:
    """Only the numbers."""
    return render(request, "console/admin/ingest_numbers.html", _numbers(request))


def _numbers(request: HttpRequest) -> dict[str, Any]:
    account = who(request)
    told = visible.health(account)
    asked = {"search": request.GET.get("search", "").strip()[:60], "state": request.GET.get("state", "")}
    rows = sorted((_row(s) for s in told["sources"]), key=lambda r: (not r["trouble"], r["name"]))
    shown = [r for r in rows if _wanted(r, asked)]
    page = Paginator(shown, PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    return {
        "may_edit": access.may(account, "ingest.edit"), "told": told,
        "since": _at(told.get("since")), "page": page, "rows": page.object_list, "asked": asked,
        "query": kept.urlencode(), "full_query": request.GET.urlencode(),
        "connected": sum(bool(r["connected"]) for r in rows), "source_count": len(rows),
        "trouble": sum(r["trouble"] for r in rows), "everywhere": visible.everywhere(account),
        "behind": told["record"] - told["durable"] if "record" in told else None,
        "reasons": sorted(((reason_title(k), k, n) for k, n in told["refused"].items()), key=lambda r: -r[2]),
        "refused_count": sum(told["refused"].values()), "problems": told.get("problems", {}),
        "refusals": [r | {"at": _at(r["at"]), "title": reason_title(r["reason"])} for r in told["refusals"][:EXCERPTS]]}


def reason_title(reason: str) -> str:
    """Why something was not taken, for readers."""
    return _(REASONS[reason]) if reason in REASONS else reason


def _at(ms: int | None) -> Any:
    return clock.from_ms(ms) if ms else None


def _row(source: dict[str, Any]) -> dict[str, Any]:
    """A source with its times as moments, its refusals in words, and whether it needs a look."""
    silent = source["silent_ms"] is None or source["silent_ms"] > SILENT_MS
    refused = sum(source["refused"].values())
    behind = (source["lag_ms"] or 0) > BEHIND_MS
    return source | {
        "heard_at": _at(source["heard"]), "silent": silent, "behind": behind, "refused_count": refused,
        "lag_s": (source["lag_ms"] or 0) / 1000, "trouble": silent or behind or refused > 0,
        "reasons": [(reason_title(k), n) for k, n in sorted(source["refused"].items(), key=lambda p: -p[1])]}


def _wanted(row: dict[str, Any], asked: dict[str, str]) -> bool:
    states = {"trouble": row["trouble"], "silent": row["silent"], "refused": row["refused_count"] > 0}
    return bool(states.get(asked["state"], True)) and asked["search"].lower() in row["name"].lower()


@guarded("ingest.edit")
@never_cache
def sources(request: HttpRequest) -> HttpResponse:
    """Sources whose credentials I may make, renew and withdraw."""
    return _sources(request, {})


def _sources(request: HttpRequest, extra: dict[str, Any], status: int = 200) -> HttpResponse:
    account, search = who(request), request.GET.get("search", "").strip()[:60]
    found = visible.sources(account, "ingest.edit").annotate(points=Count("channels")).order_by("name")
    if search:
        found = found.filter(Q(name__icontains=search) | Q(enterprise__name__icontains=search))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    return render(request, "console/admin/sources.html", {
        "page": page, "rows": page.object_list, "query": kept.urlencode(), "search": search, "given": {},
        "kinds": credentials.KINDS, "everywhere": visible.everywhere(account, "ingest.edit"),
        "firms": read.subjects(account, kind="enterprise", permission="ingest.edit")[:600], **extra}, status=status)


@guarded("ingest.edit")
@never_cache
@sensitive_variables("token")
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """A new source; its token is in this answer and never again."""
    account, given = who(request), request.POST
    try:
        firm = _firm(request)
        api.require(account, firm)
        source, token = credentials.make_source(given.get("name", ""), given.get("kind", ""), firm,
                                                actor=account.username)
    except (BadInput, NotAllowed) as wrong:
        return _sources(request, {"wrong": str(wrong), "given": given}, 400)
    return _sources(request, {"made": source, "token": token})


def _firm(request: HttpRequest) -> Subject | None:
    code = request.POST.get("enterprise", "").strip().upper()
    if not code:
        return None
    found = read.subjects(who(request), kind="enterprise", permission="ingest.edit").filter(code=code).first()
    if found is None:
        raise BadInput(_("您的辖区内没有统一社会信用代码为 %(code)s 的企业") % {"code": code[:40]})
    return found


@guarded("ingest.edit")
@never_cache
@sensitive_variables("token")
@require_POST
def change(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Renew the token, withdraw or let in again."""
    source: Source = get_object_or_404(visible.sources(who(request), "ingest.edit"), pk=pk)
    actor = who(request).username
    if what == "rotate":
        return _sources(request, {"made": source, "token": credentials.rotate(source, actor=actor)})
    if what not in ("disable", "enable"):
        raise BadInput(_("没有这个操作"))
    (credentials.disable if what == "disable" else credentials.enable)(source, actor=actor)
    messages.success(request, _("接入源已停用") if what == "disable" else _("接入源已启用"))
    return redirect("/ingest/sources/")


@guarded("ingest.see")
def guide(request: HttpRequest) -> HttpResponse:
    """How to connect a gateway: addresses, topics and payloads, with this deployment's host."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    return render(request, "console/admin/ingest_guide.html", {"host": host, "origin": request.build_absolute_uri("/")})
