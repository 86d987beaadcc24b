"""Time passes without a reading: on-delays run out by the watermark of their source, and silence is noticed.

No Django here. Event times in ms; `now` is the wall clock, which only silence asks for.
"""

from typing import Any

import numpy as np

from .compiled import Array, jit
from .tiers import (
    H_BIT,
    H_SLOT,
    NEVER,
    NO_DATA,
    PER_CHECK,
    RAISED,
    RANGE,
    SILENT,
    began,
    low32,
    requalify,
    run_out_if_waiting,
    tell,
)

SETTLE_MS = 2_000  # a silence is told when it is still there this much wall time after it was first seen


def attention(pts: Array, checks: Array, owner: Array, marks: Array, now: int) -> Array:
    """Point indexes a sweep has to look at, rising: an on-delay is running, or nothing has been heard for too long."""
    live = checks["live"]
    silent = np.flatnonzero(checks["kind"] == SILENT)
    waits = np.flatnonzero((live >> 4 & ~live & 15).astype(bool) & (checks["kind"] != SILENT))
    p = owner[silent]
    heard_t, heard_mark = pts["heard_t"][p], pts["heard_mark"][p]
    quiet = np.where(heard_t < 0, now - heard_mark, marks[pts["source"][p]] - np.maximum(heard_t, heard_mark))
    look = (heard_mark < 0) | (quiet >= checks["on"][silent]) | (live[silent] == H_BIT << 4)
    return np.unique(np.concatenate((owner[waits], p[look])))


@jit
def sweep(pts: Array, checks: Array, rows: Array, which: Array, marks: Array, now: Any, listening: Any, ev: Array,
          n0: Any) -> tuple[int, int]:
    """On-delays run out by the watermark of their source, and silence, at the points `which[n0:]`.

    Returns (next of `which`, events written).
    """
    k = 0
    for n in range(n0, which.shape[0]):
        p = np.int64(which[n])
        first, end = np.int64(rows[p]), np.int64(rows[p + 1])
        if k + PER_CHECK * (end - first) > ev.shape[0]:
            return n, k
        mark = np.int64(marks[np.int64(pts[p]["source"])])
        for j in range(first, end):
            if checks[j]["kind"] != SILENT:
                k = run_out_if_waiting(pts, p, checks, j, mark, now, ev, k)
            else:
                k = _listen(pts, p, checks, j, first, end, mark, now, listening, ev, k)
    return which.shape[0], k


@jit
def _quiet_since(pts: Array, p: Any, mark: Any, now: Any, allowed: Any) -> Any:
    """Since when nothing was heard of the point for longer than allowed, else NEVER."""
    r = pts[p]
    if r["heard_mark"] < 0:
        r["heard_mark"] = now  # never heard: the wall clock counts from the first look
    if r["heard_t"] < 0:
        return np.int64(r["heard_mark"]) if now - r["heard_mark"] >= allowed else NEVER
    return np.int64(r["heard_t"]) if mark - max(r["heard_t"], r["heard_mark"]) >= allowed else NEVER


@jit
def _listen(pts: Array, p: Any, checks: Array, j: Any, first: Any, end: Any, mark: Any, now: Any, listening: Any,
            ev: Array, k: Any) -> Any:
    """Silence of one point: seen first, told when it is still there a little later; alerts on it lose their data."""
    c = checks[j]
    allowed = np.int64(c["on"])
    since = _quiet_since(pts, p, mark, now, allowed)
    before = np.int64(c["live"])
    if since == NEVER or now - listening < allowed:
        if not before & H_BIT:
            c["live"] = 0
        return k
    if before & H_BIT:
        c["live"] = H_BIT  # silent again before the return had lasted
        return k
    if not before & (H_BIT << 4):
        c["live"], c["wait"][H_SLOT] = H_BIT << 4, low32(now)
        return k
    if now - began(np.int64(c["wait"][H_SLOT]), now) < SETTLE_MS:
        return k
    return _fall_silent(pts, p, checks, j, first, end, since, now, ev, k)


@jit
def _fall_silent(pts: Array, p: Any, checks: Array, j: Any, first: Any, end: Any, since: Any, now: Any, ev: Array,
                 k: Any) -> Any:
    c = checks[j]
    at = since + np.int64(c["on"])
    pts[p]["q"] = NO_DATA
    c["live"], c["tier"], c["quality"] = H_BIT, 1, NO_DATA
    k = tell(pts, p, checks, j, RAISED, since, at, now, ev, k)
    ev[k - 1]["has_v"] = 0
    for other in range(first, end):
        o = checks[other]
        if o["kind"] != SILENT and o["kind"] != RANGE and o["tier"] != 0 and o["quality"] != NO_DATA:
            k = requalify(pts, p, checks, other, at, now, ev, k)
    return k
