"""A small declared scene, a fixed cast, a frozen clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from shouwang import boot
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify.models import Post, Shift
from shouwang.engines.subjects.models import Region, Subject
from shouwang.kernel import clock, conditions, events
from shouwang.kernel.models import Account, Event, Grant

START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
FLOWS = """\
- id: warning
  title: 预警处置
  like: warning
  states:
    handle: {acts: {submit: {flag_if_not: [trial.recovered]}}}
    verify: {acts: {accept: {only_if: [trial.recovered]}}}
"""
over_limit: set[str] = set()  # rows ("alert:1") whose value is still over the limit


@conditions.condition("trial.recovered")
def _recovered(about: str) -> str:
    return "读数仍在限值以上" if about in over_limit else ""


def write_scene(folder: Path, flows: str = FLOWS, links: str = "- {like: warning_loop}\n") -> Path:
    """The scene `trial` as a folder."""
    scene = folder / "trial"
    scene.mkdir(exist_ok=True)
    (scene / "scene.yaml").write_text("id: trial\ntitle: 试验\nuses: [subjects, flows, notify]\n", "utf8")
    (scene / "flows.yaml").write_text(flows, "utf8")
    (scene / "links.yaml").write_text(links, "utf8")
    return scene


@pytest.fixture(scope="package")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Only the trial scene is declared while this folder's tests run; then everything is read anew."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boot, "own_scenes", list)
        folder = write_scene(tmp_path_factory.mktemp("scenes"))
        read_anew(folder)
        yield folder
    read_anew()


def read_anew(*folders: Path) -> None:
    """Declarations as the files stand now."""
    boot.forget()
    boot.boot(*folders)


@pytest.fixture
def scene(trial: Path) -> Iterator[Path]:
    """The trial scene; a test that rewrites its files finds them restored for the next."""
    over_limit.clear()
    before = {f.name: f.read_text("utf8") for f in trial.glob("*.yaml")}
    yield trial
    if before != {f.name: f.read_text("utf8") for f in trial.glob("*.yaml")}:
        for name, text in before.items():
            (trial / name).write_text(text, "utf8")
        read_anew(trial)


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    """08:00 on the first of June 2026 in China, until the test moves it."""
    with clock.at(START):
        yield


@dataclass
class Cast:
    """甲厂 and 乙厂 in one town, and the people around them."""

    jia: Subject
    yi: Subject
    tank: Subject
    manager: Account  # 甲厂's safety manager
    operator: Account  # 甲厂's operator
    other: Account  # 乙厂's safety manager
    county: Account
    city: Account
    town: Account
    grid: Account  # 网格员小王
    officer: Account  # 执法员老李
    stranger: Account  # 外人
    town_desk: Account
    county_desk: Account
    city_desk: Account


def person(username: str, name: str, role: str = "", region: str = "", subject: int | None = None,
           **facts: object) -> Account:
    """An account, with one grant unless role is blank."""
    account = Account.objects.create(username=username, name=name, **facts)
    if role:
        paper = {"credential": "鲁H-001", "valid_until": START.date() + timedelta(days=99)} if role == "officer" else {}
        Grant.objects.create(account=account, role=role, region=region, subject=subject, **paper)
    return account


@pytest.fixture
def cast(db: None, scene: Path) -> Cast:
    Region.objects.create(code="370829", name="嘉祥县", tier="county")
    jia = Subject.objects.create(kind="enterprise", code="JIA", name="甲厂", region="370829001", line="hazchem")
    yi = Subject.objects.create(kind="enterprise", code="YI", name="乙厂", region="370829001", line="hazchem")
    for top in (jia, yi):
        top.top = top
        top.save()
    tank = Subject.objects.create(kind="facility", code="T1", name="一号罐", parent=jia, top=jia, region="370829001",
                                  line="hazchem")
    return Cast(
        jia, yi, tank,
        person("manager", "张安全", "safety_manager", "", jia.pk), person("operator", "赵班长", "operator", "", jia.pk),
        person("other", "钱安全", "safety_manager", "", yi.pk),
        person("county", "孙县监", "county_supervisor", "370829"), person("city", "李市监", "city_supervisor", "3708"),
        person("town", "周镇监", "town_supervisor", "370829001"),
        person("grid", "网格员小王", "grid_member", "370829001"),
        person("officer", "执法员老李", "officer", "370829"), person("stranger", "外人"),
        person("town_desk", "镇值班", "town_duty", "370829001"),
        person("county_desk", "县值班", "county_duty", "370829"), person("city_desk", "市值班", "city_duty", "3708"))


@pytest.fixture
def desks(cast: Cast) -> dict[str, Post]:
    """Three posts, each manned for the whole first of June."""
    out = {}
    for role, region, account in (("town_duty", "370829001", cast.town_desk),
                                  ("county_duty", "370829", cast.county_desk), ("city_duty", "3708", cast.city_desk)):
        out[role] = Post.objects.create(name=f"{account.name}岗", role=role, region=region)
        day = START.replace(hour=0)
        Shift.objects.create(post=out[role], account=account, starts=day, ends=day.replace(day=2))
    return out


def alert(subject: Subject, about: str = "alert:1", level: str = "red", kind: str = "raised") -> Event:
    """An alert's event as the rules engine sends it."""
    return events.emit(f"rules.alert_{kind}", subject=subject.pk, scene="trial", about=about, level=level,
                       title="液位高")


def only() -> Matter:
    """The only matter there is."""
    return Matter.objects.select_related("version", "top", "last").get()
