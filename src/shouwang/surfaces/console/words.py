"""Sentences that pages share: what a tier is called, why an alert fired, who is called when, how a story is told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from shouwang.engines.flows import deadline
from shouwang.engines.flows import read as flows
from shouwang.engines.flows.models import Matter
from shouwang.engines.flows.spec import State
from shouwang.engines.notify import read as notices
from shouwang.engines.notify import roster
from shouwang.engines.notify.models import Notice
from shouwang.engines.rules import limits, read, tiers
from shouwang.engines.rules.models import Alert, AlertChange
from shouwang.engines.rules.spec import Rule, Tier
from shouwang.kernel import clock, content, params

from .templatetags.shouwang import english

LIMIT_NAMES = {-2: "LL", -1: "L", 1: "H", 2: "HH"}
LOUD = {"rules.alert_raised", "rules.alert_upgraded", "flows.overdue", "flows.escalated", "flows.unheard",
        "notify.unanswered", "notify.nobody_on_duty", "notify.nobody_to_tell", "notify.undelivered"}
GOOD = {"rules.alert_cleared", "flows.closed"}
DONE = {"flows.acted", "flows.delegated", "notify.read_back", "rules.alert_acknowledged", "rules.alert_shelved",
        "rules.alert_unshelved"}


def tier_of(rule: Rule | None, tier: int) -> Tier | None:
    """The declared tier behind -2 LL, -1 L, 1 H, 2 HH; None when the rule is gone or has none there."""
    return limits.slots(rule).get(tiers.SLOT_OF.get(tier, -1)) if rule else None


def tier_words(alert: Alert) -> str:
    """高高报 / 断电 …: what the rule calls the tier the alert is in."""
    tier = tier_of(read.rule_of(alert), alert.tier)
    return "" if tier is None else (english() and tier.means_en) or tier.means


@dataclass(frozen=True)
class Why:
    """Why an alert fired: the sentence with its numbers, the limit's name, the delay, and the param it came from."""

    sentence: str
    limit: str
    delay_s: float
    param: str
    param_title: str


def why(alert: Alert) -> Why:
    """The reason in words, from what was in force when it fired."""
    rule = read.rule_of(alert)
    delay = rule.hold if rule and rule.hold is not None else ""
    seconds = clock.span(delay).total_seconds() if delay else float(alert.point.on_delay_s)
    path = str(alert.basis.get("param", ""))
    own = str(alert.basis.get("limit", "")).upper()
    title = next((d for d in params.history(path)), None) if path else None
    named = (english() and title.title_en) or title.title if title else ""
    return Why(_sentence(alert), own or named, seconds, path, named)


def _sentence(alert: Alert) -> str:
    if alert.kind == "no_data":
        return _("超过规定时间没有收到数据。没有数据不等于安全。")
    if alert.kind == "range":
        return _("读数超出仪表量程,仪表此时不可信。")
    words = {"v": _plain(alert.first_value), "l": _plain(alert.limit_value), "u": alert.unit}
    if alert.kind == "rate":
        return _("窗口内变化 %(v)s %(u)s,达到或超过 %(l)s %(u)s。") % words
    if alert.kind == "apart":
        return _("与同处另一台仪表相差 %(v)s %(u)s,达到或超过 %(l)s %(u)s。") % words
    if alert.kind == "flat":
        return _("读数一直停在 %(v)s %(u)s 附近不变,仪表可能卡死。") % words
    if alert.kind == "count":
        return _("规定时间内反复越过限值 %(l)s %(u)s,次数达到上限。") % words
    if alert.tier > 0:
        return _("读数 %(v)s %(u)s,达到或高于限值 %(l)s %(u)s。") % words
    return _("读数 %(v)s %(u)s,达到或低于限值 %(l)s %(u)s。") % words


def _plain(value: float | None) -> str:
    return "—" if value is None else f"{value:g}"


@dataclass(frozen=True)
class Rung:
    """One step of the ladder: which desk, when, whether it was called, and what came back."""

    role: Any
    at: datetime | None
    called: bool
    post: str
    people: list[str]
    call: Notice | None


def ladder(matter: Matter, state: State) -> list[Rung]:
    """Who was called and who will be called when nobody acts, with those on duty at that moment."""
    calls = {c.data.get("rung"): c for c in notices.about(f"matter:{matter.pk}") if c.must_read_back
             and c.created_at >= matter.entered_at}
    return [_rung(matter, state, n, calls.get(n + 1)) for n in range(len(state.ladder))]


def _rung(matter: Matter, state: State, n: int, call: Notice | None) -> Rung:
    step = state.ladder[n]
    at = call.created_at if call else deadline.next_rung(state, n, matter.entered_at, matter.level, matter.region)
    post = call.post if call else roster.post_for(step.to, matter.region, matter.top_id)
    people = [] if call or post is None else [a.name for a in roster.on_duty(post, at)]
    return Rung(content.get("roles", step.to), at, n < matter.rung, post.name if post else "", people, call)


def story(alert: Alert | None, matter: Matter | None) -> list[dict[str, Any]]:
    """The cause chain as lines with their tone and, for what the kernel found, the reading of that moment."""
    changes = list(read.journal(alert)) if alert else []
    if matter is None:
        return [_line(c) for c in changes]
    waiting: dict[str, list[AlertChange]] = {}
    for change in changes:
        waiting.setdefault(f"rules.alert_{change.kind}", []).append(change)
    lines = []
    for step in flows.timeline(matter):
        own = waiting[step.type].pop(0) if waiting.get(step.type) else None
        lines.append({"at": step.at, "text": step.text, "who": step.who, "note": step.note, "form": step.form,
                      "files": step.files, "tone": _tone(step.type), "change": own})
    return lines


def _tone(kind: str) -> str:
    tones = (("loud", LOUD), ("good", GOOD), ("done", DONE))
    return next((tone for tone, kinds in tones if kind in kinds), "")


def _line(change: AlertChange) -> dict[str, Any]:
    kind = f"rules.alert_{change.kind}"
    return {"at": change.at, "kind": change.kind, "level": change.level, "who": change.actor, "note": change.note,
            "tone": _tone(kind), "change": change, "files": [], "form": []}
