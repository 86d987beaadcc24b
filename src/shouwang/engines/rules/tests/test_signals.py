"""Rate of change, standstill, excursions in a window: at the edges, in series notation."""

from decimal import Decimal
from typing import Any

import pytest

from shouwang.engines.rules import limits, signals, tiers, units
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.series import Bench, brief
from shouwang.engines.telemetry.journal import Transition


def rate(limit: int = 500, reset: int | None = None, span: int = 60_000, sign: int = 1, on: int = 0) -> Bench:
    """5.00 in a minute, on one point of two decimals."""
    check = Check(tiers.RATE, on=on)
    check.put(tiers.H_SLOT, limit, limit if reset is None else reset)
    check.limit[0], check.reset[0] = sign, span
    return Bench([("x.r", 1, check)])


def flat(*spans: int, band: int = 0) -> Bench:
    check = Check(tiers.FLAT)
    for slot, span in zip((2, 3), spans, strict=False):
        check.put(slot, span, span)
    check.reset[0], check.reset[1] = spans[0], band
    return Bench([("x.r", 1, check)])


def count(times: int, span: int = 60_000, over: int = 9000, back: int = 8800, sign: int = 1) -> Bench:
    check = Check(tiers.COUNT)
    check.put(tiers.H_SLOT, times, times)
    check.limit[0], check.limit[1], check.reset[0], check.reset[1] = sign, sign * over, span, sign * back
    return Bench([("x.r", 1, check)])


def facts(told: list[Transition]) -> list[tuple[int, str, float | None, float | None]]:
    return [(x.at, x.kind, x.value, x.limit) for x in told]


def test_a_rate_is_told_exactly_at_its_limit_and_never_before_a_whole_window() -> None:
    assert brief(rate().play("10s: 20 21 22 23 24 24.99 24.99 24.99")) == []  # 4.99 in 60 s
    told = facts(rate().play("10s: 20 21 22 23 24 25 25 25"))
    assert told == [(60_000, "raised", 5.0, 5.0), (70_000, "cleared", 4.0, 5.0)]
    assert brief(rate().play("10s: 20 40 40 40")) == []  # 20 in 10 s, and nobody knows what a minute would say
    assert brief(rate().play("10s: 20 20 20 20 20 20 40")) == [(60_000, "raised", 1)]


def test_a_fall_is_a_rate_too() -> None:
    assert brief(rate(sign=-1).play("10s: 20x6 15")) == [(60_000, "raised", 1)]
    assert brief(rate(sign=-1).play("10s: 20x6 15.01 25")) == []


def test_a_rate_has_its_deadband_and_its_delay() -> None:
    assert brief(rate(reset=400).play("10s: 20x6 25 24.5 24 23.99")) == [(60_000, "raised", 1), (90_000, "cleared", 0)]
    assert brief(rate(on=15_000).play("10s: 20x6 25 25 25")) == [(75_000, "raised", 1)]
    assert brief(rate(on=15_000).play("10s: 20x6 25 20 25 20")) == []


def test_after_a_gap_the_rate_is_the_average_over_it() -> None:
    assert brief(rate().play("10s: 20x7 _x60 70")) == []  # 50 in 610 s is 4.91 a minute
    assert brief(rate().play("10s: 20x7 _x60 71")) == [(670_000, "raised", 1)]


def test_readings_that_are_none_say_nothing_of_a_rate() -> None:
    assert brief(rate().play("10s: 20x6 90!fault 90!calibration stale 20")) == []
    raised = rate()
    assert brief(raised.play("10s: 20x6 25 stale 25!fault"))[0] == (60_000, "raised", 1)
    assert all(x.kind != "cleared" for x in raised.told)


def test_a_window_keeps_sixteen_parts_however_many_readings_come() -> None:
    bench = rate(limit=6000, span=60_000)
    told = bench.play("20x300 20+1x100", step="1s")  # 1 a second: 60 a window of 60 to 63.75 s
    assert [x.kind for x in told] == ["raised"]
    assert 355_000 <= told[0].at <= 364_000


