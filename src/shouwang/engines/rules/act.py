"""What people do to an alert: acknowledge it, shelve it with a reason and an end, take it off the shelf."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import Q

from shouwang.kernel import access, clock, events, params
from shouwang.kernel.errors import BadInput
from shouwang.kernel.models import Account

from .models import Alert, AlertChange

LONGEST = "rules.shelve_longest"


def acknowledge(alert: Alert, account: Account, note: str = "") -> bool:
    """Somebody knows. False when somebody had said so already (then nothing is written)."""
    _require(alert, account, "alerts.acknowledge")
    with transaction.atomic():
        if not Alert.objects.filter(pk=alert.pk, acked_at=None).update(acked_at=clock.now(), acked_by=account.username):
            return False
        _record(alert, "acknowledged", account.username, note)
    return True


def shelve(alert: Alert, account: Account, until: datetime, reason: str) -> None:
    """Put an open alert aside until a moment, with a reason; how long at most is a dated param by level."""
    _require(alert, account, "alerts.shelve")
    reason = reason.strip()
    if not reason:
        raise BadInput("搁置必须写明理由")
    longest = longest_shelf(alert)
    if not clock.now() < until <= clock.now() + longest:
        hours = longest.total_seconds() / 3600
        raise BadInput(f"搁置的结束时间应在现在之后、{hours:g} 小时之内(该等级的上限,见参数 {LONGEST})")
    with transaction.atomic():
        put = {"shelved_until": until, "shelved_by": account.username, "shelved_reason": reason[:200]}
        if not Alert.objects.filter(pk=alert.pk, active=True).update(**put):
            raise BadInput("报警已结束,不需要搁置;请刷新页面")
        _record(alert, "shelved", account.username, reason, until=until.isoformat())


def longest_shelf(alert: Alert) -> timedelta:
    """How long an alert of this level may be shelved there today."""
    table = params.value(LONGEST, clock.today(), params.of_region(alert.region))
    return clock.span(table[alert.level])


def unshelve(alert: Alert, account: Account, note: str = "") -> None:
    """Take an alert off the shelf before its time."""
    _require(alert, account, "alerts.shelve")
    with transaction.atomic():
        if not _take_off(alert):
            raise BadInput("这条报警没有搁置;请刷新页面")
        _record(alert, "unshelved", account.username, note)


def unshelve_due() -> int:
    """End every shelving whose time has come or whose alert is over; returns how many."""
    due = Alert.objects.exclude(shelved_until=None).filter(Q(shelved_until__lte=clock.now()) | Q(active=False))
    return sum(_unshelve_one(a) for a in due.select_related("last", "point", "subject"))


def _unshelve_one(alert: Alert) -> int:
    with transaction.atomic():
        if not _take_off(alert):
            return 0
        _record(alert, "unshelved", "", "到期" if alert.active else "报警已结束")
    return 1


def _take_off(alert: Alert) -> int:
    still = Alert.objects.filter(pk=alert.pk, shelved_until=alert.shelved_until).exclude(shelved_until=None)
    return still.update(shelved_until=None, shelved_by="", shelved_reason="")


def _require(alert: Alert, account: Account, permission: str) -> None:
    access.require(account, permission, region=alert.region, top=alert.top_id, line=alert.line)


def _record(alert: Alert, kind: str, actor: str, note: str, **more: Any) -> None:
    """A line of the journal and the event; the alert is read again as it now stands."""
    alert.refresh_from_db()
    now = clock.now()
    AlertChange.objects.create(alert=alert, rule=alert.rule, point=alert.point_id, at=now, recorded_at=now, kind=kind,
                               tier=alert.tier, level=alert.level, actor=actor, note=note[:200], data=more)
    with events.because(alert.last):
        events.emit(f"rules.alert_{kind}", subject=alert.subject_id, scene=alert.scene, actor=actor,
                    about=f"alert:{alert.pk}", remember=alert, alert=alert.pk, rule=alert.rule, level=alert.level,
                    highest=alert.highest, point=alert.point_id, top=alert.top_id, region=alert.region, reason=note,
                    **more)
