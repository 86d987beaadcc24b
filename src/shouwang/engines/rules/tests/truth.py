"""The truth table: eight kinds of bad data, each against a plain loop over the sorted readings.

The oracle (`oracle.py`) is written from the prose and imports nothing of the engine. The product side is the path of
the ingest process from the join on: `joining.join`, `Machine` (watermarks, late readings, plan) and the `Kernel`.
What both say is folded into episodes: since, raised, cleared (None: open), gravest tier.
"""

import random
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np

from shouwang.engines.rules import checkbook
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.telemetry import joining
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.machine import Machine
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.seam import Readings

from .oracle import Oracle, Tier

T0 = 1_760_000_000_000
SWEEP_MS = 1_000
GATEWAYS, EACH = 2, 6
LIMITS = {-2: (10, 12), -1: (15, 17), 1: (85, 83), 2: (90, 88)}  # tier → limit, reset
RULES = {"quick": (0, 0), "slow": (12_000, 20_000)}  # on-delay, off-delay, ms
Reading = tuple[int, int, int]  # point index, event time, value
Message = tuple[int, int, list[Reading]]  # arrival, gateway, readings


@dataclass
class Episode:
    """One alert from its first reading over the limit to its end, as both sides tell it."""

    since: int
    raised: int
    cleared: int | None = None
    worst: int = 0

    def overlaps(self, other: "Episode") -> bool:
        mine, theirs = self.cleared or 2**62, other.cleared or 2**62
        return self.raised <= theirs and other.raised <= mine


@dataclass
class Row:
    """One line of the table."""

    name: str
    readings: int = 0
    expected: int = 0
    missed: int = 0
    false: int = 0
    doubled: int = 0
    early_cleared: int = 0
    differing: int = 0  # same episode, another beginning, end or gravest tier
    amended: int = 0  # transitions that corrected an earlier one
    refused: int = 0

    @property
    def wrong(self) -> int:
        return self.missed + self.false + self.doubled + self.early_cleared + self.differing


@dataclass
class Case:
    """What arrives when, and after which moments the process is stopped and started."""

    messages: list[Message]
    restarts: Iterable[int] = ()
    until: int = 0

    def __post_init__(self) -> None:
        self.messages.sort(key=lambda m: m[0])
        self.until = max(m[0] for m in self.messages) + 120_000


def walk(r: random.Random, n: int) -> list[int]:
    """Values that wander over all limits now and then."""
    x, out = 50.0, []
    aim = 50.0
    for _ in range(n):
        if r.random() < 0.02:
            aim = r.choice([50, 50, 50, 87, 93, 13, 8, 84])
        x += (aim - x) * 0.25 + r.gauss(0, 1.2)
        out.append(round(min(99.0, max(1.0, x))))
    return out


def points_of(gateway: int) -> range:
    return range(gateway * EACH, gateway * EACH + EACH)


def steps(r: random.Random, n: int, every: int) -> list[Message]:
    """Each gateway sends all its points every step, at once."""
    values = [walk(r, n) for _ in range(GATEWAYS * EACH)]
    return [(T0 + k * every, g, [(p, T0 + k * every, values[p][k]) for p in points_of(g)])
            for k in range(n) for g in range(GATEWAYS)]


def outage(r: random.Random) -> Case:
    """One gateway is away for an hour; back again it goes on live, and sends what it kept beside that."""
    cut, back = T0 + 1_800_000, T0 + 5_400_000
    out: list[Message] = []
    kept: list[Reading] = []
    for at, g, readings in steps(r, 1300, 5_000):
        if g == 0 and cut <= at < back:
            kept += readings
        else:
            out.append((at, g, readings))
    chunk = 20 * EACH
    out += [(back + 700 + 250 * n, 0, kept[i:i + chunk]) for n, i in enumerate(range(0, len(kept), chunk))]
    return Case(out)


def reversed_batches(r: random.Random) -> Case:
    """Twelve steps a message, newest first, and each pair of messages exchanged."""
    out: list[Message] = []
    sent = steps(r, 1200, 5_000)
    for g in range(GATEWAYS):
        mine = [m for m in sent if m[1] == g]
        packs = [mine[i:i + 12] for i in range(0, len(mine), 12)]
        for i in range(0, len(packs), 2):
            at = packs[min(i + 1, len(packs) - 1)][-1][0]
            for n, pack in enumerate(reversed(packs[i:i + 2])):
                out.append((at + 300 * n, g, [x for m in reversed(pack) for x in m[2]]))
    return Case(out)


