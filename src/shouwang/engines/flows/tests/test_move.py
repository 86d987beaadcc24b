"""From an alert to a closed matter, and every way in which a step is refused."""

from datetime import timedelta

import pytest

from shouwang.engines.flows import move, read
from shouwang.engines.flows.models import Matter
from shouwang.kernel import clock, events
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Event

from .conftest import START, Cast, alert, only, over_limit

FORM = {"reason": "process_swing", "measure": "降液位至安全线以下"}
pytestmark = pytest.mark.django_db


def types(about: str = "") -> list[str]:
    rows = Event.objects.order_by("pk")
    return list((rows.filter(about=about) if about else rows).values_list("type", flat=True))


def test_报警开出事项_企业处置_监管核查_销号(cast: Cast) -> None:
    alert(cast.tank)
    matter = only()
    assert (matter.state, matter.role, matter.level) == ("handle", "safety_manager", "red")
    assert (matter.top, matter.region, matter.line, matter.title) == (cast.jia, "370829001", "hazchem", "液位高")
    assert matter.due_at == START + timedelta(minutes=30)
    assert matter.climb_at == START + timedelta(minutes=10)

    clock.advance(timedelta(minutes=5))
    matter = move.act(matter, "submit", cast.manager, FORM)
    assert (matter.state, matter.role) == ("verify", "county_supervisor")
    assert matter.due_at == START + timedelta(hours=4, minutes=5)

    matter = move.act(matter, "accept", cast.county, {"opinion": "已到现场核实"})
    assert (matter.state, matter.end, matter.role) == ("closed", "done", "")
    assert matter.closed_at == clock.now()
    assert matter.due_at is None
    told = [t for t in types(f"matter:{matter.pk}") if t.startswith("flows.")]
    assert told == ["flows.opened", "flows.entered", "flows.acted", "flows.entered", "flows.acted", "flows.entered",
                    "flows.closed"]


def test_销号能一路追到报警(cast: Cast) -> None:
    alert(cast.tank)
    matter = move.act(only(), "submit", cast.manager, FORM)
    matter = move.act(matter, "accept", cast.county, {})
    why = [e.type for e in events.chain(Event.objects.get(type="flows.closed"))]
    assert why[0] == "rules.alert_raised"
    assert [t for t in why if t in ("flows.opened", "flows.acted", "flows.closed")] == [
        "flows.opened", "flows.acted", "flows.acted", "flows.closed"]


def test_同一报警不重复派单_另一报警另派(cast: Cast) -> None:
    alert(cast.tank)
    alert(cast.tank)
    assert Matter.objects.count() == 1
    alert(cast.tank, about="alert:2")
    assert Matter.objects.count() == 2


def test_办结后再报是新的一件(cast: Cast) -> None:
    alert(cast.tank)
    move.act(move.act(only(), "submit", cast.manager, FORM), "accept", cast.county, {})
    alert(cast.tank)
    assert Matter.objects.filter(closed_at=None).count() == 1
    assert Matter.objects.count() == 2


@pytest.mark.parametrize("who", ["other", "operator", "county", "city", "town", "grid", "officer", "stranger"])
def test_处置只能由本企业安全管理员(cast: Cast, who: str) -> None:
    alert(cast.tank)
    with pytest.raises(NotAllowed, match="企业安全管理员"):
        move.act(only(), "submit", getattr(cast, who), FORM)
    assert only().state == "handle"


@pytest.mark.parametrize("who", ["manager", "operator", "other", "town", "grid", "officer", "stranger"])
def test_核查只能由监管人员(cast: Cast, who: str) -> None:
    alert(cast.tank)
    matter = move.act(only(), "submit", cast.manager, FORM)
    with pytest.raises(NotAllowed, match="区县监管人员"):
        move.act(matter, "accept", getattr(cast, who), {})


