"""How a made-up reading moves: a set point, a daily swing, slow AR(1) noise, and scripted excursions over a limit."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .instruments import Instruments

DAY_S = 86_400.0
MEMORY_S = 900.0  # time constant of the slow noise


@dataclass(frozen=True)
class Excursion:
    """One point leaves its set point for `target`: ramp up, hold, ramp back (seconds)."""

    point: int  # row of Instruments
    start: float  # s since 1970
    target: float
    ramp: float
    hold: float
    fall: float

    @property
    def end(self) -> float:
        """When the reading is back."""
        return self.start + self.ramp + self.hold + self.fall

    def share(self, t: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """How much of the way to the target, 0 to 1, at times t (s since 1970)."""
        since = np.asarray(t, float) - self.start
        up = np.clip(since / self.ramp, 0.0, 1.0)
        down = np.clip((self.ramp + self.hold + self.fall - since) / self.fall, 0.0, 1.0)
        return np.minimum(up, down)


class Motion:
    """The present value of every point, moved on step by step; the same seed gives the same run."""

    def __init__(self, what: Instruments, seed: int = 1) -> None:
        self.what = what
        self.rng = np.random.default_rng(seed)
        self.noise = self.rng.standard_normal(len(what)) * what.spread
        self.phase = self.rng.random(len(what)) * 2 * np.pi
        self.excursions: dict[int, Excursion] = {}

    def step(self, first: int, last: int, t: float, dt: float) -> NDArray[np.int64]:
        """Readings of points [first, last) at t (s since 1970), dt after their last, in units of their resolution."""
        what, part = self.what, slice(first, last)
        keep = float(np.exp(-dt / MEMORY_S))
        fresh = self.rng.standard_normal(last - first) * what.spread[part] * np.sqrt(1 - keep**2)
        self.noise[part] = self.noise[part] * keep + fresh
        values = calm(what, self.noise[part], self.phase[part], t, part)
        for n in [n for n in self.excursions if first <= n < last]:
            e = self.excursions[n]
            if t > e.end:
                del self.excursions[n]
            else:
                values[n - first] += (e.target - values[n - first]) * float(e.share(t))
        return scaled(what, values, part)


def calm(what: Instruments, noise: NDArray[np.float64], phase: NDArray[np.float64], t: float | NDArray[np.float64],
         part: slice) -> NDArray[np.float64]:
    """Values without excursions: set point, daily swing of one spread, noise."""
    swing = np.sin(2 * np.pi * t / DAY_S + phase)
    return np.asarray(what.rest[part] + what.spread[part] * swing + noise)


def scaled(what: Instruments, values: NDArray[np.float64], part: slice) -> NDArray[np.int64]:
    """Rounded to resolution and kept within the instrument's range."""
    kept = np.clip(values, what.low[part], what.high[part])
    return np.asarray(np.rint(kept * 10.0 ** what.digits[part]), np.int64)
