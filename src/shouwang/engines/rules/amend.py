"""Late readings: what would have been told had they come in time, and how that differs from what was told. No Django.

A point's kept readings are judged again from the settled state, once without and once with the late ones. Where the
episodes differ, one `amended` transition each says how the episode should stand (raised though nothing was told,
begun or ended at another time, of another gravity, withdrawn), with the late readings as proof.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import batches, tiers
from .state import State

PROOFS = 8  # late readings told in one amendment
Column = NDArray[Any]


@dataclass(frozen=True)
class Episode:
    """One alert of one check, in event time."""

    since: int
    at: int  # raised
    until: int  # cleared; 0: still open
    tier: int  # now; 0 when over
    worst: int

    def overlaps(self, other: "Episode") -> bool:
        return self.at <= (other.until or tiers.NEVER) and other.at <= (self.until or tiers.NEVER)


@dataclass(frozen=True)
class Amendment:
    """How an episode should stand. `was`: the raising told before, 0 when none was; `episode` None: withdrawn."""

    check: int
    was: int
    episode: Episode | None
    proof: list[tuple[int, int, int]]  # time, value, quality of late readings


@dataclass
class Run:
    """One judging of a point's readings: the state it ends in and what it tells."""

    points: Column
    checks: Column
    memory: Column
    told: dict[int, list[Episode]]


def reconsider(s: State, p: int, t: Column, v: Column, q: Column) -> tuple[list[Amendment], int]:
    """Put late readings of a point (rising times) where they belong. Returns amendments and how many were used."""
    r = s.recent
    keep = (r.head[p] + np.arange(r.n[p])) % max(r.t.shape[1], 1)
    old = r.t[p, keep], r.v[p, keep], r.q[p, keep]
    new = (t > r.points["last_t"][p]) & ~np.isin(t, old[0]) if len(r.points) else np.zeros(len(t), bool)
    if not new.any():
        return [], 0
    both = tuple(np.concatenate(pair) for pair in zip(old, (t[new], v[new], q[new]), strict=True))
    order = np.argsort(both[0], kind="stable")
    before, after = _run(s, p, old), _run(s, p, tuple(column[order] for column in both))
    _adopt(s, p, after, int(t[new][-1]))
    _store(s, p, tuple(column[order] for column in both))
    late = list(zip(t[new].tolist(), v[new].tolist(), q[new].tolist(), strict=True))
    return list(_differences(before, after, int(s.rows[p]), late)), int(new.sum())


def _run(s: State, p: int, readings: tuple[Column, ...]) -> Run:
    """The kept readings from the settled state on, up to the watermark that was last seen."""
    r, span = s.recent, slice(s.rows[p], s.rows[p + 1])
    checks, places = r.checks[span].copy(), s.place[span]
    remembers = checks["kind"] >= tiers.RATE
    memory = r.memory[places[remembers]]
    run = Run(r.points[p:p + 1].copy(), checks, memory, {})
    rows = np.array([0, len(checks)], np.int64)
    place = np.where(remembers, np.cumsum(remembers) - 1, 0)
    room = np.zeros(tiers.PER_CHECK * max(len(checks), 1) * (len(readings[0]) + 1), tiers.EVENT)
    until = s.swept[s.points["source"][p]]
    t, v, q = (np.ascontiguousarray(column) for column in readings)
    k = batches.rerun(run.points, checks, rows, memory, place, t, v, q, until, room)
    run.told = _episodes(s, p, room[:k])
    return run


def _episodes(s: State, p: int, told: Column) -> dict[int, list[Episode]]:
    """What a run tells, by check; the episode that was open before it comes first."""
    r, first = s.recent, int(s.rows[p])
    out: dict[int, list[Episode]] = {j - first: [_open(s, j)] for j in range(first, int(s.rows[p + 1]))
                                     if r.checks["tier"][j]}
    for e in told:
        kind, at, tier = int(e["kind"]), int(e["at"]), int(e["tier"])
        mine = out.setdefault(int(e["check"]), [])
        if kind == tiers.RAISED:
            mine.append(Episode(int(e["since"]), at, 0, tier, tier))
        elif kind == tiers.CLEARED:
            mine[-1] = replace(mine[-1], until=at, tier=0)
        elif kind != tiers.QUALITY:
            worst = tier if abs(tier) > abs(mine[-1].worst) else mine[-1].worst
            mine[-1] = replace(mine[-1], tier=tier, worst=worst)
    return out


def _open(s: State, j: int) -> Episode:
    r = s.recent
    return Episode(int(r.since[j]), int(r.at[j]), 0, int(r.checks["tier"][j]), int(r.worst[j]))


def _adopt(s: State, p: int, run: Run, newest: int) -> None:
    """The live state goes on from where the corrected run ends; silence and what was last said of quality stay."""
    span = slice(s.rows[p], s.rows[p + 1])
    mine, live = run.checks, s.checks[span]
    for i in np.flatnonzero((live["kind"] != tiers.SILENT) & (live["kind"] != tiers.APART)):
        same = mine["tier"][i] == live["tier"][i]
        quality = live["quality"][i] if same else mine["quality"][i]
        live[i] = mine[i]
        live["quality"][i] = quality
    remembers = live["kind"] >= tiers.RATE
    s.memory[s.place[span][remembers]] = run.memory
    if newest > s.points["last_t"][p]:
        _newest(s, p, run.points[0])


def _newest(s: State, p: int, row: Any) -> None:
    """A reading overtaken by the watermark is still the newest of its point."""
    source = s.points["source"][p]
    s.seen[source] = max(s.seen[source], row["last_t"])
    for name in ("last_t", "v", "q"):
        s.points[name][p] = row[name]
    if row["heard_t"] > s.points["heard_t"][p]:
        s.points["heard_t"][p], s.points["heard_mark"][p] = row["heard_t"], s.seen[source]


def _store(s: State, p: int, readings: tuple[Column, ...]) -> None:
    """Keep the newest; what does not fit is settled."""
    r = s.recent
    depth = r.t.shape[1]
    over = max(0, len(readings[0]) - depth)
    for t, v, q in zip(*(column[:over].tolist() for column in readings), strict=True):
        batches.absorb(r, s.rows, s.place, p, t, v, q)
    for kept, column in zip((r.t, r.v, r.q), readings, strict=True):
        kept[p, :len(column) - over] = column[over:]
    r.n[p], r.head[p] = len(readings[0]) - over, 0


def _differences(before: Run, after: Run, first: int, late: list[tuple[int, int, int]]) -> Iterator[Amendment]:
    """Withdrawn and ended episodes first, so that never two of one check stand open."""
    found: list[Amendment] = []
    for i in sorted({*before.told, *after.told}):
        pairs = _pairs(before.told.get(i, []), after.told.get(i, []))
        found += [Amendment(first + i, was.at if was else 0, now, late[:PROOFS]) for was, now in pairs if was != now]
    yield from sorted(found, key=lambda a: a.episode is not None and a.episode.until == 0)


def _pairs(told: list[Episode], right: list[Episode]) -> Iterator[tuple[Episode | None, Episode | None]]:
    """Each episode as told beside the one it should be: raised at the same moment, else overlapping."""
    left = list(told)
    partner: dict[int, Episode] = {}
    for same in (lambda a, b: a.at == b.at, Episode.overlaps):
        for n, episode in enumerate(right):
            if n not in partner and (found := next((e for e in left if same(e, episode)), None)):
                partner[n] = found
                left.remove(found)
    yield from ((was, None) for was in left)
    yield from ((partner.get(n), episode) for n, episode in enumerate(right))
