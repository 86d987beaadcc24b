"""The cast: 甲厂's gateway and a lone device, and an intake whose disk the test controls."""

import asyncio
import hashlib
import json
import os
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np

from shouwang.drivers.limits import DEFAULT, Limits
from shouwang.drivers.mqtt.serve import Endpoint, serve
from shouwang.engines.telemetry.plan import POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.seam import Readings

GATEWAY, DEVICE = "gateway-token-of-jia-chang", "device-token-of-jia-chang"
REPO = Path(__file__).parents[4]
VECTORS = Path(os.environ.get("SHOUWANG_SHARED", REPO.parent / "shared")) / "vectors" / "mqtt-thingsboard.dev.json"
PRESSURE = PointUnits("MPa", {"kPa": (0.001, 0.0), "Pa": (0.000001, 0.0)})
CELSIUS = PointUnits("℃", {"K": (1.0, -273.15)})


def plan(version: int = 1, without: str = "") -> Plan:
    """Five points: Tank A (level, pressure, temperature), Tank B (level), a device's own level."""
    points = np.zeros(5, POINT)
    points["id"], points["digits"] = [11, 12, 13, 14, 15], [2, 4, 1, 2, 0]
    level = PointUnits("%", {})
    sources = [
        SourcePlan("甲厂网关", "gateway", hashlib.sha256(GATEWAY.encode()).hexdigest(),
                   {"Tank A": {"level": 0, "pressure": 1, "temperature": 2}, "Tank B": {"level": 3}}),
        SourcePlan("甲厂液位计", "device", hashlib.sha256(DEVICE.encode()).hexdigest(),
                   {"甲厂液位计": {"level": 4}}),
    ]
    return Plan(version, points, [level, PRESSURE, CELSIUS, level, level],
                [s for s in sources if s.name != without])


class Desk:
    """An intake in memory. `durable()` plays the disk; with `instant` it has just written whatever is offered."""

    def __init__(self, instant: bool = True) -> None:
        self.plan = plan()
        self.instant, self.full = instant, False
        self.taken: list[tuple[str, int, int, int, int]] = []  # source, point, t, v, q
        self.refused: list[tuple[str, str, str, int]] = []
        self.events: list[tuple[str, str]] = []
        self.waiting: list[Callable[[], None]] = []

    def find(self, token: str) -> int | None:
        digest = hashlib.sha256(token.encode()).hexdigest()
        return next((i for i, s in enumerate(self.plan.sources) if s.token_hash == digest), None)

    def source(self, i: int) -> SourcePlan:
        return self.plan.sources[i]

    def offer(self, source: int, readings: Readings, done: Callable[[], None]) -> bool:
        if self.full:
            return False
        name = self.plan.sources[source].name
        columns = zip(readings.point, readings.t, readings.v, readings.q, strict=True)
        self.taken += [(name, *map(int, row)) for row in columns]
        self.waiting.append(done)
        if self.instant:
            asyncio.get_running_loop().call_soon(self.durable)
        return True

    def durable(self) -> None:
        now, self.waiting = self.waiting, []
        for done in now:
            done()

    def before_tick(self, hook: Callable[[], None]) -> None:
        def tick() -> None:
            hook()
            loop.call_later(0.01, tick)

        loop = asyncio.get_running_loop()
        loop.call_soon(tick)

    def refuse(self, source: str, reason: str, excerpt: str, count: int = 1) -> None:
        self.refused.append((source, reason, excerpt, count))

    def seen(self, source: int, event: str) -> None:
        self.events.append((self.plan.sources[source].name, event))

    @property
    def values(self) -> list[tuple[int, int]]:
        """(point index, scaled value) as taken."""
        return [(point, v) for _, point, _, v, _ in self.taken]

    def reasons(self) -> list[str]:
        return [reason for _, reason, _, _ in self.refused]


def vectors() -> list[dict[str, Any]]:
    """The public vectors of ThingsBoard's MQTT payloads, kept outside the project; one that says so when absent."""
    if not VECTORS.exists():
        return [{"id": f"没有 {VECTORS}:用 SHOUWANG_SHARED 指明它的位置", "absent": True}]
    return list(json.loads(VECTORS.read_text())["vectors"])


async def until(true: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for something that must become true; fail when it does not."""
    end = asyncio.get_running_loop().time() + seconds
    while not true():
        assert asyncio.get_running_loop().time() < end, "等不到预期的结果"
        await asyncio.sleep(0.005)


@asynccontextmanager
async def endpoint(desk: Desk, limits: Limits = DEFAULT, port: int = 0,
                   tls: ssl.SSLContext | None = None) -> AsyncIterator[Endpoint]:
    """A running endpoint on a free port of loopback."""
    running: Endpoint = await serve(desk, "127.0.0.1", port, limits=limits, tls=tls)
    try:
        yield running
    finally:
        await running.close()


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a story within a minute."""
    asyncio.run(asyncio.wait_for(story(), 60))
