"""Rule tests for people: readings in series notation, judged in scripted time. No Django here.

`20x10 95 95`: ten readings of 20, then two of 95, one each step. `1s: 20x10 95` says the step itself.
`20+5x3` is 20 25 30. `_` is a step without a reading (`_x4`: four), `stale` a message without a value (no data),
`95!fault` a reading of that quality.
"""

import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path

import numpy as np

from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import NO_LIMIT_HIGH, NO_LIMIT_LOW, POINT, Plan, PointUnits, SourcePlan
from shouwang.engines.telemetry.seam import Batch, Judge
from shouwang.kernel import clock

from . import checkbook
from .checkbook import Check
from .kernel import Kernel

TOKEN = re.compile(r"(?:(_)|(stale)|(-?\d+(?:\.\d+)?)([+-]\d+(?:\.\d+)?)?(?:!([a-z_]+))?)(?:x(\d+))?")
SWEEP_MS = 1_000


@dataclass(frozen=True)
class Sample:
    """One reading of a series: event time in ms, value (None: no data), quality word."""

    t: int
    value: Decimal | int | None
    quality: str = "good"


def span_ms(text: str | int) -> int:
    """'30s' (or a number of ms) as ms."""
    return text if isinstance(text, int) else round(clock.span(text).total_seconds() * 1000)


def parse(text: str, start: int = 0, step: str | int = "1s") -> tuple[list[Sample], int]:
    """The samples of a series and the time of the step after its last; an unknown word is a ValueError naming it."""
    head, colon, rest = text.partition(":")
    every = span_ms(head.strip() if colon else step)
    samples: list[Sample] = []
    t = start
    for word in (rest if colon else text).split():
        found = TOKEN.fullmatch(word)
        if found is None or (found[5] and found[5] not in quality.WORDS):
            raise ValueError(f"看不懂“{word}”;写法如 20x10、20+5x3、_、stale、95!fault")
        for n in range(int(found[6] or 1)):
            if not found[1]:
                samples.append(_sample(found, t, n))
            t += every
    return samples, t


def _sample(found: re.Match[str], t: int, n: int) -> Sample:
    if found[2]:
        return Sample(t, None, "no_data")
    return Sample(t, Decimal(found[3]) + n * Decimal(found[4] or 0), found[5] or "good")


@dataclass
class Bench:
    """A judge over hand-made checks on point 1 (or more points of one source), fed in scripted time.

    Between readings time passes in sweeps of a second; the watermark of the source follows the script (as if another
    sensor of the same gateway kept reporting) unless `deaf`.
    """

    checks: Sequence[tuple[str, int, Check]]  # rule, point id, check
    digits: int = 2
    low: int = NO_LIMIT_LOW
    high: int = NO_LIMIT_HIGH
    points: int = 1
    judge: Judge = field(default_factory=Kernel)
    now: int = 0
    told: list[Transition] = field(default_factory=list)
    version: int = 0

    def __post_init__(self) -> None:
        self.adopt(self.checks)

    def adopt(self, checks: Sequence[tuple[str, int, Check]]) -> None:
        """Judge by these checks from now on, as after a new plan."""
        self.version += 1
        rows = np.zeros(self.points, POINT)
        rows["id"], rows["digits"] = np.arange(1, self.points + 1), self.digits
        rows["low"], rows["high"] = self.low, self.high
        plan = Plan(self.version, rows, [PointUnits("", {})] * self.points, [SourcePlan("G", "gateway", "", {})])
        names = sorted({rule for rule, _, _ in checks})
        with tempfile.TemporaryDirectory() as folder:
            checkbook.write(Path(folder), checkbook.bind([(names.index(r), p, c) for r, p, c in checks], names))
            self.judge.adopt(plan, Path(folder))

    def play(self, text: str, step: str | int = "1s", start: int | None = None, point: int = 1) -> list[Transition]:
        """Feed a series from now (or `start`) on; returns what was told meanwhile, the step after it included."""
        before = len(self.told)
        samples, end = parse(text, self.now if start is None else start, step)
        for sample in samples:
            self.wait_until(sample.t)
            self.give(sample, point)
        self.wait_until(end)
        return self.told[before:]

    def give(self, sample: Sample, point: int = 1) -> None:
        """One reading, judged at once; its time may be in the past."""
        scaled = Decimal(sample.value or 0).scaleb(self.digits)
        v = int(scaled.to_integral_value(ROUND_HALF_EVEN))
        batch = Batch(np.array([point - 1], np.uint32), np.array([sample.t], np.int64), np.array([v], np.int32),
                      np.array([quality.code(sample.quality)], np.uint8), np.zeros(1, np.uint32))
        self.told += self.judge.evaluate(batch, self.now)

    def wait_until(self, t: int, deaf: bool = False) -> list[Transition]:
        """Time passes up to just before `t`: sweeps each second. Deaf: the watermark stands."""
        before, heard = len(self.told), self.now
        while self.now < t:
            self.now = min(t, self.now + SWEEP_MS)
            mark = heard if deaf else self.now - (self.now == t)
            self.told += self.judge.sweep(np.array([mark], np.int64), self.now)
        return self.told[before:]


def brief(told: Sequence[Transition]) -> list[tuple[int, str, int]]:
    """(at in ms, kind, tier) of transitions, for expectations."""
    return [(x.at, x.kind, x.tier) for x in told]
