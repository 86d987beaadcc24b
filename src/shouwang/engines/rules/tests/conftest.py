"""A small declared scene, a fixed cast with points and gateways, a frozen clock, a plan folder of its own."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import LazySettings

from shouwang import boot
from shouwang.engines.rules import plan
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock
from shouwang.kernel.models import Account, Grant

START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
T0 = int(START.timestamp() * 1000)
RULES = """\
- id: process_limit
  title: 工艺参数越限
  quantity: [level, temperature]
  of: facility
  tiers:
    - {test: {above: {limit: h}}, level: yellow, means: 高报}
    - {test: {above: {limit: hh}}, level: red, means: 高高报}
    - {test: {below: {limit: l}}, level: blue, means: 低报}
    - {test: {below: {limit: ll}}, level: orange, means: 低低报}
  guidance: {consequence: 溢料, action: 停止进料}
- id: methane
  title: 甲烷超限
  quantity: methane
  of: facility
  pick: place
  hold: 0s
  release: 0s
  tiers:
    - {test: {above: {param: methane, field: alarm}}, level: orange, means: 报警}
    - {test: {above: {param: methane, field: cut}}, until: {param: methane, field: reset}, level: red, means: 断电}
- id: gas
  title: 可燃气体超限
  quantity: combustible
  of: facility
  if: {medium: [甲醇, 乙醇]}
  hold: 3s
  test: {above: {param: gas}}
  level: orange
- id: silence
  title: 数据中断
  quantity: [level, methane]
  of: facility
  test: {silent: {param: silent_for}}
  level: blue
- {id: span, title: 超量程, quantity: level, of: facility, test: {out_of_range: {}}, level: blue}
"""
PARAMS = """\
methane:
  title: 甲烷
  unit: "%CH4"
  values:
    2020-01-01:
      basis: AQ 1029
      mark: V
      value:
        T1: {alarm: 1.0, cut: 1.5, reset: 1.0}
        R2: {alarm: 0.75, mark: M, basis: 凭记忆}
gas:
  title: 可燃气体
  unit: "%LEL"
  values:
    2020-01-01: {value: 25, basis: GB/T 50493, mark: M}
    2026-07-01: {value: 20, basis: 新标准, mark: V}
silent_for:
  title: 中断
  unit: span
  values:
    2020-01-01: {value: 5m, basis: 本系统默认}
"""


def write_scene(folder: Path, rules: str = RULES, params: str = PARAMS, links: str = "") -> Path:
    """The scene `trial` as a folder."""
    scene = folder / "trial"
    scene.mkdir(parents=True, exist_ok=True)
    (scene / "scene.yaml").write_text("id: trial\ntitle: 试验\nuses: [subjects, rules, flows, notify]\n", "utf8")
    (scene / "rules.yaml").write_text(rules, "utf8")
    (scene / "params.yaml").write_text(params, "utf8")
    if links:
        (scene / "links.yaml").write_text(links, "utf8")
        (scene / "flows.yaml").write_text("- {id: warning, title: 预警处置, like: warning}\n", "utf8")
    return scene


def read_anew(*folders: Path) -> None:
    """Declarations as the files stand now."""
    boot.forget()
    boot.boot(*folders)


@pytest.fixture(scope="package")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Only the trial scene is declared while this folder's tests run; then everything is read anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boot, "own_scenes", list)
        folder = write_scene(tmp_path_factory.mktemp("scenes"))
        read_anew(folder)
        yield folder
    read_anew()


@pytest.fixture
def frozen() -> Iterator[None]:
    """08:00 on the first of June 2026 in China, until the test moves it."""
    with clock.at(START):
        yield


def person(username: str, role: str = "", region: str = "", subject: int | None = None) -> Account:
    """An account, with one grant unless role is blank."""
    account = Account.objects.create(username=username, name=username)
    if role:
        Grant.objects.create(account=account, role=role, region=region, subject=subject)
    return account


def enterprise(name: str, region: str, line: str = "hazchem") -> Subject:
    """An enterprise that is its own top."""
    made = Subject.objects.create(kind="enterprise", code=name, name=name, region=region, line=line,
                                  facts={"medium": "甲醇"})
    made.top = made
    made.save()
    return made


@dataclass
class Cast:
    """甲厂 with a tank, a detector and a working face; 乙厂 with a tank in another county; people around them."""

    jia: Subject
    yi: Subject
    tank: Subject
    other_tank: Subject
    level: Point
    gas: Point
    methane: Point
    other_level: Point
    people: dict[str, Account] = field(default_factory=dict)


def point(subject: Subject, code: str, quantity: str, unit: str, digits: int, **facts: object) -> Point:
    """A point with an address under its enterprise's gateway."""
    assert subject.top is not None
    made = Point.objects.create(subject=subject, code=code, name=f"{subject.name}{code}", quantity=quantity, unit=unit,
                                digits=digits, **facts)
    source, _ = Source.objects.get_or_create(
        name=f"{subject.top.name}网关", defaults={"token_hash": hashlib.sha256(subject.top.name.encode()).hexdigest(),
                                               "enterprise": subject.top})
    Channel.objects.create(point=made, source=source, device=subject.code, key=code)
    return made


