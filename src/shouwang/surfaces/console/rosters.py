"""Duty posts and their rosters: who sits there now, the week, the gaps, and how shifts change."""

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from shouwang.engines.notify import roster
from shouwang.engines.notify.models import Post, Shift
from shouwang.engines.subjects import regions
from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel import access, clock, content
from shouwang.kernel.access import guarded
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Account, Grant

from .account import who

PAGE = 40
DAYS = 7


def posts(account: Account) -> "QuerySet[Post]":
    """Posts whose rosters the person may see, the widest region first."""
    reach = access.scope(account, "rosters.see", region="region", top="subject")
    return Post.objects.filter(reach).order_by("subject", "region", "pk")


@guarded("rosters.see")
def index(request: HttpRequest) -> HttpResponse:
    """Posts with who is on duty now and the unmanned stretches of the coming week, unmanned ones first."""
    account = who(request)
    asked = {n: request.GET.get(n, "").strip()[:60] for n in ("role", "search", "gaps")}
    found = posts(account)
    if asked["role"]:
        found = found.filter(role=asked["role"])
    if asked["search"]:
        found = found.filter(name__icontains=asked["search"])
    every = sorted(found, key=lambda p: (p.subject is not None, len(p.region), p.region, p.pk))
    gaps = _by_post(roster.gaps_of(every))
    wanted = [p for p in every if p.pk in gaps] if asked["gaps"] else every
    page = Paginator(wanted, PAGE).get_page(request.GET.get("page"))
    kept = request.GET.copy()
    kept.pop("page", None)
    now = _now(page.object_list)
    places = dict(Region.objects.filter(code__in={p.region for p in page.object_list}).values_list("code", "name"))
    return render(request, "console/admin/rosters.html", {
        "page": page, "query": kept.urlencode(), "asked": asked, "count": len(every), "gap_count": len(gaps),
        "rows": [{"post": p, "role": content.get("roles", p.role), "place": places.get(p.region, p.region),
                  "now": now.get(p.pk, []), "gaps": gaps.get(p.pk, [])} for p in page.object_list],
        "roles": [content.get("roles", r) for r in roster.duty_roles()],
        "may_make": access.may(account, "rosters.edit"), "places": _places(account)})


def _by_post(gaps: list[roster.Gap]) -> dict[int, list[roster.Gap]]:
    out: dict[int, list[roster.Gap]] = {}
    for gap in gaps:
        out.setdefault(gap.post.pk, []).append(gap)
    return out


def _now(shown: Any) -> dict[int, list[Account]]:
    """Who sits at each post at this moment: one query."""
    now = clock.now()
    out: dict[int, list[Account]] = {}
    shifts = Shift.objects.filter(post__in=list(shown), starts__lte=now, ends__gt=now, account__is_active=True)
    for s in shifts.select_related("account").order_by("starts"):
        out.setdefault(s.post_id, []).append(s.account)
    return out


def _places(account: Account) -> list[Region]:
    reach = access.scope(account, "rosters.edit", region="code", top="code")
    return list(Region.objects.filter(reach, tier__in=("city", "county", "town")).order_by("code")[:600])


@guarded("rosters.see")
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """A post's week: a column a day, shifts and gaps in it."""
    return _one(request, _find(request, pk))


def _find(request: HttpRequest, pk: int) -> Post:
    return get_object_or_404(posts(who(request)), pk=pk)


def _one(request: HttpRequest, post: Post, wrong: str = "", status: int = 200) -> HttpResponse:
    account, monday = who(request), _monday(request)
    may_edit = access.reaches(account, "rosters.edit", region=post.region, top=post.subject)
    return render(request, "console/admin/roster.html", {
        "post": post, "role": content.get("roles", post.role), "place": " ".join(regions.path_names(post.region)),
        "firm": Subject.objects.filter(pk=post.subject).first() if post.subject else None,
        "days": week(post, monday), "monday": monday, "before": monday - timedelta(7), "after": monday + timedelta(7),
        "sunday": monday + timedelta(6), "on_duty": roster.on_duty(post), "gaps": roster.gaps_of([post]),
        "may_edit": may_edit, "people": people(post) if may_edit else [], "now": clock.now(), "wrong": wrong,
        "given": request.POST}, status=status)


def _monday(request: HttpRequest) -> date:
    try:
        day = date.fromisoformat(request.GET.get("week") or request.POST.get("week", ""))
    except ValueError:
        day = clock.today()
    day = min(max(day, date(2000, 1, 3)), date(2100, 1, 1))
    return day - timedelta(days=day.weekday())


