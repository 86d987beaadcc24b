"""Somebody else acts in one's place: same side, fitting role, until the state is left."""

import pytest

from shouwang.engines.flows import move, read
from shouwang.engines.notify.models import Notice
from shouwang.kernel.errors import BadInput, NotAllowed

from .conftest import Cast, alert, only, person
from .test_move import FORM

pytestmark = pytest.mark.django_db


def test_委托值班人员处置_离开该状态即失效(cast: Cast) -> None:
    alert(cast.tank)
    matter = move.delegate(only(), cast.manager, cast.operator, "本人在外出差")
    assert list(read.mine(cast.operator)) == [matter]
    assert not read.mine(cast.manager)
    assert Notice.objects.get(to=cast.operator).text.endswith("前办结")
    matter = move.act(only(), "submit", cast.operator, FORM)
    assert (matter.state, matter.delegate) == ("verify", None)
    matter = move.act(matter, "reject", cast.county, {"why": "重办"})
    with pytest.raises(NotAllowed):
        move.act(matter, "submit", cast.operator, FORM)


def test_委托后本人仍可办(cast: Cast) -> None:
    alert(cast.tank)
    move.delegate(only(), cast.manager, cast.operator, "出差")
    assert move.act(only(), "submit", cast.manager, FORM).state == "verify"


@pytest.mark.parametrize("to", ["other", "county", "town", "grid", "officer", "stranger", "manager", "town_desk"])
def test_企业的事只能委托给本企业适岗的人(cast: Cast, to: str) -> None:
    alert(cast.tank)
    with pytest.raises(BadInput, match="不能委托"):
        move.delegate(only(), cast.manager, getattr(cast, to), "出差")


@pytest.mark.parametrize(("to", "fits"), [("town", True), ("city", True), ("grid", False), ("officer", False),
                                          ("operator", False), ("manager", False)])
def test_核查只能委托给监管人员(cast: Cast, to: str, fits: bool) -> None:
    alert(cast.tank)
    matter = move.act(only(), "submit", cast.manager, FORM)
    if fits:
        matter = move.delegate(matter, cast.county, getattr(cast, to), "下乡")
        assert move.act(matter, "accept", getattr(cast, to), {}).state == "closed"
    else:
        with pytest.raises(BadInput):
            move.delegate(matter, cast.county, getattr(cast, to), "下乡")


def test_别人不能替我委托_受托人不能再转托_理由必填(cast: Cast) -> None:
    alert(cast.tank)
    with pytest.raises(NotAllowed):
        move.delegate(only(), cast.county, cast.operator, "x")
    with pytest.raises(BadInput, match="理由"):
        move.delegate(only(), cast.manager, cast.operator, "  ")
    matter = move.delegate(only(), cast.manager, cast.operator, "出差")
    second = person("operator2", "吴班长", "operator", "", cast.jia.pk)
    with pytest.raises(NotAllowed):
        move.delegate(matter, cast.operator, second, "我也出差")
