"""The way out of the house: each notice and channel is one row, sent after its transaction, at least once.

The receiver tells repeats apart by the Idempotency-Key (webhook) or Message-ID (mail): both stay the same.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Q

from shouwang.kernel import clock, events

from . import mail, webhook
from .models import Delivery, Hook, Notice

log = logging.getLogger(__name__)
FIRST_WAIT = timedelta(seconds=10)
LONGEST_WAIT = timedelta(hours=1)
MAX_ATTEMPTS = 12  # with the waits above: about five hours
AT_ONCE = 8
PER_ADDRESS = 32  # of one round, so that one slow receiver does not fill it
SKIPPED = "同一收件方这一轮刚刚失败"
_sick: dict[str, datetime] = {}  # address, or a whole channel → when it may be tried again


def queue(notice: Notice, *, emails: Sequence[str], hooks: bool) -> None:
    """Rows for every channel that wants this notice; written in the transaction of the notice."""
    rows = [Delivery(notice=notice, channel="smtp", address=e, due_at=clock.now())
            for e in dict.fromkeys(emails) if e and settings.EMAIL_URL]
    if hooks:
        rows += [Delivery(notice=notice, channel="webhook", address=h.url, hook=h, due_at=clock.now())
                 for h in _wanting(notice)]
    Delivery.objects.bulk_create(rows, ignore_conflicts=True)


def _wanting(notice: Notice) -> list[Hook]:
    prefixes = [notice.region[:n] for n in range(len(notice.region) + 1)]
    found = Hook.objects.filter(enabled=True, region__in=prefixes).order_by("pk")
    return [h for h in found if not h.levels or notice.level in h.levels]


def deliver(limit: int = 128) -> int:
    """One round: claim what is due, send side by side, write down what came of it. Returns how many were tried.

    A receiver that failed is left alone for a while, so that the others do not wait behind it.
    """
    due = _due(limit)
    if not due:
        return 0
    with transaction.atomic():
        claimed = [d for d in due if _claim(d)]
    if not claimed:
        return 0
    with ThreadPoolExecutor(min(AT_ONCE, len(claimed))) as pool:
        outcomes = list(pool.map(_send, claimed))
    with transaction.atomic():
        for delivery, error in zip(claimed, outcomes, strict=True):
            _settle(delivery, error)
    return len(claimed)


def _due(limit: int) -> list[Delivery]:
    now = clock.now()
    for address in [a for a, until in _sick.items() if until <= now]:
        del _sick[address]
    waiting = Delivery.objects.filter(sent_at=None, gave_up_at=None, due_at__lte=now).exclude(
        Q(address__in=list(_sick)) | Q(channel__in=list(_sick)))
    rows: list[Delivery] = []
    taken: dict[str, int] = {}
    for row in waiting.select_related("notice", "notice__last", "hook").order_by("due_at", "pk")[:limit * 4]:
        taken[row.address] = taken.get(row.address, 0) + 1
        if taken[row.address] <= PER_ADDRESS and len(rows) < limit:
            rows.append(row)
    return rows


def wait(attempts: int) -> timedelta:
    """How long until the next try: doubling from ten seconds to an hour."""
    return min(FIRST_WAIT * (1 << attempts), LONGEST_WAIT)


def _claim(delivery: Delivery) -> bool:
    """Ours for the length of one try; if we die in the middle, it falls due again by itself."""
    ours = Delivery.objects.filter(pk=delivery.pk, attempts=delivery.attempts, sent_at=None, gave_up_at=None)
    return bool(ours.update(attempts=delivery.attempts + 1, due_at=clock.now() + wait(delivery.attempts)))


_CHANNELS: dict[str, Callable[[Delivery], None]] = {"webhook": webhook.post, "smtp": mail.post}


def _send(delivery: Delivery) -> str:
    """ "" when the receiver took it, else why not. No database here: it runs in a pool's thread."""
    if delivery.address in _sick or delivery.channel in _sick:  # since this round began
        return SKIPPED
    try:
        _CHANNELS[delivery.channel](delivery)
    except Exception as wrong:  # whatever goes wrong out there is a reason to try again, never to stop
        whole = isinstance(wrong, mail.ServerDown)
        _sick[delivery.channel if whole else delivery.address] = clock.now() + FIRST_WAIT
        return f"{type(wrong).__name__}: {wrong}"[:300]
    return ""


def _settle(delivery: Delivery, error: str) -> None:
    row = Delivery.objects.filter(pk=delivery.pk, sent_at=None)
    if not error:
        row.update(sent_at=clock.now(), error="")
        return
    if error == SKIPPED:
        row.update(attempts=delivery.attempts, due_at=clock.now() + FIRST_WAIT)
        return
    log.warning("%s 没有送到 %s:%s", delivery.channel, delivery.address, error)
    if delivery.attempts + 1 < MAX_ATTEMPTS:
        row.update(error=error)
    else:
        _give_up(delivery, error)


def _give_up(delivery: Delivery, error: str) -> None:
    notice = delivery.notice
    with transaction.atomic():
        ours = Delivery.objects.filter(pk=delivery.pk, sent_at=None, gave_up_at=None)
        if ours.update(gave_up_at=clock.now(), error=error):
            with events.because(notice.last):
                events.emit("notify.undelivered", subject=notice.subject, scene=notice.data.get("scene", ""),
                            about=notice.about, channel=delivery.channel, address=delivery.address, error=error)


def lag() -> float:
    """Seconds the oldest waiting delivery has been due; 0 when nothing waits."""
    oldest = Delivery.objects.filter(Q(sent_at=None), gave_up_at=None, due_at__lte=clock.now()).order_by(
        "due_at").values_list("due_at", flat=True).first()
    return (clock.now() - oldest).total_seconds() if oldest else 0.0
