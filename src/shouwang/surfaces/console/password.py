"""One's own credentials: password, second factor, tokens of one's programs."""

import base64
import hashlib
import io
import secrets
from collections.abc import Callable
from datetime import timedelta

import pyotp
import qrcode
from django.contrib import messages
from django.contrib.auth import authenticate, password_validation, update_session_auth_hash
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST
from qrcode.image.svg import SvgPathImage

from shouwang.kernel import clock, events
from shouwang.kernel.access import SIGNED_IN, guarded
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, ApiToken

from .account import who
from .login import LONGEST_PASSWORD, take_code

ISSUER = "Shouwang"
PENDING = "second_factor_pending"
LONGEST_TOKEN_DAYS = 730
MOST_TOKENS = 20
FREE = ("/password/", "/logout/", "/language/", "/login/", "/static/", "/healthz")

events.declares(
    access__token_made="新建接口令牌",
    access__token_revoked="吊销接口令牌",
)


class MustChange:
    """Who has a password from somebody else's hand goes nowhere before changing it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(FREE):
            account = request.user
            if isinstance(account, Account) and account.must_change_password:
                if request.path.startswith("/api/"):
                    return JsonResponse({"error": "请先在页面上修改初始密码"}, status=403)
                return redirect("/password/")
        return self.get_response(request)


@guarded(SIGNED_IN)
@never_cache
@sensitive_post_parameters("old", "new", "again")
@require_http_methods(["GET", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Change the password; other sessions of the account end."""
    account, wrong = who(request), []
    if request.method == "POST":
        wrong = _wrong(request, account)
        if not wrong:
            _change(request, account)
            messages.success(request, _("密码已修改,其他设备上的登录已退出"))
            return redirect("/")
    return render(request, "console/admin/password.html", {
        "wrong": wrong, "forced": account.must_change_password,
        "rules": password_validation.password_validators_help_texts()}, status=400 if wrong else 200)


@sensitive_variables()
def _wrong(request: HttpRequest, account: Account) -> list[str]:
    """Why the new password cannot be taken; a wrong old one counts towards the lock-out."""
    new = request.POST.get("new", "")
    if authenticate(request, username=account.username, password=request.POST.get("old", "")) is None:
        return [_("现在的密码不对;多次失败会锁定账号")]
    if new != request.POST.get("again", ""):
        return [_("两次输入的新密码不一样")]
    if new == request.POST.get("old", ""):
        return [_("新密码要与现在的不同")]
    if len(new) > LONGEST_PASSWORD:
        return [_("密码太长,最多 200 位")]
    try:
        password_validation.validate_password(new, account)
    except ValidationError as no:
        return [str(m) for m in no.messages]
    return []


@transaction.atomic
def _change(request: HttpRequest, account: Account) -> None:
    account.set_password(request.POST["new"])
    account.must_change_password = False
    account.failures = 0
    account.save(update_fields=["password", "must_change_password", "failures"])
    events.emit("access.password_changed", actor=account.username, about=f"account:{account.pk}")
    update_session_auth_hash(request, account)


@guarded(SIGNED_IN)
@never_cache
@sensitive_post_parameters("code", "password")
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Switch the second factor on with a code that proves the app has the secret, or off with the password."""
    account, wrong = who(request), ""
    if request.method == "POST":
        wrong = _remove(request, account) if account.totp_secret else _enrol(request, account)
        if not wrong:
            return redirect("/second-factor/")
    context: dict[str, object] = {"on": bool(account.totp_secret), "wrong": wrong}
    if not account.totp_secret:
        context |= _invitation(request, account)
    return render(request, "console/admin/second_factor.html", context, status=400 if wrong else 200)


def _invitation(request: HttpRequest, account: Account) -> dict[str, str]:
    """The secret waiting to be confirmed, kept in the session on the server, with its picture."""
    secret = request.session.get(PENDING) or pyotp.random_base32()
    request.session[PENDING] = secret
    uri = pyotp.TOTP(secret).provisioning_uri(name=account.username, issuer_name=ISSUER)
    return {"secret": " ".join(secret[i:i + 4] for i in range(0, len(secret), 4)), "picture": picture(uri)}


def picture(text: str) -> str:
    """A QR code as a data: address of an SVG."""
    out = io.BytesIO()
    qrcode.make(text, image_factory=SvgPathImage, box_size=12, border=2).save(out)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()


def _enrol(request: HttpRequest, account: Account) -> str:
    secret = request.session.get(PENDING)
    if not secret:
        return _("请重新扫描二维码")
    account.totp_secret = secret
    with transaction.atomic():
        if not take_code(account, request.POST.get("code", "")):
            account.totp_secret = ""
            return _("验证码不对,请核对手机时间后再输入新的六位数字")
        account.save(update_fields=["totp_secret"])
        events.emit("access.second_factor_set", actor=account.username, about=f"account:{account.pk}")
    request.session.pop(PENDING, None)
    messages.success(request, _("二次验证已启用,下次登录需要验证码"))
    return ""


def _remove(request: HttpRequest, account: Account) -> str:
    if authenticate(request, username=account.username, password=request.POST.get("password", "")) is None:
        return _("密码不对;多次失败会锁定账号")
    with transaction.atomic():
        account.totp_secret = ""
        account.save(update_fields=["totp_secret"])
        events.emit("access.second_factor_removed", actor=account.username, about=f"account:{account.pk}")
    messages.success(request, _("二次验证已停用"))
    return ""


@guarded(SIGNED_IN)
@never_cache
@require_http_methods(["GET", "POST"])
def tokens(request: HttpRequest) -> HttpResponse:
    """Tokens of my programs; a new one is shown in this answer and never again."""
    account, context = who(request), {}
    if request.method == "POST":
        made, token = make_token(account, request.POST.get("name", ""), request.POST.get("days", "90"))
        context = {"made": made, "token": token}
    rows = account.tokens.order_by("-made_at")
    return render(request, "console/admin/tokens.html", {"rows": rows, "now": clock.now(), **context})


def make_token(account: Account, name: str, days: str) -> tuple[ApiToken, str]:
    """A token that acts with the account's grants until it expires; only its SHA-256 is kept."""
    name = name.strip()
    if not 0 < len(name) <= 60:
        raise BadInput(_("请写明令牌的用途,最多 60 字"))
    if not (days.isascii() and days.isdecimal() and 1 <= int(days[:6]) <= LONGEST_TOKEN_DAYS):
        raise BadInput(_("有效天数应为 1–730"))
    if account.tokens.count() >= MOST_TOKENS:
        raise BadInput(_("最多 20 个令牌;请先吊销不用的"))
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        made = ApiToken.objects.create(
            account=account, name=name, hash=hashlib.sha256(token.encode()).hexdigest(), made_at=clock.now(),
            expires_at=clock.now() + timedelta(days=int(days)))
        events.emit("access.token_made", actor=account.username, about=f"account:{account.pk}", name=name,
                    days=int(days))
    return made, token


@guarded(SIGNED_IN)
@require_POST
def revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """Withdraw a token of mine at once."""
    account = who(request)
    token = get_object_or_404(account.tokens, pk=pk)
    with transaction.atomic():
        token.delete()
        events.emit("access.token_revoked", actor=account.username, about=f"account:{account.pk}", name=token.name)
    messages.success(request, _("令牌已吊销"))
    return redirect("/tokens/")
