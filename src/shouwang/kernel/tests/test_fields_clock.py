"""Forms take what is declared and nothing else; spans and days are exact."""

from datetime import UTC, datetime, timedelta

import pytest

from shouwang.kernel import clock
from shouwang.kernel.errors import BadInput
from shouwang.kernel.fields import Field, clean

FORM = [
    Field(id="reason", title="原因", type="choice", required=True, options={"a": "甲", "b": "乙"}),
    Field(id="amount", title="数量", type="number", low=0, high=10),
    Field(id="note", title="说明", longest=5),
    Field(id="day", title="日期", type="date"),
]


def test_what_is_typed_becomes_stored_values():
    assert clean(FORM, {"reason": "a", "amount": "1.5", "note": " 好 ", "day": "2026-02-28"}) == {
        "reason": "a", "amount": 1.5, "note": "好", "day": "2026-02-28"}


@pytest.mark.parametrize(("given", "says"), [
    ({}, "“原因”必须填写"), ({"reason": "c"}, "没有选项"), ({"reason": "a", "amount": "NaN"}, "有限"),
    ({"reason": "a", "amount": "-0.1"}, "不能小于"), ({"reason": "a", "amount": "10.1"}, "不能大于"),
    ({"reason": "a", "amount": "十"}, "应是数字"), ({"reason": "a", "note": "一二三四五六"}, "最多 5 字"),
    ({"reason": "a", "day": "2026-02-30"}, "应是日期"), ({"reason": "a", "else": 1}, "没有这些栏")])
def test_what_is_wrong_is_named(given, says):
    with pytest.raises(BadInput, match=says):
        clean(FORM, given)


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("15m", 900), ("2h", 7200), ("90d", 7776000), ("0s", 0)])
def test_spans(text, seconds):
    assert clock.span(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "5", "m", "1.5h", "-1s", "1 h"])
def test_bad_spans(text):
    with pytest.raises(ValueError, match="时长写法"):
        clock.span(text)


def test_the_day_is_chinas():
    with clock.at(datetime(2026, 1, 31, 16, 0, tzinfo=UTC)):
        assert clock.today().isoformat() == "2026-02-01"


def test_only_a_frozen_clock_moves():
    with pytest.raises(RuntimeError):
        clock.advance(timedelta(seconds=1))
