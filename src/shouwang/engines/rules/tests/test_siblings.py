"""Two detectors of one place: they differ by more than a limit for a while; one that says nothing is not compared."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shouwang.engines.rules import checkbook, checks, plan, tiers
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.series import Bench, Sample, brief

from . import conftest
from .conftest import Cast


def pair(on: int = 0) -> Bench:
    """Point 2 against point 1: 5.00 apart, back below 4.00, readings at most 30 s apart."""
    check = Check(tiers.APART, on=on)
    check.put(tiers.H_SLOT, 500, 400)
    check.limit[1], check.reset[0] = 1, 30_000
    return Bench([("x.r", 2, check)], points=2)


def both(b: Bench, *steps: tuple[int | None, int | None], quality: str = "good") -> Bench:
    """Every ten seconds point 1, then point 2."""
    for first, second in steps:
        for n, value in ((1, first), (2, second)):
            if value is not None:
                b.give(Sample(b.now, value, quality if n == 1 else "good"), n)
        b.wait_until(b.now + 10_000)
    return b


def test_a_difference_at_the_limit_is_told_and_ends_below_the_reset() -> None:
    b = both(pair(), (20, 24), (20, 25), (20, 24), (24, 20), (23, 20))
    assert brief(b.told) == [(10_000, "raised", 1), (40_000, "cleared", 0)]
    assert (b.told[0].value, b.told[0].limit) == (5.0, 5.0)


def test_it_must_last() -> None:
    assert brief(both(pair(15_000), (20, 30), (20, 30), (20, 30)).told) == [(15_000, "raised", 1)]
    assert brief(both(pair(15_000), (20, 30), (20, 20), (20, 30), (20, 20)).told) == []


def test_a_sibling_that_is_silent_or_faulty_proves_nothing_and_clears_nothing() -> None:
    assert brief(both(pair(), (20, 20), *[(None, 20)] * 3, (None, 90)).told) == []
    assert brief(both(pair(), (90, 20), quality="fault").told) == []
    b = both(pair(), (20, 90))
    assert brief(both(b, *[(None, 20)] * 6).told)[0] == (0, "raised", 1)
    assert [x.kind for x in b.told].count("cleared") == 1  # while the sibling's reading was still comparable
    c = both(pair(), (20, 90), *[(None, 90)] * 6, (None, 20))
    assert [x.kind for x in c.told] == ["raised"]


def test_late_readings_leave_the_comparison_alone_and_a_restart_forgets_nothing() -> None:
    b = both(pair(), (20, 20), (20, 90))
    b.give(Sample(5_000, 90), 2)
    assert brief(b.told) == [(10_000, "raised", 1)]
    raw = b.judge.dump()
    b.judge, b.version = Kernel(), b.version - 1
    b.adopt(b.checks)
    b.judge.restore(raw)
    assert brief(both(b, (20, 20)).told)[1:] == [(20_000, "cleared", 0)]


RULES = conftest.RULES + """
- id: differ
  title: 两表不符
  quantity: combustible
  of: facility
  within: 1m
  hold: 5m
  test: {apart: {param: apart}}
  level: blue
"""
PARAMS = conftest.PARAMS + 'apart: {title: 差, unit: "%LEL", values: {2020-01-01: {value: 10, basis: 本系统默认}}}\n'


@pytest.fixture
def declared(cast: Cast, trial: Path, tmp_path: Path) -> Iterator[object]:
    def look(rules: str = RULES) -> str:
        conftest.read_anew(conftest.write_scene(tmp_path, rules, PARAMS))
        return "\n".join(checks.problems())

    yield look
    conftest.read_anew(trial)


def test_detectors_of_one_subject_are_compared_with_the_one_before(cast: Cast, declared: object) -> None:
    assert declared() == ""  # type: ignore[operator]
    second = conftest.point(cast.tank, "GD-2", "combustible", "%LEL", 1)
    conftest.point(cast.other_tank, "GD-9", "combustible", "%LEL", 1)  # alone in its place
    odd = conftest.point(cast.tank, "GD-3", "combustible", "%LEL", 2)
    book = checkbook.read(plan.root() / str(plan.compile_plan()))
    found = {int(p): c for r, p, c in zip(book.rule, book.point, book.checks, strict=True)
             if book.rules[int(r)] == "trial.differ"}
    assert list(found) == [second.pk]
    check = found[second.pk]
    assert (check["limit"][1:3].tolist(), check["reset"][0], check["on"]) == ([cast.gas.pk, 100], 60_000, 300_000)
    assert [(u["point"], "小数位数不同" in u["why"]) for u in plan.unjudged()] == [(odd.pk, True)]


@pytest.mark.parametrize(("was", "now", "said"), [("apart: {param: apart}", "apart: {limit: h}", "不是差值"),
                                                  ("apart: {param: apart}", "apart: {param: near}", "trial.near")])
def test_a_mistake_is_answered(declared: object, was: str, now: str, said: str) -> None:
    assert said in declared(RULES.replace(was, now))  # type: ignore[operator]
