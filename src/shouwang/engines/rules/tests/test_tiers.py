"""The rules of truth at their edges, in series notation: limit, deadband, delays, silence, bad data, restart."""

import numpy as np
import pytest

from shouwang.engines.rules import tiers
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.series import Bench, Sample, brief
from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.seam import Batch

LEVEL = "hazchem.level"


def four(on: int = 0, off: int = 0, deadband: int = 100) -> Check:
    """LL 10, L 15, H 85, HH 90 with a deadband of 1 (two digits)."""
    check = Check(on=on, off=off)
    for slot, limit in ((0, 1000), (1, 1500)):
        check.put(slot, limit, limit + deadband)
    for slot, limit in ((2, 8500), (3, 9000)):
        check.put(slot, limit, limit - deadband)
    return check


def bench(on: int = 0, off: int = 0, *more: tuple[str, int, Check], **given: int) -> Bench:
    return Bench([(LEVEL, 1, four(on, off)), *more], **given)


def silent(after: int) -> Check:
    return Check(tiers.SILENT, on=after, has=tiers.H_BIT)


def in_range() -> Check:
    return Check(tiers.RANGE, has=tiers.H_BIT)


def test_records_are_one_cache_line_and_quality_codes_are_those_of_the_intake() -> None:
    assert tiers.CHECK.itemsize == 64
    ours = (tiers.UNCERTAIN, tiers.OVER_RANGE, tiers.NO_DATA)
    assert ours == (quality.UNCERTAIN, quality.OVER_RANGE, quality.NO_DATA)


@pytest.mark.parametrize(("series", "told"), [
    ("84.99", []),
    ("85", [(0, "raised", 1)]),
    ("85.01", [(0, "raised", 1)]),
    ("15.01", []),
    ("15", [(0, "raised", -1)]),
    ("10.01", [(0, "raised", -1)]),
    ("10", [(0, "raised", -2)]),
    ("90", [(0, "raised", 2)]),  # a jump over two tiers is one transition with the tier reached
    ("85 84", [(0, "raised", 1)]),  # at the reset it stays
    ("85 83.99", [(0, "raised", 1), (1000, "cleared", 0)]),
    ("85 84.01x50", [(0, "raised", 1)]),
    ("15 16", [(0, "raised", -1)]),
    ("15 16.01", [(0, "raised", -1), (1000, "cleared", 0)]),
    ("90 89", [(0, "raised", 2)]),
    ("90 88.99", [(0, "raised", 2), (1000, "downgraded", 1)]),
    ("90 83.99", [(0, "raised", 2), (1000, "cleared", 0)]),  # from HH to normal is cleared
    ("85 90 85", [(0, "raised", 1), (1000, "upgraded", 2), (2000, "downgraded", 1)]),
    ("85 10", [(0, "raised", 1), (1000, "upgraded", -2)]),
    ("90 15", [(0, "raised", 2), (1000, "downgraded", -1)]),
    ("85 15", [(0, "raised", 1), (1000, "upgraded", -1)]),  # the other side is a new deviation of the same episode
])
def test_tiers_and_deadband(series: str, told: list[tuple[int, str, int]]) -> None:
    assert brief(bench().play(series)) == told


@pytest.mark.parametrize(("ms", "fires"), [(2999, False), (3000, True), (3001, True)])
def test_on_delay_to_the_millisecond(ms: int, fires: bool) -> None:
    b = bench(on=3000)
    b.give(Sample(0, 85))
    b.wait_until(ms, deaf=True)
    b.give(Sample(ms, 50))  # back to normal just before, at, or after the delay has run out
    assert brief(b.told)[:1] == ([(3000, "raised", 1)] if fires else [])


@pytest.mark.parametrize(("ms", "clears"), [(1999, False), (2000, True), (2001, True)])
def test_off_delay_to_the_millisecond(ms: int, clears: bool) -> None:
    b = bench(off=2000)
    b.play("85")
    b.give(Sample(1000, 50))
    b.now = 1000 + ms
    b.give(Sample(1000 + ms, 50))
    assert brief(b.told)[1:] == ([(1000 + ms, "cleared", 0)] if clears else [])


def test_the_delay_starts_anew_when_the_condition_breaks() -> None:
    assert brief(bench(on=3000).play("85 85 84 85 85 85 85 85")) == [(6000, "raised", 1)]
    assert brief(bench(off=3000).play("85 80 80 80 84.5 80 80 80 80")) == [(0, "raised", 1), (8000, "cleared", 0)]


def test_every_tier_has_its_own_delay() -> None:
    told = bench(on=3000).play("86x2 91x5")
    assert brief(told) == [(3000, "raised", 1), (5000, "upgraded", 2)]
    assert [(x.since, x.limit) for x in told] == [(0, 85.0), (2000, 90.0)]


