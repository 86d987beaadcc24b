"""The tick: what all drivers offered is joined, judged, logged, made durable, acknowledged, handed on. No Django here.

Order of things that no crash may upset: log + fdatasync → acknowledgements → journal. A log that cannot be written
(disk full) stops acknowledgements, says so, and goes on by itself when there is room again.
"""

import asyncio
import hashlib
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import msgspec
import numpy as np

from shouwang.kernel import clock

from . import joining, snapshot, wal
from . import plan as plans
from .joining import Offer
from .journal import Transition, prune
from .machine import Frozen
from .plan import Plan, SourcePlan
from .seam import Judge, Readings
from .tally import Tally

log = logging.getLogger(__name__)
TICK_S = 0.02
SWEEP_MS = 500
FOLLOW_S = 0.5
RETRY_S = 0.5
MOST_WAITING = 1_000_000  # readings offered and not yet logged; beyond this offers are turned away


class Ingest:
    """The running data plane of one process over one data folder. It is what drivers know as `Intake`."""

    def __init__(self, data: Path, judge: Judge) -> None:
        self.data = data
        back = snapshot.recover(data, judge)
        self.machine, self.journal, self.recovered = back.machine, back.journal, back
        self.wal = wal.Wal(data / "wal", self.machine.record)
        self.tally = Tally(clock.now_ms())
        self.problems: dict[str, str] = {}  # where → what is wrong now, empty when all is well
        self.sync_ms = 0.0
        self._offers: list[Offer] = []
        self._before: list[Callable[[], None]] = []
        self._after: list[Callable[[], object]] = []
        self._waiting = 0
        self._swept = 0
        self._unwritten: list[Transition] = []
        self._coming: Plan | None = None
        self._refused_plan = 0
        self._saved = -1
        self._save_wanted = False
        self._freezing_s = 0.0  # how long the last freeze held up the ticks
        self._failed = False
        self._stopping = asyncio.Event()
        self._log_thread = ThreadPoolExecutor(1, "wal")
        self._side_thread = ThreadPoolExecutor(1, "side")
        self._tasks: list[asyncio.Task[None]] = []
        self._index()

    # what drivers call

    @property
    def plan(self) -> Plan:
        """The plan in force."""
        return self.machine.plan

    def find(self, token: str) -> int | None:
        """The index of the enabled source with this token."""
        return self._by_hash.get(hashlib.sha256(token.encode("utf8", "surrogatepass")).hexdigest())

    def source(self, i: int) -> SourcePlan:
        """The source at an index of the present plan."""
        return self.plan.sources[i]

    def offer(self, source: int, readings: Readings, done: Callable[[], None]) -> bool:
        """Take readings for the next tick; False when too much is waiting already."""
        n = len(readings.t)
        if self._waiting + n > MOST_WAITING or self._stopping.is_set():
            self.tally.event(self._name(source), "busy")
            return False
        self._offers.append(Offer(source, readings, done))
        self._waiting += n
        return True

    def before_tick(self, hook: Callable[[], None]) -> None:
        """Call `hook` at the beginning of every tick."""
        self._before.append(hook)

    def after_tick(self, done: Callable[[], object]) -> None:
        """Call back when everything offered so far is durable and in the journal."""
        self._after.append(done)

    def refuse(self, source: str, reason: str, excerpt: str, count: int = 1) -> None:
        """Count what a driver could not take."""
        self.tally.refuse(source, source in self._names, reason, excerpt, count, clock.now_ms())

    def _refuse_of(self, source: int, reason: str, excerpt: str, count: int) -> None:
        self.refuse(self._name(source), reason, excerpt, count)

    def seen(self, source: int, event: str) -> None:
        """Count an event of a source."""
        self.tally.event(self._name(source), event)

    @property
    def waiting(self) -> int:
        """Readings offered and not yet in a tick."""
        return self._waiting

    def _name(self, source: int) -> str:
        return self.plan.sources[source].name if source < len(self.plan.sources) else ""

    def _index(self) -> None:
        self._by_hash = {s.token_hash: i for i, s in enumerate(self.plan.sources)}
        self._names = {s.name for s in self.plan.sources}
        self.point_counts = np.bincount(self.plan.points["source"], minlength=len(self.plan.sources))

    # running

    async def start(self) -> None:
        """Adopt the published plan and begin to tick."""
        await self._look()
        self._tasks = [asyncio.create_task(work(), name=name) for work, name in
                       ((self._ticking, "tick"), (self._following, "follow"), (self._saving, "snapshot"))]

    async def stop(self) -> None:
        """Take nothing new, finish the tick in hand, leave a snapshot."""
        self._stopping.set()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._offers and not self._failed:
            await self.tick()
        if not self._failed:
            self._save_wanted = True
            self._save_if_due([])
        self._log_thread.shutdown()
        self._side_thread.shutdown()
        self.wal.close()
        self.journal.close()

    async def _pause(self, seconds: float) -> None:
        """Sleep, but wake at once when stopping."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _ticking(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping.is_set():
            began = loop.time()
            try:
                await self.tick()
            except Exception:  # a tick that cannot go on must not go on: the supervisor restarts, the log recovers
                log.critical("接入节拍出错,进程退出以便从日志恢复", exc_info=True)
                os._exit(70)
            await asyncio.sleep(max(0.0, began + TICK_S - loop.time()))

    async def tick(self) -> None:
        """One beat: judge what waits, sweep when due, log, acknowledge, journal."""
        for hook in self._before:
            hook()
        offers, self._offers, self._waiting = self._offers, [], 0
        now_ms = clock.now_ms()
        sweeping = bool(self.plan.version) and abs(now_ms - self._swept) >= SWEEP_MS
        after, self._after = self._after, []
        if not (offers or sweeping or after or self._coming or self._unwritten or self._save_wanted):
            return
        entries: list[wal.Record] = []
        if offers:
            self._judge(offers, self.machine.advance(now_ms), entries)
        if sweeping:
            self._sweep(self.machine.advance(now_ms), entries)
        coming, self._coming = self._coming, None
        was, old = self.plan, self._change(coming) if coming is not None else None
        if entries and not await self._log(entries, was):
            return
        for offer in offers:
            self._acknowledge(offer)
        self._hand_on([x for e in entries for x in e.found])
        if old is not None:
            self.wal.close()  # a segment belongs to one plan: the next write begins a new one
        self._save_if_due([] if old is None else [old])
        for done in after:
            done()

    def _judge(self, offers: list[Offer], now_ms: int, entries: list[wal.Record]) -> None:
        batch = joining.join(offers, self.plan, now_ms, self._refuse_of)
        self.machine.standing.mark_range(batch.point, batch.v, batch.q)
        self.tally.messages.add(now_ms, len(offers))
        self.tally.total_messages += len(offers)
        for offer in offers:
            self.tally.event(self._name(offer.source), "message")
        if len(batch.t):
            self.tally.readings.add(now_ms, len(batch.t))
            self._enter(wal.Record(0, now_ms, wal.BATCH, batch.t, batch.point, batch.v, batch.q, b""),
                        self.machine.batch(batch, now_ms), entries)

    def _sweep(self, now_ms: int, entries: list[wal.Record]) -> None:
        kind, self._swept = wal.SWEEP if self._swept else wal.RESUME, now_ms
        self._enter(wal.empty(kind, 0, now_ms), self.machine.sweep(now_ms, resuming=kind == wal.RESUME), entries)

    def _acknowledge(self, offer: Offer) -> None:
        try:
            offer.done()
        except Exception:
            log.exception("确认回调出错(读数已落盘)")

    def _enter(self, record: wal.Record, found: list[Transition], entries: list[wal.Record]) -> None:
        """Number a record and what was found in it."""
        self.machine.record += 1
        record.number = self.machine.record
        if found:
            given = self.machine.numbers.give(found, self.plan.version, record.now_ms)
            record.raw_found = msgspec.msgpack.encode(given)
        entries.append(record)

    # durability

    async def _log(self, entries: list[wal.Record], plan: Plan) -> bool:
        """Until it is on disk. False only when stopping while the disk refuses: then nothing is acknowledged."""
        raw, last, now_ms = b"".join(map(wal.encode, entries)), entries[-1].number, entries[-1].now_ms
        loop = asyncio.get_running_loop()
        while True:
            try:
                began = loop.time()
                await loop.run_in_executor(self._log_thread, self._write, raw, last, now_ms, plan)
            except OSError as wrong:
                self._trouble("log", f"读数日志写不进去({wrong.strerror}):已停止确认,腾出磁盘空间后自动继续")
                if self._stopping.is_set():
                    self._failed = True
                    return False
                await self._pause(RETRY_S)
            else:
                self.sync_ms = (loop.time() - began) * 1000
                self._well("log")
                return True

    def _write(self, raw: bytes, last: int, now_ms: int, plan: Plan) -> None:
        if self.wal.due(now_ms):
            self.wal.open(plan, now_ms)
        self.wal.write(raw, last)

    def _hand_on(self, found: list[Transition]) -> None:
        """To the journal; what it cannot take now is tried again with the next tick."""
        self._unwritten += found
        if not self._unwritten:
            return
        try:
            self.journal.append(self._unwritten)
        except OSError as wrong:
            self._trouble("journal", f"转变日志写不进去({wrong.strerror}):预警暂缓,稍后补写")
        else:
            self._unwritten = []
            self._well("journal")

    def _trouble(self, where: str, what: str) -> None:
        if self.problems.get(where) != what:
            log.error(what)
        self.problems[where] = what

    def _well(self, where: str) -> None:
        if self.problems.pop(where, None):
            log.warning("%s 恢复正常", where)

    # plan changes

    async def _following(self) -> None:
        while not self._stopping.is_set():
            await self._pause(FOLLOW_S)
            await self._look()

    async def _look(self) -> None:
        """Load a newly published plan; the next tick adopts it."""
        try:
            version = plans.current(self.data / "plan")
            if version not in (self.plan.version, self._refused_plan, 0) and self._coming is None:
                self._coming = await asyncio.get_running_loop().run_in_executor(
                    self._side_thread, plans.load, self.data / "plan", version)
        except Exception as wrong:
            self._trouble("plan", f"接入方案读不出来:{wrong};仍用第 {self.plan.version} 版")

    def _change(self, coming: Plan) -> Frozen | None:
        """Adopt between two records. Returns the state as it was, None when the plan was no good."""
        old = self.machine.freeze()
        try:
            self.machine.adopt(coming, self.data / "plan" / str(coming.version))
        except Exception as wrong:
            log.exception("接入方案 %d 用不上", coming.version)
            self._refused_plan = coming.version
            self._trouble("plan", f"接入方案 {coming.version} 用不上:{wrong};仍用第 {self.plan.version} 版")
            return None
        self._index()
        self._well("plan")
        return old

    # snapshots

    async def _saving(self) -> None:
        while not self._stopping.is_set():
            await self._pause(max(snapshot.EVERY_S, snapshot.SHARE * self._freezing_s))
            self._save_wanted = True

    def _save_if_due(self, states: list[Frozen]) -> None:
        """At the end of a tick, when memory, log and journal agree: freeze, and write it beside the ticking."""
        wanted, self._save_wanted = self._save_wanted or bool(states), False
        if wanted and not self._unwritten and (states or self.machine.record != self._saved):
            began = time.perf_counter()
            frozen = self.machine.freeze()
            self._freezing_s = time.perf_counter() - began
            self._side_thread.submit(self._keep, [*states, frozen])

    def _keep(self, states: list[Frozen]) -> None:
        try:
            self.journal.sync()
            for frozen in states:
                snapshot.write(self.data / "snapshot", frozen)
                self._saved = frozen.record
            wal.prune(self.data, snapshot.oldest_record(self.data / "snapshot"))
            prune(self.journal.folder)
        except OSError as wrong:
            self._trouble("snapshot", f"快照写不进去({wrong.strerror}):重启会慢一些,读数不受影响")
        else:
            self._well("snapshot")
