"""What people would have done with the past's warnings: the real verbs, in order of time, under a frozen clock."""

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec
from django.db import transaction

from shouwang.engines.flows import climb, move
from shouwang.engines.flows.models import Matter
from shouwang.engines.notify import send
from shouwang.engines.notify.models import Notice, Shift
from shouwang.engines.rules import act, judge
from shouwang.engines.rules.models import Alert
from shouwang.engines.telemetry.journal import Transition
from shouwang.kernel import clock
from shouwang.kernel.errors import ShouwangError
from shouwang.kernel.models import Account, Grant

CAUSES = {
    "process_swing": ("进料波动,液位上升较快", "调整进料阀开度,降低进料量,恢复正常后加强巡检"),
    "true_abnormal": ("现场确认属实", "停止作业,切换备用设备,排查原因并消除,复测正常"),
    "instrument": ("仪表零点漂移", "仪表工现场校验,更换变送器后读数恢复"),
    "maintenance": ("检修后开车", "按开车方案缓慢升量,参数恢复正常"),
    "misoperation": ("操作人员误开阀门", "立即纠正,对当班人员再培训"),
    "start_stop": ("倒罐作业", "倒罐结束,液位恢复到控制范围"),
}
WEIGHTS = (40, 18, 16, 8, 6, 12)
OPEN_SINCE = timedelta(days=2)  # only warnings of the last days may still be open
LATE, REJECTED, UNANSWERED, FORGOTTEN = 0.07, 0.04, 0.06, 0.12
Step = Callable[[], None]


@dataclass
class Diary:
    """The queue of what happens when; everything done is a verb of an engine."""

    now: datetime
    rng: random.Random
    queue: list[tuple[float, int, Step]] = field(default_factory=list)
    people: dict[tuple[str, str], Account] = field(default_factory=dict)
    revision: dict[int, int] = field(default_factory=dict)  # matter → as last seen; a tick for an older one is void
    called: set[int] = field(default_factory=set)  # notices somebody is about to answer
    refused: list[str] = field(default_factory=list)
    _n: int = 0

    def push(self, when: datetime, step: Step) -> None:
        """Something to do at a moment; moments from the present on are left to living people."""
        if when < self.now:
            self._n += 1
            heapq.heappush(self.queue, (when.timestamp(), self._n, step))

    def run(self) -> None:
        """Everything in order of time."""
        while self.queue:
            when, _, step = heapq.heappop(self.queue)
            with clock.at(datetime.fromtimestamp(when, clock.LOCAL)):
                try:
                    with transaction.atomic():
                        step()
                except ShouwangError as why:
                    self.refused.append(str(why))

    def later(self, low: float, high: float) -> datetime:
        """Some minutes from the moment being lived."""
        return clock.now() + timedelta(minutes=self.rng.uniform(low, high))


@transaction.atomic
def live(transitions: list[Transition], now: datetime, region: str, seed: int = 1) -> Diary:
    """Apply the past's transitions and let the demo's people answer them; nothing half-written."""
    diary = Diary(now, random.Random(seed), people=_people(region))
    for x in transitions:
        diary.push(clock.from_ms(x.at) + timedelta(seconds=1), _found(diary, x))
    diary.run()
    return diary


def _people(region: str) -> dict[tuple[str, str], Account]:
    """Managers and operators by enterprise id, supervisors by county."""
    grants = Grant.objects.filter(account__sample=True, region__startswith=region[:6]).select_related("account")
    return {(g.role, str(g.subject) if g.subject else g.region): g.account for g in grants}


def _found(diary: Diary, x: Transition) -> Step:
    def step() -> None:
        judge.apply([msgspec.structs.replace(x, n=0, seq=0, heard=x.at + 800)])
        if x.kind == "raised":
            alert = Alert.objects.select_related("top").filter(rule=x.rule, point=x.point, active=True).first()
            matter = Matter.objects.filter(about=f"alert:{alert.pk}", closed_at=None).first() if alert else None
            if alert and matter:
                _opened(diary, alert, matter)
    return step


def _opened(diary: Diary, alert: Alert, matter: Matter) -> None:
    operator = diary.people.get(("operator", str(alert.top_id)))
    if operator and diary.rng.random() < 0.85:
        diary.push(diary.later(0.5, 8), lambda: _acknowledge(alert.pk, operator))
    forgotten = clock.now() > diary.now - OPEN_SINCE and diary.rng.random() < FORGOTTEN
    late = diary.rng.random() < LATE
    _mind(diary, matter)
    if not forgotten:
        diary.push(diary.later(70, 320) if late else diary.later(4, 26), lambda: _submit(diary, matter.pk))


