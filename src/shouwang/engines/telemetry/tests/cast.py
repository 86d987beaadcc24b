"""The test's own small world: a plan of a few sources, and a judge that is one threshold with a delay."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry import plan as plans
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.seam import Batch, Readings

T0 = 1_760_000_000_000
LIMIT = 800  # scaled: 80.0


def token(i: int) -> str:
    """The i-th gateway's credential."""
    return f"token-{i}"


def make_plan(version: int, sources: int = 2, each: int = 3, digits: int = 1, first_id: int = 1001) -> Plan:
    """`sources` gateways with `each` points; ids from `first_id`; range -100.0 … 200.0."""
    n = sources * each
    points = np.zeros(n, POINT)
    points["id"], points["digits"] = np.arange(first_id, first_id + n), digits
    points["source"] = np.repeat(np.arange(sources), each)
    points["low"], points["high"] = -100 * 10**digits, 200 * 10**digits
    listed = [SourcePlan(f"网关{s}", "gateway", hashlib.sha256(token(s).encode()).hexdigest(),
                         {f"D{k}": {"v": k} for k in range(s * each, (s + 1) * each)}) for s in range(sources)]
    return Plan(version, points, [PointUnits("℃", {})] * n, listed)


def publish(data: Path, plan: Plan) -> Plan:
    """Written and current."""
    plans.save(data / "plan", plan)
    plans.publish(data / "plan", plan.version)
    return plan


class Threshold:
    """Above LIMIT for `delay` ms raises, at or below clears: in event time, a sweep for sensors that fall silent."""

    def __init__(self, delay: int = 0) -> None:
        self.delay = delay
        self.state: dict[int, list[int]] = {}  # point id → [since or 0, raised 0/1, value]
        self.plan: Plan | None = None

    def adopt(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.state = {k: v for k, v in self.state.items() if k in plan.index}

    def evaluate(self, batch: Batch, now_ms: int) -> list[Transition]:
        assert self.plan is not None
        out: list[Transition] = []
        for p, t, v in zip(batch.point.tolist(), batch.t.tolist(), batch.v.tolist(), strict=True):
            i = int(self.plan.points["id"][p])
            held = self.state.setdefault(i, [0, 0, 0])
            if v <= LIMIT:
                if held[1]:
                    out.append(self._found(i, "cleared", t, t, v))
                held[:] = [0, 0, v]
                continue
            held[0], held[2] = held[0] or t, v
            if not held[1] and t - held[0] >= self.delay:
                held[1] = 1
                out.append(self._found(i, "raised", held[0], t, v))
        return out

    def amend(self, batch: Batch, now_ms: int) -> list[Transition]:
        return []

    def sweep(self, watermarks: NDArray[np.int64], now_ms: int) -> list[Transition]:
        assert self.plan is not None
        out = []
        for i, held in sorted(self.state.items()):
            source = self.plan.points["source"][self.plan.index[i]]
            if held[0] and not held[1] and watermarks[source] - held[0] >= self.delay:
                held[1] = 1
                out.append(self._found(i, "raised", held[0], held[0] + self.delay, held[2]))
        return out

    def _found(self, point: int, kind: str, since: int, at: int, v: int) -> Transition:
        return Transition(0, "test.hot", point, 0, kind, int(kind == "raised"), since, at, v / 10, LIMIT / 10)

    def dump(self) -> bytes:
        return msgspec.msgpack.encode(self.state)

    def restore(self, raw: bytes) -> None:
        self.state = msgspec.msgpack.decode(raw, type=dict[int, list[int]])


def readings(*rows: tuple[int, int, int] | tuple[int, int, int, int]) -> Readings:
    """(point index, t, v[, q]) rows as columns."""
    full = [(*r, 0)[:4] for r in rows]
    return Readings(*([r[k] for r in full] for k in range(4)))


async def give(ingest: Ingest, source: int, *rows: tuple[int, ...], done: Callable[[], None] | None = None) -> bool:
    """Offer rows and run one tick."""
    told: list[int] = []
    assert ingest.offer(source, readings(*rows), done or (lambda: told.append(1)))
    await ingest.tick()
    return bool(told)


async def begun(data: Path, delay: int = 0) -> Ingest:
    """An intake that has adopted the published plan and ticks when told."""
    ingest = Ingest(data, Threshold(delay))
    await ingest._look()
    await ingest.tick()
    return ingest
