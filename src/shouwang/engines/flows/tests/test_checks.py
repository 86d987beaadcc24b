"""`shouwang check` names what is wrong in a flow, and where."""

from pathlib import Path

import pytest

from shouwang.engines.flows import checks
from shouwang.engines.notify import checks as notify_checks

from .conftest import read_anew, write_scene

WRONG = """\
- id: bad
  title: 坏流程
  start: first
  states:
    first:
      title: 一
      by: {by}
      within: {within}
      ladder: [{{after: 20m, to: {to}}}, {{after: 10m, to: city_duty}}]
      acts: {{go: {{title: 走, to: first, only_if: [{only_if}]}}}}
    lonely: {{title: 孤, by: county_supervisor, acts: {{go: {{title: 走, to: done}}}}}}
    done: {{title: 完, end: done}}
"""


@pytest.mark.django_db
def test_好流程没有问题(scene: Path) -> None:
    assert checks.problems() == []
    assert notify_checks.problems() == []


@pytest.mark.django_db
@pytest.mark.parametrize(("change", "says"), [
    ({}, "状态 lonely 从 first 走不到"), ({}, "没有一个能走到的状态写了 end"), ({}, "梯级的时间没有一级比一级晚"),
    ({"by": "nobody"}, "没有角色 nobody"), ({"by": "grid_member"}, "谁也办不了"), ({"to": "leader"}, "无人能复诵"),
    ({"to": "moon"}, "梯级写的角色 moon 不存在"), ({"within": "{param: flows.moon}"}, "flows.moon"),
    ({"within": "soonish"}, "soonish"), ({"only_if": "trial.moon"}, "没有条件 trial.moon")])
def test_坏流程逐条指出(scene: Path, change: dict[str, str], says: str) -> None:
    plain = {"by": "safety_manager", "within": "30m", "to": "town_duty", "only_if": "trial.recovered"}
    write_scene(scene.parent, flows=WRONG.format(**{**plain, **change}), links="[]\n")
    read_anew(scene)
    assert any(says in p for p in checks.problems()), checks.problems()
