"""Back-test: what a change of rules or limits would have said over the recorded history, by the real kernel.

Rules in force and rules tried run side by side over the same readings, each point's from a day before the span, so
that what stood at its beginning is known. Every reading is judged at its event time, in order. A source is taken to
be listening all the time: where its gateway was down, silence is told for its points as if they alone had been.
"""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from shouwang.engines.subjects.models import Point
from shouwang.engines.subjects.spec import graver
from shouwang.engines.telemetry import compile as telemetry
from shouwang.engines.telemetry import read as history
from shouwang.engines.telemetry.columns import Rows
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import Plan
from shouwang.engines.telemetry.seam import Batch
from shouwang.kernel import access, clock, params
from shouwang.kernel.errors import BadInput

from . import checkbook, figures, kpis, limits, plan, tiers
from .change import Change
from .checkbook import Check
from .figures import Report, Row
from .kernel import Kernel
from .models import Alert
from .spec import Rule
from .units import Unjudged

LEAD_MS = figures.DAY  # read before the span
SLICE_MS = figures.DAY  # read at once
ROOM = 8_000_000  # readings of a slice, about: so many points are judged at once as have no more
CHUNK = 4096  # … at most
PROBE = 16  # points whose last day tells how many that is
STEP_MS = 30_000  # between sweeps, where a rule needs them; a kernel called more seldom believes it was not listening
SIDES = ("now", "tried")


class Place(NamedTuple):
    """Where a point belongs."""

    top: int
    region: str


@dataclass
class Ready:
    """What is replayed: (rule name, point, check) rows, the words of each rule, where the points belong."""

    plan: Plan
    names: list[str]
    rows: list[tuple[int, int, Check]]
    levels: dict[str, dict[int, str]]  # by name, by tier
    places: dict[int, Place]
    unjudged: list[str] = field(default_factory=list)


@dataclass
class Tested:
    """What came out: the figures of the rules in force, of those tried, and of the alerts that really were."""

    span: kpis.Span
    rules: list[str]
    points: int
    unheard: int  # points the rules name that have no reading in the span
    readings: int
    reports: dict[str, Report]  # now, tried, real
    unjudged: list[str]


def run(change: Change, span: kpis.Span, *, account: Any = None, region: str = "", most: int = 0,
        data: Path | None = None) -> Tested:
    """Replay the history of every point the touched rules speak of; within reach of the account when one is given.

    `most`: BadInput when there are about more readings than that (0: however many).
    """
    before, after = change.sides()
    ready = _ready(change, before, after, _points(account, region))
    since, until = (round(m.timestamp() * 1000) for m in (span.since, span.until))
    folder = data or Path(settings.DATA)
    if most and (about := _about(ready, since, until, folder)) > most:
        raise BadInput(f"约有 {about / 10_000:.0f} 万个读数,页面上最多回放 {most / 10_000:.0f} 万个;"
                       "请缩短时段、缩小属地,或用命令 shouwang backtest")
    found, first, readings = _replayed(ready, since, until, folder)
    terms = kpis.terms_of(params.value(kpis.TERMS, clock.today(), params.of_region(region)))
    levels = kpis.levels()

    def told(rows: Sequence[Row]) -> Report:
        return figures.report(rows, since, until, terms, levels)

    reports = {side: told(_rows(found, ready, side, first)) for side in SIDES}
    points = {p for _r, p, _c in ready.rows}
    real = Alert.objects.filter(rule__in={r.key for r in (*before, *after)}, point__in=points)
    reports["real"] = told(kpis.rows_of(real, span))
    return Tested(span, sorted({r.key for r in (*before, *after)}), len(points), len(points - set(first)), readings,
                  reports, ready.unjudged)


def _points(account: Any, region: str) -> dict[int, Place]:
    found = Point.objects.filter(enabled=True, subject__region__startswith=region)
    if account is not None:
        found = found.filter(access.scope(account, "alerts.see", region="subject__region", top="subject__top_id",
                                          line="subject__line"))
    columns = found.values_list("pk", "subject__top_id", "subject__region")
    return {pk: Place(top or 0, code) for pk, top, code in columns}


def _ready(change: Change, before: list[Rule], after: list[Rule], places: dict[int, Place]) -> Ready:
    """The checks of both sides on every point within reach."""
    whole = telemetry.build(1)
    out = Ready(whole, [], [], {}, places)
    measured = [m for m in plan.measured(whole) if m.id in places]
    today = clock.today()
    for side, rules, values in (("now", before, limits.Values(today)), ("tried", after, change.values(today))):
        for rule in rules:
            name, n = f"{side}:{rule.key}", len(out.names)
            out.names.append(name)
            out.levels[name] = {int(t): w["level"] for t, w in plan.told_of(rule)["tiers"].items()}
            for point in (m for m in measured if change.concerns(rule, m.id)):
                m = change.point(point) if side == "tried" else point
                try:
                    check = limits.check_of(rule, m, values) if limits.applies(rule, m) else None
                except Unjudged as why:
                    out.unjudged.append(f"{rule.key} 点位 {m.id}: {why}")
                    continue
                if check is not None:
                    out.rows.append((n, m.id, check))
    return out


