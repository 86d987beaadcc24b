"""A scene with links only, a fixed cast at their posts, a frozen clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import pytest

from shouwang import boot
from shouwang.engines.notify import outbox
from shouwang.engines.notify.models import Notice, Post, Shift
from shouwang.engines.subjects.models import Subject
from shouwang.kernel import clock, events
from shouwang.kernel.models import Account, Event, Grant

START = datetime(2026, 6, 1, 8, 0, tzinfo=clock.LOCAL)
LINKS = """\
- {id: told, title: 告诉, when: flows.entered, do: notify.tell}
- {id: called, title: 呼叫, when: flows.escalated, do: notify.call}
"""


@pytest.fixture(scope="package")
def trial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Only the trial scene is declared while this folder's tests run; then everything is read anew."""
    folder = tmp_path_factory.mktemp("scenes") / "trial"
    folder.mkdir()
    (folder / "scene.yaml").write_text("id: trial\ntitle: 试验\nuses: [subjects, notify]\n", "utf8")
    (folder / "links.yaml").write_text(LINKS, "utf8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boot, "own_scenes", list)
        boot.forget()
        boot.boot(folder)
        yield
    boot.forget()
    boot.boot()


@pytest.fixture(autouse=True)
def frozen() -> Iterator[None]:
    """08:00 on the first of June 2026 in China, until the test moves it."""
    outbox._sick.clear()
    with clock.at(START):
        yield


@dataclass
class Cast:
    """甲厂, its manager, the supervisors who plan rosters, the desks."""

    jia: Subject
    manager: Account
    second: Account  # 甲厂's other safety manager
    other: Account  # 乙厂's
    county: Account
    neighbour: Account  # the supervisor of another county
    grid: Account
    desk: Account  # sits at the town's desk
    relief: Account  # may sit there too
    far: Account  # sits at a desk elsewhere
    post: Post


def person(username: str, name: str, role: str, region: str = "", subject: int | None = None,
           email: str = "") -> Account:
    account = Account.objects.create(username=username, name=name, email=email)
    Grant.objects.create(account=account, role=role, region=region, subject=subject)
    return account


@pytest.fixture
def cast(db: None, trial: None) -> Cast:
    jia = Subject.objects.create(kind="enterprise", code="JIA", name="甲厂", region="370829001", line="hazchem")
    yi = Subject.objects.create(kind="enterprise", code="YI", name="乙厂", region="370829001", line="hazchem")
    post = Post.objects.create(name="嘉祥镇值班室", role="town_duty", region="370829001")
    return Cast(
        jia, person("manager", "张安全", "safety_manager", "", jia.pk, "zhang@jia.example"),
        person("second", "吴安全", "safety_manager", "", jia.pk),
        person("other", "钱安全", "safety_manager", "", yi.pk),
        person("county", "孙县监", "county_supervisor", "370829"),
        person("neighbour", "邻县监", "county_supervisor", "370830"),
        person("grid", "网格员小王", "grid_member", "370829001"),
        person("desk", "镇值班", "town_duty", "370829001", None, "desk@town.example"),
        person("relief", "替班", "town_duty", "370829001"), person("far", "远值班", "town_duty", "370829002"), post)


def man(post: Post, account: Account, begin: int = 0, hours: int = 24) -> Shift:
    """A shift beginning at that hour of the first of June."""
    starts = START.replace(hour=begin)
    return Shift.objects.create(post=post, account=account, starts=starts, ends=starts + clock.span(f"{hours}h"))


def turn(cast: Cast, type: str = "flows.entered", **more: object) -> Event:
    """An event of a matter, with the facts the flow engine sends."""
    facts = {"title": "液位高", "enterprise": "甲厂", "level": "red", "region": "370829001", "line": "hazchem",
             "top": cast.jia.pk, "role": "safety_manager", "state": "handle", "state_title": "待企业处置",
             "due_at": "2026-06-01T00:30:00+00:00", "revision": 0, **more}
    return events.emit(type, subject=cast.jia.pk, scene="trial", about="matter:7", **facts)


def call(cast: Cast, **more: object) -> Event:
    """The ladder's first rung."""
    return turn(cast, "flows.escalated", **{"to": "town_duty", "rung": 1, **more})


def only() -> Notice:
    return Notice.objects.select_related("post", "last").get()
