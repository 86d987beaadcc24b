"""The generated past: a day of every point and a month of some, and what the real rules would have said of it."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.rules import plan
from shouwang.engines.rules.kernel import Kernel
from shouwang.engines.telemetry import history, quality
from shouwang.engines.telemetry import plan as plans
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.seam import Batch

from .instruments import Instruments
from .readings import MEMORY_S, Excursion, calm, scaled
from .script import GASES, Script

STEP_S = 300
PAGE = 48  # moments judged in one batch
QUIET_S = 1800  # the generated past ends calm, so that the live simulator can go on from it
MIX = (("minor", 0.78), ("orange", 0.16), ("red", 0.06))


@dataclass
class Told:
    """What was generated: how many readings were written, and the transitions the rules made of them."""

    readings: int
    transitions: list[Transition]


def generate(
    what: Instruments,
    now_ms: int,
    *,
    days: int = 30,
    watched: int = 200,
    warnings: int = 400,
    hours: int = 24,
    seed: int = 1,
    data: Path | None = None,
) -> Told:
    """Write the past of the demo's points to the history and judge the watched ones with the rule kernel itself."""
    rng = np.random.default_rng(seed)
    rows = choose(what, watched, rng)
    some = what.take(rows)
    end = now_ms // 1000 // STEP_S * STEP_S
    grid = np.arange(end - days * 86400, end + 1, STEP_S, dtype=np.int64)
    values = series(some, grid, excursions(some, grid, warnings, seed), rng)
    written = _write(some, grid, values, data)
    rest = what.take(np.setdiff1d(np.arange(len(what)), rows))
    recent = grid[grid > end - hours * 3600]
    written += _write(rest, recent, series(rest, recent, [], rng), data)
    return Told(written, judge(some, grid, values))


def choose(what: Instruments, most: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of the points that get a month: process values, gases and methane in the proportion of warnings."""
    kinds = np.array(
        [
            "gas" if q in GASES else "methane" if q == "methane" else "process" if np.isfinite(h) else ""
            for q, h in zip(what.quantity, what.limits[:, 3], strict=True)
        ]
    )
    picked = []
    for kind, share in (("process", 0.62), ("gas", 0.28), ("methane", 0.10)):
        pool = np.flatnonzero(kinds == kind)
        picked.append(
            rng.choice(pool, min(len(pool), max(1, round(most * share))), replace=False) if len(pool) else pool
        )
    return np.sort(np.concatenate(picked)).astype(np.int64)


def excursions(what: Instruments, grid: NDArray[np.int64], wanted: int, seed: int) -> list[Excursion]:
    """Disturbances over the whole stretch, long enough for the five-minute grid, never two at once on a point."""
    script, rng = Script(what, seed + 1), np.random.default_rng(seed + 2)
    levels, shares = [m[0] for m in MIX], [m[1] for m in MIX]
    found: list[Excursion] = []
    for level in rng.choice(levels, wanted, p=shares).tolist():
        start = float(rng.uniform(grid[0] + 3600, grid[-1] - QUIET_S - 5400))
        busy = {e.point for e in found if e.start - 7200 < start < e.end + 3600}
        if (drawn := script.draw(level, start, busy)) is not None:
            found.append(replace(drawn, hold=float(rng.uniform(600, 3600)), ramp=60.0, fall=120.0))
    return found


def series(
    what: Instruments, grid: NDArray[np.int64], disturbed: list[Excursion], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Readings of every point at every moment of the grid, shape (moments, points), in units of their resolution."""
    keep = float(np.exp(-STEP_S / MEMORY_S))
    noise = rng.standard_normal(len(what)) * what.spread
    phase = rng.random(len(what)) * 2 * np.pi
    out = np.empty((len(grid), len(what)))
    for n, t in enumerate(grid.tolist()):
        noise = noise * keep + rng.standard_normal(len(what)) * what.spread * np.sqrt(1 - keep**2)
        out[n] = calm(what, noise, phase, float(t), slice(None))
    for e in disturbed:
        first, last = np.searchsorted(grid, [e.start, e.end])
        part = out[first:last, e.point]
        part += (e.target - part) * e.share(grid[first:last].astype(float))
    return scaled(what, out, slice(None))


def _write(what: Instruments, grid: NDArray[np.int64], values: NDArray[np.int64], data: Path | None) -> int:
    if not len(what):
        return 0
    n = len(grid)
    return history.write_past(np.repeat(what.id, n), np.tile(grid * 1000, len(what)), values.T.ravel(), quality.GOOD,
                              np.repeat(what.digits, n), data)


def judge(what: Instruments, grid: NDArray[np.int64], values: NDArray[np.int64]) -> list[Transition]:
    """Run the rule kernel over the series under the plan in force; the transitions in order of time."""
    version = plan.compile_plan()
    current = plans.load(plan.root(), version)
    known = np.array([p in current.index for p in what.id.tolist()])
    index = np.array([current.index.get(p, 0) for p in what.id.tolist()], np.uint32)[known]
    source = current.points["source"][index].astype(np.uint32)
    kernel, found = Kernel(), []
    kernel.adopt(current, plan.root() / str(version))
    for first in range(0, len(grid), PAGE):
        t, v = grid[first:first + PAGE] * 1000, values[first:first + PAGE, known].astype(np.int32)
        batch = Batch(
            np.tile(index, len(t)),
            np.repeat(t, len(index)),
            v.ravel(),
            np.full(v.size, quality.GOOD, np.uint8),
            np.tile(source, len(t)),
        )
        found += kernel.evaluate(batch, int(t[-1]) + 800)
    return sorted(found, key=lambda x: x.at)