def _replayed(ready: Ready, since: int, until: int, data: Path) -> tuple[list[Transition], dict[int, int], int]:
    """Transitions in order for each point, the first reading of each point heard (ms), and how many were judged."""
    by_point: dict[int, list[tuple[int, int, Check]]] = {}
    for row in ready.rows:
        by_point.setdefault(row[1], []).append(row)
    ids = sorted(by_point)
    found: list[Transition] = []
    first: dict[int, int] = {}
    readings = 0
    size = _chunk(ids, until, data)
    for n in range(0, len(ids), size):
        part = ids[n:n + size]
        stage = Stage(ready, part, [row for p in part for row in by_point[p]])
        for rows, start, end in _slices(part, since - LEAD_MS, until, data):
            readings += len(rows)
            for p, t in zip(*_firsts(rows), strict=True):
                first.setdefault(p, t)
            found += stage.play(rows, start, end)
    return found, first, readings


def _chunk(ids: list[int], until: int, data: Path) -> int:
    """How many points are judged at once: from how often some of them reported on the last day."""
    return max(1, min(CHUNK, int(ROOM / max(1.0, _a_day(ids, until, data)))))


def _a_day(ids: list[int], until: int, data: Path) -> float:
    """How many readings a point gave on the last day, by some of them."""
    some = ids[::max(1, len(ids) // PROBE)][:PROBE]
    return len(history.raw(some, until - figures.DAY, until, data)) / len(some) if some else 0.0


def _about(ready: Ready, since: int, until: int, data: Path) -> int:
    """About how many readings the span holds for the points."""
    ids = sorted({p for _n, p, _c in ready.rows})
    return round(_a_day(ids, until, data) * len(ids) * (until - since + LEAD_MS) / figures.DAY)


def _slices(points: list[int], since: int, until: int, data: Path) -> Iterator[tuple[Rows, int, int]]:
    """Readings of the points with the span they are from."""
    for start in range(since, until, SLICE_MS):
        end = min(start + SLICE_MS, until)
        yield history.raw(points, start, end, data), start, end


def _firsts(rows: Rows) -> tuple[list[int], list[int]]:
    """Each point of rows sorted by (point, t) and its first moment."""
    points, begins = np.unique(rows.point, return_index=True)
    return points.tolist(), rows.t[begins].tolist()


class Stage:
    """A kernel over some points, fed with slices of their history."""

    def __init__(self, ready: Ready, points: list[int], rows: list[tuple[int, int, Check]]) -> None:
        which = [ready.plan.index[p] for p in points]
        self.plan = Plan(1, ready.plan.points[which], [ready.plan.units[i] for i in which], ready.plan.sources)
        self.sweeps = any(check.kind not in (tiers.LIMIT, tiers.RANGE) for _n, _p, check in rows)
        self.kernel = Kernel()
        self.heard = np.zeros(len(self.plan.sources), np.int64)
        with tempfile.TemporaryDirectory() as folder:
            checkbook.write(Path(folder), checkbook.bind(rows, ready.names))
            self.kernel.adopt(self.plan, Path(folder))

    def play(self, rows: Rows, start: int, end: int) -> list[Transition]:
        """Judge a slice in order of time; sweep as it passes where a rule needs it, and at its end."""
        out: list[Transition] = []
        batch = self._batch(rows)
        cuts = [end] if not self.sweeps else [*range(start + STEP_MS, end, STEP_MS), end]
        places = np.searchsorted(batch.t, cuts, "left").tolist()
        for a, b, now in zip([0, *places], places, cuts, strict=False):
            if b > a:
                part = Batch(batch.point[a:b], batch.t[a:b], batch.v[a:b], batch.q[a:b], batch.source[a:b])
                self.heard[np.unique(part.source)] = 1
                out += self.kernel.evaluate(part, now)
            out += self.kernel.sweep(np.where(self.heard > 0, now - 1, 0), now)
        return out

    def _batch(self, rows: Rows) -> Batch:
        order = np.argsort(rows.t, kind="stable")
        rows = rows.pick(order)
        index = np.array([self.plan.index[p] for p in np.unique(rows.point).tolist()], np.int64)
        point = index[np.searchsorted(np.unique(rows.point), rows.point)] if len(rows) else index
        own = self.plan.points[point]
        return Batch(point.astype(np.uint32), rows.t, _rescaled(rows, own["digits"]), rows.q,
                     own["source"].astype(np.uint32))


def _rescaled(rows: Rows, digits: NDArray[np.int8]) -> NDArray[np.int32]:
    """Values as integers of the digits the point has today."""
    if (rows.d == digits).all():
        return rows.v
    scaled = np.rint(rows.v * 10.0 ** (digits.astype(np.int64) - rows.d))
    return np.clip(scaled, -2**31, 2**31 - 1).astype(np.int32)


def _rows(found: Iterable[Transition], ready: Ready, side: str, first: dict[int, int]) -> list[Row]:
    """The episodes of one side as the figures want them; none from before its point's first reading."""
    open_: dict[tuple[str, int], Row] = {}
    out: list[Row] = []
    for x in found:
        key = (x.rule, x.point)
        if not x.rule.startswith(side + ":") or x.at < first.get(x.point, x.at + 1):
            continue
        if x.tier == 0:
            if (row := open_.pop(key, None)) is not None:
                out.append(row._replace(cleared=x.at))
            continue
        level = ready.levels[x.rule][x.tier]
        if (was := open_.get(key)) is not None:
            open_[key] = was._replace(level=graver(was.level, level))
        elif x.kind == "raised":
            top, region = ready.places[x.point]
            rule = x.rule.partition(":")[2]
            open_[key] = Row(len(out) + len(open_), rule, x.point, top, region, level, x.at, x.at, None, None)
    return [row._replace(id=n) for n, row in enumerate([*out, *open_.values()])]