LIMITS = {"ll": Decimal(10), "l": Decimal(15), "h": Decimal(85), "hh": Decimal(90), "deadband": Decimal(1),
          "on_delay_s": Decimal(3), "off_delay_s": Decimal(10), "range_low": Decimal(0), "range_high": Decimal(100)}


@pytest.fixture
def cast(db: None, trial: Path, frozen: None, settings: LazySettings, tmp_path: Path) -> Cast:
    settings.DATA = tmp_path
    for code, name, tier in (("370829", "嘉祥县", "county"), ("370811", "任城区", "county")):
        Region.objects.create(code=code, name=name, tier=tier)
    jia, yi = enterprise("甲厂", "370829001"), enterprise("乙厂", "370811002")
    tank, other = (Subject.objects.create(kind="facility", code=f"{top.name}T1", name="一号罐", parent=top, top=top,
                                          region=top.region, line=top.line) for top in (jia, yi))
    made = Cast(jia, yi, tank, other, point(tank, "LT-101", "level", "%", 2, **LIMITS),
                point(tank, "GD-1", "combustible", "%LEL", 1), point(tank, "MM1", "methane", "%CH4", 2,
                                                                     facts={"place": "T1"}),
                point(other, "LT-201", "level", "%", 2, **LIMITS))
    made.people = {
        "city": person("city", "city_supervisor", "3708"), "county": person("county", "county_supervisor", "370829"),
        "manager": person("manager", "safety_manager", "", jia.pk), "grid": person("grid", "grid_member", "370829001"),
        "officer": person("officer", "read_only", "370811"), "stranger": person("stranger")}
    return made


@pytest.fixture
def compiled(cast: Cast) -> int:
    """The plan of the cast, published."""
    return plan.compile_plan()


@dataclass
class Tape:
    """Transitions as the intake numbers them."""

    n: int = 0
    seq: dict[tuple[str, int], int] = field(default_factory=dict)

    def __call__(self, rule: str, point: int, kind: str, tier: int, *, at: int = 0, since: int | None = None,
                 value: float | None = 50.0, limit: float | None = 85.0, quality: str = "good",
                 version: int = 1) -> Transition:
        """The next transition; `at` in seconds after START."""
        self.n += 1
        seq = self.seq[rule, point] = self.seq.get((rule, point), 0) + 1
        return Transition(self.n, rule, point, seq, kind, tier, T0 + 1000 * (at if since is None else since),
                          T0 + 1000 * at, value, limit, quality, T0 + 1000 * at + 20, version)


@pytest.fixture
def tape() -> Tape:
    return Tape()
