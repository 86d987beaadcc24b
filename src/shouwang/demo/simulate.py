"""The live simulator: one MQTT connection a demo enterprise, every point every five seconds, warnings by script."""

import asyncio
import heapq
import json
import logging
import random
import time
from pathlib import Path

import msgspec

from shouwang.kernel import clock

from .gateway import Gateway, Refused
from .instruments import Instruments
from .readings import Excursion, Motion
from .script import Script

log = logging.getLogger("shouwang.simulate")
PERIOD_S = 5.0
SLOTS = 50  # gateways are spread over the period
CALMER_AFTER_S, CALMER = 2 * 3600.0, 6.0  # an unattended demo must not drown in open matters
SHOWN_AFTER_S, SHOWN_HOLD_S, SHOWN_EVERY_S = 12.0, 420.0, 2700.0
Row = tuple[int, str, str, int]  # point, device, key, digits


class Simulator:
    """All gateways, the motion of their points and the script of what goes wrong."""

    def __init__(self, what: Instruments, tokens: dict[str, str], data: Path, *, shown_firm: int = 0, rate: float = 1.0,
                 seed: int | None = None) -> None:
        self.what, self.data, self.rate = what, data, rate
        self.seed = random.SystemRandom().randrange(2**31) if seed is None else seed
        self.motion, self.script = Motion(what, self.seed), Script(what, self.seed + 1)
        self.gateways = [Gateway(name, tokens[name]) for name, _, _ in what.gateways]
        self.silent: dict[int, float] = {}  # point → until
        self.shown_firm = shown_firm
        self._due: list[tuple[float, int, str]] = []
        self._last = [0.0] * len(what.gateways)
        self._rows = [self._layout(first, last) for _, first, last in what.gateways]

    def _layout(self, first: int, last: int) -> list[Row]:
        w = self.what
        return [(n, w.device[n], w.key[n], int(w.digits[n])) for n in range(first, last)]

    def plan(self, now: float, begun: float) -> None:
        """Draw the next minute's disturbances."""
        rate = self.rate / (CALMER if now - begun > CALMER_AFTER_S else 1.0)
        for n, (at, level) in enumerate(self.script.arrivals(now, 60.0, rate)):
            heapq.heappush(self._due, (at, n, level))

    def show(self, start: float) -> None:
        """A red warning at the enterprise whose manager a visitor logs in as: its first tank level over HH."""
        w = self.what
        mine = [
            n
            for n in range(len(w))
            if w.firm[n] == self.shown_firm and w.quantity[n] == "level" and n not in self.motion.excursions
        ]
        if mine:
            n = mine[0]
            over = float(w.limits[n, 3] + 0.4 * (w.high[n] - w.limits[n, 3]))
            self.motion.excursions[n] = Excursion(n, start, over, 12.0, SHOWN_HOLD_S, 60.0)

    def begin(self, now: float) -> None:
        """Start what the script has for this moment."""
        while self._due and self._due[0][0] <= now:
            _, _, level = heapq.heappop(self._due)
            busy = set(self.motion.excursions) | set(self.silent)
            if level == "dead":
                n = int(self.script.rng.integers(len(self.what)))
                if n not in busy:
                    self.silent[n] = now + float(self.script.rng.uniform(420, 1200))
            elif (drawn := self.script.draw(level, now, busy)) is not None:
                self.motion.excursions[drawn.point] = drawn
        self.silent = {n: until for n, until in self.silent.items() if until > now}

    def message(self, g: int, now: float) -> bytes:
        """The telemetry message of one gateway: device → [{ts, values}] (ThingsBoard gateway API)."""
        _, first, last = self.what.gateways[g]
        dt = now - self._last[g] if self._last[g] else PERIOD_S
        self._last[g] = now
        values, ts = self.motion.step(first, last, now, dt).tolist(), int(now * 1000)
        out: dict[str, list[dict[str, object]]] = {}
        for (n, device, key, digits), v in zip(self._rows[g], values, strict=True):
            if n in self.silent:
                continue
            if device not in out:
                out[device] = [{"ts": ts, "values": {}}]
            out[device][0]["values"][key] = v / 10**digits if digits else v  # type: ignore[index]
        return msgspec.json.encode(out)

    async def run(self, stopping: asyncio.Event) -> None:
        """Publish until told to stop."""
        begun = _now()
        begins = begun + SHOWN_AFTER_S
        links = [asyncio.create_task(self._link(g)) for g in self.gateways]
        try:
            planned, shown, slot = 0.0, begins, 0
            while not stopping.is_set():
                now = _now()
                if now >= planned:
                    self.plan(now, begun)
                    planned = now + 60.0
                if now >= shown:
                    self.show(now)
                    shown = now + SHOWN_EVERY_S
                self.begin(now)
                for g in range(slot, len(self.gateways), SLOTS):
                    self.gateways[g].publish(self.message(g, _now()))
                slot = (slot + 1) % SLOTS
                await _until(stopping, now + PERIOD_S / SLOTS)
        finally:
            for gateway in self.gateways:
                gateway.close()
            for link in links:
                link.cancel()
            await asyncio.gather(*links, return_exceptions=True)

    async def _link(self, gateway: Gateway) -> None:
        """Keep one gateway connected: the port is read anew each time, because ingest may come back on another."""
        pause = 0.5
        while True:
            if (port := port_of(self.data)) is not None:
                begun = time.monotonic()
                try:
                    await gateway.serve("127.0.0.1", port)
                except Refused as why:
                    log.warning("接入被拒:%s", why)
                except OSError as why:
                    log.info("连接断开:%s", why)
                pause = 0.5 if time.monotonic() - begun > 10 else min(pause * 2, 8.0)
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))


def _now() -> float:
    return clock.now_ms() / 1000


async def _until(stopping: asyncio.Event, moment: float) -> None:
    try:
        await asyncio.wait_for(stopping.wait(), max(0.001, moment - _now()))
    except TimeoutError:
        return


def port_of(data: Path) -> int | None:
    """The MQTT port of the running ingest process; None while it is not up."""
    try:
        return int(json.loads((data / "run" / "ingest.json").read_text("utf8"))["mqtt"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