def duplicates(r: random.Random) -> Case:
    """Every message comes up to three times, at once or up to two minutes later."""
    out = []
    for at, g, readings in steps(r, 1200, 5_000):
        waits = (0, *(r.choice([0, 40, 9_000, 120_000]) for _ in range(r.randrange(3))))
        out += [(at + wait, g, readings) for wait in waits]
    return Case(out)


def skew(r: random.Random) -> Case:
    """One gateway's clock is ten minutes ahead, the other's ten minutes behind."""
    ahead = (600_000, -600_000)
    return Case([(at, g, [(p, t + ahead[g], v) for p, t, v in readings]) for at, g, readings in steps(r, 1200, 5_000)])


def spikes(r: random.Random) -> Case:
    """A reading a second; excursions of three seconds and nothing else."""
    sent = []
    over = {p: {k + d for k in range(20 + p, 1800, 97 + p) for d in range(3)} for p in range(GATEWAYS * EACH)}
    for k in range(1800):
        at = T0 + k * 1000
        sent += [(at, g, [(p, at, r.randint(91, 97) if k in over[p] else r.randint(45, 55)) for p in points_of(g)])
                 for g in range(GATEWAYS)]
    return Case(sent)


def dying(r: random.Random) -> Case:
    """Every sensor dies over its limit, some at the very reading that began the delay; the gateway goes on."""
    sent, dead = [], {}
    for at, g, readings in steps(r, 1200, 5_000):
        alive = []
        for p, t, v in readings:
            if t > T0 + 1_800_000 and (v >= 90 or v <= 10):
                dead.setdefault(p, t + r.choice([0, 0, 5_000, 20_000]))
            if t <= dead.get(p, t):
                alive.append((p, t, v))
        sent.append((at, g, alive))
    return Case(sent)


def chatter(r: random.Random) -> Case:
    """Once a second over the limit and back, for ten minutes between quiet times."""
    sent = []
    for k in range(1500):
        at = T0 + k * 1000
        value = 50 if not 300 <= k < 900 else (91, 50)[k % 2]
        sent += [(at, g, [(p, at, value + r.randint(0, 2)) for p in points_of(g)]) for g in range(GATEWAYS)]
    return Case(sent)


def restarts(r: random.Random) -> Case:
    """The process is stopped and started every 17 seconds, so most delays see a restart."""
    case = Case(steps(r, 1200, 5_000))
    case.restarts = range(T0 + 17_000, case.until, 17_000)
    return case


CASES: dict[str, Callable[[random.Random], Case]] = {
    "outage of 1 h with back-fill": outage, "reversed batches": reversed_batches, "duplicates": duplicates,
    "clock skew of 10 min": skew, "spikes of 3 s": spikes, "sensor dies in alarm": dying, "chatter at 1 Hz": chatter,
    "restart in mid-delay": restarts}


def book() -> checkbook.Book:
    """Both rules on every point."""
    rows = []
    for n, (on, off) in enumerate(RULES.values()):
        check = Check(on=on, off=off)
        for tier, (limit, reset) in LIMITS.items():
            check.put({-2: 0, -1: 1, 1: 2, 2: 3}[tier], limit, reset)
        rows += [(n, p + 1, check) for p in range(GATEWAYS * EACH)]
    return checkbook.bind(rows, list(RULES))


@dataclass
class Product:
    """The deciding part of the ingest process over a plan of its own, in scripted time."""

    folder: Path
    now: int = T0
    told: list[Transition] = field(default_factory=list)
    refused: int = 0
    machine: Machine = field(init=False)

    def __post_init__(self) -> None:
        points = np.zeros(GATEWAYS * EACH, POINT)
        points["id"], points["source"] = np.arange(1, len(points) + 1), np.repeat(np.arange(GATEWAYS), EACH)
        points["low"], points["high"] = 0, 100
        self.plan = Plan(1, points, [PointUnits("%", {})] * len(points),
                         [SourcePlan(f"G{g}", "gateway", "", {}) for g in range(GATEWAYS)])
        checkbook.write(self.folder, book())
        self.machine = Machine(Kernel())
        self.machine.adopt(self.plan, self.folder)

    def restart(self) -> None:
        """Frozen, forgotten, thawed."""
        frozen = self.machine.freeze()
        self.machine = Machine(Kernel())
        self.machine.thaw(frozen, self.plan, self.folder)

    def wait(self, until: int) -> None:
        while self.now + SWEEP_MS <= until:
            self.now += SWEEP_MS
            self.told += self.machine.sweep(self.machine.advance(self.now))

    def take(self, messages: list[Message]) -> None:
        """Messages of one moment, joined as one tick joins them."""
        offers = [joining.Offer(g, Readings([p for p, _, _ in r], [t for _, t, _ in r], [v for _, _, v in r],
                                            [0] * len(r)), lambda: None) for _, g, r in messages]
        batch = joining.join(offers, self.plan, messages[0][0], self._refuse)
        if len(batch.t):
            self.told += self.machine.batch(batch, self.machine.advance(messages[0][0]))

    def _refuse(self, source: int, reason: str, excerpt: str, count: int) -> None:
        self.refused += count