def test_市级可代区县核查(cast: Cast) -> None:
    alert(cast.tank)
    matter = move.act(only(), "submit", cast.manager, FORM)
    assert move.act(matter, "accept", cast.city, {}).state == "closed"


def test_仍超限可提交但留下提示_核查被拒(cast: Cast) -> None:
    alert(cast.tank)
    over_limit.add("alert:1")
    matter = move.act(only(), "submit", cast.manager, FORM)
    assert matter.flagged == "读数仍在限值以上"
    with pytest.raises(NotAllowed, match="读数仍在限值以上"):
        move.act(matter, "accept", cast.county, {})
    assert only().state == "verify"
    matter = move.act(only(), "reject", cast.county, {"why": "未恢复"})
    assert (matter.state, matter.flagged) == ("handle", "")


def test_旧页面的提交被拒_不会办两次(cast: Cast) -> None:
    alert(cast.tank)
    seen = only()
    move.act(only(), "submit", cast.manager, FORM, revision=0)
    with pytest.raises(NotAllowed, match="已被他人办理"):
        move.act(seen, "submit", cast.manager, FORM, revision=0)
    with pytest.raises(NotAllowed, match="已被他人办理"):
        move.act(only(), "accept", cast.county, {}, revision=0)
    assert types().count("flows.acted") == 1


@pytest.mark.parametrize(("form", "says"), [
    ({"measure": "关阀"}, "原因"), ({**FORM, "reason": "懒"}, "没有选项"), ({**FORM, "bogus": "1"}, "没有这些栏"),
    ({**FORM, "measure": "长" * 1001}, "最多 1000 字")])
def test_表单填错指出是哪一栏(cast: Cast, form: dict[str, str], says: str) -> None:
    alert(cast.tank)
    with pytest.raises(BadInput, match=says):
        move.act(only(), "submit", cast.manager, form)
    assert only().revision == 0


def test_没有这一步(cast: Cast) -> None:
    alert(cast.tank)
    with pytest.raises(BadInput, match="没有“accept”这一步"):
        move.act(only(), "accept", cast.manager, {})


def test_办结后不能再办(cast: Cast) -> None:
    alert(cast.tank)
    matter = move.act(move.act(only(), "submit", cast.manager, FORM), "accept", cast.county, {})
    with pytest.raises(NotAllowed, match="已经办结"):
        move.act(matter, "submit", cast.manager, FORM)


def test_反复退回也不算绕圈(cast: Cast) -> None:
    alert(cast.tank)
    matter = only()
    for _ in range(10):
        matter = move.act(matter, "submit", cast.manager, FORM)
        matter = move.act(matter, "reject", cast.county, {"why": "再查"})
    assert matter.revision == 20
    assert len(events.chain(matter.last)) > 24


def test_人工发起_要有权限_不重复(cast: Cast) -> None:
    made = move.start("trial.warning", cast.tank, cast.county, title="现场发现渗漏", level="orange", about="seen:1")
    assert (made.state, made.level) == ("handle", "orange")
    assert Event.objects.get(type="flows.opened").actor == "county"
    with pytest.raises(BadInput, match="未办结"):
        move.start("trial.warning", cast.tank, cast.county, title="又见", level="red", about="seen:1")
    for nobody in (cast.grid, cast.other, cast.stranger):
        with pytest.raises(NotAllowed):
            move.start("trial.warning", cast.tank, nobody, title="x", level="red")


def test_我的待办(cast: Cast) -> None:
    alert(cast.tank, level="yellow")
    alert(cast.tank, about="alert:2", level="red")
    assert [m.level for m in read.mine(cast.manager)] == ["red", "yellow"]
    assert not read.mine(cast.other)
    assert not read.mine(cast.county)
    move.act(Matter.objects.get(level="red"), "submit", cast.manager, FORM)
    assert [m.level for m in read.mine(cast.county)] == ["red"]
    assert [m.level for m in read.mine(cast.manager)] == ["yellow"]
