"""Evidence: the journal of one alert and the events of its matter as a file that verifies itself."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from django.db.models import Count

from shouwang.kernel import access, clock, events
from shouwang.kernel.models import Event

from . import chain, read
from .models import Alert, AlertChange

events.declares(rules__evidence_exported="导出了报警证据")
EVENT = "rules.alert_"
OF_ALERT = ("rule", "scene", "kind", "region", "line", "active", "tier", "level", "highest", "first_value",
            "worst_value", "last_value", "limit_value", "unit", "basis", "quality", "acked_by", "shelved_by",
            "shelved_reason", "suppressed_by", "out_of_service", "parked")
MOMENTS = ("opened_at", "raised_at", "recorded_at", "cleared_at", "acked_at", "shelved_until")


def export(alert: Alert, by: str, *, matters: bool = True) -> bytes:
    """The evidence file of an alert; who exported it and its seal go to the audit trail.

    `matters`: with the events of the matters that it opened.
    """
    exported = {"at": chain.utc(clock.now()), "by": by, "system": "守望 Shouwang"}
    told = chain.encode({"format": chain.FORMAT, "exported": exported, "alert": facts(alert)}, {
        "changes": [{**line.record(), "hash": line.hash} for line in read.journal(alert)],
        "events": chain.linked(map(_event, _about(alert, matters)))})
    events.emit("rules.evidence_exported", subject=alert.subject_id, scene=alert.scene, actor=by,
                about=f"alert:{alert.pk}", alert=alert.pk, seal=chain.verify(told).seal)
    return told


def for_account(alert: Alert, account: Any) -> bytes:
    """… for a person: with the events of matters where they may see matters."""
    return export(alert, account.username, matters=access.may(account, "matters.see"))


def facts(alert: Alert) -> dict[str, Any]:
    """The alert as it stands, with the names of what it is about."""
    moments = {n: getattr(alert, n) for n in MOMENTS}
    return {"id": alert.pk, **{n: getattr(alert, n) for n in OF_ALERT},
            **{n: None if at is None else chain.utc(at) for n, at in moments.items()},
            "point": {"id": alert.point_id, "code": alert.point.code, "name": alert.point.name},
            "subject": {"id": alert.subject_id, "name": alert.subject.name},
            "enterprise": {"id": alert.top_id, "name": alert.top.name, "code": alert.top.code}}


def _about(alert: Alert, matters: bool) -> list[Event]:
    """What happened about the alert and, if wanted, about the matters its events opened; oldest first."""
    own = f"alert:{alert.pk}"
    abouts = {own}
    if matters:
        opened = Event.objects.filter(cause__about=own, about__startswith="matter:")
        abouts |= set(opened.values_list("about", flat=True))
    return list(Event.objects.filter(about__in=abouts).exclude(type="rules.evidence_exported").order_by("id"))


def _event(event: Event) -> chain.Record:
    return {"id": event.pk, "at": chain.utc(event.at), "type": event.type, "actor": event.actor, "about": event.about,
            "subject": event.subject, "cause": event.cause_id, "data": event.data}


def broken_lines() -> Iterator[tuple[AlertChange, str]]:
    """The first broken line of every alert whose journal no longer holds, with the reason."""
    lines = AlertChange.objects.order_by("alert_id", "place", "id").iterator()
    for _alert, own in groupby(lines, key=lambda line: line.alert_id):
        prev = chain.FIRST
        for place, line in enumerate(own, 1):
            if why := _wrong(line, place, prev):
                yield line, why
                break
            prev = line.hash


def missing_lines() -> Iterator[tuple[int, str, int]]:
    """(alert, kind, how many) lines that the events tell of and the journal no longer has: its end was cut off.

    A line of every kind but `quality` was written together with its event, and both tables only grow.
    """
    have = dict(_counted(AlertChange.objects.values_list("alert_id", "kind")))
    told = Event.objects.filter(type__startswith=EVENT, about__startswith="alert:").values_list("about", "type")
    for (about, type_), n in _counted(told):
        key = int(about.partition(":")[2]), type_.removeprefix(EVENT)
        if n > have.get(key, 0):
            yield *key, n - have.get(key, 0)


def _counted(rows: Any) -> Iterator[tuple[tuple[Any, Any], int]]:
    """Each pair of columns and how often it stands there, in order."""
    for first, second, n in rows.annotate(n=Count("pk")).order_by(*rows.query.values_select):
        yield (first, second), n


def _wrong(line: AlertChange, place: int, prev: str) -> str:
    if line.hash != chain.digest(line.record()):
        return "内容与其哈希不符,被改动过"
    return "" if (line.place, line.prev) == (place, prev) else "与前一条接不上,其间有记录被删去、插入或调换"
