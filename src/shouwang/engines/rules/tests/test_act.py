"""What people do to an alert: only whom it concerns, with a reason, in the journal, with an end."""

from datetime import datetime, timedelta

import pytest

from shouwang.engines.rules import act, judge, read
from shouwang.engines.rules.models import Alert
from shouwang.kernel import clock, events
from shouwang.kernel.errors import BadInput, NotAllowed

from .conftest import START, Cast, Tape

LEVEL = "trial.process_limit"


@pytest.fixture
def alert(cast: Cast, compiled: int, tape: Tape) -> Alert:
    judge.apply([tape(LEVEL, cast.level.pk, "raised", 2, value=95.0)])
    return Alert.objects.get()


def kinds(alert: Alert) -> list[tuple[str, str, str]]:
    return [(c.kind, c.actor, c.note) for c in read.journal(alert)]


def test_acknowledging_is_written_once_with_who_and_when(cast: Cast, alert: Alert) -> None:
    assert act.acknowledge(alert, cast.people["manager"], "已派人去看")
    assert not act.acknowledge(Alert.objects.get(), cast.people["county"])
    now = Alert.objects.get()
    assert (now.acked_at, now.acked_by) == (START, "manager")
    assert kinds(now)[1:] == [("acknowledged", "manager", "已派人去看")]
    assert [e.type for e in events.chain(now.last)] == ["rules.alert_raised", "rules.alert_acknowledged"]
    assert now.last.actor == "manager"


@pytest.mark.parametrize("who", ["grid", "officer", "stranger"])
def test_who_may_not_acknowledge_is_told_so(cast: Cast, alert: Alert, who: str) -> None:
    with pytest.raises(NotAllowed):
        act.acknowledge(alert, cast.people[who])
    assert Alert.objects.get().acked_at is None


@pytest.mark.parametrize("who", ["manager", "grid", "stranger"])
def test_the_enterprise_cannot_shelve_its_own_alert(cast: Cast, alert: Alert, who: str) -> None:
    with pytest.raises(NotAllowed):
        act.shelve(alert, cast.people[who], START + timedelta(minutes=30), "检修")


@pytest.mark.parametrize(("until", "reason", "said"), [
    (START + timedelta(minutes=30), "  ", "理由"),
    (START, "检修", "1 小时"),
    (START - timedelta(minutes=1), "检修", "1 小时"),
    (START + timedelta(minutes=61), "检修", "1 小时"),
])
def test_shelving_needs_a_reason_and_an_end_within_the_limit_of_its_level(cast: Cast, alert: Alert, until: datetime,
                                                                         reason: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        act.shelve(alert, cast.people["county"], until, reason)
    assert Alert.objects.get().shelved_until is None


def test_a_shelf_ends_by_itself_and_the_alert_was_never_gone(cast: Cast, alert: Alert) -> None:
    until = START + timedelta(minutes=60)
    act.shelve(alert, cast.people["county"], until, "仪表检修,有票")
    now = Alert.objects.get()
    assert (read.isa_letter(now), now.active, now.shelved_by) == ("E", True, "county")
    assert act.unshelve_due() == 0
    with clock.at(until):
        assert act.unshelve_due() == 1
        assert act.unshelve_due() == 0
        after = Alert.objects.get()
        assert (read.isa_letter(after), after.shelved_reason) == ("B", "")
    assert kinds(after)[1:] == [("shelved", "county", "仪表检修,有票"), ("unshelved", "", "到期")]


def test_a_shelved_alert_that_clears_leaves_the_shelf(cast: Cast, alert: Alert, tape: Tape) -> None:
    act.shelve(alert, cast.people["county"], START + timedelta(minutes=60), "检修")
    tape.n, tape.seq = 1, {(LEVEL, cast.level.pk): 1}
    judge.apply([tape(LEVEL, cast.level.pk, "cleared", 0, at=60)])
    assert act.unshelve_due() == 1
    assert kinds(alert)[-1] == ("unshelved", "", "报警已结束")
    with pytest.raises(BadInput, match="已结束"):
        act.shelve(Alert.objects.get(), cast.people["county"], START + timedelta(minutes=5), "检修")


def test_taking_off_the_shelf_early(cast: Cast, alert: Alert) -> None:
    act.shelve(alert, cast.people["county"], START + timedelta(minutes=60), "检修")
    act.unshelve(Alert.objects.get(), cast.people["city"], "检修提前结束")
    assert kinds(alert)[-1] == ("unshelved", "city", "检修提前结束")
    with pytest.raises(BadInput, match="没有搁置"):
        act.unshelve(Alert.objects.get(), cast.people["city"])
