"""From transitions to alert episodes: the business side of a judgement, applied once and in order.

The journal of the ingest process is tailed with `drain`. One batch is one transaction, together with the position it
reaches, so a crash at any instant neither loses nor doubles a line. (rule, point, seq) makes a replay harmless.
"""

import logging
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import F, Max

from shouwang.engines.subjects.models import Point
from shouwang.engines.subjects.spec import graver, rank
from shouwang.engines.telemetry import journal
from shouwang.engines.telemetry.journal import Transition
from shouwang.kernel import clock, events
from shouwang.kernel.models import Event

from . import correct, plan
from .models import Alert, AlertChange, Intake

log = logging.getLogger(__name__)
BATCH = 64  # about a second of writing on SQLite with all links; others wait no longer
EPOCH = 1 << 40
EVENT_OF = {"raised": "rules.alert_raised", "upgraded": "rules.alert_upgraded",
            "downgraded": "rules.alert_downgraded", "cleared": "rules.alert_cleared", "retired": "rules.alert_retired",
            "suppressed": "rules.alert_suppressed", "released": "rules.alert_released"}
SEEN = ("seq", "quality", "last_value", "worst_value")
ENDED = (*SEEN, "active", "cleared_at")
MOVED = (*SEEN, "tier", "level", "highest", "limit_value", "basis", "acked_at", "acked_by")
Key = tuple[str, int]


@dataclass
class Desk:
    """What one batch is worked with, read in a few queries whatever its size."""

    points: dict[int, Point]
    open: dict[Key, Alert]
    seq: dict[Key, int]  # last line written, by (rule, point)
    now: datetime
    lines: list[AlertChange] = field(default_factory=list)
    _words: dict[int, plan.Told] = field(default_factory=dict)

    def words(self, version: int) -> plan.Told:
        """What a plan version says, asked once a batch."""
        if version not in self._words:
            self._words[version] = plan.told(version)
        return self._words[version]


@dataclass
class Changed:
    """An alert as `emit` remembers it: what changed and its last event are written in one statement."""

    alert: Alert
    fields: tuple[str, ...] = ()
    pk: int = field(init=False)

    def __post_init__(self) -> None:
        self.pk = self.alert.pk

    @property
    def last(self) -> Event | None:
        return self.alert.last

    @last.setter
    def last(self, event: Event) -> None:
        self.alert.last = event

    def save(self, *, update_fields: list[str]) -> None:
        """Write the changed fields together with those `emit` sets."""
        now = {name: getattr(self.alert, name) for name in (*self.fields, *update_fields)}
        Alert.objects.filter(pk=self.alert.pk).update(**now)


def drain(folder: Path, name: str = "ingest") -> int:
    """Apply everything the journal holds beyond the position; returns how many lines of alerts it gave."""
    given = 0
    while (lines := step(folder, name)) is not None:
        given += lines
    return given


def step(folder: Path, name: str = "ingest") -> int | None:
    """Apply one batch of what lies beyond the position; None when nothing does. Else the lines of alerts it gave."""
    _know(folder, name)
    if not (found := journal.read_after(folder, position(name), BATCH)):
        return None
    given = apply(found, name)
    journal.applied(folder, found[-1].n)
    return given


def _know(folder: Path, name: str) -> None:
    """A journal that was never told how far we are, though we are somewhere, is not the one we followed: begin anew.

    Its sequences begin anew too, so they are kept apart by the epoch, and no alert is mistaken for an old line.
    """
    if (folder / "APPLIED").exists():
        return
    if was := position(name):
        log.error("%s 是一份新的转变日志,此前已应用到第 %d 条:旧日志已丢失,从头应用新日志", folder, was)
        Intake.objects.filter(name=name).update(position=0, epoch=F("epoch") + 1)
    folder.mkdir(parents=True, exist_ok=True)
    journal.applied(folder, 0)


def position(name: str = "ingest") -> int:
    """The number of the last transition applied."""
    return Intake.objects.filter(name=name).values_list("position", flat=True).first() or 0


def apply(transitions: list[Transition], name: str = "ingest") -> int:
    """Bring alerts to where these transitions put them; returns how many lines were written.

    What lies at or before the position, or has a line already, is passed over. All or nothing, links included.
    """
    with transaction.atomic():
        Intake.objects.get_or_create(name=name)
        intake = Intake.objects.select_for_update().get(name=name)
        fresh = [x for x in transitions if x.n > intake.position or x.n == 0]
        if not fresh:
            return 0
        desk = _desk(fresh)
        for x in fresh:
            _one(desk, msgspec.structs.replace(x, seq=x.seq + intake.epoch * EPOCH) if x.seq else x)
        AlertChange.objects.bulk_create(desk.lines)
        Intake.objects.filter(pk=intake.pk).update(position=max(intake.position, fresh[-1].n))
        return len(desk.lines)


