"""The chain in sentences, and the numbers: who, when, what, how soon closed."""

from datetime import timedelta

import pytest
from django.http import Http404
from django.utils.translation import override

from shouwang.engines.flows import climb, move, read, story
from shouwang.engines.notify import send
from shouwang.engines.notify.models import Notice, Post
from shouwang.kernel import clock, events, measures

from .conftest import START, Cast, alert, only
from .test_move import FORM

pytestmark = pytest.mark.django_db


def test_全链条读起来像一篇记录(cast: Cast, desks: dict[str, Post]) -> None:
    alert(cast.tank)
    clock.advance(timedelta(minutes=10))
    climb.tick()
    send.read_back(Notice.objects.get(must_read_back=True), cast.town_desk, "甲厂一号罐液位高", "red")
    clock.advance(timedelta(minutes=5))
    matter = move.act(only(), "submit", cast.manager, FORM)
    matter = move.act(matter, "accept", cast.county, {"opinion": "现场已核实"})
    said = [(s.who, s.text) for s in read.timeline(matter)]
    assert said == [
        ("", "研判报警(红):液位高"),
        ("", "开出事项:甲厂 液位高"),
        ("", "进入“待企业处置”,由企业安全管理员在 2026-06-01 08:30 前办理"),
        ("", "已通知 张安全"),
        ("", "仍未办理,升级到第 1 级:呼叫镇街值守"),
        ("", "呼叫镇值班岗(在岗:镇值班),须在 2026-06-01 08:15 前复诵"),
        ("镇值班", "镇值班岗已复诵:“甲厂一号罐液位高”"),
        ("张安全", "办理:提交处置"),
        ("", "进入“待监管核查”,由区县监管人员在 2026-06-01 12:15 前办理"),
        ("", "已通知 孙县监"),
        ("孙县监", "办理:核查通过,销号"),
        ("", "进入“已销号”"),
        ("", "事项办结:已销号"),
    ]
    acted = next(s for s in read.timeline(matter) if s.type == "flows.acted")
    assert acted.form == [("原因", "工艺波动"), ("处置措施", "降液位至安全线以下")]


def test_英文读者看到英文(cast: Cast) -> None:
    alert(cast.tank)
    matter = move.act(only(), "submit", cast.manager, FORM)
    with override("en"):
        story_ = read.timeline(matter)
    assert [s.text for s in story_ if s.type == "flows.acted"] == ["Done: Submit handling"]
    assert next(s.form for s in story_ if s.form)[0] == ("Cause", "Process swing")
    assert not any("一" <= c <= "鿿" for s in story_ if s.type == "flows.entered" for c in s.text)


def test_看不见别人的事项(cast: Cast) -> None:
    alert(cast.tank)
    pk = only().pk
    for sees in (cast.manager, cast.operator, cast.county, cast.city, cast.town, cast.grid, cast.officer):
        assert read.one(sees, pk).pk == pk
        assert read.matters(sees).count() == 1
    for blind in (cast.other, cast.stranger):
        assert not read.matters(blind)
        with pytest.raises(Http404):
            read.one(blind, pk)


def test_筛选(cast: Cast) -> None:
    alert(cast.tank)
    alert(cast.jia, about="alert:2", level="blue")
    assert read.matters(cast.county, {"level": "red"}).count() == 1
    assert read.matters(cast.county, {"words": "一号罐"}).count() == 1
    assert read.matters(cast.county, {"region": "370829", "open": True, "state": "handle"}).count() == 2
    assert read.matters(cast.county, {"region": "3702"}).count() == 0
    assert read.matters(cast.county, {"open": "0"}).count() == 0
    assert read.matters(cast.county, {"top": "乱写"}).count() == 0
    assert read.matters(cast.county, {"top": str(cast.jia.pk), "open": "1", "mine": "0"}).count() == 2
    assert read.matters(cast.manager, {"mine": True}).count() == 2
    assert read.matters(cast.county, {"mine": True}).count() == 0


def test_办结率与漏斗与指标(cast: Cast) -> None:
    assert measures.read("flows.closed_ratio", subject=cast.jia.pk, since=START) is None
    for n in range(4):
        alert(cast.tank, about=f"alert:{n}")
    first, second, *_ = read.matters(cast.county)
    move.act(move.act(first, "submit", cast.manager, FORM), "accept", cast.county, {})
    move.act(second, "submit", cast.manager, FORM)
    clock.advance(timedelta(minutes=31))
    climb.tick()
    (county,) = read.closing(cast.city, START)
    assert (county.region, county.name, county.opened, county.closed, county.rate) == ("370829", "嘉祥县", 4, 1, 0.25)
    assert {(s.state, s.count, s.overdue) for s in read.funnel(cast.city, START)} == {
        ("handle", 2, 2), ("verify", 1, 0), ("closed", 1, 0)}
    assert measures.read("flows.closed_ratio", subject=cast.jia.pk, since=START) == 0.25
    assert measures.read("flows.overdue_ratio", subject=cast.jia.pk, since=START) == 0.5
    assert read.closing(cast.stranger, START) == []


def test_没有措辞的事件用它声明的含义(cast: Cast) -> None:
    event = events.emit("rules.alert_unshelved", about="alert:1")
    assert story.sentence(event) == "搁置结束"
