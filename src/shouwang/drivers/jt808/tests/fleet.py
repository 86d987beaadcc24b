"""The cast of these tests: two vehicles of 甲厂, an endpoint on a free port, a disk the test controls."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from shouwang.drivers.configured import Setting
from shouwang.drivers.jt808 import serve
from shouwang.drivers.jt808.serve import Endpoint
from shouwang.drivers.jt808.simulate import Terminal
from shouwang.drivers.limits import DEFAULT, Limits
from shouwang.drivers.tests.desk import Desk
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan

PHONE, OTHER, STRANGER = "13912344323", "13912344324", "13900000000"
CODE = "code-of-jia-1"
KEYS = ["speed", "lat", "lon", "alarm_overspeed", "alarm_fatigue", "adas_headway", "mileage", "status_acc"]
DIGITS = [1, 6, 6, 0, 0, 0, 1, 0]


def plan(version: int = 1) -> Plan:
    """Eight points of one vehicle, one of another."""
    points = np.zeros(len(KEYS) + 1, POINT)
    points["id"], points["digits"] = np.arange(11, 12 + len(KEYS)), [*DIGITS, 1]
    source = SourcePlan("两客一危", "gateway", "", {PHONE: {k: i for i, k in enumerate(KEYS)},
                                                OTHER: {"speed": len(KEYS)}})
    return Plan(version, points, [PointUnits("", {}) for _ in points], [source])


def setting(**options: Any) -> Setting:
    """An entry of drivers.yaml."""
    given = {"terminals": {PHONE: CODE, OTHER: {"auth": "code-2", "terminal_id": "SIM0002", "plate": "苏A2"}}}
    return Setting("jt808", "两客一危", options=given | options)


@asynccontextmanager
async def endpoint(desk: Desk, limits: Limits = DEFAULT, **options: Any) -> AsyncIterator[Endpoint]:
    """A running endpoint."""
    desk.plan = plan()
    running = await serve(desk, setting(**options), limits)
    try:
        yield running
    finally:
        await running.close()


async def arrive(port: int, phone: str = PHONE, code: str = CODE, version: int | None = None) -> Terminal:
    """A terminal that has authenticated."""
    terminal = Terminal(phone, version)
    await terminal.connect("127.0.0.1", port)
    assert await terminal.authenticate(code) == 0
    return terminal


def told(desk: Desk) -> list[tuple[str, int, int]]:
    """(key, value, quality) as taken, of the first vehicle."""
    return [(KEYS[point], v, q) for _, point, _, v, q in desk.taken if point < len(KEYS)]
