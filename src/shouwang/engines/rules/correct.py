"""Amendments become corrected episodes: late readings raise, extend, shorten or withdraw, always with their proof.

Nothing of the journal is taken back: an amendment is one more line, which says what was told before, what holds now,
and which late readings show it.
"""

import logging
from typing import Any

import msgspec

from shouwang.engines.subjects.spec import graver
from shouwang.engines.telemetry.journal import Transition
from shouwang.kernel import clock, events

from .models import Alert, AlertChange

log = logging.getLogger(__name__)
FIELDS = ("seq", "active", "tier", "level", "highest", "opened_at", "raised_at", "cleared_at", "worst_value")


def told_before(opened: Alert | None, x: Transition) -> Alert | None:
    """The alert an amendment speaks of, by the moment of its raising; None when nothing was told."""
    if not x.was:
        return None
    was = clock.from_ms(x.was)
    if opened is not None and opened.raised_at == was:
        return opened
    found = Alert.objects.filter(rule=x.rule, point=x.point, raised_at=was).select_related(
        "last", "point", "subject", "top").order_by("-id").first()
    if found is None:
        log.warning("第 %d 条更正所说的报警(%s,点位 %d,%s)不在,按新报警处理", x.n, x.rule, x.point, was)
    return found


def put_right(alert: Alert, x: Transition, words: dict[str, Any]) -> str:
    """Bring an alert to where the amendment says it should stand. Returns what became of it, for people."""
    alert.seq = x.seq
    was_active, was_until = alert.active, alert.cleared_at
    alert.active = x.worst != 0 and x.until == 0
    alert.cleared_at = None if alert.active else clock.from_ms(x.until)
    if not x.worst:
        return "withdrawn"
    alert.opened_at, alert.raised_at = clock.from_ms(x.since), clock.from_ms(x.at)
    alert.tier = x.tier or alert.tier
    alert.level = words["tiers"][str(alert.tier)]["level"]
    alert.highest = graver(alert.highest, words["tiers"][str(x.worst)]["level"])
    if x.value is not None and alert.worst_value is not None:
        alert.worst_value = (max if x.worst > 0 else min)(alert.worst_value, *(v for _, v, _ in x.proof))
    if alert.active and not was_active:
        return "reopened"
    if was_active and not alert.active:
        return "ended"
    longer = alert.cleared_at is not None and was_until is not None and alert.cleared_at > was_until
    return "extended" if longer else "changed"


def line(alert: Alert, x: Transition, what: str) -> AlertChange:
    """The amendment in the alert's journal. `seq` is blank where another line of the same transition has it."""
    return AlertChange(
        alert=alert, rule=x.rule, point=x.point, seq=x.seq or None, at=clock.from_ms(x.at), recorded_at=clock.now(),
        kind="amended", tier=x.tier, level=alert.level, value=x.value,
        data={"what": what, "was": x.was, "since": x.since, "until": x.until, "worst": x.worst, "heard": x.heard,
              "plan": x.plan, "n": x.n, "proof": [list(p) for p in x.proof]})


def as_raised(x: Transition) -> Transition:
    """An amendment that tells a new episode, as the transition that would have told it."""
    return msgspec.structs.replace(x, kind="raised", tier=x.tier or x.worst)


def as_cleared(x: Transition) -> Transition:
    """… and the one that would have ended it; its line has no number of its own."""
    return msgspec.structs.replace(x, kind="cleared", tier=0, at=x.until, value=None, seq=0)


def emit(alert: Alert, what: str, x: Transition, remember: Any, facts: dict[str, Any]) -> None:
    """Tell the links that an alert was put right."""
    with events.because(alert.last):
        events.emit("rules.alert_amended", subject=alert.subject_id, scene=alert.scene, about=f"alert:{alert.pk}",
                    remember=remember, **facts, what=what, at_ms=x.at, heard_ms=x.heard)
