"""Signing in: password, optional second factor, lock-out of accounts and addresses, first run."""

import secrets
from datetime import timedelta
from typing import Any

import pyotp
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from shouwang.kernel import clock, events, params
from shouwang.kernel.access import PUBLIC, SIGNED_IN, guarded
from shouwang.kernel.models import Account, Event, Grant

LONGEST_PASSWORD = 200

events.declares(
    access__logged_in="登录成功",
    access__login_failed="登录失败",
    access__locked="登录失败次数过多,账号锁定",
    access__logged_out="退出登录",
    access__password_changed="修改密码",
    access__second_factor_set="启用二次验证",
    access__second_factor_removed="停用二次验证",
)


class LockingBackend(BaseBackend):
    """Argon2 passwords; after some failures in a row the account is locked for a while. Unknown names cost the same."""

    def authenticate(self, request: HttpRequest | None, username: str | None = None, password: str | None = None,
                     **_kwargs: Any) -> Account | None:
        account = Account.objects.filter(username=(username or "").strip()[:60]).first()
        if account is None or not account.is_active or _locked(account):
            make_password((password or "")[:LONGEST_PASSWORD])
            return None
        if account.check_password((password or "")[:LONGEST_PASSWORD]):
            return account
        _count_failure(account)
        return None

    def get_user(self, user_id: int) -> Account | None:
        """The account of a session, with its grants in one more query."""
        return Account.objects.filter(pk=user_id, is_active=True).prefetch_related("grants").first()


def _locked(account: Account) -> bool:
    return account.locked_until is not None and account.locked_until > clock.now()


def _count_failure(account: Account) -> None:
    most = int(params.value("access.failures", clock.today()))
    with transaction.atomic():
        Account.objects.filter(pk=account.pk).update(failures=F("failures") + 1)
        account.refresh_from_db(fields=["failures"])
        if account.failures >= most:
            span = clock.span(params.value("access.locked_for", clock.today()))
            Account.objects.filter(pk=account.pk).update(failures=0, locked_until=clock.now() + span)
            events.emit("access.locked", actor=account.username)


def _address(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))


def _address_blocked(request: HttpRequest) -> bool:
    """Too many failures from one address lately; counted in the audit trail, so it holds across processes."""
    most = int(params.value("access.failures_per_address", clock.today()))
    since = clock.now() - timedelta(minutes=15)
    return Event.objects.filter(type="access.login_failed", at__gte=since, about=_about(request)).count() >= most


def _about(request: HttpRequest) -> str:
    return f"address:{_address(request)}"[:40]


@guarded(PUBLIC)
@sensitive_post_parameters("password", "code")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page and both of its steps."""
    target = _target(request)
    if request.method == "GET":
        return render(request, "console/login.html", {"next": target})
    if _address_blocked(request):
        return _again(request, target, _("这个地址登录失败次数过多,请 15 分钟后再试"), 429)
    if request.session.get("half_in") and "code" in request.POST:
        return _second_step(request, target)
    username = request.POST.get("username", "").replace("\0", "").strip()[:60]
    account = authenticate(request, username=username, password=request.POST.get("password"))
    if not isinstance(account, Account):
        events.emit("access.login_failed", actor=username, about=_about(request))
        return _again(request, target, _("账号或密码不对,或账号已锁定;多次失败会锁定 15 分钟"), 400)
    if account.totp_secret:
        request.session["half_in"] = account.pk
        return render(request, "console/login_code.html", {"next": target})
    return _enter(request, account, target)


def _second_step(request: HttpRequest, target: str) -> HttpResponse:
    account = Account.objects.filter(pk=request.session["half_in"], is_active=True).first()
    if account is None or _locked(account) or not take_code(account, request.POST.get("code", "")):
        if account is not None:
            _count_failure(account)
            events.emit("access.login_failed", actor=account.username, about=_about(request))
        request.session.pop("half_in", None)
        return _again(request, target, _("验证码不对或已用过,请重新登录"), 400)
    request.session.pop("half_in", None)
    return _enter(request, account, target)


def take_code(account: Account, code: str) -> bool:
    """Whether this is the code of now (one step either way), not used before; using it is a conditional update."""
    step = int(clock.now().timestamp()) // 30
    totp = pyotp.TOTP(account.totp_secret)
    for at in (step, step - 1, step + 1):
        if secrets.compare_digest(totp.at(at * 30).encode(), code.strip().encode()):
            return bool(Account.objects.filter(pk=account.pk, totp_last__lt=at).update(totp_last=at))
    return False


def _enter(request: HttpRequest, account: Account, target: str) -> HttpResponse:
    login(request, account, backend="shouwang.surfaces.console.login.LockingBackend")
    Account.objects.filter(pk=account.pk).update(failures=0, locked_until=None)
    events.emit("access.logged_in", actor=account.username, about=_about(request))
    if account.must_change_password:
        return redirect("/password/")
    reply = redirect(target)
    reply.set_cookie("django_language", account.language, samesite="Lax")
    return reply


def _again(request: HttpRequest, target: str, message: str, status: int) -> HttpResponse:
    context = {"next": target, "message": message, "username": request.POST.get("username", "")}
    return render(request, "console/login.html", context, status=status)


def _target(request: HttpRequest) -> str:
    wanted = request.POST.get("next") or request.GET.get("next") or "/"
    own = url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return wanted if own else "/"


@guarded(SIGNED_IN)
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Leave; the session is gone on the server too."""
    events.emit("access.logged_out", actor=request.user.get_username())
    logout(request)
    return redirect("/login/")


@guarded(PUBLIC)
@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Chinese or English, kept with the account when there is one."""
    chosen = request.POST.get("language", "zh-hans")
    chosen = chosen if chosen in ("zh-hans", "en") else "zh-hans"
    if isinstance(request.user, Account):
        Account.objects.filter(pk=request.user.pk).update(language=chosen)
    translation.activate(chosen)
    reply = redirect(_target(request))
    reply.set_cookie("django_language", chosen, samesite="Lax", max_age=365 * 86400)
    return reply


def first_run() -> str | None:
    """Production's first account `admin` with a generated password that must be changed; None when accounts exist."""
    if Account.objects.exists():
        return None
    password = secrets.token_urlsafe(12)
    admin = Account.objects.create_user("admin", password, name="系统管理员", must_change_password=True)
    for role in ("engineer", "city_supervisor"):
        Grant.objects.create(account=admin, role=role)
    return password
