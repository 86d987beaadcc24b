"""The part that decides: readings and sweeps in, numbered transitions out, the same every time. No Django here.

Everything it holds changes only by `batch`, `sweep` and `adopt`, in the order of the log: state = snapshot + log.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import numpy as np

from .journal import Transition
from .plan import POINT, Plan
from .seam import Batch, Judge
from .standing import Standing

RESET_MS = 60_000  # [D] a clock that runs back further than this was set right by somebody


@dataclass
class Numbers:
    """Where the journal and every (rule, point) have got to."""

    n: int = 0
    seqs: dict[tuple[str, int], int] = field(default_factory=dict)

    def give(self, found: list[Transition], plan: int, now_ms: int) -> list[Transition]:
        """The transitions with their place in the journal and in their episode chain."""
        return [self._one(x, plan, now_ms) for x in found]

    def _one(self, x: Transition, plan: int, now_ms: int) -> Transition:
        self.n += 1
        seq = self.seqs[(x.rule, x.point)] = self.seqs.get((x.rule, x.point), 0) + 1
        return msgspec.structs.replace(x, n=self.n, seq=seq, plan=plan, heard=x.heard or now_ms)

    def follow(self, written: Iterable[Transition]) -> None:
        """Take the numbers of transitions that were already written."""
        for x in written:
            self.n = max(self.n, x.n)
            self.seqs[(x.rule, x.point)] = max(self.seqs.get((x.rule, x.point), 0), x.seq)


class Frozen(msgspec.Struct, frozen=True):
    """A machine at rest, after record `record` of the log."""

    record: int
    plan: int
    now_ms: int
    n: int
    seqs: list[tuple[str, int, int]]
    standing: bytes
    judge: bytes


def no_plan() -> Plan:
    """Version 0: no source, no point, nothing can be taken."""
    return Plan(0, np.empty(0, POINT), [], [])


@dataclass
class Machine:
    """Plan, standing values, the rule kernel's state and the numbers: one consistent whole."""

    judge: Judge
    plan: Plan = field(default_factory=no_plan)
    numbers: Numbers = field(default_factory=Numbers)
    record: int = 0  # number of the last record taken in
    now_ms: int = 0  # of that record: never runs backwards
    standing: Standing = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(self.plan)

    def advance(self, now_ms: int) -> int:
        """The moment of the next record: the wall clock, held where it ran back a little, followed where set right."""
        if now_ms > self.now_ms or now_ms < self.now_ms - RESET_MS:
            self.now_ms = now_ms
        return self.now_ms

    def batch(self, batch: Batch, now_ms: int) -> list[Transition]:
        """One batch in; unnumbered transitions out."""
        judged, late = self.standing.take(batch, now_ms)
        found = self.judge.evaluate(judged, now_ms) if len(judged.t) else []
        return found + self.judge.amend(late, now_ms) if len(late.t) else found

    def sweep(self, now_ms: int, resuming: bool = False) -> list[Transition]:
        """Time passes; unnumbered transitions out. `resuming`: we were away, so nobody counts as silent yet."""
        if resuming:
            self.standing.resume(now_ms)
        if not self.plan.version:
            return []
        return self.judge.sweep(self.standing.watermarks(now_ms), now_ms)

    def adopt(self, plan: Plan, folder: Path) -> None:
        """Go on under another plan; when the judge cannot, nothing has changed."""
        self.judge.adopt(plan, folder)
        self.standing = self.standing.under(plan)
        self.plan = plan

    def freeze(self) -> Frozen:
        """Everything, to be thawed after a restart."""
        seqs = [(rule, point, seq) for (rule, point), seq in self.numbers.seqs.items()]
        judged = self.judge.dump() if self.plan.version else b""
        return Frozen(self.record, self.plan.version, self.now_ms, self.numbers.n, seqs, self.standing.dump(), judged)

    def thaw(self, frozen: Frozen, plan: Plan, folder: Path) -> None:
        """Back to a frozen state; `plan` is the version it was frozen under."""
        if plan.version:
            self.judge.adopt(plan, folder)
            self.judge.restore(frozen.judge)
        self.plan, self.standing = plan, Standing(plan)
        self.standing.restore(frozen.standing)
        self.numbers = Numbers(frozen.n, {(r, p): s for r, p, s in frozen.seqs})
        self.record, self.now_ms = frozen.record, frozen.now_ms
