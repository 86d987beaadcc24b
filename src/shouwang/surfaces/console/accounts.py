"""Accounts and grants within one's own reach."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_POST

from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Account

from . import appoint
from .account import who

PAGE = 50
MOST_CHOICES = 600


@guarded(appoint.EDIT)
def index(request: HttpRequest) -> HttpResponse:
    """Accounts within reach, with what they hold and whether they can sign in."""
    return _list(request, {})


def _list(request: HttpRequest, extra: dict[str, Any], status: int = 200) -> HttpResponse:
    account = who(request)
    asked = {n: request.GET.get(n, "").strip()[:60] for n in ("search", "role", "state")}
    page = Paginator(_found(account, asked), PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    rows = list(page.object_list)
    places = _places([g for a in rows for g in a.grants.all()])
    return render(request, "console/admin/accounts.html", {
        "page": page, "query": kept.urlencode(), "asked": asked, "now": clock.now(), "given": {},
        "rows": [{"account": a, "grants": [_shown(g, places) for g in a.grants.all()]} for a in rows],
        "roles": content.every("roles"), **choices(account), **extra}, status=status)


def _found(account: Account, asked: dict[str, str]) -> "QuerySet[Account]":
    found = appoint.in_reach(account).prefetch_related("grants").order_by("username")
    if asked["search"]:
        found = found.filter(Q(username__icontains=asked["search"]) | Q(name__icontains=asked["search"]))
    if asked["role"]:
        found = found.filter(grants__role=asked["role"]).distinct()
    states = {"off": Q(is_active=False), "locked": Q(locked_until__gt=clock.now()), "on": Q(is_active=True)}
    return found.filter(states[asked["state"]]) if asked["state"] in states else found


def choices(account: Account) -> dict[str, Any]:
    """What the grant form offers: roles that can be given, places and enterprises within reach."""
    reach = access.scope(account, appoint.EDIT, region="code", top="code")
    shown = Q(tier__in=("province", "city", "county")) if access.home_region(account) == "" else Q()
    return {"roles_for": appoint.roles_for(account), "lines": content.every("lines"),
            "places": Region.objects.filter(reach, shown).order_by("code")[:MOST_CHOICES * 3],
            "firms": Subject.objects.filter(access.scope(account, appoint.EDIT, line="line"),
                                            kind="enterprise").order_by("region", "code")[:MOST_CHOICES]}


def _places(grants: Any) -> dict[str, dict[Any, str]]:
    regions = Region.objects.filter(code__in={g.region for g in grants}).values_list("code", "name")
    firms = Subject.objects.filter(pk__in={g.subject for g in grants if g.subject}).values_list("pk", "name")
    return {"regions": dict(regions), "firms": dict(firms)}


def _shown(grant: Any, places: dict[str, dict[Any, str]]) -> dict[str, Any]:
    place = places["firms"].get(grant.subject) if grant.subject else places["regions"].get(grant.region, grant.region)
    line = next((s for s in content.every("lines") if s.id == grant.line), None)
    expired = bool(grant.valid_until and grant.valid_until < clock.today())
    return {"grant": grant, "role": content.get("roles", grant.role), "place": place or _("全国"), "line": line,
            "expired": expired}


@guarded(appoint.EDIT)
@never_cache
@sensitive_variables("password")
@require_POST
def create(request: HttpRequest) -> HttpResponse:
    """Make an account; its password is in this answer and never again."""
    try:
        made, password = appoint.create(who(request), request.POST.dict())
    except (BadInput, NotAllowed) as wrong:
        return _list(request, {"wrong": str(wrong), "given": request.POST}, status=400)
    return _one(request, made, {"password": password, "is_new": True})


@guarded(appoint.EDIT)
@never_cache
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An account with its grants and what may be done about it."""
    return _one(request, _find(request, pk), {})


def _find(request: HttpRequest, pk: int) -> Account:
    return get_object_or_404(appoint.in_reach(who(request)).prefetch_related("grants"), pk=pk)


def _one(request: HttpRequest, other: Account, extra: dict[str, Any]) -> HttpResponse:
    account, grants = who(request), list(other.grants.all())
    places = _places(grants)
    return render(request, "console/admin/account.html", {
        "other": other, "grants": [_shown(g, places) for g in grants], "now": clock.now(),
        "own": other.pk == account.pk, "may_change": appoint.may_change(account, other), "given": {},
        **choices(account), **extra})


@guarded(appoint.EDIT)
@never_cache
@sensitive_variables("password")
@require_POST
def act(request: HttpRequest, pk: int, what: str) -> HttpResponse:
    """Switch on or off, unlock, reset the password, clear the second factor."""
    account, other = who(request), _find(request, pk)
    if what == "reset":
        password = appoint.reset_password(account, other)
        return _one(request, other, {"password": password})
    acts: dict[str, Any] = {
        "off": lambda: appoint.switch(account, other, False),
        "on": lambda: appoint.switch(account, other, True),
        "unlock": lambda: appoint.unlock(account, other),
        "no-code": lambda: appoint.clear_second_factor(account, other)}
    if what not in acts:
        raise BadInput(_("没有这个操作"))
    acts[what]()
    messages.success(request, _("已办理"))
    return redirect(f"/accounts/{pk}/")


@guarded(appoint.EDIT)
@require_POST
def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """Give a role in a place."""
    try:
        appoint.grant(who(request), _find(request, pk), request.POST.dict())
    except (BadInput, NotAllowed) as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("已授权"))
    return redirect(f"/accounts/{pk}/")


@guarded(appoint.EDIT)
@require_POST
def withdraw(request: HttpRequest, pk: int, grant_pk: int) -> HttpResponse:
    """Take a grant away."""
    taken = get_object_or_404(_find(request, pk).grants.select_related("account"), pk=grant_pk)
    try:
        appoint.withdraw(who(request), taken)
    except (BadInput, NotAllowed) as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("授权已撤销"))
    return redirect(f"/accounts/{pk}/")
