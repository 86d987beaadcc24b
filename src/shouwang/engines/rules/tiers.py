"""The state machine of one check, over dense records: tiers with reset limits and delays. No Django here.

A check is one rule on one point with up to four tiers (slots LL, L, H, HH). Each tier is a machine of its own:
it becomes active when its condition has held for the on-delay, and inactive when its opposite has held for the
off-delay. The tier of the check is the gravest active one. The same functions run compiled (numba) or as plain
Python (numba missing, or SHOUWANG_NUMBA=0) with identical results.

Times are event times in ms. An on-delay runs out by itself (the next reading or the watermark shows it); an
off-delay only runs out on a reading that still shows the value back, because missing data never clears.
"""

from typing import Any

import numpy as np

from .compiled import COMPILED, Array, inlined, jit
from .signals import APART, COUNT, FLAT, MEMORY, NOTHING, RATE, apart, signal

__all__ = ["APART", "COMPILED", "COUNT", "FLAT", "MEMORY", "RATE"]

CHECK = np.dtype([  # one cache line of 64 bytes
    ("limit", "i4", (4,)),  # LL L H HH, units of 10**-digits; a check with a signal uses H and HH for it, and
    # limit[0] sign, limit[1] where an excursion begins or the sibling's index, reset[0] span in ms, reset[1] where an
    # excursion ends or the band, wait[0] the signal
    ("reset", "i4", (4,)),
    ("wait", "i4", (4,)),  # low 32 bits of the time at which the slot's pending change began
    ("on", "i4"), ("off", "i4"),  # delays, ms (silent: `on` is how long nothing may be heard)
    ("kind", "u1"),
    ("has", "u1"),  # bits 0–3: slots in use
    ("live", "u1"),  # bits 0–3: slots active; bits 4–7: slots with a change pending
    ("quality", "u1"),  # quality last told about the open alert
    ("tier", "i1"),  # -2 … 2, as last told
    ("_spare", "u1", (3,)),
])
POINT = np.dtype([
    ("last_t", "i8"),  # event time of the last reading of any quality; -1: none yet
    ("heard_t", "i8"),  # event time of the last reading that was not "no data"; -1: none yet
    ("heard_mark", "i8"),  # the source's newest event time then; before any reading: wall clock of first being swept
    ("v", "i4"),  # last usable value
    ("low", "i4"), ("high", "i4"),  # instrument range
    ("source", "u4"),
    ("q", "u1"),  # quality of the last reading
])
EVENT = np.dtype([
    ("since", "i8"), ("at", "i8"), ("heard", "i8"), ("check", "u4"), ("v", "i4"), ("limit", "i4"),
    ("kind", "u1"), ("tier", "i1"), ("quality", "u1"), ("has_v", "u1"), ("has_limit", "u1"),
])
LIMIT, SILENT, RANGE = 0, 1, 2
RAISED, UPGRADED, DOWNGRADED, CLEARED, QUALITY, RETIRED = range(1, 7)
KINDS = ("", "raised", "upgraded", "downgraded", "cleared", "quality", "retired")
SLOT_OF = {-2: 0, -1: 1, 1: 2, 2: 3}
UNCERTAIN, OVER_RANGE, NO_DATA = 1, 3, 5  # telemetry.quality; held equal by test
OUT_OF_REACH = (-2**31, -2**31, 2**31 - 1, 2**31 - 1)
H_BIT, H_SLOT = 4, 2  # silence and range use the slot of tier 1
NEVER = 2**62
MASK = 0xFFFFFFFF
PER_CHECK = 6  # events one check can give for one reading: four delays run out, one change, one spare


@jit
def low32(t: Any) -> Any:
    w = t & MASK
    return w - 4294967296 if w >= 2147483648 else w


@jit
def began(wait: Any, ref: Any) -> Any:
    """When a pending change began: the latest moment up to `ref` with these low 32 bits."""
    return ref - ((ref - wait) & MASK)


@jit
def _slot(tier: Any) -> Any:
    return tier + 2 if tier < 0 else tier + 1


@jit
def _gravest(live: Any) -> Any:
    """The gravest active tier; of two equally grave sides the one that is not on its way out, else the high one."""
    hi = 2 if live & 8 else (1 if live & 4 else 0)
    lo = 2 if live & 1 else (1 if live & 2 else 0)
    if lo == hi and lo > 0:
        going = live >> 4
        if going & (1 << (hi + 1)) and not going & (1 << (2 - lo)):
            return -lo
    return -lo if lo > hi else hi


@jit
def _kind_of(old: Any, new: Any) -> Any:
    if old == 0:
        return RAISED
    if new == 0:
        return CLEARED
    return UPGRADED if abs(new) >= abs(old) else DOWNGRADED


