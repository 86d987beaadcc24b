"""Notices: the inbox, marking read, reading a duty call back."""

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.notify import read, send
from shouwang.kernel import content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed

from .account import who

PAGE = 50
BACK = ("/", "/notices/")


@guarded("notices.see")
def index(request: HttpRequest) -> HttpResponse:
    """Calls that wait for a read-back on top, then everything, newest first."""
    return _show(request)


def _show(request: HttpRequest, wrong: str = "", call: int = 0, given: Mapping[str, Any] | None = None,
          status: int = 200) -> HttpResponse:
    account = who(request)
    unread = request.GET.get("unread") == "1"
    page = Paginator(read.notices(account, unread=unread), PAGE).get_page(request.GET.get("page"))
    return render(request, "console/work/notices.html", {
        "calls": list(read.to_read_back(account)), "page": page, "query": "unread=1" if unread else "",
        "only_unread": unread, "levels": content.every("levels"), "wrong": wrong, "wrong_call": call,
        "given": given or {}}, status=status)


@guarded("notices.see")
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Everything, or one, is read."""
    pk = request.POST.get("notice", "")
    if pk.isdigit():
        read.mark_read(who(request), int(pk))
    else:
        read.mark_all_read(who(request))
    return redirect("/notices/")


@guarded("duty.answer")
@require_POST
def read_back(request: HttpRequest, pk: int) -> HttpResponse:
    """The one on shift says back what was told and names its level; what was typed is kept when it will not do."""
    account, text, level = who(request), request.POST.get("text", ""), request.POST.get("level", "")
    try:
        send.read_back(read.one(account, pk), account, text, level)
    except (BadInput, NotAllowed) as wrong:
        status = 403 if isinstance(wrong, NotAllowed) else 400
        return _show(request, str(wrong), pk, {"text": text, "level": level}, status)
    messages.success(request, _("已复诵"))
    back = request.POST.get("next", "")
    return redirect(back if back in BACK else "/notices/")