def test_a_downgrade_passes_the_off_delay() -> None:
    assert brief(bench(off=2000).play("91 87x5 80x3")) == [
        (0, "raised", 2), (3000, "downgraded", 1), (8000, "cleared", 0)]


def test_an_alarm_whose_sensor_falls_silent_still_fires_and_says_when_the_delay_ran_out() -> None:
    b = bench(on=30_000)
    b.give(Sample(0, 95))
    told = b.wait_until(60_000)
    assert [(x.at, x.since, x.tier, x.value, x.limit) for x in told] == [(30_000, 0, 2, 95.0, 90.0)]


def test_silence_alone_clears_nothing() -> None:
    b = bench(on=0, off=2000)
    b.play("91 50")  # one reading back, then nothing more: the off-delay never runs out by itself
    assert brief(b.told) == [(0, "raised", 2)]
    b.wait_until(3_600_000)
    assert brief(b.told) == [(0, "raised", 2)]
    b.give(Sample(3_600_000, 50))
    assert brief(b.told)[-1] == (3_600_000, "cleared", 0)


def test_silence_is_an_alert_of_its_own_and_the_limit_alert_says_it_has_no_data() -> None:
    b = bench(0, 0, ("hazchem.silent", 1, silent(60_000)))
    b.wait_until(120_000)  # listening long enough to know
    b.told.clear()
    b.play("91", start=120_000)
    b.wait_until(300_000)
    told = [(x.rule, x.at, x.kind, x.tier, x.quality, x.value) for x in b.told]
    assert sorted(told[:2]) == [(LEVEL, 120_000, "raised", 2, "good", 91.0),
                                ("hazchem.silent", 120_000, "cleared", 0, "good", 91.0)]
    assert told[2:] == [("hazchem.silent", 180_000, "raised", 1, "no_data", None),
                        (LEVEL, 180_000, "quality", 2, "no_data", 91.0)]
    b.told.clear()
    b.give(Sample(300_000, 91))
    assert sorted((x.rule, x.kind, x.tier) for x in b.told) == [
        (LEVEL, "quality", 2), ("hazchem.silent", "cleared", 0)]


def test_a_point_never_heard_is_silent_by_the_wall_clock() -> None:
    b = Bench([("x.silent", 1, silent(60_000))])
    b.wait_until(62_000)
    assert b.told == []
    b.wait_until(70_000)
    assert [(x.kind, x.value) for x in b.told] == [("raised", None)]


def test_a_whole_deaf_source_is_not_called_silent_by_its_own_watermark() -> None:
    b = Bench([("x.silent", 1, silent(60_000))])
    b.play("50x200")
    b.wait_until(400_000, deaf=True)  # the intake moves the watermark on by the wall clock after its grace
    assert b.told == []


def test_after_a_standstill_of_ours_nobody_is_called_silent_before_we_have_listened() -> None:
    b = Bench([("x.silent", 1, silent(60_000))])
    b.play("50x100")
    b.now += 3_600_000  # the process was down for an hour
    b.judge.sweep(np.array([b.now]), b.now)
    b.wait_until(b.now + 59_000)
    assert b.told == []
    b.wait_until(b.now + 5_000)
    assert [x.kind for x in b.told] == ["raised"]


def test_a_sensor_back_between_two_looks_was_not_silent() -> None:
    b = Bench([("x.silent", 1, silent(60_000))], points=2)
    b.play("50x100")
    quiet = b.now + 61_000
    b.judge.sweep(np.array([quiet]), b.now + 1_000)  # a gateway catching up: its clock jumps, this point comes later
    b.give(Sample(quiet, 50))
    b.wait_until(b.now + 10_000)
    assert b.told == []


@pytest.mark.parametrize("bad", ["calibration", "fault", "no_data"])
def test_a_reading_of_bad_quality_neither_raises_nor_clears(bad: str) -> None:
    assert brief(bench().play(f"95!{bad}x10")) == []
    told = bench().play(f"91 20!{bad}x10 91")
    assert brief(told) == [(0, "raised", 2), (1000, "quality", 2), (11000, "quality", 2)]
    assert [x.quality for x in told] == ["good", bad, "good"]


def test_a_reading_beyond_the_instrument_raises_and_never_clears() -> None:
    assert brief(bench().play("95!over_range")) == [(0, "raised", 2)]  # a gas jump straight past the detector's range
    told = bench().play("91 20!over_rangex6 91 20")
    assert brief(told) == [(0, "raised", 2), (1000, "quality", 2), (7000, "quality", 2), (8000, "cleared", 0)]


def test_an_uncertain_reading_counts_and_says_so() -> None:
    told = bench().play("91!uncertain 50!uncertain")
    assert [(x.kind, x.quality) for x in told] == [("raised", "uncertain"), ("cleared", "uncertain")]


