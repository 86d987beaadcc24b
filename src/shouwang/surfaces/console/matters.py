"""Matters: my list, one with its forms, the acts, delegation, the files."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.flows import evidence, move, read, versions
from shouwang.engines.flows.models import Attachment, Matter
from shouwang.engines.rules import read as rules
from shouwang.engines.rules.models import Alert
from shouwang.engines.telemetry import live
from shouwang.kernel import content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.fields import Field
from shouwang.kernel.models import Account

from .account import who
from .warnings import matter_context

PAGE = 50
KEEP = ("state", "level", "words", "open", "overdue", "mine", "region", "scene", "top")


@guarded("matters.see")
def index(request: HttpRequest) -> HttpResponse:
    """Matters within reach, newest first, with the counts of each state."""
    asked: dict[str, Any] = {k: request.GET.get(k, "").strip()[:60] for k in KEEP}
    asked["open"] = asked["open"] or ("" if asked["state"] else "1")
    found = read.matters(who(request), {k: v for k, v in asked.items() if v})
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    rows = [{"matter": m, "state": versions.state_of(m)} for m in page.object_list]
    return render(request, "console/work/matters.html", {
        "page": page, "rows": rows, "asked": asked, "query": kept.urlencode(), "levels": content.every("levels")})


@guarded("matters.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """The matter with what it is about, its forms and its story."""
    return _show(request, read.one(who(request), pk))


def _show(request: HttpRequest, matter: Matter, wrong: str = "", status: int = 200) -> HttpResponse:
    context = matter_context(who(request), matter) | {"wrong": wrong, "given": request.POST}
    alert = _alert(matter)
    if alert is not None:
        context |= {"alert": alert, "rule": rules.rule_of(alert), "guidance": rules.guidance(alert),
                    "now": live.latest([alert.point_id]).get(alert.point_id), "still": _still(matter)}
    return render(request, "console/work/matter.html", context, status=status)


def _alert(matter: Matter) -> Alert | None:
    kind, _sep, pk = matter.about.partition(":")
    found = Alert.objects.select_related("point", "subject", "top") if kind == "alert" else None
    return found.filter(pk=int(pk)).first() if found is not None else None


def _still(matter: Matter) -> str:
    return rules.recovered(matter.about) if matter.about.startswith("alert:") else ""


@guarded("matters.see")
@require_POST
def act(request: HttpRequest, pk: int, step: str) -> HttpResponse:
    """One step; what is wrong is shown beside the form with what was typed."""
    matter = read.one(who(request), pk)
    try:
        form = _typed(matter, step, request)
        files = {name: request.FILES.getlist(name) for name in request.FILES}
        revision = request.POST.get("revision", "")
        move.act(matter, step, who(request), form, files, int(revision) if revision.isdigit() else None)
    except (BadInput, NotAllowed) as wrong:
        return _show(request, read.one(who(request), pk), str(wrong), 400 if isinstance(wrong, BadInput) else 403)
    messages.success(request, _("已提交"))
    return redirect(f"/matters/{pk}/")


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
    if to is None:
        return _show(request, matter, _("没有这个账号;请填写受托人的登录账号"), 400)
    try:
        move.delegate(matter, who(request), to, request.POST.get("reason", ""))
    except (BadInput, NotAllowed) as wrong:
        return _show(request, matter, str(wrong), 400)
    messages.success(request, _("已委托"))
    return redirect(f"/matters/{pk}/")


@guarded("matters.see")
def file(request: HttpRequest, pk: int, attachment: int) -> FileResponse:
    """A file of a matter within reach; never rendered as a page."""
    matter = read.one(who(request), pk)
    found = get_object_or_404(Attachment, pk=attachment, matter=matter)
    path = evidence.path_of(found.sha256)
    if not path.exists():
        raise Http404
    inline = found.mime in ("image/jpeg", "image/png", "image/webp")
    return FileResponse(path.open("rb"), content_type=found.mime, as_attachment=not inline, filename=found.name)
