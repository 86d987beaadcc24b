"""Time passes: deadlines run out and ladders are climbed, each once, whoever restarts in between."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet

from shouwang.kernel import clock, events
from shouwang.kernel.errors import ContentError
from shouwang.kernel.models import Event

from . import deadline, versions
from .enter import BROKEN, facts, name, set_deadlines
from .models import Matter

log = logging.getLogger(__name__)
STUMBLED_FOR = timedelta(minutes=1)
_stumbled: dict[tuple[str, int], datetime] = {}


def tick(limit: int = 500) -> int:
    """What is due by now: overdue matters marked and told, ladder rungs climbed in order. Returns how many steps.

    A full page (the result reaches `limit`) means there may be more: call again.
    """
    steps = _each("overdue", _overdue_now()[:limit], _overdue)
    while steps < limit and (climbed := _each("climb", _climbing_now()[:limit - steps], _climb_due)):
        steps += climbed
    return steps


def _overdue_now() -> QuerySet[Matter, int]:
    late = Matter.objects.filter(closed_at=None, overdue=False, due_at__lte=clock.now())
    return late.exclude(pk__in=_waiting("overdue")).order_by("due_at", "pk").values_list("pk", flat=True)


def _climbing_now() -> QuerySet[Matter, int]:
    due = Matter.objects.filter(closed_at=None, climb_at__lte=clock.now())
    return due.exclude(pk__in=_waiting("climb")).order_by("climb_at", "pk").values_list("pk", flat=True)


def _waiting(what: str) -> list[int]:
    """Matters whose step failed a moment ago: they do not hold up the others."""
    now = clock.now()
    for key in [k for k, until in _stumbled.items() if until <= now]:
        del _stumbled[key]
    return [pk for (kind, pk) in _stumbled if kind == what]


def _each(what: str, pks: QuerySet[Matter, int], step: Callable[[int], bool]) -> int:
    """Each matter in a transaction of its own; one that fails is logged and tried again in a minute."""
    done = 0
    for pk in list(pks):
        try:
            with transaction.atomic():
                done += step(pk)
        except Exception:
            log.exception("事项 %s 的%s没有走成,一分钟后再试", pk, {"overdue": "超期提醒", "climb": "升级"}[what])
            _stumbled[what, pk] = clock.now() + STUMBLED_FOR
    return done


def _overdue(pk: int) -> bool:
    ours = Matter.objects.filter(pk=pk, closed_at=None, overdue=False, due_at__lte=clock.now()).update(
        overdue=True, late=F("late") + 1)
    if not ours:
        return False
    matter = _read(pk)
    with events.because(matter.last):
        events.emit("flows.overdue", subject=matter.subject_id, scene=matter.scene, about=name(matter),
                    remember=matter, **facts(matter))
    return True


def _read(pk: int) -> Matter:
    return Matter.objects.select_related("version", "top", "last").get(pk=pk)


def _climb_due(pk: int) -> bool:
    """The rung that is due, if it still is when we have hold of the row."""
    matter = Matter.objects.select_for_update(of=("self",)).select_related("version", "top", "last").get(pk=pk)
    if matter.climb_at is None or matter.climb_at > clock.now():
        return False
    if matter.data.get(BROKEN):
        _mend(matter)
        return False
    return climb_one(matter, matter.last)


def _mend(matter: Matter) -> None:
    """The deadlines that could not be looked up on entering, now; still broken means another minute's rest."""
    set_deadlines(matter, versions.state_of(matter))
    if matter.data.get(BROKEN):
        raise ContentError(matter.flagged)
    matter.save(update_fields=["due_at", "climb_at", "flagged", "data"])


def climb_one(matter: Matter, cause: Event | None = None) -> bool:
    """To the next rung now: claimed by (state, revision, rung), so two processes never climb the same one.

    Without `cause` it follows from whatever is happening at present.
    """
    ladder = versions.state_of(matter).ladder
    if matter.rung >= len(ladder):
        return False
    here = Matter.objects.filter(pk=matter.pk, state=matter.state, revision=matter.revision, rung=matter.rung,
                                 closed_at=None)
    after = deadline.next_rung(versions.state_of(matter), matter.rung + 1, matter.entered_at, matter.level,
                               matter.region)
    if not here.update(rung=matter.rung + 1, climb_at=after):
        return False
    fresh = _read(matter.pk)
    with events.because(cause):
        events.emit("flows.escalated", subject=fresh.subject_id, scene=fresh.scene, about=name(fresh), remember=fresh,
                    to=ladder[matter.rung].to, rung=fresh.rung, of=len(ladder), **facts(fresh))
    return True


@events.action("flows.climb")
def climb(*, event: Event, link: Any) -> bool:
    """Nobody answered the call: to the next rung at once. A call of an earlier rung or state no longer counts."""
    kind, _, pk = event.about.partition(":")
    if kind != "matter":
        return False
    matter = Matter.objects.select_related("version", "top", "last").filter(pk=int(pk), closed_at=None).first()
    if matter is None or (event.data.get("rung"), event.data.get("revision")) != (matter.rung, matter.revision):
        return False
    if matter.rung < len(versions.state_of(matter).ladder):
        return climb_one(matter)
    events.emit("flows.unheard", subject=matter.subject_id, scene=matter.scene, about=name(matter), remember=matter,
                rung=matter.rung, **facts(matter))
    return True


# What the static check of loops must know: which events an action itself can send.
climb.emits = ("flows.escalated", "flows.unheard")  # type: ignore[attr-defined]
