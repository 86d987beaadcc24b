"""The kernel against the oracle: any limits, delays, readings and qualities, in any order of arrival."""

from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.limits import scaled
from shouwang.engines.rules.series import Bench, Sample, brief

from .oracle import Oracle, Tier

DIGITS = 1
values = st.decimals(-6, 6, places=DIGITS)
qualities = st.sampled_from(["good"] * 8 + ["uncertain", "calibration", "fault", "no_data", "over_range"])
readings = st.lists(st.tuples(st.integers(-2, 6), values, qualities, st.integers(0, 3)), max_size=40)
SLOT = {-2: 0, -1: 1, 1: 2, 2: 3}


@st.composite
def rules(draw: st.DrawFn) -> tuple[dict[int, tuple[Decimal, Decimal]], int, int]:
    """Limits and resets by tier (finer than the resolution at times), on-delay and off-delay in seconds."""
    fine = st.decimals(Decimal("0.5"), 4, places=2)
    gap = st.decimals(0, 2, places=2)
    numbers = draw(st.sets(st.sampled_from([-2, -1, 1, 2]), min_size=1))
    high, low = draw(fine), draw(fine)
    limits = {1: high, 2: high + draw(gap), -1: -low, -2: -low - draw(gap)}
    resets = {n: limits[n] - draw(gap) * (1 if n > 0 else -1) for n in numbers}
    return {n: (limits[n], resets[n]) for n in numbers}, draw(st.integers(0, 5)), draw(st.integers(0, 5))


def bench_of(tiers: dict[int, tuple[Decimal, Decimal]], on: int, off: int, depth: int = 0) -> Bench:
    check = Check(on=on * 1000, off=off * 1000)
    for n, (limit, reset) in tiers.items():
        check.put(SLOT[n], scaled(limit, DIGITS, n > 0), scaled(reset, DIGITS, n > 0))
    return Bench([("x.r", 1, check)], digits=DIGITS, judge=Kernel(depth))


@settings(max_examples=400, deadline=None)
@given(rules(), readings)
@example(({1: (Decimal(1), Decimal(1)), -1: (Decimal(-1), Decimal(-1))}, 1, 3),
         [(1, Decimal(2), "good", 0), (2, Decimal(-2), "good", 0), (2, Decimal(2), "good", 3)])
def test_kernel_tells_what_the_oracle_tells(rule: tuple[dict[int, tuple[Decimal, Decimal]], int, int],
                                            steps: list[tuple[int, Decimal, str, int]]) -> None:
    tiers, on, off = rule
    bench = bench_of(*rule)
    oracle = Oracle([Tier(n, *limits) for n, limits in tiers.items()], on * 1000, off * 1000)
    t = 10_000
    for gap, x, quality, quiet in steps:
        t += gap * 1000  # at times backwards: a late reading
        bench.wait_until(max(t, bench.now))
        bench.give(Sample(t, x, quality))
        oracle.until(bench.now - 1)
        oracle.read(t, x, quality)
        bench.wait_until(bench.now + quiet * 1000)
        oracle.until(bench.now - 1)
    bench.wait_until(bench.now + 1_000)  # the last reading's delay may have run out before it came
    oracle.until(bench.now - 1)
    assert brief(bench.told) == oracle.told


@settings(max_examples=100, deadline=None)
@given(rules(), readings, st.integers(0, 40))
def test_a_restart_at_any_moment_changes_nothing(rule: tuple[dict[int, tuple[Decimal, Decimal]], int, int],
                                                 steps: list[tuple[int, Decimal, str, int]], cut: int) -> None:
    whole, broken = bench_of(*rule), bench_of(*rule)
    t = 10_000
    for n, (gap, x, quality, _) in enumerate(steps):
        t += max(1, gap) * 1000
        if n == cut:
            raw = broken.judge.dump()
            broken.judge = type(broken.judge)()
            broken.adopt(broken.checks)
            broken.judge.restore(raw)
        for bench in (whole, broken):
            bench.wait_until(t)
            bench.give(Sample(t, x, quality))
    assert brief(broken.told) == brief(whole.told)


@settings(max_examples=100, deadline=None)
@given(rules(), readings, st.data())
def test_repeated_and_late_readings_change_nothing(rule: tuple[dict[int, tuple[Decimal, Decimal]], int, int],
                                                   steps: list[tuple[int, Decimal, str, int]],
                                                   data: st.DataObject) -> None:
    clean, dirty = bench_of(*rule), bench_of(*rule)
    t, sent = 10_000, []
    for gap, x, quality, _ in steps:
        t += max(1, gap) * 1000
        for bench in (clean, dirty):
            bench.wait_until(t)
            bench.give(Sample(t, x, quality))
        sent.append(Sample(t, x, quality))
        dirty.give(data.draw(st.sampled_from(sent)))
    assert brief(dirty.told) == brief(clean.told)


@pytest.mark.parametrize("exact", ["1.00", "0.99", "1.01", "-1.00", "-0.99", "-1.01", "0.9", "1.1"])
def test_a_limit_finer_than_the_instrument_never_moves_to_the_wrong_side(exact: str) -> None:
    limit = Decimal(exact)
    for tenth in range(-30, 31):
        reading = Decimal(tenth).scaleb(-1)
        assert (tenth >= scaled(limit, 1, True)) == (reading >= limit)
        assert (tenth <= scaled(limit, 1, False)) == (reading <= limit)
        assert (tenth < scaled(limit, 1, True)) == (reading < limit)
        assert (tenth > scaled(limit, 1, False)) == (reading > limit)