def test_flat_counts_only_while_readings_arrive() -> None:
    assert brief(flat(60_000).play("10s: 20x6")) == []
    assert brief(flat(60_000).play("10s: 20x7 21")) == [(60_000, "raised", 1), (70_000, "cleared", 0)]
    assert brief(flat(60_000).play("10s: 20x3 _x30 20x6")) == []  # a gap proves nothing
    assert brief(flat(60_000).play("10s: 20x3 _x30 20x7")) == [(390_000, "raised", 1)]
    assert brief(flat(60_000).play("15s: 20x5")) == [(60_000, "raised", 1)]  # a quarter of the span is not a gap


def test_a_gap_does_not_end_a_standstill_that_was_told() -> None:
    bench = flat(60_000)
    assert brief(bench.play("10s: 20x7 _x60 20x2")) == [(60_000, "raised", 1)]
    assert [x.kind for x in bench.play("20.01")] == ["cleared"]


def test_flat_has_a_band_around_its_first_reading() -> None:
    assert brief(flat(60_000, band=10).play("10s: 20 20.1 19.9 20.05 20 20 20.1")) == [(60_000, "raised", 1)]
    assert brief(flat(60_000, band=10).play("10s: 20 20.1 19.9 20.05 20 20 20.11")) == []


def test_a_longer_standstill_is_graver() -> None:
    assert brief(flat(60_000, 120_000).play("10s: 20x13")) == [(60_000, "raised", 1), (120_000, "upgraded", 2)]


def test_excursions_are_counted_from_limit_to_reset() -> None:
    assert brief(count(3).play("5s: 91 50 91 50 91 50")) == [(20_000, "raised", 1)]
    assert brief(count(3).play("5s: 91x5 89 91 89 91")) == []  # between reset and limit it goes on
    assert facts(count(3).play("5s: 91 50 91 50 91"))[0] == (20_000, "raised", 91.0, 90.0)


def test_a_window_of_excursions_ends_on_a_reading() -> None:
    bench = count(3)
    bench.play("5s: 91 50 91 50 91 50")
    assert brief(bench.play("5s: 50x6")) == []  # the first began at 0: at 55 s still within the minute
    assert brief(bench.play("5s: 50")) == [(60_000, "cleared", 0)]
    assert brief(count(3).play("30s: 91 50 91 50 91 50")) == []
    silent = count(3)
    silent.play("5s: 91 50 91 50 91 50")
    assert brief(silent.play("60s: _x10")) == []


def test_low_excursions_count_below() -> None:
    told = count(2, over=1000, back=1200, sign=-1).play("5s: 9 50 9 50")
    assert facts(told) == [(10_000, "raised", 9.0, 10.0)]


def test_a_restart_forgets_nothing() -> None:
    stories = ((rate, "10s: 20 20 20 20 20 20 25 25"), (lambda: flat(60_000), "10s: 20 20 20 20 20 20 20"),
               (lambda: count(3), "5s: 91 50 91 50 91"))
    for make, text in stories:
        whole, cut = make(), make()
        words = text.split()
        for n, word in enumerate(words[1:]):
            if n == 3:
                raw = cut.judge.dump()
                cut.judge = type(cut.judge)()
                cut.adopt(cut.checks)
                cut.judge.restore(raw)
            for bench in (whole, cut):
                bench.play(f"{words[0]} {word}")
        assert brief(whole.told)
        assert brief(cut.told) == brief(whole.told)


def measured(**given: Any) -> limits.Measured:
    return limits.Measured(1, "temperature", "℃", 1, "facility", "cn", **given)


@pytest.mark.parametrize(("value", "unit", "size"), [("5", "℃", "5"), ("5", "K", "5")])
def test_a_difference_knows_no_offset(value: str, unit: str, size: str) -> None:
    assert units.difference(Decimal(value), unit, measured()) == Decimal(size)


def test_the_memory_of_a_window_never_overflows() -> None:
    assert signals.KEPT >= signals.PARTS + 2