def _desk(fresh: list[Transition]) -> Desk:
    points, rules = {x.point for x in fresh}, {x.rule for x in fresh}
    lines = AlertChange.objects.filter(rule__in=rules, point__in=points, seq__isnull=False).order_by()
    last = lines.values_list("rule", "point").annotate(last=Max("seq"))
    opened = Alert.objects.filter(active=True, rule__in=rules, point__in=points)
    return Desk({p.pk: p for p in Point.objects.filter(pk__in=points).select_related("subject__top")},
                {(a.rule, a.point_id): a for a in opened.select_related("last", "point", "subject", "top")},
                {(r, p): seq for r, p, seq in last}, clock.now())


def _one(desk: Desk, x: Transition) -> None:
    key = (x.rule, x.point)
    if x.seq and x.seq <= desk.seq.get(key, 0):
        return
    words = desk.words(x.plan).rules.get(x.rule)
    if words is None or x.point not in desk.points or (x.tier and str(x.tier) not in words["tiers"]):
        log.error("第 %d 条转变说的规则 %s 或点位 %d 已不存在,只记日志不立报警", x.n, x.rule, x.point)
        return
    alert = desk.open.get(key)
    if x.kind == "amended":
        _amend(desk, correct.told_before(alert, x), x, words)
    elif x.tier == 0:
        _end(desk, alert, x, words)
    elif alert is None:
        _begin(desk, x, words)
    elif x.kind in ("suppressed", "released"):
        _switch(desk, alert, x, words)
    elif x.kind == "quality":
        _requalify(desk, alert, x)
    else:
        _move(desk, alert, x, words)
    desk.seq[key] = max(x.seq, desk.seq.get(key, 0))


def _begin(desk: Desk, x: Transition, words: dict[str, Any]) -> None:
    """A new episode. It begins with the first over-limit reading, and was raised when the delay had run out."""
    point = desk.points[x.point]
    subject = point.subject
    level = words["tiers"][str(x.tier)]["level"]
    alert = Alert.objects.create(
        rule=x.rule, scene=words["scene"], kind=words["kind"], point=point, subject=subject,
        top=subject.top or subject, region=subject.region, line=subject.line, tier=x.tier, level=level, highest=level,
        opened_at=clock.from_ms(x.since), raised_at=clock.from_ms(x.at), recorded_at=desk.now, first_value=x.value,
        worst_value=x.value, last_value=x.value, limit_value=x.limit, unit=point.unit,
        basis=desk.words(x.plan).basis(x.rule, x.point, x.tier), quality=x.quality, seq=x.seq)
    desk.open[(x.rule, x.point)] = alert
    if x.gate and x.kind == "raised":
        _switch(desk, alert, msgspec.structs.replace(x, kind="suppressed"), words)
    else:
        _tell(desk, Changed(alert), x, "raised", words)


def _switch(desk: Desk, alert: Alert, x: Transition, words: dict[str, Any]) -> None:
    """Another point says that the rule does not apply now (plant stopped), or no longer says so.

    While suppressed only the journal is written; on release an alert that is still open asks for its response.
    """
    alert.seq = x.seq
    gate = Point.objects.filter(pk=x.gate).first()
    t, value, quality = x.proof[0]
    alert.suppressed_by = f"{gate.code if gate else x.gate} = {value:g} {gate.unit if gate else ''}".strip() \
        if x.kind == "suppressed" else ""
    line = _line(alert, x, x.kind, desk.now)
    line.data |= {"gate": x.gate, "proof": [t, value, quality]}
    desk.lines.append(line)
    _emit(Changed(alert, ("seq", "suppressed_by")), x, x.kind, words)
    if x.kind == "released":
        _emit(Changed(alert), x, "raised", words)


def _move(desk: Desk, alert: Alert, x: Transition, words: dict[str, Any]) -> None:
    """Another tier of the same episode: up or down by level; an upgrade asks to be acknowledged again."""
    level = words["tiers"][str(x.tier)]["level"]
    kind = "downgraded" if rank(level) > rank(alert.level) else "upgraded"
    if rank(level) == rank(alert.level):
        kind = x.kind if x.kind in ("upgraded", "downgraded") else "upgraded"
    alert.tier, alert.level, alert.highest = x.tier, level, graver(alert.highest, level)
    alert.limit_value, alert.basis = x.limit, desk.words(x.plan).basis(x.rule, x.point, x.tier)
    _seen(alert, x)
    if kind == "upgraded":
        alert.acked_at, alert.acked_by = None, ""
    _tell(desk, Changed(alert, MOVED), x, kind, words)


