"""Questions to the registry, each narrowed to what the asker may see."""

from typing import Any

from django.db.models import Count, Q, QuerySet
from django.http import Http404

from shouwang.kernel import access, content
from shouwang.kernel.models import Account

from . import regions
from .models import Point, Subject

SEE = "subjects.see"


def subjects(account: Account, *, kind: str = "", region: str = "", line: str = "", status: str = "", search: str = "",
             top: int | None = None, permission: str = SEE) -> "QuerySet[Subject]":
    """Subjects within the account's reach, by region and code; `region` includes what lies below it."""
    found = Subject.objects.filter(access.scope(account, permission, region="region", top="top_id", line="line"))
    wanted = {"kind": kind, "line": line, "status": status, "top": top}
    found = found.filter(**{name: value for name, value in wanted.items() if value})
    if region:
        found = found.filter(region__startswith=regions.normalise(region))
    if search := search.strip():
        found = found.filter(Q(name__icontains=search) | Q(code__icontains=search))
    return found.order_by("region", "code")


def one(account: Account, pk: int, *, permission: str = SEE) -> Subject:
    """One subject with its enterprise and parent; out of reach or unknown is 404 alike."""
    found = subjects(account, permission=permission).select_related("top", "parent").filter(pk=pk).first()
    if found is None:
        raise Http404("没有这个监管对象,或不在您的辖区内")
    return found


def points(account: Account, *, region: str = "", line: str = "", quantity: str = "", kind: str = "", search: str = "",
           top: int | None = None, subject: int | None = None, permission: str = SEE) -> "QuerySet[Point]":
    """Points on subjects within the account's reach, by code."""
    reach = access.scope(account, permission, region="subject__region", top="subject__top_id", line="subject__line")
    wanted = {
        "subject__line": line,
        "quantity": quantity,
        "subject__kind": kind,
        "subject__top": top,
        "subject": subject,
    }
    found = Point.objects.filter(reach, **{name: value for name, value in wanted.items() if value})
    if region:
        found = found.filter(subject__region__startswith=regions.normalise(region))
    if search := search.strip():
        found = found.filter(Q(name__icontains=search) | Q(code__icontains=search))
    return found.select_related("subject").order_by("code")


def point(account: Account, pk: int, *, permission: str = SEE) -> Point:
    """One point; out of reach or unknown is 404 alike."""
    found = points(account, permission=permission).select_related("subject__top").filter(pk=pk).first()
    if found is None:
        raise Http404("没有这个点位,或不在您的辖区内")
    return found


def points_of(subject: Subject) -> "QuerySet[Point]":
    """The points of a subject; of an enterprise, those of its whole family."""
    mine = Q(subject__top=subject) if subject.top_id == subject.pk else Q(subject=subject)
    return Point.objects.filter(mine).select_related("subject").order_by("code")


def family(enterprise: Subject) -> list[dict[str, Any]]:
    """The tree below an enterprise: {subject, points, parts}, siblings by kind and code; two queries."""
    rows = Subject.objects.filter(top=enterprise).exclude(pk=enterprise.pk).annotate(point_count=Count("points"))
    nodes: dict[int, dict[str, Any]] = {
        s.pk: {"subject": s, "points": s.point_count, "parts": []} for s in rows.order_by("kind", "code")}
    roots: list[dict[str, Any]] = []
    for node in nodes.values():
        above = nodes.get(node["subject"].parent_id)
        (above["parts"] if above else roots).append(node)
    return roots


def path(subject: Subject) -> list[Subject]:
    """From the enterprise down to the subject itself."""
    known = {s.pk: s for s in Subject.objects.filter(top=subject.top_id)} if subject.top_id else {}
    out, here = [subject], subject.parent_id
    while here and here in known and len(out) < 12:
        out.insert(0, known[here])
        here = known[here].parent_id
    return out


def search(account: Account, text: str, limit: int = 20) -> list[Subject | Point]:
    """What the search box offers: enterprises first, then other subjects, then points."""
    text = text.strip()
    if not text:
        return []
    firms = list(subjects(account, kind="enterprise", search=text)[:limit])
    others = list(subjects(account, search=text).exclude(kind="enterprise").select_related("top")[:limit - len(firms)])
    return [*firms, *others, *points(account, search=text)[:max(0, limit - len(firms) - len(others))]]


def counts(account: Account, *, region: str = "") -> dict[str, int]:
    """How many subjects of each kind are within reach."""
    found = subjects(account, region=region).order_by().values_list("kind").annotate(n=Count("pk"))
    return dict(found)


def facts_of(subject: Subject, language: str = "zh-hans") -> list[tuple[str, Any]]:
    """Declared facts with their titles and shown values, in the order declared; unknown kinds give none."""
    kind = next((k for k in content.every("kinds") if k.id == subject.kind), None)
    if kind is None:
        return []
    english = language.startswith("en")
    out = []
    for f in kind.facts:
        if (value := subject.facts.get(f.id)) is not None:
            options = (f.options_en or f.options) if english else f.options
            shown = (
                options.get(str(value), value)
                if not isinstance(value, list)
                else "、".join(options.get(v, v) for v in value)
            )
            out.append(
                (
                    f.title_en or f.title if english else f.title,
                    f"{shown:g} {f.unit}".strip() if isinstance(shown, float) else shown,
                )
            )
    return out
