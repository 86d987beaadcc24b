"""Notices: the inbox, marking read, reading a duty call back."""

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


@guarded("notices.see")
def index(request: HttpRequest) -> HttpResponse:
    """Calls that wait for a read-back on top, then everything, newest first."""
    account = who(request)
    page = Paginator(read.notices(account), PAGE).get_page(request.GET.get("page"))
    return render(request, "console/work/notices.html", {
        "calls": list(read.to_read_back(account).select_related("post")), "page": page, "query": "",
        "levels": content.every("levels")})


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
    """The one on shift says back what was told and names its level."""
    account = who(request)
    try:
        send.read_back(read.one(account, pk), account, request.POST.get("text", ""), request.POST.get("level", ""))
    except (BadInput, NotAllowed) as wrong:
        messages.error(request, str(wrong))
    else:
        messages.success(request, _("已复诵"))
    return redirect("/notices/")