@jit
def tell(pts: Array, p: Any, checks: Array, j: Any, kind: Any, since: Any, at: Any, now: Any, ev: Array,
          k: Any) -> Any:
    """Write one event of a check as it now stands."""
    c = checks[j]
    e = ev[k]
    e["check"], e["kind"], e["tier"] = j, kind, c["tier"]
    e["since"], e["at"], e["heard"], e["quality"] = since, at, now, c["quality"]
    e["v"], e["has_v"], e["limit"], e["has_limit"] = pts[p]["v"], 1, 0, 0
    return k + 1


@jit
def _limit_told(pts: Array, p: Any, checks: Array, j: Any, tier: Any, ev: Array, k: Any) -> None:
    """Put the limit of a tier (or the end of the range that was passed) into event k-1; silence has no numbers."""
    c = checks[j]
    e = ev[k - 1]
    kind = c["kind"]
    if kind in (RATE, APART):
        e["v"] = c["wait"][0]
    if kind == COUNT:
        e["limit"], e["has_limit"] = np.int64(c["limit"][0]) * np.int64(c["limit"][1]), 1
    elif kind in (LIMIT, RATE, APART):
        e["limit"], e["has_limit"] = c["limit"][_slot(tier)], 1
    elif kind == RANGE:
        if pts[p]["v"] > pts[p]["high"]:
            e["limit"], e["has_limit"] = pts[p]["high"], 1
        elif pts[p]["v"] < pts[p]["low"]:
            e["limit"], e["has_limit"] = pts[p]["low"], 1
    elif kind == SILENT and c["tier"] != 0:
        e["has_v"] = 0


@jit
def _change(pts: Array, p: Any, checks: Array, j: Any, before: Any, ref: Any, at: Any, now: Any, ev: Array,
            k: Any) -> Any:
    """Tell the change of tier, if there is one. `before` is `live` before this step, `ref` decodes its timers."""
    c = checks[j]
    old, live = np.int64(c["tier"]), np.int64(c["live"])
    new = _gravest(live)
    if new == old:
        return k
    kind = _kind_of(old, new)
    grown = abs(new) >= abs(old)
    slot = _slot(new) if grown else _slot(old)
    bit = 1 << slot
    since = at
    if (before ^ live) & bit:
        since = began(np.int64(c["wait"][slot]), ref if before & (bit << 4) else at)
    c["tier"], c["quality"] = new, pts[p]["q"]
    k = tell(pts, p, checks, j, kind, since, at, now, ev, k)
    _limit_told(pts, p, checks, j, new if new != 0 else old, ev, k)
    return k


@jit
def _first_due(c: Any, ref: Any) -> Any:
    """When the next on-delay of this check runs out; NEVER when none is running."""
    live = np.int64(c["live"])
    waiting = (live >> 4) & ~live & 15
    due = NEVER
    for s in range(4):
        if waiting & (1 << s):
            due = min(due, began(np.int64(c["wait"][s]), ref) + np.int64(c["on"]))
    return due


@jit
def _run_out(pts: Array, p: Any, checks: Array, j: Any, until: Any, now: Any, ev: Array, k: Any) -> Any:
    """Tell the on-delays that ran out by `until`, in order of time."""
    c = checks[j]
    ref = np.int64(pts[p]["last_t"])
    while True:
        due = _first_due(c, ref)
        if due > until:
            return k
        before = np.int64(c["live"])
        live = before
        for s in range(4):
            bit = 1 << s
            waits = live & (bit << 4) and not live & bit
            if waits and began(np.int64(c["wait"][s]), ref) + np.int64(c["on"]) <= due:
                live = (live | bit) & ~(bit << 4)
        c["live"] = live
        k = _change(pts, p, checks, j, before, ref, due, now, ev, k)


@jit
def _differs(c: Any, kind: Any, s: Any, active: Any, x: Any, outside: Any) -> Any:
    """Whether the reading speaks against the slot's present state: over its limit, or back beyond its reset."""
    if kind == SILENT:
        return active
    if kind == RANGE:
        return outside != active
    mark = np.int64(c["reset"][s]) if active else np.int64(c["limit"][s])
    if s >= H_SLOT:
        return x < mark if active else x >= mark
    return x > mark if active else x <= mark


@jit
def _look(c: Any, kind: Any, x: Any, outside: Any, railed: Any, t: Any) -> Any:
    """Start the delay of every slot the reading speaks against; break those it supports. Returns the new `live`.

    A value at or beyond the instrument's end (`railed`) may be far worse than it says: it raises, it never clears.
    """
    live = np.int64(c["live"])
    has = np.int64(c["has"])
    for s in range(4):
        bit = 1 << s
        if has & bit:
            active = live & bit != 0
            if (railed and active) or not _differs(c, kind, s, active, x, outside):
                live &= ~(bit << 4)
            elif not live & (bit << 4):
                live |= bit << 4
                c["wait"][s] = low32(t)
    return live


