"""The audit trail: what happened within my reach, why, and what followed from it."""

import json
from datetime import date, datetime, time, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext as _

from shouwang.engines.subjects import sheets
from shouwang.engines.subjects.models import Subject
from shouwang.kernel import access, clock, content, events
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account, Event, Grant

from .account import who

PAGE = 50
MOST_EXPORTED = 20_000
MOST_EFFECTS = 200
SEE = "audit.see"
NAMES = ("type", "actor", "about", "subject", "from", "to")
PAGES = {"alert": "/warnings/{}/", "matter": "/matters/{}/", "account": "/accounts/{}/", "post": "/rosters/{}/"}

events.declares(audit__exported="导出了审计记录")


def visible(account: Account) -> "QuerySet[Event]":
    """Events about subjects in reach; those about none when their actor's account is in reach or no account at all."""
    held = access.holding(account, SEE)
    if any(not (g.region or g.subject or g.line) for g in held):
        return Event.objects.all()
    seen = Subject.objects.filter(access.scope(account, SEE, line="line"))
    near = Grant.objects.filter(access.scope(account, SEE, top="subject", line="line")).values("account")
    strangers = Account.objects.exclude(pk__in=near)
    return Event.objects.filter(
        Q(subject__in=seen.values("pk")) | Q(subject=None) & ~Q(actor__in=strangers.values("username")))


@guarded(SEE)
def index(request: HttpRequest) -> HttpResponse:
    """Newest first, by keys and not by page numbers: the trail is long and grows while it is read."""
    asked = _asked(request)
    found = _filtered(who(request), asked).order_by("-pk")
    before = request.GET.get("before", "")
    if before.isdecimal():
        found = found.filter(pk__lt=int(before[:18]))
    rows = list(found[:PAGE + 1])
    kept = request.GET.copy()
    kept.pop("before", None)
    return render(request, "console/admin/audit.html", {
        "rows": _shown(rows[:PAGE]), "more": rows[PAGE - 1].pk if len(rows) > PAGE else None, "query": kept.urlencode(),
        "asked": asked, "start": asked["from"], "before": before, "types": _types()})


def _asked(request: HttpRequest) -> dict[str, str]:
    return {n: request.GET.get(n, "").strip()[:60] for n in NAMES}


def _types() -> list[tuple[str, list[tuple[str, str]]]]:
    """Declared event types by engine, for the choice."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, meaning in sorted(events.types().items()):
        groups.setdefault(name.partition(".")[0], []).append((name, _(meaning)))
    return list(groups.items())


def _filtered(account: Account, asked: dict[str, str]) -> "QuerySet[Event]":
    found = visible(account)
    if asked["type"]:
        exact = asked["type"] in events.types()
        found = found.filter(**{"type" if exact else "type__startswith": asked["type"]})
    if asked["actor"]:
        found = found.filter(actor=asked["actor"])
    if asked["about"]:
        found = found.filter(about=asked["about"])
    if asked["subject"]:
        found = found.filter(subject__in=_subjects(account, asked["subject"]))
    if asked["from"]:
        found = found.filter(at__gte=_midnight(asked["from"]))
    if asked["to"]:
        found = found.filter(at__lt=_midnight(asked["to"]) + timedelta(days=1))
    return found


def _subjects(account: Account, word: str) -> Any:
    """A number is the subject itself and its family; a word is looked for in names and codes within reach."""
    reach = Subject.objects.filter(access.scope(account, SEE, line="line"))
    if word.isdecimal() and len(word) < 10:
        return reach.filter(Q(pk=int(word)) | Q(top=int(word))).values("pk")
    return reach.filter(Q(name__icontains=word) | Q(code__iexact=word)).values("pk")


def _midnight(text: str) -> datetime:
    try:
        return datetime.combine(date.fromisoformat(text), time(), clock.LOCAL)
    except ValueError:
        raise BadInput(_("日期写法如 2026-12-31")) from None


def _shown(rows: list[Event]) -> list[dict[str, Any]]:
    """Events with the meaning of their type, the page of what they are about and the subject's name: one more query."""
    names = dict(Subject.objects.filter(pk__in={e.subject for e in rows if e.subject}).values_list("pk", "name"))
    types, scenes = events.types(), content.scenes
    return [{"event": e, "meaning": _(types[e.type]) if e.type in types else e.type, "url": _url(e.about),
             "subject": names.get(e.subject or 0, ""), "scene": scenes.get(e.scene),
             "facts": json.dumps(e.data, ensure_ascii=False, default=str) if e.data else ""} for e in rows]


def _url(about: str) -> str:
    kind, _sep, pk = about.partition(":")
    return PAGES[kind].format(pk) if kind in PAGES and pk.isdecimal() else ""


@guarded(SEE)
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An event with the chain of causes that led to it and what followed, both within reach."""
    seen = visible(who(request))
    event = get_object_or_404(seen.select_related("cause__cause__cause__cause__cause__cause"), pk=pk)
    ids = [e.pk for e in events.chain(event)]
    chain = list(seen.filter(pk__in=ids).order_by("pk"))
    after = list(seen.filter(cause=event).order_by("pk")[:MOST_EFFECTS])
    further = list(seen.filter(cause__in=[e.pk for e in after]).order_by("pk")[:MOST_EFFECTS])
    shown = {r["event"].pk: r | {"effects": []} for r in _shown([*chain, *after, *further])}
    for e in further:
        shown[e.cause_id]["effects"].append(shown[e.pk])
    return render(request, "console/admin/event.html", {
        "row": shown[event.pk], "facts": _facts(event), "chain": [shown[e.pk] for e in chain],
        "effects": [shown[e.pk] for e in after], "hidden": len(ids) - len(chain),
        "errands": event.errands.order_by("pk")[:50]})


def _facts(event: Event) -> list[tuple[str, str]]:
    return [(k, v if isinstance(v, str) else json.dumps(v, ensure_ascii=False, default=str))
            for k, v in event.data.items()]


@guarded(SEE)
def export(request: HttpRequest) -> HttpResponse:
    """The filtered trail as a text table, 20,000 rows at most; the export itself goes into the trail."""
    account, asked = who(request), _asked(request)
    rows = list(_filtered(account, asked).order_by("-pk")[:MOST_EXPORTED])
    body = sheets.write(["编号", "时间", "事件", "含义", "操作人", "关于", "对象", "场景", "原因编号", "内容"], (
        [e.pk, e.at.astimezone(clock.LOCAL).isoformat(timespec="seconds"), e.type, r["meaning"], e.actor, e.about,
         r["subject"], e.scene, e.cause_id or "", r["facts"]] for r in _shown(rows) for e in [r["event"]]), "csv")
    events.emit("audit.exported", actor=account.username, rows=len(rows), filters={k: v for k, v in asked.items() if v})
    return HttpResponse(body, content_type="text/csv; charset=utf-8", headers={
        "Content-Disposition": f'attachment; filename="audit-{clock.today()}.csv"'})
