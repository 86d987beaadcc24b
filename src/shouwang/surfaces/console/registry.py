"""Subjects: lists with export, one with its tree, grading, live values and what is open."""

from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Paginator
from django.db.models import Exists, OuterRef
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from shouwang.engines.flows import read as flows
from shouwang.engines.flows import versions
from shouwang.engines.rules import read as rules
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects import export_rows, major_hazard, read, regions
from shouwang.engines.subjects.models import Region, Subject
from shouwang.engines.subjects.spec import graver
from shouwang.kernel import access, content, events
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput

from .account import who
from .points import values
from .templatetags.shouwang import STATUSES
from .warnings import rows as warning_rows

PAGE = 50
LIVE = 25  # rows of the table that is asked for anew each few seconds
events.declares(subjects__exported="导出了台账")
SHEET = {"xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "csv": "text/csv; charset=utf-8"}


def _asked(request: HttpRequest) -> dict[str, Any]:
    names = ("region", "line", "status", "search")
    return {"kind": request.GET.get("kind", "enterprise")[:40]} | {
        n: request.GET.get(n, "").strip()[:60] for n in names}


@guarded("subjects.see")
def index(request: HttpRequest) -> HttpResponse:
    """One kind at a time, filtered; each with the worst level open on its enterprise."""
    account, asked = who(request), _asked(request)
    page = Paginator(read.subjects(account, **asked).select_related("top"), PAGE).get_page(request.GET.get("page"))
    worst = rules.worst_by_enterprise(account=account)
    names = _names([s.region for s in page])
    rows = [{"subject": s, "worst": worst.get(s.top_id or 0, ""), "place": names.get(s.region, s.region)} for s in page]
    counts = read.counts(account)
    kinds = [{"kind": k, "n": counts[k.id], "href": urlencode(asked | {"kind": k.id})}
             for k in _kinds() if counts.get(k.id)]
    return render(request, "console/work/subjects.html", {
        "page": page, "rows": rows, "asked": asked, "query": urlencode({k: v for k, v in asked.items() if v}),
        "kinds": kinds, "may_edit": access.may(account, "subjects.edit"),
        "counties": _below(account), "lines": content.every("lines"), "statuses": STATUSES})


def _kinds() -> list[Any]:
    """Declared kinds once each: several scenes may declare a kind of the same id."""
    return list({k.id: k for k in content.every("kinds")}.values())


def _below(account: Any) -> list[Region]:
    """The regions right below the account's own, to narrow by."""
    home = access.home_region(account)
    return list(regions.parts(home)) if len(home) in (2, 4, 6) else []


def _names(codes: list[str]) -> dict[str, str]:
    """Code → county and town in words, for a page of rows (one query)."""
    wanted = {c[:n] for c in codes for n in (6, 9)}
    names = dict(Region.objects.filter(code__in=wanted).values_list("code", "name"))
    return {c: " ".join(dict.fromkeys(names[c[:n]] for n in (6, 9) if c[:n] in names)) for c in codes}


@guarded("subjects.see")
def export(request: HttpRequest) -> HttpResponse:
    """The filtered list as a workbook or text table; written down in the audit trail."""
    asked = _asked(request)
    form = request.GET.get("format", "xlsx")
    if form not in SHEET:
        raise BadInput(_("导出格式只有 xlsx 和 csv"))
    if asked["kind"] == "point":
        rows: Any = read.points(who(request), region=asked["region"], search=asked["search"])
    else:
        rows = read.subjects(who(request), **asked)
    body = export_rows.export(asked["kind"], rows, form)
    events.emit("subjects.exported", actor=who(request).username, kind=asked["kind"], format=form)
    return HttpResponse(body, content_type=SHEET[form], headers={
        "Content-Disposition": f'attachment; filename="{asked["kind"]}.{form}"'})


@guarded("subjects.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """A subject: facts, tree, live values, what is open; a part shows its own points."""
    account = who(request)
    subject = read.one(account, pk)
    whole = subject.top_id == subject.pk
    context: dict[str, Any] = {
        "subject": subject, "place": " · ".join(regions.path_names(subject.region)[1:]), "kind": _kind(subject),
        "facts": read.facts_of(subject, get_language() or "zh-hans"), "whole": whole,
        "path": [] if whole else read.path(subject)[:-1], "grading": grading(subject)}
    if access.may(account, "readings.see"):
        context |= _live(request, subject)
    if access.may(account, "alerts.see"):
        context["warnings"] = warning_rows(account, _open(account, subject)[:20])
    if access.may(account, "matters.see"):
        found = flows.matters(account, {"top" if whole else "subject": subject.pk})[:10]
        context["matters"] = [{"matter": m, "state": versions.state_of(m)} for m in found]
    if whole:
        context |= _family(subject, context.get("warnings", []))
    return render(request, "console/work/subject.html", context)


def _kind(subject: Subject) -> Any:
    return content.find("kinds", subject.kind)


def _open(account: Any, subject: Subject) -> Any:
    own: dict[str, Any] = {"top": subject.pk} if subject.top_id == subject.pk else {"subject": subject.pk}
    return rules.alerts(account, active=True, **own)


def _live(request: HttpRequest, subject: Subject) -> dict[str, Any]:
    alarmed = Exists(Alert.objects.filter(point=OuterRef("pk"), active=True))
    found = read.points_of(subject).order_by(alarmed.desc(), "code")  # what is over its limit comes first
    page = Paginator(found, LIVE).get_page(request.GET.get("page"))
    return {"points": values(page), "page": page, "query": ""}


def _family(top: Subject, warnings: list[dict[str, Any]]) -> dict[str, Any]:
    """The tree with its gradings and the worst level open on each part; people and cameras as ledgers beside it."""
    worst: dict[int, str] = {}
    for row in warnings:
        pk, level = row["alert"].subject_id, row["alert"].level
        worst[pk] = graver(worst.get(pk, level), level)
    nodes = [_node(n, top, worst) for n in read.family(top)]
    aside = ("person", "camera")
    return {"tree": [n for n in nodes if n["subject"].kind not in aside],
            "ledgers": [{"kind": _kind(group[0]["subject"]), "nodes": group} for k in aside
                        if (group := [n for n in nodes if n["subject"].kind == k])]}


def _node(node: dict[str, Any], top: Subject, worst: dict[int, str]) -> dict[str, Any]:
    subject = node["subject"]
    parts = [_node(p, top, worst) for p in node["parts"]]
    subject.top = top  # known: spares a query for the residents around the enterprise
    return {"subject": subject, "kind": _kind(subject), "points": node["points"], "parts": parts,
            "worst": worst.get(subject.pk, ""), "grading": grading(subject)}


@guarded("readings.see")
def live_values(request: HttpRequest, pk: int) -> HttpResponse:
    """Only the rows of the live table, for the refresh each few seconds."""
    subject = read.one(who(request), pk, permission="readings.see")
    return render(request, "console/work/point_rows.html", _live(request, subject))


def grading(subject: Subject) -> dict[str, Any] | None:
    """GB 18218 computed again from the recorded items, with its lines; None when none are recorded."""
    items = subject.facts.get("items") if subject.kind == "major_hazard" else None
    if not items:
        return None
    persons = int((subject.top.facts if subject.top else {}).get("exposed_persons_500m") or 0)
    try:
        return major_hazard.grade(items, persons).shown() | {"persons": persons}
    except BadInput as wrong:
        return {"problem": str(wrong)}
