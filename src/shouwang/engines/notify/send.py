"""Tell the people whose turn it is; call the post on duty, which must read back; note who stayed silent."""

import logging
from datetime import timedelta
from typing import Any

from django.db import transaction

from shouwang.kernel import access, clock, events, params
from shouwang.kernel.errors import BadInput, ContentError, NotAllowed
from shouwang.kernel.models import Account, Event

from . import outbox, roster, spec, wording
from .models import Notice, Post

__all__ = ["call", "read_back", "spec", "tell", "tick"]
log = logging.getLogger(__name__)
SHORTEST = 4  # characters of a read-back: a grunt is no sentence


@events.action("notify.tell")
def tell(*, event: Event, link: Any, role: str = "") -> list[Notice]:
    """A notice to each account that must act: the delegate, else the role's holders over the place."""
    asked = role or str(event.data.get("role") or "")
    if not asked:
        return []  # an end state: nobody's turn
    accounts = _whom(event, asked, None if role else event.data.get("delegate"))
    if not accounts:
        events.emit("notify.nobody_to_tell", subject=event.subject, scene=event.scene, about=event.about, role=asked)
        return []
    told = events.emit("notify.told", subject=event.subject, scene=event.scene, about=event.about, role=asked,
                       people=[a.name for a in accounts])
    notices = Notice.objects.bulk_create([_notice(event, to=account, last=told) for account in accounts])
    for n, notice in enumerate(notices):
        outbox.queue(notice, emails=[notice.to.email] if notice.to else [], hooks=n == 0)
    return notices


def _whom(event: Event, role: str, delegate: int | None) -> list[Account]:
    data = event.data
    if delegate:
        return list(Account.objects.filter(pk=delegate, is_active=True))
    found = access.accounts_in(role, str(data.get("region", "")), data.get("top"), str(data.get("line", "")))
    return list({a.pk: a for a in found}.values())


def _notice(event: Event, **to: Any) -> Notice:
    """A notice of an event, not yet saved."""
    data = event.data
    kept = {k: data[k] for k in ("flow", "title", "enterprise", "top", "state", "state_title", "role", "due_at",
                                 "rung", "revision") if k in data}
    return Notice(
        text=wording.sentence(event.type, data), level=str(data.get("level", "")), about=event.about,
        subject=event.subject, region=str(data.get("region", "")), status=str(data.get("status", "actual")),
        created_at=clock.now(), data={**kept, "scene": event.scene, "why": event.type}, **to)


@events.action("notify.call")
def call(*, event: Event, link: Any, to: str = "") -> Notice | None:
    """Call the duty post of a role over the place: read back in time, or the silence is an event of its own."""
    role = to or str(event.data.get("to", ""))
    post = roster.post_for(role, str(event.data.get("region", "")), event.data.get("top"))
    people = roster.on_duty(post) if post else []
    if not people:
        _nobody(event, role, post)
        return None
    assert post is not None
    until = clock.now() + _read_back_within(event)
    notice = _notice(event, post=post, must_read_back=True, read_back_until=until)
    notice.save()
    events.emit("notify.called", subject=event.subject, scene=event.scene, about=event.about, remember=notice,
                post=post.name, notice=notice.pk, people=[p.name for p in people], until=until.isoformat(), to=role)
    outbox.queue(notice, emails=[p.email for p in people], hooks=True)
    return notice


def _nobody(event: Event, role: str, post: Post | None) -> None:
    """No post, or nobody there now: the post still keeps the notice, and the gap is told at once."""
    gap = events.emit("notify.nobody_on_duty", subject=event.subject, scene=event.scene, about=event.about, to=role,
                      post=post.name if post else "", rung=event.data.get("rung"), region=event.data.get("region"),
                      revision=event.data.get("revision"))
    if post is not None:
        notice = _notice(event, post=post, last=gap)
        notice.save()
        outbox.queue(notice, emails=[], hooks=True)


def _read_back_within(event: Event) -> timedelta:
    """From the param of the place. A broken one gives no time at all: louder than it should be, never silent."""
    region, level = str(event.data.get("region", "")), str(event.data.get("level", ""))
    try:
        value = params.value("flows.read_back_within", clock.today(), params.of_region(region))
        if isinstance(value, dict):
            value = value.get(level) or min(value.values(), key=clock.span)
        return clock.span(value)
    except (ContentError, ValueError):
        log.exception("复诵时限定不下来,按立即升级处理;请核对参数 flows.read_back_within")
        return timedelta(0)


def read_back(notice: Notice, account: Account, text: str, level: str) -> Notice:
    """The one on shift says in their own words what was told and names its level; late is better than never."""
    if notice.post is None or not notice.must_read_back:
        raise BadInput("这条通知不需要复诵")
    if not roster.answers(account, notice.post):
        raise NotAllowed(f"您现在不在{notice.post.name}值守,不能代为复诵;如需换班请先在值守表登记")
    said = text.strip()
    if len(said) < SHORTEST:
        raise BadInput(f"请用一句话复诵企业和险情(至少 {SHORTEST} 个字)")
    if level != notice.level:
        raise BadInput(f"复诵的等级不对:通知是{wording.titled('levels', notice.level)}色;请核对后再复诵")
    with transaction.atomic():
        ours = Notice.objects.filter(pk=notice.pk, read_back_at=None).update(
            read_back_at=clock.now(), read_back_by=account.username, read_back_text=said[:200], read_at=clock.now())
        if not ours:
            raise NotAllowed("这条通知已由他人复诵,无需再答")
        notice = Notice.objects.select_related("post", "last").get(pk=notice.pk)
        with events.because(notice.last):
            events.emit("notify.read_back", subject=notice.subject, scene=notice.data.get("scene", ""),
                        actor=account.username, about=notice.about, remember=notice, notice=notice.pk,
                        post=notice.post.name if notice.post else "", text=said[:200],
                        late=notice.read_back_until is not None and clock.now() >= notice.read_back_until)
    return notice


def tick(limit: int = 500) -> int:
    """Calls whose time to read back has run out, each told once. Returns how many; a full page may have more."""
    due = Notice.objects.filter(must_read_back=True, read_back_at=None, unanswered=False,
                                read_back_until__lte=clock.now())
    done = 0
    for pk in list(due.order_by("read_back_until", "pk").values_list("pk", flat=True)[:limit]):
        try:
            done += _unanswered(pk)
        except Exception:
            log.exception("通知 %s 的未复诵没有记成,下一轮再试", pk)
    return done


def _unanswered(pk: int) -> bool:
    with transaction.atomic():
        ours = Notice.objects.filter(pk=pk, read_back_at=None, unanswered=False).update(unanswered=True)
        if not ours:
            return False
        notice = Notice.objects.select_related("post", "last").get(pk=pk)
        with events.because(notice.last):
            events.emit("notify.unanswered", subject=notice.subject, scene=notice.data.get("scene", ""),
                        about=notice.about, remember=notice, notice=pk, rung=notice.data.get("rung"),
                        revision=notice.data.get("revision"), region=notice.region, level=notice.level,
                        post=notice.post.name if notice.post else "")
    return True


# What the static check of loops must know: which events an action itself can send.
tell.emits = ("notify.told", "notify.nobody_to_tell")  # type: ignore[attr-defined]
call.emits = ("notify.called", "notify.nobody_on_duty")  # type: ignore[attr-defined]
