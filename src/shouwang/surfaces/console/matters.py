"""Matters: the list, one with its forms, the acts, delegation, the files."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.flows import evidence, move, read, versions
from shouwang.engines.flows.models import Attachment, Matter
from shouwang.engines.rules import read as rules
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import regions
from shouwang.kernel import access, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed, ShouwangError
from shouwang.kernel.fields import Field
from shouwang.kernel.models import Account

from . import episode
from .account import who
from .templatetags.shouwang import titled
from .words import story

PAGE = 50
KEEP = ("state", "level", "words", "overdue", "mine", "region", "scene", "top")
SHOWN = ("image/jpeg", "image/png", "image/webp")


@guarded("matters.see")
def index(request: HttpRequest) -> HttpResponse:
    """Matters within reach, newest first; without a state asked for, the open ones."""
    asked = _asked(request)
    filters = {k: v for k, v in asked.items() if v}
    page = Paginator(listed(request), PAGE).get_page(request.GET.get("page"))
    rows = [{"matter": m, "state": versions.state_of(m)} for m in page.object_list]
    return render(request, "console/work/matters.html", {
        "page": page, "rows": rows, "asked": asked, "query": urlencode(filters), "levels": content.every("levels"),
        "states": {sid: titled(s) for flow in content.every("flows") for sid, s in flow.states.items()}})


def _asked(request: HttpRequest) -> dict[str, str]:
    return {k: request.GET.get(k, "").strip()[:60] for k in KEEP}


def listed(request: HttpRequest) -> QuerySet[Matter]:
    """The matters the page's filters ask for."""
    filters: dict[str, Any] = {k: v for k, v in _asked(request).items() if v}
    return read.matters(who(request), filters | ({} if "state" in filters else {"open": "1"}))


@guarded("matters.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """The matter with what it is about, its forms and its story."""
    return _show(request, read.one(who(request), pk))


def _show(request: HttpRequest, matter: Matter, wrong: str = "", step: str = "",
          given: Mapping[str, Any] | None = None, status: int = 200) -> HttpResponse:
    account, alert = who(request), _alert(who(request), matter)
    context = episode.about(account, alert, matter) if alert else episode.hand(account, matter) | {
        **episode.told(story(None, matter), matter), "place": " · ".join(regions.path_names(matter.region)[1:])}
    beside = step in context["acts"] or (step == "delegate" and context["may_delegate"])  # else it is no longer shown
    context |= {"wrong": wrong, "wrong_step": step if beside else "", "given": given or {}}
    return render(request, "console/work/matter.html", context, status=status)


def _alert(account: Any, matter: Matter) -> Alert | None:
    """The alert a matter is about, when this person may see it."""
    kind, _sep, pk = matter.about.partition(":")
    if kind != "alert" or not access.may(account, "alerts.see"):
        return None
    return rules.alerts(account).filter(pk=int(pk)).first()


@guarded("matters.see")
@require_POST
def act(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One step; what is wrong is shown beside the form with what was typed."""
    matter = read.one(who(request), pk)
    form = _typed(matter, step, request)
    try:
        files = {name: request.FILES.getlist(name) for name in request.FILES}
        revision = request.POST.get("revision", "")
        matter = move.act(matter, step, who(request), form, files, int(revision) if revision.isdigit() else None)
    except (BadInput, NotAllowed) as wrong:
        return _refused(request, pk, step, wrong, form)
    return _done(request, matter, _("已提交"))


def _refused(request: HttpRequest, pk: int, step: str, wrong: ShouwangError, form: Mapping[str, Any]) -> HttpResponse:
    """The page or drawer again, as the matter now stands."""
    matter, status = read.one(who(request), pk), 403 if isinstance(wrong, NotAllowed) else 400
    if episode.in_drawer(request) and (alert := _alert(who(request), matter)):
        return episode.show(request, alert, wrong=str(wrong), given=form, status=status)
    return _show(request, matter, str(wrong), step, form, status)


def _done(request: HttpRequest, matter: Matter, said: str) -> HttpResponse:
    alert = _alert(who(request), matter) if episode.in_drawer(request) else None
    if alert is not None:
        return episode.show(request, alert, said=said)
    messages.success(request, said)
    if matter.flagged:
        messages.warning(request, _("提交时仍未恢复:%(why)s") % {"why": matter.flagged})
    return redirect(f"/matters/{matter.pk}/")


def _typed(matter: Matter, step: str, request: HttpRequest) -> dict[str, Any]:
    declared = versions.state_of(matter).acts.get(step)
    fields: list[Field] = declared.form if declared else []
    return {f.id: request.POST.getlist(f.id) if f.type == "choices" else request.POST.get(f.id, "")
            for f in fields if f.type not in ("photo", "file") and f.id in request.POST}


@guarded("matters.delegate")
@require_POST
def delegate(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody else is to act, with a reason."""
    matter = read.one(who(request), pk)
    to = Account.objects.filter(username=request.POST.get("to", "").strip(), is_active=True).first()
    try:
        if to is None:
            raise BadInput(_("请选择受托人"))
        matter = move.delegate(matter, who(request), to, request.POST.get("reason", ""))
    except (BadInput, NotAllowed) as wrong:
        return _refused(request, pk, "delegate", wrong, {"reason": request.POST.get("reason", "")})
    return _done(request, matter, _("已委托"))


@guarded("matters.see")
def file(request: HttpRequest, pk: int, attachment: int) -> FileResponse:
    """A file of a matter within reach; never rendered as a page."""
    matter = read.one(who(request), pk)
    found = get_object_or_404(Attachment, pk=attachment, matter=matter)
    path = evidence.path_of(found.sha256)
    if not path.exists():
        raise Http404
    reply = FileResponse(path.open("rb"), content_type=found.mime, as_attachment=found.mime not in SHOWN,
                         filename=found.name)
    reply.headers["Cache-Control"] = "private, max-age=3600"
    reply.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return reply
