"""Following the event table: nothing twice, nothing lost to an id that was committed late; slow screens are dropped."""

import asyncio

import pytest

from shouwang.kernel import clock
from shouwang.kernel.models import Event, Grant
from shouwang.surfaces.wall import live

pytestmark = pytest.mark.django_db


def event(pk: int | None = None) -> Event:
    return Event.objects.create(pk=pk, at=clock.now(), type="rules.alert_raised",
                                data={"region": "370829", "top": 7, "level": "red"})


def test_each_event_is_told_once_in_order() -> None:
    tail = live.Tail()
    before = event()
    assert tail.start() == before.pk
    made = [event().pk for _ in range(3)]
    assert [m.id for m in tail.read()] == made
    assert tail.read() == []


def test_an_id_committed_late_is_told_when_it_appears() -> None:
    tail = live.Tail()
    base = event().pk
    tail.start()
    event(base + 3)
    assert [m.id for m in tail.read()] == [base + 3]
    event(base + 1)
    assert [m.id for m in tail.read()] == [base + 1]
    assert tail.read() == []
    event(base + 2)
    event(base + 4)
    assert [m.id for m in tail.read()] == [base + 2, base + 4]


def test_a_gap_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    tail = live.Tail()
    base = event().pk
    tail.start()
    event(base + 2)
    tail.read()
    assert tail.gaps
    monkeypatch.setattr(live, "GAP_PATIENCE", 0.0)
    tail.read()
    assert not tail.gaps


def screen(**grant: object) -> live.Screen:
    given = Grant(**{"role": "county_supervisor", "region": "3708", **grant})
    return live.Screen({"rules": [given]})


def message(region: str = "370829", top: int = 7, line: str = "hazchem", family: str = "rules") -> live.Message:
    return live.Message(1, family, region, top, line, b"data: {}\n\n")


@pytest.mark.parametrize(("grant", "said", "seen"), [
    ({}, {}, True),
    ({}, {"region": "3302"}, False),
    ({"region": ""}, {"region": ""}, True),
    ({}, {"region": ""}, False),
    ({"subject": 7}, {}, True),
    ({"subject": 8}, {}, False),
    ({"line": "coal"}, {}, False),
    ({"line": "hazchem"}, {}, True),
    ({}, {"family": "flows"}, False),
])
def test_who_sees_what(grant: dict[str, object], said: dict[str, str], seen: bool) -> None:
    assert screen(**grant).sees(message(**said)) is seen


def test_a_slow_screen_is_dropped_not_fed_for_ever() -> None:
    async def flood() -> live.Screen:
        slow = screen()
        for _ in range(live.BACKLOG + 5):
            slow.offer(message())
        return slow

    slow = asyncio.run(flood())
    assert slow.dropped
    assert slow.queue.qsize() == live.BACKLOG