def test_a_calibration_in_the_delay_does_not_break_it() -> None:
    assert brief(bench(on=3000).play("91 20!calibration 91 91")) == [(3000, "raised", 2)]


def test_late_and_repeated_readings_change_nothing() -> None:
    b = bench()
    b.play("50 91")
    b.give(Sample(1000, 50))
    b.give(Sample(500, 50))
    assert brief(b.told) == [(1000, "raised", 2)]
    assert b.judge.late == 2


def test_out_of_range_is_an_alert_of_its_own() -> None:
    b = bench(0, 0, ("x.range", 1, in_range()), low=0, high=10000)
    told = b.play("50 100.01!over_range 101!over_range 50!calibration 50")
    assert [(x.rule, x.kind, x.at, x.value, x.limit) for x in told] == [
        ("hazchem.level", "raised", 1000, 100.01, 90.0), ("x.range", "raised", 1000, 100.01, 100.0),
        ("hazchem.level", "quality", 3000, 101.0, 90.0),
        ("hazchem.level", "cleared", 4000, 50.0, 90.0), ("x.range", "cleared", 4000, 50.0, None)]
    assert [x.kind for x in b.play("-0.01")] == ["raised", "raised"]  # below the range, and LL with good quality


def test_a_restart_in_mid_delay_forgets_nothing() -> None:
    b = bench(on=10_000)
    b.play("95x3")
    raw = b.judge.dump()
    b.judge = Kernel()
    b.adopt(b.checks)
    b.judge.restore(raw)
    assert brief(b.wait_until(20_000)) == [(10_000, "raised", 2)]


def test_a_new_limit_judges_an_open_alert_at_the_next_reading() -> None:
    b = bench()
    b.play("87")
    wider = four()
    wider.put(2, 8800, 8700)
    b.adopt([(LEVEL, 1, wider)])
    assert brief(b.wait_until(10_000)) == []
    assert brief(b.play("86")) == [(10_000, "cleared", 0)]


def test_a_delay_under_way_goes_on_under_a_new_plan() -> None:
    b = bench(on=10_000)
    b.play("95x3")
    b.adopt(b.checks)
    assert brief(b.wait_until(20_000)) == [(10_000, "raised", 2)]


def test_a_tier_that_is_gone_lets_go_at_the_next_reading() -> None:
    b = bench(off=60_000)
    b.play("95")
    only_h = Check()
    only_h.put(2, 8500, 8400)
    b.adopt([(LEVEL, 1, only_h)])
    assert brief(b.play("95")) == [(1000, "downgraded", 1)]


def test_a_check_that_is_gone_while_its_alert_is_open_is_told_as_retired_once() -> None:
    b = bench(0, 0, ("x.range", 1, in_range()))
    b.play("95")
    b.adopt([("x.range", 1, in_range())])
    raw = b.judge.dump()  # a crash before it was told loses nothing
    b.judge = Kernel()
    b.adopt([("x.range", 1, in_range())])
    b.judge.restore(raw)
    told = b.wait_until(5_000)
    assert [(x.rule, x.kind, x.tier, x.at) for x in told] == [(LEVEL, "retired", 0, 0)]
    b.adopt(bench().checks)
    assert brief(b.play("95")) == [(5_000, "raised", 2)]


def test_state_goes_over_by_point_id_when_the_order_changes() -> None:
    b = Bench([(LEVEL, 1, four(off=5000)), (LEVEL, 2, four())], points=2)
    b.play("95", point=2)
    b.adopt([(LEVEL, 2, four()), ("a.new", 1, in_range()), (LEVEL, 1, four())])
    assert [(x.point, x.kind) for x in b.play("50", point=2)] == [(2, "cleared")]


def test_batches_are_judged_in_their_order() -> None:
    b = bench()
    t = np.arange(1, 6, dtype=np.int64)
    told = b.judge.evaluate(Batch(np.zeros(5, np.uint32), t, np.array([9500, 5000, 8500, 9500, 0], np.int32),
                                  np.zeros(5, np.uint8), np.zeros(5, np.uint32)), 77)
    assert [(x.at, x.kind, x.tier, x.heard) for x in told] == [
        (1, "raised", 2, 77), (2, "cleared", 0, 77), (3, "raised", 1, 77), (4, "upgraded", 2, 77),
        (5, "upgraded", -2, 77)]


def test_a_pending_delay_survives_two_months_without_readings() -> None:
    b = bench(off=5000)
    day = 86_400_000
    b.give(Sample(100 * day, 95))
    b.give(Sample(100 * day + 1, 50))
    b.give(Sample(160 * day, 50))
    assert [(x.kind, x.since, x.at) for x in b.told][-1] == ("cleared", 100 * day + 1, 160 * day)
