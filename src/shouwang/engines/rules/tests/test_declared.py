"""Rates, standstill and excursions as they are declared: compiled exactly, mistakes answered."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from shouwang.engines.rules import checkbook, checks, plan, tiers
from shouwang.kernel.errors import ContentError

from . import conftest
from .conftest import Cast

RULES = """
- id: fast
  title: 液位上升过快
  quantity: level
  of: facility
  within: 10m
  hold: 30s
  tiers:
    - {test: {rising: {param: fast}}, level: yellow}
    - {test: {rising: {param: fast, field: grave}}, level: red}
- {id: stuck, title: 仪表卡死, quantity: level, of: facility, test: {flat: {param: stuck_for}}, level: blue}
- id: often
  title: 反复越限
  quantity: level
  of: facility
  within: 1h
  times: {param: often}
  test: {below: {limit: l}}
  level: orange
"""
PARAMS = """
rise: {title: 升, unit: "%/min", values: {2020-01-01: {value: 0.5, basis: 本系统默认}}}
fast:
  title: 上升
  unit: "%/h"
  values:
    2020-01-01: {value: {now: 30, grave: 60}, basis: 本系统默认}
stuck_for: {title: 不变, unit: span, values: {2020-01-01: {value: 30m, basis: 本系统默认}}}
often: {title: 次数, unit: 次, values: {2020-01-01: {value: 3, basis: 本系统默认}}}
band: {title: 幅度, unit: "%", values: {2020-01-01: {value: 0.2, basis: 本系统默认}}}
"""


@pytest.fixture
def declared(cast: Cast, trial: Path, tmp_path: Path) -> Iterator[object]:
    def read(rules: str, params: str = PARAMS) -> Path:
        folder = conftest.write_scene(tmp_path, conftest.RULES + rules, conftest.PARAMS + params)
        conftest.read_anew(folder)
        return folder

    yield read
    conftest.read_anew(trial)


def compiled(cast: Cast) -> dict[str, np.void]:
    """Rule → check, of the level of 甲厂."""
    book = checkbook.read(plan.root() / str(plan.compile_plan()))
    rows = zip(book.rule.tolist(), book.point.tolist(), book.checks, strict=True)
    return {book.rules[r].removeprefix("trial."): c for r, p, c in rows if p == cast.level.pk}


def test_what_is_declared_is_what_the_kernel_compares(cast: Cast, declared: object) -> None:
    declared(RULES.replace("rising: {param: fast}", "rising: {param: fast, field: now}"))  # type: ignore[operator]
    assert checks.problems() == []
    found = compiled(cast)
    fast, stuck, often = found["fast"], found["stuck"], found["often"]
    assert (fast["kind"], fast["on"], fast["limit"][0], fast["reset"][0]) == (tiers.RATE, 30_000, 1, 600_000)
    # 30 %/h is 5 in 10 min
    assert (fast["limit"][2:].tolist(), fast["reset"][2:].tolist()) == ([500, 1000], [400, 900])
    assert (stuck["kind"], stuck["limit"][2], stuck["reset"][:2].tolist()) == (tiers.FLAT, 1_800_000, [1_800_000, 100])
    assert (often["kind"], often["limit"][2], often["reset"][0]) == (tiers.COUNT, 3, 3_600_000)
    assert (often["limit"][:2].tolist(), often["reset"][1]) == ([-1, -1500], -1600)  # 15, back above 16
    assert plan.unjudged() == []


@pytest.mark.parametrize(("was", "now", "said"), [
    ("within: 10m\n  hold", "hold", "要写 within"),
    ("test: {flat: {param: stuck_for}}", "within: 5m, test: {flat: {param: stuck_for}}", "别的 test 不写 within"),
    ("times: {param: often}\n", "times: {param: often}\n  band: {param: band}\n", "band"),
    ("test: {below: {limit: l}}", "test: {flat: {param: stuck_for}}", "只配 above 或 below"),
    ("test: {below: {limit: l}}\n  level: orange", "tiers:\n    - {test: {below: {limit: l}}, level: red}\n"
     "    - {test: {below: {limit: ll}}, level: red}", "只能有一级"),
    ("{test: {rising: {param: fast}}, level: yellow}",
     "{test: {rising: {param: fast}}, until: {param: fast}, level: red}", "until"),
])
def test_a_shape_that_cannot_be_meant_does_not_load(declared: object, was: str, now: str, said: str) -> None:
    assert was in RULES
    with pytest.raises(ContentError, match=said):
        declared(RULES.replace(was, now))  # type: ignore[operator]


@pytest.mark.parametrize(("was", "now", "said"), [
    ("rising: {param: fast}", "rising: {limit: h}", "不是变化率"),
    ("rising: {param: fast}", "rising: {param: stuck_for}", "没有说每多久"),
    ("rising: {param: fast}", "falling: {param: rise}", "rising 和 falling 不能写在同一条规则里"),
    ("within: 10m", "within: soon", "within"),
    ("times: {param: often}", "times: {param: seldom}", "没有参数 trial.seldom"),
    ("test: {flat: {param: stuck_for}}", "hold: 5s, test: {flat: {param: stuck_for}}", "flat 不写 hold"),
])
def test_a_mistake_is_answered(declared: object, was: str, now: str, said: str) -> None:
    assert was in RULES
    declared(RULES.replace(was, now))  # type: ignore[operator]
    assert said in "\n".join(checks.problems())


def test_what_no_kernel_can_hold_is_listed_as_unjudged(cast: Cast, declared: object) -> None:
    rules = RULES.replace("rising: {param: fast}", "rising: {param: rise}").replace("field: grave", "field: now")
    declared(rules.replace("within: 10m", "within: 2d"), PARAMS.replace("value: 3", "value: 99"))  # type: ignore[operator]
    found = compiled(cast)
    assert "fast" not in found
    assert "often" not in found
    why = {u["rule"].removeprefix("trial."): u["why"] for u in plan.unjudged()}
    assert "24h" in why["fast"]
    assert "2 到" in why["often"]
