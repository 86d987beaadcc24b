"""Which points leave their limits, when and how far: a plausible arrival of warnings of every level."""

from collections.abc import Iterator

import numpy as np

from .instruments import Instruments
from .readings import Excursion

EVERY_S = {"minor": 60.0, "orange": 300.0, "red": 900.0, "dead": 240.0}  # mean time between new ones at rate 1
GASES = ("combustible", "h2s", "nh3", "cl2", "co")
METHANE_CUT = {"T2": 1.0, "T8": 1.0, "T_mid": 1.0, "D2": 1.0, "R1": 1.0, "T3": 0.5, "T4": 0.5, "E1": 0.5}


class Script:
    """Draws excursions and silences at random, never two on one point; the same seed gives the same script."""

    def __init__(self, what: Instruments, seed: int = 1) -> None:
        self.what = what
        self.rng = np.random.default_rng(seed)
        finite = np.isfinite(what.limits)
        self.process = np.flatnonzero(
            finite[:, 2] & finite[:, 3] & np.array([q not in GASES for q in what.quantity], bool)
        )
        self.levels = np.flatnonzero(finite.all(axis=1))
        self.gases = np.flatnonzero(finite[:, 3] & np.array([q in GASES for q in what.quantity], bool))
        self.methane = np.flatnonzero(np.array([q == "methane" for q in what.quantity], bool))

    def draw(self, level: str, start: float, busy: set[int]) -> Excursion | None:
        """One excursion to a level (minor: blue or yellow), on a point that is not busy; None when none fits."""
        pool, target = self._aim(level)
        for _ in range(20):
            if len(pool) == 0:
                return None
            n = int(self.rng.choice(pool))
            if n not in busy:
                return self.excursion(n, target(n), start)
        return None

    def excursion(self, n: int, target: float, start: float) -> Excursion:
        """A ramp of half a minute, minutes over the limit, a minute back."""
        ramp, hold, fall = self.rng.uniform(20, 45), self.rng.uniform(90, 420), self.rng.uniform(30, 90)
        return Excursion(n, start, target, float(ramp), float(hold), float(fall))

    def _aim(self, level: str):  # type: ignore[no-untyped-def]
        """Which points can reach this level, and how far they must go."""
        limits = self.what.limits
        if level == "minor":
            if self.rng.random() < 0.35 and len(self.levels):
                return self.levels, lambda n: float(limits[n, 1] - 0.4 * (limits[n, 1] - limits[n, 0]))
            return self.process, lambda n: float(limits[n, 2] + 0.5 * (limits[n, 3] - limits[n, 2]))
        if level == "orange":
            if self.rng.random() < 0.3 and len(self.levels):
                return self.levels, lambda n: float(limits[n, 0] * 0.6)
            return self.gases, lambda n: float(limits[n, 2] + 0.5 * (limits[n, 3] - limits[n, 2]))
        if self.rng.random() < 0.3 and len(self.methane):
            return self.methane, lambda n: METHANE_CUT.get(self.what.place[n], 1.5) * 1.15
        pool = self.process if self.rng.random() < 0.6 else self.gases
        return pool, lambda n: float(limits[n, 3] + 0.25 * (limits[n, 3] - limits[n, 2]))

    def arrivals(self, start: float, seconds: float, rate: float) -> Iterator[tuple[float, str]]:
        """Times and levels of new disturbances in a stretch of time, in order (Poisson)."""
        found: list[tuple[float, str]] = []
        for level, every in EVERY_S.items():
            for _ in range(int(self.rng.poisson(seconds * rate / every))):
                found.append((start + float(self.rng.random()) * seconds, level))
        yield from sorted(found)
