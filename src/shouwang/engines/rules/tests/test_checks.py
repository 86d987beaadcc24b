"""`shouwang check` answers mistakes in rules with file, item and remedy."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from shouwang.engines.rules import checks

from . import conftest

RULE = """\
- id: r
  title: 试
  quantity: {quantity}
  of: {of}
  {more}
"""


@pytest.fixture
def said(db: None, trial: Path, tmp_path: Path) -> Iterator[object]:
    def look(more: str, quantity: str = "level", of: str = "facility", params: str = conftest.PARAMS) -> str:
        folder = conftest.write_scene(tmp_path, RULE.format(quantity=quantity, of=of, more=more), params)
        conftest.read_anew(folder)
        return "\n".join(checks.problems())

    yield look
    conftest.read_anew(trial)


def test_the_shipped_trial_has_no_problem(db: None, trial: Path) -> None:
    assert checks.problems() == []


@pytest.mark.parametrize(("given", "word"), [
    ({"more": "test: {above: {limit: h}}\n  level: red", "quantity": "lebel"}, "quantities 里没有 'lebel'"),
    ({"more": "test: {above: {limit: h}}\n  level: red", "of": "tonk"}, "kinds 里没有 'tonk'"),
    ({"more": "test: {above: {limit: h}}\n  level: purple"}, "levels 里没有 'purple'"),
    ({"more": "test: {above: {param: nope}}\n  level: red"}, "没有参数 trial.nope"),
    ({"more": "test: {above: {param: other.gas}}\n  level: red"}, "没有参数 other.gas"),
    ({"more": "hold: soon\n  test: {above: {limit: h}}\n  level: red"}, "hold"),
    ({"more": "hold: 3s\n  test: {silent: {param: silent_for}}\n  level: red"}, "silent 不写 hold"),
    ({"more": "test: {above: {param: methane, field: alarm}}\n  level: red"}, "field"),
    ({"more": "pick: place\n  test: {above: {param: methane, field: alram}}\n  level: red"}, "都没有 'alram'"),
    ({"more": "test: {above: {param: gas, field: x}}\n  level: red"}, "不是表"),
    ({"more": "pick: plaice\n  test: {above: {param: methane, field: alarm}}\n  level: red"}, "'plaice'"),
    ({"more": "pick: quantity\n  test: {above: {param: methane, field: alarm}}\n  level: red"}, "T1"),
    ({"more": "tiers:\n    - {test: {above: {limit: h}}, level: red}\n"
              "    - {test: {silent: {param: silent_for}}, level: red}"},
     "分成两条"),
    ({"more": "tiers:\n" + "    - {test: {above: {limit: h}}, level: red}\n" * 3}, "最多两级"),
    ({"more": "pick: place\n  tiers:\n    - {test: {above: {param: methane, field: cut}}, level: blue}\n"
              "    - {test: {above: {param: methane, field: alarm}}, level: red}"}, "次序不对"),
    ({"more": "pick: place\n  test: {above: {param: methane, field: alarm}}\n  level: red",
      "params": conftest.PARAMS.replace("R2:", "Mars:")}, "Mars"),
])
def test_a_mistake_is_answered(said: object, given: dict[str, str], word: str) -> None:
    answer = said(**given)  # type: ignore[operator]
    assert word in answer
    assert "rules.yaml 的 r:" in answer


def test_a_reset_outside_its_limit_is_answered(said: object) -> None:
    more = ("pick: place\n  tiers:\n    - {test: {above: {param: methane, field: alarm}}, "
            "until: {param: methane, field: cut}, level: red}")
    assert "外侧" in said(more)  # type: ignore[operator]


def test_limits_of_the_point_need_no_param(said: object) -> None:
    assert said("test: {above: {limit: hh}}\n  level: red") == ""  # type: ignore[operator]
