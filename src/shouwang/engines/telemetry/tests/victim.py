"""A process to be killed: feeds a known stream into an intake and prints the number of every acknowledged step.

`python -m shouwang.engines.telemetry.tests.victim FOLDER FIRST LAST`
"""

import asyncio
import os
import sys
from pathlib import Path

from shouwang.engines.telemetry import intake, snapshot, wal
from shouwang.engines.telemetry.seam import Readings

from .cast import T0, Threshold

POINTS = range(1001, 1007)
DELAY = 3000
AT_ONCE = 5  # steps offered and not yet acknowledged


def value(point: int, step: int) -> int:
    """A wave with its own period for every point, crossing the limit of 800 up and down."""
    period = 7 + point % 5
    return 900 + step % 50 if (step // period) % 2 else 500 + step % 50


def moment(step: int) -> int:
    """Event time of a step."""
    return T0 + step * 1000


async def feed(ingest: intake.Ingest, first: int, last: int) -> None:
    """Offer every step's readings as two gateways would; each step is told once both are acknowledged."""
    room = asyncio.Semaphore(AT_ONCE)
    left: dict[int, int] = {}

    def acknowledged(step: int) -> None:
        left[step] -= 1
        if not left[step]:
            os.write(1, b"%d\n" % step)
            room.release()

    for step in range(first, last + 1):
        await room.acquire()
        left[step] = 2
        plan = ingest.plan
        for half in (POINTS[:3], POINTS[3:]):
            rows = [plan.index[i] for i in half]
            ingest.offer(int(plan.points["source"][rows[0]]), Readings(
                rows, [moment(step)] * 3, [value(i, step) for i in half], [0] * 3), lambda s=step: acknowledged(s))
        await asyncio.sleep(0.001)
    for _ in range(AT_ONCE):
        await room.acquire()


async def main(data: Path, first: int, last: int) -> None:
    """Run to the end of the stream, or until killed."""
    intake.TICK_S, intake.FOLLOW_S, intake.SWEEP_MS = 0.003, 0.02, 20
    snapshot.EVERY_S, wal.SEAL_MS = 0.05, 200
    ingest = intake.Ingest(data, Threshold(DELAY))
    await ingest.start()
    await ingest.tick()
    await feed(ingest, first, last)
    await ingest.stop()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
