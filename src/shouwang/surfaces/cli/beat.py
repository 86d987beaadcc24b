"""The beat: applies what the rules found, lets deadlines run out, sends what waits, keeps the plan current.

Every step is its own transaction or a claimed row, so that a kill at any moment loses and doubles nothing.
A step that fails is logged and rests for a while; the others go on.
"""

import argparse
import json
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import close_old_connections, connection
from django.db.models import Count, Max, Q, Sum
from django.db.models.functions import Length

from shouwang import boot
from shouwang.engines.flows import climb
from shouwang.engines.notify import outbox, send
from shouwang.engines.rules import act, judge, plan
from shouwang.engines.rules.models import Intake
from shouwang.engines.subjects.models import Point, Subject
from shouwang.engines.telemetry.models import Channel, Source
from shouwang.kernel import clock, events
from shouwang.kernel.models import Errand, Param

log = logging.getLogger("shouwang.beat")
ROUND_S = 0.05
LONGEST_REST_S = 30.0
PAGE = 200  # steps of one kind in one round: a storm of deadlines must not hold up new alerts


@dataclass
class Step:
    """Something done again and again; it says how much it did, and a full page asks for the next round at once."""

    name: str
    every_s: float
    do: Callable[[], int]
    page: int = 0
    next_at: float = 0.0
    failures: int = 0  # in a row
    error: str = ""
    done: int = 0
    last_ms: float = 0.0
    worst_ms: float = 0.0

    def run_if_due(self) -> bool:
        """Whether there is more to do at once."""
        begin = time.monotonic()
        if begin < self.next_at:
            return False
        try:
            did = self.do()
        except Exception as wrong:  # whatever it is, the other steps matter too
            self._failed(wrong)
            return False
        finally:
            self.last_ms = (time.monotonic() - begin) * 1000
            self.worst_ms = max(self.worst_ms, self.last_ms)
        self.failures, self.error, self.done = 0, "", self.done + did
        more = bool(self.page) and did >= self.page
        self.next_at = 0.0 if more else begin + self.every_s
        return more

    def _failed(self, wrong: Exception) -> None:
        self.failures += 1
        self.error = f"{type(wrong).__name__}: {wrong}"[:300]
        rest = min(2.0 ** min(self.failures - 1, 5), LONGEST_REST_S)
        self.next_at = time.monotonic() + rest
        log.exception("节拍步骤 %s 出错(连续第 %d 次),%.0f 秒后再试", self.name, self.failures, rest)

    def shown(self) -> dict[str, Any]:
        """For the heartbeat."""
        return {"done": self.done, "last_ms": round(self.last_ms, 1), "worst_ms": round(self.worst_ms, 1),
                "failures": self.failures, "error": self.error}