def product(case: Case) -> Product:
    """Everything of a case through the product."""
    with tempfile.TemporaryDirectory() as folder:
        p = Product(Path(folder))
        stops = list(case.restarts)
        ticks: dict[int, list[Message]] = {}
        for m in case.messages:
            ticks.setdefault(m[0], []).append(m)
        for at in sorted({*ticks, *stops}):
            p.wait(at)
            if at in ticks:
                p.take(ticks[at])
            if at in stops:
                p.restart()
        p.wait(case.until)
        return p


Told = dict[tuple[str, int], list[Episode]]


def folded(told: list[Transition]) -> Told:
    """Episodes by (rule, point) as the transitions leave them, amendments applied."""
    out: Told = {}
    for x in told:
        mine = out.setdefault((x.rule, x.point), [])
        if x.kind == "amended":
            _amend(mine, x)
        elif x.kind == "raised":
            mine.append(Episode(x.since, x.at, None, x.tier))
        elif x.kind == "cleared":
            mine[-1].cleared = x.at
        elif abs(x.tier) > abs(mine[-1].worst):
            mine[-1].worst = x.tier
    return out


def _amend(mine: list[Episode], x: Transition) -> None:
    found = next((e for e in mine if e.raised == x.was), None)
    if found is not None:
        mine.remove(found)
    if x.worst:
        mine.append(Episode(x.since, x.at, x.until or None, x.worst))
        mine.sort(key=lambda e: e.raised)


def truth(case: Case) -> Told:
    """The plain loop: every reading once, sorted by its own time, time then goes on to the end of the case."""
    readings = sorted({(p, t): v for _, _, rows in reversed(case.messages) for p, t, v in rows}.items())
    by_point: dict[int, list[tuple[int, int]]] = {}
    for (p, t), v in readings:
        by_point.setdefault(p, []).append((t, v))
    return {(rule, p + 1): _loop(rows, on, off, case.until) for p, rows in by_point.items()
            for rule, (on, off) in RULES.items()}


def _loop(rows: list[tuple[int, int]], on: int, off: int, until: int) -> list[Episode]:
    oracle = Oracle([Tier(n, Decimal(a), Decimal(b)) for n, (a, b) in LIMITS.items()], on, off)
    for t, v in rows:
        oracle.read(t, Decimal(v), "good")
    oracle.until(until)
    out: list[Episode] = []
    for at, kind, tier in oracle.told:
        if kind == "raised":
            out.append(Episode(at, at, None, tier))
        elif kind == "cleared":
            out[-1].cleared = at
        elif abs(tier) > abs(out[-1].worst):
            out[-1].worst = tier
    return out


def judge(name: str, seed: int = 1) -> Row:
    """One row of the table."""
    case = CASES[name](random.Random(seed))
    got, want = product(case), truth(case)
    row = Row(name, sum(len(m[2]) for m in case.messages), sum(map(len, want.values())),
              amended=sum(x.kind == "amended" for x in got.told), refused=got.refused)
    mine = folded(got.told)
    for key in {*mine, *want}:
        _compare(row, mine.get(key, []), want.get(key, []))
    return row


def _compare(row: Row, mine: list[Episode], want: list[Episode]) -> None:
    for episode in want:
        found = [e for e in mine if e.overlaps(episode)]
        row.missed += not found
        row.doubled += max(0, len(found) - 1)
        if not found:
            continue
        if found[-1].cleared is not None and (episode.cleared or 2**62) > found[-1].cleared:
            row.early_cleared += 1
            continue
        told = (found[0].raised, found[-1].cleared, max(abs(e.worst) for e in found))
        row.differing += told != (episode.raised, episode.cleared, abs(episode.worst))
    row.false += sum(not any(e.overlaps(w) for w in want) for e in mine)
