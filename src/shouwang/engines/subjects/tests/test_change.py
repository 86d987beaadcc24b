"""Verbs of the registry: what they refuse, what they write down."""

from decimal import Decimal
from typing import Any

import pytest

from shouwang.engines.subjects import change, credit_code
from shouwang.engines.subjects.models import Point, Subject
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Event, Grant

from .conftest import JIA, Cast

NEW = credit_code.make("91370829MA9000009")


def test_create_and_its_event(cast: Cast) -> None:
    firm = change.create(
        cast.jiaxiang,
        kind="enterprise",
        code=NEW.lower(),
        name="丙厂",
        region="370829000000",
        line="hazchem",
        facts={"staff": "12"},
    )
    assert (firm.top_id, firm.code, firm.region, firm.facts) == (firm.pk, NEW, "370829", {"staff": 12.0})
    tank = change.create(cast.jiaxiang, kind="tank", code="V1", name="罐", parent=firm, facts={"design": "pressure"})
    assert (tank.top_id, tank.region, tank.line) == (firm.pk, "370829", "hazchem")
    event = Event.objects.filter(type="subjects.created").latest("id")
    assert (event.actor, event.about, event.subject) == ("jiaxiang", f"subject:{tank.pk}", tank.pk)


@pytest.mark.parametrize(
    "wrong",
    [
        {"code": "123"},
        {"code": JIA},
        {"name": ""},
        {"name": "a\nb"},
        {"region": "999999"},
        {"region": ""},
        {"line": "rockets"},
        {"facts": {"colour": "red"}},
        {"facts": {"staff": -1}},
        {"lon": 116.4},
        {"lon": 35.4, "lat": 116.4},
        {"kind": "tank"},
        {"kind": "spaceship"},
    ],
)
def test_create_refuses(cast: Cast, wrong: dict[str, Any]) -> None:
    given: dict[str, Any] = {
        "kind": "enterprise",
        "code": NEW,
        "name": "丙厂",
        "region": "370829",
        "line": "hazchem",
        **wrong,
    }
    with pytest.raises(BadInput):
        change.create(cast.city, **given)
    assert not Subject.objects.filter(code=NEW).exists()


def test_outside_the_reach_nothing_changes(cast: Cast) -> None:
    for who in (cast.coal, cast.manager, cast.stranger):
        with pytest.raises(NotAllowed):
            change.update(who, cast.jia, name="改名")
        with pytest.raises(NotAllowed):
            change.set_status(who, cast.jia, "stopped", "检修")
        with pytest.raises(NotAllowed):
            change.change_limits(cast.level, who, {"h": 80}, "试")
    with pytest.raises(NotAllowed):
        change.update(cast.jiaxiang, cast.jia, region="370830")  # may not push it out of the own county
    cast.jia.refresh_from_db()
    assert (cast.jia.name, cast.jia.region, cast.jia.status) == ("甲厂", "370829001", "running")


def test_update_keeps_was_and_now(cast: Cast) -> None:
    change.update(cast.city, cast.jia, name="甲厂新", facts={"address": "新址"})
    event = Event.objects.get(type="subjects.updated")
    assert event.data["changes"]["name"] == {"was": "甲厂", "now": "甲厂新"}
    change.update(cast.city, cast.jia, name="甲厂新")
    assert Event.objects.filter(type="subjects.updated").count() == 1


def test_a_moved_enterprise_takes_its_family_along(cast: Cast) -> None:
    change.update(cast.city, cast.jia, region="370830", line="coal")
    cast.tank.refresh_from_db()
    assert (cast.tank.region, cast.tank.line, Grant.objects.get(account=cast.manager).region) == (
        "370830",
        "coal",
        "370830",
    )


@pytest.mark.parametrize("changes", [{"code": "x"}, {"name": " "}, {"facts": {"x": 1}}, {"lat": 35.0}])
def test_update_refuses(cast: Cast, changes: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        change.update(cast.city, cast.jia, **changes)


def test_the_line_of_a_part_is_its_enterprises(cast: Cast) -> None:
    with pytest.raises(BadInput, match="行业线随企业"):
        change.update(cast.city, cast.tank, line="coal")


def test_status_with_reason(cast: Cast) -> None:
    change.set_status(cast.jiaxiang, cast.tank, "maintenance", "清罐")
    change.set_status(cast.jiaxiang, cast.tank, "maintenance", "清罐")
    event = Event.objects.get(type="subjects.status_changed")
    assert (event.data["was"], event.data["now"], event.data["reason"]) == ("running", "maintenance", "清罐")
    for status, reason in (("flying", "x"), ("stopped", " ")):
        with pytest.raises(BadInput):
            change.set_status(cast.jiaxiang, cast.tank, status, reason)


def test_limits_are_changed_with_a_reason_and_the_plan_can_see_it(cast: Cast) -> None:
    before = Point.objects.get(pk=cast.level.pk).changed_at
    point = change.change_limits(cast.level, cast.jiaxiang, {"h": "80.5", "ll": None}, "工艺卡片第3版")
    assert (point.h, point.ll, point.hh) == (Decimal("80.5"), None, 90)
    assert Point.objects.get(pk=cast.level.pk).changed_at > before
    event = Event.objects.get(type="subjects.limits_changed")
    assert (event.data["was"]["h"], event.data["now"]["h"], event.data["now"]["ll"], event.data["reason"]) == (
        "85", "80.5", None, "工艺卡片第3版")


@pytest.mark.parametrize(
    ("new", "reason"),
    [
        ({"h": 90}, "试"),
        ({"h": 95}, "试"),
        ({"hh": 101}, "试"),
        ({"h": "80.505"}, "试"),
        ({"h": "高"}, "试"),
        ({"h": 80}, " "),
        ({"x": 80}, "试"),
        ({"deadband": -1}, "试"),
        ({"deadband": 70}, "试"),
    ],
)
def test_limits_that_do_not_fit_are_refused(cast: Cast, new: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput):
        change.change_limits(cast.level, cast.city, new, reason)
    assert Point.objects.get(pk=cast.level.pk).h == 85
    assert not Event.objects.filter(type="subjects.limits_changed").exists()
