"""A change to try: rules, values of params and limits of points that are not in force, beside those that are."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from shouwang.engines.subjects.models import Point
from shouwang.kernel import content, params
from shouwang.kernel.errors import BadInput

from . import limits
from .limits import Measured, Values
from .spec import Argument, Rule

PARTS = {"scene", "rules", "params", "points"}
OWN_LIMITS = ("ll", "l", "h", "hh")


@dataclass(frozen=True)
class Change:
    """What is tried: whole rules, values by param path, own limits by point id."""

    rules: list[Rule] = field(default_factory=list)
    params: Mapping[str, Any] = field(default_factory=dict)
    points: Mapping[int, Mapping[str, Decimal | None]] = field(default_factory=dict)

    def sides(self) -> tuple[list[Rule], list[Rule]]:
        """Every rule the change touches, as it is and as it would be; BadInput when it touches none."""
        own = {r.key: r for r in self.rules}
        known: list[Rule] = content.every("rules")
        touched = [r for r in known if r.key in own or self._touches(r)]
        tried = [own.get(r.key, r) for r in touched] + [r for r in self.rules if r.key not in {t.key for t in touched}]
        if not tried:
            raise BadInput("没有规则用到这些参数或点位限值,没有可回放的;请核对参数名")
        return touched, tried

    def _touches(self, rule: Rule) -> bool:
        return self._by_param(rule) or bool(self.points and any(a.limit for a in arguments_of(rule)))

    def _by_param(self, rule: Rule) -> bool:
        return any(a.param and limits.path_of(rule, a) in self.params for a in arguments_of(rule))

    def concerns(self, rule: Rule, point: int) -> bool:
        """Whether what this rule says of this point can be another than before."""
        return point in self.points or any(r.key == rule.key for r in self.rules) or self._by_param(rule)

    def point(self, point: Measured) -> Measured:
        """A point with the limits tried on it."""
        own = self.points.get(point.id)
        return point if own is None else replace(point, limits={**point.limits, **own})

    def values(self, on: date) -> Values:
        """The values of a day with the tried ones over them."""
        return Tried(on, self.params)


class Tried(Values):
    """Values of a day, some of them others than in force; of a table only the given fields are others."""

    def __init__(self, on: date, over: Mapping[str, Any]) -> None:
        super().__init__(on)
        self.over = over

    def get(self, path: str, locality: str) -> params.Dated:
        """The tried value in place of the one in force."""
        dated = super().get(path, locality)
        return replace(dated, value=_over(dated.value, self.over[path])) if path in self.over else dated


def _over(base: Any, tried: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(tried, dict)):
        return tried
    return {**base, **{k: _over(base.get(k), v) for k, v in tried.items()}}


def arguments_of(rule: Rule) -> list[Argument]:
    """Every place a rule takes a limit from."""
    tests = [a for t in rule.steps for a in (*t.test.values(), t.until)]
    return [a for a in (*tests, rule.times, rule.band) if a is not None]


def limit_params() -> set[str]:
    """The params that rules take limits from."""
    return {limits.path_of(r, a) for r in content.every("rules") for a in arguments_of(r) if a.param}


def parsed(text: str) -> Change:
    """A change from YAML: a list of rules, or {scene, rules, params, points}. BadInput names what is wrong."""
    try:
        given = YAML(typ="safe", pure=True).load(text)
    except YAMLError as wrong:
        raise BadInput(f"YAML 写法有误:{' '.join(str(wrong).split())}") from None
    if isinstance(given, list):
        given = {"rules": given}
    if not isinstance(given, dict) or not given or set(given) - PARTS:
        raise BadInput(f"请写一组规则(同 rules.yaml),或 {'、'.join(sorted(PARTS))} 中的几项")
    rules = [_rule(raw, str(given.get("scene", ""))) for raw in given.get("rules") or []]
    return Change(rules, _params(given.get("params") or {}), _points(given.get("points") or {}))


def _rule(raw: Any, scene: str) -> Rule:
    if not isinstance(raw, dict) or "id" not in raw:
        raise BadInput(f"每条规则应是一组“键: 值”并有 id,而不是 {raw!r}")
    scene = str(raw.get("scene", scene)) or _scene(str(raw["id"]))
    try:
        return Rule.model_validate({**raw, "scene": scene})
    except ValidationError as wrong:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in wrong.errors())
        raise BadInput(f"规则 {raw['id']}: {told}") from None


def _scene(rule: str) -> str:
    """The scene whose rule has this id; BadInput when several have."""
    scenes = [r.scene for r in content.every("rules") if r.id == rule]
    if len(scenes) > 1:
        raise BadInput(f"规则 {rule} 在几个场景里都有({'、'.join(scenes)}),请写 scene")
    return scenes[0] if scenes else ""


def _params(given: Any) -> dict[str, Any]:
    if not isinstance(given, dict):
        raise BadInput("params 写成 参数名: 值")
    if unknown := [p for p in given if p not in params.paths()]:
        raise BadInput(f"没有参数 {'、'.join(map(str, unknown))};参数名见参数页")
    return given


def _points(given: Any) -> dict[int, dict[str, Decimal | None]]:
    """Own limits by point code: {LT-101: {h: 80}}; `null` takes a limit away."""
    if not isinstance(given, dict) or any(not isinstance(v, dict) or set(v) - set(OWN_LIMITS) for v in given.values()):
        raise BadInput("points 写成 位号: {h: 80},限值可用 ll、l、h、hh")
    out: dict[int, dict[str, Decimal | None]] = {}
    for code, own in given.items():
        ids = list(Point.objects.filter(code=str(code)).values_list("pk", flat=True))
        if not ids:
            raise BadInput(f"没有位号 {code}")
        out |= {pk: {k: _decimal(code, v) for k, v in own.items()} for pk in ids}
    return out


def _decimal(code: str, value: Any) -> Decimal | None:
    try:
        found = None if value is None else Decimal(str(value))
    except InvalidOperation:
        found = Decimal("nan")
    if found is not None and not found.is_finite():
        raise BadInput(f"{code} 的限值应是数字,而不是 {value!r}")
    return found