def week(post: Post, monday: date) -> list[dict[str, Any]]:
    """Seven days with their shifts and, from now on, what lies open: [{day, entries}], entries in order of time."""
    begins = datetime.combine(monday, time(), clock.LOCAL)
    shifts = list(post.shifts.filter(ends__gt=begins, starts__lt=begins + timedelta(days=DAYS))
                  .select_related("account").order_by("starts", "pk"))
    until = (begins + timedelta(days=DAYS) - clock.now()).days + 1
    gaps = [g for g in roster.gaps_of([post], until) if g.ends > begins] if until > 0 else []
    return [_day(begins + timedelta(days=n), shifts, gaps) for n in range(DAYS)]


def _day(begins: datetime, shifts: list[Shift], gaps: list[roster.Gap]) -> dict[str, Any]:
    ends, now = begins + timedelta(days=1), clock.now()
    entries: list[dict[str, Any]] = [
        {"starts": s.starts, "ends": s.ends, "shift": s, "now": s.starts <= now < s.ends, "past": s.ends <= now}
        for s in shifts if max(s.starts, begins) < min(s.ends, ends)]
    entries += [{"starts": max(g.starts, begins), "ends": min(g.ends, ends), "gap": True}
                for g in gaps if max(g.starts, begins) < min(g.ends, ends)]
    return {"day": begins.date(), "today": begins.date() == clock.today(),
            "entries": sorted(entries, key=lambda e: e["starts"])}


def people(post: Post) -> list[Account]:
    """Who may answer calls at the post: active accounts with such a role over its place or enterprise."""
    prefixes = [post.region[:n] for n in range(len(post.region) + 1)]
    held = Grant.objects.filter(Q(subject=None) | Q(subject=post.subject), role__in=roster.duty_roles(),
                                region__in=prefixes).filter(Q(valid_until=None) | Q(valid_until__gte=clock.today()))
    return list(Account.objects.filter(pk__in=held.values("account"), is_active=True).order_by("name"))


@guarded("rosters.edit")
@require_POST
def add(request: HttpRequest, pk: int) -> HttpResponse:
    """Put a person on the post."""
    post, account = _find(request, pk), who(request)
    return _try(request, post, lambda: roster.add_shift(
        account, post, _person(post, request), _moment(request, "starts"), _moment(request, "ends")), _("已排班"))


@guarded("rosters.edit")
@require_POST
def copy(request: HttpRequest, pk: int) -> HttpResponse:
    """The shown week again for the next weeks."""
    post, account = _find(request, pk), who(request)
    weeks = request.POST.get("weeks", "1")
    return _try(request, post, lambda: roster.copy_week(
        account, post, _monday(request), int(weeks) if weeks.isdecimal() and len(weeks) < 4 else 0), _("已复制"))


@guarded("rosters.edit")
@require_POST
def replace(request: HttpRequest, pk: int) -> HttpResponse:
    """Another person for a shift or the rest of it."""
    seen = Shift.objects.select_related("post", "account").filter(post__in=posts(who(request)))
    shift = get_object_or_404(seen, pk=pk)
    account, reason = who(request), request.POST.get("reason", "")
    return _try(request, shift.post, lambda: roster.replace(
        account, shift, _person(shift.post, request), reason), _("已换班"))


@guarded("rosters.edit")
@require_POST
def make(request: HttpRequest) -> HttpResponse:
    """A new post."""
    given = {n: request.POST.get(n, "").strip() for n in ("name", "role", "region", "phone")}
    try:
        if not given["name"]:
            raise BadInput(_("请填写岗位名称"))
        region = regions.one(given["region"]).code
        post = roster.make_post(who(request), given["name"], given["role"], region, given["phone"][:20])
    except (BadInput, NotAllowed) as wrong:
        messages.error(request, str(wrong))
        return redirect("/rosters/")
    messages.success(request, _("岗位已建立,请排班"))
    return redirect(f"/rosters/{post.pk}/")


def _try(request: HttpRequest, post: Post, change: Callable[[], object], done: str) -> HttpResponse:
    """Do it, then the week again; what is wrong is shown beside the forms with what was typed."""
    try:
        change()
    except (BadInput, NotAllowed) as wrong:
        return _one(request, post, str(wrong), 400)
    messages.success(request, done)
    return redirect(f"/rosters/{post.pk}/?week={_monday(request)}")


def _person(post: Post, request: HttpRequest) -> Account:
    pk = request.POST.get("person", "")
    found = next((a for a in people(post) if str(a.pk) == pk), None)
    if found is None:
        raise BadInput(_("请选择能在这个岗位应答的人员"))
    return found


def _moment(request: HttpRequest, name: str) -> datetime:
    try:
        at = parse_datetime(request.POST.get(name, ""))
    except ValueError:
        at = None
    if at is None:
        raise BadInput(_("请填写班次的开始和结束时间"))
    return at if at.tzinfo else at.replace(tzinfo=clock.LOCAL)