@dataclass
class Beat:
    """The loop over its steps; two more threads send and compile, so that neither delays an alert."""

    folder: Path
    stopping: threading.Event = field(default_factory=threading.Event)
    rounds: int = 0
    stamp: object = None
    journal: object = None  # newest file and its size when it was last applied
    look_again_at: float = 0.0

    def __post_init__(self) -> None:
        journal = self.folder / "journal"
        self.steps = [
            Step("judge", 0.0, lambda: self.judge(journal), page=1),
            Step("errands", 0.2, lambda: events.run_errands(PAGE), page=PAGE),
            Step("deadlines", 0.5, lambda: climb.tick(PAGE), page=PAGE),
            Step("read_back", 0.5, lambda: send.tick(PAGE), page=PAGE),
            Step("unshelve", 0.5, _unshelve),
            Step("heartbeat", 1.0, self.tell),
        ]
        self.sending = Step("deliver", 0.5, outbox.deliver, page=1)
        self.planning = Step("plan", 2.0, self.replan)

    def run(self) -> None:
        """Until told to stop."""
        helpers = [threading.Thread(target=self._repeat, args=(s,), name=s.name, daemon=True)
                   for s in (self.sending, self.planning)]
        for helper in helpers:
            helper.start()
        _keep_connection()
        while not self.stopping.is_set():
            if not self.round():
                self.stopping.wait(ROUND_S)
        for helper in helpers:
            helper.join(timeout=8.0)
        self.tell()
        connection.close()

    def round(self) -> bool:
        """Every step that is due, once. Whether some of them have more to do at once."""
        close_old_connections()
        self.rounds += 1
        more = [step.run_if_due() for step in self.steps]
        return any(more)

    def _repeat(self, step: Step) -> None:
        _keep_connection()
        while not self.stopping.is_set():
            close_old_connections()
            if not step.run_if_due():
                self.stopping.wait(min(step.every_s, 0.2))
        connection.close()

    def judge(self, journal: Path) -> int:
        """Apply a batch of the journal, so that a storm does not keep deadlines and heartbeat waiting; 1 asks for more.

        A file that has not grown since it was found applied is not asked about, but for once a second.
        """
        newest = max(journal.glob("*.log"), default=None)
        size = (newest, newest.stat().st_size if newest else 0)
        if size == self.journal and time.monotonic() < self.look_again_at:
            return 0
        if judge.step(journal) is not None:
            return 1
        self.journal, self.look_again_at = size, time.monotonic() + 1.0
        return 0

    def replan(self) -> int:
        """Compile the plan when what it is made of has changed, or the day has."""
        stamp = change_stamp()
        if stamp == self.stamp:
            return 0
        plan.compile_plan()
        self.stamp = stamp
        return 1

    def tell(self) -> int:
        """How we are, for the health page and the supervisor: <data>/run/beat.json, replaced whole."""
        facts = {"pid": os.getpid(), "at": clock.now().isoformat(), "rounds": self.rounds, "lag": lag(),
                 "steps": {s.name: s.shown() for s in (*self.steps, self.sending, self.planning)}}
        path = self.folder / "run" / "beat.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(facts, ensure_ascii=False), "utf8")
        fresh.replace(path)
        return 0


def _unshelve() -> int:
    return int(act.unshelve_due() or 0)


def _keep_connection() -> None:
    """This process asks twenty times a second: a connection that works is kept."""
    connection.settings_dict["CONN_MAX_AGE"] = None


def lag() -> dict[str, Any]:
    """What waits: seconds of the oldest errand and delivery that are due, and how far the journal is applied."""
    now = clock.now()
    errand = Errand.objects.filter(done_at=None, due_at__lte=now).order_by("due_at").values_list("due_at", flat=True)
    oldest = errand.first()
    return {"errand_s": round((now - oldest).total_seconds(), 2) if oldest else 0.0,
            "delivery_s": round(outbox.lag(), 2),
            "journal": {i.name: i.position for i in Intake.objects.order_by("name")}}


def change_stamp() -> object:
    """Changes whenever something a plan is made of does: five small queries over sources, addresses, points,
    subjects, approved params; and the day, for values begin on a day."""
    return (
        clock.today(),
        Source.objects.aggregate(n=Count("pk"), m=Max("pk"), live=Count("pk", filter=Q(enabled=True)),
                                 whose=Sum("enterprise")),
        Channel.objects.aggregate(n=Count("pk"), m=Max("pk"), s=Sum("source"), p=Sum("point"),
                                  d=Sum(Length("device")), k=Sum(Length("key"))),
        Point.objects.aggregate(n=Count("pk"), m=Max("pk"), c=Max("changed_at")),
        Subject.objects.aggregate(n=Count("pk"), m=Max("pk"), c=Max("changed_at")),
        Param.objects.exclude(approved_by="").aggregate(n=Count("pk"), m=Max("pk"), a=Max("approved_at")),
    )


def add(sub: argparse.ArgumentParser) -> None:
    """Options of `shouwang beat`."""
    sub.add_argument("--once", action="store_true", help="只走一轮就结束(排查问题时用)")


def run(args: argparse.Namespace) -> int:
    """Beat until SIGTERM or SIGINT."""
    boot.boot()
    beat = Beat(Path(settings.DATA))
    if args.once:
        while beat.round():
            pass
        return 0
    for signum in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signum, lambda *_: beat.stopping.set())
    beat.run()
    return 0
