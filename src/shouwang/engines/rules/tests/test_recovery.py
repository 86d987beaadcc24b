"""Under the real intake: a log replayed after a crash finds the same transitions and ends in the same state."""

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np

from shouwang.engines.rules import checkbook
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.telemetry import journal
from shouwang.engines.telemetry import plan as plans
from shouwang.engines.telemetry.intake import Ingest
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.seam import Readings
from shouwang.kernel import clock

from . import stream

START = clock.from_ms(stream.START)


def publish(data: Path, version: int = 1) -> None:
    """The checks of the stream on 20 points of two gateways."""
    points = np.zeros(stream.POINTS, POINT)
    points["id"], points["digits"] = np.arange(1, stream.POINTS + 1), 2
    points["source"], points["low"], points["high"] = np.arange(stream.POINTS) % 2, -250, 250
    sources = [SourcePlan(f"网关{n}", "gateway", f"{n:064x}", {}) for n in range(2)]
    folder = plans.save(data / "plan", Plan(version, points, [PointUnits("", {})] * stream.POINTS, sources))
    rows = stream.checks() if version == 1 else stream.checks()[30:]  # version 2 drops the checks of five points
    names = sorted({r for r, _, _ in rows})
    checkbook.write(folder, checkbook.bind([(names.index(r), p, c) for r, p, c in rows], names))
    plans.publish(data / "plan", version)


async def live(ingest: Ingest, seconds: int, seed: int) -> None:
    """Readings of both gateways, late and bad ones among them, a tick a second."""
    r = np.random.default_rng(seed)
    for _ in range(seconds):
        clock.advance(timedelta(seconds=1))
        now = clock.now_ms()
        for source in range(2):
            point = r.integers(0, (stream.POINTS - 2) // 2, 12) * 2 + source  # the last two points are never heard
            ingest.offer(source, Readings(point, now + r.integers(-1500, 500, 12), r.normal(0, 110, 12).astype(int),
                                          np.where(r.random(12) < 0.9, 0, r.integers(0, 6, 12))), lambda: None)
        await ingest.tick()


def told(data: Path) -> list[journal.Transition]:
    return journal.read_after(data / "journal", 0, 100_000)


async def story(data: Path, after: Path, snapshot_at: int | None) -> Ingest:
    """Forty seconds, a new plan, forty more; the folder is copied as a crash would leave it."""
    publish(data)
    ingest = Ingest(data, Kernel())
    await ingest._look()
    await ingest.tick()
    await live(ingest, 40, 1)
    if snapshot_at is not None:
        ingest._save_wanted = True
        ingest._save_if_due([])
    publish(data, 2)
    await ingest._look()
    await ingest.tick()
    await live(ingest, 40, 2)
    shutil.copytree(data, after)
    return ingest


def test_replaying_the_log_finds_the_same_and_ends_in_the_same_state(tmp_path: Path) -> None:
    async def run(name: str, snapshot_at: int | None) -> None:
        data, after = tmp_path / name, tmp_path / f"{name}-after"
        with clock.at(START):
            ingest = await story(data, after, snapshot_at)
            again = Ingest(after, Kernel())
            assert again.recovered.replayed > 30
            assert again.recovered.differing == 0
            assert told(after) == told(data)
            await live(ingest, 20, 3)
            with clock.at(clock.now() - timedelta(seconds=20)):
                await again._look()
                await again.tick()
                await live(again, 20, 3)
            kinds = {x.kind for x in told(data)}
            assert kinds >= {"raised", "upgraded", "downgraded", "cleared", "quality", "retired"}
            assert told(after) == told(data)
            await ingest.stop()
            await again.stop()

    asyncio.run(run("whole", None))
    asyncio.run(run("snapshot", 40))
