"""Who sits at which duty post, and when: rosters, their gaps, and the few ways they change."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db import transaction
from django.db.models import F, Max, Q, RowRange, Window

from shouwang.kernel import access, clock, content, events
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Account

from .models import Post, Shift

WEEK = timedelta(days=7)
LONGEST = timedelta(hours=48)  # a shift longer than this is a typing error


def post_for(role: str, region: str, top: int | None = None) -> Post | None:
    """The post serving a role nearest to a place: the enterprise's own first, else the longest region prefix."""
    prefixes = [region[:n] for n in range(len(region) + 1)]
    found = Post.objects.filter(Q(subject=None) | Q(subject=top), role=role, region__in=prefixes)
    return max(found, key=lambda p: (p.subject is not None, len(p.region), -p.pk), default=None)


def on_duty(post: Post, at: datetime | None = None) -> list[Account]:
    """Who is at the post at a moment (now), in order of their shifts."""
    moment = at or clock.now()
    shifts = post.shifts.filter(starts__lte=moment, ends__gt=moment, account__is_active=True)
    return list({s.account_id: s.account for s in shifts.select_related("account").order_by("starts", "pk")}.values())


def seated(posts: Iterable[Post]) -> dict[int, list[Account]]:
    """Who is at each of these posts now, by post id: one query."""
    now = clock.now()
    out: dict[int, dict[int, Account]] = {}
    shifts = Shift.objects.filter(post__in=list(posts), starts__lte=now, ends__gt=now, account__is_active=True)
    for shift in shifts.select_related("account").order_by("starts", "pk"):
        out.setdefault(shift.post_id, {})[shift.account_id] = shift.account
    return {post: list(people.values()) for post, people in out.items()}


def who(role: str, region: str, subject: int | None = None, at: datetime | None = None) -> list[Account]:
    """Who is on duty for a role over a place at a moment."""
    post = post_for(role, region, subject)
    return on_duty(post, at) if post else []


def answers(account: Account, post: Post) -> bool:
    """Whether a person may answer for the post now: on shift there, or allowed to answer over it."""
    return account in on_duty(post) or access.reaches(account, "duty.answer", region=post.region, top=post.subject)


def posts_of(account: Account, at: datetime | None = None) -> list[Post]:
    """The posts at which a person sits at a moment (now)."""
    moment = at or clock.now()
    return list(Post.objects.filter(shifts__account=account, shifts__starts__lte=moment,
                                    shifts__ends__gt=moment).distinct())


def _may_edit(account: Account, post: Post) -> None:
    access.require(account, "rosters.edit", region=post.region, top=post.subject)


def _check(post: Post, person: Account, starts: datetime, ends: datetime, but: int = 0) -> None:
    """A shift that cannot be: backwards, endless, of one who may not answer here, or doubled for the person."""
    if not starts < ends:
        raise BadInput("班次的结束时间要晚于开始时间")
    if ends - starts > LONGEST:
        raise BadInput("一个班次最长 48 小时;更长请分成几班")
    if not person.is_active or not access.reaches(person, "duty.answer", region=post.region, top=post.subject):
        raise BadInput(f"{person.name}没有在{post.name}值守应答的权限;请先授权再排班")
    clash = Shift.objects.filter(account=person, starts__lt=ends, ends__gt=starts).exclude(pk=but).first()
    if clash is not None:
        at = clash.starts.astimezone(clock.LOCAL)
        raise BadInput(f"{person.name}在 {at:%m-%d %H:%M} 已有班次({clash.post.name}),时间重叠;请错开")


def add_shift(account: Account, post: Post, person: Account, starts: datetime, ends: datetime) -> Shift:
    """Put a person on a post from … until …; NotAllowed without roster rights there, BadInput if it cannot be."""
    _may_edit(account, post)
    with transaction.atomic():
        _check(post, person, starts, ends)
        shift = Shift.objects.create(post=post, account=person, starts=starts, ends=ends)
        events.emit("notify.shift_added", actor=account.username, about=f"post:{post.pk}", post=post.name,
                    person=person.name, starts=starts.isoformat(), ends=ends.isoformat())
    return shift


