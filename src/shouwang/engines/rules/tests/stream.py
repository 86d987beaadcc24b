"""A seeded stream of batches through a kernel; run as a program it prints what was told, for comparing two builds."""

import sys

import msgspec
import numpy as np

from shouwang.engines.rules import tiers
from shouwang.engines.rules.checkbook import Check
from shouwang.engines.rules.series import Bench
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.seam import Batch

POINTS = 20
START = 1_760_000_000_000


def checks() -> list[tuple[str, int, Check]]:
    """Every kind of check on every point, with various delays."""
    out = []
    for p in range(1, POINTS + 1):
        limit = Check(on=p % 4 * 1500, off=p % 3 * 2000)
        for slot, (at, reset) in enumerate(((-200, -180), (-100, -80), (100, 80), (200, 180))):
            limit.put(slot, at, reset)
        out += [("x.limit", p, limit), ("x.silent", p, Check(tiers.SILENT, on=20_000, has=tiers.H_BIT)),
                ("x.range", p, Check(tiers.RANGE, has=tiers.H_BIT)), *_signals(p)]
    return out


def _signals(p: int) -> list[tuple[str, int, Check]]:
    """Rate up or down, standstill, excursions: windows of a few readings."""
    sign, out = (1, -1)[p % 2], []
    for rule, kind, limit, second in (("x.rate", tiers.RATE, 60, 0), ("x.flat", tiers.FLAT, 4_000, 90),
                                      ("x.count", tiers.COUNT, 3, 80)):
        check = Check(kind, on=p % 3 * 700 if kind != tiers.FLAT else 0, off=p % 2 * 900)
        check.put(tiers.H_SLOT, limit, limit)
        check.limit[0], check.limit[1], check.reset[0], check.reset[1] = sign, 100, 8_000, second
        out.append((rule, p, check))
    return out


def run(seed: int, batches: int = 60, size: int = 100) -> list[Transition]:
    """What a kernel tells about random readings: late ones, bad qualities and a silent point among them."""
    r = np.random.default_rng(seed)
    bench = Bench(checks(), points=POINTS, low=-250, high=250)
    told, t = [], START
    for _ in range(batches):
        t += int(r.integers(200, 3000))
        point = r.integers(0, POINTS - 1, size).astype(np.uint32)  # the last point is never heard
        q = np.where(r.random(size) < 0.9, 0, r.integers(0, 6, size)).astype(np.uint8)
        at, v = t + r.integers(-1500, 500, size), r.normal(0, 110, size).astype(np.int32)
        told += bench.judge.evaluate(Batch(point, at, v, q, np.zeros(size, np.uint32)), t)
        told += bench.judge.sweep(np.array([t - 1000]), t)
    return told


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode([tiers.COMPILED, run(int(sys.argv[1]))]))
