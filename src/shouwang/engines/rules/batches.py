"""Batches of readings through the checks, and the short memory of readings that amendments are made from.

The newest readings of every point are kept (`Recent`), and beside them the state of its checks before the oldest kept:
so a reading that comes late, but not older than that, can be put where it belongs and everything after it judged again.
No Django here.
"""

from typing import Any, NamedTuple

import numpy as np

from .compiled import Array, jit
from .tiers import (
    APART,
    CHECK,
    CLEARED,
    EVENT,
    MEMORY,
    OVER_RANGE,
    PER_CHECK,
    POINT,
    RAISED,
    SILENT,
    idle,
    judge_reading,
    run_out_if_waiting,
    take,
)

DEPTH = 32  # [D] readings kept a point
BUDGET = 32 * 1024 * 1024  # [D] bytes kept at most; with very many points fewer readings each
A_READING = 13
LEAST = 4  # fewer are not worth the second state


class Recent(NamedTuple):
    """Readings by point index in rings (shape points × depth), and the settled state before the oldest of them."""

    t: Array
    v: Array
    q: Array
    n: Array  # readings in use, by point
    head: Array  # place of the oldest, by point
    points: Array  # POINT, CHECK, MEMORY as they were before the oldest kept reading
    checks: Array
    memory: Array
    since: Array  # by check: the episode open then: its first reading, its raising (0: none, -1: unknown), gravest tier
    at: Array
    worst: Array
    room: Array  # EVENT: what settling tells, which was told long ago


def depth_for(points: int) -> int:
    """How many readings can be kept of each point."""
    depth = min(DEPTH, BUDGET // (A_READING * max(points, 1)))
    return depth if depth >= LEAST else 0


def kept(points: Array, checks: Array, memory: Array, most: int, depth: int) -> Recent:
    """Nothing kept yet: the settled state is the present one. `most`: checks of one point."""
    p = len(points)
    settled = checks.copy() if depth else np.zeros(0, CHECK)
    alone = (settled["kind"] == SILENT) | (settled["kind"] == APART)  # not amended: they look beyond their point
    settled["live"][alone] = settled["tier"][alone] = 0
    settled["limit"][:, 1][settled["kind"] == APART] = -1
    since, at, worst = (np.zeros(len(settled), np.int64) for _ in range(3))
    return Recent(np.zeros((p, depth), np.int64), np.zeros((p, depth), np.int32), np.zeros((p, depth), np.uint8),
                  np.zeros(p, np.int32), np.zeros(p, np.int32), points.copy() if depth else np.zeros(0, POINT), settled,
                  memory.copy() if depth else np.zeros(0, MEMORY), since, at, worst,
                  np.zeros(2 * PER_CHECK * most + 8, EVENT))


@jit
def evaluate(pts: Array, checks: Array, rows: Array, memory: Array, place: Array, seen: Array, spoken: Array,
             recent: Any, point: Any, t: Any, v: Any, q: Any, source: Any, now: Any, ev: Array, late: Array,
             n0: Any) -> tuple[int, int, int]:
    """Judge readings n0 …; stops early when `ev` could overflow. Returns (next reading, events written, late ones).

    `rows[p]:rows[p+1]` are the checks of point p; `place` says which row of `memory` a check has; `seen` keeps the
    newest event time per source. Rows of readings that came too late to be judged in their turn are put into `late`.
    """
    k = behind = 0
    depth = recent.t.shape[1]
    last, low, high = pts["last_t"], pts["low"], pts["high"]
    kind, limit, live, tier = checks["kind"], checks["limit"], checks["live"], checks["tier"]
    old_points, old_live, old_tier = recent.points, recent.checks["live"], recent.checks["tier"]
    kept_t, kept_v, kept_q, used, head = recent.t, recent.v, recent.q, recent.n, recent.head
    for i in range(n0, point.shape[0]):
        p, ti, qi, x, s = np.int64(point[i]), np.int64(t[i]), np.int64(q[i]), np.int64(v[i]), np.int64(source[i])
        first, end = np.int64(rows[p]), np.int64(rows[p + 1])
        if k + PER_CHECK * (end - first) > ev.shape[0]:
            return i, k, behind
        if ti <= last[p] or (depth and ti < spoken[p]):
            late[behind] = i
            behind += 1
            continue
        if ti > seen[s]:
            seen[s] = ti
        outside = qi == OVER_RANGE or x > high[p] or x < low[p]
        busy = False  # the loop stands here, not in a function of its own: handing columns over costs more than it
        for j in range(first, end):
            busy = busy or live[j] != 0 or tier[j] != 0 or not idle(kind, limit, j, x, outside)
        if not busy:
            take(pts, p, ti, x, qi, np.int64(seen[s]))
        else:
            k = judge_reading(pts, p, checks, rows, memory, place, ti, x, qi, np.int64(seen[s]), now, ev, k)
        if depth:
            h, n = np.int64(head[p]), np.int64(used[p])
            if n == depth:  # the oldest can no longer be amended
                ot, ov, oq = np.int64(kept_t[p, h]), np.int64(kept_v[p, h]), np.int64(kept_q[p, h])
                outside = oq == OVER_RANGE or ov > high[p] or ov < low[p]
                busy = False
                for j in range(first, end):
                    busy = busy or old_live[j] != 0 or old_tier[j] != 0 or not idle(kind, limit, j, ov, outside)
                if not busy:
                    take(old_points, p, ot, ov, oq, ot)
                else:
                    absorb(recent, rows, place, p, ot, ov, oq)
                h, n = (h + 1) % depth, n - 1
                head[p], used[p] = h, n
            at = (h + n) % depth
            kept_t[p, at], kept_v[p, at], kept_q[p, at] = ti, x, qi
            used[p] = n + 1
    return point.shape[0], k, behind


@jit
def absorb(recent: Any, rows: Array, place: Array, p: Any, t: Any, v: Any, q: Any) -> None:
    """One more reading into the settled state; the episode open there is known by its raising."""
    k = judge_reading(recent.points, p, recent.checks, rows, recent.memory, place, t, v, q, t, 0, recent.room, 0)
    for i in range(k):
        e = recent.room[i]
        j, tier = np.int64(e["check"]), abs(np.int64(e["tier"]))
        if e["kind"] == RAISED:
            recent.since[j], recent.at[j], recent.worst[j] = e["since"], e["at"], e["tier"]
        elif e["kind"] == CLEARED:
            recent.since[j] = recent.at[j] = recent.worst[j] = 0
        elif tier > abs(recent.worst[j]):
            recent.worst[j] = e["tier"]


@jit
def rerun(pts: Array, checks: Array, rows: Array, memory: Array, place: Array, t: Any, v: Any, q: Any, until: Any,
          ev: Array) -> int:
    """One point (index 0) through readings in their order, then time up to `until`. Returns events written."""
    k = 0
    for i in range(t.shape[0]):
        k = judge_reading(pts, 0, checks, rows, memory, place, t[i], np.int64(v[i]), np.int64(q[i]), t[i], 0, ev, k)
    for j in range(checks.shape[0]):
        k = run_out_if_waiting(pts, 0, checks, j, until, 0, ev, k)
    return k