def _end(desk: Desk, alert: Alert | None, x: Transition, words: dict[str, Any]) -> None:
    """Cleared by readings, or retired because the rule no longer judges the point. The last level is kept."""
    if alert is None:
        log.warning("第 %d 条转变要结束的报警(%s,点位 %d)没有开着", x.n, x.rule, x.point)
        return
    _seen(alert, x)
    alert.active, alert.cleared_at = False, clock.from_ms(x.at)
    del desk.open[(x.rule, x.point)]
    _tell(desk, Changed(alert, ENDED), x, "retired" if x.kind == "retired" else "cleared", words)


def _seen(alert: Alert, x: Transition) -> None:
    alert.seq, alert.quality = x.seq, x.quality
    if x.value is None:
        return
    alert.last_value = x.value
    worst = x.value if alert.worst_value is None else alert.worst_value
    alert.worst_value = max(worst, x.value) if alert.tier > 0 else min(worst, x.value)


def _amend(desk: Desk, alert: Alert | None, x: Transition, words: dict[str, Any]) -> None:
    """Late readings put an episode right, or tell one that nobody told."""
    key = (x.rule, x.point)
    if alert is None:
        if x.worst and key not in desk.open:
            _begin(desk, correct.as_raised(x), words)
            made = desk.open[key]
            desk.lines.append(correct.line(made, msgspec.structs.replace(x, seq=0), "raised"))
            if x.until:
                _end(desk, made, correct.as_cleared(x), words)
                Alert.objects.filter(pk=made.pk).update(seq=x.seq)
        return
    what = correct.put_right(alert, x, words)
    if alert.active:
        desk.open[key] = alert
    elif desk.open.get(key) is not None and desk.open[key].pk == alert.pk:
        del desk.open[key]
    desk.lines.append(correct.line(alert, x, what))
    correct.emit(alert, what, x, Changed(alert, correct.FIELDS), facts(alert, words))
    follow = {"ended": "cleared", "withdrawn": "cleared", "reopened": "raised"}.get(what)
    if follow:
        _tell(desk, Changed(alert, correct.FIELDS), msgspec.structs.replace(x, seq=0), follow, words)


def _requalify(desk: Desk, alert: Alert, x: Transition) -> None:
    """The data under an open alert became better or worse: a line of the journal, no event."""
    alert.seq, alert.quality = x.seq, x.quality
    alert.save(update_fields=["seq", "quality"])
    desk.lines.append(_line(alert, x, "quality", desk.now))


def _line(alert: Alert, x: Transition, kind: str, now: datetime) -> AlertChange:
    return AlertChange(alert=alert, rule=x.rule, point=x.point, seq=x.seq or None, at=clock.from_ms(x.at),
                       recorded_at=now, kind=kind, tier=x.tier, level=alert.level, value=x.value,
                       data={"since": x.since, "heard": x.heard, "plan": x.plan, "quality": x.quality, "n": x.n,
                             "limit": x.limit})


def _tell(desk: Desk, changed: Changed, x: Transition, kind: str, words: dict[str, Any]) -> None:
    """The line and the event; what was last known of the alert is its cause."""
    desk.lines.append(_line(changed.alert, x, kind, desk.now))
    if changed.alert.suppressed_by:
        changed.save(update_fields=[])
    else:
        _emit(changed, x, kind, words)


def _emit(changed: Changed, x: Transition, kind: str, words: dict[str, Any]) -> None:
    alert = changed.alert
    with events.because(alert.last):
        events.emit(EVENT_OF[kind], subject=alert.subject_id, scene=alert.scene, about=f"alert:{alert.pk}",
                    remember=changed, **facts(alert, words), at_ms=x.at, heard_ms=x.heard)


def facts(alert: Alert, words: dict[str, Any]) -> dict[str, Any]:
    """What an event about an alert says: enough for links, notices and the wall without asking back."""
    return {"alert": alert.pk, "rule": alert.rule, "kind": alert.kind, "tier": alert.tier, "level": alert.level,
            "highest": alert.highest, "value": alert.last_value, "limit": alert.limit_value, "unit": alert.unit,
            "quality": alert.quality, "point": alert.point_id, "point_code": alert.point.code, "top": alert.top_id,
            "region": alert.region, "line": alert.line, "title": title(alert, words),
            "shelved": alert.shelved_until is not None and alert.shelved_until > clock.now()}


def title(alert: Alert, words: dict[str, Any]) -> str:
    """What the alert is called: subject, point and what the tier means, 'T-101 液位 高高报'."""
    tier = words["tiers"].get(str(alert.tier), {})
    name = alert.point.name
    place = name if alert.subject.name in name else f"{alert.subject.name} {name}"
    return f"{place} {tier.get('means') or words['title']}"
