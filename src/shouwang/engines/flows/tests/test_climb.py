"""Time passes: overdue once, each rung once and in order, across restarts, many at a time, two beats at once."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from shouwang.engines.flows import climb, move
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify import send
from shouwang.engines.notify.models import Notice, Post, Shift
from shouwang.kernel import clock, events, params
from shouwang.kernel.models import Event, Param

from .conftest import START, Cast, alert, only
from .test_move import FORM

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files_only() -> Iterator[None]:
    """Values a test has approved are forgotten with its rows."""
    yield
    params._rows = None


def escalations() -> list[str]:
    return [e.data["to"] for e in Event.objects.filter(type="flows.escalated").order_by("pk")]


def pass_time(minutes: int, step: int = 1) -> None:
    """The beat runs once every `step` minutes."""
    for _ in range(0, minutes, step):
        clock.advance(timedelta(minutes=step))
        climb.tick()
        send.tick()
        events.run_errands()


def test_无人办理_逐级呼叫_有人复诵就按表走(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    pass_time(9)
    assert escalations() == []
    pass_time(1)
    assert escalations() == ["town_duty"]
    called = Notice.objects.get(post=desks["town_duty"])
    assert called.must_read_back
    assert called.read_back_until == START + timedelta(minutes=15)
    assert "甲厂 液位高" in called.text
    send.read_back(called, cast.town_desk, "甲厂一号罐液位高", "red")
    pass_time(19)
    assert escalations() == ["town_duty"]
    pass_time(1)
    assert escalations() == ["town_duty", "county_duty"]
    assert only().overdue


def test_不复诵_提前升级(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    pass_time(15)
    assert escalations() == ["town_duty", "county_duty"]
    pass_time(5)
    assert escalations() == ["town_duty", "county_duty", "city_duty"]
    pass_time(5)
    assert Event.objects.filter(type="flows.unheard").count() == 1
    assert Notice.objects.filter(to=cast.city, data__why="flows.unheard").count() == 1
    pass_time(120, step=10)
    assert escalations() == ["town_duty", "county_duty", "city_duty"]
    assert Event.objects.filter(type="flows.overdue").count() == 1


def test_停机很久_每级各补一次_按顺序(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    clock.advance(timedelta(hours=20))
    assert climb.tick() == 4
    assert escalations() == ["town_duty", "county_duty", "city_duty"]
    assert climb.tick() == 0
    assert Event.objects.filter(type="flows.overdue").count() == 1
    assert Notice.objects.filter(post__isnull=False).count() == 3


def test_停机期间的旧呼叫不再推动梯级(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    pass_time(10)
    clock.advance(timedelta(minutes=21))
    climb.tick()  # the county is called on schedule before the town's silence is noticed
    assert escalations() == ["town_duty", "county_duty"]
    send.tick()
    assert Event.objects.filter(type="notify.unanswered").count() == 1
    assert escalations() == ["town_duty", "county_duty"]


def test_岗位没人_马上升级_不会无声丢掉(cast: Cast, desks: dict[str, Post]) -> None:
    Shift.objects.filter(post=desks["town_duty"]).delete()
    desks["county_duty"].shifts.all().delete()
    alert(cast.tank)
    clock.advance(timedelta(minutes=10))
    climb.tick()
    for _ in range(3):
        events.run_errands()
    assert escalations() == ["town_duty", "county_duty", "city_duty"]
    assert Event.objects.filter(type="notify.nobody_on_duty").count() == 2
    assert Notice.objects.get(must_read_back=True).post == desks["city_duty"]


def test_办了就不再升级(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    move.act(only(), "submit", cast.manager, FORM)
    pass_time(180, step=30)
    assert escalations() == []
    pass_time(60, step=30)
    assert escalations() == ["county_duty"]  # now it is the supervisor who has not verified


def test_很多同时到期_分页走完_一个不漏(cast: Cast, desks: dict[str, Post]) -> None:
    for n in range(25):
        alert(cast.tank, about=f"alert:{n}")
    clock.advance(timedelta(minutes=31))
    rounds = [climb.tick(limit=10) for _ in range(9)]
    assert sum(rounds) == 25 * 3
    assert rounds[:7] == [10] * 7
    assert Matter.objects.filter(overdue=True, late=1, rung=2).count() == 25
    assert len(escalations()) == 50


def test_一件走不成_不拖累别件(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank, about="alert:1")
    alert(cast.tank, about="alert:2")
    broken = Matter.objects.get(about="alert:1")
    Matter.objects.filter(pk=broken.pk).update(level="violet")  # a level without deadlines
    clock.advance(timedelta(minutes=10))
    climb.tick()
    assert {e.about for e in Event.objects.filter(type="flows.escalated")} == {
        f"matter:{Matter.objects.get(about='alert:2').pk}"}
    Matter.objects.filter(pk=broken.pk).update(level="red")
    clock.advance(timedelta(minutes=1, seconds=1))
    climb.tick()
    assert Event.objects.filter(type="flows.escalated", about=f"matter:{broken.pk}").count() == 1


def test_报警升级_时限从进入时起缩短_降级只留痕(cast: Cast) -> None:
    alert(cast.tank, level="yellow")
    assert only().due_at == START + timedelta(minutes=240)
    clock.advance(timedelta(minutes=5))
    alert(cast.tank, level="red", kind="upgraded")
    assert (only().level, only().due_at) == ("red", START + timedelta(minutes=30))
    assert only().climb_at == START + timedelta(minutes=10)
    alert(cast.tank, level="blue", kind="downgraded")
    assert (only().level, only().due_at) == ("red", START + timedelta(minutes=30))
    noted = [e.data["alert"] for e in Event.objects.filter(type="flows.releveled").order_by("pk")]
    assert noted == ["red", "blue"]


def test_时限取当地当日的参数(cast: Cast) -> None:
    Param.objects.create(path="flows.handle_within", locality="cn_370829", since=START.date(),
                         value={"red": "7m", "any": "9m"}, basis="嘉祥县规定", proposed_by="a", approved_by="b")
    params.refresh()
    alert(cast.tank)
    assert only().due_at == START + timedelta(minutes=7)
    alert(cast.tank, about="alert:2", level="blue")
    assert Matter.objects.get(about="alert:2").due_at == START + timedelta(minutes=9)


def test_时限参数写坏了_照样派单并提示_改好后自动补上(cast: Cast, desks: dict[str, Post]) -> None:
    wrong = Param.objects.create(path="flows.handle_within", locality="cn", since=START.date(),
                                 value={"red": "三十分钟"}, basis="笔误", proposed_by="a", approved_by="b")
    params.refresh()
    alert(cast.tank)
    matter = only()
    assert (matter.state, matter.due_at) == ("handle", None)
    assert "时限参数有误" in matter.flagged
    climb.tick()
    assert escalations() == []
    wrong.delete()
    params.refresh()
    clock.advance(timedelta(minutes=1, seconds=1))
    climb.tick()
    matter = only()
    assert (matter.due_at, matter.climb_at) == (START + timedelta(minutes=30), START + timedelta(minutes=10))
    assert matter.flagged == ""
