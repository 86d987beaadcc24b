"""Notices and rosters over HTTP."""

from datetime import date, datetime

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Schema

from shouwang.kernel import access
from shouwang.kernel.access import allowed
from shouwang.kernel.models import Account

from . import read, roster, send
from .models import Notice, Post, Shift

router = Router(tags=["notices"])


class NoticeOut(Schema):
    """A notice as its reader sees it."""

    id: int
    text: str
    level: str
    about: str
    status: str
    post: str
    created_at: datetime
    read_at: datetime | None
    must_read_back: bool
    read_back_until: datetime | None
    read_back_at: datetime | None
    read_back_text: str


class Count(Schema):
    """How many are unread, and how many calls wait for an answer."""

    unread: int
    to_read_back: int


class ReadingBack(Schema):
    """What the one on duty says."""

    text: str
    level: str


class PostOut(Schema):
    """A duty post and who sits there now."""

    id: int
    name: str
    role: str
    region: str
    phone: str
    on_duty: list[str]


class ShiftIn(Schema):
    """A person from … until …"""

    account: int
    starts: datetime
    ends: datetime


class ShiftOut(Schema):
    """One shift."""

    id: int
    post: int
    account: int
    name: str
    starts: datetime
    ends: datetime


class Replacing(Schema):
    """Who takes over, and why."""

    account: int
    reason: str


class Copying(Schema):
    """Which week, for how many weeks."""

    monday: date
    weeks: int = 1


class GapOut(Schema):
    """A stretch with nobody at the post."""

    post: int
    name: str
    starts: datetime
    ends: datetime


class Made(Schema):
    """How many were made."""

    made: int


def shown(notice: Notice) -> NoticeOut:
    """The notice for the wire."""
    plain = {k: getattr(notice, k) for k in (
        "text", "level", "about", "status", "created_at", "read_at", "must_read_back", "read_back_until",
        "read_back_at", "read_back_text")}
    return NoticeOut(id=notice.pk, post=notice.post.name if notice.post else "", **plain)


@router.get("/notices", response=list[NoticeOut], summary="我的通知")
@allowed("notices.see")
def notices(request: HttpRequest, unread: bool = False, offset: int = 0, limit: int = 100) -> list[NoticeOut]:
    """The caller's notices and those of the post they sit at, newest first."""
    first = max(offset, 0)
    found = read.notices(_me(request), unread=unread)[first:first + min(max(limit, 1), 500)]
    return [shown(n) for n in found]


@router.get("/notices/count", response=Count, summary="未读与待复诵的件数")
@allowed("notices.see")
def count(request: HttpRequest) -> Count:
    """For the bell in the frame."""
    return Count(unread=read.unread(_me(request)), to_read_back=read.to_read_back(_me(request)).count())


@router.post("/notices/{pk}/read", response=NoticeOut, summary="标为已读")
@allowed("notices.see")
def mark_read(request: HttpRequest, pk: int) -> NoticeOut:
    """Seen; seeing a call is not answering it."""
    return shown(read.mark_read(_me(request), pk))


@router.post("/notices/{pk}/read-back", response=NoticeOut, summary="值守复诵")
@allowed("notices.see")
def read_back(request: HttpRequest, pk: int, said: ReadingBack) -> NoticeOut:
    """Answer a call in one's own words, naming its level."""
    account = _me(request)
    return shown(send.read_back(read.one(account, pk), account, said.text, said.level))


@router.get("/posts", response=list[PostOut], summary="值守岗位与现在在岗的人")
@allowed("rosters.see")
def posts(request: HttpRequest) -> list[PostOut]:
    """Posts within reach."""
    found = list(_posts(request, "rosters.see"))
    seated = roster.seated(found)
    return [PostOut(id=p.pk, name=p.name, role=p.role, region=p.region, phone=p.phone,
                    on_duty=[a.name for a in seated.get(p.pk, [])]) for p in found]


@router.get("/posts/{pk}/shifts", response=list[ShiftOut], summary="一个岗位的班次")
@allowed("rosters.see")
def shifts(request: HttpRequest, pk: int, since: datetime, until: datetime) -> list[ShiftOut]:
    """Shifts that touch the period."""
    post = get_object_or_404(_posts(request, "rosters.see"), pk=pk)
    found = post.shifts.filter(ends__gt=since, starts__lt=until).select_related("account").order_by("starts", "pk")
    return [_shift(s) for s in found]


@router.post("/posts/{pk}/shifts", response=ShiftOut, summary="排一个班")
@allowed("rosters.edit")
def add_shift(request: HttpRequest, pk: int, wanted: ShiftIn) -> ShiftOut:
    """Put a person on the post."""
    post = get_object_or_404(_posts(request, "rosters.edit"), pk=pk)
    person = get_object_or_404(Account, pk=wanted.account)
    return _shift(roster.add_shift(_me(request), post, person, wanted.starts, wanted.ends))


@router.post("/shifts/{pk}/replace", response=ShiftOut, summary="换班")
@allowed("rosters.edit")
def replace(request: HttpRequest, pk: int, wanted: Replacing) -> ShiftOut:
    """Another person takes the rest of the shift."""
    found = Shift.objects.select_related("post", "account").filter(post__in=_posts(request, "rosters.edit"))
    person = get_object_or_404(Account, pk=wanted.account)
    return _shift(roster.replace(_me(request), get_object_or_404(found, pk=pk), person, wanted.reason))


@router.post("/posts/{pk}/copy-week", response=Made, summary="把一周的班复制到后面几周")
@allowed("rosters.edit")
def copy_week(request: HttpRequest, pk: int, wanted: Copying) -> Made:
    """The same week again."""
    post = get_object_or_404(_posts(request, "rosters.edit"), pk=pk)
    return Made(made=roster.copy_week(_me(request), post, wanted.monday, wanted.weeks))


@router.get("/rosters/gaps", response=list[GapOut], summary="未来几天无人值守的时段")
@allowed("rosters.see")
def gaps(request: HttpRequest, days: int = 7) -> list[GapOut]:
    """Unmanned stretches of the posts within reach."""
    seen = set(_posts(request, "rosters.see").values_list("pk", flat=True))
    found = roster.gaps(access.home_region(_me(request)), min(max(days, 1), 60))
    return [GapOut(post=g.post.pk, name=g.post.name, starts=g.starts, ends=g.ends) for g in found if g.post.pk in seen]


def _posts(request: HttpRequest, permission: str) -> QuerySet[Post]:
    seen = access.scope(_me(request), permission, top="subject")
    return Post.objects.filter(seen).order_by("region", "pk")


def _me(request: HttpRequest) -> Account:
    assert isinstance(request.user, Account)
    return request.user


def _shift(shift: Shift) -> ShiftOut:
    return ShiftOut(id=shift.pk, post=shift.post_id, account=shift.account_id, name=shift.account.name,
                    starts=shift.starts, ends=shift.ends)
