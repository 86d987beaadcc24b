"""Late readings: what was told is corrected, with the proof, to what would have been told had they come in time."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shouwang.engines.rules import tiers
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.series import Bench, Sample
from shouwang.engines.telemetry.journal import Transition

from . import truth
from .truth import Episode, folded


def check(on: int = 0, off: int = 0) -> Check:
    made = Check(on=on, off=off)
    made.put(2, 85_00, 83_00)
    made.put(3, 90_00, 88_00)
    return made


def bench(on: int = 0, off: int = 0, depth: int | None = None) -> Bench:
    return Bench([("x.r", 1, check(on, off))], judge=Kernel(depth))


def late(b: Bench, *readings: tuple[int, int]) -> list[Transition]:
    """(seconds, value) readings that come now."""
    before = len(b.told)
    for t, v in readings:
        b.give(Sample(t * 1000, v))
    return b.told[before:]


def one(told: list[Transition]) -> Transition:
    assert [x.kind for x in told] == ["amended"]
    return told[0]


def test_a_late_reading_raises_what_was_not_told() -> None:
    b = bench()
    b.play("10s: 50 _ 50 50")
    x = one(late(b, (10, 91)))
    assert (x.was, x.since, x.at, x.until, x.tier, x.worst) == (0, 10_000, 10_000, 20_000, 0, 2)
    assert (x.proof, x.limit, x.value) == ([(10_000, 91.0, "good")], 90.0, 91.0)


def test_a_late_reading_withdraws_what_would_not_have_been_told() -> None:
    b = bench(on=15_000)
    b.play("10s: 86 _ 86 50 50")
    assert [x.kind for x in b.told] == ["raised", "cleared"]
    x = one(late(b, (10, 50)))
    assert (x.was, x.worst, x.tier) == (15_000, 0, 0)
    assert folded(b.told) == {("x.r", 1): []}


def test_a_late_reading_extends() -> None:
    b = bench(off=15_000)
    b.play("10s: 86 50 _ 50 50 50 50", start=10_000)
    assert [(x.at, x.kind) for x in b.told] == [(10_000, "raised"), (40_000, "cleared")]
    x = one(late(b, (30, 86)))
    assert (x.was, x.at, x.until, x.worst) == (10_000, 10_000, 60_000, 1)


def test_an_amended_alert_stays_open_and_then_clears() -> None:
    b = bench(off=20_000)
    b.play("10s: 50 86 50 _ 50", start=10_000)
    assert [x.kind for x in b.told] == ["raised", "cleared"]
    x = one(late(b, (40, 86)))
    assert (x.was, x.until, x.tier, x.worst) == (20_000, 0, 1, 1)
    assert [(x.at, x.kind) for x in b.play("10s: 50 50 50")] == [(70_000, "cleared")]
    assert folded(b.told)["x.r", 1] == [Episode(20_000, 20_000, 70_000, 1)]


def test_a_delay_that_ran_out_by_the_watermark_is_taken_back_by_a_reading_from_before() -> None:
    b = bench(on=5_000)
    b.play("50 86 _x8")
    assert [(x.at, x.kind) for x in b.told] == [(6_000, "raised")]
    x = one(late(b, (4, 50)))
    assert (x.was, x.worst) == (6_000, 0)
    assert [x.kind for x in b.play("86x6")] == ["raised"]


def test_nothing_changes_where_nothing_would_have() -> None:
    b = bench()
    b.play("10s: 50 _ 50 91 _ 91 50")
    assert late(b, (10, 51), (40, 92), (0, 99), (20, 99)) == []  # inserted twice, repeated twice
    judge = b.judge
    assert isinstance(judge, Kernel)
    assert (judge.late, judge.inserted) == (4, 2)


def test_older_than_what_is_kept_is_counted_and_no_more() -> None:
    b = bench(depth=4)
    b.play("10s: 50 _ 50x8")
    assert late(b, (10, 91)) == []
    assert len(late(b, (85, 91))) == 1


def test_kept_readings_survive_a_restart_and_a_new_plan_settles_them() -> None:
    for restart in (True, False):
        b = bench()
        b.play("10s: 50 _ 50 50")
        raw = b.judge.dump()
        if restart:
            b.judge, b.version = Kernel(), b.version - 1
            b.adopt(b.checks)
            b.judge.restore(raw)
        else:
            b.adopt(b.checks)
        assert len(late(b, (10, 91))) == restart


def test_rates_and_standstill_are_amended_too() -> None:
    flat = Check(tiers.FLAT)
    flat.put(2, 80_000, 80_000)
    flat.reset[:2] = [80_000, 0]
    b = Bench([("x.r", 1, flat)])
    b.play("10s: 20 20 _ 20x7")
    assert [x.kind for x in b.told] == ["raised"]
    assert one(late(b, (20, 30))).worst == 0


values = st.sampled_from([50, 82, 84, 86, 89, 91, 95])
readings = st.lists(st.tuples(st.integers(1, 6), values), min_size=1, max_size=28)


@settings(max_examples=200, deadline=None)
@given(readings, st.integers(0, 8), st.integers(0, 8), st.randoms(use_true_random=False))
def test_any_order_of_arrival_leaves_the_same_episodes(steps: list[tuple[int, int]], on: int, off: int,
                                                       r: random.Random) -> None:
    clean, shuffled = bench(on * 1000, off * 1000), bench(on * 1000, off * 1000)
    t, sent = 100_000, []
    for gap, value in steps:
        t += gap * 1000
        sent.append(Sample(t, value))
    for b, order in ((clean, sent), (shuffled, r.sample(sent, len(sent)))):
        b.wait_until(90_000)
        for n, sample in enumerate(order):
            b.wait_until(max(b.now, *(s.t for s in order[:n + 1])))  # the watermark follows the newest
            b.give(sample)
        b.wait_until(t + 60_000)
    assert _plain(shuffled) == _plain(clean)


def _plain(b: Bench) -> list[Episode]:
    return [e for mine in folded(b.told).values() for e in mine]


@pytest.mark.parametrize("seed", [11, 12])
def test_shuffled_minutes_of_a_whole_gateway_leave_the_same_episodes(seed: int) -> None:
    """replay(shuffle(x)) == replay(x), as far as a point's kept readings reach."""
    r = random.Random(seed)
    sent = truth.steps(r, 400, 5_000)
    mixed = []
    for i in range(0, len(sent), 24):
        part = sent[i:i + 24]
        times = [m[0] for m in part]
        mixed += [(max(times) + n, g, rows) for n, (_, g, rows) in enumerate(r.sample(part, len(part)))]
    assert folded(truth.product(truth.Case(mixed)).told) == folded(truth.product(truth.Case(sent)).told)
