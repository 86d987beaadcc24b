"""Telling people, calling posts, reading back, staying silent."""

from datetime import timedelta

import pytest
from django.http import Http404

from shouwang.engines.notify import read, send
from shouwang.engines.notify.models import Notice, Post
from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput, NotAllowed
from shouwang.kernel.models import Event, Grant

from .conftest import START, Cast, call, man, only, turn

pytestmark = pytest.mark.django_db


def types() -> list[str]:
    return list(Event.objects.filter(type__startswith="notify.").order_by("pk").values_list("type", flat=True))


def test_轮到谁就告诉谁_文字说清企业事项时限(cast: Cast) -> None:
    turn(cast)
    assert [n.to for n in Notice.objects.order_by("pk")] == [cast.manager, cast.second]
    notice = Notice.objects.first()
    assert notice is not None
    assert notice.text == "【红】甲厂 液位高:待企业处置,请于 6月1日 08:30 前办理"
    assert (notice.about, notice.level, notice.region, notice.status) == ("matter:7", "red", "370829001", "actual")
    assert Event.objects.get(type="notify.told").data["people"] == ["张安全", "吴安全"]


def test_不同行业条线的人不打扰(cast: Cast) -> None:
    Grant.objects.filter(account=cast.second).update(line="coal")
    turn(cast)
    assert only().to == cast.manager


def test_委托了就只告诉受托人_办结不告诉任何人(cast: Cast) -> None:
    turn(cast, delegate=cast.relief.pk)
    assert only().to == cast.relief
    turn(cast, role="", state="closed")
    assert Notice.objects.count() == 1


def test_没有账号可通知_留下事件(cast: Cast) -> None:
    turn(cast, role="city_supervisor")
    assert not Notice.objects.exists()
    assert types() == ["notify.nobody_to_tell"]


def test_演练走真管道但写明演练(cast: Cast) -> None:
    turn(cast, status="exercise")
    notice = Notice.objects.first()
    assert notice is not None
    assert notice.status == "exercise"
    assert notice.text.startswith("【演练】【红】")


def test_呼叫最近的岗位(cast: Cast) -> None:
    city = Post.objects.create(name="市镇两用岗", role="town_duty", region="3708")
    man(cast.post, cast.desk)
    man(city, cast.relief)
    call(cast)
    assert only().post == cast.post
    Notice.objects.all().delete()
    call(cast, region="370811005")
    assert only().post == city


def test_企业自己的岗位优先(cast: Cast) -> None:
    own = Post.objects.create(name="甲厂中控室", role="town_duty", region="370829001", subject=cast.jia.pk)
    man(own, cast.relief)
    man(cast.post, cast.desk)
    call(cast)
    assert only().post == own


@pytest.mark.parametrize(("level", "minutes"), [("red", 5), ("orange", 10), ("yellow", 30), ("blue", 60)])
def test_复诵时限随等级(cast: Cast, level: str, minutes: int) -> None:
    man(cast.post, cast.desk)
    call(cast, level=level)
    assert only().read_back_until == START + timedelta(minutes=minutes)


def test_在岗的人复诵_只算一次(cast: Cast) -> None:
    man(cast.post, cast.desk)
    call(cast)
    done = send.read_back(only(), cast.desk, " 甲厂液位高,已通知其处置 ", "red")
    assert (done.read_back_by, done.read_back_text) == ("desk", "甲厂液位高,已通知其处置")
    assert done.read_at == done.read_back_at == START
    with pytest.raises(NotAllowed, match="已由他人复诵"):
        send.read_back(only(), cast.relief, "甲厂液位高", "red")
    assert types() == ["notify.called", "notify.read_back"]
    clock.advance(timedelta(hours=1))
    assert send.tick() == 0


@pytest.mark.parametrize("who", ["far", "manager", "county", "grid"])
def test_不在岗又无应答权的人不能复诵(cast: Cast, who: str) -> None:
    man(cast.post, cast.desk)
    call(cast)
    with pytest.raises(NotAllowed, match="不在嘉祥镇值班室"):
        send.read_back(only(), getattr(cast, who), "甲厂液位高", "red")


@pytest.mark.parametrize(("text", "level", "says"), [
    ("收到", "red", "至少 4 个字"), ("    ", "red", "至少"), ("甲厂液位高", "blue", "等级不对"),
    ("甲厂液位高", "", "等级不对")])
def test_敷衍的复诵不算(cast: Cast, text: str, level: str, says: str) -> None:
    man(cast.post, cast.desk)
    call(cast)
    with pytest.raises(BadInput, match=says):
        send.read_back(only(), cast.desk, text, level)
    assert only().read_back_at is None


def test_到时未复诵_只记一次_迟答也收(cast: Cast) -> None:
    man(cast.post, cast.desk)
    call(cast)
    clock.advance(timedelta(minutes=4, seconds=59))
    assert send.tick() == 0
    clock.advance(timedelta(seconds=1))
    assert send.tick() == 1
    assert send.tick() == 0
    silent = Event.objects.get(type="notify.unanswered")
    assert (silent.about, silent.data["rung"], silent.scene) == ("matter:7", 1, "trial")
    assert silent.cause is not None
    assert silent.cause.type == "notify.called"
    send.read_back(only(), cast.desk, "甲厂液位高", "red")
    assert Event.objects.get(type="notify.read_back").data["late"] is True


def test_无岗位或无人在岗_留事件_岗位有无都不丢(cast: Cast) -> None:
    call(cast)
    assert types() == ["notify.nobody_on_duty"]
    kept = only()
    assert (kept.post, kept.must_read_back) == (cast.post, False)
    call(cast, to="county_duty")
    assert Event.objects.filter(type="notify.nobody_on_duty", data__to="county_duty").count() == 1
    assert Notice.objects.count() == 1


def test_只看到自己的通知_岗位的只在班时看到(cast: Cast) -> None:
    turn(cast)
    man(cast.post, cast.desk, begin=8, hours=2)
    call(cast)
    assert read.unread(cast.manager) == 1
    assert read.unread(cast.other) == 0
    assert [n.must_read_back for n in read.to_read_back(cast.desk)] == [True]
    assert not read.notices(cast.relief)
    clock.advance(timedelta(hours=3))
    assert not read.notices(cast.desk)


def test_标为已读_别人的不存在(cast: Cast) -> None:
    turn(cast)
    mine = Notice.objects.get(to=cast.manager)
    assert read.mark_read(cast.manager, mine.pk).read_at == START
    assert read.unread(cast.manager) == 0
    with pytest.raises(Http404):
        read.mark_read(cast.other, mine.pk)
    assert read.mark_all_read(cast.second) == 1
