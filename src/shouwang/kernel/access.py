"""Who may do what, where. A role holds permissions; a grant holds a role in a region × line × enterprise.

Every route names its rule with `guarded` (or `PUBLIC`/`SIGNED_IN`); a test walks them all. Lists are
narrowed with `scope`: what a person may not see does not exist for them (404, never 403 on rows).
"""

from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any

from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth.views import redirect_to_login
from django.db.models import Q
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render
from pydantic import Field

from . import clock, content
from .errors import NotAllowed, SignInFirst
from .models import Account, Grant

PUBLIC = "public"
SIGNED_IN = "signed_in"
View = Callable[..., Any]


@content.kind("permissions", engine="kernel")
class Permission(content.Spec):
    """One thing that can be allowed, named noun.verb."""


@content.kind("roles", engine="kernel")
class Role(content.Spec):
    """A role of the catalog: what it may do and how wide it reaches."""

    may: list[str]
    reach: str = "region"  # region | enterprise
    government: bool = False
    needs_credential: bool = Field(default=False, description="执法证等凭证到期即失效")


def grants(account: Any) -> list[Grant]:
    """The account's grants that are valid today; read once per request."""
    if not isinstance(account, Account) or not account.is_active:
        return []
    cached: list[Grant] | None = getattr(account, "_grants", None)
    if cached is None:
        cached = [g for g in account.grants.all() if _valid(g)]
        account._grants = cached  # type: ignore[attr-defined]
    return cached


def _valid(grant: Grant) -> bool:
    role = content.get("roles", grant.role)
    if role.needs_credential and (not grant.credential or grant.valid_until is None):
        return False
    return grant.valid_until is None or grant.valid_until >= clock.today()


def holding(account: Any, permission: str) -> list[Grant]:
    """The grants that allow this permission somewhere."""
    return [g for g in grants(account) if permission in content.get("roles", g.role).may]


def may(account: Any, permission: str) -> bool:
    """Whether the account holds the permission anywhere at all."""
    return permission == PUBLIC or (permission == SIGNED_IN and isinstance(account, Account)) or bool(
        holding(account, permission))


def scope(account: Any, permission: str, *, region: str = "region", top: str = "top_id",
          line: str = "") -> Q:
    """The rows on which the account holds the permission, as a filter over the named columns.

    `region` holds a code without trailing zeros (prefix match), `top` the enterprise's id, `line` its industry line.
    Nothing held gives a filter that matches nothing.
    """
    wanted = Q(pk__in=[])
    for grant in holding(account, permission):
        here = Q(**{f"{region}__startswith": grant.region}) if grant.region else Q()
        if grant.subject is not None:
            here &= Q(**{top: grant.subject})
        if grant.line and line:
            here &= Q(**{line: grant.line})
        wanted |= here if here else Q(pk__isnull=False)
    return wanted


def reaches(account: Any, permission: str, *, region: str, top: int | None, line: str = "") -> bool:
    """Whether the permission is held on one row with this region, enterprise and line."""
    return any(
        region.startswith(g.region)
        and (g.subject is None or g.subject == top)
        and (not g.line or not line or g.line == line)
        for g in holding(account, permission)
    )


def require(account: Any, permission: str, *, region: str, top: int | None, line: str = "") -> None:
    """NotAllowed unless `reaches`."""
    if not reaches(account, permission, region=region, top=top, line=line):
        title = content.get("permissions", permission).title
        raise NotAllowed(f"您没有在此地此企业“{title}”的权限;如需办理,请联系本级管理员授权")


def roles_of(account: Any) -> list[str]:
    """Role ids the account holds today, in order, once each."""
    return list(dict.fromkeys(g.role for g in grants(account)))


def home_region(account: Any) -> str:
    """The widest region the account is granted: where its pages open."""
    regions = [g.region for g in grants(account)]
    return min(regions, key=len) if regions else ""


def guarded(permission: str) -> Callable[[View], View]:
    """Mark a view with its access rule and enforce it: not signed in → login, not permitted → 403 page."""

    def wrap(view: View) -> View:
        if iscoroutinefunction(view):
            @wraps(view)
            async def aguard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                account = await request.auser()
                refused = await sync_to_async(_refusal)(request, account, permission)
                return refused or await view(request, *args, **kwargs)

            aguard.access = permission  # type: ignore[attr-defined]
            return aguard

        @wraps(view)
        def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _refusal(request, request.user, permission) or view(request, *args, **kwargs)

        guard.access = permission  # type: ignore[attr-defined]
        return guard

    return wrap


def _refusal(request: HttpRequest, account: Any, permission: str) -> HttpResponseBase | None:
    if permission == PUBLIC or may(account, permission):
        return None
    if not isinstance(account, Account):
        return redirect_to_login(request.get_full_path())
    title = content.get("permissions", permission).title if permission != SIGNED_IN else ""
    return render(request, "refused.html", {"needs": title}, status=403)


def accounts_in(role: str, region: str, subject: int | None = None, line: str = "") -> Iterable[Account]:
    """Active accounts holding a role whose grant covers a region (and enterprise and line, when given)."""
    prefixes = [region[:n] for n in range(len(region) + 1)]
    found = Grant.objects.filter(Q(subject=None) | Q(subject=subject), role=role, account__is_active=True,
                                 region__in=prefixes).select_related("account").order_by("account_id")
    return [g.account for g in found if _valid(g) and (not g.line or not line or g.line == line)]


def allowed(permission: str) -> Callable[[View], View]:
    """The access rule of an API operation: not signed in → SignInFirst (401), not permitted → NotAllowed (403)."""

    def wrap(view: View) -> View:
        @wraps(view)
        def guard(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if permission != PUBLIC and not isinstance(request.user, Account):
                raise SignInFirst("请先登录,或带上 Authorization: Bearer 令牌")
            if not may(request.user, permission):
                raise NotAllowed(f"您没有“{content.get('permissions', permission).title}”的权限")
            return view(request, *args, **kwargs)

        guard.access = permission  # type: ignore[attr-defined]
        return guard

    return wrap
