"""The rule kernel as the ingest process holds it: batches in, transitions out. No Django, no clock.

It implements `telemetry.seam.Judge`. The same calls on the same state give the same answers, so a log replayed after
a crash finds the same transitions. They are numbered (n, seq) by the intake.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shouwang.engines.telemetry import quality
from shouwang.engines.telemetry.journal import Transition
from shouwang.engines.telemetry.plan import Plan
from shouwang.engines.telemetry.seam import Batch

from . import batches, gates, state, sweeps, tiers
from .amend import Amendment, Episode, reconsider

ROOM = 4096  # events of one call into the state machine; more are fetched in rounds


COLUMNS = (("point", np.uint32), ("t", np.int64), ("v", np.int32), ("q", np.uint8), ("source", np.uint32))
Column = NDArray[Any]
Columns = tuple[Column, Column, Column, Column, Column]


def _columns(batch: Batch) -> Columns:
    """The columns in the one layout the compiled code is made for (no copy where they have it)."""
    point, t, v, q, source = (np.require(getattr(batch, name), kind, ["C", "W"]) for name, kind in COLUMNS)
    return point, t, v, q, source


@cache
def warm() -> None:
    """Compile before the first reading comes (seconds on a fresh machine, cached on disk afterwards)."""
    none = state.empty()
    index, time, value = np.zeros(0, np.uint32), np.zeros(0, np.int64), np.zeros(0, np.int32)
    columns = _columns(Batch(index, time, value, np.zeros(0, np.uint8), index))
    room, which = np.zeros(1, tiers.EVENT), np.zeros(0, np.int64)
    late = np.zeros(0, np.int64)
    batches.evaluate(none.points, none.checks, none.rows, none.memory, none.place, none.seen, none.spoken, none.recent,
                     *columns, 0, room, late, 0)
    sweeps.sweep(none.points, none.checks, none.rows, which, none.seen, 0, 0, room, 0)
    one = np.zeros(1, tiers.POINT)
    one["last_t"] = -1
    rows, times = np.zeros(2, np.int64), np.zeros(0, np.int64)
    batches.rerun(one, none.checks, rows, none.memory, none.place, times, *columns[2:4], 0, room)
    batches.absorb(none.recent._replace(points=one), rows, none.place, 0, 1, 0, 0)


class Kernel:
    """Every check of the plan in dense records.

    `late` counts readings that were not newer than the last one, `inserted` those of them that amendments were made
    from. `depth` says how many readings of each point are kept for that; None: as many as there is room for.
    """

    def __init__(self, depth: int | None = None) -> None:
        self.state = state.empty()
        self.depth = depth
        self.late = self.inserted = 0
        self._room = np.zeros(ROOM, tiers.EVENT)
        warm()

    def adopt(self, plan: Plan, folder: Path) -> None:
        """Judge by this plan from now on. State goes over by (point id, rule).

        An open tier is judged by its new limits at the next reading. A check that is gone while its alert is open is
        told as `retired` with the next answer.
        """
        new = state.fresh(plan, folder, self.depth)
        if self.state.version:
            state.carry(self.state, new)
        most = int(np.diff(new.rows).max(initial=0))
        self._room = np.zeros(max(ROOM, 2 * tiers.PER_CHECK * most), tiers.EVENT)
        self.state = new

    def evaluate(self, batch: Batch, now_ms: int) -> list[Transition]:
        """Judge readings in their order. `now_ms`, when they arrived, decides nothing about limits."""
        s = self.state
        out = self._begin(now_ms)
        columns, n = _columns(batch), 0
        behind = [np.zeros(0, np.int64)]
        while n < len(batch.point):
            late = np.zeros(len(batch.point), np.int64)
            n, k, many = batches.evaluate(s.points, s.checks, s.rows, s.memory, s.place, s.seen, s.spoken, s.recent,
                                          *columns, now_ms, self._room, late, n)
            behind.append(late[:many])
            out.extend(self._told(k))
        return out + self._late(columns, np.concatenate(behind), now_ms)

    def amend(self, batch: Batch, now_ms: int) -> list[Transition]:
        """Readings that came too late to be judged in their turn: what they change in what was told."""
        return self._begin(now_ms) + self._late(_columns(batch), np.arange(len(batch.point)), now_ms)

    def _late(self, columns: Columns, which: Column, now_ms: int) -> list[Transition]:
        """Point by point, each point's late readings together and in order of time."""
        out: list[Transition] = []
        self.late += len(which)
        if not len(which) or not self.state.depth:
            return out
        point, t, v, q, _ = (column[which] for column in columns)
        order = np.lexsort((np.arange(len(t)), t, point))
        first = np.concatenate(([True], (np.diff(point[order].astype(np.int64)) != 0) | (np.diff(t[order]) != 0)))
        order = order[first]  # of readings with one time the first to arrive counts
        for mine in np.split(order, np.flatnonzero(np.diff(point[order].astype(np.int64))) + 1):
            p = int(point[mine[0]])
            found, used = reconsider(self.state, p, t[mine], v[mine], q[mine])
            self.inserted += used
            out += [self._amended(p, x, now_ms) for x in found]
        return out

    def _amended(self, p: int, x: Amendment, now_ms: int) -> Transition:
        """An amendment as a transition, and what it changes in what is known of the open episode."""
        s, e, c = self.state, x.episode, x.check
        scale = 10 ** int(s.digits[p])
        if e is not None and not e.until:
            s.since[c], s.at[c], s.worst[c] = e.since, e.at, e.worst
        elif s.checks["tier"][c] == 0:
            s.since[c] = s.at[c] = s.worst[c] = 0
        slot = tiers.SLOT_OF[e.worst] if e is not None else 0
        limited = e is not None and s.checks["kind"][c] == tiers.LIMIT
        limit = int(s.checks["limit"][c][slot]) / scale if limited else None
        proof = [(t, v / scale, quality.word(q)) for t, v, q in x.proof]
        told = e or Episode(x.was, x.was, x.was, 0, 0)
        return Transition(0, s.rules[int(s.rule[c])], int(s.ids[p]), 0, "amended", told.tier, told.since, told.at,
                          proof[0][1], limit, proof[0][2], now_ms, s.version, x.was, told.until, told.worst, proof)

    def sweep(self, watermarks: NDArray[np.int64], now_ms: int) -> list[Transition]:
        """On-delays that ran out by the watermark of their source (ms, 0 = never heard), and silence."""
        s = self.state
        out = self._begin(now_ms)
        watermarks = np.require(watermarks, np.int64, ["C", "W"])
        np.maximum(s.swept[:len(watermarks)], watermarks, out=s.swept[:len(watermarks)])
        which = sweeps.attention(s.points, s.checks, s.owner, watermarks, now_ms)
        n = 0
        while n < len(which):
            n, k = sweeps.sweep(s.points, s.checks, s.rows, which, watermarks, now_ms, s.listening, self._room, n)
            self._spoke(k)
            out.extend(self._told(k))
        return out + [self._switched(gate, kind, now_ms) for gate, kind in gates.changed(s)]

    def _switched(self, gate: np.void, kind: str, now_ms: int) -> Transition:
        """An open alert is suppressed by its gate point, or released; the proof is the gate's reading."""
        s, c = self.state, int(gate["check"])
        proof = gates.proof(s, gate)
        at = max(proof[0][0], int(s.at[c]))
        p = int(s.owner[c])
        value = int(s.points["v"][p]) / 10 ** int(s.digits[p])
        return Transition(0, s.rules[int(s.rule[c])], int(s.ids[p]), 0, kind, int(s.checks["tier"][c]), at, at, value,
                          None, quality.word(int(s.checks["quality"][c])), now_ms, s.version, proof=proof,
                          gate=int(s.ids[gate["point"]]))

    def _gate(self, check: int, kind: int) -> tuple[gates.Proof, int]:
        """Whether what is told of a check is suppressed from its beginning: the proof and the id of the gate point."""
        s = self.state
        n = s.gate_of.get(check)
        if n is None or kind not in (tiers.RAISED, tiers.CLEARED):
            return [], 0
        gate = s.gates[n:n + 1]
        gate["held"] = kind == tiers.RAISED and bool(gates.closed(s, gate)[0])
        return (gates.proof(s, gate[0]), int(s.ids[gate["point"][0]])) if gate["held"][0] else ([], 0)

    def _begin(self, now_ms: int) -> list[Transition]:
        self.state.hear(now_ms)
        out, self.state.untold = self.state.untold, []
        return out

    def _spoke(self, k: int) -> None:
        """Delays told to have run out: a reading from before that moment comes late."""
        s, e = self.state, self._room[:k]
        e = e[(e["kind"] != tiers.QUALITY) & (s.checks["kind"][e["check"]] != tiers.SILENT)]
        np.maximum.at(s.spoken, s.owner[e["check"]], e["at"])

    def _open(self, check: int, kind: int, since: int, at: int, tier: int) -> None:
        """What is known of the episode open now."""
        s = self.state
        if kind == tiers.RAISED:
            s.since[check], s.at[check], s.worst[check] = since, at, tier
        elif kind == tiers.CLEARED:
            s.since[check] = s.at[check] = s.worst[check] = 0
        elif abs(tier) > abs(s.worst[check]):
            s.worst[check] = tier

    def _told(self, k: int) -> Iterator[Transition]:
        s = self.state
        for since, at, heard, check, v, limit, kind, tier, q, has_v, has_limit in self._room[:k].tolist():
            p = int(s.owner[check])
            self._open(check, kind, since, at, tier)
            proof, gate = self._gate(check, kind) if s.gate_of else ([], 0)
            scale = 10 ** int(s.digits[p])
            yield Transition(0, s.rules[int(s.rule[check])], int(s.ids[p]), 0, tiers.KINDS[kind], tier, since, at,
                             v / scale if has_v else None, limit / scale if has_limit else None, quality.word(q),
                             heard, s.version, proof=proof, gate=gate)

    def dump(self) -> bytes:
        """The whole state, untold retirements included."""
        return state.dump(self.state)

    def restore(self, raw: bytes) -> None:
        """Back to a dumped state, under the plan adopted before."""
        was = state.undump(raw)
        state.carry(was, self.state)
        if state.same(was, self.state):
            state.carry_recent(was, self.state)