def replace(account: Account, shift: Shift, person: Account, reason: str) -> Shift:
    """Another person takes the rest of a shift; what was already served stays on record."""
    _may_edit(account, shift.post)
    now = clock.now()
    if shift.ends <= now:
        raise BadInput("这个班次已经结束,不能换人")
    if not reason.strip():
        raise BadInput("请写明换班的理由")
    with transaction.atomic():
        starts = max(shift.starts, now)
        _check(shift.post, person, starts, shift.ends, but=shift.pk)
        if shift.starts < now:
            Shift.objects.filter(pk=shift.pk).update(ends=now)
            taken = Shift.objects.create(post=shift.post, account=person, starts=now, ends=shift.ends)
        else:
            Shift.objects.filter(pk=shift.pk).update(account=person)
            taken = Shift.objects.select_related("post").get(pk=shift.pk)
        events.emit("notify.shift_replaced", actor=account.username, about=f"post:{shift.post_id}",
                    post=shift.post.name, before=shift.account.name, person=person.name, reason=reason.strip()[:200])
    return taken


def copy_week(account: Account, post: Post, monday: date, weeks: int = 1) -> int:
    """The week beginning on that day again for the next weeks; what is there already stays. Returns how many made."""
    _may_edit(account, post)
    if not 1 <= weeks <= 12:
        raise BadInput("一次最多复制到后面 12 周")
    begins = datetime.combine(monday, time(), clock.LOCAL)
    made = 0
    with transaction.atomic():
        shifts = list(post.shifts.filter(starts__gte=begins, starts__lt=begins + WEEK).select_related("account"))
        for n in range(1, weeks + 1):
            made += sum(_copy(post, s, n * WEEK) for s in shifts)
        events.emit("notify.week_copied", actor=account.username, about=f"post:{post.pk}", post=post.name,
                    monday=monday.isoformat(), weeks=weeks, made=made)
    return made


def _copy(post: Post, shift: Shift, by: timedelta) -> bool:
    starts, ends = shift.starts + by, shift.ends + by
    if Shift.objects.filter(account=shift.account, starts__lt=ends, ends__gt=starts).exists():
        return False
    _check(post, shift.account, starts, ends)
    Shift.objects.create(post=post, account=shift.account, starts=starts, ends=ends)
    return True


@dataclass(frozen=True)
class Gap:
    """A stretch of time in which nobody sits at a post."""

    post: Post
    starts: datetime
    ends: datetime


def gaps(region: str = "", days: int = 7) -> list[Gap]:
    """Every unmanned stretch of the posts in a region within the coming days; empty is how it should be."""
    return gaps_of(Post.objects.filter(region__startswith=region).order_by("region", "pk"), days)


def gaps_of(posts: Iterable[Post], days: int = 7) -> list[Gap]:
    """Every unmanned stretch of these posts within the coming days, post by post; two queries for all.

    The database finds the shifts that begin later than all before them have ended: a full roster has thousands of
    shifts and hardly a hole.
    """
    now, wanted = clock.now(), list(posts)
    until = now + timedelta(days=days)
    shifts = Shift.objects.filter(post__in=wanted, ends__gt=now, starts__lt=until, account__is_active=True).order_by()
    before = Window(Max("ends"), partition_by=[F("post_id")], order_by=["starts", "ends"], frame=RowRange(end=-1))
    late = shifts.annotate(before=before).filter(Q(before=None) | Q(starts__gt=F("before")))
    holes: dict[int, list[tuple[datetime, datetime]]] = {}
    for post, ended, starts in late.order_by("starts").values_list("post_id", "before", "starts"):
        holes.setdefault(post, []).append((ended or now, starts))
    manned = dict(shifts.values_list("post_id").annotate(Max("ends")))
    return [Gap(post, a, b) for post in wanted
            for a, b in (*holes.get(post.pk, ()), (manned.get(post.pk, now), until)) if a < b]


def duty_roles() -> list[str]:
    """Roles that a post can serve: those that answer calls."""
    return [r.id for r in content.every("roles") if "duty.answer" in r.may]


def make_post(account: Account, name: str, role: str, region: str, phone: str = "",
              subject: int | None = None) -> Post:
    """A new duty post; its role must be one that answers calls."""
    if role not in duty_roles():
        raise BadInput(f"岗位的角色应是能值守应答的:{'、'.join(duty_roles())}")
    access.require(account, "rosters.edit", region=region, top=subject)
    if Post.objects.filter(role=role, region=region, subject=subject).exists():
        raise NotAllowed("这个辖区已有同一角色的值守岗位;请在那个岗位上排班")
    with transaction.atomic():
        post = Post.objects.create(name=name.strip()[:80], role=role, region=region, phone=phone, subject=subject)
        events.emit("notify.post_made", actor=account.username, about=f"post:{post.pk}", post=post.name, role=role,
                    region=region)
    return post