def _acknowledge(alert: int, who: Account) -> None:
    act.acknowledge(Alert.objects.get(pk=alert), who, "已通知现场确认")


def _matter(pk: int) -> Matter | None:
    return Matter.objects.select_related("version", "top", "subject", "last").filter(pk=pk, closed_at=None).first()


def _submit(diary: Diary, pk: int) -> None:
    matter = _matter(pk)
    who = diary.people.get(("safety_manager", str(matter.top_id))) if matter else None
    if matter is None or who is None or matter.state != "handle":
        return
    cause = diary.rng.choices(list(CAUSES), WEIGHTS)[0]
    found, measure = CAUSES[cause]
    done = move.act(matter, "submit", who, {"reason": cause, "measure": f"{found};{measure}。"})
    _mind(diary, done)
    diary.push(diary.later(8, 150), lambda: _verify(diary, pk, 0))


def _verify(diary: Diary, pk: int, tries: int) -> None:
    """Accept once the reading is back; send back now and then; wait while it is still over the limit."""
    matter = _matter(pk)
    who = diary.people.get(("county_supervisor", matter.region[:6])) if matter else None
    if matter is None or who is None or matter.state != "verify":
        return
    if tries == 0 and diary.rng.random() < REJECTED:
        _mind(diary, move.act(matter, "reject", who, {"why": "处置措施不具体,请补充现场确认情况"}))
        diary.push(diary.later(10, 40), lambda: _submit(diary, pk))
        return
    if Alert.objects.filter(pk=int(matter.about.partition(":")[2]), active=True).exists():
        diary.push(diary.later(20, 60), lambda: _verify(diary, pk, tries + 1))
        return
    move.act(matter, "accept", who, {"opinion": "现场核实,读数恢复,同意销号"})
    del diary.revision[pk]


def _mind(diary: Diary, matter: Matter) -> None:
    """Deadlines and rungs of the state just entered run out at their moments, if nobody acts before."""
    diary.revision[matter.pk] = matter.revision
    for moment in (matter.due_at, matter.climb_at):
        if moment is not None:
            diary.push(moment + timedelta(seconds=1), lambda: _tick(diary, matter.pk, matter.revision))


def _tick(diary: Diary, pk: int, revision: int) -> None:
    if diary.revision.get(pk) != revision:
        return
    climb.tick()
    for notice in Notice.objects.filter(
        about=f"matter:{pk}", must_read_back=True, read_back_at=None, created_at=clock.now()
    ):
        _called(diary, notice)
    fresh = _matter(pk)
    if fresh and fresh.climb_at and fresh.climb_at > clock.now():
        diary.push(fresh.climb_at + timedelta(seconds=1), lambda: _tick(diary, pk, revision))


def _called(diary: Diary, notice: Notice) -> None:
    """The desk reads back within its time, or now and then does not."""
    if notice.pk in diary.called:
        return
    diary.called.add(notice.pk)
    if diary.rng.random() < UNANSWERED and notice.read_back_until:
        diary.push(notice.read_back_until + timedelta(seconds=1), lambda: _silence(diary, notice))
        return
    diary.push(clock.now() + timedelta(seconds=diary.rng.uniform(30, 150)), lambda: _read_back(notice.pk))


def _silence(diary: Diary, notice: Notice) -> None:
    send.tick()
    for called in Notice.objects.filter(
        about=notice.about, must_read_back=True, read_back_at=None, created_at=clock.now()
    ):
        _called(diary, called)


def _read_back(pk: int) -> None:
    notice = Notice.objects.select_related("post").get(pk=pk)
    shift = (
        Shift.objects.filter(post=notice.post, starts__lte=clock.now(), ends__gt=clock.now())
        .select_related("account")
        .first()
    )
    if shift is not None:
        send.read_back(notice, shift.account, f"收到,{notice.text[:40]},已联系企业", notice.level)


def tally(diary: Diary) -> dict[str, Any]:
    """What came of it, for the command line."""
    return {"alerts": Alert.objects.count(), "matters": Matter.objects.count(),
            "closed": Matter.objects.exclude(closed_at=None).count(), "refused": len(diary.refused)}