@jit
def _settle(c: Any, live: Any, before: Any, ref: Any, t: Any) -> Any:
    """Let the delays that have run out at `t` take effect. Returns the new `live`."""
    for s in range(4):
        bit = 1 << s
        if live & (bit << 4):
            start = began(np.int64(c["wait"][s]), ref if before & (bit << 4) else t)
            if t - start >= (np.int64(c["off"]) if live & bit else np.int64(c["on"])):
                live = (live ^ bit) & ~(bit << 4)
    return live


@jit
def _counts(kind: Any, q: Any) -> Any:
    """Whether a reading of this quality says anything to a check of this kind."""
    if kind == SILENT:
        return q != NO_DATA
    return q <= UNCERTAIN or (q == OVER_RANGE and kind != FLAT and kind != APART)


@jit
def _signal(pts: Array, c: Any, memory: Array, m: Any, kind: Any, t: Any, x: Any) -> Any:
    """What the tiers compare: the reading, or what a check with a memory makes of it."""
    if kind < RATE:
        return x
    found = apart(pts, c, t, x) if kind == APART else signal(c, memory[m], kind, t, x)
    if found != NOTHING:
        c["wait"][0] = found
    return found


@jit
def _judge_one(pts: Array, p: Any, checks: Array, j: Any, memory: Array, m: Any, ref: Any, now: Any, ev: Array,
               k: Any) -> Any:
    """One check sees the reading that was just put into its point. `ref` is the point's time before it."""
    c, r = checks[j], pts[p]
    q, t, x = np.int64(r["q"]), np.int64(r["last_t"]), np.int64(r["v"])
    outside = q == OVER_RANGE or (q <= UNCERTAIN and (x > r["high"] or x < r["low"]))
    kind = np.int64(c["kind"])
    valued = kind == LIMIT or kind >= RATE
    told = k
    seen = _signal(pts, c, memory, m, kind, t, x) if _counts(kind, q) else NOTHING
    if seen != NOTHING:
        before = np.int64(c["live"])
        c["live"] = _settle(c, _look(c, kind, seen, outside, valued and q == OVER_RANGE, t), before, ref, t)
        told = _change(pts, p, checks, j, before, ref, t, now, ev, k)
    if told == k and valued and c["tier"] != 0 and c["quality"] != q:
        told = requalify(pts, p, checks, j, t, now, ev, k)
    return told


@jit
def requalify(pts: Array, p: Any, checks: Array, j: Any, at: Any, now: Any, ev: Array, k: Any) -> Any:
    """Tell that an open limit alert now rests on data of another quality."""
    checks[j]["quality"] = pts[p]["q"]
    k = tell(pts, p, checks, j, QUALITY, at, at, now, ev, k)
    _limit_told(pts, p, checks, j, np.int64(checks[j]["tier"]), ev, k)
    return k


@inlined
def idle(kind: Any, limit: Any, j: Any, x: Any, outside: Any) -> Any:
    """A check with nothing open and nothing pending sees nothing crossed. Unused slots hold unreachable limits."""
    if kind[j] == LIMIT:
        return limit[j, 0] < x and limit[j, 1] < x and x < limit[j, 2] and x < limit[j, 3]
    return kind[j] == SILENT or (kind[j] == RANGE and not outside)


@jit
def take(pts: Array, p: Any, t: Any, v: Any, q: Any, mark: Any) -> None:
    """Put a reading into its point: a value only when it is one."""
    r = pts[p]
    r["last_t"], r["q"] = t, q
    if q != NO_DATA:
        r["heard_t"], r["heard_mark"] = t, mark
    if q <= UNCERTAIN or q == OVER_RANGE:
        r["v"] = v


@jit
def run_out_if_waiting(pts: Array, p: Any, checks: Array, j: Any, until: Any, now: Any, ev: Array, k: Any) -> Any:
    c = checks[j]
    live = np.int64(c["live"])
    if (live >> 4) & ~live & 15 and c["kind"] != SILENT:
        return _run_out(pts, p, checks, j, until, now, ev, k)
    return k


@jit
def judge_reading(pts: Array, p: Any, checks: Array, rows: Array, memory: Array, place: Array, t: Any, v: Any, q: Any,
                  mark: Any, now: Any, ev: Array, k: Any) -> Any:
    """Every check of a point sees a reading newer than the one before. `mark`: the newest event time of its source."""
    first, end = np.int64(rows[p]), np.int64(rows[p + 1])
    ref = np.int64(pts[p]["last_t"])
    live, tier = checks["live"], checks["tier"]
    for j in range(first, end):
        if live[j] >> 4:
            k = run_out_if_waiting(pts, p, checks, j, t, now, ev, k)
    take(pts, p, t, v, q, mark)
    outside = q == OVER_RANGE or v > pts["high"][p] or v < pts["low"][p]
    for j in range(first, end):
        if live[j] != 0 or tier[j] != 0 or not idle(checks["kind"], checks["limit"], j, v, outside):
            k = _judge_one(pts, p, checks, j, memory, place[j], ref, now, ev, k)
    return k
