"""Situations: a scene's tests in YAML, each a Chinese sentence with what is given and what happens step by step.

`given` names an enterprise, one subject and its points; a fixed cast and duty desks stand ready. Steps:
`readings` (series notation), `after` (time passes), `expect`, `quiet`, `cleared`, `act`, `refused`, `called`,
`read_back`, `status` and `why`. Readings go through the real kernel, the real journal records and the real links.
"""

import types
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from msgspec import structs

from shouwang.engines.flows import climb, move
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify import send
from shouwang.engines.notify.models import Notice, Post, Shift
from shouwang.engines.rules import judge, plan, series
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.rules.models import Alert
from shouwang.engines.subjects.models import Point, Region, Subject
from shouwang.engines.subjects.spec import rank
from shouwang.engines.telemetry import plan as plans
from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.engines.telemetry.seam import Batch
from shouwang.kernel import clock, content, events, params
from shouwang.kernel.errors import ShouwangError
from shouwang.kernel.models import Account, Event, Grant
from shouwang.kernel.yaml_files import read_yaml

REGION = "370829001"
SOURCE = "甲厂网关"
SECOND = timedelta(seconds=1)
CAST = [("safety_manager", "", True), ("operator", "", True), ("county_supervisor", "370829", False),
        ("city_supervisor", "3708", False), ("grid_member", REGION, False), ("leader", "3708", False)]
DESKS = [("town_duty", REGION), ("county_duty", "370829"), ("city_duty", "3708")]


class SituationFile(pytest.Module):
    """A YAML file of situations, collected as test functions named by their sentence."""

    def _getobj(self) -> types.ModuleType:
        module = types.ModuleType(f"situations_{self.path.stem}")
        for spec in read_yaml(self.path):
            setattr(module, f"test {spec['name']}", _function(spec, self.path.parents[1].name))
        return module


def _function(spec: dict[str, Any], scene: str) -> Callable[[], None]:
    @pytest.mark.django_db
    @pytest.mark.situation
    def play() -> None:
        start = datetime.fromisoformat(str(spec["at"])).replace(tzinfo=clock.LOCAL)
        with clock.at(start):
            situation = Situation(spec["given"], scene)
            for n, step in enumerate(spec["steps"], 1):
                try:
                    situation.step(step)
                except AssertionError as wrong:
                    raise AssertionError(f"第 {n} 步不成立:{step}\n{wrong}") from wrong

    return play


class Situation:
    """One enterprise with one measured subject, its cast and desks, a running kernel and a clock."""

    def __init__(self, given: dict[str, Any], scene: str) -> None:
        params.refresh()
        self.scene, self.n = scene, 0
        self.seqs: Counter[tuple[str, int]] = Counter()
        self.firm, self.subject = _registry(given)
        self.points = _points(self.subject, given.get("points", []))
        self.cast = _cast(self.firm)
        self.kernel = Kernel()
        self._adopt()

    def _adopt(self) -> None:
        root = Path(settings.DATA) / "plan"
        version = plan.compile_plan()
        self.plan = plans.load(root, version)
        self.kernel.adopt(self.plan, root / str(version))

    def step(self, step: dict[str, Any]) -> None:
        """One step: its first key is the verb."""
        (verb, what), = step.items()
        getattr(self, f"do_{verb}")(what)

    def do_readings(self, by_quantity: dict[str, str]) -> None:
        """Series start now; the clock ends one step after the last reading."""
        ends, samples = [], []
        for quantity, text in by_quantity.items():
            found, end = series.parse(text, clock.now_ms())
            samples += [(sample, quantity) for sample in found]
            ends.append(end)
        for sample, quantity in sorted(samples, key=lambda s: s[0].t):
            self._until(clock.from_ms(sample.t), SECOND)
            self._give(sample, self.points[quantity])
        self._until(clock.from_ms(max(ends)), SECOND)

    def _give(self, sample: series.Sample, point: Point) -> None:
        value = Decimal(sample.value or 0).scaleb(point.digits).to_integral_value(ROUND_HALF_EVEN)
        row = self.plan.index[point.pk]
        batch = Batch(np.array([row], np.uint32), np.array([sample.t], np.int64), np.array([int(value)], np.int32),
                      np.array([quality.code(sample.quality)], np.uint8),
                      self.plan.points["source"][[row]].astype(np.uint32))
        self._take(self.kernel.evaluate(batch, clock.now_ms()))

    def do_after(self, span: str) -> None:
        """Time passes with nothing heard from these points: delays, deadlines and read-backs run out."""
        end = clock.now() + clock.span(span)
        self._until(end, max(SECOND, (end - clock.now()) / 120))

    def _until(self, end: datetime, step: timedelta) -> None:
        while clock.now() < end:
            clock.advance(min(step, end - clock.now()))
            marks = np.full(max(1, len(self.plan.sources)), clock.now_ms() - (clock.now() == end), np.int64)
            self._take(self.kernel.sweep(marks, clock.now_ms()))
            climb.tick()
            send.tick()
            events.run_errands()

    def _take(self, found: list[Transition]) -> None:
        """What the kernel found, numbered as the ingest process does it, applied as the beat process does it."""
        numbered = []
        for one in found:
            self.n += 1
            self.seqs[one.rule, one.point] += 1
            numbered.append(structs.replace(one, n=self.n, seq=self.seqs[one.rule, one.point]))
        if numbered:
            judge.apply(numbered)

    def alert(self, rule: str) -> Alert | None:
        """The newest episode of a rule of this scene."""
        return Alert.objects.filter(rule=f"{self.scene}.{rule}").order_by("-id").first()

    def matter(self, flow: str) -> Matter:
        """The gravest matter of a flow of this scene, the newest of those: silence opens matters of its own."""
        found = Matter.objects.filter(spec=f"{self.scene}.{flow}").order_by("-id")
        assert found, f"没有开出 {flow} 事项"
        return min(found, key=lambda m: rank(m.level))

    def do_expect(self, want: dict[str, Any]) -> None:
        """The alert (active) and the matter are as said."""
        if "alert" in want:
            alert = self.alert(want["alert"])
            assert alert is not None, f"{want['alert']} 没有报警"
            assert alert.active, f"{want['alert']} 已经恢复"
            _same(want, {"level": alert.level, "highest": alert.highest, "tier": alert.tier,
                         "value": alert.last_value, "quality": alert.quality, "kind": alert.kind})
        if "matter" in want:
            matter = self.matter(want["matter"])
            _same(want, {"state": matter.state, "by": matter.role, "overdue": matter.overdue, "rung": matter.rung,
                         "flagged": bool(matter.flagged)} | ({} if "alert" in want else {"level": matter.level}))

    def do_quiet(self, rule: str) -> None:
        """No episode of this rule, open or past."""
        assert self.alert(rule) is None, f"{rule} 不该报警"

    def do_cleared(self, rule: str) -> None:
        """The episode has ended."""
        alert = self.alert(rule)
        assert alert is not None, f"{rule} 没有报过警"
        assert not alert.active, f"{rule} 还没有恢复"

    def do_act(self, what: dict[str, Any]) -> None:
        """Somebody of the cast acts on a matter."""
        move.act(self.matter(what["matter"]), what["do"], self.cast[what["by"]], what.get("form", {}))

    def do_refused(self, what: dict[str, Any]) -> None:
        """The same act is refused, and the reason says so."""
        with pytest.raises(ShouwangError, match=what.get("because")):
            self.do_act({k: v for k, v in what.items() if k != "because"})

    def do_called(self, role: str) -> None:
        """The desk of this role has been called and must read back."""
        assert Notice.objects.filter(post__role=role, must_read_back=True).exists(), f"没有呼叫 {role}"

    def do_not_called(self, role: str) -> None:
        """The desk of this role has not been called."""
        assert not Notice.objects.filter(post__role=role).exists(), f"不该呼叫 {role}"

    def do_read_back(self, role: str) -> None:
        """The person on shift reads the newest call back."""
        notice = Notice.objects.filter(post__role=role, read_back_at=None).latest("id")
        send.read_back(notice, self.cast[role], f"收到:{notice.text[:20]},已通知现场处置", notice.level)

    def do_why(self, what: dict[str, Any]) -> None:
        """The cause chain of the newest event of a type goes through these types in this order."""
        path = [e.type for e in events.chain(Event.objects.filter(type=what["of"]).latest("id"))]
        rest = iter(path)
        assert all(step in rest for step in what["goes"]), f"因果链是 {path}"


