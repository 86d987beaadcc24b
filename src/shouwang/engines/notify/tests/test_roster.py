"""Rosters: who sits where, what is refused, what is missing."""

from datetime import date, timedelta

import pytest

from shouwang.engines.notify import roster
from shouwang.engines.notify.models import Shift
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Event

from .conftest import START, Cast, man

pytestmark = pytest.mark.django_db
H = timedelta(hours=1)


def test_在岗含起点不含终点(cast: Cast) -> None:
    man(cast.post, cast.desk, begin=8, hours=12)
    assert roster.on_duty(cast.post) == [cast.desk]
    assert roster.who("town_duty", "370829001") == [cast.desk]
    assert roster.on_duty(cast.post, START + 12 * H) == []
    assert roster.who("town_duty", "3709") == []


def test_排班_要有权限_留痕(cast: Cast) -> None:
    roster.add_shift(cast.county, cast.post, cast.desk, START, START + 12 * H)
    assert Event.objects.get(type="notify.shift_added").actor == "county"
    for nobody in (cast.neighbour, cast.manager, cast.desk, cast.grid):
        with pytest.raises(NotAllowed):
            roster.add_shift(nobody, cast.post, cast.relief, START, START + 12 * H)


def test_不合理的班次被拒(cast: Cast) -> None:
    roster.add_shift(cast.county, cast.post, cast.desk, START, START + 12 * H)
    for person, starts, ends, says in (
            (cast.desk, START + 11 * H, START + 20 * H, "时间重叠"), (cast.relief, START, START, "晚于"),
            (cast.relief, START, START + 49 * H, "48 小时"), (cast.grid, START, START + H, "没有在嘉祥镇值班室"),
            (cast.far, START, START + H, "没有在")):
        with pytest.raises(BadInput, match=says):
            roster.add_shift(cast.county, cast.post, person, starts, ends)
    roster.add_shift(cast.county, cast.post, cast.relief, START, START + 12 * H)  # two at one post is a double watch
    assert Shift.objects.count() == 2


def test_中途换班_已值的留在原人名下(cast: Cast) -> None:
    shift = man(cast.post, cast.desk, begin=8, hours=12)
    clock.advance(4 * H)
    roster.replace(cast.county, shift, cast.relief, "突发疾病")
    assert roster.on_duty(cast.post) == [cast.relief]
    assert roster.on_duty(cast.post, START + 3 * H) == [cast.desk]
    with pytest.raises(BadInput, match="理由"):
        roster.replace(cast.county, Shift.objects.get(account=cast.relief), cast.desk, "")
    clock.advance(20 * H)
    with pytest.raises(BadInput, match="已经结束"):
        roster.replace(cast.county, Shift.objects.get(account=cast.relief), cast.desk, "x")


def test_复制一周_已有的不重复(cast: Cast) -> None:
    for day in range(7):
        starts = START.replace(hour=0) + day * 24 * H
        Shift.objects.create(post=cast.post, account=cast.desk, starts=starts, ends=starts + 24 * H)
    assert roster.copy_week(cast.county, cast.post, date(2026, 6, 1), weeks=2) == 14
    assert roster.copy_week(cast.county, cast.post, date(2026, 6, 1), weeks=2) == 0
    assert Shift.objects.count() == 21
    assert roster.on_duty(cast.post, START + 14 * 24 * H) == [cast.desk]


def test_无人时段逐段报出(cast: Cast) -> None:
    man(cast.post, cast.desk, begin=8, hours=12)
    starts = START + 14 * H
    Shift.objects.create(post=cast.post, account=cast.relief, starts=starts, ends=starts + 4 * H)
    found = [(g.starts - START, g.ends - START) for g in roster.gaps("370829", days=1)]
    assert found == [(12 * H, 14 * H), (18 * H, 24 * H)]
    assert roster.gaps("3702", days=1) == []


def test_设岗_角色要能应答_同辖区不重复(cast: Cast) -> None:
    made = roster.make_post(cast.county, "嘉祥县值班室", "county_duty", "370829")
    assert roster.post_for("county_duty", "370829001") == made
    with pytest.raises(BadInput, match="能值守应答"):
        roster.make_post(cast.county, "x", "leader", "370829")
    with pytest.raises(NotAllowed, match="已有"):
        roster.make_post(cast.county, "y", "county_duty", "370829")
    with pytest.raises(NotAllowed):
        roster.make_post(cast.county, "z", "county_duty", "370830")