def _same(want: dict[str, Any], have: dict[str, Any]) -> None:
    wrong = {k: (v, have[k]) for k, v in want.items() if k in have and have[k] != v}
    assert not wrong, f"应为/实为:{wrong}"


def _registry(given: dict[str, Any]) -> tuple[Subject, Subject]:
    region = given.get("region", REGION)
    Region.objects.get_or_create(code=region, defaults={"name": "样例街道", "tier": "town"})
    firm = Subject.objects.create(kind="enterprise", code="91350100M000100Y43", name=given["enterprise"], region=region,
                                  line=given.get("line", ""), facts=given.get("facts", {}))
    Subject.objects.filter(pk=firm.pk).update(top=firm)
    firm.refresh_from_db()
    own = given["subject"]
    subject = Subject.objects.create(kind=own["kind"], code=own["name"], name=own["name"], parent=firm, top=firm,
                                     region=region, line=firm.line, facts=own.get("facts", {}))
    return firm, subject


def _points(subject: Subject, given: list[str] | dict[str, dict[str, Any]]) -> dict[str, Point]:
    source, _ = Source.objects.get_or_create(name=SOURCE, defaults={"token_hash": "0" * 64, "enterprise": subject.top})
    made = {}
    for quantity, facts in (given if isinstance(given, dict) else {q: {} for q in given}).items():
        declared = content.get("quantities", quantity)
        made[quantity] = Point.objects.create(subject=subject, code=f"{subject.code}-{quantity}", name=declared.title,
                                              quantity=quantity, unit=declared.unit, digits=declared.digits, **facts)
        Channel.objects.create(point=made[quantity], source=source, device=subject.code, key=quantity)
    return made


def _cast(firm: Subject) -> dict[str, Account]:
    cast = {}
    for role, region, own in CAST:
        cast[role] = Account.objects.create(username=role, name=content.get("roles", role).title)
        Grant.objects.create(account=cast[role], role=role, region=region, subject=firm.pk if own else None)
    cast["stranger"] = Account.objects.create(username="stranger", name="外人")
    for role, region in DESKS:
        cast[role] = Account.objects.create(username=role, name=content.get("roles", role).title)
        Grant.objects.create(account=cast[role], role=role, region=region)
        post = Post.objects.create(name=content.get("roles", role).title, role=role, region=region)
        Shift.objects.create(post=post, account=cast[role], starts=clock.now() - timedelta(days=1),
                             ends=clock.now() + timedelta(days=30))
    return cast
